/*
 * The session's clock: signs of life, and what has waited too long.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/net/socket.h"
#include "core/net/sockopt.h"
#include "core/transport/mux_int.h"

enum {
    WATCH_MS = 1000,     /* between looks at a carrier that may not get through */
    RETRIES_SUSPECT = 3, /* of its kernel, in a row, that keep new streams off the session */
    RETRIES_MAX = 5,     /* and that end it */
};

/* When silence means that the session is dead. */
static uint64_t silent_until(const struct gost_mux *m)
{
    if (!m->keepalive || m->paused)
        return GOST_NEVER;
    if (m->protocol == &gost__mux_smux)
        return m->heard_at + m->timeout;
    return m->pinged > m->heard_at ? m->pinged + m->timeout : GOST_NEVER;
}

void gost__mux_arm(struct gost_mux *m)
{
    uint64_t at = gost_deadline_min(silent_until(m), m->watch_at);
    if (m->rc != 0)
        return;
    if (m->keepalive)
        at = gost_deadline_min(at, m->ping_at);
    if (m->paused)
        at = gost_deadline_min(at, gost_now() + 1000);
    at = gost_deadline_min(at, m->sweep_at);
    if (!m->owned && m->live == 0)
        at = gost_deadline_min(at, m->farewell_at);
    gost_timer_start(&m->timer, at);
}

/* How long a closed stream is kept for its peer's end: one that has sent more than was read may wait
 * for window that never comes. */
static uint64_t patience(const struct gost__mux_stream *s)
{
    bool waits = s->dropped > 0 || s->allow < s->window / 2;
    return waits ? GOST__MUX_LATE_MS : GOST__MUX_FAREWELL_MS;
}

void gost__mux_closed(struct gost__mux_stream *s)
{
    struct gost_mux *m = s->mux;
    s->closed = true;
    s->touched = gost_now();
    s->dropped = (uint32_t)gost__mux_queued(s);
    m->sweep_at = gost_deadline_min(m->sweep_at, s->touched + patience(s));
    gost__mux_arm(m);
}

/* Streams that we closed long ago and whose peer goes on all the same: reset them. */
static void sweep_closed(struct gost_mux *m, uint64_t now)
{
    struct gost__mux_stream *s, *next = NULL;
    uint32_t at = 0;
    m->sweep_at = GOST_NEVER;
    while ((s = gost__mux_each(m, &at, &next))) {
        if (s->closed && now >= s->touched + patience(s)) {
            m->protocol->refuse(m, s->id);
            gost__mux_stream_free(s);
        } else if (s->closed) {
            m->sweep_at = gost_deadline_min(m->sweep_at, s->touched + patience(s));
        }
    }
}

/*
 * Does the kernel get anything through to the peer? This tells a network that is gone within seconds,
 * where the keepalive needs half a minute. A peer that takes nothing but answers is no such case.
 */
static void watch_carrier(struct gost_mux *m, uint64_t now)
{
    int fd;
    m->retries =
        gost_stream_query(m->io, GOST_QUERY_CARRIER, &fd) == 0 ? gost_socket_retries(fd) : 0;
    m->watch_at = m->retries > 0 ? now + WATCH_MS : GOST_NEVER;
    if (m->retries >= RETRIES_MAX)
        gost__mux_die(m, gost_fail(GOST_ETIMEDOUT, "the network does not reach the peer any more"));
}

static void watch_soon(struct gost_mux *m, uint64_t now)
{
    m->watch_at = gost_deadline_min(m->watch_at, now + WATCH_MS);
}

bool gost__mux_is_suspect(const struct gost_mux *m)
{
    return m->retries >= RETRIES_SUSPECT;
}

void gost__mux_watch_quiet(struct gost_mux *m)
{
    if (m->watch_at != GOST_NEVER || gost_now() - m->heard_at <= WATCH_MS)
        return;
    watch_soon(m, gost_now());
    gost__mux_arm(m);
}

static void look_after(struct gost_mux *m, uint64_t now)
{
    if (now >= m->watch_at)
        watch_carrier(m, now);
    if (m->rc != 0)
        return;
    if (now >= silent_until(m)) {
        gost__mux_die(m, gost_fail(GOST_ETIMEDOUT, "the peer gave no sign of life for %.3g s",
                                   (double)m->timeout / 1000));
        return;
    }
    if (m->keepalive && now >= m->ping_at) {
        m->ping_at = now + m->interval;
        watch_soon(m, now);
        m->protocol->ping(m);
    }
    if (m->paused && now - m->paused_at >= GOST_MUX_STALL_MS)
        gost__mux_evict(m);
    if (now >= m->sweep_at)
        sweep_closed(m, now);
    if (!m->owned && m->live == 0 && now >= m->farewell_at)
        gost__mux_finish(m);
}

void gost__mux_on_timer(struct gost_timer *t)
{
    struct gost_mux *m = gost_container_of(t, struct gost_mux, timer);
    look_after(m, gost_now());
    gost__mux_arm(m);
}
