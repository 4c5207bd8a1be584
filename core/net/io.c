#include "core/net/io.h"

#include "core/base/diag.h"
#include "core/base/error.h"

/* Sleep until the stream moved. Called after a GOST_WANT_* only. */
static int io_wait(struct gost_stream *s, enum gost_side side, uint64_t deadline)
{
    struct gost_fiber *self = gost_fiber_self();
    gost_stream_set_waker(s, side, &self->waker);
    int rc = gost_fiber_wait(deadline);
    gost_stream_set_waker(s, side, NULL);
    return rc;
}

int gost_io_open(struct gost_stream *s, uint64_t deadline)
{
    for (;;) {
        int rc = gost_stream_open(s);
        if (!gost_is_want(rc))
            return rc;
        if ((rc = io_wait(s, GOST_READER, deadline)) != 0)
            return rc;
    }
}

ssize_t gost_io_read(struct gost_stream *s, void *buf, size_t n, uint64_t deadline)
{
    if (gost_fiber_is_canceled())
        return gost_fail(GOST_ECANCELED, "canceled");
    for (;;) {
        ssize_t got = gost_stream_read(s, buf, n);
        if (!gost_is_want(got))
            return got;
        int rc = io_wait(s, GOST_READER, deadline);
        if (rc != 0)
            return rc;
    }
}

int gost_io_read_exact(struct gost_stream *s, void *buf, size_t n, uint64_t deadline)
{
    size_t have = 0;
    while (have < n) {
        ssize_t got = gost_io_read(s, (char *)buf + have, n - have, deadline);
        if (got <= 0)
            return got == 0 ? gost_fail_code(GOST_EOF) : (int)got;
        have += (size_t)got;
    }
    return 0;
}

int gost_io_write(struct gost_stream *s, const void *buf, size_t n, uint64_t deadline)
{
    const char *p = buf;
    for (;;) {
        ssize_t put = n > 0 ? gost_stream_write(s, p, n) : gost_stream_flush(s);
        if (put >= 0) {
            if (n == 0)
                return 0;
            p += put;
            n -= (size_t)put;
            continue;
        }
        if (!gost_is_want(put))
            return (int)put;
        int rc = io_wait(s, GOST_WRITER, deadline);
        if (rc != 0)
            return rc;
    }
}

int gost_io_shutdown(struct gost_stream *s, uint64_t deadline)
{
    for (;;) {
        int rc = gost_stream_shutdown(s);
        if (!gost_is_want(rc))
            return rc;
        if ((rc = io_wait(s, GOST_WRITER, deadline)) != 0)
            return rc;
    }
}

ssize_t gost_io_decode(struct gost_stream *s, gost_decode_fn decode, void *out, void *room,
                       size_t max, uint64_t deadline)
{
    size_t have = 0;
    while (have < max) {
        ssize_t got = gost_io_read(s, (char *)room + have, max - have, deadline);
        if (got < 0)
            return got;
        if (got == 0)
            return have == 0 ? 0 : gost_fail(GOST_EOF, "the peer closed inside a message");
        have += (size_t)got;
        ssize_t used = decode(out, room, have);
        if (used < 0)
            return used;
        if (used > 0) {
            int rc = gost_stream_unread(s, (char *)room + used, have - (size_t)used);
            return rc != 0 ? rc : used;
        }
    }
    return gost_fail(GOST_ELIMIT, "message longer than %zu bytes", max);
}

ssize_t gost_io_peek(struct gost_stream *s, void *buf, size_t n, uint64_t deadline)
{
    bool again = s->unread; /* behind what was looked at before there may be more by now */
    ssize_t got = gost_io_read(s, buf, n, deadline);
    if (got <= 0)
        return got;
    if (again && (size_t)got < n) {
        ssize_t more = gost_stream_read(s, (char *)buf + got, n - (size_t)got);
        got += more > 0 ? more : 0;
    }
    int rc = gost_stream_unread(s, buf, (size_t)got);
    return rc != 0 ? rc : got;
}

int gost_io_wait_readable(struct gost_stream *s, uint64_t deadline)
{
    char byte;
    ssize_t got = gost_io_peek(s, &byte, 1, deadline);
    return got > 0 ? 1 : (int)got;
}
