/*
 * smux, versions 1 and 2.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/smux.h"
#include "core/transport/mux_int.h"

static void put_head(const struct gost_mux *m, uint8_t *to, enum gost_smux_command command,
                     uint32_t id, uint32_t length)
{
    struct gost_smux f = {
        .version = m->version, .command = (uint8_t)command, .length = (uint16_t)length, .stream = id};
    gost_smux_encode(to, GOST_SMUX_MAX, &f);
}

static void control(struct gost_mux *m, enum gost_smux_command command, uint32_t id)
{
    uint8_t *room = gost__mux_control(m, GOST_SMUX_MAX);
    if (room)
        put_head(m, room, command, id, 0);
}

static void smux_data_head(const struct gost__mux_stream *s, uint8_t *head, uint32_t n)
{
    put_head(s->mux, head, GOST_SMUX_PSH, s->id, n);
}

/* What both sides assume before the first report. */
static void set_windows(struct gost__mux_stream *s)
{
    bool windows = s->mux->version == 2;
    s->credit = s->allow = windows ? GOST__MUX_WINDOW : INT64_MAX;
}

static void smux_open(struct gost__mux_stream *s)
{
    set_windows(s);
    control(s->mux, GOST_SMUX_SYN, s->id);
}

static void smux_fin(struct gost__mux_stream *s)
{
    s->fin_out = true;
    control(s->mux, GOST_SMUX_FIN, s->id);
}

/*
 * Whoever does not understand is not disturbed. Until the peer has said that it does, the answer is
 * "not supported", and worth another try later.
 */
static int smux_shutdown(struct gost__mux_stream *s)
{
    struct gost_mux *m = s->mux;
    if (s->gone || s->id == GOST_SMUX_HALVES)
        return GOST_ENOTSUP;
    if (!s->half_out)
        control(m, GOST_SMUX_NOP, s->id);
    s->half_out = true;
    return m->halves ? 0 : GOST_ENOTSUP;
}

/* A NOP with a stream's number. */
static void on_half(struct gost_mux *m, uint32_t id)
{
    struct gost__mux_stream *s = gost__mux_find(m, id);
    m->halves = true;
    if (id == GOST_SMUX_HALVES)
        return;
    if (!m->told_halves)
        control(m, GOST_SMUX_NOP, GOST_SMUX_HALVES);
    m->told_halves = true;
    if (s)
        gost__mux_peer_ends(s);
}

static void smux_refuse(struct gost_mux *m, uint32_t id)
{
    control(m, GOST_SMUX_FIN, id);
}

static void smux_ping(struct gost_mux *m)
{
    control(m, GOST_SMUX_NOP, 0);
}

/* Report after the first read, then after each half window. */
static void smux_consumed(struct gost__mux_stream *s)
{
    struct gost_mux *m = s->mux;
    if (m->version != 2 || (s->reported != 0 && s->consumed - s->reported < s->window / 2))
        return;
    size_t queued = gost__mux_queued(s);
    if (m->grow)
        gost__mux_grow_window(s);
    struct gost_smux_update u = {.consumed = s->consumed, .window = s->window};
    uint8_t *room = gost__mux_control(m, GOST_SMUX_MAX + GOST_SMUX_UPDATE_MAX);
    if (!room)
        return;
    put_head(m, room, GOST_SMUX_UPD, s->id, GOST_SMUX_UPDATE_MAX);
    gost_smux_update_encode(room + GOST_SMUX_MAX, GOST_SMUX_UPDATE_MAX, &u);
    s->reported = s->consumed;
    /* how far beyond what we hold the peer may be now; it may have been allowed more before */
    int64_t allow = (int64_t)s->window - (int64_t)queued;
    s->allow = allow > s->allow ? allow : s->allow;
}

static void on_update(struct gost_mux *m, uint32_t id, const struct gost_smux_update *u)
{
    struct gost__mux_stream *s = gost__mux_find(m, id);
    if (!s || s->rc != 0 || m->version != 2)
        return;
    uint32_t under_way = s->sent - u->consumed;
    if (under_way > INT32_MAX) {
        gost__mux_fault(m, id, "closed: the peer reports more bytes than were sent");
        smux_refuse(m, id);
        gost__mux_stream_fail(s, GOST_EPROTO, "the peer reports more bytes than were sent");
        return;
    }
    gost__mux_set_credit(s, (int64_t)u->window - (int64_t)under_way);
}

static void on_open(struct gost_mux *m, uint32_t id)
{
    struct gost__mux_stream *s = gost__mux_find(m, id) ? NULL : gost__mux_peer_opens(m, id);
    if (s)
        set_windows(s);
}

static void on_end(struct gost_mux *m, uint32_t id)
{
    struct gost__mux_stream *s = gost__mux_find(m, id);
    if (!s)
        return;
    s->gone = true;
    gost__mux_peer_ends(s);
}

/* Only PSH and UPD have a payload, whatever the others' length says. */
static ssize_t smux_input(struct gost_mux *m, const uint8_t *p, size_t n)
{
    struct gost_smux f;
    struct gost_smux_update u;
    ssize_t used = gost_smux_decode(&f, p, n);
    if (used < 0)
        return gost_fail_at((int)used, "not the smux that was agreed on");
    if (used == 0)
        return 0;
    if (f.version != m->version)
        return gost_fail(GOST_EPROTO, "the peer speaks smux version %u, mux.version is %u here",
                         f.version, m->version);
    switch (f.command) {
    case GOST_SMUX_SYN:
        on_open(m, f.stream);
        return used;
    case GOST_SMUX_FIN:
        on_end(m, f.stream);
        return used;
    case GOST_SMUX_PSH:
        if (f.length > 0)
            gost__mux_payload(m, gost__mux_find(m, f.stream), f.length);
        return used;
    case GOST_SMUX_UPD:
        if (gost_smux_update_decode(&u, p + used, n - (size_t)used) == 0)
            return 0;
        on_update(m, f.stream, &u);
        return used + GOST_SMUX_UPDATE_MAX;
    default: /* that something came is noted already */
        if (f.stream != 0)
            on_half(m, f.stream);
        return used;
    }
}

const struct gost__mux_protocol gost__mux_smux = {
    .name = "smux",
    .head = GOST_SMUX_MAX,
    .first_id = {2, 3},
    .input = smux_input,
    .data_head = smux_data_head,
    .open = smux_open,
    .shutdown = smux_shutdown,
    .fin = smux_fin,
    .refuse = smux_refuse,
    .consumed = smux_consumed,
    .ping = smux_ping,
};
