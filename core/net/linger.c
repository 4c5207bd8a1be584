#include "core/net/linger.h"

#include "core/base/error.h"
#include "core/net/socket.h"
#include "core/runtime/loop.h"

#include <stdlib.h>

enum stage { FLUSH, SHUTDOWN, DISCARD };

struct lingerer {
    struct gost_list link;
    struct gost_stream *stream;
    struct gost_waker waker; /* of both sides */
    struct gost_task step;   /* the work: never inside the stream's own code */
    struct gost_timer timer;
    enum stage stage;
    size_t discarded;
};

static _Thread_local struct gost_list all; /* struct lingerer, the oldest first */
static _Thread_local size_t count;

size_t gost_linger_count(void)
{
    return count;
}

static void linger_end(struct lingerer *l)
{
    gost_task_cancel(&l->step);
    gost_timer_stop(&l->timer);
    gost_list_remove(&l->link);
    count--;
    gost_stream_close(l->stream);
    free(l);
}

/* Close the layers above the socket; a stream without a socket keeps them. */
static struct gost_stream *strip(struct gost_stream *s)
{
    struct gost_stream *bottom = s;
    while (bottom->next)
        bottom = bottom->next;
    if (!gost_stream_is_socket(bottom))
        return s;
    while (s != bottom) {
        struct gost_stream *next = s->next;
        free(s->unread);
        s->ops->destroy(s);
        s = next;
    }
    return s;
}

static void set_wakers(struct lingerer *l, struct gost_waker *w)
{
    gost_stream_set_waker(l->stream, GOST_READER, w);
    gost_stream_set_waker(l->stream, GOST_WRITER, w);
}

/* The outgoing side is done: only the socket is needed from here. @return 0 or why to give up */
static int linger_bare(struct lingerer *l, int rc)
{
    set_wakers(l, NULL);
    l->stream = strip(l->stream);
    set_wakers(l, &l->waker);
    l->stage = DISCARD;
    return gost_stream_is_socket(l->stream) ? gost_stream_shutdown(l->stream) : rc;
}

/* @return GOST_WANT_* to go on, anything else to close */
static ssize_t linger_discard(struct lingerer *l)
{
    void *scratch = gost_scratch_take();
    ssize_t n = 1;
    while (n > 0 && l->discarded < GOST_LINGER_BYTES) {
        n = gost_stream_read(l->stream, scratch, GOST_LINGER_BYTES - l->discarded);
        l->discarded += n > 0 ? (size_t)n : 0;
    }
    gost_scratch_give(scratch);
    return n;
}

static void linger_step(struct gost_task *t)
{
    struct lingerer *l = gost_container_of(t, struct lingerer, step);
    ssize_t rc = 0;
    if (l->stage == FLUSH && (rc = gost_stream_flush(l->stream)) == 0)
        l->stage = SHUTDOWN;
    if (l->stage == SHUTDOWN) {
        rc = gost_stream_shutdown(l->stream);
        if (rc == 0 || rc == GOST_ENOTSUP)
            rc = linger_bare(l, (int)rc);
    }
    if (l->stage == DISCARD && rc == 0)
        rc = linger_discard(l);
    if (!gost_is_want(rc))
        linger_end(l);
}

static void on_progress(struct gost_waker *w)
{
    gost_task_post(&gost_container_of(w, struct lingerer, waker)->step);
}

static void on_time(struct gost_timer *t)
{
    linger_end(gost_container_of(t, struct lingerer, timer));
}

void gost_stream_linger(struct gost_stream **s)
{
    struct gost_stream *stream = *s;
    struct lingerer *l = NULL;
    *s = NULL;
    if (stream && count < GOST_LINGER_MAX && gost_loop_self())
        l = calloc(1, sizeof(*l));
    if (!l) {
        gost_stream_close(stream);
        return;
    }
    if (!all.next)
        gost_list_create(&all);
    gost_list_add(&all, &l->link);
    count++;
    l->stream = stream;
    l->waker.fn = on_progress;
    gost_task_create(&l->step, linger_step);
    gost_timer_create(&l->timer, on_time);
    gost_timer_start(&l->timer, gost_now() + GOST_LINGER_MS);
    set_wakers(l, &l->waker);
    gost_task_post(&l->step); /* not now: the caller may have a story to tell yet */
}

void gost_stream_linger_bare(struct gost_stream **s)
{
    if (*s)
        *s = strip(*s);
    gost_stream_linger(s);
}

void gost_linger_cleanup(void)
{
    while (count > 0)
        linger_end(gost_container_of(all.next, struct lingerer, link));
}
