#include "core/route/session.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/net/io.h"

#include <errno.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HANDSHAKE_MS = 15 * 1000, PREREAD_MAX = 1024, TRIM_FROM = 512, TRIM_DELAY_MS = 200 };

static _Thread_local struct gost_list sessions; /* of this worker */
static _Thread_local size_t session_count, session_peak;
static _Thread_local uint64_t last_id;

size_t gost_session_count(void)
{
    return session_count;
}

void gost_conn_log(struct gost_conn *c, enum gost_log_level level, const char *fmt, ...)
{
    struct gost_session *s = gost_session_of(c);
    char text[768], peer[GOST_HOSTPORT_MAX];
    if (!gost_log_on(s->service->logger, level))
        return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    gost_sockaddr_format(&c->peer, peer);
    struct gost_log_field f[] = {
        GOST_FIELD("kind", "handler"),     GOST_FIELD("service", s->service->name),
        GOST_FIELD("handler", c->handler), GOST_FIELD("client", peer),
        GOST_FIELD_INT("sid", c->id),
    };
    gost_log_fields(s->service->logger, level, f, 5, "service %s: client %s: %s", s->service->name,
                    peer, text);
}

/* The one line that tells what became of a connection. */
static void log_end(struct gost_session *s, const struct gost_conn_stats *stats)
{
    struct gost_conn *c = &s->conn;
    char peer[GOST_HOSTPORT_MAX];
    /* A client that leaves or talks nonsense is its own business; the way to a target is ours. */
    enum gost_log_level level = stats->rc == 0                ? GOST_LOG_INFO
                                : stats->rc == GOST_ECANCELED ? GOST_LOG_INFO
                                : c->target && !s->pumping    ? GOST_LOG_ERROR
                                                              : GOST_LOG_WARN;
    if (s->quiet || !gost_log_on(s->service->logger, level))
        return;
    gost_sockaddr_format(&c->peer, peer);
    struct gost_log_field f[12];
    size_t n = 0;
    f[n++] = GOST_FIELD("kind", "handler");
    f[n++] = GOST_FIELD("service", s->service->name);
    f[n++] = GOST_FIELD("handler", c->handler);
    f[n++] = GOST_FIELD("client", peer);
    f[n++] = GOST_FIELD_INT("sid", c->id);
    if (c->target)
        f[n++] = GOST_FIELD("host", c->target);
    if (c->route)
        f[n++] = GOST_FIELD("route", c->route);
    if (c->sniffed)
        f[n++] = GOST_FIELD("sniffed", c->sniffed);
    if (c->client_id)
        f[n++] = GOST_FIELD("clientID", c->client_id);
    f[n++] = GOST_FIELD_INT("inputBytes", stats->in);
    f[n++] = GOST_FIELD_INT("outputBytes", stats->out);
    f[n++] = GOST_FIELD_NS("duration", stats->duration_ms * 1000000);
    if (stats->rc != 0)
        gost_log_fields(s->service->logger, level, f, n, "service %s: client %s: %s",
                        s->service->name, peer, stats->error);
    else
        gost_log_fields(s->service->logger, level, f, n, "%s >< %s", peer,
                        c->target ? c->target : "-");
}

/*
 * When many connections have ended, their memory goes back to the system: the allocator keeps what
 * lies below the topmost living block.
 */
static void on_trim(struct gost_timer *t)
{
    (void)t;
    malloc_trim(0);
    session_peak = session_count;
}

static void note_end(void)
{
    static _Thread_local struct gost_timer trim;
    if (!trim.fn)
        gost_timer_create(&trim, on_trim);
    if (session_peak >= TRIM_FROM && session_count <= session_peak / 2 && !gost_timer_active(&trim))
        gost_timer_start(&trim, gost_now() + TRIM_DELAY_MS);
}

