/*
 * A plain request: to the origin, and its answer back.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/proto/http.h"
#include "core/runtime/loop.h"

#include <stdlib.h>
#include <strings.h>

void gost__http_drop_upstream(struct gost__http *x)
{
    gost_stream_close(x->upstream);
    x->upstream = x->up.s = NULL;
    x->up.from = x->up.len = 0; /* its buffer serves the next one */
    free(x->upstream_user);
    x->upstream_user = NULL;
}

/* --- reaching the origin ------------------------------------------------------------------ */

static bool same_user(const struct gost__http *x)
{
    const char *now = x->c->user, *then = x->upstream_user;
    return now && then ? strcmp(now, then) == 0 : now == then;
}

/* Can the upstream connection of an earlier request serve this one? */
static bool fits(struct gost__http *x, const struct gost_addr *addr)
{
    return x->upstream && x->upstream_addr.port == addr->port &&
           strcasecmp(x->upstream_addr.host, addr->host) == 0 && same_user(x) &&
           gost_is_want(gost__http_fill_now(&x->up)); /* else it has ended */
}

static int dial(struct gost__http *x, const struct gost_request *request)
{
    gost__http_drop_upstream(x);
    int rc = gost_conn_dial(x->c, request, &x->upstream);
    if (rc != 0)
        return rc;
    x->up.s = x->upstream;
    x->upstream_addr = request->addr;
    x->upstream_user = x->c->user ? strdup(x->c->user) : NULL;
    return x->c->user && !x->upstream_user ? gost_fail_code(GOST_ENOMEM) : 0;
}

/* A client that does not know it speaks to a proxy names us as its host: we would talk to
 * ourselves. */
static bool is_self(struct gost__http *x)
{
    union gost_sockaddr ours, theirs;
    return gost_stream_query(x->client.s, GOST_QUERY_LOCAL_ADDR, &ours) == 0 &&
           gost_stream_query(x->upstream, GOST_QUERY_PEER_ADDR, &theirs) == 0 &&
           ours.sa.sa_family != AF_UNIX && gost_sockaddr_equal(&ours, &theirs);
}

static int reach(struct gost__http *x, const struct gost_request *request, bool relative)
{
    const struct gost_conn_ops *ops = x->c->ops;
    if (x->reverse)
        return gost__http_reverse_reach(x);
    x->reused = false;
    if (fits(x, &request->addr)) {
        int allowed = ops->allow ? ops->allow(x->c, request) : 0;
        x->reused = allowed == 0;
        if (allowed == 0 || allowed == GOST_EDENIED)
            return allowed;
    }
    int rc = dial(x, request);
    if (rc == 0 && relative && is_self(x)) {
        gost__http_drop_upstream(x);
        rc = gost_fail(GOST_EDENIED, "the request is for this proxy itself");
    }
    return rc;
}

/* --- one exchange ------------------------------------------------------------------------- */

/* Read the final answer's head. */
static ssize_t read_answer(struct gost__http *x)
{
    uint64_t deadline = gost__http_read_deadline(x);
    for (;;) {
        ssize_t n = gost__http_head(&x->up, gost_http1_response_decode, &x->head, deadline);
        x->answered |= n > 0 || x->up.len > 0;
        if (n == 0)
            return gost_fail(GOST_EOF, "the origin closed without an answer");
        if (n < 0 || x->head.status >= 200)
            return n;
        if (x->head.status == 101)
            return x->upgrade ? n
                              : gost_fail(GOST_EPROTO, "the origin changed the protocol unasked");
        int rc = gost__http_interim(x, (size_t)n);
        if (rc != 0)
            return rc;
    }
}

/* Send what is in x->out and the rest of the body, and read the answer's head. */
static ssize_t converse(struct gost__http *x, struct gost__http_body *body)
{
    int rc = gost__http_push(x, x->out.data, x->out.len);
    bool begun = !x->aborted;
    if (rc == 0 && !body->done)
        rc = gost__http_upload(x, body);
    x->rest = begun && x->aborted && rc == 0 ? body : NULL;
    if (x->broke_off || rc == GOST_ETIMEDOUT || rc == GOST_ECANCELED)
        return rc;
    return read_answer(x); /* an origin may refuse and close before it read all */
}

