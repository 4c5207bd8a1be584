/**
 * The sessions of a packet whose datagrams carry addresses: a packet for each peer that sends to it,
 * as net/udp_sessions.h has them for a socket. For listeners at the far end of a proxy.
 *
 * Datagrams wait in a bounded queue of their session; those that it has no room for are lost, and so
 * is what the way back has no room for.
 */
#ifndef GOST_NET_PACKET_SESSIONS_H
#define GOST_NET_PACKET_SESSIONS_H

#include "core/net/packet.h"
#include "core/net/udp_table.h"
#include "core/runtime/loop.h"

struct gost_packet_sessions {
    uint32_t refs;              /**< one of the owner, one of each session, one of its task */
    struct gost_packet *bottom; /**< NULL once it has ended */
    struct gost_waker waker;
    struct gost_task task; /**< what there is to do after the waker has fired */
    struct gost_udp_table table;
    struct gost_list ready; /**< sessions with news, while they are told */
    size_t sessions_max;    /**< at a time; new peers beyond are not heard */
    size_t queue_max;       /**< datagrams that wait in a session */
    uint64_t ttl_ms;        /**< given to each session's packet */
    bool listening;
    /** A new peer. The callee owns `*p`, which is set to NULL then. */
    void (*on_session)(void *user, struct gost_packet **p, const union gost_sockaddr *peer);
    /** The packet below has ended; the sessions end with it. Not after close. */
    void (*on_end)(void *user, int rc);
    void *user;
};

/**
 * Start to listen; the fields from `sessions_max` on are the caller's to set before the loop turns.
 * @param bottom  owned, set to NULL; unchanged on failure
 * @return 0 or GOST_ENOMEM
 */
int gost_packet_sessions_new(struct gost_packet **bottom, struct gost_packet_sessions **out);

/** No new sessions; the packet below is closed with the last one. NULL is fine. */
void gost_packet_sessions_close(struct gost_packet_sessions *u);

#endif
