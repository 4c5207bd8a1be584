#include "core/net/pair.h"

#include "core/base/buf.h"
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/runtime/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct pair_end {
    struct gost_stream base;
    struct gost_waker *waker[2]; /* by enum gost_side */
    struct gost_task wake;       /* fires those of `due` */
    struct gost_buf in;          /* written by the other end, not read yet */
    struct pair_end *other;      /* NULL once that is closed */
    bool due[2];                 /* by enum gost_side */
    bool ended;                  /* the other end has shut down or closed */
    bool shut;                   /* this end has shut down */
};

static struct pair_end *self_of(struct gost_stream *s)
{
    return gost_container_of(s, struct pair_end, base);
}

static void notify(struct pair_end *e, enum gost_side side)
{
    if (!e || !e->waker[side])
        return;
    e->due[side] = true;
    gost_task_post(&e->wake);
}

static void on_wake(struct gost_task *t)
{
    struct pair_end *e = gost_container_of(t, struct pair_end, wake);
    struct gost_waker *reader = e->due[GOST_READER] ? e->waker[GOST_READER] : NULL;
    struct gost_waker *writer = e->due[GOST_WRITER] ? e->waker[GOST_WRITER] : NULL;
    e->due[GOST_READER] = e->due[GOST_WRITER] = false;
    gost_waker_fire(reader);
    gost_waker_fire(writer);
}

static ssize_t pair_read(struct gost_stream *s, void *buf, size_t n)
{
    struct pair_end *e = self_of(s);
    if (e->in.len == 0)
        return e->ended ? 0 : GOST_WANT_READ;
    n = n < e->in.len ? n : e->in.len;
    memcpy(buf, e->in.data, n);
    gost_buf_consume(&e->in, n);
    if (e->in.len == 0)
        gost_buf_destroy(&e->in); /* an idle stream keeps no memory */
    notify(e->other, GOST_WRITER);
    return (ssize_t)n;
}

static ssize_t pair_writev(struct gost_stream *s, const struct iovec *iov, int count)
{
    struct pair_end *e = self_of(s), *to = e->other;
    ssize_t total = 0;
    if (!to || e->shut)
        return gost_fail(-EPIPE, "write: %s", gost_strerror(-EPIPE));
    for (int i = 0; i < count; i++) {
        size_t room = to->in.max - to->in.len;
        size_t n = iov[i].iov_len < room ? iov[i].iov_len : room;
        if (gost_buf_append(&to->in, iov[i].iov_base, n) != 0)
            return gost_fail_code(GOST_ENOMEM);
        total += (ssize_t)n;
    }
    if (total == 0)
        return GOST_WANT_WRITE;
    notify(to, GOST_READER);
    return total;
}

static void tell_end(struct pair_end *e)
{
    if (!e->other || e->shut)
        return;
    e->shut = e->other->ended = true;
    notify(e->other, GOST_READER);
}

static int pair_shutdown(struct gost_stream *s)
{
    tell_end(self_of(s));
    return 0;
}

static void pair_set_waker(struct gost_stream *s, enum gost_side side, struct gost_waker *w)
{
    self_of(s)->waker[side] = w;
}

static void pair_destroy(struct gost_stream *s)
{
    struct pair_end *e = self_of(s);
    tell_end(e);
    if (e->other) {
        e->other->other = NULL;
        notify(e->other, GOST_WRITER); /* its writes fail from now on */
    }
    gost_task_cancel(&e->wake);
    gost_buf_destroy(&e->in);
    free(e);
}

static const struct gost_stream_ops pair_ops = {
    .name = "pair",
    .open = gost__pass_open,
    .read = pair_read,
    .writev = pair_writev,
    .flush = gost__pass_flush,
    .shutdown = pair_shutdown,
    .set_waker = pair_set_waker,
    .query = gost__pass_query,
    .destroy = pair_destroy,
};

static struct pair_end *end_new(size_t limit)
{
    struct pair_end *e = calloc(1, sizeof(*e));
    if (!e)
        return NULL;
    gost_stream_create(&e->base, &pair_ops, NULL);
    gost_task_create(&e->wake, on_wake);
    gost_buf_create(&e->in, limit);
    return e;
}

int gost_pair_new(size_t limit, struct gost_stream **a, struct gost_stream **b)
{
    struct pair_end *one = end_new(limit), *two = one ? end_new(limit) : NULL;
    if (!two) {
        free(one);
        return gost_fail_code(GOST_ENOMEM);
    }
    one->other = two;
    two->other = one;
    *a = &one->base;
    *b = &two->base;
    return 0;
}
