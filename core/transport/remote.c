/*
 * Remote listeners: rtcp and runix listen at the far end of the service's chain and get back by
 * themselves what the network takes from them. Without a chain they listen here.
 */
#include "core/proto/remote.h"
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/net/packet_sessions.h"
#include "core/net/udp_sessions.h"
#include "core/proto/udp_framed.h"
#include "core/runtime/loop.h"
#include "core/transport/kinds.h"

#include <stdlib.h>
#include <string.h>

enum {
    BIND_MS = 15 * 1000,
    /* The kernel repeats a lost SYN less and less often: a new attempt finds a network that is back sooner. */
    BIND_AGAIN_MS = 4 * 1000,
    PATIENT_EVERY = 4, /* attempts, one has the whole time: a slow way needs it */
    /* Between attempts: short at first, so that a tunnel is back soon; jitter spreads the clients of a
     * host that came back. */
    BACKOFF_MIN_MS = 200,
    BACKOFF_MAX_MS = 1500,
    SESSIONS_MAX = 16384, /* of datagrams, at a time */
};

struct rudp_settings {
    int64_t ttl; /* milliseconds */
    int64_t backlog, queue, buffer;
};

static const struct gost_option rudp_options[] = {
    {.key = "ttl",
     .type = GOST_OPT_DURATION,
     .offset = offsetof(struct rudp_settings, ttl),
     .def = "5s",
     .help = "how long a visitor's session lasts without a datagram"},
    {.key = "backlog",
     .type = GOST_OPT_INT,
     .offset = offsetof(struct rudp_settings, backlog),
     .def = "128",
     .min = 1,
     .max = 65536,
     .help = "accepted for GOST's configurations: sessions are served at once"},
    {.key = "readQueueSize",
     .type = GOST_OPT_INT,
     .offset = offsetof(struct rudp_settings, queue),
     .def = "1024",
     .min = 1,
     .max = 65536,
     .help = "datagrams that wait in a session; more are dropped"},
    {.key = "readBufferSize",
     .type = GOST_OPT_INT,
     .offset = offsetof(struct rudp_settings, buffer),
     .def = "65535",
     .min = 1,
     .max = 65535,
     .help = "accepted for GOST's configurations: datagrams of any size pass"},
    GOST_OPTION_END,
};

struct remote_state {
    struct gost_listener *listener; /* NULL once stopped: the fiber frees the state */
    struct gost_fiber *fiber;
    struct gost_remote *remote;            /* while it listens */
    struct gost_packet_sessions *sessions; /* of datagrams that come as one packet, or NULL */
    int rc;                                /* why it does not any more */
    uint32_t attempts;                     /* since it last listened */
    uint32_t seed;
};

static uint32_t jitter(struct remote_state *s, uint32_t range)
{
    s->seed = s->seed * 1664525u + 1013904223u;
    return (s->seed >> 8) % (range + 1);
}

/* Datagrams of one visitor on a stream of its own, as tunnels have them. */
static void on_packet_stream(struct gost_listener *l, struct gost_stream **stream,
                             const union gost_sockaddr *peer)
{
    const struct rudp_settings *set = l->settings;
    struct gost_packet *p = NULL;
    if (gost__udp_framed_new(stream, GOST__UDP_RELAY, NULL, &p) != 0)
        return;
    p->ttl_ms = set->ttl > 0 ? (uint64_t)set->ttl : 0;
    l->on_packet(l, &p, peer);
}

static void on_visitor(void *user, struct gost_stream **stream, const union gost_sockaddr *peer)
{
    struct remote_state *s = user;
    if (s->listener && s->listener->kind->packets)
        on_packet_stream(s->listener, stream, peer);
    else if (s->listener)
        s->listener->on_stream(s->listener, stream, peer);
}

static void on_session(void *user, struct gost_packet **p, const union gost_sockaddr *peer)
{
    struct remote_state *s = user;
    if (s->listener)
        s->listener->on_packet(s->listener, p, peer);
}

