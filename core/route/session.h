/**
 * A session: one client connection from accept to close, with its fiber first and its pump then.
 */
#ifndef GOST_ROUTE_SESSION_H
#define GOST_ROUTE_SESSION_H

#include "core/net/far.h"
#include "core/net/packet_pump.h"
#include "core/net/pump.h"
#include "core/route/service.h"

struct gost_session {
    struct gost_conn conn;
    struct gost_service *service; /**< a reference */
    struct gost_list link;        /**< in service->sessions */
    struct gost_list all;         /**< in the worker's list */
    struct gost_fiber *fiber;     /**< while it serves; NULL once the pump runs */
    union {
        struct gost_pump pump;           /**< once `pumping` */
        struct gost_packet_pump packets; /**< instead, with `datagrams` */
    };
    struct gost_far *far; /**< owned; the pump runs at another worker, which has the way */
    void (*rest_stop)(void *arg, int rc); /**< while it rests: ends that */
    void *rest_arg;
    char *rest_story; /**< owned; of rest_rc */
    int rest_rc;
    bool resting;                      /**< what serves it needs neither fiber nor pump */
    bool pumping;                      /**< both streams belong to the pump */
    bool datagrams;                    /**< it is the packet pump that has them */
    bool pumped;                       /**< and it has ended */
    bool quiet;                        /**< its end is nobody's interest */
    struct gost_conn_hold hold;        /**< what it counts for in the connection limiter */
    struct gost_traffic_conn *traffic; /**< owned; NULL when the service has no limiter */
    uint64_t in, out;                  /**< bytes that handlers moved themselves */
    struct gost_node *target;          /**< of the last forward, with a reference; or NULL */
    struct gost_hop *target_hop;       /**< that it was chosen from; likewise */
    uint32_t served_as;                /**< nesting of serve_as */
    uint32_t helpers;                  /**< other fibers that work for it; it outlives them */
    void *script;                      /**< the Lua object, while one exists */
    void (*script_drop)(struct gost_session *s);
};

static inline struct gost_session *gost_session_of(struct gost_conn *c)
{
    return gost_container_of(c, struct gost_session, conn);
}

/** Begin to serve a stream; owns it. Ends by itself. */
void gost__session_start(struct gost_service *service, struct gost_stream **stream,
                         const union gost_sockaddr *peer);

/** The same for a client that speaks in datagrams. */
void gost__session_start_packet(struct gost_service *service, struct gost_packet **packet,
                                const union gost_sockaddr *peer);

/** End it soon, whatever it does. */
void gost_session_kill(struct gost_session *s);

/** Hand the client's stream and `*up` to the pump. @return 0 */
int gost__session_relay(struct gost_session *s, struct gost_stream **up);

/** The connection is over: report, count, free. @param error  of rc, or NULL */
void gost__session_end(struct gost_session *s, int rc, const char *error);

/** What moved its bytes has ended, and so does the session; may suspend, in its close hook. */
void gost__session_relayed(void *session);

/** End what moves its bytes; the session follows. */
void gost__session_stop_relay(struct gost_session *s, int rc);

/** As gost_conn_ops.is_movable and relay_far. */
bool gost__session_is_movable(struct gost_session *s);
int gost__session_relay_far(struct gost_session *s, struct gost_far **far);

/** Hand the client's packet and `*up` to the packet pump. @return as gost_conn_ops.relay_packet */
int gost__session_relay_packet(struct gost_session *s, struct gost_packet **up, bool once);

/** As gost_conn_ops.rest and rested. */
void gost__session_rest(struct gost_session *s, void (*stop)(void *arg, int rc), void *arg);
void gost__session_rested(struct gost_session *s, int rc, const char *story);

/** A helping fiber, which counted itself in s->helpers, has ended; the session may end with it. */
void gost__session_helped(struct gost_session *s);

/**
 * Move the bytes through the service's stream hook, on fibers, until both directions ended; suspends.
 * @return 0 or a negative code
 */
int gost__session_copy(struct gost_session *s, struct gost_stream **up);

/** Bytes so far: received from the client, sent to it. */
void gost_session_bytes(const struct gost_session *s, uint64_t *in, uint64_t *out);

/**
 * May the client send datagrams to `r`, and where do they go? Asks the route hook and the bypasses;
 * suspends.
 * @param r  its address may be replaced
 * @return 0, or GOST_EDENIED or another negative code with diag
 */
int gost__session_allow_packet(struct gost_session *s, struct gost_request *r);

/**
 * Look a name up for a datagram: the resolve hook, hosts, the resolver; suspends.
 * @param only_rules  no further than what the service says: without it the name stays one
 * @return 1: `out` is the address, 0: it stays a name, or a negative code with diag
 */
int gost__session_resolve(struct gost_session *s, const struct gost_addr *addr, bool only_rules,
                          union gost_sockaddr *out);

/**
 * A packet over `bottom` that lets each new destination be allowed and looked up first.
 * @param bottom  owned on success
 * @param routed  it goes through a chain, whose end looks names up
 */
int gost__association_new(struct gost_session *s, struct gost_packet *bottom, bool routed,
                          struct gost_packet **out);

/** The operations that handlers use (session_ops.c). */
extern const struct gost_conn_ops gost__session_ops;

#endif
