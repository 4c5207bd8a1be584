/*
 * The request's body on its way up. The answer may come before the body is complete: "100
 * Continue", or a refusal from an origin that will not read the rest. So both sides are watched.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/net/io.h"
#include "core/proto/http.h"
#include "core/runtime/loop.h"

enum {
    CLIENT_SILENCE_MS = 120 * 1000
}; /* in the middle of a body, where idleTimeout says nothing */

int gost__http_wait(struct gost__http *x, bool client, bool up, bool up_room, uint64_t deadline)
{
    struct gost_waker *w = &gost_fiber_self()->waker;
    if (client)
        gost_stream_set_waker(x->client.s, GOST_READER, w);
    if (up)
        gost_stream_set_waker(x->upstream, GOST_READER, w);
    if (up_room)
        gost_stream_set_waker(x->upstream, GOST_WRITER, w);
    int rc = gost_fiber_wait(deadline);
    gost_stream_set_waker(x->client.s, GOST_READER, NULL);
    gost_stream_set_waker(x->upstream, GOST_READER, NULL);
    gost_stream_set_waker(x->upstream, GOST_WRITER, NULL);
    return rc;
}

static uint64_t silence_deadline(const struct gost__http *x)
{
    return gost_deadline_in(x->set->idle_timeout > 0 ? x->set->idle_timeout : CLIENT_SILENCE_MS);
}

int gost__http_interim(struct gost__http *x, size_t head_len)
{
    struct gost__http_body none = {.done = true};
    gost_buf_consume(&x->out, x->out.len);
    int rc = x->minor > 0 ? gost__http_put_answer(x, &none, false) : 0;
    gost__http_take(&x->up, head_len);
    return rc == 0 && x->out.len > 0 ? gost__http_send_out(x) : rc;
}

/* Look whether the origin answers. @return 0: go on; or a negative code. Sets x->aborted. */
static int look_up(struct gost__http *x)
{
    ssize_t n = gost__http_fill_now(&x->up);
    if (gost_is_want(n))
        return 0;
    if (n <= 0)
        return n == 0 ? gost_fail(GOST_EOF, "the origin closed during the request") : (int)n;
    x->answered = true;
    for (;;) {
        ssize_t head = gost_http1_response_decode(&x->head, gost__http_bytes(&x->up), x->up.len);
        if (head <= 0)
            return (int)head;
        if (x->head.status >= 200 || x->head.status == 101) {
            x->aborted = true;
            return 0;
        }
        int rc = gost__http_interim(x, (size_t)head);
        if (rc != 0 || x->up.len == 0)
            return rc;
    }
}

int gost__http_push(struct gost__http *x, const uint8_t *p, size_t n)
{
    while (!x->aborted) {
        ssize_t put = n > 0 ? gost_stream_write(x->upstream, p, n) : gost_stream_flush(x->upstream);
        if (put >= 0) {
            if (n == 0)
                break;
            p += put;
            n -= (size_t)put;
            continue;
        }
        int rc = gost_is_want(put) ? look_up(x) : (int)put;
        if (rc == 0 && !x->aborted)
            rc = gost__http_wait(x, false, true, true, silence_deadline(x));
        if (rc != 0)
            return rc;
    }
    x->unsent = n;
    return 0;
}

/* Get more of the body from the client, as long as the origin does not answer. */
static int pull(struct gost__http *x)
{
    while (!x->aborted && x->client.len == 0) {
        ssize_t n = gost__http_fill_now(&x->client);
        if (n > 0)
            return 0;
        x->broke_off = !gost_is_want(n);
        if (x->broke_off)
            return n == 0 ? gost_fail(GOST_EOF, "the client closed inside its request") : (int)n;
        int rc = look_up(x);
        if (rc == 0 && !x->aborted)
            rc = gost__http_wait(x, true, true, false, silence_deadline(x));
        if (rc != 0)
            return rc;
    }
    return 0;
}

int gost__http_upload(struct gost__http *x, struct gost__http_body *body)
{
    int rc = 0;
    if (!body->done)
        gost__http_widen(&x->client);
    while (rc == 0 && !body->done && !x->aborted) {
        rc = pull(x);
        if (rc != 0 || x->aborted)
            break;
        size_t n;
        uint8_t *p = gost__http_bytes(&x->client);
        ssize_t used = gost__http_body_take(body, p, x->client.len, &n);
        x->broke_off = used < 0;
        if (used < 0)
            return (int)used;
        rc = gost_conn_pace(x->c, n, 0);
        if (rc == 0)
            rc = gost__http_push(x, p, n);
        gost__http_take(&x->client, (size_t)used - x->unsent);
        x->c->ops->count(x->c, (uint64_t)used, 0);
    }
    return rc;
}
