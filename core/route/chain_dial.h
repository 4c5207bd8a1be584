/**
 * One attempt to reach a target through a chain.
 */
#ifndef GOST_ROUTE_CHAIN_DIAL_H
#define GOST_ROUTE_CHAIN_DIAL_H

#include "core/route/end.h"
#include "core/route/hop.h"

/**
 * Dial through a chain, which the caller holds a reference of. Suspends.
 * @param original     what a group chooses its member by
 * @param request      what is asked of the chain: the same, with the name looked up
 * @param[out] routed  whether any node was used; a chain that was bypassed altogether is direct, and
 *                     nothing is dialed then
 * @param route        freed and set to the way taken, malloc'ed
 * @return 0 or a negative code with diag
 */
int gost__chain_try(struct gost_chain *chain, struct gost_conn *c,
                    const struct gost_request *original, const struct gost_request *request,
                    uint64_t deadline, bool *routed, const struct gost__end *to, char **route);

#endif
