/**
 * Streams: non-blocking byte pipes in layers.
 *
 * A stream is a table of operations over the stream below it; a socket (net/socket.h) is the bottom
 * one. No operation ever waits: what cannot be done now answers GOST_WANT_READ or GOST_WANT_WRITE, and
 * the stream's waker fires when it is worth trying again. Fibers wait through net/io.h, established
 * pairs are moved by net/pump.h; nobody else waits.
 *
 * A layer keeps no buffer while it is idle: it works in gost_scratch_take() memory and keeps only what
 * the other side could not take.
 *
 * Ownership: a stream owns the one below. Closing the top closes all.
 */
#ifndef GOST_NET_STREAM_H
#define GOST_NET_STREAM_H

#include "core/base/addr.h"
#include "core/runtime/fiber.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct gost_stream;

/** Whose sleep a waker ends: one reader and one writer may wait on a stream at a time. */
enum gost_side { GOST_READER, GOST_WRITER };

/** What a stream can be asked; a layer that does not know passes the question down. */
enum gost_query {
    GOST_QUERY_FD,         /**< int *: descriptor that carries these very bytes (for splice); only
                              without transforming layers or pushed-back bytes */
    GOST_QUERY_LOCAL_ADDR, /**< union gost_sockaddr * */
    GOST_QUERY_PEER_ADDR,  /**< union gost_sockaddr * */
    GOST_QUERY_TLS,        /**< struct gost_tls_info * (transport/tls.h) */
    GOST_QUERY_GONE, /**< bool *: the peer has let go of the stream, and nobody reads what is written;
                        only of streams that learn of it without a write */
    GOST_QUERY_ROOM, /**< size_t *: bytes that a write would take now; 0: none until the writer's waker
                        fires; SIZE_MAX: it would fail. Only of streams that know, those of a
                        multiplexer */
    GOST_QUERY_CARRIER, /**< int *: descriptor of the socket at the bottom, whatever lies above */
};

struct gost_stream_ops {
    const char *name;
    /**
     * Finish what has to happen before the first byte (a TLS handshake). May be called until done.
     * @return 0, GOST_WANT_*, or a negative code with diag
     */
    int (*open)(struct gost_stream *s);
    /**
     * Read up to `n` > 0 bytes.
     * @return bytes, 0 at the end of the stream, GOST_WANT_*, or a negative code with diag
     */
    ssize_t (*read)(struct gost_stream *s, void *buf, size_t n);
    /**
     * Write what can be taken now.
     * @return bytes taken (> 0), GOST_WANT_*, or a negative code with diag
     */
    ssize_t (*writev)(struct gost_stream *s, const struct iovec *iov, int count);
    /**
     * Push out bytes that a layer has taken but not passed on.
     * @return 0 when nothing is left, GOST_WANT_*, or a negative code
     */
    int (*flush)(struct gost_stream *s);
    /**
     * End the outgoing direction, after all written bytes; the incoming one goes on.
     * @return 0, GOST_WANT_*, GOST_ENOTSUP where the protocol has no half-close, or a negative code
     */
    int (*shutdown)(struct gost_stream *s);
    /** Install the waker of one side (NULL: none). Fires on any progress; it is a hint. */
    void (*set_waker)(struct gost_stream *s, enum gost_side side, struct gost_waker *w);
    /** @return 0, or GOST_ENOTSUP when nobody on the way down can answer */
    int (*query)(struct gost_stream *s, enum gost_query what, void *out);
    /**
     * Lend the bytes that are to be read next, where they lie, until the next call of the stream or
     * the return to the loop. NULL where they have to be copied.
     * @return entries of iov, 0..max; 0: none to lend, read instead
     */
    int (*peek)(struct gost_stream *s, struct iovec *iov, int max);
    /** Count `n` lent bytes, from the first on, as read. */
    void (*skip)(struct gost_stream *s, size_t n);
    /** Free this layer only, sending at most what can be sent at once; the walker frees the rest. */
    void (*destroy)(struct gost_stream *s);
    /**
     * This layer may be used by another thread from some moment on; with ties to the loop it has the
     * two that follow. See gost_stream_detach.
     */
    bool movable;
    void (*detach)(struct gost_stream *s); /**< untie; only attach and destroy may follow */
    int (*attach)(struct gost_stream *s);  /**< tie to this thread's loop. @return 0 or a code */
};

struct gost_stream {
    const struct gost_stream_ops *ops;
    struct gost_stream *next;   /**< the stream below; NULL at the bottom */
    struct gost_unread *unread; /**< bytes pushed back, to be read first */
};

/** Fill in the base of a new layer. `next` is owned from now on. */
void gost_stream_create(struct gost_stream *s, const struct gost_stream_ops *ops,
                        struct gost_stream *next);

int gost_stream_open(struct gost_stream *s);
ssize_t gost_stream_read(struct gost_stream *s, void *buf, size_t n);
ssize_t gost_stream_writev(struct gost_stream *s, const struct iovec *iov, int count);
ssize_t gost_stream_write(struct gost_stream *s, const void *buf, size_t n);
int gost_stream_flush(struct gost_stream *s);
int gost_stream_shutdown(struct gost_stream *s);
void gost_stream_set_waker(struct gost_stream *s, enum gost_side side, struct gost_waker *w);
int gost_stream_query(struct gost_stream *s, enum gost_query what, void *out);

/** @return entries of iov; 0: nothing can be lent now; GOST_ENOTSUP: nor ever */
int gost_stream_peek(struct gost_stream *s, struct iovec *iov, int max);
void gost_stream_skip(struct gost_stream *s, size_t n);

/**
 * Push bytes back in front of what is still to be read; the top stream of the moment gets them.
 * @return 0, or GOST_ENOMEM
 */
int gost_stream_unread(struct gost_stream *s, const void *p, size_t n);

/** Can the stream, with all below it, go over to another thread? */
bool gost_stream_is_movable(const struct gost_stream *s);

/**
 * Untie a movable stream, on which nobody waits, from this thread. After a hand-over that orders
 * memory (a mailbox), another one calls gost_stream_attach; either may close it in between.
 */
void gost_stream_detach(struct gost_stream *s);

/** @return 0 or a negative code: it is detached as before, and can only be closed */
int gost_stream_attach(struct gost_stream *s);

/** Close and free the stream with all below it, at once. NULL is fine. */
void gost_stream_close(struct gost_stream *s);

/** Like close, but the peer sees a reset. */
void gost_stream_reset(struct gost_stream *s);

/** Slots that only pass on to the stream below, for layers that have nothing to add. */
int gost__pass_open(struct gost_stream *s);
ssize_t gost__pass_read(struct gost_stream *s, void *buf, size_t n);
ssize_t gost__pass_writev(struct gost_stream *s, const struct iovec *iov, int count);
int gost__pass_flush(struct gost_stream *s);
int gost__pass_shutdown(struct gost_stream *s);
void gost__pass_set_waker(struct gost_stream *s, enum gost_side side, struct gost_waker *w);
int gost__pass_query(struct gost_stream *s, enum gost_query what, void *out);
int gost__pass_peek(struct gost_stream *s, struct iovec *iov, int max);
void gost__pass_skip(struct gost_stream *s, size_t n);

#endif
