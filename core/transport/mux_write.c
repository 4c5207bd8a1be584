/*
 * Sending: frames of all streams into one carrier.
 *
 * Small writes and control frames gather in `out` until the end of the turn. A large write goes to
 * the carrier at once, from where its bytes lie, behind what has gathered; only the rest of a frame
 * that was cut short is copied. Once the carrier is full, writers queue up and get turns.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/transport/mux_int.h"

#include <string.h>

enum {
    DIRECT_MIN = 8 * 1024,    /* cheaper to send than to copy … */
    DIRECT_AMONG = 64 * 1024, /* … and where others send as well */
    FRAMES = 16,              /* sent directly in one call */
    SERVED_MAX = 64,          /* turns given before other sessions get theirs */
};

uint8_t *gost__mux_control(struct gost_mux *m, size_t n)
{
    uint8_t *room = m->rc == 0 ? gost_buf_reserve(&m->out, n) : NULL;
    if (room) {
        gost_buf_commit(&m->out, n);
        gost__mux_post(m);
    } else if (m->rc == 0) {
        gost__mux_die(m,
                      gost_fail(GOST_ELIMIT, "the peer takes nothing, and too much waits for it"));
    }
    return room;
}

/* The carrier took nothing: its waker will tell. */
static void set_blocked(struct gost_mux *m, ssize_t want)
{
    m->blocked = true;
    m->tx_wants_read = want == GOST_WANT_READ;
}

/* The carrier may hold bytes back, as TLS does: they go when it is asked again. */
static void flush_below(struct gost_mux *m)
{
    int rc = gost_stream_flush(m->io);
    m->below_holds = gost_is_want(rc);
    if (m->below_holds)
        set_blocked(m, rc);
    else if (rc != 0)
        gost__mux_die(m, rc);
}

void gost__mux_flush(struct gost_mux *m)
{
    bool any = m->out.len > 0 || m->below_holds;
    while (m->rc == 0 && m->out.len > 0) {
        ssize_t n = gost_stream_write(m->io, m->out.data, m->out.len);
        if (n >= 0) {
            m->passed += (uint32_t)n;
            gost_buf_consume(&m->out, (size_t)n);
        } else if (gost_is_want(n)) {
            set_blocked(m, n);
            return;
        } else {
            gost__mux_die(m, (int)n);
        }
    }
    if (m->rc != 0 || !any)
        return;
    gost_buf_destroy(&m->out);
    flush_below(m);
}

/* --- turns -------------------------------------------------------------------------------- */

static bool has_turn(const struct gost__mux_stream *s)
{
    return s->quota > 0 && s->mux->round - s->round <= 1;
}

void gost__mux_yield_turn(struct gost__mux_stream *s)
{
    if (s->quota > 0 && s->round == s->mux->round && s->mux->turns > 0)
        s->mux->turns--;
    s->quota = 0;
}

/* Others than `s` wait, or were called and have not come yet. */
static bool others_wait(const struct gost__mux_stream *s)
{
    const struct gost_mux *m = s->mux;
    uint32_t own = s->quota > 0 && s->round == m->round && m->turns > 0;
    return !gost_list_empty(&m->waiters) || !gost_list_empty(&m->ahead) || m->turns > own;
}

/*
 * Stand in line: in front, if its turn was cut short, or if all others had one since it had its
 * own: a stream with little to say does not wait behind a hundred that are never done.
 */
static ssize_t wait_for_turn(struct gost__mux_stream *s, bool first)
{
    struct gost_mux *m = s->mux;
    if (gost_list_empty(&s->wait)) {
        bool ahead = first || m->served - s->served > m->live;
        gost_list_add(ahead ? &m->ahead : &m->waiters, &s->wait);
    }
    if (!m->blocked)
        gost__mux_post(m);
    return GOST_WANT_WRITE;
}

/*
 * A turn is what the carrier takes in 4 ms, at least a frame: on a fast one larger pieces save
 * work, on a slow one nobody waits long.
 */
