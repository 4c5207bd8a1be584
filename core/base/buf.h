/**
 * A byte buffer that grows up to a limit: bytes are appended at the end and consumed at the front.
 */
#ifndef GOST_BASE_BUF_H
#define GOST_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

struct gost_buf {
    uint8_t *data; /**< first unread byte; NULL while nothing is allocated */
    size_t len;    /**< unread bytes */
    size_t cap;    /**< bytes allocated, counted from `base` */
    uint8_t *base; /**< the allocation */
    size_t max;    /**< hard limit of `len` */
};

/** @param max  hard limit of the unread bytes; nothing is allocated yet */
void gost_buf_create(struct gost_buf *b, size_t max);

/** Free the memory; the buffer is empty and usable again. */
void gost_buf_destroy(struct gost_buf *b);

/**
 * Make room for `n` more bytes.
 * @return where to write them (then call gost_buf_commit), or NULL past the limit
 */
uint8_t *gost_buf_reserve(struct gost_buf *b, size_t n);

/** Count `n` bytes that were written to the reserved room. */
void gost_buf_commit(struct gost_buf *b, size_t n);

/** @return 0, or GOST_ELIMIT past the limit (nothing is appended then) */
int gost_buf_append(struct gost_buf *b, const void *p, size_t n);

/** Append formatted text without its NUL. @return 0 or GOST_ELIMIT */
int gost_buf_printf(struct gost_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** Drop `n` (<= len) bytes at the front. */
void gost_buf_consume(struct gost_buf *b, size_t n);

#endif
