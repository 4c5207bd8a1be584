#include "core/policy/select.h"

#include "core/base/map.h"

#include <string.h>
#include <strings.h>

/* 2^64 divided by the golden ratio: multiples of it, taken modulo 2^64, spread most evenly. */
#define GOLDEN 0x9e3779b97f4a7c15u

bool gost_strategy_parse(const char *word, enum gost_strategy *out)
{
    static const struct {
        const char *word;
        enum gost_strategy strategy;
    } words[] = {
        {"", GOST_STRATEGY_ROUND},
        {"round", GOST_STRATEGY_ROUND},
        {"rr", GOST_STRATEGY_ROUND},
        {"random", GOST_STRATEGY_RANDOM},
        {"rand", GOST_STRATEGY_RANDOM},
        {"fifo", GOST_STRATEGY_FIFO},
        {"ha", GOST_STRATEGY_FIFO},
        {"hash", GOST_STRATEGY_HASH},
        {"parallel", GOST_STRATEGY_PARALLEL},
        {"lowestlatency", GOST_STRATEGY_LATENCY},
        {"lowest", GOST_STRATEGY_LATENCY},
        {"ll", GOST_STRATEGY_LATENCY},
    };
    *out = GOST_STRATEGY_ROUND;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(word, words[i].word) == 0) {
            *out = words[i].strategy;
            return true;
        }
    }
    return false;
}

void gost_selector_create(struct gost_selector *s, enum gost_strategy strategy, int64_t max_latency,
                          struct gost_selector_state *state)
{
    memset(s, 0, sizeof(*s));
    s->strategy = strategy;
    s->max_latency = max_latency;
    s->state = state ? state : &s->own;
    /* Workers that do not share must not all begin with the same node. */
    if (!state)
        atomic_store(&s->own.spread, gost_hash(&s, sizeof(s)));
}

uint64_t gost_candidate_key(const void *name, size_t n)
{
    static const uint64_t key[2] = {0x676f73742d6c7561u, 0x63616e6469646174u};
    return gost_siphash(key, name, n);
}

/* ---- what is left ---- */

struct view {
    const struct gost_candidate *c;
    size_t n;
    int64_t max_latency; /* 0: no limit */
    int32_t priority;
    bool backups; /* take them in */
};

static bool is_left(const struct view *v, size_t i)
{
    const struct gost_candidate *c = &v->c[i];
    if (c->failed || c->priority != v->priority || (c->backup && !v->backups))
        return false;
    return v->max_latency <= 0 ||
           (c->latency != GOST_LATENCY_FAILED && c->latency <= v->max_latency);
}

static size_t count_left(const struct view *v)
{
    size_t count = 0;
    for (size_t i = 0; i < v->n; i++)
        count += is_left(v, i);
    return count;
}

static size_t nth_left(const struct view *v, uint64_t nth)
{
    for (size_t i = 0; i < v->n; i++)
        if (is_left(v, i) && nth-- == 0)
            return i;
    return GOST_SELECT_NONE;
}

/* Settles level, backups and latency. @return how many are left; 0 only when all have failed */
static size_t view_create(struct view *v, const struct gost_selector *s,
                          const struct gost_candidate *c, size_t n)
{
    bool any = false, primary = false;
    *v = (struct view){.c = c, .n = n};
    for (size_t i = 0; i < n; i++) {
        if (c[i].failed || (primary && c[i].backup))
            continue;
        bool first = !any || (!primary && !c[i].backup);
        if (first || c[i].priority > v->priority)
            v->priority = c[i].priority;
        any = true;
        primary |= !c[i].backup;
    }
    if (!any)
        return 0;
    v->backups = !primary;
    v->max_latency = s->max_latency;
    size_t left = count_left(v);
    if (left == 0) { /* none is fast enough: a slow one is better than none */
        v->max_latency = 0;
        left = count_left(v);
    }
    return left;
}

/* ---- strategies; each is given a view with at least one left ---- */

