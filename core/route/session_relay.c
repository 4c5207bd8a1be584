/*
 * What moves a connection's bytes once it is established: a pump here, one at another worker, or
 * something that needs neither; and how that ends.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/route/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void gost_session_bytes(const struct gost_session *s, uint64_t *in, uint64_t *out)
{
    *in = s->in;
    *out = s->out;
    if (!s->pumping || s->resting)
        return;
    uint64_t moved[2];
    if (s->far) {
        gost_far_bytes(s->far, &moved[0], &moved[1]);
    } else {
        moved[0] = s->datagrams ? s->packets.flow[0].bytes : s->pump.flow[0].bytes;
        moved[1] = s->datagrams ? s->packets.flow[1].bytes : s->pump.flow[1].bytes;
    }
    *in += moved[0];
    *out += moved[1];
}

/* Either side may vanish from an established tunnel: that is how many programs close. */
static int pump_result(const struct gost_session *s, int *broken)
{
    *broken = -1;
    if (s->resting)
        return s->rest_rc;
    int rc = s->datagrams ? s->packets.rc : s->pump.rc;
    *broken = s->datagrams ? s->packets.broken : s->pump.broken;
    if (s->far)
        rc = gost_far_result(s->far, broken);
    if (s->datagrams && rc == GOST_ETIMEDOUT) /* datagrams know no other end than silence */
        return 0;
    return rc == -ECONNRESET || rc == -EPIPE || rc == GOST_EOF ? 0 : rc;
}

void gost__session_relayed(void *arg)
{
    struct gost_session *s = arg;
    char error[256];
    int broken, rc = pump_result(s, &broken);
    if (s->resting)
        snprintf(error, sizeof(error), "%s", s->rest_story ? s->rest_story : gost_strerror(rc));
    else
        snprintf(error, sizeof(error), "%s%s",
                 broken == 0   ? "client side: "
                 : broken == 1 ? "target side: "
                               : "",
                 rc == GOST_ETIMEDOUT ? "idle for too long" : gost_strerror(rc));
    gost__session_end(s, rc, error);
}

static void pump_done(struct gost_session *s)
{
    s->pumped = true;
    if (s->fiber || s->helpers > 0)
        return; /* fibers still unwind; the last one ends the session */
    if (!s->service->hooks.close || !gost_fiber_spawn("close", gost__session_relayed, s))
        gost__session_relayed(s); /* a hook may wait, so it has a fiber */
}

static void on_pump_done(struct gost_pump *p)
{
    pump_done(gost_container_of(p, struct gost_session, pump));
}

static void on_packets_done(struct gost_packet_pump *p)
{
    pump_done(gost_container_of(p, struct gost_session, packets));
}

static void on_far_done(struct gost_far *f, void *user)
{
    (void)f;
    pump_done(user);
}

void gost__session_rest(struct gost_session *s, void (*stop)(void *arg, int rc), void *arg)
{
    s->resting = s->pumping = true;
    s->rest_stop = stop;
    s->rest_arg = arg;
}

void gost__session_rested(struct gost_session *s, int rc, const char *story)
{
    s->rest_stop = NULL;
    s->rest_rc = rc;
    s->rest_story = rc != 0 ? strdup(story) : NULL;
    pump_done(s);
}

void gost__session_helped(struct gost_session *s)
{
    if (--s->helpers == 0 && s->pumped && !s->fiber)
        gost__session_relayed(s);
}

static size_t grant(void *arg, int flow, size_t want, uint64_t *when)
{
    struct gost_session *s = arg;
    return (size_t)gost_traffic_take(s->traffic, flow == 0 ? GOST_LIMIT_IN : GOST_LIMIT_OUT, want,
                                     gost_now(), when);
}

static void give_back(void *arg, int flow, size_t n)
{
    struct gost_session *s = arg;
    gost_traffic_give(s->traffic, flow == 0 ? GOST_LIMIT_IN : GOST_LIMIT_OUT, n);
}

static bool grant_packet(void *arg, int flow, size_t n, uint64_t *when)
{
    struct gost_session *s = arg;
    return gost_traffic_take_all(s->traffic, flow == 0 ? GOST_LIMIT_IN : GOST_LIMIT_OUT, n,
                                 gost_now(), when);
}

/* Must the tunnel of a session keep limits? */
static bool is_limited(struct gost_session *s)
{
    if (!s->traffic)
        return false;
    if (s->conn.client_id)
        gost_traffic_conn_identify(s->traffic, s->conn.client_id, strlen(s->conn.client_id));
    return gost_traffic_limits(s->traffic, GOST_LIMIT_IN) ||
           gost_traffic_limits(s->traffic, GOST_LIMIT_OUT);
}

int gost__session_relay(struct gost_session *s, struct gost_stream **up)
{
    static const struct gost_pump_rules limited = {.grant = grant, .give_back = give_back};
    if (s->service->hooks.stream)
        return gost__session_copy(s, up);
    gost_pump_start(&s->pump, &s->conn.client, up, is_limited(s) ? &limited : NULL, s, on_pump_done);
    s->pumping = true;
    if (s->conn.idle_ms)
        gost_pump_set_idle(&s->pump, s->conn.idle_ms);
    return 0;
}

bool gost__session_is_movable(struct gost_session *s)
{
    return s->conn.client && !s->service->hooks.stream && !is_limited(s) &&
           gost_stream_is_movable(s->conn.client);
}

int gost__session_relay_far(struct gost_session *s, struct gost_far **far)
{
    int rc = gost_far_pump(*far, &s->conn.client, s->conn.idle_ms, on_far_done, s);
    if (rc != 0)
        return rc;
    s->far = *far;
    *far = NULL;
    s->pumping = true;
    return 0;
}

int gost__session_relay_packet(struct gost_session *s, struct gost_packet **up, bool once)
{
    static const struct gost_packet_rules limited = {.grant = grant_packet};
    uint64_t idle = s->conn.idle_ms ? s->conn.idle_ms : s->conn.packet->ttl_ms;
    if (s->service->hooks.stream)
        return gost_fail(GOST_ENOTSUP, "the stream hook cannot see datagrams");
    s->pumping = s->datagrams = true;
    gost_packet_pump_start(&s->packets, &s->conn.packet, up, is_limited(s) ? &limited : NULL, s,
                           idle, once, on_packets_done);
    return 0;
}

void gost__session_stop_relay(struct gost_session *s, int rc)
{
    if (s->resting) {
        if (s->rest_stop)
            s->rest_stop(s->rest_arg, rc);
    } else if (s->far)
        gost_far_stop(s->far, rc);
    else if (s->datagrams)
        gost_packet_pump_stop(&s->packets, rc);
    else
        gost_pump_stop(&s->pump, rc);
}
