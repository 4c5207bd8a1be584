#include "core/policy/rate_limit.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/policy/pool.h"

#include <stdlib.h>
#include <string.h>

int gost_rate_limit_new(struct gost_rate_limit **out, const char *name)
{
    *out = NULL;
    struct gost_rate_limit *l = calloc(1, sizeof(*l));
    if (!l)
        return gost_fail_code(GOST_ENOMEM);
    l->refs = 1;
    gost_limits_create(&l->limits, GOST_LIMIT_RATE);
    l->name = name ? strdup(name) : NULL;
    l->service = gost__pool_take("rate", name, sizeof(*l->service));
    if (!l->service || (name && !l->name)) {
        gost_rate_limit_unref(l);
        return gost_fail_code(GOST_ENOMEM);
    }
    *out = l;
    return 0;
}

struct gost_rate_limit *gost_rate_limit_ref(struct gost_rate_limit *l)
{
    l->refs++;
    return l;
}

void gost_rate_limit_unref(struct gost_rate_limit *l)
{
    if (!l || --l->refs > 0)
        return;
    if (l->hook_drop)
        l->hook_drop(l->hook_arg);
    gost__pool_give(l->name, l->keys);
    gost__pool_give(l->name, l->service);
    gost_limits_destroy(&l->limits);
    free(l->name);
    free(l);
}

static int need_keys(struct gost_rate_limit *l)
{
    if (l->keys || !(l->hook || gost_limits_keyed(&l->limits)))
        return 0;
    l->keys = gost__pool_take("rate-keys", l->name, sizeof(*l->keys));
    return l->keys ? 0 : gost_fail_code(GOST_ENOMEM);
}

int gost_rate_limit_hooked(struct gost_rate_limit *l)
{
    return need_keys(l);
}

int gost_rate_limit_add(struct gost_rate_limit *l, const char *rule, size_t n)
{
    int rc = gost_limits_add(&l->limits, rule, n);
    return rc ? rc : need_keys(l);
}

int gost_rate_limit_load(struct gost_rate_limit *l, const char *text, size_t n)
{
    int rc = gost_limits_load(&l->limits, text, n);
    int keys = need_keys(l);
    return keys ? keys : rc;
}

void gost_rate_limit_swap(struct gost_rate_limit *a, struct gost_rate_limit *b)
{
    struct gost_limits limits = a->limits;
    a->limits = b->limits;
    b->limits = limits;
    if (!a->keys) {
        a->keys = b->keys;
        b->keys = NULL;
    }
}

/* Ask the hook; answers as rules. */
static int ask(struct gost_rate_limit *l, const union gost_sockaddr *peer,
               struct gost_limit answer[2])
{
    double rate[2] = {0, 0};
    int rc = l->hook(l->hook_arg, peer, rate);
    for (int i = 0; i < 2; i++) {
        answer[i] = (struct gost_limit){.conns = 0};
        gost_limits_set_rate(&answer[i], rate[i]);
    }
    return rc;
}

int gost_rate_limit_take(struct gost_rate_limit *l, const union gost_sockaddr *peer, uint64_t now,
                         uint64_t *retry)
{
    uint64_t unused;
    struct gost_ip ip = {0, 0};
    const struct gost_limit *v = NULL;
    struct gost_bucket *bucket = NULL;
    if (!retry)
        retry = &unused;
    if (!l)
        return 0;
    if (peer && gost_ip_from_sockaddr(&ip, peer))
        v = gost_limits_of_ip(&l->limits, ip);
    v = v ? v : l->limits.each;
    struct gost_limit answer[2];
    const struct gost_limit *service = l->limits.service;
    if (l->hook) {
        int rc = ask(l, peer, answer);
        if (rc != 0)
            return rc;
        v = answer[0].rate[0].rate > 0 ? &answer[0] : NULL;
        service = answer[1].rate[0].rate > 0 ? &answer[1] : NULL;
    }
    if (v) {
        bucket = gost_keytab_find(l->keys, gost_keytab_tag(&ip, sizeof(ip)));
        if (!gost_bucket_take_all(bucket, v->rate[0], GOST_RATE_REQUEST, now, retry))
            return gost_fail(GOST_ELIMIT, "rate limit of the client is reached");
    }
    if (service &&
        !gost_bucket_take_all(l->service, service->rate[0], GOST_RATE_REQUEST, now, retry)) {
        if (v)
            gost_bucket_give(bucket, v->rate[0], GOST_RATE_REQUEST);
        return gost_fail(GOST_ELIMIT, "rate limit of the service is reached");
    }
    return 0;
}
