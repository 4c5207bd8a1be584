/*
 * HTTP of a forwarding service whose nodes have wishes: each request is looked at, sent to its node
 * as that wants it, and answered as that wants it.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/net/linger.h"
#include "core/proto/forward_look.h"
#include "core/proto/http.h"
#include "core/runtime/loop.h"

#include <stdlib.h>
#include <strings.h>

enum { CLIENT_IDLE_MS = 120 * 1000 /* between requests, where idleTimeout says nothing */ };

/* What is known of one request. */
struct exchange {
    struct gost_request request;
    struct gost__http_where where;
    char *path; /* decoded */
    struct gost_buf rewritten;
    char method[GOST_HTTP1_METHOD_MAX + 1];
};

static unsigned traits(struct gost__http *x)
{
    return x->c->ops->forward_traits(x->c);
}

/* --- the node --------------------------------------------------------------------------------- */

/* Can the connection of the request before serve this one? */
static bool keeps_node(struct gost__http *x)
{
    return x->upstream && !(traits(x) & GOST_FORWARD_RULES) && x->host &&
           strcasecmp(x->host, x->request->addr.host) == 0 &&
           gost_is_want(gost__http_fill_now(&x->up)); /* else it has ended */
}

static int dial_node(struct gost__http *x)
{
    gost__http_drop_upstream(x);
    free(x->host);
    x->host = strdup(x->request->addr.host);
    x->treatment = NULL;
    if (!x->host)
        return gost_fail_code(GOST_ENOMEM);
    int rc = x->c->ops->forward(x->c, x->request, &x->upstream);
    x->up.s = x->upstream;
    x->fresh = rc == 0;
    x->treatment = rc == 0 ? x->c->treatment : NULL;
    return rc;
}

int gost__http_reverse_reach(struct gost__http *x)
{
    const struct gost_treatment *before = x->treatment;
    x->reused = !x->fresh && x->upstream;
    if (x->fresh || x->upstream) {
        x->fresh = false;
        return 0;
    }
    int rc = dial_node(x);
    x->fresh = false;
    if (rc == 0 && x->treatment != before) /* the request was made for another node */
        rc = gost_fail(GOST_ENONODE, "the node has changed");
    return rc;
}

void gost__http_reverse_judge(struct gost__http *x)
{
    const struct gost_treatment *t = x->treatment;
    if (!t || !t->judges)
        return;
    bool failed = gost_treatment_is_failure(t, x->head.status);
    x->c->ops->forward_judge(x->c, !failed);
    if (failed) { /* the next request shall have another node */
        free(x->host);
        x->host = NULL;
    }
}

/* --- one request ------------------------------------------------------------------------------ */

/* As the plain forwarding has it. */
static int status_of(int rc)
{
    return rc == GOST_ENONODE ? 502 : rc == GOST_ETIMEDOUT ? 504 : gost__http_dial_status(rc);
}

static int rewrite_path(struct gost__http *x, struct exchange *e)
{
    struct gost_slice path = e->where.path, query = {NULL, 0};
    const char *mark = path.n > 0 ? memchr(path.p, '?', path.n) : NULL;
    if (!x->treatment || x->treatment->patterns == 0 || !e->path)
        return 0;
    if (mark)
        query = (struct gost_slice){mark, path.n - (size_t)(mark - path.p)};
    int rc = gost_treatment_path(x->treatment, e->path, query, &e->rewritten);
    if (rc == 1)
        e->where.path = (struct gost_slice){(const char *)e->rewritten.data, e->rewritten.len};
    return rc < 0 ? rc : 0;
}

