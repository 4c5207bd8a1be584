#include "core/net/resolve_query.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/runtime/fiber.h"
#include "core/runtime/loop.h"

#include <stdlib.h>
#include <string.h>

enum {
    RESOLUTION_DELAY_MS = 50, /* RFC 8305 section 3: how long one family waits for the other */
    TTL_MAX = 24 * 3600,
    TTL_HALF = 10, /* at most, when one family's answer is missing */
};

struct waiter {
    struct gost_list link;
    struct gost_fiber *fiber;
};

static void wake_all(struct gost__query *q)
{
    gost_list_each(link, &q->waiters)
    {
        gost_fiber_wake(gost_container_of(link, struct waiter, link)->fiber);
    }
}

void gost__query_unref(struct gost__query *q)
{
    if (--q->refs > 0)
        return;
    gost_addrs_destroy(&q->found);
    free(q);
}

static void query_store(struct gost__query *q)
{
    const struct gost_nameserver *conf = &q->resolver->server[q->server].conf;
    int64_t ttl = q->ttl < TTL_MAX ? q->ttl : TTL_MAX;
    if (q->failed && ttl > TTL_HALF)
        ttl = TTL_HALF;
    ttl = conf->ttl_ms ? conf->ttl_ms : ttl * 1000;
    if (q->found.count > 0 && ttl > 0)
        gost__answers_put(&q->resolver->cache, q->key, &q->found, (uint64_t)ttl, conf->async);
}

static void query_finish(struct gost__query *q)
{
    q->done = true;
    if (q->found.count == 0 && q->rc == 0) { /* no server is to be asked for this family */
        q->rc = GOST_EDNS;
        q->why = "no such host";
    }
    gost_map_del(&q->resolver->open, q->key, strlen(q->key));
    gost_addrs_sort(&q->found, q->first);
    if (!q->resolver->closing)
        query_store(q);
    wake_all(q);
    gost__query_unref(q);
}

/* --- what an answer means --- */

static bool is_none(int status)
{
    return status == ARES_ENOTFOUND || status == ARES_ENODATA || status == ARES_EBADNAME;
}

static const char *why_text(int status)
{
    switch (status) {
    case ARES_ESERVFAIL:
        return "server failure";
    case ARES_EREFUSED:
        return "query refused";
    case ARES_ETIMEOUT:
        return "timed out";
    case ARES_ECONNREFUSED:
        return "no name server gave an answer";
    case ARES_EDESTRUCTION:
    case ARES_ECANCELLED:
        return "the resolver was closed";
    default:
        return is_none(status) ? "no such host" : ares_strerror(status);
    }
}

/* The first failure of a server is told, but "no such host" only when nothing else went wrong. */
static void query_note(struct gost__query *q, int status)
{
    bool first = q->rc == 0, trouble = !is_none(status) && !q->failed;
    q->failed = q->failed || !is_none(status);
    if (!first && !trouble)
        return;
    q->rc = status == ARES_ETIMEOUT ? GOST_ETIMEDOUT
            : status == ARES_ENOMEM ? GOST_ENOMEM
                                    : GOST_EDNS;
    q->why = why_text(status);
}

