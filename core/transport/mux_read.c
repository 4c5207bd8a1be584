/*
 * Receiving: from the carrier through scratch memory to the readers of the streams.
 *
 * Data is not copied before its reader was asked: the pieces of a batch are chained where they lie,
 * each with its link in the eight bytes before it (the frame's own head, which is parsed by then).
 * What a reader leaves is moved to its stream's queue before the batch is given up.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/transport/mux_int.h"

#include <string.h>

enum {
    LINK = 8,                     /* bytes before a piece */
    ROUNDS = 4,                   /* batches before others get their turn */
    GROWN_MAX = 1024 * 1024,      /* the largest window, unless it was set … */
    GROWN_ALL = 64 * 1024 * 1024, /* … and of all streams of the thread together */
    OVERRUN = 65535, /* forgiven: a sender may look at the window before a frame, not inside it */
};

struct piece {
    uint32_t next; /* place of the next piece of the stream, or 0 */
    uint32_t len;
};

static struct piece piece_at(const struct gost_mux *m, uint32_t at)
{
    struct piece p;
    memcpy(&p, m->batch + at - LINK, LINK);
    return p;
}

static void piece_put(struct gost_mux *m, uint32_t at, struct piece p)
{
    memcpy(m->batch + at - LINK, &p, LINK);
}

/* --- windows ------------------------------------------------------------------------------- */

static _Thread_local uint32_t live_streams; /* of all sessions */

void gost__mux_count_live(struct gost_mux *m, int n)
{
    m->live += (uint32_t)n;
    live_streams += (uint32_t)n;
}

/* The largest window that a stream may have now. */
static uint32_t window_max(const struct gost_mux *m)
{
    uint64_t share = m->strict ? m->max_receive / 2 / m->live : GROWN_ALL / live_streams;
    share = share < GROWN_MAX ? share : GROWN_MAX;
    return share > m->window ? (uint32_t)share : m->window;
}

void gost__mux_grow_window(struct gost__mux_stream *s)
{
    struct gost_mux *m = s->mux;
    uint32_t before = s->window, most = window_max(m);
    if (s->reported != 0 && gost__mux_queued(s) == 0 && s->window < most)
        s->window *= 2;
    s->window = s->window < most ? s->window : most;
    m->grown += (int64_t)s->window - before;
}

void gost__mux_shrink_window(struct gost__mux_stream *s)
{
    s->mux->grown -= s->window - s->mux->window;
    s->window = s->mux->window;
}

/* What may be held unread: windows that have grown do not make it scarce. */
static bool is_full(const struct gost_mux *m)
{
    return m->held >= m->max_receive + (m->strict ? 0 : (uint64_t)m->grown);
}

/* --- the readers' side -------------------------------------------------------------------- */

/* Does enough room exist to read from the carrier again? */
static void look_at_pause(struct gost_mux *m)
{
    if (!m->paused || is_full(m))
        return;
    m->paused = false;
    m->heard_at = gost_now(); /* it was not the peer who was silent */
    m->rx_due = true;
    gost__mux_post(m);
}

static size_t take_kept(struct gost__mux_stream *s, uint8_t *buf, size_t n)
{
    struct gost_mux *m = s->mux;
    n = n < s->in.len ? n : s->in.len;
    if (buf)
        memcpy(buf, s->in.data, n);
    gost_buf_consume(&s->in, n);
    if (s->in.len == 0)
        gost_buf_destroy(&s->in);
    m->held -= n;
    look_at_pause(m);
    return n;
}

static size_t take_fresh(struct gost__mux_stream *s, uint8_t *buf, size_t n)
{
    size_t done = 0;
    while (done < n && s->fresh_first) {
        struct piece p = piece_at(s->mux, s->fresh_first);
        size_t part = p.len - s->fresh_from;
        part = part < n - done ? part : n - done;
        if (buf)
            memcpy(buf + done, s->mux->batch + s->fresh_first + s->fresh_from, part);
        done += part;
        s->fresh_from += (uint32_t)part;
        if (s->fresh_from == p.len) {
            s->fresh_first = p.next;
            s->fresh_from = 0;
        }
    }
    s->fresh_len -= (uint32_t)done;
    return done;
}

size_t gost__mux_take(struct gost__mux_stream *s, uint8_t *buf, size_t n)
{
    size_t got = s->in.len ? take_kept(s, buf, n) : 0;
    return got + (s->fresh_first ? take_fresh(s, buf ? buf + got : NULL, n - got) : 0);
}

int gost__mux_peek(const struct gost__mux_stream *s, struct iovec *iov, int max)
{
    int count = 0;
    uint32_t from = s->fresh_from;
    if (s->in.len > 0)
        iov[count++] = (struct iovec){s->in.data, s->in.len};
    for (uint32_t at = s->fresh_first; at && count < max; from = 0) {
        struct piece p = piece_at(s->mux, at);
        iov[count++] = (struct iovec){s->mux->batch + at + from, p.len - from};
        at = p.next;
    }
    return count;
}

