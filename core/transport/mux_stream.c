/*
 * One stream of a session, as its user sees it.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/transport/mux_int.h"

#include <stdlib.h>

static struct gost__mux_stream *self_of(struct gost_stream *s)
{
    return gost_container_of(s, struct gost__mux_stream, base);
}

/* What the stream failed of by itself, or the session, or 0. */
static int failure(const struct gost__mux_stream *s)
{
    if (s->rc != 0)
        return gost_fail(s->rc, "%s", s->why);
    return gost_mux_error(s->mux);
}

/* Its user has `n` bytes more. */
static void count_read(struct gost__mux_stream *s, size_t n)
{
    s->touched = gost_now();
    s->consumed += (uint32_t)n;
    if (!s->fin_in && s->rc == 0 && s->mux->rc == 0)
        s->mux->protocol->consumed(s);
}

static int stream_peek(struct gost_stream *base, struct iovec *iov, int max)
{
    return gost__mux_peek(self_of(base), iov, max);
}

static void stream_skip(struct gost_stream *base, size_t n)
{
    struct gost__mux_stream *s = self_of(base);
    count_read(s, gost__mux_take(s, NULL, n));
}

static ssize_t stream_read(struct gost_stream *base, void *buf, size_t n)
{
    struct gost__mux_stream *s = self_of(base);
    size_t got = gost__mux_take(s, buf, n);
    if (got > 0) {
        count_read(s, got);
        return (ssize_t)got;
    }
    if (s->fin_in && s->rc == 0 && s->mux->rx_stream != s)
        return 0; /* rx_stream: the last frame has come in part only */
    int rc = failure(s);
    return rc != 0 ? rc : GOST_WANT_READ;
}

static ssize_t stream_writev(struct gost_stream *base, const struct iovec *iov, int count)
{
    struct gost__mux_stream *s = self_of(base);
    int rc = failure(s);
    if (rc != 0)
        return rc;
    if (s->fin_out || s->half_out)
        return gost_fail(-EPIPE, "write after the end");
    if (s->gone)
        return gost_fail(-EPIPE, "the peer closed the stream"); /* it would drop what comes */
    return gost__mux_send(s, iov, count);
}

/* What was taken is sent in this turn of the loop or the next, together with the others'. */
static int stream_flush(struct gost_stream *base)
{
    return failure(self_of(base));
}

/*
 * A smux FIN would be understood as "closed": the peer's writes fail from then on, and what it
 * still had to say is lost. With a peer that knows nothing better there is no half-close; whoever
 * needs one waits (see the pump's linger).
 */
static int stream_shutdown(struct gost_stream *base)
{
    struct gost__mux_stream *s = self_of(base);
    int rc = failure(s);
    if (rc != 0)
        return rc;
    if (s->unopened) { /* its writer waits as for credit */
        s->starved = true;
        return GOST_WANT_WRITE;
    }
    if (!s->fin_out)
        rc = s->mux->protocol->shutdown(s);
    return s->mux->rc != 0 ? s->mux->rc : rc;
}

static void stream_set_waker(struct gost_stream *base, enum gost_side side, struct gost_waker *w)
{
    self_of(base)->waker[side] = w;
}

/* A stream that takes nothing any more is better written to, which tells why. */
static size_t stream_room(struct gost__mux_stream *s)
{
    if (s->rc != 0 || s->fin_out || s->half_out || s->gone)
        return SIZE_MAX;
    s->asked = true;
    return gost__mux_room(s);
}

/* Not the descriptor of the carrier: what is done to that is done to all streams. */
static int stream_query(struct gost_stream *base, enum gost_query what, void *out)
{
    if (what == GOST_QUERY_FD || what == GOST_QUERY_CARRIER)
        return GOST_ENOTSUP;
    if (what == GOST_QUERY_GONE) {
        *(bool *)out = self_of(base)->gone;
        return 0;
    }
    if (what == GOST_QUERY_ROOM) {
        *(size_t *)out = stream_room(self_of(base));
        return 0;
    }
    return gost_mux_query(self_of(base)->mux, what, out);
}

static void stream_destroy(struct gost_stream *base)
{
    struct gost__mux_stream *s = self_of(base);
    struct gost_mux *m = s->mux;
    if (m->rc == 0 && s->rc == 0 && !s->fin_out && !s->unopened)
        m->protocol->fin(s);
    gost__mux_count_live(m, -1);
    m->idle_due = m->live == 0;
    if (m->idle_due)
        gost__mux_post(m);
    if (m->rc == 0 && s->rc == 0 && m->protocol->half_close && !s->fin_in && !s->unopened) {
        gost__mux_closed(s); /* stays until the peer has ended its side as well */
        s->waker[GOST_READER] = s->waker[GOST_WRITER] = NULL;
        if (m->rx_stream == s)
            m->rx_stream = NULL;
        gost__mux_drop_input(s);
        gost__mux_yield_turn(s);
        gost_list_remove(&s->wait);
        return;
    }
    gost__mux_stream_free(s);
    gost__mux_settle_up(m);
}

static const struct gost_stream_ops stream_ops = {
    .name = "mux",
    .open = gost__pass_open,
    .read = stream_read,
    .writev = stream_writev,
    .flush = stream_flush,
    .shutdown = stream_shutdown,
    .set_waker = stream_set_waker,
    .query = stream_query,
    .peek = stream_peek,
    .skip = stream_skip,
    .destroy = stream_destroy,
};

struct gost__mux_stream *gost__mux_stream_new(struct gost_mux *m, uint32_t id)
{
    struct gost__mux_stream *s = calloc(1, sizeof(*s));
    if (!s || (s->id = id, gost__mux_insert(m, s) != 0)) {
        free(s);
        gost_fail_code(GOST_ENOMEM);
        return NULL;
    }
    gost_stream_create(&s->base, &stream_ops, NULL);
    gost_list_create(&s->wait);
    gost_list_create(&s->due);
    gost_buf_create(&s->in, SIZE_MAX);
    s->mux = m;
    s->window = m->window;
    s->touched = gost_now();
    return s;
}

void gost__mux_stream_free(struct gost__mux_stream *s)
{
    struct gost_mux *m = s->mux;
    gost__mux_drop_input(s);
    gost__mux_yield_turn(s);
    gost_list_remove(&s->wait);
    gost_list_remove(&s->due);
    if (m->waking == s)
        m->waking = NULL;
    if (m->rx_stream == s)
        m->rx_stream = NULL;
    gost__mux_shrink_window(s);
    m->unanswered -= s->unanswered;
    if (s->unanswered && !gost_list_empty(&m->unopened))
        gost__mux_post(m);
    gost__mux_remove(m, s);
    free(s->first);
    free(s);
}

void gost__mux_stream_wake(struct gost__mux_stream *s, bool read, bool write)
{
    s->wake_read |= read;
    s->wake_write |= write;
    if (gost_list_empty(&s->due))
        gost_list_add(&s->mux->due, &s->due);
    gost__mux_post(s->mux);
}

void gost__mux_stream_fail(struct gost__mux_stream *s, int rc, const char *why)
{
    if (s->rc != 0)
        return;
    s->rc = rc;
    s->why = why;
    s->fin_out = true;
    if (s->mux->rx_stream == s)
        s->mux->rx_stream = NULL;
    gost__mux_stream_wake(s, true, true);
}
