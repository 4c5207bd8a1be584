/**
 * The chunked transfer coding (RFC 9112 section 7.1), followed on a stream: where does the body
 * end, and which bytes are data? Nothing is buffered, so pieces may be split anywhere.
 *
 * Strict against smuggling: lines end with CRLF alone, sizes are hex digits alone, controls are
 * refused in extensions and trailers.
 */
#ifndef GOST_CODEC_CHUNKED_H
#define GOST_CODEC_CHUNKED_H

#include "core/codec/slice.h"

#include <stdint.h>
#include <sys/types.h>

enum {
    GOST_CHUNKED_LINE_MAX = 4096,     /**< bytes of a chunk's size with its extensions */
    GOST_CHUNKED_TRAILER_MAX = 16384, /**< bytes of all trailers */
};

/** All zero at the start of a body. */
struct gost_chunked {
    uint64_t left; /**< bytes of data left in this chunk; while its size is read, the size so far */
    uint32_t line; /**< bytes of the current line, or of all trailers */
    uint8_t state;
    uint8_t digits; /**< of the size, leading zeros aside */
    bool done;      /**< the body has ended; bytes behind it are not its own */
};

/**
 * Follow the body over `n` more bytes.
 * @return how many of them belong to the body, framing included: all of them unless it ended (see
 *         `done`); GOST_EPROTO, GOST_ELIMIT
 */
ssize_t gost_chunked_feed(struct gost_chunked *c, const uint8_t *p, size_t n);

/**
 * Like feed, but stop behind the first piece of data.
 * @param[out] data  the piece, borrowed from the input; empty when there is none in it
 */
ssize_t gost_chunked_step(struct gost_chunked *c, const uint8_t *p, size_t n,
                          struct gost_slice *data);

enum { GOST_CHUNKED_HEAD_MAX = 16 + 2 };

/**
 * Write the line in front of a chunk of `len` bytes: "<hex>\r\n". The data is followed by "\r\n",
 * and a body by "0\r\n\r\n" as its last bytes.
 * @param buf  at least GOST_CHUNKED_HEAD_MAX bytes; no NUL is written
 */
size_t gost_chunked_head(char *buf, size_t len);

#endif