void gost__mux_drop_input(struct gost__mux_stream *s)
{
    s->mux->held -= s->in.len;
    gost_buf_destroy(&s->in);
    s->fresh_first = s->fresh_from = s->fresh_len = 0;
    look_at_pause(s->mux);
}

/* --- the carrier's side ------------------------------------------------------------------- */

/* Chain a piece of the batch to its stream. */
static void hand_over(struct gost__mux_stream *s, uint32_t at, uint32_t n)
{
    struct gost_mux *m = s->mux;
    piece_put(m, at, (struct piece){.len = n});
    if (s->fresh_first) {
        struct piece last = piece_at(m, s->fresh_last);
        last.next = at;
        piece_put(m, s->fresh_last, last);
    } else {
        s->fresh_first = at;
    }
    s->fresh_last = at;
    s->fresh_len += n;
    gost__mux_stream_wake(s, true, false);
}

void gost__mux_fault(struct gost_mux *m, uint32_t id, const char *what)
{
    uint64_t now = gost_now();
    m->faults++;
    if (now < m->fault_at)
        return;
    m->fault_at = now + GOST__MUX_FAULT_MS;
    gost_log(GOST_LOG_WARN, "%s: stream %u %s (%u such faults in this session so far)",
             m->protocol->name, (unsigned)id, what, (unsigned)m->faults);
}

void gost__mux_payload(struct gost_mux *m, struct gost__mux_stream *s, uint32_t n)
{
    m->rx_left = n;
    m->rx_stream = NULL;
    if (!s || s->closed || s->rc != 0 || s->fin_in)
        return;
    s->allow -= n;
    if (s->allow >= -OVERRUN) {
        m->rx_stream = s;
        return;
    }
    gost__mux_fault(m, s->id, "closed: the peer sent more than its window");
    if (!s->fin_out)
        m->protocol->refuse(m, s->id);
    gost__mux_stream_fail(s, GOST_EPROTO, "the peer sent more than the stream's window");
}

void gost__mux_peer_ends(struct gost__mux_stream *s)
{
    if (s->closed) {
        gost__mux_stream_free(s);
        return;
    }
    s->fin_in = true;
    gost__mux_stream_wake(s, true, true);
}

void gost__mux_set_credit(struct gost__mux_stream *s, int64_t credit)
{
    s->credit = credit;
    if (s->starved && credit > 0) {
        s->starved = false;
        gost__mux_stream_wake(s, false, true);
    }
}

struct gost__mux_stream *gost__mux_peer_opens(struct gost_mux *m, uint32_t id)
{
    struct gost__mux_stream *s = NULL;
    if (m->owned && m->events->on_stream && m->count < GOST_MUX_STREAMS_MAX)
        s = gost__mux_stream_new(m, id);
    if (!s) {
        if (m->owned)
            gost__mux_fault(m, id, "refused: the peer may open none, or has too many");
        if (m->out.len < GOST__MUX_REPLY_MAX)
            m->protocol->refuse(m, id);
        return NULL;
    }
    gost_list_add(&m->accepted, &s->wait);
    m->accepted_count++;
    return s;
}

/* Complete a head that the last batch ended in. @return bytes taken, or a negative code */
static ssize_t parse_split(struct gost_mux *m, const uint8_t *p, size_t n)
{
    size_t have = m->head_len, more = GOST__MUX_HEAD_MAX - have;
    more = more < n ? more : n;
    memcpy(m->head + have, p, more);
    ssize_t used = m->protocol->input(m, m->head, have + more);
    if (used < 0)
        return used;
    m->head_len = used == 0 ? (uint8_t)(have + more) : 0;
    return used == 0 ? (ssize_t)more : used - (ssize_t)have;
}

/* Heads as they come. @return bytes taken, or a negative code */
static ssize_t parse_head(struct gost_mux *m, const uint8_t *p, size_t n)
{
    if (m->head_len)
        return parse_split(m, p, n);
    ssize_t used = m->protocol->input(m, p, n);
    if (used != 0)
        return used;
    memcpy(m->head, p, n); /* less than the longest head, or it would be complete */
    m->head_len = (uint8_t)n;
    return (ssize_t)n;
}

static int parse(struct gost_mux *m, size_t at, size_t end)
{
    while (at < end && m->rc == 0) {
        ssize_t used;
        if (m->rx_left > 0) {
            used = (ssize_t)(m->rx_left < end - at ? m->rx_left : end - at);
            m->rx_left -= (uint32_t)used;
            if (m->rx_stream)
                hand_over(m->rx_stream, (uint32_t)at, (uint32_t)used);
            if (m->rx_left == 0)
                m->rx_stream = NULL;
        } else {
            used = parse_head(m, m->batch + at, end - at);
        }
        if (used < 0)
            return (int)used;
        at += (size_t)used;
    }
    return 0;
}