static void session_free(struct gost_session *s)
{
    struct gost_conn *c = &s->conn;
    if (s->script_drop)
        s->script_drop(s);
    gost_list_remove(&s->link);
    gost_list_remove(&s->all);
    session_count--;
    note_end();
    s->service->live--;
    gost_stream_close(c->client);
    gost_packet_close(c->packet);
    gost_far_delete(s->far);
    gost_conn_hold_release(&s->hold);
    if (s->traffic)
        gost_traffic_conn_destroy(s->traffic);
    free(s->traffic);
    free(c->user);
    free(c->client_id);
    free(c->target);
    free(c->route);
    free(c->sniffed);
    free(s->rest_story);
    gost_node_unref(s->target);
    gost_hop_unref(s->target_hop);
    gost_service_unref(s->service);
    free(s);
}

/* The connection is over: report, count, free. */
void gost__session_end(struct gost_session *s, int rc, const char *error)
{
    struct gost_service *sv = s->service;
    struct gost_conn_stats stats = {
        .duration_ms = gost_now() - s->conn.started, .rc = rc, .error = rc != 0 ? error : NULL};
    gost_session_bytes(s, &stats.in, &stats.out);
    log_end(s, &stats);
    if (sv->hooks.close)
        sv->hooks.close(sv->hooks.arg, &s->conn, &stats);
    atomic_fetch_sub_explicit(&sv->stats->current, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&sv->stats->in, stats.in, memory_order_relaxed);
    atomic_fetch_add_explicit(&sv->stats->out, stats.out, memory_order_relaxed);
    if (rc != 0)
        atomic_fetch_add_explicit(&sv->stats->errors, 1, memory_order_relaxed);
    session_free(s);
}

/* The script's word on the first bytes: which handler to use. */
static int preread(struct gost_session *s, struct gost_handler **handler)
{
    struct gost_hooks *h = &s->service->hooks;
    struct gost_conn *c = &s->conn;
    const char *name = NULL;
    char *bytes = malloc(PREREAD_MAX);
    int rc = bytes ? 1 : gost_fail_code(GOST_ENOMEM);
    for (size_t have = 0; rc == 1 && have < PREREAD_MAX;) {
        ssize_t n = gost_io_read(c->client, bytes + have, PREREAD_MAX - have, c->deadline);
        if (n <= 0) {
            rc = n == 0 ? GOST_EOF : (int)n;
            break;
        }
        have += (size_t)n;
        rc = h->preread(h->arg, c, bytes, have, &name);
        if (rc == 0 || have == PREREAD_MAX)
            rc = gost_stream_unread(c->client, bytes, have);
    }
    free(bytes);
    if (rc == 0 && name) {
        *handler = gost__service_handler(s->service, name);
        if (!*handler)
            rc = gost_fail(GOST_EHOOK, "preread: the service has no handler \"%s\"", name);
    }
    return rc;
}

/* May the client come in? A refused one hears nothing, and is logged for those who debug. */
static bool admitted(struct gost_session *s)
{
    struct gost_service *sv = s->service;
    if (sv->admission_count == 0 ||
        gost_admissions_admit(sv->admission, sv->admission_count, &s->conn.peer) == 1)
        return true;
    gost_conn_log(&s->conn, GOST_LOG_DEBUG, "denied by admission");
    s->quiet = true;
    return false;
}

/* Limits on connections; one that is over them hears nothing, and is logged for those who debug. */
static int within_limits(struct gost_session *s)
{
    struct gost_service *sv = s->service;
    int rc =
        sv->rate_limit ? gost_rate_limit_take(sv->rate_limit, &s->conn.peer, gost_now(), NULL) : 0;
    if (rc == 0 && sv->conn_limit)
        rc = gost_conn_limit_acquire(sv->conn_limit, &s->conn.peer, &s->hold);
    if (rc == 0 && sv->traffic) {
        s->traffic = calloc(1, sizeof(*s->traffic));
        if (!s->traffic)
            return gost_fail_code(GOST_ENOMEM);
        gost_traffic_conn_create(s->traffic, sv->traffic, sv->traffic_scope, &s->conn.peer);
    }
    if (rc == GOST_ELIMIT) {
        gost_conn_log(&s->conn, GOST_LOG_DEBUG, "%s", gost_diag_text(rc));
        s->quiet = true;
    }
    return rc;
}

