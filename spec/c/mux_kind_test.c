/*
 * The transports mtcp and mtls: listener and dialer against each other, sharing of sessions, ends.
 */
#include "core/registry.h"
#include "core/transport/cert.h"
#include "core/transport/kinds.h"
#include "core/transport/mux_kind.h"
#include "core/transport/tls.h"
#include "spec/c/mux_support.h"

#define UNTIL_MS (gost_now() + NET_PATIENCE_MS)

enum { ARRIVALS = 64 };

/* A listener and a dialer of one kind. */
struct meeting {
    struct gost_listener *listener;
    struct gost_dialer *dialer;
    struct gost_carrier carrier;
    struct gost_stream *stream[ARRIVALS]; /* that came to the listener */
    size_t streams;
    union gost_sockaddr peer; /* of the last one */
    int dials;                /* carriers that were asked for */
    int fail;                 /* what the next dial fails with */
    struct gost_stream *raw;  /* not NULL: the next carrier, instead of a connection */
};

static void on_stream(struct gost_listener *l, struct gost_stream **s,
                      const union gost_sockaddr *peer)
{
    struct meeting *m = l->user;
    m->stream[m->streams++] = *s;
    m->peer = *peer;
}

static int open_carrier(struct gost_carrier *self, uint64_t deadline, struct gost_stream **out)
{
    struct meeting *m = gost_container_of(self, struct meeting, carrier);
    m->dials++;
    gost_fiber_sleep(5); /* so that others come meanwhile */
    if (m->fail)
        return gost_fail(m->fail, "no way");
    if (m->raw) {
        *out = m->raw;
        m->raw = NULL;
        return 0;
    }
    return gost_socket_connect(&m->listener->addr, NULL, deadline, out);
}

static struct gost_tls_context *tls_context(bool server)
{
    struct gost_tls_settings *s = gost_options_new(&gost_tls_options);
    struct gost_tls_context *context = NULL;
    struct gost_cert *cert = NULL;
    if (server)
        CHECK_INT(gost_cert_generate(NULL, &cert), 0);
    s->cert = cert;
    CHECK_INT(gost_tls_context_new(s, server, &context), 0);
    gost_cert_unref(cert);
    gost_options_delete(&gost_tls_options, s);
    return context;
}

/* @param option  "key=value" for both, or NULL */
static void *settings_of(const struct gost_options *o, const char *option)
{
    void *settings = gost_options_new(o);
    char key[32];
    if (option) {
        snprintf(key, sizeof(key), "%.*s", (int)strcspn(option, "="), option);
        CHECK_INT(
            gost_option_set(settings, gost_option_find(o->table, key), strchr(option, '=') + 1), 0);
    }
    return settings;
}

static struct meeting *meeting_new(const char *kind, const char *option)
{
    const struct gost_listener_kind *lk = gost_listener_kind_find(kind);
    const struct gost_dialer_kind *dk = gost_dialer_kind_find(kind);
    struct meeting *m = calloc(1, sizeof(*m));
    m->carrier = (struct gost_carrier){.open = open_carrier, .host = "node.test"};
    CHECK(dk->multiplex);
    CHECK_INT(gost_listener_new(lk, settings_of(&lk->options, option),
                                lk->tls ? tls_context(true) : NULL, &m->listener),
              0);
    CHECK_INT(gost_dialer_new(dk, settings_of(&dk->options, option),
                              dk->tls ? tls_context(false) : NULL, NULL, &m->dialer),
              0);
    m->listener->on_stream = on_stream;
    m->listener->user = m;
    m->listener->addr = net_loopback(0);
    CHECK_INT(gost_listener_start(m->listener), 0);
    CHECK(m->listener->addr.v4.sin_port != 0);
    return m;
}

static void close_arrivals(struct meeting *m)
{
    for (size_t i = 0; i < m->streams; i++)
        gost_stream_close(m->stream[i]);
    m->streams = 0;
}

static void meeting_delete(struct meeting *m)
{
    close_arrivals(m);
    gost_dialer_delete(m->dialer);
    gost_listener_delete(m->listener);
    gost_mux_cleanup();
    free(m);
}

