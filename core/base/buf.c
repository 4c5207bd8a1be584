#include "core/base/buf.h"

#include "core/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void gost_buf_create(struct gost_buf *b, size_t max)
{
    *b = (struct gost_buf){.max = max};
}

void gost_buf_destroy(struct gost_buf *b)
{
    free(b->base);
    gost_buf_create(b, b->max);
}

static size_t buf_room(const struct gost_buf *b)
{
    return b->base ? b->cap - (size_t)(b->data - b->base) - b->len : 0;
}

uint8_t *gost_buf_reserve(struct gost_buf *b, size_t n)
{
    if (n > b->max || b->len > b->max - n)
        return NULL;
    if (buf_room(b) < n) {
        if (b->base && b->cap - b->len >= n && b->data != b->base) {
            memmove(b->base, b->data, b->len);
            b->data = b->base;
        } else {
            size_t cap = b->cap ? b->cap : 256;
            while (cap - b->len < n)
                cap *= 2;
            uint8_t *base = malloc(cap);
            if (!base)
                return NULL;
            if (b->len)
                memcpy(base, b->data, b->len);
            free(b->base);
            b->base = b->data = base;
            b->cap = cap;
        }
    }
    return b->data + b->len;
}

void gost_buf_commit(struct gost_buf *b, size_t n)
{
    b->len += n;
}

int gost_buf_append(struct gost_buf *b, const void *p, size_t n)
{
    if (n == 0)
        return 0;
    uint8_t *to = gost_buf_reserve(b, n);
    if (!to)
        return GOST_ELIMIT;
    memcpy(to, p, n);
    b->len += n;
    return 0;
}

int gost_buf_printf(struct gost_buf *b, const char *fmt, ...)
{
    size_t room = buf_room(b);
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(room ? (char *)b->data + b->len : NULL, room, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n > b->max || b->len > b->max - (size_t)n)
        return GOST_ELIMIT;
    if ((size_t)n >= room) { /* it did not fit with its NUL: once more, with room */
        char *to = (char *)gost_buf_reserve(b, (size_t)n + 1);
        if (!to)
            return GOST_ELIMIT;
        va_start(ap, fmt);
        vsnprintf(to, (size_t)n + 1, fmt, ap);
        va_end(ap);
    }
    b->len += (size_t)n;
    return 0;
}

void gost_buf_consume(struct gost_buf *b, size_t n)
{
    b->data += n;
    b->len -= n;
    if (b->len == 0)
        b->data = b->base;
}
