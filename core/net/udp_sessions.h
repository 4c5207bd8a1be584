/**
 * The sessions of a UDP listener: one socket, and a packet for each peer that sends to it.
 *
 * A datagram of an unknown peer makes a session. Until somebody reads from it, and whenever its
 * reader is behind, its datagrams wait in a bounded queue; a reader that keeps up gets them out of
 * the socket's own batch, uncopied. What sessions send is gathered and leaves as one batch a turn.
 */
#ifndef GOST_NET_UDP_SESSIONS_H
#define GOST_NET_UDP_SESSIONS_H

#include "core/net/packet.h"
#include "core/net/socket.h"
#include "core/net/udp_table.h"

/** What bounds the sessions of one socket. */
struct gost_udp_limits {
    size_t sessions; /**< at a time; beyond that new peers are not heard */
    size_t pending;  /**< sessions that nobody reads from yet; likewise */
    size_t queue;    /**< datagrams that wait in a session; more are dropped */
    size_t datagram; /**< bytes of the longest one; longer ones are dropped */
    uint64_t ttl_ms; /**< given to each session's packet */
    bool stateless; /**< every datagram is a session of its own, which ends with the first answer */
    bool may_replace; /**< where sessions are full, one whose datagrams were all answered makes room
                       */
};

struct gost_udp_session;
struct gost__udp_local;

struct gost_udp_sessions {
    uint32_t refs; /**< one of the listener, one of each session, one of a dispatch */
    struct gost_watch watch;
    union gost_sockaddr addr; /**< where it listens */
    struct gost_udp_limits limits;
    struct gost_udp_table table;
    size_t count, pending;  /**< sessions; those in the table are fewer when it is stateless */
    struct gost_list ready; /**< sessions with datagrams in `in`, while that is dispatched */
    struct gost_batch *in;  /**< the batch being dispatched, or NULL */
    int16_t next[GOST_BATCH_MAX]; /**< the datagram of the same session behind each of `in`; -1: none */
    struct gost__udp_local *local; /**< of `in`, then of `out`, if it listens on all addresses; or NULL */
    struct gost_batch *out;        /**< what is to be sent this turn, or NULL */
    int out_count;
    size_t out_bytes;
    struct gost_task flush;
    struct gost_task again; /**< more is to be received, after others had their turn */
    bool gso;
    bool listening;   /**< new peers are welcome */
    uint64_t dropped; /**< datagrams that found no room: too many sessions, full queues, too long */
    /**
     * A new peer. The callee owns `*p`, and may read from it at once; it is set to NULL then.
     */
    void (*on_session)(struct gost_udp_sessions *u, struct gost_packet **p,
                       const union gost_sockaddr *peer);
    void *user;
};

/**
 * Open the socket and listen.
 * @param addr  with port 0 the kernel picks one; see (*out)->addr
 * @return 0 or a libuv code with diag
 */
int gost_udp_sessions_new(const union gost_sockaddr *addr, const struct gost_socket_options *options,
                          const struct gost_udp_limits *limits, struct gost_udp_sessions **out);

/**
 * No new sessions from now on; those there end as soon as all their datagrams are answered, and the
 * socket closes with the last one. NULL is fine.
 */
void gost_udp_sessions_close(struct gost_udp_sessions *u);

#endif
