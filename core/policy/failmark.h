/**
 * The failure mark of a node: how often it failed in a row, and when last. Atomic, so that all
 * workers may share one; zeroed memory is a fresh mark.
 */
#ifndef GOST_POLICY_FAILMARK_H
#define GOST_POLICY_FAILMARK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct gost_failmark {
    _Atomic uint64_t last;  /**< of the last failure, milliseconds of the monotonic clock */
    _Atomic uint32_t count; /**< failures since the last success */
    _Atomic int64_t latency; /**< of the last probe, see gost_failmark_latency; zero: there was none */
};

enum {
    GOST_MAX_FAILS = 1,           /**< used for max_fails <= 0 */
    GOST_FAIL_TIMEOUT = 10 * 1000 /**< milliseconds, used for fail_timeout <= 0 */
};

/** Note a failure. @return the count that it makes */
uint32_t gost_failmark_fail(struct gost_failmark *m, uint64_t now);

/** Note a success. @return the count that it ends: > 0 when the node may just have come back */
uint32_t gost_failmark_reset(struct gost_failmark *m);

/** @return failures since the last success */
uint32_t gost_failmark_count(struct gost_failmark *m);

/** Note what a probe found: milliseconds, or GOST_LATENCY_FAILED (select.h). */
void gost_failmark_set_latency(struct gost_failmark *m, int64_t latency);

/** @return milliseconds of the last probe, GOST_LATENCY_UNKNOWN or GOST_LATENCY_FAILED */
int64_t gost_failmark_latency(const struct gost_failmark *m);

/**
 * Is the node to be avoided now? After the time-out it may be tried again, but its count stays: one
 * more failure and it is avoided again, one success and it is as new.
 * @param max_fails     failures in a row that make it so
 * @param fail_timeout  milliseconds since the last one
 */
bool gost_failmark_failed(struct gost_failmark *m, uint64_t now, int max_fails,
                          int64_t fail_timeout);

#endif