/* Fill in what is known. @return 0 or GOST_EPROTO */
static int look(struct gost__http *x, struct exchange *e)
{
    struct gost_slice path;
    struct gost_http1 *h = &x->head;
    e->request = (struct gost_request){
        .network = GOST_TCP, .protocol = "http", .head = h, .introduce = x->introduce};
    if (gost_slice_is(h->method, "CONNECT"))
        return gost_fail(GOST_EPROTO, "CONNECT to a node that treats HTTP");
    int rc = gost__forward_host(h, &e->request.addr, &path);
    if (rc != 0)
        return rc;
    e->where.relative = h->target.p[0] == '/' || h->target.p[0] == '*';
    e->where.addr = e->request.addr;
    e->where.path = path.n > 0 ? path : gost_slice("/");
    e->path = gost__forward_path(e->where.path);
    e->request.path = e->path;
    if (gost_slice_copy(h->method, e->method, sizeof(e->method)))
        e->request.method = e->method;
    return e->path ? 0 : gost_fail_code(GOST_ENOMEM);
}

static int serve_request(struct gost__http *x, struct exchange *e)
{
    int rc = look(x, e);
    if (rc != 0)
        return gost__http_refuse(x, 400, NULL, rc);
    x->request = &e->request;
    x->fresh = false;
    rc = keeps_node(x) ? 0 : dial_node(x);
    if (rc != 0)
        return gost__http_refuse(x, status_of(rc), NULL, rc);
    rc = x->treatment ? gost_treatment_auth(x->treatment, &x->head) : 0;
    if (rc != 0)
        return gost__http_refuse(x, 401, "WWW-Authenticate: Basic realm=\"gost\"\r\n", rc);
    rc = rewrite_path(x, e);
    if (rc != 0)
        return gost__http_refuse(x, status_of(rc), NULL, rc);
    return gost__http_forward(x, &e->where);
}

/* --- the connection --------------------------------------------------------------------------- */

static int serve_one(struct gost__http *x)
{
    struct exchange *e = calloc(1, sizeof(*e)); /* too big for a fiber's stack */
    if (!e)
        return gost_fail_code(GOST_ENOMEM);
    gost_buf_create(&e->rewritten, GOST_HTTP1_MAX);
    int rc = serve_request(x, e);
    x->request = NULL;
    gost_buf_destroy(&e->rewritten);
    free(e->path);
    free(e);
    return rc;
}

static int refuse_head(struct gost__http *x, int rc)
{
    x->again = false;
    if (rc != GOST_EPROTO && rc != GOST_ELIMIT && rc != GOST_ENOTSUP)
        return rc;
    return gost__http_refuse(x, rc == GOST_ELIMIT ? 431 : 400, NULL, rc);
}

static int wait_next(struct gost__http *x)
{
    int64_t idle = x->set->idle_timeout > 0 ? x->set->idle_timeout : CLIENT_IDLE_MS;
    if (x->client.len > 0)
        return 1;
    ssize_t n = gost__http_fill(&x->client, gost_deadline_in(idle));
    if (n == GOST_ETIMEDOUT || n == -ECONNRESET) /* an unused connection ends like this */
        return 0;
    return n > 0 ? 1 : (int)n;
}

static int serve_all(struct gost__http *x)
{
    for (int rc = 1; rc > 0;) {
        ssize_t n = gost__http_head(&x->client, gost_http1_request_decode, &x->head,
                                    gost__http_read_deadline(x));
        if (n <= 0)
            return n == 0 ? 0 : refuse_head(x, (int)n);
        x->head_len = (size_t)n;
        x->c->ops->count(x->c, x->head_len, 0);
        rc = serve_one(x);
        if (rc != 0 || !x->again)
            return rc;
        rc = wait_next(x);
        if (rc <= 0)
            return rc;
    }
    return 0;
}

int gost__http_reverse(struct gost_conn *c, const struct gost__http_settings *set, int introduce)
{
    struct gost__http *x = calloc(1, sizeof(*x));
    if (!x)
        return gost_fail_code(GOST_ENOMEM);
    x->c = c;
    x->set = set;
    x->reverse = true;
    x->introduce = introduce;
    x->client.s = c->client;
    gost_buf_create(&x->out, 4 * GOST__HTTP_READ_MAX);
    int rc = serve_all(x);
    if (c->client && rc == 0)
        gost_stream_linger(&c->client);
    gost__http_drop_upstream(x);
    gost__http_reader_clear(&x->client);
    gost__http_reader_clear(&x->up);
    gost_buf_destroy(&x->out);
    free(x->host);
    free(x);
    return rc;
}