static void let_go(struct remote_state *s)
{
    gost_packet_sessions_close(s->sessions);
    s->sessions = NULL;
    gost_remote_close(s->remote);
    s->remote = NULL;
}

static void on_end(void *user, int rc)
{
    struct remote_state *s = user;
    s->rc = rc;
    let_go(s);
    gost_fiber_wake(s->fiber);
}

/* Hear of visitors, however they come. */
static int hear(struct remote_state *s)
{
    const struct rudp_settings *set = s->listener->settings;
    struct gost_packet *p = gost_remote_take_packet(s->remote);
    if (!p) {
        gost_remote_listen(s->remote, on_visitor, on_end, s);
        return 0;
    }
    int rc = gost_packet_sessions_new(&p, &s->sessions);
    if (rc != 0) {
        gost_packet_close(p);
        return rc;
    }
    s->sessions->sessions_max = SESSIONS_MAX;
    s->sessions->queue_max = (size_t)set->queue;
    s->sessions->ttl_ms = set->ttl > 0 ? (uint64_t)set->ttl : 0;
    s->sessions->on_session = on_session;
    s->sessions->on_end = on_end;
    s->sessions->user = s;
    return 0;
}

static uint64_t bind_deadline(struct remote_state *s)
{
    bool patient = s->attempts++ % PATIENT_EVERY == 0;
    return gost_deadline_in(patient ? BIND_MS : BIND_AGAIN_MS);
}

/* Listen, and stay until the control connection is lost. @return how long to wait, 0 at the start */
static int listen_once(struct remote_state *s)
{
    struct gost_listener *l = s->listener;
    char text[GOST_HOSTPORT_MAX];
    struct gost_request request = {.network = l->kind->unix_path ? GOST_UNIX
                                              : l->kind->packets ? GOST_UDP
                                                                 : GOST_TCP,
                                   .addr = l->where};
    int rc = l->bind(l, &request, bind_deadline(s), &s->remote);
    if (rc != 0)
        return rc;
    gost_log(GOST_LOG_INFO, "remote listener: listening on %s over there",
             gost_addr_format(gost_remote_addr(s->remote), text));
    s->rc = 0;
    if (s->listener) /* a reload may have come meanwhile */
        rc = hear(s);
    while (rc == 0 && s->remote && (rc = gost_fiber_wait(GOST_NEVER)) == 0)
        ;
    return s->remote ? rc : GOST_EOF;
}

static void remote_main(void *arg)
{
    struct remote_state *s = arg;
    uint32_t wait = BACKOFF_MIN_MS;
    s->fiber = gost_fiber_self();
    while (s->listener) {
        bool listened = false;
        int rc = listen_once(s);
        let_go(s);
        listened = rc == GOST_EOF && s->rc != 0;
        if (!s->listener || rc == GOST_ECANCELED)
            break;
        if (listened)
            s->attempts = 1; /* it is not the first one that needs patience now */
        wait = listened ? BACKOFF_MIN_MS : wait * 2 < BACKOFF_MAX_MS ? wait * 2 : BACKOFF_MAX_MS;
        uint32_t ms = wait / 2 + jitter(s, wait / 2);
        gost_log(GOST_LOG_WARN, "remote listener: %s; again in %u ms",
                 gost_diag_text(listened ? s->rc : rc), ms);
        if (gost_fiber_sleep(ms) != 0)
            break;
    }
    let_go(s);
    if (s->listener)
        s->listener->state = NULL;
    free(s);
}

/* Without a chain: an ordinary socket of this host. */
static int start_local(struct gost_listener *l);

