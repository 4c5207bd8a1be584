#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/net/io.h"
#include "core/transport/mux_kind.h"
#include "core/transport/proxy_receive.h"

#include <stdlib.h>
#include <unistd.h>

/* A listener's own: its sessions and whether new ones may come. */
struct room {
    const struct gost_mux_options *mux;
    gost__mux_wrap_fn *wrap;
    struct gost_list sessions; /* struct session */
    bool stopped;
};

/* A client: first its handshake on a fiber, then its session. */
struct session {
    struct gost_list link;
    struct gost_listener *listener; /* NULL once that is gone */
    struct gost_stream *io;         /* until the session has it */
    struct gost_mux *mux;           /* or NULL */
    struct gost_fiber *fiber;       /* while it shakes hands */
    union gost_sockaddr peer;
};

static void session_free(struct session *ss)
{
    gost_list_remove(&ss->link);
    if (ss->mux)
        gost_mux_close(ss->mux);
    gost_stream_close(ss->io);
    free(ss);
}

static void log_end(const struct session *ss, int rc, const char *what)
{
    char peer[GOST_HOSTPORT_MAX];
    enum gost_log_level level =
        rc == GOST_EOF || rc == -ECONNRESET || rc == GOST_ECANCELED ? GOST_LOG_DEBUG : GOST_LOG_WARN;
    gost_log(level, "%s listener: client %s: %s%s",
             ss->listener ? ss->listener->kind->name : "former",
             gost_sockaddr_format(&ss->peer, peer), what, gost_diag_text(rc));
}

static void on_stream(struct gost_mux *m, struct gost_stream **s)
{
    struct session *ss = gost_mux_user(m);
    ss->listener->on_stream(ss->listener, s, &ss->peer);
}

static void on_idle(struct gost_mux *m)
{
    struct session *ss = gost_mux_user(m);
    struct room *room = ss->listener->state;
    if (!room->stopped)
        return;
    gost_mux_release(m);
    ss->mux = NULL;
    session_free(ss);
}

static void on_end(struct gost_mux *m)
{
    struct session *ss = gost_mux_user(m);
    log_end(ss, gost_mux_error(m), "");
    session_free(ss);
}

static const struct gost_mux_events events = {on_stream, on_idle, on_end};

/* The carrier is ready: frames from here. */
static int session_begin(struct session *ss)
{
    struct room *room = ss->listener->state;
    return gost_mux_new(&ss->io, room->mux, false, &events, ss, &ss->mux);
}

static void shake_hands(void *arg)
{
    struct session *ss = arg;
    ss->fiber = gost_fiber_self();
    int rc = gost_io_open(ss->io, gost_deadline_in(GOST__MUX_HANDSHAKE_MS));
    ss->fiber = NULL;
    gost_stream_query(ss->io, GOST_QUERY_PEER_ADDR, &ss->peer); /* as a PROXY header has it */
    if (rc == 0 && !ss->listener)
        rc = gost_fail(GOST_ECANCELED, "the listener is closed");
    if (rc == 0)
        rc = session_begin(ss);
    if (rc == 0)
        return;
    log_end(ss, rc, "handshake: ");
    session_free(ss);
}

static void on_accept(struct gost_acceptor *a, int fd, const union gost_sockaddr *peer)
{
    struct gost_listener *l = a->user;
    struct room *room = l->state;
    struct session *ss = calloc(1, sizeof(*ss));
    if (!ss) {
        close(fd);
        return;
    }
    ss->listener = l;
    ss->peer = *peer;
    gost_list_add(&room->sessions, &ss->link);
    int rc = gost_socket_wrap(fd, &ss->io);
    if (rc == 0 && l->proxy_protocol)
        rc = gost_proxy_receive(&ss->io);
    if (rc == 0 && room->wrap)
        rc = room->wrap(l, &ss->io);
    if (rc == 0 && !room->wrap && !l->proxy_protocol)
        rc = session_begin(ss);
    else if (rc == 0 && !gost_fiber_spawn("mux handshake", shake_hands, ss))
        rc = GOST_ENOMEM;
    if (rc != 0) {
        log_end(ss, rc, "");
        session_free(ss);
    }
}

int gost__mux_listener_init(struct gost_listener *l, const struct gost_mux_options *mux,
                            gost__mux_wrap_fn *wrap)
{
    int rc = gost_mux_options_check(mux);
    if (rc != 0)
        return rc;
    struct room *room = l->state = calloc(1, sizeof(*room));
    if (!room)
        return gost_fail_code(GOST_ENOMEM);
    room->mux = mux;
    room->wrap = wrap;
    gost_list_create(&room->sessions);
    return 0;
}

int gost__mux_listener_start(struct gost_listener *l)
{
    return gost__listener_accept(l, on_accept);
}

void gost__mux_listener_stop(struct gost_listener *l)
{
    struct room *room = l->state;
    room->stopped = true;
    gost_acceptor_close(&l->acceptor);
    gost_list_each_safe(link, &room->sessions)
    {
        struct session *ss = gost_container_of(link, struct session, link);
        if (ss->fiber)
            gost_fiber_cancel(ss->fiber);
        else if (ss->mux && gost_mux_count(ss->mux) == 0)
            on_idle(ss->mux);
    }
}

void gost__mux_listener_destroy(struct gost_listener *l)
{
    struct room *room = l->state;
    struct gost_list *link;
    while (room && (link = gost_list_shift(&room->sessions))) {
        struct session *ss = gost_container_of(link, struct session, link);
        ss->listener = NULL;
        if (ss->fiber)
            gost_fiber_cancel(ss->fiber); /* and it frees the rest */
        else
            session_free(ss);
    }
    free(room);
}