static uint32_t weight_of(const struct gost_candidate *c)
{
    return c->weight == 0 ? 1 : c->weight > 65535 ? 65535 : c->weight;
}

static size_t by_weight(struct gost_selector *s, const struct view *v)
{
    uint64_t total = 0;
    for (size_t i = 0; i < v->n; i++)
        total += is_left(v, i) ? weight_of(&v->c[i]) : 0;
    uint64_t spread = atomic_fetch_add_explicit(&s->state->spread, GOLDEN, memory_order_relaxed);
    uint64_t point = (spread >> 32) * total >> 32;
    for (size_t i = 0; i < v->n; i++) {
        if (!is_left(v, i))
            continue;
        if (point < weight_of(&v->c[i]))
            return i;
        point -= weight_of(&v->c[i]);
    }
    return nth_left(v, 0);
}

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* Rendezvous hashing: everybody bids for the client, the highest bid wins. When one drops out, only
 * the clients that it had won go elsewhere. */
static size_t by_hash(const struct view *v, const void *hash, size_t hash_len)
{
    uint64_t client = gost_candidate_key(hash, hash_len), best_bid = 0;
    size_t best = GOST_SELECT_NONE;
    for (size_t i = 0; i < v->n; i++) {
        if (!is_left(v, i))
            continue;
        uint64_t bid = mix(mix(v->c[i].key) ^ client);
        if (best == GOST_SELECT_NONE || bid > best_bid) {
            best = i;
            best_bid = bid;
        }
    }
    return best;
}

static size_t by_latency(const struct view *v)
{
    size_t best = GOST_SELECT_NONE;
    for (size_t i = 0; i < v->n; i++)
        if (is_left(v, i) && v->c[i].latency >= 0 &&
            (best == GOST_SELECT_NONE || v->c[i].latency < v->c[best].latency))
            best = i;
    for (size_t i = 0; i < v->n && best == GOST_SELECT_NONE; i++)
        if (is_left(v, i) && v->c[i].latency == GOST_LATENCY_UNKNOWN)
            best = i;
    return best == GOST_SELECT_NONE ? nth_left(v, 0) : best;
}

/* All have failed. Trying them in turn finds the one that came back soonest. */
static size_t last_resort(struct gost_selector *s, size_t n)
{
    if (n == 0)
        return GOST_SELECT_NONE;
    return atomic_fetch_add_explicit(&s->state->rescue, 1, memory_order_relaxed) % n;
}

size_t gost_select(struct gost_selector *s, const struct gost_candidate *c, size_t n,
                   const void *hash, size_t hash_len)
{
    struct view v;
    size_t left = view_create(&v, s, c, n);
    if (left == 0)
        return last_resort(s, n);
    if (left == 1)
        return nth_left(&v, 0);
    switch (s->strategy) {
    case GOST_STRATEGY_RANDOM:
        return by_weight(s, &v);
    case GOST_STRATEGY_HASH:
        return hash_len > 0 ? by_hash(&v, hash, hash_len) : by_weight(s, &v);
    case GOST_STRATEGY_LATENCY:
        return by_latency(&v);
    case GOST_STRATEGY_FIFO:
    case GOST_STRATEGY_PARALLEL:
        return nth_left(&v, 0);
    case GOST_STRATEGY_ROUND:
        break;
    }
    uint64_t turn = atomic_fetch_add_explicit(&s->state->turn, 1, memory_order_relaxed);
    return nth_left(&v, turn % left);
}

size_t gost_select_all(struct gost_selector *s, const struct gost_candidate *c, size_t n,
                       size_t *out)
{
    struct view v;
    size_t count = 0;
    if (n == 0)
        return 0;
    if (view_create(&v, s, c, n) == 0)
        out[count++] = last_resort(s, n);
    for (size_t i = 0; i < n; i++)
        if (is_left(&v, i))
            out[count++] = i;
    return count;
}
