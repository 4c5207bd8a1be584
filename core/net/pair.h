/**
 * Two connected streams in memory: what is written to one is read from the other.
 *
 * Each direction is a queue with a limit, so back-pressure, half-close and the end of the stream are
 * those of a socket. Wakers fire from the loop, never from inside a call on the other end.
 */
#ifndef GOST_NET_PAIR_H
#define GOST_NET_PAIR_H

#include "core/net/stream.h"

/**
 * Make a pair on this thread's loop.
 * @param limit      bytes that wait in a direction before writes answer GOST_WANT_WRITE; > 0
 * @param[out] a, b  the ends, owned by the caller; each is closed by itself
 * @return 0, or GOST_ENOMEM with diag
 */
int gost_pair_new(size_t limit, struct gost_stream **a, struct gost_stream **b);

#endif
