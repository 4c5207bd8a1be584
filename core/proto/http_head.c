/*
 * Rewriting heads on their way through: RFC 9110 section 7.6.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/proto/http.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/random.h>

/* --- our mark ----------------------------------------------------------------------------- */

static char mark[32];

static void make_mark(void)
{
    uint64_t random = 0;
    if (getrandom(&random, sizeof(random), 0) != sizeof(random))
        random = (uintptr_t)&random;
    snprintf(mark, sizeof(mark), "1.1 gost-%016llx", (unsigned long long)random);
}

/* The value of Via that requests get which a plain client could send back to us by accident. */
static const char *own_mark(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_mark);
    return mark;
}

bool gost__http_is_loop(const struct gost_http1 *head)
{
    return gost_http1_has_token(head, "Via", own_mark());
}

/* --- fields ------------------------------------------------------------------------------- */

static bool put(struct gost_buf *b, struct gost_slice s)
{
    return gost_buf_append(b, s.p, s.n) == 0;
}

static bool put_text(struct gost_buf *b, const char *text)
{
    return put(b, gost_slice(text));
}

static bool put_field(struct gost_buf *b, struct gost_slice name, struct gost_slice value)
{
    return put(b, name) && put_text(b, ": ") && put(b, value) && put_text(b, "\r\n");
}

static bool one_of(struct gost_slice name, const char *const *names)
{
    for (; *names; names++)
        if (gost_slice_is_nocase(name, *names))
            return true;
    return false;
}

/* Does Connection name fields, beside its usual words? Then each field has to be looked up there.
 */
static bool lists_fields(const struct gost_http1 *h)
{
    static const char *const usual[] = {"close", "keep-alive", "upgrade", NULL};
    for (int i = gost_http1_find(h, "Connection", 0); i >= 0;
         i = gost_http1_find(h, "Connection", (size_t)i + 1)) {
        struct gost_slice list = gost_http1_value(h, (size_t)i), token;
        while (gost_http1_next_token(&list, &token))
            if (!one_of(token, usual))
                return true;
    }
    return false;
}

/* Is the field for this hop alone, as the sender says? Never that which frames the message. */
static bool is_listed(const struct gost_http1 *h, struct gost_slice name)
{
    static const char *const framing[] = {"Host", "Content-Length", "Transfer-Encoding", NULL};
    char text[64];
    return gost_slice_copy(name, text, sizeof(text)) && !one_of(name, framing) &&
           gost_http1_has_token(h, "Connection", text);
}

static bool has_prefix(struct gost_slice s, const char *prefix)
{
    size_t n = strlen(prefix);
    return s.n >= n && strncasecmp(s.p, prefix, n) == 0;
}

/* Fields of every message that concern one hop only, or GOST alone. Most names are ruled out by
 * their first letter. */
static bool is_hop_field(struct gost_slice name)
{
    static const char *const names[] = {
        "Connection",  "Keep-Alive",     "Upgrade",         "Gost-Target", "X-Gost-Target",
        "Gost-Record", "HTTP2-Settings", "X-Gost-Protocol", "TE",          NULL};
    return (strchr("CKUGXHTckugxht", name.p[0]) && one_of(name, names)) ||
           has_prefix(name, "Proxy-");
}

/* Copy the fields that go on. `drop` names more to leave out, as do those that `set` replaces. */
static bool put_fields(struct gost_buf *b, const struct gost_http1 *h, const char *const *drop,
                       const struct gost_strings *set)
{
    bool lists = lists_fields(h);
    for (size_t i = 0; i < h->count; i++) {
        struct gost_slice name = gost_http1_name(h, i);
        if (is_hop_field(name) || one_of(name, drop) || (lists && is_listed(h, name)) ||
            (set && gost_treatment_header(set, name)))
            continue;
        if (!put_field(b, name, gost_http1_value(h, i)))
            return false;
    }
    return true;
}

/* What a node's treatment sets. `empty`: fields without a value, too, instead of leaving them out. */
static bool put_set(struct gost_buf *b, const struct gost_strings *set, bool empty)
{
    for (size_t i = 0; set && i + 1 < set->count; i += 2) {
        bool is_host = strcasecmp(set->item[i], "Host") == 0;
        if (!is_host && (empty || *set->item[i + 1]) &&
            !put_field(b, gost_slice(set->item[i]), gost_slice(set->item[i + 1])))
            return false;
    }
    return true;
}

