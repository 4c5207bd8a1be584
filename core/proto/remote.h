/**
 * Listening at the far end of a proxy: the client's side (a remote), and the proxy's (gost__publish).
 *
 * The proxy listens, and carries each visitor to the client as a stream of a multiplexer on the
 * control connection. Every stream begins with an announcement: a reply of the protocol that names
 * the visitor.
 */
#ifndef GOST_PROTO_REMOTE_H
#define GOST_PROTO_REMOTE_H

#include "core/proto/conn.h"
#include "core/transport/mux.h"

/** A listening socket at a node; made by a connector's `bind`. */
struct gost_remote;

/** How a protocol says "this visitor is here" in front of a stream's bytes. */
struct gost_announcement {
    /**
     * Read it from a new stream; suspends.
     * @param[out] peer  the visitor; family AF_UNSPEC when it has no IP address
     * @return 0 or a negative code with diag
     */
    int (*receive)(struct gost_stream *s, union gost_sockaddr *peer, uint64_t deadline);
    /** Write it; NULL: visitors come without. @return bytes, 0 when they do not fit */
    size_t (*encode)(uint8_t *buf, size_t cap, const union gost_sockaddr *peer);
};

/**
 * Take over a control connection on which the node said that it listens.
 * @param[in,out] io  owned from now on, set to NULL; unchanged on failure
 * @param where       what the node says it listens at
 * @param a           static
 * @return 0 or a negative code
 */
int gost__remote_new(struct gost_stream **io, const struct gost_mux_options *mux,
                     const struct gost_announcement *a, const struct gost_addr *where,
                     struct gost_remote **out);

/**
 * The same where the node listens for datagrams and carries them, with addresses, as one packet.
 * @param[in,out] packet  owned from now on, set to NULL; unchanged on failure
 */
int gost__remote_new_packet(struct gost_packet **packet, const struct gost_addr *where,
                            struct gost_remote **out);

/** The same, where the datagrams are framed on a stream. @param[in,out] io  as `packet` above */
int gost__remote_new_framed(struct gost_stream **io, const struct gost_addr *where,
                            struct gost_remote **out);

/** Take the packet out, for gost_packet_sessions; NULL when there is none: visitors are streams. */
struct gost_packet *gost_remote_take_packet(struct gost_remote *r);

/** Where the node says that it listens. */
const struct gost_addr *gost_remote_addr(const struct gost_remote *r);

/**
 * Hear of visitors, until gost_remote_close; from the loop or a fiber.
 * @param on_visitor  owns the stream
 * @param on_end      the control connection is lost: let go of the remote. At most once
 */
void gost_remote_listen(struct gost_remote *r,
                        void (*on_visitor)(void *user, struct gost_stream **s,
                                           const union gost_sockaddr *peer),
                        void (*on_end)(void *user, int rc), void *user);

/** Stop listening at the node; visitors that are here stay. NULL is fine. */
void gost_remote_close(struct gost_remote *r);

/* --- the proxy's side ----------------------------------------------------------------------- */

/** A socket of this host that listens for a client. */
struct gost_publication;

/**
 * Listen.
 * @param at        host "" or "0.0.0.0": all addresses of both families; GOST_UNIX: a path
 * @param[out] out  tells where: gost__publication_addr
 * @return 0 or a libuv code with diag
 */
int gost__publication_new(const struct gost_addr *at, enum gost_network network,
                          struct gost_publication **out);
const union gost_sockaddr *gost__publication_addr(const struct gost_publication *p);
void gost__publication_delete(struct gost_publication *p); /**< NULL is fine */

/**
 * Carry visitors to the client of `c` until its control connection ends; suspends. Takes the client's
 * stream and `p` over. The answer to the request was written before.
 * @return 0 or a negative code
 */
int gost__publish(struct gost_conn *c, struct gost_publication *p,
                  const struct gost_mux_options *mux, const struct gost_announcement *a);

/**
 * Accept exactly one visitor, as SOCKS5's BIND does; suspends. Ends early when the client leaves.
 * @return 0, GOST_ETIMEDOUT, GOST_EOF …
 */
int gost__publication_accept(struct gost_conn *c, struct gost_publication *p, uint64_t deadline,
                             struct gost_stream **visitor, union gost_sockaddr *peer);

#endif
