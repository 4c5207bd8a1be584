/**
 * Several attempts to open a stream side by side, of which the first that succeeds counts.
 */
#ifndef GOST_ROUTE_RACE_H
#define GOST_ROUTE_RACE_H

#include "core/net/stream.h"

enum { GOST_RACE_MAX = 32 };

/** One attempt, on a fiber of its own that is cancelled once another one has won. Suspends. */
typedef int gost_attempt_fn(void *arg, size_t index, uint64_t deadline, struct gost_stream **out);

/**
 * Make all attempts at once. Suspends; every attempt has ended when this returns.
 * @param count        1 to GOST_RACE_MAX
 * @param[out] winner  which one succeeded
 * @return 0, or a negative code with the diag of the attempt that failed last
 */
int gost__race(size_t count, gost_attempt_fn *attempt, void *arg, uint64_t deadline,
               struct gost_stream **out, size_t *winner);

#endif
