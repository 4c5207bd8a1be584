#include "core/net/resolve_cache.h"

#include "core/runtime/loop.h"

#include <stdlib.h>
#include <string.h>

void gost__answers_create(struct gost__answers *c)
{
    gost_map_create(&c->map);
    gost_list_create(&c->used);
}

static void answer_drop(struct gost__answers *c, struct gost__answer *a)
{
    gost_map_del(&c->map, a->key, a->key_len);
    gost_list_remove(&a->link);
    gost_addrs_destroy(&a->addrs);
    free(a);
}

void gost__answers_clear(struct gost__answers *c)
{
    while (!gost_list_empty(&c->used))
        answer_drop(c, gost_container_of(c->used.next, struct gost__answer, link));
    gost_map_destroy(&c->map, NULL);
}

const struct gost__answer *gost__answers_get(struct gost__answers *c, const char *key)
{
    struct gost__answer *a = gost_map_get(&c->map, key, strlen(key));
    if (!a)
        return NULL;
    if (a->expires <= gost_now() && !a->stale_ok) {
        answer_drop(c, a);
        return NULL;
    }
    gost_list_remove(&a->link);
    gost_list_add(&c->used, &a->link);
    return a;
}

void gost__answers_put(struct gost__answers *c, const char *key, const struct gost_addrs *addrs,
                       uint64_t ttl_ms, bool stale_ok)
{
    size_t n = strlen(key);
    struct gost__answer *old = gost_map_get(&c->map, key, n);
    if (old)
        answer_drop(c, old);
    else if (c->map.count >= GOST__ANSWERS_MAX)
        answer_drop(c, gost_container_of(c->used.next, struct gost__answer, link));
    struct gost__answer *a = calloc(1, sizeof(*a) + n + 1);
    if (!a)
        return;
    memcpy(a->key, key, n + 1);
    a->key_len = n;
    a->expires = gost_now() + ttl_ms;
    a->stale_ok = stale_ok;
    gost_list_create(&a->link);
    int rc = 0;
    for (size_t i = 0; i < addrs->count && rc == 0; i++)
        rc = gost_addrs_add(&a->addrs, &addrs->addr[i]);
    if (rc == 0)
        rc = gost_map_set(&c->map, a->key, n, a, NULL);
    if (rc == 0)
        gost_list_add(&c->used, &a->link);
    else
        answer_drop(c, a);
}
