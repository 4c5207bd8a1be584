/*
 * UDP: a listener whose clients are sessions of datagrams, told apart by their addresses.
 */
#include "core/net/udp_sessions.h"
#include "core/transport/kinds.h"

#include "core/base/diag.h"
#include "core/base/error.h"

#include <stddef.h>

struct udp_settings {
    int64_t ttl; /* milliseconds */
    int64_t backlog, sessions, queue, buffer;
    bool keepalive, stateless;
};

static const struct gost_option options[] = {
    {.key = "ttl",
     .aliases = "keepalive.ttl",
     .type = GOST_OPT_DURATION,
     .offset = offsetof(struct udp_settings, ttl),
     .def = "5s",
     .help = "how long a client's session lasts without a datagram; 0: as long as the service"},
    {.key = "keepalive",
     .type = GOST_OPT_BOOL,
     .offset = offsetof(struct udp_settings, keepalive),
     .help = "keep sessions even when all their datagrams were answered and others need the room"},
    {.key = "stateless",
     .type = GOST_OPT_BOOL,
     .offset = offsetof(struct udp_settings, stateless),
     .help = "every datagram is a session of its own, with one answer"},
    {.key = "backlog",
     .type = GOST_OPT_INT,
     .offset = offsetof(struct udp_settings, backlog),
     .def = "128",
     .min = 1,
     .max = 65536,
     .help =
         "new sessions that are still being connected; datagrams of further clients are dropped"},
    {.key = "maxSessions",
     .type = GOST_OPT_INT,
     .offset = offsetof(struct udp_settings, sessions),
     .def = "16384",
     .min = 1,
     .max = 1000000,
     .help = "sessions at a time"},
    {.key = "readQueueSize",
     .aliases = "recvQueueSize",
     .type = GOST_OPT_INT,
     .offset = offsetof(struct udp_settings, queue),
     .def = "128",
     .min = 1,
     .max = 65536,
     .help = "datagrams that wait in a session; more are dropped"},
    {.key = "readBufferSize",
     .aliases = "udp.bufferSize",
     .type = GOST_OPT_INT,
     .offset = offsetof(struct udp_settings, buffer),
     .def = "65535",
     .min = 1,
     .max = 65535,
     .help = "bytes of the longest datagram; longer ones are dropped, not cut"},
    GOST_OPTION_END,
};

static struct gost_udp_limits limits_of(const struct udp_settings *s)
{
    return (struct gost_udp_limits){
        .sessions = (size_t)s->sessions,
        .pending = (size_t)s->backlog,
        .queue = (size_t)s->queue,
        .datagram = (size_t)s->buffer,
        .ttl_ms = s->ttl > 0 ? (uint64_t)s->ttl : 0,
        .stateless = s->stateless,
        .may_replace = !s->keepalive,
    };
}

static void on_session(struct gost_udp_sessions *u, struct gost_packet **p,
                       const union gost_sockaddr *peer)
{
    struct gost_listener *l = u->user;
    l->on_packet(l, p, peer);
}

static int udp_start(struct gost_listener *l)
{
    struct gost_udp_limits limits = limits_of(l->settings);
    struct gost_udp_sessions *u;
    char text[GOST_HOSTPORT_MAX];
    int rc = gost_udp_sessions_new(&l->addr, &l->socket, &limits, &u);
    if (rc != 0)
        return gost_fail_at(rc, "listen on %s", gost_sockaddr_format(&l->addr, text));
    u->on_session = on_session;
    u->user = l;
    l->state = u;
    l->addr = u->addr;
    return 0;
}

static void udp_stop(struct gost_listener *l)
{
    gost_udp_sessions_close(l->state);
    l->state = NULL;
}

/* The socket passes on with its sessions: those go on with the service that they began with. */
static int udp_inherit(struct gost_listener *l, struct gost_listener *old)
{
    struct gost_udp_sessions *u = old->state;
    if (!gost__listener_wants(l, &u->addr))
        return GOST_ENOTSUP;
    old->state = NULL;
    old->listening = false;
    u->user = l;
    u->limits = limits_of(l->settings);
    l->state = u;
    l->addr = u->addr;
    l->listening = true;
    return 0;
}

const struct gost_listener_kind gost__udp_listener = {
    .name = "udp",
    .help = "UDP, a session for each client address",
    .options = {options, sizeof(struct udp_settings)},
    .packets = true,
    .start = udp_start,
    .stop = udp_stop,
    .inherit = udp_inherit,
};