static struct gost_stream *meeting_dial(struct meeting *m)
{
    struct gost_stream *s = NULL;
    CHECK_INT(gost_dialer_open(m->dialer, &m->carrier, UNTIL_MS, &s), 0);
    return s;
}

static void check_talk(struct gost_stream *a, struct gost_stream *b)
{
    char text[16] = "";
    CHECK_INT(gost_io_write(a, "question", 8, UNTIL_MS), 0);
    CHECK_INT(gost_io_read_exact(b, text, 8, UNTIL_MS), 0);
    CHECK_STR(text, "question");
    CHECK_INT(gost_io_write(b, "answer", 6, UNTIL_MS), 0);
    CHECK_INT(gost_io_read_exact(a, text, 6, UNTIL_MS), 0);
}

static void check_streams_share_one_connection(const char *kind, const char *option)
{
    struct meeting *m = meeting_new(kind, option);
    struct gost_stream *a = meeting_dial(m), *b = meeting_dial(m);
    union gost_sockaddr peer = {0};
    NET_AWAIT(m->streams == 2);
    CHECK_INT(m->dials, 1);
    check_talk(a, m->stream[0]);
    check_talk(m->stream[1], b);
    CHECK_INT(gost_stream_query(m->stream[0], GOST_QUERY_PEER_ADDR, &peer), 0);
    CHECK_INT(m->peer.v4.sin_port, peer.v4.sin_port);
    gost_stream_close(a);
    CHECK_INT(gost_io_read(m->stream[0], &peer, 1, UNTIL_MS), 0);
    check_talk(b, m->stream[1]);
    gost_stream_close(b);
    meeting_delete(m);
}

FIBER_TEST(mtcp_streams_share_one_connection)
{
    check_streams_share_one_connection("mtcp", NULL);
    check_streams_share_one_connection("mtcp", "mux.version=1");
    check_streams_share_one_connection("mtcp", "mux.type=yamux");
}

FIBER_TEST(mtls_streams_share_one_connection)
{
    check_streams_share_one_connection("mtls", NULL);
    check_streams_share_one_connection("mtls", "mux.version=2");
    check_streams_share_one_connection("mtls", "mux.type=yamux");
}

/* The first byte on the wire: mtcp speaks version 2, mtls version 1, as GOST does. */
FIBER_TEST(versions_default_to_those_of_gost)
{
    struct meeting *m = meeting_new("mtcp", NULL);
    struct gost_stream *raw, *s;
    CHECK_INT(gost_pair_new(1000, &m->raw, &raw), 0);
    s = meeting_dial(m);
    MUX_EXPECT(raw, "0200 0000 03000000");
    gost_stream_close(s);
    gost_stream_close(raw);
    meeting_delete(m);
    CHECK_STR(gost_option_find(gost__mtls_dialer.options.table, "mux.version")->def, "1");
    CHECK_STR(gost_option_find(gost__mtls_listener.options.table, "mux.version")->def, "1");
}

/* --- one session for all ------------------------------------------------------------------ */

struct caller {
    struct meeting *m;
    struct gost_stream *s;
    struct gost_fiber *fiber;
    int rc;
    bool done;
    char story[GOST_DIAG_MAX];
};

static void call(void *arg)
{
    struct caller *c = arg;
    c->rc = gost_dialer_open(c->m->dialer, &c->m->carrier, UNTIL_MS, &c->s);
    strcpy(c->story, gost_diag_text(c->rc));
    c->done = true;
}

static void call_all(struct caller *c, size_t n, struct meeting *m)
{
    for (size_t i = 0; i < n; i++) {
        c[i] = (struct caller){.m = m};
        c[i].fiber = gost_fiber_spawn("caller", call, &c[i]);
        gost_fiber_ref(c[i].fiber);
    }
}

static void calls_end(struct caller *c, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        NET_AWAIT(c[i].done);
        gost_fiber_unref(c[i].fiber);
        gost_stream_close(c[i].s);
    }
}

FIBER_TEST(callers_at_the_same_time_share_one_dial)
{
    struct meeting *m = meeting_new("mtcp", NULL);
    struct caller *c = calloc(20, sizeof(*c));
    call_all(c, 20, m);
    calls_end(c, 20);
    CHECK_INT(m->dials, 1);
    for (int i = 0; i < 20; i++)
        CHECK_INT(c[i].rc, 0);
    NET_AWAIT(m->streams == 20);
    free(c);
    meeting_delete(m);
}

