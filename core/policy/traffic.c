#include "core/policy/traffic.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/policy/pool.h"

#include <stdlib.h>
#include <string.h>

int gost_traffic_new(struct gost_traffic **out, const char *name)
{
    *out = NULL;
    struct gost_traffic *t = calloc(1, sizeof(*t));
    if (!t)
        return gost_fail_code(GOST_ENOMEM);
    t->refs = 1;
    t->rules = calloc(1, sizeof(*t->rules));
    t->name = name ? strdup(name) : NULL;
    t->service = gost__pool_take("traffic", name, 2 * sizeof(*t->service));
    if (t->rules) {
        t->rules->refs = 1;
        gost_limits_create(&t->rules->limits, GOST_LIMIT_TRAFFIC);
    }
    if (!t->rules || !t->service || (name && !t->name)) {
        gost_traffic_unref(t);
        return gost_fail_code(GOST_ENOMEM);
    }
    *out = t;
    return 0;
}

struct gost_traffic *gost_traffic_ref(struct gost_traffic *t)
{
    t->refs++;
    return t;
}

static void rules_unref(struct gost_traffic_rules *r)
{
    if (!r || --r->refs > 0)
        return;
    gost_limits_destroy(&r->limits);
    free(r);
}

void gost_traffic_unref(struct gost_traffic *t)
{
    if (!t || --t->refs > 0)
        return;
    if (t->hook_drop)
        t->hook_drop(t->hook_arg);
    gost__pool_give(t->name, t->keys);
    gost__pool_give(t->name, t->service);
    rules_unref(t->rules);
    free(t->name);
    free(t);
}

static int need_keys(struct gost_traffic *t)
{
    if (t->keys || !(t->hook || gost_limits_keyed(&t->rules->limits)))
        return 0;
    t->keys = gost__pool_take("traffic-keys", t->name, sizeof(*t->keys));
    return t->keys ? 0 : gost_fail_code(GOST_ENOMEM);
}

int gost_traffic_add(struct gost_traffic *t, const char *rule, size_t n)
{
    int rc = gost_limits_add(&t->rules->limits, rule, n);
    return rc ? rc : need_keys(t);
}

int gost_traffic_load(struct gost_traffic *t, const char *text, size_t n)
{
    int rc = gost_limits_load(&t->rules->limits, text, n);
    int keys = need_keys(t);
    return keys ? keys : rc;
}

void gost_traffic_swap(struct gost_traffic *a, struct gost_traffic *b)
{
    struct gost_traffic_rules *rules = a->rules;
    a->rules = b->rules;
    b->rules = rules;
    if (!a->keys) {
        a->keys = b->keys;
        b->keys = NULL;
    }
}

/* ---- one connection ---- */

/* Ask the hook for one scope. */
static void ask(struct gost_traffic_conn *c, unsigned scope, int place)
{
    uint64_t rate[2] = {0, 0};
    struct gost_traffic *t = c->limiter;
    if (!t->hook || !(c->scopes & scope) || need_keys(t) != 0)
        return;
    t->hook(t->hook_arg, scope, rate);
    for (int i = 0; i < 2; i++)
        c->answer[place].rate[i] = (struct gost_rate){.rate = rate[i]};
}

/* Find the rules that apply, among those that are in force now. */
static void find_rules(struct gost_traffic_conn *c)
{
    struct gost_traffic_rules *r = c->limiter->rules;
    if (c->limiter->hook) {
        c->rules = c->rules ? c->rules : (r->refs++, r);
        c->service = &c->answer[0];
        c->each = &c->answer[1];
        c->client = c->id ? &c->answer[2] : NULL;
        return;
    }
    r->refs++;
    rules_unref(c->rules);
    c->rules = r;
    c->service = c->scopes & GOST_SCOPE_SERVICE ? r->limits.service : NULL;
    c->each = c->scopes & GOST_SCOPE_CONN ? r->limits.each : NULL;
    c->ip = c->scopes & GOST_SCOPE_CONN && c->has_ip ? gost_limits_of_ip(&r->limits, c->addr) : NULL;
    c->client = c->id ? gost_limits_of_client(&r->limits, c->id, c->id_len) : NULL;
}