static int refuse_answer(struct gost__http *x, int rc)
{
    gost__http_drop_upstream(x);
    if (x->broke_off && rc != GOST_EPROTO && rc != GOST_ELIMIT) {
        x->again = false;
        return rc;
    }
    int status = x->broke_off ? 400 : rc == GOST_ETIMEDOUT ? 504 : 502;
    return gost__http_refuse(x, status, NULL, rc);
}

static int exchange(struct gost__http *x, const struct gost_request *request, bool relative,
                    struct gost__http_body *body)
{
    bool may_repeat = x->idempotent && body->framing == GOST_HTTP1_NO_BODY;
    for (;;) {
        int rc = reach(x, request, relative);
        if (rc != 0)
            return gost__http_refuse(x, gost__http_dial_status(rc), NULL, rc);
        ssize_t n = converse(x, body);
        if (n > 0)
            return gost__http_answer(x, (size_t)n);
        /* A kept connection may have been closed just as we used it (RFC 9112 section 9.3.1). */
        if (!x->reused || !may_repeat || x->answered || n == GOST_ETIMEDOUT || n == GOST_ECANCELED)
            return refuse_answer(x, (int)n);
        gost__http_drop_upstream(x);
    }
}

/* --- the request -------------------------------------------------------------------------- */

static bool method_in(const struct gost_http1 *h, const char *const *names)
{
    for (; *names; names++)
        if (gost_slice_is(h->method, *names))
            return true;
    return false;
}

static void remember(struct gost__http *x, const struct gost__http_where *w)
{
    static const char *const idempotent[] = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", NULL};
    const struct gost_http1 *h = &x->head;
    x->minor = h->minor;
    x->is_head = gost_slice_is(h->method, "HEAD");
    x->idempotent = method_in(h, idempotent);
    x->upgrade = h->minor > 0 && gost_http1_has_token(h, "Connection", "upgrade") &&
                 gost_http1_find(h, "Upgrade", 0) >= 0 &&
                 /* HTTP/2 in clear would carry requests past the checks that each gets here */
                 !gost_http1_has_token(h, "Upgrade", "h2c");
    x->again = gost_http1_keepalive(h) && (!x->reverse || x->set->keepalive);
    x->answered = x->aborted = x->broke_off = false;
    x->rest = NULL;
    x->unsent = 0;
    size_t n = w->path.n < sizeof(x->path) ? w->path.n : sizeof(x->path) - 1;
    memcpy(x->path, w->path.p, n);
    x->path[n] = 0;
}

/* Put the request into x->out, with as much of its body as has come. */
static int prepare(struct gost__http *x, const struct gost__http_where *w,
                   struct gost__http_body *body)
{
    size_t n;
    gost_buf_consume(&x->out, x->out.len);
    int rc = gost__http_put_request(x, w);
    if (rc != 0)
        return rc;
    gost__http_body_begin(body, gost_http1_request_body(&x->head));
    gost__http_take(&x->client, x->head_len);
    if (body->done || x->client.len == 0)
        return 0;
    ssize_t used = gost__http_body_take(body, gost__http_bytes(&x->client), x->client.len, &n);
    if (used < 0)
        return (int)used;
    rc = gost_buf_append(&x->out, gost__http_bytes(&x->client), n);
    gost__http_take(&x->client, (size_t)used);
    x->c->ops->count(x->c, (uint64_t)used, 0);
    return rc;
}

int gost__http_forward(struct gost__http *x, const struct gost__http_where *w)
{
    struct gost__http_body body;
    struct gost_request request = {.network = GOST_TCP,
                                   .addr = w->addr,
                                   .protocol = "http",
                                   .path = x->path,
                                   .hash_host = x->set->hash == 1};
    bool relative = w->relative;
    if (x->head.coded && !x->head.chunked) /* RFC 9112 section 6.3: nobody can tell where it ends */
        return gost__http_refuse(x, 400, NULL,
                                 gost_fail(GOST_EPROTO, "a transfer coding without an end"));
    if (relative && !x->reverse && gost__http_is_loop(&x->head))
        return gost__http_refuse(x, 508, NULL,
                                 gost_fail(GOST_EDENIED, "the request runs in a circle"));
    remember(x, w);
    int rc = prepare(x, w, &body);
    if (rc != 0)
        return gost__http_refuse(x, gost__http_status(rc), NULL, rc);
    return exchange(x, &request, relative, &body);
}
