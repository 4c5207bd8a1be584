/**
 * Datagrams that the kernel took away from their destinations (Linux's TPROXY): one socket that
 * hears them all, and a packet for each flow, that is for each pair of a sender and a destination.
 *
 * Each flow has a socket of its own, which is bound to the destination, an address of somebody
 * else, and connected to the sender: answers come from where the sender expects them, and the
 * kernel hands the flow's further datagrams to that socket. The listening socket sees a flow's
 * first ones only.
 */
#ifndef GOST_NET_UDP_FLOWS_H
#define GOST_NET_UDP_FLOWS_H

#include "core/base/map.h"
#include "core/net/udp_sessions.h"

struct gost_udp_flows {
    uint32_t refs; /**< one of the listener, one of each flow, one of a dispatch */
    struct gost_watch watch;
    union gost_sockaddr addr;      /**< where it listens */
    const char *netns;             /**< of the flows; NULL: none */
    struct gost_udp_limits limits; /**< stateless and may_replace do not count */
    struct gost_map flows;         /**< by sender and destination */
    size_t pending;                /**< flows that nobody reads from yet */
    struct gost_task again;        /**< more is to be received, after others had their turn */
    bool listening;
    uint64_t dropped;    /**< datagrams that found no room */
    uint64_t complained; /**< when a flow last could not be opened and the log was told */
    /**
     * May there be a flow to that destination? Asked for each datagram of an unknown one; NULL:
     * always. @return 0, or a negative code with diag
     */
    int (*allow)(struct gost_udp_flows *u, const union gost_sockaddr *dest);
    /**
     * A new flow; GOST_QUERY_LOCAL_ADDR tells its destination. The callee owns `*p`; it is set to NULL
     * then.
     */
    void (*on_flow)(struct gost_udp_flows *u, struct gost_packet **p,
                    const union gost_sockaddr *peer);
    void *user;
};

/**
 * Open the socket and listen. Needs the right to be transparent (CAP_NET_ADMIN).
 * @param addr  with port 0 the kernel picks one; see (*out)->addr
 * @return 0 or a libuv code with diag
 */
int gost_udp_flows_new(const union gost_sockaddr *addr, const struct gost_socket_options *options,
                       const struct gost_udp_limits *limits, struct gost_udp_flows **out);

/** No new flows from now on; those there go on. NULL is fine. */
void gost_udp_flows_close(struct gost_udp_flows *u);

#endif