/* Who is really there stands in a PROXY header, which has to be read first. */
static int learn_peer(struct gost_conn *c)
{
    union gost_sockaddr peer;
    int rc = gost_io_open(c->client, c->deadline);
    if (rc == 0 && gost_stream_query(c->client, GOST_QUERY_PEER_ADDR, &peer) == 0) {
        c->peer = peer;
        gost_sockaddr_unmap(&c->peer);
    }
    return rc;
}

static int serve(struct gost_session *s)
{
    struct gost_hooks *h = &s->service->hooks;
    struct gost_conn *c = &s->conn;
    struct gost_handler *handler = s->service->handler;
    int rc = s->service->listener->proxy_protocol && c->client ? learn_peer(c) : 0;
    if (rc != 0)
        return gost_fail_at(rc, "handshake");
    if (!admitted(s))
        return 0;
    rc = within_limits(s);
    if (rc != 0)
        return rc;
    rc = h->accept ? h->accept(h->arg, c) : 0;
    if (rc == -ECONNRESET) {
        gost_stream_reset(c->client);
        c->client = NULL;
    }
    if (rc != 0)
        return gost_fail_at(rc, "accept");
    rc = c->client ? gost_io_open(c->client, c->deadline) : 0;
    if (rc != 0)
        return gost_fail_at(rc, "handshake");
    if (h->preread && c->client)
        rc = preread(s, &handler);
    if (rc != 0)
        return rc;
    c->handler = handler->kind->name;
    return handler->kind->serve(handler, c);
}

static void session_main(void *arg)
{
    struct gost_session *s = arg;
    gost_fiber_self()->conn = &s->conn;
    s->fiber = gost_fiber_self();
    int rc = serve(s);
    if (rc == GOST_EOF && !s->conn.target)
        rc = 0; /* the client left before it asked for anything */
    s->fiber = NULL;
    if (!s->pumping)
        gost__session_end(s, rc, gost_diag_text(rc));
    else if (s->pumped && s->helpers == 0)
        gost__session_relayed(s);
    else if (rc != 0)
        gost__session_stop_relay(s, rc);
}

void gost_session_kill(struct gost_session *s)
{
    if (s->pumping)
        gost__session_stop_relay(s, GOST_ECANCELED);
    if (s->fiber)
        gost_fiber_cancel(s->fiber);
}

void gost_session_kill_all(void)
{
    if (!sessions.next)
        return;
    gost_list_each_safe(link, &sessions)
        gost_session_kill(gost_container_of(link, struct gost_session, all));
}

static void session_start(struct gost_service *sv, struct gost_stream *stream,
                          struct gost_packet *packet, const union gost_sockaddr *peer)
{
    struct gost_session *s = calloc(1, sizeof(*s));
    if (!s) {
        gost_stream_close(stream);
        gost_packet_close(packet);
        return;
    }
    if (!sessions.next)
        gost_list_create(&sessions);
    s->service = gost_service_ref(sv);
    s->conn.ops = &gost__session_ops;
    s->conn.client = stream;
    s->conn.packet = packet;
    s->conn.peer = *peer;
    gost_sockaddr_unmap(&s->conn.peer);
    s->conn.id = ++last_id;
    s->conn.started = gost_now();
    s->conn.deadline = s->conn.started + HANDSHAKE_MS;
    s->conn.handler = sv->handler->kind->name;
    gost_list_add(&sv->sessions, &s->link);
    gost_list_add(&sessions, &s->all);
    session_count++;
    if (session_count > session_peak)
        session_peak = session_count;
    sv->live++;
    atomic_fetch_add_explicit(&sv->stats->total, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&sv->stats->current, 1, memory_order_relaxed);
    if (!gost_fiber_spawn("session", session_main, s))
        gost__session_end(s, GOST_ENOMEM, gost_diag_text(GOST_ENOMEM));
}

void gost__session_start(struct gost_service *sv, struct gost_stream **stream,
                         const union gost_sockaddr *peer)
{
    struct gost_stream *owned = *stream;
    *stream = NULL;
    session_start(sv, owned, NULL, peer);
}

void gost__session_start_packet(struct gost_service *sv, struct gost_packet **packet,
                                const union gost_sockaddr *peer)
{
    struct gost_packet *owned = *packet;
    *packet = NULL;
    session_start(sv, NULL, owned, peer);
}
