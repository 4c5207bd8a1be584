#include "core/net/stream.h"

#include "core/base/diag.h"
#include "core/base/error.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Bytes that were read ahead and given back. */
struct gost_unread {
    size_t from, len;
    char data[];
};

void gost_stream_create(struct gost_stream *s, const struct gost_stream_ops *ops,
                        struct gost_stream *next)
{
    s->ops = ops;
    s->next = next;
    s->unread = NULL;
}

int gost_stream_open(struct gost_stream *s)
{
    return s->ops->open(s);
}

static size_t take_unread(struct gost_stream *s, void *buf, size_t n)
{
    struct gost_unread *u = s->unread;
    size_t left = u->len - u->from;
    n = n < left ? n : left;
    memcpy(buf, u->data + u->from, n);
    u->from += n;
    if (u->from == u->len) {
        free(u);
        s->unread = NULL;
    }
    return n;
}

ssize_t gost_stream_read(struct gost_stream *s, void *buf, size_t n)
{
    if (s->unread)
        return (ssize_t)take_unread(s, buf, n);
    return s->ops->read(s, buf, n);
}

ssize_t gost_stream_writev(struct gost_stream *s, const struct iovec *iov, int count)
{
    return s->ops->writev(s, iov, count);
}

ssize_t gost_stream_write(struct gost_stream *s, const void *buf, size_t n)
{
    struct iovec iov = {.iov_base = (void *)buf, .iov_len = n};
    return s->ops->writev(s, &iov, 1);
}

int gost_stream_flush(struct gost_stream *s)
{
    return s->ops->flush(s);
}

int gost_stream_shutdown(struct gost_stream *s)
{
    return s->ops->shutdown(s);
}

void gost_stream_set_waker(struct gost_stream *s, enum gost_side side, struct gost_waker *w)
{
    s->ops->set_waker(s, side, w);
}

int gost_stream_query(struct gost_stream *s, enum gost_query what, void *out)
{
    if (what == GOST_QUERY_FD && s->unread)
        return GOST_ENOTSUP;
    return s->ops->query(s, what, out);
}

int gost_stream_peek(struct gost_stream *s, struct iovec *iov, int max)
{
    if (!s->ops->peek)
        return GOST_ENOTSUP;
    return s->unread ? 0 : s->ops->peek(s, iov, max);
}

void gost_stream_skip(struct gost_stream *s, size_t n)
{
    s->ops->skip(s, n);
}

int gost_stream_unread(struct gost_stream *s, const void *p, size_t n)
{
    if (n == 0)
        return 0;
    size_t old = s->unread ? s->unread->len - s->unread->from : 0;
    struct gost_unread *u = malloc(sizeof(*u) + n + old);
    if (!u)
        return gost_fail_code(GOST_ENOMEM);
    u->from = 0;
    u->len = n + old;
    memcpy(u->data, p, n);
    if (old)
        memcpy(u->data + n, s->unread->data + s->unread->from, old);
    free(s->unread);
    s->unread = u;
    return 0;
}

bool gost_stream_is_movable(const struct gost_stream *s)
{
    while (s && s->ops->movable)
        s = s->next;
    return !s;
}

void gost_stream_detach(struct gost_stream *s)
{
    for (; s; s = s->next)
        if (s->ops->detach)
            s->ops->detach(s);
}

int gost_stream_attach(struct gost_stream *s)
{
    int rc = 0;
    for (; s && rc == 0; s = s->next)
        rc = s->ops->attach ? s->ops->attach(s) : 0;
    return rc == 0 ? 0 : gost_fail_code(rc);
}

void gost_stream_close(struct gost_stream *s)
{
    while (s) {
        struct gost_stream *next = s->next;
        free(s->unread);
        s->unread = NULL;
        s->ops->destroy(s);
        s = next;
    }
}

void gost_stream_reset(struct gost_stream *s)
{
    int fd;
    if (s && gost_stream_query(s, GOST_QUERY_CARRIER, &fd) == 0) {
        struct linger now = {.l_onoff = 1, .l_linger = 0};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    }
    gost_stream_close(s);
}

int gost__pass_open(struct gost_stream *s)
{
    return s->next ? gost_stream_open(s->next) : 0;
}

ssize_t gost__pass_read(struct gost_stream *s, void *buf, size_t n)
{
    return gost_stream_read(s->next, buf, n);
}

ssize_t gost__pass_writev(struct gost_stream *s, const struct iovec *iov, int count)
{
    return gost_stream_writev(s->next, iov, count);
}

int gost__pass_flush(struct gost_stream *s)
{
    return s->next ? gost_stream_flush(s->next) : 0;
}

int gost__pass_shutdown(struct gost_stream *s)
{
    return gost_stream_shutdown(s->next);
}

void gost__pass_set_waker(struct gost_stream *s, enum gost_side side, struct gost_waker *w)
{
    if (s->next)
        gost_stream_set_waker(s->next, side, w);
}

int gost__pass_query(struct gost_stream *s, enum gost_query what, void *out)
{
    return s->next ? gost_stream_query(s->next, what, out) : GOST_ENOTSUP;
}

int gost__pass_peek(struct gost_stream *s, struct iovec *iov, int max)
{
    return gost_stream_peek(s->next, iov, max);
}

void gost__pass_skip(struct gost_stream *s, size_t n)
{
    gost_stream_skip(s->next, n);
}
