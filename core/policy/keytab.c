#include "core/policy/keytab.h"

#include "core/base/map.h"

uint64_t gost_keytab_tag(const void *key, size_t n)
{
    uint64_t tag = gost_hash(key, n);
    return tag ? tag : 1;
}

static uint64_t busy_until(const struct gost_keytab_slot *s)
{
    uint64_t a = atomic_load_explicit(&s->bucket[0].full_at, memory_order_relaxed);
    uint64_t b = atomic_load_explicit(&s->bucket[1].full_at, memory_order_relaxed);
    return a > b ? a : b;
}

struct gost_bucket *gost_keytab_find(struct gost_keytab *t, uint64_t tag)
{
    struct gost_keytab_slot *set = t->slot[tag & (GOST_KEYTAB_SETS - 1)];
    for (;;) {
        struct gost_keytab_slot *victim = NULL;
        uint64_t least = UINT64_MAX;
        for (int i = 0; i < GOST_KEYTAB_WAYS; i++) {
            struct gost_keytab_slot *s = &set[i];
            uint64_t seen = atomic_load_explicit(&s->tag, memory_order_acquire);
            if (seen == tag)
                return s->bucket;
            uint64_t until = seen == 0 ? 0 : busy_until(s);
            if (!victim || until < least) {
                victim = s;
                least = until;
            }
        }
        uint64_t old = atomic_load_explicit(&victim->tag, memory_order_relaxed);
        if (old != tag && !atomic_compare_exchange_strong_explicit(
                              &victim->tag, &old, tag, memory_order_acq_rel, memory_order_relaxed))
            continue; /* another worker was here: look again, it may have made our slot */
        /* Another worker may draw in between; it then gets a full bucket once more, no harm. */
        atomic_store_explicit(&victim->bucket[0].full_at, 0, memory_order_relaxed);
        atomic_store_explicit(&victim->bucket[1].full_at, 0, memory_order_relaxed);
        return victim->bucket;
    }
}
