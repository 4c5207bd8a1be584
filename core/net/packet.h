/**
 * Packets: non-blocking ways for datagrams, beside streams (net/stream.h).
 *
 * A packet is a table of operations that move batches of datagrams; UDP sockets (net/udp.h) and the
 * sessions of a UDP listener (net/udp_sessions.h) are the bottom ones, adapters put datagrams into
 * a stream. No operation waits: what cannot be done now answers GOST_WANT_READ or GOST_WANT_WRITE,
 * and the waker fires when it is worth trying again. Established pairs are moved by
 * net/packet_pump.h.
 *
 * A packet is either connected, and its datagrams carry no address, or each datagram names its far
 * end: the source when received, the destination when sent.
 */
#ifndef GOST_NET_PACKET_H
#define GOST_NET_PACKET_H

#include "core/net/stream.h"

enum {
    GOST_BATCH_MAX = 64,       /**< datagrams that are moved at once */
    GOST_DATAGRAM_MAX = 65535, /**< bytes of the longest one */
    /** Rooms for datagrams lie so far apart: their beginnings fall into different cache lines. */
    GOST_BATCH_STRIDE = 65536 + 192,
};

/** All pointers are borrowed. */
struct gost_datagram {
    uint8_t *data;
    uint32_t len;
    uint32_t head_len; /**< of bytes in `head` to be sent in front of the data; 0 when received */
    const uint8_t *head;
    const union gost_sockaddr *addr; /**< the far end; NULL: the only one there is, or `name` */
    const struct gost_addr *name;    /**< the far end where it is a name; else NULL */
};

/**
 * Where datagrams are received: memory for a whole batch, taken from a pool for the length of one
 * call chain that does not suspend. What lies in it is lost when it is given back.
 */
struct gost_batch {
    struct gost_datagram d[GOST_BATCH_MAX];
    union gost_sockaddr addr[GOST_BATCH_MAX]; /**< what d[].addr points to, mostly */
    struct gost_addr *name;                   /**< GOST_BATCH_MAX names, for whoever needs them */
    void *io;                                 /**< of the sockets: headers for recvmmsg(2) */
    struct gost_batch *next;                  /**< in the pool */
    uint8_t room[GOST_BATCH_MAX * GOST_BATCH_STRIDE];
};

/** The place for datagram `i`, GOST_DATAGRAM_MAX bytes. */
static inline uint8_t *gost_batch_room(struct gost_batch *b, int i)
{
    return b->room + (size_t)i * GOST_BATCH_STRIDE;
}

/** @return never NULL (aborts when memory is out at the first use) */
struct gost_batch *gost_batch_take(void);
void gost_batch_give(struct gost_batch *b);

/** Free the pool of this thread. */
void gost_batch_cleanup(void);

struct gost_packet;

struct gost_packet_ops {
    const char *name;
    /**
     * Receive what is there. The data may lie elsewhere than in `b`; it is good until the caller
     * gives `b` back or lets others run, whichever is first.
     * @return datagrams (> 0) in b->d, 0 at the end (a session was closed, a stream ended),
     *         GOST_WANT_*, or a negative code with diag. What concerns single datagrams (refused
     *         ones, too long ones) is no error.
     */
    int (*recv)(struct gost_packet *p, struct gost_batch *b);
    /**
     * Send what can be taken now. A datagram that can never be sent is dropped and counts as taken.
     * @return datagrams taken (> 0), GOST_WANT_*, or a negative code with diag
     */
    int (*send)(struct gost_packet *p, const struct gost_datagram *d, int count);
    /** Install the waker of one side (NULL: none). Fires on any progress; it is a hint. */
    void (*set_waker)(struct gost_packet *p, enum gost_side side, struct gost_waker *w);
    /** @return 0, or GOST_ENOTSUP */
    int (*query)(struct gost_packet *p, enum gost_query what, void *out);
    /** Close and free it, with all that it owns. */
    void (*destroy)(struct gost_packet *p);
};

struct gost_packet {
    const struct gost_packet_ops *ops;
    uint64_t ttl_ms; /**< end it after so long without a datagram, unless told otherwise; 0: never */
    uint64_t dropped; /**< datagrams that were lost here: too long, no room, no such destination */
};

static inline int gost_packet_recv(struct gost_packet *p, struct gost_batch *b)
{
    return p->ops->recv(p, b);
}

static inline int gost_packet_send(struct gost_packet *p, const struct gost_datagram *d, int count)
{
    return p->ops->send(p, d, count);
}

static inline void gost_packet_set_waker(struct gost_packet *p, enum gost_side side,
                                         struct gost_waker *w)
{
    p->ops->set_waker(p, side, w);
}

static inline int gost_packet_query(struct gost_packet *p, enum gost_query what, void *out)
{
    return p->ops->query(p, what, out);
}

/** NULL is fine. */
void gost_packet_close(struct gost_packet *p);

/** Datagrams that were copied to be sent later. */
struct gost_kept {
    int from, count;          /**< d[from .. count) are still to be sent */
    struct gost_datagram d[]; /**< with all that they point to behind */
};

/**
 * Copy datagrams with their addresses; `head`s are not kept.
 * @param max         bytes: the first one that goes beyond is left out, with those behind it
 * @param[out] copied  how many were copied
 * @return to be freed with free(); NULL when nothing was copied, or memory is out
 */
struct gost_kept *gost_kept_new(const struct gost_datagram *d, int count, size_t max, int *copied);

#endif