static void measure(struct gost_mux *m)
{
    uint64_t now = gost_now(), ms = now - m->measured_at;
    if (ms < 16)
        return;
    uint64_t quota = m->passed * (uint64_t)4 / ms;
    quota = quota < GOST__MUX_QUOTA_MAX ? quota : GOST__MUX_QUOTA_MAX;
    m->quota = quota > m->max_frame ? (uint32_t)quota : m->max_frame;
    m->passed = 0;
    m->measured_at = now;
}

static void give_turn(struct gost__mux_stream *s)
{
    struct gost_mux *m = s->mux;
    if (s->quota == 0) /* else its last turn was cut short, and goes on */
        s->quota = m->quota;
    uint32_t before = s->quota;
    s->round = m->round;
    s->asked = false;
    s->served = ++m->served;
    m->turns++;
    m->waking = s;
    gost_waker_fire(s->waker[GOST_WRITER]);
    if (m->waking && (s->asked || s->quota < before) && gost_list_empty(&s->wait))
        gost__mux_yield_turn(s); /* it came, and has no more for now */
    m->waking = NULL;
}

/*
 * A turn is void once the round after its own is over, so whoever was called and does not come (a
 * fiber that was cancelled) holds nobody up.
 */
void gost__mux_serve(struct gost_mux *m)
{
    struct gost_list *link;
    m->round++;
    m->turns = 0;
    measure(m);
    for (int i = 0; i < SERVED_MAX && !m->blocked && m->rc == 0; i++) {
        if (!(link = gost_list_shift(&m->ahead)) && !(link = gost_list_shift(&m->waiters)))
            return;
        give_turn(gost_container_of(link, struct gost__mux_stream, wait));
    }
    if (!m->blocked && m->rc == 0)
        gost__mux_post(m); /* the rest in the next turn of the loop */
}

/* --- data --------------------------------------------------------------------------------- */

static void count_sent(struct gost__mux_stream *s, size_t n)
{
    s->sent += (uint32_t)n;
    if (s->credit != INT64_MAX)
        s->credit -= (int64_t)n;
}

/* Into `out`. @return n, or a negative code */
static ssize_t send_gathered(struct gost__mux_stream *s, const uint8_t *p, size_t n)
{
    struct gost_mux *m = s->mux;
    size_t head = m->protocol->head;
    for (size_t done = 0; done < n;) {
        size_t part = n - done < m->max_frame ? n - done : m->max_frame;
        uint8_t *room = gost__mux_control(m, head + part);
        if (!room)
            return gost_mux_error(m);
        m->protocol->data_head(s, room, (uint32_t)part);
        memcpy(room + head, p + done, part);
        count_sent(s, part);
        done += part;
    }
    return (ssize_t)n;
}

void gost__mux_send_first(struct gost__mux_stream *s, const void *p, size_t n)
{
    send_gathered(s, p, n);
}

/* A direct write: what gathered before, then heads and data in turn. */
struct direct {
    struct iovec iov[1 + 2 * FRAMES];
    uint8_t head[FRAMES][12];
    int count;
    size_t n; /* bytes of data in all */
};

static void direct_plan(struct direct *d, struct gost__mux_stream *s, const uint8_t *p, size_t n)
{
    struct gost_mux *m = s->mux;
    d->iov[0] = (struct iovec){m->out.data, m->out.len};
    d->count = 1;
    d->n = 0;
    for (int i = 0; i < FRAMES && d->n < n; i++) {
        size_t part = n - d->n < m->max_frame ? n - d->n : m->max_frame;
        m->protocol->data_head(s, d->head[i], (uint32_t)part);
        d->iov[d->count++] = (struct iovec){d->head[i], m->protocol->head};
        d->iov[d->count++] = (struct iovec){(void *)(p + d->n), part};
        d->n += part;
    }
}

