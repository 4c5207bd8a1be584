#include "core/policy/conn_limit.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/policy/pool.h"

#include <stdlib.h>
#include <string.h>

/* A slot is a tag and a count in one word: both change together, so a slot cannot pass to another
 * address while somebody counts on it. A count of 0 makes the slot free, whatever its tag. */
#define COUNT_MASK ((uint64_t)GOST_CONNS_MAX)

int gost_conn_limit_new(struct gost_conn_limit **out, const char *name)
{
    *out = NULL;
    struct gost_conn_limit *l = calloc(1, sizeof(*l));
    if (!l)
        return gost_fail_code(GOST_ENOMEM);
    l->refs = 1;
    gost_limits_create(&l->limits, GOST_LIMIT_CONNS);
    l->name = name ? strdup(name) : NULL;
    l->total = gost__pool_take("conns", name, sizeof(*l->total));
    if (!l->total || (name && !l->name)) {
        gost_conn_limit_unref(l);
        return gost_fail_code(GOST_ENOMEM);
    }
    *out = l;
    return 0;
}

struct gost_conn_limit *gost_conn_limit_ref(struct gost_conn_limit *l)
{
    l->refs++;
    return l;
}

void gost_conn_limit_unref(struct gost_conn_limit *l)
{
    if (!l || --l->refs > 0)
        return;
    if (l->hook_drop)
        l->hook_drop(l->hook_arg);
    gost__pool_give(l->name, l->slots);
    gost__pool_give(l->name, l->total);
    gost_limits_destroy(&l->limits);
    free(l->name);
    free(l);
}

static int need_slots(struct gost_conn_limit *l)
{
    if (l->slots || !(l->hook || gost_limits_keyed(&l->limits)))
        return 0;
    l->slots = gost__pool_take("conns-keys", l->name, GOST_CONN_SLOTS * sizeof(*l->slots));
    return l->slots ? 0 : gost_fail_code(GOST_ENOMEM);
}

int gost_conn_limit_hooked(struct gost_conn_limit *l)
{
    return need_slots(l);
}

int gost_conn_limit_add(struct gost_conn_limit *l, const char *rule, size_t n)
{
    int rc = gost_limits_add(&l->limits, rule, n);
    return rc ? rc : need_slots(l);
}

int gost_conn_limit_load(struct gost_conn_limit *l, const char *text, size_t n)
{
    int rc = gost_limits_load(&l->limits, text, n);
    int slots = need_slots(l);
    return slots ? slots : rc;
}

void gost_conn_limit_swap(struct gost_conn_limit *a, struct gost_conn_limit *b)
{
    struct gost_limits limits = a->limits;
    a->limits = b->limits;
    b->limits = limits;
    if (!a->slots) {
        a->slots = b->slots;
        b->slots = NULL;
    }
}

/* ---- counting ---- */

static bool count_up(_Atomic uint64_t *word, uint64_t limit)
{
    uint64_t old = atomic_load_explicit(word, memory_order_relaxed);
    while (old < limit)
        if (atomic_compare_exchange_weak_explicit(word, &old, old + 1, memory_order_relaxed,
                                                  memory_order_relaxed))
            return true;
    return false;
}

static void count_down(_Atomic uint64_t *word)
{
    if (word)
        atomic_fetch_sub_explicit(word, 1, memory_order_relaxed);
}

/* One look through the window: the slot in use by the tag, else the first free one, else NULL. */
static _Atomic uint64_t *find_slot(_Atomic uint64_t *slots, uint64_t tag, uint64_t *seen)
{
    size_t home = (tag >> 24) & (GOST_CONN_SLOTS - 1);
    _Atomic uint64_t *free_slot = NULL;
    for (size_t i = 0; i < GOST_CONN_WINDOW; i++) {
        _Atomic uint64_t *s = &slots[(home + i) & (GOST_CONN_SLOTS - 1)];
        uint64_t word = atomic_load_explicit(s, memory_order_relaxed);
        if ((word & COUNT_MASK) == 0) {
            if (!free_slot) {
                free_slot = s;
                *seen = word;
            }
        } else if ((word & ~COUNT_MASK) == tag) {
            *seen = word;
            return s;
        }
    }
    return free_slot;
}

