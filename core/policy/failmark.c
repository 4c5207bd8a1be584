#include "core/policy/failmark.h"

#include "core/policy/select.h"

uint32_t gost_failmark_fail(struct gost_failmark *m, uint64_t now)
{
    /* The time first: a reader that sees the new count must not pair it with an old time. */
    atomic_store_explicit(&m->last, now, memory_order_relaxed);
    uint32_t count = atomic_load_explicit(&m->count, memory_order_relaxed);
    uint32_t next;
    do
        next = count == UINT32_MAX ? count : count + 1;
    while (!atomic_compare_exchange_weak_explicit(&m->count, &count, next, memory_order_release,
                                                  memory_order_relaxed));
    return next;
}

uint32_t gost_failmark_reset(struct gost_failmark *m)
{
    /* Every success comes here: do not take the cache line from the others for nothing. */
    if (atomic_load_explicit(&m->count, memory_order_relaxed) == 0)
        return 0;
    return atomic_exchange_explicit(&m->count, 0, memory_order_relaxed);
}

uint32_t gost_failmark_count(struct gost_failmark *m)
{
    return atomic_load_explicit(&m->count, memory_order_relaxed);
}

bool gost_failmark_failed(struct gost_failmark *m, uint64_t now, int max_fails, int64_t fail_timeout)
{
    uint32_t limit = max_fails > 0 ? (uint32_t)max_fails : GOST_MAX_FAILS;
    uint64_t timeout = fail_timeout > 0 ? (uint64_t)fail_timeout : GOST_FAIL_TIMEOUT;
    if (atomic_load_explicit(&m->count, memory_order_acquire) < limit)
        return false;
    uint64_t last = atomic_load_explicit(&m->last, memory_order_relaxed);
    return now < last || now - last < timeout; /* another worker's clock may be a little ahead */
}

/* Zeroed memory is to mean that nothing is known. */
void gost_failmark_set_latency(struct gost_failmark *m, int64_t latency)
{
    atomic_store_explicit(&m->latency, latency - GOST_LATENCY_UNKNOWN, memory_order_relaxed);
}

int64_t gost_failmark_latency(const struct gost_failmark *m)
{
    return atomic_load_explicit(&m->latency, memory_order_relaxed) + GOST_LATENCY_UNKNOWN;
}
