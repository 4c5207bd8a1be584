/**
 * One session of a UDP listener, for the files udp_session*.c alone.
 */
#ifndef GOST_NET_UDP_SESSION_INT_H
#define GOST_NET_UDP_SESSION_INT_H

#include "core/net/udp.h"
#include "core/net/udp_sessions.h"

/** A datagram that waits. */
struct gost__udp_queued {
    struct gost__udp_queued *next;
    uint32_t len;
    uint8_t data[];
};

struct gost_udp_session {
    struct gost_packet base;
    struct gost_udp_sessions *owner; /**< a reference */
    struct gost_udp_entry entry;
    struct gost__udp_local local; /**< which of our addresses the peer knows */
    struct gost_list ready;       /**< in owner->ready */
    struct gost_waker *waker[2];  /**< by enum gost_side */
    int16_t first, last;          /**< its datagrams in owner->in; -1: none */
    struct gost__udp_queued *queue, **queue_end;
    size_t queue_count, queue_bytes;
    uint64_t asked, answered; /**< datagrams in and out */
    uint64_t used;            /**< when one came last */
    bool pending;             /**< nobody has read from it yet */
    bool in_table;
    bool ended; /**< it makes room for another, or has its answer: the reader is told */
    bool fresh; /**< not announced yet */
};

/** Make a session for a peer that has none yet. @return it, or NULL without room or memory */
struct gost_udp_session *gost__udp_session_new(struct gost_udp_sessions *u, uint64_t hash,
                                               const union gost_sockaddr *peer);

/** Tell the reader of the end; whoever owns the session closes it then. */
void gost__udp_session_end(struct gost_udp_session *s);

/** Copy what the reader did not take of owner->in to the session's queue. */
void gost__udp_session_keep(struct gost_udp_session *s);

/** Gather a datagram to be sent at the end of the turn. */
void gost__udp_out_put(struct gost_udp_session *s, const struct gost_datagram *d);

/** Give up one hold on the socket; the last one closes it. */
void gost__udp_sessions_unref(struct gost_udp_sessions *u);

#endif
