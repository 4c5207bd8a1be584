/*
 * The answer on its way down, and what becomes of both connections after it.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/net/io.h"
#include "core/proto/http.h"
#include "core/runtime/loop.h"

enum { UPSTREAM_IDLE_MS = 30 * 1000 };

static uint64_t idle_deadline(const struct gost__http *x)
{
    return x->set->idle_timeout > 0 ? gost_deadline_in(x->set->idle_timeout) : GOST_NEVER;
}

static int send_bytes(struct gost__http *x, const void *p, size_t n)
{
    int rc = gost_conn_pace(x->c, 0, n);
    if (rc == 0 && n > 0)
        rc = gost_io_write(x->client.s, p, n, idle_deadline(x));
    if (rc == 0)
        x->c->ops->count(x->c, 0, n);
    return rc;
}

int gost__http_send_out(struct gost__http *x)
{
    int rc = send_bytes(x, x->out.data, x->out.len);
    gost_buf_consume(&x->out, x->out.len);
    return rc;
}

/* The head is in x->out: send it with as much of the body as has come with it. */
static int send_head(struct gost__http *x, struct gost__http_body *body)
{
    size_t n;
    uint8_t *p = gost__http_bytes(&x->up);
    ssize_t used = x->up.len > 0 && !body->done ? gost__http_body_take(body, p, x->up.len, &n) : 0;
    if (used < 0)
        return (int)used;
    int rc = used > 0 ? gost_buf_append(&x->out, p, n) : 0;
    gost__http_take(&x->up, (size_t)used);
    return rc != 0 ? rc : gost__http_send_out(x);
}

static int send_body(struct gost__http *x, struct gost__http_body *body)
{
    if (!body->done)
        gost__http_widen(&x->up);
    while (!body->done) {
        ssize_t got = x->up.len > 0 ? 1 : gost__http_fill(&x->up, idle_deadline(x));
        if (got < 0)
            return (int)got;
        if (got == 0 && body->framing == GOST_HTTP1_UNTIL_CLOSE)
            return 0;
        if (got == 0)
            return gost_fail(GOST_EOF, "the origin closed inside its answer");
        size_t n;
        uint8_t *p = gost__http_bytes(&x->up);
        ssize_t used = gost__http_body_take(body, p, x->up.len, &n);
        int rc = used < 0 ? (int)used : send_bytes(x, p, n);
        if (rc != 0)
            return rc;
        gost__http_take(&x->up, (size_t)used);
    }
    return 0;
}

/* The peers have agreed on another protocol: from here on we only carry bytes. */
static int change_protocol(struct gost__http *x)
{
    int rc = gost__http_send_out(x);
    if (rc == 0)
        rc = gost__http_give_back(&x->client);
    if (rc == 0)
        rc = gost__http_give_back(&x->up);
    x->again = false;
    return rc == 0 ? gost_conn_relay(x->c, &x->upstream) : rc;
}

/* May the upstream connection serve one more request? */
static bool keeps_upstream(const struct gost__http *x, const struct gost__http_body *body)
{
    return x->set->keepalive && !x->aborted && body->framing != GOST_HTTP1_UNTIL_CLOSE &&
           gost_http1_keepalive(&x->head);
}

int gost__http_answer(struct gost__http *x, size_t head_len)
{
    struct gost__http_body body;
    struct gost_slice method = gost_slice(x->is_head ? "HEAD" : "GET");
    gost__http_body_begin(&body, gost_http1_response_body(&x->head, method));
    body.strip = body.framing == GOST_HTTP1_CHUNKED && x->minor == 0;
    bool keep = keeps_upstream(x, &body), changes = x->head.status == 101;
    x->again = x->again && !x->aborted && !body.strip && body.framing != GOST_HTTP1_UNTIL_CLOSE;
    if (x->reverse)
        gost__http_reverse_judge(x);
    gost_buf_consume(&x->out, x->out.len);
    int rc = gost__http_put_answer(x, &body, !x->again);
    gost__http_take(&x->up, head_len);
    if (rc == 0 && changes)
        return change_protocol(x);
    if (rc == 0)
        rc = send_head(x, &body);
    /* An origin that refuses does not want the rest; any other may be waiting for it. */
    if (rc == 0)
        rc = x->rest && x->head.status < 400 ? gost__http_both(x, &body) : send_body(x, &body);
    if (rc != 0 || !keep || x->up.len > 0) /* what comes behind an answer belongs to nobody */
        gost__http_drop_upstream(x);
    x->upstream_until = gost_now() + UPSTREAM_IDLE_MS;
    if (rc != 0 && body.framing == GOST_HTTP1_UNTIL_CLOSE) {
        gost_stream_reset(x->c->client); /* an orderly end would make a cut answer look whole */
        x->c->client = x->client.s = NULL;
    }
    x->again = x->again && rc == 0;
    return rc;
}
