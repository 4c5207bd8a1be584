#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/route/session_int.h"

#include <malloc.h>
#include <stdlib.h>

enum { HANDSHAKE_MS = 15 * 1000, TRIM_FROM = 512, TRIM_DELAY_MS = 200 };

static _Thread_local struct gost_list sessions; /* of this worker */
static _Thread_local size_t session_count, session_peak;
static _Thread_local uint64_t last_id;

size_t gost_session_count(void)
{
    return session_count;
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
    gost__session_log_end(s, &stats);
    if (sv->hooks.close)
        sv->hooks.close(sv->hooks.arg, &s->conn, &stats);
    atomic_fetch_sub_explicit(&sv->stats->current, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&sv->stats->in, stats.in, memory_order_relaxed);
    atomic_fetch_add_explicit(&sv->stats->out, stats.out, memory_order_relaxed);
    if (rc != 0)
        atomic_fetch_add_explicit(&sv->stats->errors, 1, memory_order_relaxed);
    session_free(s);
}

static void session_main(void *arg)
{
    struct gost_session *s = arg;
    gost_fiber_self()->conn = &s->conn;
    s->fiber = gost_fiber_self();
    int rc = gost__session_serve(s);
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