/* The carrier took `put` bytes of the plan: @return bytes of data in the frames that have begun */
static ssize_t direct_settle(struct direct *d, struct gost__mux_stream *s, size_t put)
{
    struct gost_mux *m = s->mux;
    size_t begun = 0;
    if (put < d->iov[0].iov_len) {
        gost_buf_consume(&m->out, put);
        return 0;
    }
    put -= d->iov[0].iov_len;
    gost_buf_destroy(&m->out);
    for (int i = 1; i < d->count && put > 0; i += 2) {
        size_t head = d->iov[i].iov_len, data = d->iov[i + 1].iov_len;
        size_t rest = put < head + data ? head + data - put : 0;
        uint8_t *room = rest ? gost__mux_control(m, rest) : NULL;
        if (rest && !room)
            return gost_mux_error(m);
        size_t rest_data = rest < data ? rest : data;
        if (rest) {
            memcpy(room, d->head[i / 2] + head - (rest - rest_data), rest - rest_data);
            memcpy(room + rest - rest_data, (uint8_t *)d->iov[i + 1].iov_base + data - rest_data,
                   rest_data);
        }
        put -= head + data - rest;
        begun += data;
    }
    count_sent(s, begun);
    return (ssize_t)begun;
}

/* Past `out`, as far as the carrier takes it. @return bytes (0: none now), or a negative code */
static ssize_t send_direct(struct gost__mux_stream *s, const uint8_t *p, size_t n)
{
    struct gost_mux *m = s->mux;
    struct direct d;
    size_t done = 0;
    while (done < n) {
        direct_plan(&d, s, p + done, n - done);
        bool bare = d.iov[0].iov_len == 0;
        ssize_t put = gost_stream_writev(m->io, d.iov + bare, d.count - bare);
        if (gost_is_want(put)) {
            set_blocked(m, put);
            break;
        }
        if (put < 0)
            return gost__mux_die(m, (int)put);
        m->passed += (uint32_t)put;
        ssize_t begun = direct_settle(&d, s, (size_t)put);
        if (begun < 0)
            return begun;
        done += (size_t)begun;
        if ((size_t)begun < d.n || m->out.len > 0)
            break; /* the carrier is full, or nearly: see what the task achieves */
    }
    m->below_holds = true; /* so the task asks it to flush */
    gost__mux_post(m);
    return (ssize_t)done;
}

/* What `s` may send now, with at most `limit` bytes. @return as gost__mux_send */
static ssize_t send_list(struct gost__mux_stream *s, const struct iovec *iov, int count,
                         size_t limit, size_t direct_min)
{
    ssize_t total = 0;
    for (int i = 0; i < count && limit > 0; i++) {
        size_t n = iov[i].iov_len < limit ? iov[i].iov_len : limit;
        ssize_t put = n >= direct_min ? send_direct(s, iov[i].iov_base, n)
                                      : send_gathered(s, iov[i].iov_base, n);
        if (put < 0)
            return put;
        total += put;
        limit -= (size_t)put;
        if ((size_t)put < iov[i].iov_len)
            break;
    }
    return total;
}

size_t gost__mux_room(struct gost__mux_stream *s)
{
    struct gost_mux *m = s->mux;
    if (m->out.len >= GOST__MUX_GATHER && !m->blocked)
        gost__mux_flush(m);
    if (m->rc != 0)
        return SIZE_MAX;
    if (s->credit <= 0) {
        gost__mux_yield_turn(s);
        s->starved = true;
        return 0;
    }
    bool others = others_wait(s), turn = has_turn(s);
    if (m->blocked || (others && !turn)) {
        wait_for_turn(s, m->blocked && turn);
        return 0;
    }
    int64_t limit = others ? s->quota : INT64_MAX;
    return (size_t)(limit < s->credit ? limit : s->credit);
}

ssize_t gost__mux_send(struct gost__mux_stream *s, const struct iovec *iov, int count)
{
    struct gost_mux *m = s->mux;
    size_t asked = 0, room = gost__mux_room(s);
    for (int i = 0; i < count; i++)
        asked += iov[i].iov_len;
    if (m->rc != 0)
        return gost_mux_error(m);
    if (room == 0)
        return GOST_WANT_WRITE;
    bool others = others_wait(s);
    ssize_t total = send_list(s, iov, count, room, m->live > 1 ? DIRECT_AMONG : DIRECT_MIN);
    if (total == 0 && asked > 0)
        return wait_for_turn(s, true);
    if (others && total > 0) {
        if ((uint32_t)total >= s->quota)
            gost__mux_yield_turn(s);
        else
            s->quota -= (uint32_t)total;
    }
    return total;
}
