/**
 * Sockets: the bottom streams (TCP and Unix), how they are dialed, and how they are accepted.
 */
#ifndef GOST_NET_SOCKET_H
#define GOST_NET_SOCKET_H

#include "core/net/stream.h"
#include "core/runtime/loop.h"

/** What can be asked of a socket beside its address. All zero is a plain socket. */
struct gost_socket_options {
    bool keepalive;         /**< probe silent peers from the start, by the three values below */
    int keepalive_idle;     /**< seconds */
    int keepalive_interval; /**< seconds */
    int keepalive_count;
    int mark;              /**< SO_MARK; 0: none */
    int family;            /**< outgoing: AF_INET or AF_INET6 alone; 0: any */
    const char *netns;     /**< network namespace to make the socket in; NULL: this one */
    const char *interface; /**< outgoing: interface name or local IP; NULL: none */
    bool reuseport;        /**< listening: share the port with the other workers */
    bool claim;            /**< with reuseport: as the first; others must not have it yet */
    bool transparent;      /**< IP_TRANSPARENT */
    bool v6only;           /**< listening on "::": do not take IPv4 as well */
    bool mptcp;            /**< listening: multipath TCP, if the kernel has it */
};

/**
 * Wrap a connected, non-blocking socket. Registers it with this thread's loop.
 * @param fd        owned from now on, closed on failure too
 * @param[out] out  the bottom stream
 * @return 0 or a libuv code
 */
int gost_socket_wrap(int fd, struct gost_stream **out);

/**
 * Connect to one address. Suspends.
 * @return 0, GOST_ETIMEDOUT, GOST_ECANCELED or a libuv code with diag
 */
int gost_socket_connect(const union gost_sockaddr *to, const struct gost_socket_options *options,
                        uint64_t deadline, struct gost_stream **out);

/**
 * Connect to the first of several addresses that answers (RFC 8305: a new attempt starts 250 ms after
 * the last one or as soon as it failed; the losers are closed). Suspends.
 * @param addrs  in the order to try; see gost_addrs_sort (net/resolve.h)
 * @return 0, or the code of the most telling failure with diag
 */
int gost_socket_race(const union gost_sockaddr *addrs, size_t count,
                     const struct gost_socket_options *options, uint64_t deadline,
                     struct gost_stream **out);

/** Let the kernel probe a silent peer, so that a dead one is found within minutes. Not TCP: no-op. */
void gost_socket_keepalive(int fd);

/**
 * How often in a row the kernel has sent the same bytes again without an answer (each time it waits twice
 * as long, from 200 ms on): 0 on a connection that works, 3 after some 1.5 seconds, 5 after 6.
 * Not TCP: 0.
 */
unsigned gost_socket_retries(int fd);

/** Move the descriptor out of a bottom stream and free the stream. @return the descriptor */
int gost_socket_unwrap(struct gost_stream *s);

/* For the pump: how ready the socket at the bottom is, with gost_watch's bits. Asserts that it is one. */
struct gost_watch *gost__socket_watch(struct gost_stream *s);

/** Is this stream a bare socket? */
bool gost_stream_is_socket(const struct gost_stream *s);

/** A listening socket. */
struct gost_acceptor {
    struct gost_watch watch;
    struct gost_task again; /**< the next batch of accepts */
    struct gost_timer rest; /**< while descriptors are out (EMFILE) */
    union gost_sockaddr addr;
    bool reserved; /**< it has its part in the descriptor that the worker keeps in reserve */
    /**
     * A connection came. `fd` is non-blocking and owned by the callee.
     */
    void (*on_accept)(struct gost_acceptor *a, int fd, const union gost_sockaddr *peer);
    void *user;
    uint64_t refused; /**< connections turned away for want of descriptors */
};

/**
 * Listen.
 * @param addr     with port 0, the kernel picks one; see a->addr
 * @param backlog  as listen(2)
 * @return 0 or a libuv code with diag ("listen on 0.0.0.0:80: permission denied")
 */
int gost_acceptor_listen(struct gost_acceptor *a, const union gost_sockaddr *addr,
                         const struct gost_socket_options *options, int backlog);

/** Take over a socket that listens already; owned from now on. */
int gost_acceptor_adopt(struct gost_acceptor *a, int fd);

/** Give the listening descriptor away; the acceptor is closed then. @return the descriptor */
int gost_acceptor_release(struct gost_acceptor *a);

/** Stop listening and close; connections waiting in the backlog are lost. */
void gost_acceptor_close(struct gost_acceptor *a);

#endif
