/*
 * Transparent UDP: what TPROXY rules of the firewall (gost-lua rules) send here, a session for each
 * sender and destination.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/net/udp_flows.h"
#include "core/transport/kinds.h"
#include "core/transport/redirect.h"

#include <stddef.h>

struct redu_settings {
    int64_t ttl; /* milliseconds */
    int64_t buffer, backlog, sessions, queue;
};

static const struct gost_option options[] = {
    {.key = "ttl",
     .type = GOST_OPT_DURATION,
     .offset = offsetof(struct redu_settings, ttl),
     .def = "30s",
     .help = "how long a session lasts without a datagram; 0: as long as the service"},
    {.key = "readBufferSize",
     .type = GOST_OPT_INT,
     .offset = offsetof(struct redu_settings, buffer),
     .def = "65535",
     .min = 1,
     .max = 65535,
     .help = "bytes of the longest first datagram; longer ones are dropped, not cut"},
    {.key = "backlog",
     .type = GOST_OPT_INT,
     .offset = offsetof(struct redu_settings, backlog),
     .def = "128",
     .min = 1,
     .max = 65536,
     .help = "new sessions that are still being connected; further ones are dropped"},
    {.key = "maxSessions",
     .type = GOST_OPT_INT,
     .offset = offsetof(struct redu_settings, sessions),
     .def = "4096",
     .min = 1,
     .max = 1000000,
     .help = "sessions at a time; each takes two descriptors"},
    {.key = "readQueueSize",
     .type = GOST_OPT_INT,
     .offset = offsetof(struct redu_settings, queue),
     .def = "128",
     .min = 1,
     .max = 65536,
     .help = "datagrams that wait until a new session is connected; more are dropped"},
    GOST_OPTION_END,
};

static struct gost_udp_limits limits_of(const struct redu_settings *s)
{
    return (struct gost_udp_limits){
        .sessions = (size_t)s->sessions,
        .pending = (size_t)s->backlog,
        .queue = (size_t)s->queue,
        .datagram = (size_t)s->buffer,
        .ttl_ms = s->ttl > 0 ? (uint64_t)s->ttl : 0,
    };
}

static void on_flow(struct gost_udp_flows *u, struct gost_packet **p,
                    const union gost_sockaddr *peer)
{
    struct gost_listener *l = u->user;
    l->on_packet(l, p, peer);
}

/* A datagram that came straight to us would be sent to us again, and again. */
static int allow(struct gost_udp_flows *u, const union gost_sockaddr *dest)
{
    char text[GOST_HOSTPORT_MAX];
    if (!gost__redirect_is_self(dest, gost_sockaddr_port(&u->addr)))
        return 0;
    return gost_fail(GOST_EDENIED, "a client came straight to %s, which leads nowhere but here",
                     gost_sockaddr_format(dest, text));
}

static int redu_start(struct gost_listener *l)
{
    struct gost_udp_limits limits = limits_of(l->settings);
    struct gost_udp_flows *u;
    char text[GOST_HOSTPORT_MAX];
    int rc = gost_udp_flows_new(&l->addr, &l->socket, &limits, &u);
    if (rc != 0)
        return gost_fail_at(rc, "listen on %s", gost_sockaddr_format(&l->addr, text));
    u->on_flow = on_flow;
    u->allow = allow;
    u->user = l;
    l->state = u;
    l->addr = u->addr;
    return 0;
}

static void redu_stop(struct gost_listener *l)
{
    gost_udp_flows_close(l->state);
    l->state = NULL;
}

/* The socket passes on with its flows: those go on with the service that they began with. */
static int redu_inherit(struct gost_listener *l, struct gost_listener *old)
{
    struct gost_udp_flows *u = old->state;
    if (!gost__listener_wants(l, &u->addr))
        return GOST_ENOTSUP;
    old->state = NULL;
    old->listening = false;
    u->user = l;
    u->netns = l->socket.netns;
    u->limits = limits_of(l->settings);
    l->state = u;
    l->addr = u->addr;
    l->listening = true;
    return 0;
}

const struct gost_listener_kind gost__redu_listener = {
    .name = "redu",
    .help = "UDP that firewall rules send here (TPROXY)",
    .options = {options, sizeof(struct redu_settings)},
    .packets = true,
    .start = redu_start,
    .stop = redu_stop,
    .inherit = redu_inherit,
};
