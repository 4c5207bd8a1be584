#include "core/policy/bucket.h"

/* 16 a nanosecond: fine enough for 10 GB/s, and 64 bits last for 36 years of uptime. */
#define UNITS_PER_MS      ((uint64_t)16000000)
#define UNITS_PER_SECOND  (1000 * UNITS_PER_MS)
#define GRANTS_PER_SECOND 50
/* Rounding must not cost the last of many small draws: a bucket is deeper by 64 ns. */
#define SLACK 1024
/* No debt is longer: a bucket that takes months to fill is as good as one that takes three years.
 */
#define TIME_MAX (UINT64_MAX / 12)

/* a * b / c, rounded down, or UINT64_MAX when it does not fit */
static uint64_t mul_div(uint64_t a, uint64_t b, uint64_t c)
{
#ifdef __SIZEOF_INT128__
    unsigned __int128 q = (unsigned __int128)a * b / c;
    return q > UINT64_MAX ? UINT64_MAX : (uint64_t)q;
#else
    long double q = (long double)a * (long double)b / (long double)c;
    return q >= 18446744073709551615.0L ? UINT64_MAX : (uint64_t)q;
#endif
}

/* The time in which n tokens flow in; rounded up, so that rounding never grants more than the rate.
 */
static uint64_t time_of(uint64_t n, uint64_t rate)
{
    uint64_t t = mul_div(n, UNITS_PER_SECOND, rate);
    if (t >= TIME_MAX)
        return TIME_MAX;
    return t + (n < UINT64_MAX / UNITS_PER_SECOND && n * UNITS_PER_SECOND % rate == 0 ? 0 : 1);
}

static uint64_t burst_of(struct gost_rate r)
{
    return r.burst ? r.burst : r.rate;
}

static uint64_t min3(uint64_t a, uint64_t b, uint64_t c)
{
    a = a < b ? a : b;
    return a < c ? a : c;
}

/* Takes between `least` and `most` tokens. */
static uint64_t take(struct gost_bucket *b, struct gost_rate r, uint64_t least, uint64_t most,
                     uint64_t now_ms, uint64_t *retry)
{
    uint64_t now = now_ms * UNITS_PER_MS, burst = burst_of(r);
    uint64_t capacity = time_of(burst, r.rate) + SLACK;
    uint64_t full_at = atomic_load_explicit(&b->full_at, memory_order_relaxed);
    for (;;) {
        uint64_t from = full_at > now ? full_at : now;
        uint64_t debt = from - now;
        uint64_t there = debt < capacity ? mul_div(capacity - debt, r.rate, UNITS_PER_SECOND) : 0;
        there = there < burst ? there : burst;
        if (there < least) {
            uint64_t wait = debt + time_of(least, r.rate);
            wait = wait > capacity ? wait - capacity : 1;
            *retry = now_ms + (wait + UNITS_PER_MS - 1) / UNITS_PER_MS;
            return 0;
        }
        uint64_t n = most < there ? most : there;
        if (atomic_compare_exchange_weak_explicit(&b->full_at, &full_at, from + time_of(n, r.rate),
                                                  memory_order_relaxed, memory_order_relaxed))
            return n;
    }
}

uint64_t gost_bucket_take(struct gost_bucket *b, struct gost_rate r, uint64_t want, uint64_t now,
                          uint64_t *retry)
{
    if (r.rate == 0 || want == 0)
        return want;
    uint64_t slice = r.rate / GRANTS_PER_SECOND;
    uint64_t least = min3(want, burst_of(r), slice ? slice : 1);
    return take(b, r, least, want, now, retry);
}

bool gost_bucket_take_all(struct gost_bucket *b, struct gost_rate r, uint64_t n, uint64_t now,
                          uint64_t *retry)
{
    if (r.rate == 0 || n == 0)
        return true;
    *retry = GOST_BUCKET_NEVER;
    return n <= burst_of(r) && take(b, r, n, n, now, retry) == n;
}

void gost_bucket_give(struct gost_bucket *b, struct gost_rate r, uint64_t n)
{
    if (r.rate == 0 || n == 0)
        return;
    uint64_t back = mul_div(n, UNITS_PER_SECOND, r.rate); /* rounded down: never more than it cost */
    uint64_t full_at = atomic_load_explicit(&b->full_at, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&b->full_at, &full_at,
                                                  full_at > back ? full_at - back : 0,
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
}

bool gost_bucket_idle(const struct gost_bucket *b, uint64_t now)
{
    return atomic_load_explicit(&b->full_at, memory_order_relaxed) <= now * UNITS_PER_MS;
}
