/*
 * yamux.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/yamux.h"
#include "core/transport/mux_int.h"

#include <inttypes.h>

static void control(struct gost_mux *m, enum gost_yamux_type type, uint16_t flags, uint32_t id,
                    uint32_t value)
{
    struct gost_yamux f = {.type = (uint8_t)type, .flags = flags, .stream = id, .length = value};
    uint8_t *room = gost__mux_control(m, GOST_YAMUX_MAX);
    if (room)
        gost_yamux_encode(room, GOST_YAMUX_MAX, &f);
}

static void yamux_data_head(const struct gost__mux_stream *s, uint8_t *head, uint32_t n)
{
    struct gost_yamux f = {.type = GOST_YAMUX_DATA, .stream = s->id, .length = n};
    gost_yamux_encode(head, GOST_YAMUX_MAX, &f);
}

static void set_windows(struct gost__mux_stream *s)
{
    s->credit = s->allow = GOST__MUX_WINDOW;
}

/* Opening and accepting both tell how much larger than usual our window is. */
static void announce(struct gost__mux_stream *s, enum gost_yamux_flag flag)
{
    control(s->mux, GOST_YAMUX_WINDOW, flag, s->id, s->window - GOST__MUX_WINDOW);
    s->allow += s->window - GOST__MUX_WINDOW;
}

static void yamux_open(struct gost__mux_stream *s)
{
    set_windows(s);
    s->unanswered = true;
    s->mux->unanswered++;
    announce(s, GOST_YAMUX_SYN);
}

static void yamux_accept(struct gost__mux_stream *s)
{
    announce(s, GOST_YAMUX_ACK);
}

static void yamux_fin(struct gost__mux_stream *s)
{
    s->fin_out = true;
    control(s->mux, GOST_YAMUX_WINDOW, GOST_YAMUX_FIN, s->id, 0);
}

static int yamux_shutdown(struct gost__mux_stream *s)
{
    yamux_fin(s);
    return 0;
}

static void yamux_refuse(struct gost_mux *m, uint32_t id)
{
    control(m, GOST_YAMUX_WINDOW, GOST_YAMUX_RST, id, 0);
}

/* An unanswered ping is what the session may die of, so the time counts. */
static void yamux_ping(struct gost_mux *m)
{
    control(m, GOST_YAMUX_PING, GOST_YAMUX_SYN, 0, m->ping_count++);
    m->pinged = gost_now();
}

static void yamux_farewell(struct gost_mux *m)
{
    control(m, GOST_YAMUX_GO_AWAY, 0, 0, GOST_YAMUX_NORMAL);
}

static int64_t returnable(const struct gost__mux_stream *s)
{
    return (int64_t)s->window - (int64_t)gost__mux_queued(s) - s->allow;
}

/* Give back what was read, once it is half of the window. */
static void yamux_consumed(struct gost__mux_stream *s)
{
    int64_t delta = returnable(s);
    if (delta < (int64_t)(s->window / 2))
        return;
    s->reported = s->consumed;
    if (s->mux->grow)
        gost__mux_grow_window(s);
    delta = returnable(s);
    if (delta <= 0)
        return;
    control(s->mux, GOST_YAMUX_WINDOW, 0, s->id, (uint32_t)delta);
    s->allow += delta;
}

/* The peer broke the protocol: tell it, and end. @return GOST_EPROTO, the diag is set */
static int broken(struct gost_mux *m)
{
    control(m, GOST_YAMUX_GO_AWAY, 0, 0, GOST_YAMUX_PROTOCOL_ERROR);
    return GOST_EPROTO;
}

static ssize_t on_ping(struct gost_mux *m, const struct gost_yamux *f)
{
    if ((f->flags & GOST_YAMUX_SYN) && m->out.len < GOST__MUX_REPLY_MAX)
        control(m, GOST_YAMUX_PING, GOST_YAMUX_ACK, 0, f->length);
    return GOST_YAMUX_MAX;
}

static ssize_t on_go_away(struct gost_mux *m, const struct gost_yamux *f)
{
    m->peer_is_done = true;
    if (f->length == GOST_YAMUX_NORMAL)
        return GOST_YAMUX_MAX;
    return gost_fail(GOST_EPROTO, "the peer ended the session: %s",
                     f->length == GOST_YAMUX_PROTOCOL_ERROR ? "it saw a protocol error"
                                                            : "it had an internal error");
}