FIBER_TEST(callers_share_the_failure_of_a_dial)
{
    struct meeting *m = meeting_new("mtcp", NULL);
    struct caller *c = calloc(3, sizeof(*c));
    m->fail = -ECONNREFUSED;
    call_all(c, 3, m);
    calls_end(c, 3);
    CHECK_INT(m->dials, 1);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(c[i].rc, -ECONNREFUSED);
        CHECK_STR(c[i].story, "no way");
    }
    m->fail = 0;
    gost_stream_close(meeting_dial(m));
    CHECK_INT(m->dials, 2);
    free(c);
    meeting_delete(m);
}

FIBER_TEST(another_caller_takes_over_when_the_first_gives_up)
{
    struct meeting *m = meeting_new("mtcp", NULL);
    struct caller *c = calloc(3, sizeof(*c));
    call_all(c, 3, m);
    gost_fiber_yield();
    gost_fiber_cancel(c[0].fiber);
    calls_end(c, 3);
    CHECK_INT(c[0].rc, GOST_ECANCELED);
    CHECK_INT(c[1].rc, 0);
    CHECK_INT(c[2].rc, 0);
    CHECK_INT(m->dials, 2);
    free(c);
    meeting_delete(m);
}

FIBER_TEST(a_dead_session_is_replaced)
{
    struct meeting *m = meeting_new("mtcp", NULL);
    struct gost_stream *raw, *s;
    char byte;
    CHECK_INT(gost_pair_new(1000, &m->raw, &raw), 0);
    s = meeting_dial(m);
    gost_stream_close(raw);
    CHECK_INT(gost_io_read(s, &byte, 1, UNTIL_MS), GOST_EOF);
    gost_stream_close(s);
    s = meeting_dial(m);
    CHECK_INT(m->dials, 2);
    NET_AWAIT(m->streams == 1);
    check_talk(s, m->stream[0]);
    gost_stream_close(s);
    meeting_delete(m);
}

FIBER_TEST(a_session_that_takes_no_more_streams_is_replaced_and_its_streams_go_on)
{
    struct meeting *m = meeting_new("mtcp", "mux.type=yamux");
    struct gost_stream *raw, *s, *t;
    CHECK_INT(gost_pair_new(1000, &m->raw, &raw), 0);
    s = meeting_dial(m);
    MUX_EXPECT(raw, "00010001 00000001 00000000");
    mux_feed(raw, "00030000 00000000 00000000");
    for (int i = 0; i < 5; i++)
        gost_fiber_sleep(1);
    t = meeting_dial(m);
    CHECK_INT(m->dials, 2);
    NET_AWAIT(m->streams == 1);
    check_talk(t, m->stream[0]);
    CHECK_INT(gost_io_write(s, "on", 2, UNTIL_MS), 0);
    MUX_EXPECT(raw, "00030000 00000000 00000000 00000000 00000001 00000002 6f6e");
    gost_stream_close(s);
    gost_stream_close(t);
    meeting_delete(m);
    gost_stream_close(raw);
}

FIBER_TEST(streams_outlive_their_dialer)
{
    struct meeting *m = meeting_new("mtls", NULL);
    struct gost_stream *s = meeting_dial(m);
    NET_AWAIT(m->streams == 1);
    gost_dialer_delete(m->dialer);
    m->dialer = NULL;
    check_talk(s, m->stream[0]);
    gost_stream_close(s);
    char byte;
    CHECK_INT(gost_io_read(m->stream[0], &byte, 1, UNTIL_MS), 0);
    meeting_delete(m);
}

/* --- the listener's end ------------------------------------------------------------------- */

