#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/net/io.h"
#include "core/proto/http.h"

#include <stdlib.h>
#include <string.h>

void gost__http_reader_clear(struct gost__http_reader *r)
{
    free(r->base);
    *r = (struct gost__http_reader){.s = r->s};
}

void gost__http_take(struct gost__http_reader *r, size_t n)
{
    r->from = r->len == n ? 0 : r->from + n;
    r->len -= n;
}

void gost__http_widen(struct gost__http_reader *r)
{
    uint8_t *base = r->len == 0 && r->cap < GOST__HTTP_READ_MAX ? malloc(GOST__HTTP_READ_MAX) : NULL;
    if (!base)
        return;
    free(r->base);
    r->base = base;
    r->cap = GOST__HTTP_READ_MAX;
}

/* Make room behind the bytes. @return 0, GOST_ELIMIT or GOST_ENOMEM */
static int make_room(struct gost__http_reader *r)
{
    size_t end = r->from + r->len;
    if (r->base && end < r->cap && (r->cap - end >= GOST__HTTP_READ_MIN / 2 || r->from == 0))
        return 0;
    if (r->from > 0) {
        memmove(r->base, r->base + r->from, r->len);
        r->from = 0;
    }
    if (r->len < r->cap)
        return 0;
    if (r->cap >= GOST__HTTP_READ_MAX)
        return gost_fail(GOST_ELIMIT, "an HTTP head over %d bytes", GOST_HTTP1_MAX);
    size_t cap = r->cap ? r->cap * 2 : GOST__HTTP_READ_MIN;
    uint8_t *base = realloc(r->base, cap);
    if (!base)
        return gost_fail_code(GOST_ENOMEM);
    r->base = base;
    r->cap = cap;
    return 0;
}

ssize_t gost__http_fill_now(struct gost__http_reader *r)
{
    int rc = make_room(r);
    if (rc != 0)
        return rc;
    size_t end = r->from + r->len;
    ssize_t n = gost_stream_read(r->s, r->base + end, r->cap - end);
    if (n > 0)
        r->len += (size_t)n;
    return n;
}

ssize_t gost__http_fill(struct gost__http_reader *r, uint64_t deadline)
{
    int rc = make_room(r);
    if (rc != 0)
        return rc;
    size_t end = r->from + r->len;
    ssize_t n = gost_io_read(r->s, r->base + end, r->cap - end, deadline);
    if (n > 0)
        r->len += (size_t)n;
    return n;
}

ssize_t gost__http_head(struct gost__http_reader *r,
                        ssize_t (*decode)(struct gost_http1 *out, const uint8_t *p, size_t n),
                        struct gost_http1 *out, uint64_t deadline)
{
    size_t seen = 0;
    bool looked = false;
    for (;;) {
        /* A head can only be complete, or become wrong in a new way, behind a line feed: a peer
         * that sends byte by byte shall not make us parse all of it each time. */
        if (r->len > 0 && (!looked || memchr(gost__http_bytes(r) + seen, '\n', r->len - seen))) {
            ssize_t n = decode(out, gost__http_bytes(r), r->len);
            if (n != 0)
                return n;
            looked = true;
        }
        seen = r->len;
        ssize_t got = gost__http_fill(r, deadline);
        if (got < 0)
            return got;
        if (got == 0)
            return r->len == 0 ? 0 : gost_fail(GOST_EOF, "the peer closed inside an HTTP head");
    }
}

int gost__http_give_back(struct gost__http_reader *r)
{
    int rc = r->len > 0 ? gost_stream_unread(r->s, gost__http_bytes(r), r->len) : 0;
    gost__http_reader_clear(r);
    return rc;
}