/* @return the slot counted up, or NULL: the limit is reached, or (full) there is no slot */
static _Atomic uint64_t *count_address(_Atomic uint64_t *slots, uint64_t tag, uint32_t limit,
                                       bool *full)
{
    uint64_t seen;
    *full = false;
    for (;;) {
        _Atomic uint64_t *s = find_slot(slots, tag, &seen);
        if (!s)
            return *full = true, NULL;
        uint64_t count = seen & COUNT_MASK;
        if (count >= limit)
            return NULL;
        if (!atomic_compare_exchange_strong_explicit(s, &seen, tag | (count + 1),
                                                     memory_order_relaxed, memory_order_relaxed))
            continue;
        if (count > 0)
            return s;
        /* Two workers that meet the same new address may have taken two slots: the one that lies
         * first stays, whoever has the other moves over. */
        _Atomic uint64_t *first = find_slot(slots, tag, &seen);
        if (first == s || (seen & COUNT_MASK) == 0)
            return s;
        count_down(s);
    }
}

static const struct gost_limit *rule_of(const struct gost_conn_limit *l,
                                        const union gost_sockaddr *peer, struct gost_ip *ip)
{
    const struct gost_limit *v = NULL;
    *ip = (struct gost_ip){0, 0};
    if (peer && gost_ip_from_sockaddr(ip, peer))
        v = gost_limits_of_ip(&l->limits, *ip);
    return v ? v : l->limits.each;
}

static int refused(const union gost_sockaddr *peer, const struct gost_limit *v, bool full)
{
    char host[GOST_HOSTPORT_MAX] = "";
    if (peer)
        gost_sockaddr_host(peer, host);
    if (full)
        return gost_fail(GOST_ELIMIT, "connection limit: too many client addresses, %s has no room",
                         host);
    return gost_fail(GOST_ELIMIT, "connection limit of %u for %s is reached", v->conns,
                     host[0] ? host : "such clients");
}

/* Ask the hook; answers as rules. */
static int ask(struct gost_conn_limit *l, const union gost_sockaddr *peer,
               struct gost_limit answer[GOST_ANSWERS])
{
    uint32_t most[GOST_ANSWERS] = {0};
    int rc = l->hook(l->hook_arg, peer, most);
    for (int i = 0; i < GOST_ANSWERS; i++)
        answer[i] = (struct gost_limit){.conns = most[i]};
    return rc;
}

int gost_conn_limit_acquire(struct gost_conn_limit *l, const union gost_sockaddr *peer,
                            struct gost_conn_hold *hold)
{
    struct gost_ip ip;
    bool full;
    *hold = (struct gost_conn_hold){0};
    if (!l)
        return 0;
    struct gost_limit answer[GOST_ANSWERS];
    const struct gost_limit *v = rule_of(l, peer, &ip), *service = l->limits.service;
    if (l->hook) {
        int rc = ask(l, peer, answer);
        if (rc != 0)
            return rc;
        v = answer[GOST_ANSWER_CLIENT].conns ? &answer[GOST_ANSWER_CLIENT] : NULL;
        service = answer[GOST_ANSWER_SERVICE].conns ? &answer[GOST_ANSWER_SERVICE] : NULL;
    }
    if (v) {
        uint64_t tag = gost_hash(&ip, sizeof(ip)) & ~COUNT_MASK;
        hold->slot = count_address(l->slots, tag, v->conns, &full);
        if (!hold->slot)
            return refused(peer, v, full);
    }
    if (service) {
        if (!count_up(l->total, service->conns)) {
            count_down(hold->slot);
            hold->slot = NULL;
            return gost_fail(GOST_ELIMIT, "connection limit of %u for the service is reached",
                             service->conns);
        }
        hold->total = l->total;
    }
    hold->limiter = gost_conn_limit_ref(l);
    return 0;
}

void gost_conn_hold_release(struct gost_conn_hold *hold)
{
    count_down(hold->slot);
    count_down(hold->total);
    gost_conn_limit_unref(hold->limiter);
    *hold = (struct gost_conn_hold){0};
}
