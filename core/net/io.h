/**
 * The one place where fibers wait for streams: try, wait for the waker until the absolute deadline,
 * try again.
 *
 * All calls suspend: call them on a fiber. They fail with GOST_ETIMEDOUT, GOST_ECANCELED or what the
 * stream answered, with diag, and leave the stream open.
 */
#ifndef GOST_NET_IO_H
#define GOST_NET_IO_H

#include "core/net/stream.h"

/** Finish the handshakes of all layers. @return 0 or a negative code */
int gost_io_open(struct gost_stream *s, uint64_t deadline);

/** @return bytes (> 0), 0 at the end of the stream, or a negative code */
ssize_t gost_io_read(struct gost_stream *s, void *buf, size_t n, uint64_t deadline);

/** Read exactly `n` bytes. @return 0, GOST_EOF when the stream ended before, or a negative code */
int gost_io_read_exact(struct gost_stream *s, void *buf, size_t n, uint64_t deadline);

/** Write and flush all bytes. @return 0 or a negative code */
int gost_io_write(struct gost_stream *s, const void *buf, size_t n, uint64_t deadline);

/** End the outgoing direction. @return 0 or a negative code */
int gost_io_shutdown(struct gost_stream *s, uint64_t deadline);

/**
 * A decoder of codec/: bytes consumed (> 0), 0 when more are needed, or a negative code.
 * @param out  the message to fill; it may point into `p`
 */
typedef ssize_t (*gost_decode_fn)(void *out, const uint8_t *p, size_t n);

/**
 * Read one message: bytes are read as they come until `decode` is satisfied; those behind the message
 * are pushed back onto the stream, so nothing that a peer sends early is lost.
 * @param room  where the bytes lie; slices in `out` point here
 * @param max   size of `room`: a message that does not fit fails with GOST_ELIMIT
 * @return bytes of the message, 0 when the stream ended before its first byte, GOST_EOF when it
 *         ended inside, or a negative code
 */
ssize_t gost_io_decode(struct gost_stream *s, gost_decode_fn decode, void *out, void *room,
                       size_t max, uint64_t deadline);

/**
 * Wait until the stream can be read from (or ended) without reading.
 * Implemented by reading and pushing back; @return 1, 0 at the end, or a negative code
 */
int gost_io_wait_readable(struct gost_stream *s, uint64_t deadline);

/** Look at up to `n` bytes without consuming: @return how many there are (0: end), or a code */
ssize_t gost_io_peek(struct gost_stream *s, void *buf, size_t n, uint64_t deadline);

#endif