void gost__mux_deliver(struct gost_mux *m)
{
    struct gost_list *link;
    for (uint32_t i = 0; i < m->backlog && (link = gost_list_shift(&m->accepted)); i++) {
        struct gost__mux_stream *s = gost_container_of(link, struct gost__mux_stream, wait);
        struct gost_stream *top = &s->base;
        m->accepted_count--;
        gost__mux_count_live(m, 1);
        m->idle_due = false;
        if (!m->owned) {
            gost_stream_close(top);
            continue;
        }
        if (m->protocol->accept)
            m->protocol->accept(s);
        m->events->on_stream(m, &top);
    }
    if (m->accepted_count > 0)
        gost__mux_post(m);
}

/* Move what its reader left in the batch to the stream's queue. */
static void keep_rest(struct gost__mux_stream *s)
{
    struct gost_mux *m = s->mux;
    size_t n = s->fresh_len;
    if (n == 0)
        return;
    uint8_t *room = gost_buf_reserve(&s->in, n);
    if (!room) {
        gost__mux_drop_input(s);
        if (!s->fin_out && m->rc == 0)
            m->protocol->refuse(m, s->id);
        gost__mux_stream_fail(s, GOST_ENOMEM, "no memory for what was received");
        return;
    }
    if (s->in.len == 0)
        s->touched = gost_now();
    take_fresh(s, room, n);
    gost_buf_commit(&s->in, n);
    m->held += n;
}

void gost__mux_wake_due(struct gost_mux *m)
{
    struct gost_list *link;
    while ((link = gost_list_shift(&m->due))) {
        struct gost__mux_stream *s = gost_container_of(link, struct gost__mux_stream, due);
        bool read = s->wake_read, write = s->wake_write;
        s->wake_read = s->wake_write = false;
        m->waking = s;
        if (read)
            gost_waker_fire(s->waker[GOST_READER]);
        if (write && m->waking)
            gost_waker_fire(s->waker[GOST_WRITER]);
        if (m->waking && m->batch)
            keep_rest(s);
        m->waking = NULL;
    }
    if (!m->paused && is_full(m)) {
        m->paused = true;
        m->paused_at = gost_now();
        gost__mux_arm(m);
    }
}

/* @return false when there is no more for now */
static bool receive_batch(struct gost_mux *m)
{
    ssize_t n = gost_stream_read(m->io, m->batch + LINK, GOST__MUX_READ_MAX);
    if (gost_is_want(n)) {
        m->rx_due = false;
        m->rx_wants_write = n == GOST_WANT_WRITE;
        return false;
    }
    if (n <= 0) {
        gost__mux_die(m, n == 0 ? gost_fail(GOST_EOF, "the peer closed the session") : (int)n);
        return false;
    }
    m->heard_at = gost_now();
    int rc = parse(m, LINK, LINK + (size_t)n);
    if (rc != 0)
        gost__mux_die(m, rc);
    gost__mux_deliver(m);
    gost__mux_wake_due(m);
    return m->rc == 0 && !m->paused && m->accepted_count < m->backlog;
}

void gost__mux_receive(struct gost_mux *m)
{
    if (m->paused || m->accepted_count >= m->backlog)
        return;
    m->batch = gost_scratch_take();
    int rounds = ROUNDS;
    while (rounds > 0 && receive_batch(m))
        rounds--;
    gost_scratch_give(m->batch);
    m->batch = NULL;
    if (m->rx_due && !m->paused)
        gost__mux_post(m);
}

/* The stream whose reader stalled with most unread bytes, or NULL. */
static struct gost__mux_stream *worst_of(struct gost_mux *m, uint64_t now)
{
    struct gost__mux_stream *worst = NULL, *next = NULL, *s;
    uint32_t at = 0;
    while ((s = gost__mux_each(m, &at, &next)))
        if (now - s->touched >= GOST_MUX_STALL_MS && s->in.len > (worst ? worst->in.len : 0))
            worst = s;
    return worst;
}

void gost__mux_evict(struct gost_mux *m)
{
    struct gost__mux_stream *s;
    while (m->paused && (s = worst_of(m, gost_now()))) {
        gost_log(
            GOST_LOG_WARN,
            "%s: stream %u closed: %zu bytes unread for %d s, and the session's buffer is full",
            m->protocol->name, (unsigned)s->id, s->in.len, GOST_MUX_STALL_MS / 1000);
        if (!s->fin_out)
            m->protocol->refuse(m, s->id);
        gost__mux_drop_input(s);
        gost__mux_stream_fail(s, GOST_ELIMIT, "nobody read while the session's buffer was full");
    }
}
