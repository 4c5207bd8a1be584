/**
 * A token bucket in one atomic word, so that any number of workers may draw from it without a lock.
 *
 * The word is the time at which the bucket will be full again. Taking tokens moves it into the
 * future; a bucket whose time has come is full, whatever happened before. Zeroed memory is full.
 */
#ifndef GOST_POLICY_BUCKET_H
#define GOST_POLICY_BUCKET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct gost_bucket {
    _Atomic uint64_t full_at; /**< in 1/16 ns of the monotonic clock */
};

/** What fills a bucket; kept beside it, so that a reload may change it while tokens are out. */
struct gost_rate {
    uint64_t rate;  /**< tokens per second; 0: unlimited */
    uint64_t burst; /**< tokens that fit; 0: one second's worth */
};

/** "Never": more was asked for than the bucket holds. */
#define GOST_BUCKET_NEVER UINT64_MAX

/**
 * Take what is there, up to `want`. Crumbs are not handed out: a grant is 20 ms worth of tokens at
 * least (or all of `want`, or the whole burst, if that is less).
 * @param now         milliseconds of the monotonic clock
 * @param[out] retry  when nothing was granted: the time at which something will be
 * @return tokens granted, 0 to want
 */
uint64_t gost_bucket_take(struct gost_bucket *b, struct gost_rate r, uint64_t want, uint64_t now,
                          uint64_t *retry);

/**
 * Take all of `n` or nothing.
 * @param[out] retry  on failure: when to try again, or GOST_BUCKET_NEVER
 */
bool gost_bucket_take_all(struct gost_bucket *b, struct gost_rate r, uint64_t n, uint64_t now,
                          uint64_t *retry);

/** Put back tokens that were taken and not used. */
void gost_bucket_give(struct gost_bucket *b, struct gost_rate r, uint64_t n);

/** Is it full? Then forgetting it changes nothing. */
bool gost_bucket_idle(const struct gost_bucket *b, uint64_t now);

#endif
