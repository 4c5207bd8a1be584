/**
 * A bounded cache of lookups: the least recently used answer gives way.
 */
#ifndef GOST_NET_RESOLVE_CACHE_H
#define GOST_NET_RESOLVE_CACHE_H

#include "core/base/list.h"
#include "core/base/map.h"
#include "core/net/resolve.h"

enum { GOST__ANSWERS_MAX = 1024 };

struct gost__answer {
    struct gost_list link; /**< the most recently used is last */
    uint64_t expires;      /**< on gost_now()'s clock */
    bool stale_ok;         /**< may be given after that, while it is refreshed */
    struct gost_addrs addrs;
    size_t key_len;
    char key[];
};

struct gost__answers {
    struct gost_map map; /**< to struct gost__answer */
    struct gost_list used;
};

void gost__answers_create(struct gost__answers *c);

/** Forget all; usable again. */
void gost__answers_clear(struct gost__answers *c);

/** @return the answer, valid until the next call; NULL when there is none or it is outdated */
const struct gost__answer *gost__answers_get(struct gost__answers *c, const char *key);

/** Keep, or replace, an answer for `ttl_ms` from now. @param addrs  copied; without memory nothing
 * is kept */
void gost__answers_put(struct gost__answers *c, const char *key, const struct gost_addrs *addrs,
                       uint64_t ttl_ms, bool stale_ok);

#endif