/* "Connection: Upgrade", and what to change to. */
static bool put_upgrade(struct gost_buf *b, const struct gost_http1 *h)
{
    struct gost_slice value = gost_http1_get(h, "Upgrade");
    return put_text(b, "Connection: Upgrade\r\n") &&
           (!value.p || put_field(b, gost_slice("Upgrade"), value));
}

/* --- whole heads -------------------------------------------------------------------------- */

static bool put_host(struct gost_buf *b, const struct gost_addr *addr)
{
    char text[GOST_HOSTPORT_MAX];
    gost_addr_format(addr, text);
    struct gost_slice host = gost_slice(text);
    if (addr->port == 80) /* the default port stays unsaid */
        host.n -= 3;
    return put_field(b, gost_slice("Host"), host);
}

/* The host that a node is to see: its own wish, else what the client said. */
static bool put_node_host(struct gost__http *x, const struct gost__http_where *w)
{
    const struct gost_treatment *t = x->treatment;
    const char *wish = t ? t->s->host : NULL;
    struct gost_slice said = gost_http1_get(&x->head, "Host");
    if (t && !(wish && *wish))
        wish = gost_treatment_header(&t->s->request_header, gost_slice("Host"));
    if (wish && *wish)
        said = gost_slice(wish);
    else if (!w->relative)
        return put_host(&x->out, &w->addr);
    else if (!said.p)
        said = gost_slice(x->c->target ? x->c->target : "");
    return put_field(&x->out, gost_slice("Host"), said);
}

static bool put_request_line(struct gost_buf *b, const struct gost_http1 *h, struct gost_slice path)
{
    bool rooted = path.n > 0 && (path.p[0] == '/' || gost_slice_is(path, "*"));
    return put(b, h->method) && put_text(b, rooted ? " " : " /") && put(b, path) &&
           put_text(b, " HTTP/1.1\r\n");
}

int gost__http_put_request(struct gost__http *x, const struct gost__http_where *w)
{
    static const char *const host[] = {"Host", NULL};
    struct gost_buf *b = &x->out;
    const struct gost_strings *set = x->treatment ? &x->treatment->s->request_header : NULL;
    bool ok = put_request_line(b, &x->head, w->path) &&
              (x->reverse ? put_node_host(x, w) : put_host(b, &w->addr)) &&
              put_fields(b, &x->head, host, set) && put_set(b, set, false);
    if (w->relative && !x->reverse)
        ok = ok && put_field(b, gost_slice("Via"), gost_slice(own_mark()));
    if (x->upgrade)
        ok = ok && put_upgrade(b, &x->head);
    else if (!x->set->keepalive)
        ok = ok && put_text(b, "Connection: close\r\n");
    return ok && put_text(b, "\r\n") ? 0 : gost_fail(GOST_ELIMIT, "HTTP head too long");
}

int gost__http_put_answer(struct gost__http *x, const struct gost__http_body *body, bool close)
{
    static const char *const none[] = {NULL};
    static const char *const coding[] = {"Transfer-Encoding", "Trailer", NULL};
    struct gost_buf *b = &x->out;
    const struct gost_http1 *h = &x->head;
    const struct gost_strings *set =
        x->treatment && h->status >= 200 ? &x->treatment->s->response_header : NULL;
    char line[32];
    snprintf(line, sizeof(line), "HTTP/1.%d %d ", x->minor > 0 ? 1 : 0, h->status);
    bool ok = put_text(b, line) && put(b, h->reason) && put_text(b, "\r\n") &&
              put_fields(b, h, body->strip ? coding : none, set) && put_set(b, set, true);
    if (h->status == 101)
        ok = ok && put_upgrade(b, h);
    else if (h->status >= 200 && close)
        ok = ok && put_text(b, "Connection: close\r\n");
    else if (h->status >= 200 && x->minor == 0)
        ok = ok && put_text(b, "Connection: keep-alive\r\n");
    return ok && put_text(b, "\r\n") ? 0 : gost_fail(GOST_ELIMIT, "HTTP head too long");
}