/* What the flags of a frame say. @return 0, or a negative code with diag */
static int on_flags(struct gost_mux *m, struct gost__mux_stream **s, const struct gost_yamux *f)
{
    if (f->flags & GOST_YAMUX_SYN) {
        if (*s || f->stream == 0) {
            gost_fail(GOST_EPROTO, "stream %u was opened twice", (unsigned)f->stream);
            return broken(m);
        }
        *s = gost__mux_peer_opens(m, f->stream);
        if (*s)
            set_windows(*s);
    }
    if (*s && (f->flags & GOST_YAMUX_ACK) && (*s)->unanswered) {
        (*s)->unanswered = false;
        m->unanswered--;
    }
    return 0;
}

/* Ends come last: the data of the same frame is before them. */
static void on_ends(struct gost__mux_stream *s, uint16_t flags)
{
    if (flags & GOST_YAMUX_RST) {
        if (s->closed)
            gost__mux_stream_free(s);
        else
            gost__mux_stream_fail(s, -ECONNRESET, "the peer reset the stream");
    } else if (flags & GOST_YAMUX_FIN) {
        gost__mux_peer_ends(s);
    }
}

/*
 * More data for a stream that our user closed. A peer that goes on after what may have been under
 * way would wait for window that it never gets: it is told that nobody listens.
 */
static bool is_too_late(struct gost__mux_stream *s, uint32_t n)
{
    s->dropped += n;
    return s->dropped > GOST__MUX_LATE_MAX || gost_now() - s->touched > GOST__MUX_LATE_MS;
}

static ssize_t on_data(struct gost_mux *m, struct gost__mux_stream **stream,
                       const struct gost_yamux *f)
{
    struct gost__mux_stream *s = *stream;
    if (s && f->length > s->allow) {
        gost_fail(GOST_EPROTO, "stream %u: %" PRIu32 " bytes came where the window had %" PRId64,
                  (unsigned)s->id, f->length, s->allow);
        return broken(m);
    }
    if (!s && f->length > GOST__MUX_OUT_MAX) {
        gost_fail(GOST_EPROTO, "%" PRIu32 " bytes came for no stream", f->length);
        return broken(m);
    }
    if (s && s->closed && is_too_late(s, f->length)) {
        yamux_refuse(m, s->id);
        gost__mux_stream_free(s);
        *stream = s = NULL;
    }
    if (f->length > 0)
        gost__mux_payload(m, s, f->length);
    return GOST_YAMUX_MAX;
}

static ssize_t yamux_input(struct gost_mux *m, const uint8_t *p, size_t n)
{
    struct gost_yamux f;
    ssize_t used = gost_yamux_decode(&f, p, n);
    if (used <= 0)
        return used == 0 ? 0 : gost_fail_at((int)used, "not the yamux that was agreed on");
    if (f.type == GOST_YAMUX_PING)
        return on_ping(m, &f);
    if (f.type == GOST_YAMUX_GO_AWAY)
        return on_go_away(m, &f);
    struct gost__mux_stream *s = gost__mux_find(m, f.stream);
    int rc = on_flags(m, &s, &f);
    if (rc != 0)
        return rc;
    if (f.type == GOST_YAMUX_DATA)
        used = on_data(m, &s, &f);
    else if (s && s->credit + f.length <= UINT32_MAX)
        gost__mux_set_credit(s, s->credit + f.length);
    if (used > 0 && s)
        on_ends(s, f.flags);
    return used;
}

const struct gost__mux_protocol gost__mux_yamux = {
    .name = "yamux",
    .head = GOST_YAMUX_MAX,
    .half_close = true,
    .first_id = {2, 1},
    .input = yamux_input,
    .data_head = yamux_data_head,
    .open = yamux_open,
    .accept = yamux_accept,
    .shutdown = yamux_shutdown,
    .fin = yamux_fin,
    .refuse = yamux_refuse,
    .consumed = yamux_consumed,
    .ping = yamux_ping,
    .farewell = yamux_farewell,
};