void gost_traffic_conn_create(struct gost_traffic_conn *c, struct gost_traffic *t, unsigned scopes,
                              const union gost_sockaddr *peer)
{
    memset(c, 0, sizeof(*c));
    if (!t)
        return;
    c->limiter = gost_traffic_ref(t);
    c->scopes = scopes;
    c->has_ip = peer && gost_ip_from_sockaddr(&c->addr, peer);
    if (c->has_ip)
        c->ip_tag = gost_keytab_tag(&c->addr, sizeof(c->addr));
    ask(c, GOST_SCOPE_SERVICE, 0);
    ask(c, GOST_SCOPE_CONN, 1);
    find_rules(c);
}

void gost_traffic_conn_identify(struct gost_traffic_conn *c, const char *id, size_t n)
{
    bool known = c->id && c->id_len == n && memcmp(c->id, id, n) == 0;
    if (!c->limiter || known)
        return;
    free(c->id);
    c->id = malloc(n + 1); /* without memory the client goes without limits of its own */
    c->id_len = n;
    if (c->id)
        memcpy(c->id, id, n);
    c->client_tag = gost_keytab_tag(id, n);
    ask(c, GOST_SCOPE_CLIENT, 2);
    find_rules(c);
}

void gost_traffic_conn_destroy(struct gost_traffic_conn *c)
{
    rules_unref(c->rules);
    gost_traffic_unref(c->limiter);
    free(c->id);
    memset(c, 0, sizeof(*c));
}

struct draw {
    struct gost_bucket *bucket;
    struct gost_rate rate;
};

enum { DRAWS = 4 };

static void add_draw(struct draw *d, int *count, struct gost_bucket *pair,
                     const struct gost_limit *v, int direction)
{
    if (v && v->rate[direction].rate > 0)
        d[(*count)++] = (struct draw){&pair[direction], v->rate[direction]};
}

/* All buckets that apply to the direction. */
static int collect(struct draw d[DRAWS], struct gost_traffic_conn *c, int direction)
{
    int count = 0;
    struct gost_traffic *t = c->limiter;
    if (!t)
        return 0;
    if (c->rules != t->rules)
        find_rules(c);
    add_draw(d, &count, c->own, c->each, direction);
    if (c->ip)
        add_draw(d, &count, gost_keytab_find(t->keys, c->ip_tag), c->ip, direction);
    if (c->client)
        add_draw(d, &count, gost_keytab_find(t->keys, c->client_tag), c->client, direction);
    add_draw(d, &count, t->service, c->service, direction);
    return count;
}

bool gost_traffic_limits(const struct gost_traffic_conn *c, int direction)
{
    const struct gost_limit *v[DRAWS] = {c->service, c->each, c->ip, c->client};
    if (c->limiter && c->limiter->changes)
        return true;
    for (int i = 0; i < DRAWS; i++)
        if (v[i] && v[i]->rate[direction].rate > 0)
            return true;
    return false;
}

uint64_t gost_traffic_take(struct gost_traffic_conn *c, int direction, uint64_t want, uint64_t now,
                           uint64_t *retry)
{
    struct draw d[DRAWS];
    uint64_t taken[DRAWS], granted = want;
    int count = collect(d, c, direction), asked = 0;
    for (; asked < count && granted > 0; asked++)
        taken[asked] = granted =
            gost_bucket_take(d[asked].bucket, d[asked].rate, granted, now, retry);
    for (int i = 0; i < asked; i++) /* the tightest bucket decides; the others get the rest back */
        gost_bucket_give(d[i].bucket, d[i].rate, taken[i] - granted);
    return granted;
}

bool gost_traffic_take_all(struct gost_traffic_conn *c, int direction, uint64_t n, uint64_t now,
                           uint64_t *retry)
{
    struct draw d[DRAWS];
    int count = collect(d, c, direction), got = 0;
    while (got < count && gost_bucket_take_all(d[got].bucket, d[got].rate, n, now, retry))
        got++;
    for (int i = 0; got < count && i < got; i++)
        gost_bucket_give(d[i].bucket, d[i].rate, n);
    return got == count;
}

void gost_traffic_give(struct gost_traffic_conn *c, int direction, uint64_t n)
{
    struct draw d[DRAWS];
    int count = collect(d, c, direction);
    for (int i = 0; i < count; i++)
        gost_bucket_give(d[i].bucket, d[i].rate, n);
}