static int remote_start(struct gost_listener *l)
{
    if (!l->bind)
        return start_local(l);
    struct remote_state *s = calloc(1, sizeof(*s));
    if (!s)
        return gost_fail_code(GOST_ENOMEM);
    s->listener = l;
    s->seed = (uint32_t)gost_now() ^ (uint32_t)(uintptr_t)s;
    l->state = s;
    struct gost_fiber *f = gost_fiber_spawn("remote", remote_main, s);
    if (f && l->state)
        s->fiber = f; /* it may not have run yet */
    if (f)
        return 0;
    l->state = NULL;
    free(s);
    return gost_fail_code(GOST_ENOMEM);
}

static void remote_stop(struct gost_listener *l)
{
    struct remote_state *s = l->state;
    if (!l->bind && l->kind->packets) {
        gost_udp_sessions_close(l->state);
        l->state = NULL;
        return;
    }
    if (!l->bind) {
        gost_acceptor_close(&l->acceptor);
        return;
    }
    if (!s)
        return;
    s->listener = NULL;
    l->state = NULL;
    gost_fiber_cancel(s->fiber); /* it frees the state */
}

/* The same place by the same way: the connection, and so the place, goes over to the new service. */
static int remote_inherit(struct gost_listener *l, struct gost_listener *old)
{
    struct remote_state *s = old->state;
    bool same = old->bind && s && l->way && old->way && strcmp(l->way, old->way) == 0 &&
                strcmp(l->where.host, old->where.host) == 0 && l->where.port == old->where.port;
    if (!same)
        return gost_fail(GOST_ENOTSUP, "another way, or another place");
    l->bind = old->bind;
    l->state = s;
    s->listener = l;
    old->state = NULL;
    old->listening = false;
    l->listening = true;
    return 0;
}

static void on_accept(struct gost_acceptor *a, int fd, const union gost_sockaddr *peer)
{
    struct gost_listener *l = a->user;
    struct gost_stream *s = NULL;
    if (gost_socket_wrap(fd, &s) == 0)
        l->on_stream(l, &s, peer);
}

static void on_local_session(struct gost_udp_sessions *u, struct gost_packet **p,
                             const union gost_sockaddr *peer)
{
    struct gost_listener *l = u->user;
    l->on_packet(l, p, peer);
}

static int start_local_packets(struct gost_listener *l)
{
    const struct rudp_settings *set = l->settings;
    struct gost_udp_sessions *u;
    struct gost_udp_limits limits = {.sessions = SESSIONS_MAX,
                                     .pending = (size_t)set->backlog,
                                     .queue = (size_t)set->queue,
                                     .datagram = (size_t)set->buffer,
                                     .ttl_ms = set->ttl > 0 ? (uint64_t)set->ttl : 0,
                                     .may_replace = true};
    int rc = gost_udp_sessions_new(&l->addr, &l->socket, &limits, &u);
    if (rc != 0)
        return rc;
    u->on_session = on_local_session;
    u->user = l;
    l->state = u;
    l->addr = u->addr;
    return 0;
}

static int start_local(struct gost_listener *l)
{
    if (l->kind->packets)
        return start_local_packets(l);
    return gost__listener_accept(l, on_accept);
}

const struct gost_listener_kind gost__rtcp_listener = {
    .name = "rtcp",
    .help = "listen for TCP at the far end of the chain",
    .remote = true,
    .start = remote_start,
    .stop = remote_stop,
    .inherit = remote_inherit,
};

const struct gost_listener_kind gost__runix_listener = {
    .name = "runix",
    .help = "listen at a Unix socket at the far end of the chain",
    .remote = true,
    .unix_path = true,
    .start = remote_start,
    .stop = remote_stop,
    .inherit = remote_inherit,
};

const struct gost_listener_kind gost__rudp_listener = {
    .name = "rudp",
    .help = "listen for datagrams at the far end of the chain",
    .options = {rudp_options, sizeof(struct rudp_settings)},
    .remote = true,
    .packets = true,
    .start = remote_start,
    .stop = remote_stop,
    .inherit = remote_inherit,
};
