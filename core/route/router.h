/**
 * The router: from what a client asked for to an open stream, by the service's rules: hosts,
 * resolver, chain, retries.
 */
#ifndef GOST_ROUTE_ROUTER_H
#define GOST_ROUTE_ROUTER_H

#include "core/route/hop.h"

enum { GOST_DIAL_TIMEOUT = 15 * 1000 }; /**< milliseconds of one attempt, unless configured */

/** What a script decided about one request, see gost_hooks.route. */
struct gost_decision {
    enum {
        GOST_ROUTE_FOLLOW, /**< go on as configured */
        GOST_ROUTE_DIRECT, /**< without any chain */
        GOST_ROUTE_DENY,
        GOST_ROUTE_CHAIN, /**< through `chain` */
    } kind;
    struct gost_chain *chain; /**< with a reference; NULL unless CHAIN */
    struct gost_addr addr;    /**< go there instead; host "" when unchanged */
};

struct gost_router {
    struct gost_chain *chain;       /**< owned reference; NULL: direct */
    struct gost_hosts *hosts;       /**< owned reference or NULL */
    struct gost_resolver *resolver; /**< owned reference or NULL: the system's */
    int retries;                    /**< further attempts after the first */
    int64_t timeout;                /**< milliseconds of one attempt; < 0: none, 0: the default */
    struct gost_socket_options socket; /**< of direct dials */
    char *interface;                   /**< what socket.interface points to */
    char *netns;                       /**< what socket.netns points to */
};

void gost_router_destroy(struct gost_router *r);

/**
 * Connect to a request's target. Suspends.
 * @param c      whose request; NULL for a script's own dial
 * @param chain  use this instead of the router's; NULL: the router's own
 * @param direct use no chain at all
 * @param[out] route  the way taken, "node-0@1.2.3.4:80 > …", malloc'ed; NULL when direct
 * @return 0 or a negative code with the whole story
 */
int gost_router_dial(struct gost_router *r, struct gost_conn *c, const struct gost_request *request,
                     struct gost_chain *chain, bool direct, struct gost_stream **out, char **route);

/**
 * The same for datagrams, for a request of GOST_UDP. With an empty host and port 0, any destination can
 * be reached: a chain's last node looks names up itself then, without one they must be looked up before.
 * @param[out] routed  whether any node was used; may be NULL
 */
int gost_router_dial_packet(struct gost_router *r, struct gost_conn *c,
                            const struct gost_request *request, struct gost_chain *chain,
                            bool direct, struct gost_packet **out, char **route, bool *routed);

/**
 * Listen at the far end of the router's chain. Suspends.
 * @param[out] out  the caller owns it: gost_remote_close (proto/remote.h)
 * @return 0, GOST_ENONODE without a chain or node, GOST_ENOTSUP when the last node's protocol cannot
 *         listen, or another negative code with the whole story
 */
int gost_router_bind(struct gost_router *r, const struct gost_request *request, uint64_t deadline,
                     struct gost_remote **out);

/** Connect through one chain, without a router's hosts and retries. Suspends. As gost_router_dial. */
int gost_chain_dial(struct gost_chain *chain, struct gost_conn *c,
                    const struct gost_request *request, uint64_t deadline, struct gost_stream **out,
                    char **route);

#endif