static int query_add(struct gost__query *q, const struct ares_addrinfo *answer)
{
    for (const struct ares_addrinfo_cname *c = answer->cnames; c; c = c->next)
        q->ttl = c->ttl < q->ttl ? c->ttl : q->ttl;
    for (const struct ares_addrinfo_node *n = answer->nodes; n; n = n->ai_next) {
        union gost_sockaddr addr;
        memset(&addr, 0, sizeof(addr));
        if ((n->ai_family != AF_INET && n->ai_family != AF_INET6) || n->ai_addrlen > sizeof(addr))
            continue;
        memcpy(&addr, n->ai_addr, n->ai_addrlen);
        q->ttl = n->ai_ttl < q->ttl ? n->ai_ttl : q->ttl;
        int rc = gost_addrs_add(&q->found, &addr);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static void query_part(struct gost__query *q);

static void on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *answer)
{
    struct gost__query *q = arg;
    (void)timeouts;
    if (status == ARES_SUCCESS && query_add(q, answer) != 0)
        status = ARES_ENOMEM;
    if (answer)
        ares_freeaddrinfo(answer);
    if (status == ARES_EDESTRUCTION && !q->resolver->closing)
        q->again = true;
    else if (status != ARES_SUCCESS)
        query_note(q, status);
    if (q->found.count > 0 && !q->first_at) {
        q->first_at = gost_now();
        wake_all(q);
    }
    query_part(q);
}

/* --- asking --- */

/* The family to ask a server for. @return false when it is not to be asked for this one at all */
static bool want_of(const struct gost__query *q, enum gost_family *want)
{
    enum gost_family only = q->resolver->server[q->server].conf.only;
    *want = q->family == GOST_FAMILY_ANY ? only : q->family;
    return only == GOST_FAMILY_ANY || only == *want;
}

static void query_ask(struct gost__query *q)
{
    struct gost__server *s = &q->resolver->server[q->server];
    const char *name = q->key + 2;
    enum gost_family want;
    q->again = q->failed = false;
    q->open = 1; /* ourselves: answers may come within the call */
    if (want_of(q, &want)) {
        struct gost__channel *ch = gost__server_channel(q->resolver, s);
        enum gost_family prefer = q->resolver->system ? GOST_FAMILY_V6 : GOST_FAMILY_V4;
        q->first = s->conf.prefer != GOST_FAMILY_ANY ? s->conf.prefer : prefer;
        q->open += !ch ? 0 : want == GOST_FAMILY_ANY ? 2 : 1;
        if (!ch)
            query_note(q, ARES_ENOMEM);
        if (ch && want != GOST_FAMILY_V4)
            gost__channel_ask(ch, name, AF_INET6, on_answer, q);
        if (ch && want != GOST_FAMILY_V6)
            gost__channel_ask(ch, name, AF_INET, on_answer, q);
    }
    query_part(q);
}

/* One of the things waited for has come. */
static void query_part(struct gost__query *q)
{
    if (--q->open > 0)
        return;
    bool more = q->found.count == 0 && !q->resolver->closing;
    if (more && q->again) {
        query_ask(q);
    } else if (more && q->server + 1 < q->resolver->count) {
        q->server++;
        query_ask(q);
    } else {
        query_finish(q);
    }
}

static void on_hosts(void *arg, int status, int timeouts, struct ares_addrinfo *answer)
{
    struct gost__query *q = arg;
    (void)timeouts;
    if (status == ARES_SUCCESS)
        query_add(q, answer);
    if (answer)
        ares_freeaddrinfo(answer);
}

/* The hosts file speaks for both families at once: a name in it is not asked for elsewhere. */
static bool query_hosts(struct gost__query *q)
{
    struct gost_resolver *r = q->resolver;
    static const int family[] = {AF_UNSPEC, AF_INET, AF_INET6};
    struct gost__channel_config config = {.hosts_only = true};
    if (!r->system || (!r->hosts && gost__channel_new(&config, &r->hosts) != 0))
        return false;
    q->first = GOST_FAMILY_V6;
    gost__channel_ask(r->hosts, q->key + 2, family[q->family], on_hosts, q);
    return q->found.count > 0;
}

struct gost__query *gost__query_take(struct gost_resolver *r, const char *key,
                                     enum gost_family family)
{
    struct gost__query *q = gost_map_get(&r->open, key, strlen(key));
    if (q) {
        q->refs++;
        return q;
    }
    if (r->open.count >= GOST__QUERIES_MAX) {
        gost_fail(GOST_ELIMIT, "more than %d name lookups at once", GOST__QUERIES_MAX);
        return NULL;
    }
    q = calloc(1, sizeof(*q));
    if (!q || gost_map_set(&r->open, key, strlen(key), q, NULL) != 0) {
        free(q);
        gost_fail_code(GOST_ENOMEM);
        return NULL;
    }
    q->resolver = r;
    q->refs = 2;
    q->family = family;
    q->ttl = TTL_MAX;
    memcpy(q->key, key, strlen(key) + 1);
    gost_list_create(&q->waiters);
    if (query_hosts(q))
        query_finish(q);
    else
        query_ask(q);
    return q;
}

int gost__query_wait(struct gost__query *q, uint64_t deadline, bool whole)
{
    struct waiter *w = malloc(sizeof(*w));
    int rc = 0;
    if (!w)
        return gost_fail_code(GOST_ENOMEM);
    w->fiber = gost_fiber_self();
    gost_list_add(&q->waiters, &w->link);
    while (rc == 0 && !q->done) {
        uint64_t enough = q->found.count && !whole ? q->first_at + RESOLUTION_DELAY_MS : GOST_NEVER;
        if (enough <= gost_now())
            break;
        rc = gost_fiber_wait(gost_deadline_min(deadline, enough));
        if (rc == GOST_ETIMEDOUT && q->found.count > 0)
            break; /* better some addresses than none */
    }
    gost_list_remove(&w->link);
    free(w);
    if (rc == GOST_ECANCELED)
        return rc;
    if (q->found.count > 0)
        return 0;
    return q->done ? gost_fail(q->rc, "%s", q->why) : rc;
}