FIBER_TEST(a_stopped_listener_serves_sessions_until_they_are_idle)
{
    struct meeting *m = meeting_new("mtcp", NULL);
    struct gost_stream *s = meeting_dial(m), *t, *idle = NULL;
    char byte;
    NET_AWAIT(m->streams == 1);
    CHECK_INT(gost_socket_connect(&m->listener->addr, NULL, UNTIL_MS, &idle), 0);
    CHECK_INT(gost_io_write(idle, "\2\3\0\0\0\0\0\0", 8, UNTIL_MS), 0);
    for (int i = 0; i < 5; i++)
        gost_fiber_sleep(1);
    gost_listener_stop(m->listener);
    CHECK_INT(gost_io_read(idle, &byte, 1, UNTIL_MS), 0); /* had no stream */
    gost_stream_close(idle);
    check_talk(s, m->stream[0]);
    t = meeting_dial(m);
    NET_AWAIT(m->streams == 2);
    check_talk(t, m->stream[1]);
    close_arrivals(m);
    CHECK_INT(gost_io_read(s, &byte, 1, UNTIL_MS), 0);
    gost_stream_close(s);
    gost_stream_close(t);
    for (int i = 0; i < 20; i++)
        gost_fiber_sleep(1);
    CHECK_INT(gost_dialer_open(m->dialer, &m->carrier, UNTIL_MS, &s), -ECONNREFUSED);
    meeting_delete(m);
}

FIBER_TEST(a_deleted_listener_ends_its_sessions_and_handshakes)
{
    struct meeting *m = meeting_new("mtls", NULL);
    struct gost_stream *s = meeting_dial(m), *silent = NULL;
    char byte;
    NET_AWAIT(m->streams == 1);
    CHECK_INT(gost_socket_connect(&m->listener->addr, NULL, UNTIL_MS, &silent), 0);
    for (int i = 0; i < 5; i++)
        gost_fiber_sleep(1);
    gost_listener_delete(m->listener);
    m->listener = NULL;
    ssize_t rc = gost_io_read(s, &byte, 1, UNTIL_MS);
    CHECK(rc == GOST_EOF || rc == -ECONNRESET);
    CHECK_INT(gost_io_read(silent, &byte, 1, UNTIL_MS), 0);
    gost_stream_close(silent);
    gost_stream_close(s);
    meeting_delete(m);
}

FIBER_TEST(clients_that_talk_nonsense_are_dropped)
{
    struct meeting *m = meeting_new("mtls", NULL), *n = meeting_new("mtcp", NULL);
    struct gost_stream *s = NULL;
    char bytes[64];
    gost_log_default.level = GOST_LOG_OFF;
    CHECK_INT(gost_socket_connect(&m->listener->addr, NULL, UNTIL_MS, &s), 0);
    CHECK_INT(gost_io_write(s, "GET / HTTP/1.1\r\n\r\n", 18, UNTIL_MS), 0);
    while (gost_io_read(s, bytes, sizeof(bytes), UNTIL_MS) > 0)
        ;
    gost_stream_close(s);
    CHECK_INT(gost_socket_connect(&n->listener->addr, NULL, UNTIL_MS, &s), 0);
    CHECK_INT(gost_io_write(s, "GET / HTTP/1.1\r\n\r\n", 18, UNTIL_MS), 0);
    CHECK_INT(gost_io_read(s, bytes, sizeof(bytes), UNTIL_MS), 0);
    gost_stream_close(s);
    gost_log_default.level = GOST_LOG_INFO;
    meeting_delete(m);
    meeting_delete(n);
}

TEST(settings_that_cannot_work_are_refused_when_a_kind_is_made)
{
    struct gost_listener *l = NULL;
    struct gost_dialer *d = NULL;
    const struct gost_options *lo = &gost__mtcp_listener.options, *dout = &gost__mtcp_dialer.options;
    CHECK_INT(gost_listener_new(&gost__mtcp_listener, settings_of(lo, "mux.version=3"), NULL, &l),
              GOST_ECONFIG);
    CHECK_STR(gost_diag_text(GOST_ECONFIG),
              "listener mtcp: mux.version 3: smux has versions 1 and 2");
    CHECK_INT(gost_dialer_new(&gost__mtcp_dialer, settings_of(dout, "mux.maxFrameSize=70000"), NULL,
                              NULL, &d),
              GOST_ECONFIG);
    void *settings = gost_options_new(lo);
    CHECK_INT(gost_option_set(settings, gost_option_find(lo->table, "mux.type"), "kcp"),
              GOST_ECONFIG);
    gost_options_delete(lo, settings);
}

RUN_TESTS()
