/*
 * The TLS layer: clients and servers as fibers of one loop. `tls_test --bench` measures instead.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/sanitize.h"
#include "core/net/io.h"
#include "core/net/pump.h"
#include "core/net/socket.h"
#include "core/transport/cert.h"
#include "core/transport/tls.h"
#include "core/transport/tls_int.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static struct gost_loop loop;
static char temporary[] = "/tmp/tls_test.XXXXXX";

/* --- certificates ------------------------------------------------------------------------- */

static char *in_temporary(const char *name)
{
    char *path;
    return asprintf(&path, "%s/%s", temporary, name) < 0 ? NULL : path;
}

static char *save_cert(const char *name, const struct gost_cert *c)
{
    char *path = in_temporary(name);
    FILE *f = fopen(path, "w");
    PEM_write_X509(f, c->leaf);
    fclose(f);
    return path;
}

static char *save_key(const char *name, const struct gost_cert *c)
{
    char *path = in_temporary(name);
    FILE *f = fopen(path, "w");
    PEM_write_PrivateKey(f, c->key, NULL, NULL, 0, NULL, NULL);
    fclose(f);
    return path;
}

/* A certificate for `name` that `issuer` signs (NULL: itself), valid for these days from now. */
static struct gost_cert *make_cert(const char *name, int from, int to, struct gost_cert *issuer)
{
    struct gost_cert_settings s = {.common_name = (char *)name, .organization = (char *)"Test"};
    struct gost_cert *c = NULL;
    CHECK_INT(gost_cert_generate(&s, &c), 0);
    X509_gmtime_adj(X509_getm_notBefore(c->leaf), 86400L * from);
    X509_gmtime_adj(X509_getm_notAfter(c->leaf), 86400L * to);
    if (issuer)
        X509_set_issuer_name(c->leaf, X509_get_subject_name(issuer->leaf));
    X509_sign(c->leaf, issuer ? issuer->key : c->key, EVP_sha256());
    return c;
}

/* --- a pair of ends ----------------------------------------------------------------------- */

/* What one test is about; each end runs on its own fiber. */
struct ends {
    struct gost_stream *io[2]; /* client, server */
    struct gost_tls_context *context[2];
    int rc[2]; /* of the handshake */
    char story[2][GOST_DIAG_MAX];
    struct gost_tls_info info[2];
    const char *name; /* of the server */
    int (*talk[2])(struct ends *e, struct gost_stream *s);
    int talked[2];
    int running;
    size_t bytes;
    uint64_t deadline;
};

static int socket_pair(struct gost_stream **a, struct gost_stream **b)
{
    int fd[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) < 0)
        return -errno;
    int rc = gost_socket_wrap(fd[0], a);
    return rc == 0 ? gost_socket_wrap(fd[1], b) : rc;
}

static struct gost_tls_context *context_of(const struct gost_tls_settings *s, bool server)
{
    struct gost_tls_context *c = NULL;
    int rc = gost_tls_context_new(s, server, &c);
    if (rc != 0)
        fprintf(stderr, "context: %s\n", gost_diag_text(rc));
    CHECK_INT(rc, 0);
    return c;
}

static void run_end(struct ends *e, int i)
{
    uint64_t deadline = e->deadline ? e->deadline : gost_now() + 20000;
    e->rc[i] = gost_io_open(e->io[i], deadline);
    if (e->rc[i] == 0)
        e->rc[i] = gost_stream_query(e->io[i], GOST_QUERY_TLS, &e->info[i]);
    if (e->rc[i] == 0 && e->talk[i])
        e->talked[i] = e->talk[i](e, e->io[i]);
    int rc = e->rc[i] ? e->rc[i] : e->talked[i];
    if (rc < 0)
        snprintf(e->story[i], sizeof(e->story[i]), "%s", gost_diag_text(rc));
    if (rc < 0) { /* nobody is left to talk to */
        gost_stream_close(e->io[i]);
        e->io[i] = NULL;
    }
    e->running--;
}

static void client_fiber(void *arg)
{
    run_end(arg, 0);
}

static void server_fiber(void *arg)
{
    run_end(arg, 1);
}

static void push_tls(struct ends *e)
{
    CHECK_INT(gost_tls_client(e->context[0], e->name, &e->io[0]), 0);
    CHECK_INT(gost_tls_server(e->context[1], &e->io[1]), 0);
}

static void run_fibers(struct ends *e)
{
    e->running = 2;
    gost_fiber_spawn("server", server_fiber, e);
    gost_fiber_spawn("client", client_fiber, e);
    uint64_t limit = gost_now() + 60000;
    while (e->running > 0 && gost_now() < limit)
        gost_loop_step(&loop, 1000);
    CHECK_INT(e->running, 0);
}

/* Close both and see that nothing is left. */
static void finish(struct ends *e)
{
    for (int i = 0; i < 2; i++) {
        gost_stream_close(e->io[i]);
        gost_tls_context_unref(e->context[i]);
    }
    CHECK_INT(gost_fiber_count(), 0);
    CHECK_INT(loop.watches, 0);
}

static void connect_ends(struct ends *e)
{
    CHECK_INT(socket_pair(&e->io[0], &e->io[1]), 0);
    push_tls(e);
    run_fibers(e);
}

/* --- what the ends say -------------------------------------------------------------------- */

/* The n-th byte of the stream in either direction. */
static uint8_t pattern(size_t at, int who)
{
    return (uint8_t)((at * 2654435761u >> 13) + (unsigned)who * 77u);
}

static unsigned random_state = 12345;

static size_t random_below(size_t n)
{
    random_state = random_state * 1103515245u + 12345u;
    return (random_state >> 8) % n;
}

static int send_pattern(struct gost_stream *s, size_t total, int who)
{
    uint8_t *buf = malloc(200000);
    int rc = 0;
    for (size_t sent = 0; sent < total && rc == 0;) {
        size_t n = random_below(3) ? random_below(100000) + 1 : random_below(20) + 1;
        n = n < total - sent ? n : total - sent;
        for (size_t i = 0; i < n; i++)
            buf[i] = pattern(sent + i, who);
        rc = gost_io_write(s, buf, n, gost_now() + 20000);
        sent += n;
    }
    free(buf);
    return rc ? rc : gost_io_shutdown(s, gost_now() + 20000);
}

static int receive_pattern(struct gost_stream *s, size_t total, int who)
{
    uint8_t *buf = malloc(200000);
    ssize_t n = 1;
    size_t have = 0, wrong = 0;
    while (n > 0) {
        size_t want = random_below(3) ? random_below(100000) + 1 : random_below(20) + 1;
        n = gost_io_read(s, buf, want, gost_now() + 20000);
        for (ssize_t i = 0; i < n; i++)
            wrong += buf[i] != pattern(have + (size_t)i, who);
        have += n > 0 ? (size_t)n : 0;
    }
    free(buf);
    CHECK_INT(wrong, 0);
    CHECK_INT(have, total);
    return (int)n;
}

/* Both directions at once: each end sends on a second fiber. */
struct sender {
    struct gost_stream *s;
    size_t total;
    int who, rc;
    bool done;
};

static void sender_fiber(void *arg)
{
    struct sender *x = arg;
    x->rc = send_pattern(x->s, x->total, x->who);
    x->done = true;
}

static int both_ways(struct ends *e, struct gost_stream *s, int who)
{
    struct sender *x = calloc(1, sizeof(*x));
    *x = (struct sender){.s = s, .total = e->bytes, .who = who};
    struct gost_fiber *f = gost_fiber_spawn("sender", sender_fiber, x);
    gost_fiber_ref(f);
    int rc = receive_pattern(s, e->bytes, !who);
    gost_fiber_join(f, gost_now() + 20000);
    gost_fiber_unref(f);
    CHECK(x->done);
    CHECK_INT(x->rc, 0);
    free(x);
    return rc;
}

static int client_both(struct ends *e, struct gost_stream *s)
{
    return both_ways(e, s, 0);
}

static int server_both(struct ends *e, struct gost_stream *s)
{
    return both_ways(e, s, 1);
}

/* "ping" and "pong", which also brings the client its ticket. */
static int client_ping(struct ends *e, struct gost_stream *s)
{
    char buf[4];
    (void)e;
    int rc = gost_io_write(s, "ping", 4, gost_now() + 20000);
    rc = rc ? rc : gost_io_read_exact(s, buf, 4, gost_now() + 20000);
    if (rc == 0)
        CHECK(memcmp(buf, "pong", 4) == 0);
    return rc;
}

static int server_pong(struct ends *e, struct gost_stream *s)
{
    char buf[4];
    (void)e;
    int rc = gost_io_read_exact(s, buf, 4, gost_now() + 20000);
    if (rc == 0)
        CHECK(memcmp(buf, "ping", 4) == 0);
    return rc ? rc : gost_io_write(s, "pong", 4, gost_now() + 20000);
}

static struct ends ping_pong(void)
{
    return (struct ends){.name = "proxy.test", .talk = {client_ping, server_pong}};
}

static void check_ok(const struct ends *e)
{
    for (int i = 0; i < 2; i++) {
        CHECK_STR(e->story[i], "");
        CHECK_INT(e->rc[i], 0);
        CHECK_INT(e->talked[i], 0);
    }
}

/* --- tests: data -------------------------------------------------------------------------- */

TEST(handshake_agrees_on_tls13)
{
    struct gost_tls_settings none = {0};
    struct ends e = ping_pong();
    e.context[0] = context_of(&none, false);
    e.context[1] = context_of(&none, true);
    connect_ends(&e);
    check_ok(&e);
    CHECK_STR(e.info[0].version, "TLSv1.3");
    CHECK_STR(e.info[1].version, "TLSv1.3");
    CHECK_STR(e.info[0].cipher, "TLS_AES_128_GCM_SHA256");
    CHECK_STR(e.info[1].server_name, "proxy.test");
    CHECK_STR(e.info[1].alpn, "");
    CHECK(e.info[1].server);
    CHECK(!e.info[0].server);
    CHECK(!e.info[0].resumed);
    int fd;
    union gost_sockaddr addr;
    CHECK_INT(gost_stream_query(e.io[0], GOST_QUERY_FD, &fd), GOST_ENOTSUP);
    CHECK_INT(gost_stream_query(e.io[0], GOST_QUERY_CARRIER, &fd), 0);
    CHECK_INT(gost_stream_query(e.io[0], GOST_QUERY_PEER_ADDR, &addr), 0);
    finish(&e);
}

/* Traffic in both directions under one version and suite. */
static void exchange(size_t bytes, const char *min, const char *max, const char *suite)
{
    char *items[] = {(char *)suite};
    struct gost_tls_settings s = {.min_version = (char *)min,
                                  .max_version = (char *)max,
                                  .cipher_suites = {items, suite ? 1 : 0}};
    struct ends e = {.name = "x", .talk = {client_both, server_both}, .bytes = bytes};
    e.context[0] = context_of(&s, false);
    e.context[1] = context_of(&s, true);
    connect_ends(&e);
    check_ok(&e);
    if (suite)
        CHECK_STR(e.info[0].cipher, suite);
    finish(&e);
}

TEST(ten_mebibytes_go_both_ways)
{
    exchange(10 << 20, NULL, NULL, NULL);
}

TEST(older_versions_carry_data_too)
{
    exchange(1 << 20, NULL, "versiontls12", NULL);
    exchange(1 << 20, NULL, "VersionTLS12", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256");
    exchange(1 << 20, NULL, "VersionTLS12", "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA");
    exchange(1 << 20, "VersionTLS10", "VersionTLS10", "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA");
}

TEST(each_suite_of_tls13_carries_data)
{
    static const char *const suites[] = {"TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
                                         "TLS_AES_128_CCM_SHA256"};
    struct gost_tls_settings none = {0};
    for (size_t i = 0; i < 3; i++) { /* the last one is none of ours: OpenSSL stays */
        struct ends e = {.name = "x", .talk = {client_both, server_both}, .bytes = 1 << 20};
        e.context[0] = context_of(&none, false);
        e.context[1] = context_of(&none, true);
        SSL_CTX_set_ciphersuites(e.context[0]->ctx, suites[i]);
        SSL_CTX_set_ciphersuites(e.context[1]->ctx, suites[i]);
        connect_ends(&e);
        check_ok(&e);
        CHECK_STR(e.info[0].cipher, suites[i]);
        finish(&e);
    }
}

TEST(keys_are_renewed_before_they_wear_out)
{
    gost__tls_key_limit = 7;
    exchange(3 << 20, NULL, NULL, NULL);
    gost__tls_key_limit = (uint64_t)1 << 23;
}

TEST(tls_over_tls)
{
    struct gost_tls_settings none = {0};
    struct ends e = {.name = "x", .talk = {client_both, server_both}, .bytes = 2 << 20};
    e.context[0] = context_of(&none, false);
    e.context[1] = context_of(&none, true);
    CHECK_INT(socket_pair(&e.io[0], &e.io[1]), 0);
    push_tls(&e);
    push_tls(&e);
    push_tls(&e);
    run_fibers(&e);
    check_ok(&e);
    finish(&e);
}

static void on_pumped(struct gost_pump *p)
{
    CHECK_INT(p->rc, 0);
    p->stream[0] = (void *)p; /* the sign for the test: done */
}

/* client - TLS - pump - TLS - server; the pump's two ends do their handshakes on the way. */
TEST(a_pump_relays_between_tls_streams)
{
    static const char *const max[] = {"VersionTLS13", "VersionTLS12"};
    for (int i = 0; i < 2; i++) {
        struct gost_tls_settings s = {.max_version = (char *)max[i]};
        struct ends e = {.name = "x", .talk = {client_both, server_both}, .bytes = 10 << 20};
        struct gost_stream *middle[2];
        struct gost_pump pump;
        e.context[0] = context_of(&s, false);
        e.context[1] = context_of(&s, true);
        CHECK_INT(socket_pair(&e.io[0], &middle[0]), 0);
        CHECK_INT(socket_pair(&middle[1], &e.io[1]), 0);
        push_tls(&e);
        CHECK_INT(gost_tls_server(e.context[1], &middle[0]), 0);
        CHECK_INT(gost_tls_client(e.context[0], "y", &middle[1]), 0);
        gost_pump_start(&pump, &middle[0], &middle[1], NULL, NULL, on_pumped);
        run_fibers(&e);
        check_ok(&e);
        while (pump.stream[0] != (void *)&pump)
            gost_loop_step(&loop, 1000);
        finish(&e);
    }
}

/* --- a lower layer that is as awkward as allowed ------------------------------------------ */

struct drip {
    struct gost_stream base;
    struct gost_task again;
    struct gost_waker *waker[2];
    unsigned calls;
};

static void drip_again(struct gost_task *task)
{
    struct drip *d = gost_container_of(task, struct drip, again);
    gost_waker_fire(d->waker[GOST_READER]);
    gost_waker_fire(d->waker[GOST_WRITER]);
}

/* Every other call is refused for no reason. */
static bool drip_refuses(struct drip *d)
{
    if (d->calls++ % 2)
        return false;
    gost_task_post(&d->again);
    return true;
}

static ssize_t drip_read(struct gost_stream *s, void *buf, size_t n)
{
    struct drip *d = gost_container_of(s, struct drip, base);
    (void)n;
    return drip_refuses(d) ? GOST_WANT_READ : gost_stream_read(s->next, buf, 1);
}

static ssize_t drip_writev(struct gost_stream *s, const struct iovec *iov, int count)
{
    struct drip *d = gost_container_of(s, struct drip, base);
    (void)count;
    return drip_refuses(d) ? GOST_WANT_WRITE : gost_stream_write(s->next, iov->iov_base, 1);
}

static void drip_set_waker(struct gost_stream *s, enum gost_side side, struct gost_waker *w)
{
    gost_container_of(s, struct drip, base)->waker[side] = w;
    gost__pass_set_waker(s, side, w);
}

static void drip_destroy(struct gost_stream *s)
{
    struct drip *d = gost_container_of(s, struct drip, base);
    gost_task_cancel(&d->again);
    free(d);
}

static const struct gost_stream_ops drip_ops = {
    .name = "drip",
    .open = gost__pass_open,
    .read = drip_read,
    .writev = drip_writev,
    .flush = gost__pass_flush,
    .shutdown = gost__pass_shutdown,
    .set_waker = drip_set_waker,
    .query = gost__pass_query,
    .destroy = drip_destroy,
};

static void push_drip(struct gost_stream **io)
{
    struct drip *d = calloc(1, sizeof(*d));
    gost_stream_create(&d->base, &drip_ops, *io);
    gost_task_create(&d->again, drip_again);
    *io = &d->base;
}

TEST(one_byte_at_a_time)
{
    static const char *const max[] = {"VersionTLS13", "VersionTLS12"};
    for (int i = 0; i < 2; i++) {
        struct gost_tls_settings s = {.max_version = (char *)max[i]};
        struct ends e = {.name = "x", .talk = {client_both, server_both}, .bytes = 150000};
        e.context[0] = context_of(&s, false);
        e.context[1] = context_of(&s, true);
        CHECK_INT(socket_pair(&e.io[0], &e.io[1]), 0);
        push_drip(&e.io[0]);
        push_drip(&e.io[1]);
        push_tls(&e);
        run_fibers(&e);
        check_ok(&e);
        finish(&e);
    }
}

/* --- tests: ends -------------------------------------------------------------------------- */

/* The client ends first and goes on reading; the server answers then. */
static int client_half(struct ends *e, struct gost_stream *s)
{
    int rc = send_pattern(s, 100000, 0);
    CHECK_INT(gost_io_write(s, "x", 1, gost_now() + 20000), -EPIPE);
    CHECK_STR(gost_diag_text(-EPIPE), "tls: write after the end");
    return rc ? rc : receive_pattern(s, e->bytes, 1);
}

static int server_half(struct ends *e, struct gost_stream *s)
{
    int rc = receive_pattern(s, 100000, 0);
    return rc ? rc : send_pattern(s, e->bytes, 1);
}

TEST(half_close_leaves_the_other_direction_open)
{
    static const char *const max[] = {"VersionTLS13", "VersionTLS12"};
    for (int i = 0; i < 2; i++) {
        struct gost_tls_settings s = {.max_version = (char *)max[i]};
        struct ends e = {.name = "x", .talk = {client_half, server_half}, .bytes = 3 << 20};
        e.context[0] = context_of(&s, false);
        e.context[1] = context_of(&s, true);
        connect_ends(&e);
        check_ok(&e);
        finish(&e);
    }
}

/* The peer cuts the connection without a close_notify. */
static int server_cuts(struct ends *e, struct gost_stream *s)
{
    int fd, rc = gost_io_write(s, "last words", 10, gost_now() + 20000);
    (void)e;
    gost_stream_query(s, GOST_QUERY_CARRIER, &fd);
    shutdown(fd, SHUT_RDWR);
    return rc;
}

static int client_hears_cut(struct ends *e, struct gost_stream *s)
{
    char buf[100];
    (void)e;
    int rc = gost_io_read_exact(s, buf, 10, gost_now() + 20000);
    CHECK(memcmp(buf, "last words", 10) == 0);
    CHECK_INT(gost_io_read(s, buf, sizeof(buf), gost_now() + 20000), 0);
    CHECK_INT(gost_io_read(s, buf, sizeof(buf), gost_now() + 20000), 0);
    return rc;
}

TEST(an_end_without_goodbye_is_an_end)
{
    struct gost_tls_settings none = {0};
    struct ends e = {.name = "x", .talk = {client_hears_cut, server_cuts}};
    e.context[0] = context_of(&none, false);
    e.context[1] = context_of(&none, true);
    connect_ends(&e);
    check_ok(&e);
    finish(&e);
}

/* The server answers before it has heard all, and hears no more. */
static int server_interrupts(struct ends *e, struct gost_stream *s)
{
    char buf[10];
    int fd, rc = gost_io_read_exact(s, buf, sizeof(buf), gost_now() + 20000);
    (void)e;
    rc = rc ? rc : gost_io_write(s, "too much", 8, gost_now() + 20000);
    gost_stream_query(s, GOST_QUERY_CARRIER, &fd);
    shutdown(fd, SHUT_RDWR);
    return rc;
}

static int client_talks_on(struct ends *e, struct gost_stream *s)
{
    char *buf = calloc(1, 100000);
    int rc = 0;
    (void)e;
    while (rc == 0)
        rc = gost_io_write(s, buf, 100000, gost_now() + 20000);
    CHECK_INT(rc, -EPIPE);
    CHECK_INT(gost_io_read_exact(s, buf, 8, gost_now() + 20000), 0);
    CHECK(memcmp(buf, "too much", 8) == 0);
    CHECK_INT(gost_io_read(s, buf, 8, gost_now() + 20000), 0);
    free(buf);
    return 0;
}

TEST(a_failed_write_leaves_the_answer_readable)
{
    static const char *const max[] = {"VersionTLS13", "VersionTLS12"};
    for (int i = 0; i < 2; i++) {
        struct gost_tls_settings s = {.max_version = (char *)max[i]};
        struct ends e = {.name = "x", .talk = {client_talks_on, server_interrupts}};
        e.context[0] = context_of(&s, false);
        e.context[1] = context_of(&s, true);
        connect_ends(&e);
        check_ok(&e);
        finish(&e);
    }
}

static int server_waits_for_end(struct ends *e, struct gost_stream *s)
{
    char buf[10];
    int fd;
    (void)e;
    CHECK_INT(gost_io_read(s, buf, sizeof(buf), gost_now() + 20000), 0);
    /* it was a close_notify: the socket below still had something to say before its own end */
    gost_stream_query(s, GOST_QUERY_CARRIER, &fd);
    return 0;
}

static int client_closes(struct ends *e, struct gost_stream *s)
{
    (void)s;
    gost_stream_close(e->io[0]);
    e->io[0] = NULL;
    return 0;
}

TEST(closing_says_goodbye)
{
    struct gost_tls_settings none = {0};
    struct ends e = {.name = "x", .talk = {client_closes, server_waits_for_end}};
    e.context[0] = context_of(&none, false);
    e.context[1] = context_of(&none, true);
    connect_ends(&e);
    check_ok(&e);
    struct gost__tls *t = gost_container_of(e.io[1], struct gost__tls, base);
    CHECK(t->in_eof && t->records);
    finish(&e);
}

static int damage(struct ends *e, struct gost_stream *s)
{
    int fd;
    char record[100] = {23, 3, 3, 0, 95};
    (void)e;
    gost_stream_query(s, GOST_QUERY_CARRIER, &fd);
    CHECK_INT(send(fd, record, sizeof(record), 0), sizeof(record));
    char buf[10];
    return (int)gost_io_read(s, buf, sizeof(buf), gost_now() + 20000);
}

static int read_damaged(struct ends *e, struct gost_stream *s)
{
    char buf[10];
    (void)e;
    int rc = (int)gost_io_read(s, buf, sizeof(buf), gost_now() + 20000);
    CHECK_INT(gost_io_read(s, buf, sizeof(buf), gost_now() + 20000), rc);
    CHECK_INT(gost_io_write(s, buf, sizeof(buf), gost_now() + 20000), rc);
    return rc;
}

TEST(damaged_records_break_the_connection)
{
    struct gost_tls_settings none = {0};
    struct ends e = {.name = "x", .talk = {damage, read_damaged}};
    e.context[0] = context_of(&none, false);
    e.context[1] = context_of(&none, true);
    connect_ends(&e);
    CHECK_INT(e.talked[1], GOST_ETLS);
    CHECK_STR(e.story[1], "tls: a record is damaged");
    CHECK_INT(e.talked[0], GOST_ETLS);
    CHECK_STR(e.story[0], "tls: the peer sent alert 20: bad record mac");
    finish(&e);
}

/* --- tests: records by hand --------------------------------------------------------------- */

/* Send records of our own making under the client's true keys. */
static void send_raw(struct gost_stream *s, uint8_t type, const void *p, size_t n, size_t padding)
{
    struct gost__tls *t = gost_container_of(s, struct gost__tls, base);
    struct gost__tls_key *k = &t->records->key[GOST_WRITER];
    uint8_t out[1000] = {23, 3, 3}, nonce[12];
    size_t inner = n + 1 + padding;
    int len;
    out[3] = (uint8_t)((inner + 16) >> 8);
    out[4] = (uint8_t)(inner + 16);
    if (n)
        memcpy(out + 5, p, n);
    out[5 + n] = type;
    memcpy(nonce, k->iv, 12);
    for (int i = 0; i < 8; i++)
        nonce[11 - i] ^= (uint8_t)(k->seq >> (8 * i));
    k->seq++;
    EVP_CipherInit_ex(k->cipher, NULL, NULL, NULL, nonce, 1);
    EVP_CipherUpdate(k->cipher, NULL, &len, out, 5);
    EVP_CipherUpdate(k->cipher, out + 5, &len, out + 5, (int)inner);
    EVP_CipherFinal_ex(k->cipher, out + 5, &len);
    EVP_CIPHER_CTX_ctrl(k->cipher, EVP_CTRL_AEAD_GET_TAG, 16, out + 5 + inner);
    CHECK_INT(gost__tls_pend(t, out, 5 + inner + 16), 0);
}

static struct raw_case {
    const char *name;
    uint8_t type;
    uint8_t bytes[8];
    size_t n, padding;
    int times;
    const char *story; /* of the server; NULL: it reads the "ok" that follows */
} raw_cases[] = {
    {"padding", 23, "ok", 2, 300, 1, NULL},
    {"no type", 0, {0}, 3, 0, 1, "tls: a record without type"},
    {"unknown type", 99, {1}, 1, 0, 1, "tls: a record of an unknown type"},
    {"empty data", 23, {0}, 0, 0, 3, NULL},
    {"too many empty", 23, {0}, 0, 0, 1001, "tls: too many records without data"},
    {"empty handshake", 22, {0}, 0, 0, 1, "tls: empty handshake record"},
    {"key update of a wrong size", 22, {24, 0, 0, 2, 0, 0}, 6, 0, 1, "tls: malformed key update"},
    {"key update with more behind", 22, {24, 0, 0, 1, 0, 24}, 6, 0, 1, "tls: malformed key update"},
    {"a ticket from a client", 22, {4, 0, 0, 1}, 4, 0, 1, "tls: unexpected handshake message"},
    {"renegotiation", 22, {1, 0, 0, 1}, 4, 0, 1, "tls: unexpected handshake message"},
    {"half a message, then data", 22, {24, 0}, 2, 0, 1, "tls: data inside a handshake message"},
    {"alert", 21, {2, 80}, 2, 0, 1, "tls: the peer sent alert 80: internal error"},
    {"user canceled", 21, {1, 90}, 2, 0, 1, NULL},
    {"malformed alert", 21, {2}, 1, 0, 1, "tls: malformed alert"},
};

static const struct raw_case *raw;

static int client_raw(struct ends *e, struct gost_stream *s)
{
    (void)e;
    /* hear from the server first, so that the keys are ours */
    char buf[2];
    int rc = gost_io_read_exact(s, buf, 2, gost_now() + 20000);
    CHECK(gost_container_of(s, struct gost__tls, base)->records != NULL);
    for (int i = 0; i < raw->times && rc == 0; i++)
        send_raw(s, raw->type, raw->bytes, raw->n, raw->padding);
    if (rc == 0 && raw->type != 23)
        send_raw(s, 23, "ok", 2, 0);
    else if (raw->n == 0)
        send_raw(s, 23, "ok", 2, 5);
    return rc ? rc : gost_io_write(s, NULL, 0, gost_now() + 20000);
}

static int server_raw(struct ends *e, struct gost_stream *s)
{
    char buf[10];
    (void)e;
    int rc = gost_io_write(s, "hi", 2, gost_now() + 20000);
    rc = rc ? rc : gost_io_read_exact(s, buf, 2, gost_now() + 20000);
    if (rc == 0)
        CHECK(memcmp(buf, "ok", 2) == 0);
    return rc;
}

TEST(records_that_others_may_send)
{
    struct gost_tls_settings none = {0};
    for (size_t i = 0; i < sizeof(raw_cases) / sizeof(raw_cases[0]); i++) {
        struct ends e = {.name = "x", .talk = {client_raw, server_raw}};
        raw = &raw_cases[i];
        e.context[0] = context_of(&none, false);
        e.context[1] = context_of(&none, true);
        connect_ends(&e);
        CHECK_STR(e.story[1], raw->story ? raw->story : "");
        CHECK_STR(e.story[0], "");
        finish(&e);
    }
}

/* --- tests: OpenSSL itself as the peer ---------------------------------------------------- */

/* A blocking OpenSSL client on a thread: asks for key updates, checks the echo. */
struct foreign {
    int fd;
    int rc;
};

static void *foreign_main(void *arg)
{
    struct foreign *f = arg;
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);
    static char out[40000], in[40000];
    SSL_set_fd(ssl, f->fd);
    f->rc = SSL_connect(ssl) == 1 ? 0 : 1;
    for (int round = 0; round < 20 && f->rc == 0; round++) {
        memset(out, 'a' + round, sizeof(out));
        SSL_key_update(ssl, round % 2 ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED);
        if (SSL_write(ssl, out, sizeof(out)) != sizeof(out))
            f->rc = 2;
        for (int have = 0, n; have < (int)sizeof(in) && f->rc == 0; have += n)
            if ((n = SSL_read(ssl, in + have, (int)sizeof(in) - have)) <= 0)
                f->rc = 3;
        if (f->rc == 0 && memcmp(in, out, sizeof(in)) != 0)
            f->rc = 4;
    }
    if (f->rc == 0 && SSL_shutdown(ssl) < 0)
        f->rc = 5;
    if (f->rc == 0 && SSL_shutdown(ssl) != 1) /* hears the server's close_notify */
        f->rc = 6;
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(f->fd);
    return NULL;
}

struct echo {
    struct gost_stream *s;
    int rc;
    bool done;
};

static void echo_fiber(void *arg)
{
    struct echo *x = arg;
    char *buf = malloc(30000);
    ssize_t n = x->rc = gost_io_open(x->s, gost_now() + 20000);
    while (n >= 0 && (n = gost_io_read(x->s, buf, 30000, gost_now() + 20000)) > 0)
        if ((x->rc = gost_io_write(x->s, buf, (size_t)n, gost_now() + 20000)) != 0)
            n = x->rc;
    x->rc = n == 0 ? gost_io_shutdown(x->s, gost_now() + 20000) : (int)n;
    if (x->rc < 0)
        fprintf(stderr, "echo: %s\n", gost_diag_text(x->rc));
    free(buf);
    gost_stream_close(x->s);
    x->done = true;
}

TEST(another_implementation_renews_keys)
{
    struct gost_tls_settings none = {0};
    struct gost_tls_context *c = context_of(&none, true);
    struct echo x = {0};
    int fd[2];
    pthread_t thread;
    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
    fcntl(fd[0], F_SETFL, O_NONBLOCK);
    struct foreign f = {.fd = fd[1]};
    CHECK_INT(gost_socket_wrap(fd[0], &x.s), 0);
    CHECK_INT(gost_tls_server(c, &x.s), 0);
    pthread_create(&thread, NULL, foreign_main, &f);
    gost_fiber_spawn("echo", echo_fiber, &x);
    while (!x.done)
        gost_loop_step(&loop, 1000);
    pthread_join(thread, NULL);
    CHECK_INT(f.rc, 0);
    CHECK_INT(x.rc, 0);
    gost_tls_context_unref(c);
}

/* --- tests: handshakes that fail ---------------------------------------------------------- */

static void vanish(void *arg)
{
    struct ends *e = arg;
    char buf[100];
    gost_io_read(e->io[1], buf, sizeof(buf), gost_now() + 20000); /* a part of the hello */
    gost_stream_close(e->io[1]);
    e->io[1] = NULL;
    e->running--;
}

TEST(a_peer_that_vanishes_in_the_handshake)
{
    struct gost_tls_settings none = {0};
    struct ends e = {.name = "x"};
    e.context[0] = context_of(&none, false);
    CHECK_INT(socket_pair(&e.io[0], &e.io[1]), 0);
    CHECK_INT(gost_tls_client(e.context[0], e.name, &e.io[0]), 0);
    e.running = 2;
    gost_fiber_spawn("vanish", vanish, &e);
    gost_fiber_spawn("client", client_fiber, &e);
    while (e.running > 0)
        gost_loop_step(&loop, 1000);
    /* bytes were left unread, so the kernel may say it its own way */
    CHECK(e.rc[0] == GOST_EOF || e.rc[0] == -ECONNRESET);
    if (e.rc[0] == GOST_EOF)
        CHECK_STR(e.story[0], "tls: the peer closed the connection during the handshake");
    finish(&e);
}

static void say_nothing(void *arg)
{
    struct ends *e = arg;
    e->running--;
}

TEST(a_silent_peer_meets_the_deadline)
{
    struct gost_tls_settings none = {0};
    struct ends e = {.name = "x", .deadline = gost_now() + 50};
    e.context[0] = context_of(&none, false);
    CHECK_INT(socket_pair(&e.io[0], &e.io[1]), 0);
    CHECK_INT(gost_tls_client(e.context[0], e.name, &e.io[0]), 0);
    e.running = 2;
    gost_fiber_spawn("silent", say_nothing, &e);
    gost_fiber_spawn("client", client_fiber, &e);
    while (e.running > 0)
        gost_loop_step(&loop, 1000);
    CHECK_INT(e.rc[0], GOST_ETIMEDOUT);
    finish(&e);
}

static void talk_http(void *arg)
{
    struct ends *e = arg;
    char buf[100];
    gost_io_write(e->io[0], "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 28, gost_now() + 20000);
    CHECK_INT(gost_io_read(e->io[0], buf, sizeof(buf), gost_now() + 20000), 0); /* just closed */
    e->running--;
}

TEST(plain_http_is_named)
{
    struct gost_tls_settings none = {0};
    struct ends e = {.name = "x"};
    e.context[1] = context_of(&none, true);
    CHECK_INT(socket_pair(&e.io[0], &e.io[1]), 0);
    CHECK_INT(gost_tls_server(e.context[1], &e.io[1]), 0);
    e.running = 2;
    gost_fiber_spawn("server", server_fiber, &e);
    gost_fiber_spawn("http", talk_http, &e);
    while (e.running > 0)
        gost_loop_step(&loop, 1000);
    CHECK_INT(e.rc[1], GOST_ETLS);
    CHECK_STR(e.story[1], "tls: the client speaks plain HTTP");
    finish(&e);
}

/* A client with these settings meets a server that shows this certificate. */
static struct ends meet(struct gost_tls_settings client, struct gost_cert *cert, const char *name)
{
    struct gost_tls_settings server = {.cert = cert};
    struct ends e = ping_pong();
    e.name = name;
    e.context[0] = context_of(&client, false);
    e.context[1] = context_of(&server, true);
    connect_ends(&e);
    finish(&e);
    return e;
}

TEST(clients_verify_what_they_were_told_to)
{
    struct gost_cert *ca = make_cert("Test CA", -1, 10, NULL);
    struct gost_cert *good = make_cert("proxy.test", -1, 10, ca);
    struct gost_cert *old = make_cert("proxy.test", -20, -10, ca);
    struct gost_cert *young = make_cert("proxy.test", 1, 10, ca);
    struct gost_cert *other_ca = make_cert("Other CA", -1, 10, NULL);
    struct gost_cert *foreign = make_cert("proxy.test", -1, 10, other_ca);
    struct gost_cert *own = make_cert("proxy.test", -1, 10, NULL);
    char *ca_file = save_cert("ca.pem", ca);
    sk_X509_push(foreign->chain, other_ca->leaf);
    X509_up_ref(other_ca->leaf);
    struct {
        bool secure;
        char *ca_file;
        struct gost_cert *cert;
        const char *name;
        const char *story;
    } cases[] = {
        {false, NULL, foreign, "proxy.test", ""},
        {false, NULL, old, "wrong.test", ""},
        {true, ca_file, good, "proxy.test", ""},
        {true, ca_file, good, "PROXY.test.", ""},
        {false, ca_file, good, "wrong.test", ""},
        {false, ca_file, good, NULL, ""},
        {true, ca_file, good, "wrong.test",
         "tls: host name \"wrong.test\" does not match: certificate is for proxy.test"},
        {true, ca_file, good, "127.0.0.1",
         "tls: host name \"127.0.0.1\" does not match: certificate is for proxy.test"},
        {true, ca_file, old, "proxy.test", "tls: certificate has expired"},
        {false, ca_file, old, "proxy.test", "tls: certificate has expired"},
        {true, ca_file, young, "proxy.test", "tls: certificate is not yet valid"},
        {true, ca_file, foreign, "proxy.test", "tls: self-signed certificate in certificate chain"},
        {false, ca_file, foreign, "x", "tls: self-signed certificate in certificate chain"},
        {true, ca_file, own, "proxy.test", "tls: self-signed certificate"},
        {true, NULL, own, "proxy.test", "tls: self-signed certificate"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gost_tls_settings s = {.secure = cases[i].secure, .ca_file = cases[i].ca_file};
        struct ends e = meet(s, cases[i].cert, cases[i].name);
        CHECK_STR(e.story[0], cases[i].story);
        CHECK_INT(e.rc[0], *cases[i].story ? GOST_ECERT : 0);
        if (e.rc[0] != 0)
            CHECK_INT(e.rc[1] ? e.rc[1] : e.talked[1], GOST_ETLS);
    }
    struct gost_tls_settings secure = {.secure = true};
    struct gost_tls_context *c = context_of(&secure, false);
    struct gost_stream *nothing = NULL;
    CHECK_INT(gost_tls_client(c, NULL, &nothing), GOST_ECONFIG);
    gost_tls_context_unref(c);
    struct gost_cert *all[] = {ca, good, old, young, other_ca, foreign, own};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        gost_cert_unref(all[i]);
    free(ca_file);
}

/* A server that demands certificates; the client shows one, another or none. */
TEST(servers_demand_client_certificates)
{
    static const char *const max[] = {"VersionTLS13", "VersionTLS12"};
    struct gost_cert *ca = make_cert("Test CA", -1, 10, NULL);
    struct gost_cert *mine = make_cert("client", -1, 10, ca);
    struct gost_cert *own = make_cert("stranger", -1, 10, NULL);
    char *ca_file = save_cert("client-ca.pem", ca);
    struct {
        struct gost_cert *cert;
        const char *server, *client;
        int code;
    } cases[] = {
        {mine, "", "", 0},
        {NULL, "tls: the client sent no certificate",
         "tls: the peer sent alert 116: certificate required", GOST_ECERT},
        {own, "tls: self-signed certificate", "tls: the peer sent alert 48: unknown ca", GOST_ECERT},
    };
    for (int i = 0; i < 6; i++) {
        struct gost_tls_settings s = {.cert = mine, .ca_file = ca_file};
        struct gost_tls_settings c = {.cert = cases[i / 2].cert, .max_version = (char *)max[i % 2]};
        struct ends e = ping_pong();
        e.context[0] = context_of(&c, false);
        e.context[1] = context_of(&s, true);
        connect_ends(&e);
        CHECK_INT(e.rc[1], cases[i / 2].code);
        CHECK_STR(e.story[1], cases[i / 2].server);
        if (i == 3) /* the alert is younger than TLS 1.2 */
            CHECK_STR(e.story[0], "tls: the peer sent alert 40: handshake failure");
        else
            CHECK_STR(e.story[0], cases[i / 2].client);
        finish(&e);
    }
    gost_cert_unref(ca);
    gost_cert_unref(mine);
    gost_cert_unref(own);
    free(ca_file);
}

TEST(versions_without_overlap_are_refused)
{
    struct gost_tls_settings old = {.max_version = (char *)"VersionTLS12"};
    struct gost_tls_settings fresh = {.min_version = (char *)"VersionTLS13"};
    struct ends e = ping_pong();
    e.context[0] = context_of(&fresh, false);
    e.context[1] = context_of(&old, true);
    connect_ends(&e);
    CHECK_INT(e.rc[0], GOST_ETLS);
    CHECK_STR(e.story[0], "tls: the peer sent alert 70: protocol version");
    CHECK_INT(e.rc[1], GOST_ETLS);
    finish(&e);
}

/* --- tests: ALPN, names, hooks ------------------------------------------------------------ */

static struct ends meet_alpn(const char *client, const char *server)
{
    struct gost_tls_settings none = {0};
    struct ends e = ping_pong();
    e.context[0] = context_of(&none, false);
    e.context[1] = context_of(&none, true);
    if (client)
        CHECK_INT(gost_tls_context_default_alpn(e.context[0], client), 0);
    if (server)
        CHECK_INT(gost_tls_context_default_alpn(e.context[1], server), 0);
    connect_ends(&e);
    finish(&e);
    return e;
}

TEST(alpn_is_agreed_on)
{
    struct ends e = meet_alpn("h2,http/1.1", "http/1.1,h2");
    CHECK_STR(e.info[0].alpn, "http/1.1");
    CHECK_STR(e.info[1].alpn, "http/1.1");
    e = meet_alpn("h2", NULL);
    CHECK_INT(e.rc[1], 0);
    CHECK_STR(e.info[0].alpn, "");
    e = meet_alpn(NULL, "h2");
    CHECK_INT(e.rc[1], 0);
    e = meet_alpn("http/1.1", "h2");
    CHECK_INT(e.rc[0], 0);
    CHECK_STR(e.info[0].alpn, "");
    e = meet_alpn("h3", "h2");
    CHECK_INT(e.rc[0], GOST_ETLS);
    CHECK_STR(e.story[0], "tls: the peer sent alert 120: no application protocol");
}

TEST(the_users_alpn_replaces_the_transports)
{
    char *items[] = {(char *)"mine"};
    struct gost_tls_settings s = {.alpn = {items, 1}};
    struct ends e = ping_pong();
    e.context[0] = context_of(&s, false);
    e.context[1] = context_of(&s, true);
    CHECK_INT(gost_tls_context_default_alpn(e.context[0], "h2"), 0);
    CHECK_INT(gost_tls_context_default_alpn(e.context[1], "h2"), 0);
    connect_ends(&e);
    check_ok(&e);
    CHECK_STR(e.info[1].alpn, "mine");
    finish(&e);
}

static struct ends meet_sni(const char *name, char **names, size_t count)
{
    struct gost_tls_settings none = {0};
    struct gost_tls_settings s = {.reject_unknown_sni = true, .server_names = {names, count}};
    struct ends e = ping_pong();
    e.name = name;
    e.context[0] = context_of(&none, false);
    e.context[1] = context_of(&s, true);
    connect_ends(&e);
    finish(&e);
    return e;
}

TEST(unknown_server_names_are_rejected)
{
    char *names[] = {(char *)"One.test", (char *)"two.test"};
    struct ends e = meet_sni("one.TEST", names, 2);
    CHECK_INT(e.rc[1], 0);
    e = meet_sni("any.test", NULL, 0);
    CHECK_INT(e.rc[1], 0);
    e = meet_sni("three.test", names, 2);
    CHECK_INT(e.rc[1], GOST_EDENIED);
    CHECK_STR(e.story[1], "tls: unknown server name \"three.test\"");
    CHECK_STR(e.story[0], "tls: the peer sent alert 80: internal error");
    e = meet_sni("127.0.0.1", NULL, 0);
    CHECK_STR(e.story[1], "tls: the client sent no server name");
}

/* A hook that waits, as one in Lua may. */
static int slow_hook(void *arg, const struct gost_tls_hello *hello)
{
    int *calls = arg;
    ++*calls;
    gost_fiber_sleep(5);
    CHECK_STR(hello->server_name, "proxy.test");
    CHECK_INT(hello->alpn_len, 3);
    CHECK(memcmp(hello->alpn, "\2h2", 3) == 0);
    return *calls > 1 ? gost_fail(GOST_EHOOK, "not today") : 0;
}

TEST(a_hook_sees_the_hello_and_may_wait)
{
    int calls = 0;
    struct gost_tls_settings none = {0};
    struct gost_tls_settings s = {.on_hello = slow_hook, .on_hello_arg = &calls};
    for (int i = 0; i < 2; i++) {
        struct ends e = ping_pong();
        e.context[0] = context_of(&none, false);
        e.context[1] = context_of(&s, true);
        gost_tls_context_default_alpn(e.context[0], "h2");
        connect_ends(&e);
        CHECK_INT(e.rc[1], i ? GOST_EHOOK : 0);
        CHECK_STR(e.story[1], i ? "not today" : "");
        finish(&e);
    }
    CHECK_INT(calls, 2);
}

/* --- tests: resumption -------------------------------------------------------------------- */

TEST(sessions_are_resumed)
{
    static const char *const max[] = {"VersionTLS13", "VersionTLS12"};
    for (int v = 0; v < 2; v++) {
        struct gost_tls_settings s = {.max_version = (char *)max[v]};
        struct gost_tls_context *client = context_of(&s, false);
        for (int i = 0; i < 4; i++) {
            struct ends e = ping_pong();
            e.context[0] = gost_tls_context_ref(client);
            e.context[1] = context_of(&s, true); /* another one each time, as in other workers */
            connect_ends(&e);
            check_ok(&e);
            CHECK_INT(e.info[0].resumed, i > 0);
            CHECK_INT(e.info[1].resumed, i > 0);
            CHECK_STR(e.info[1].server_name, "proxy.test");
            finish(&e);
        }
        struct ends e = ping_pong(); /* another name: no session of ours */
        e.name = "other.test";
        e.context[0] = gost_tls_context_ref(client);
        e.context[1] = context_of(&s, true);
        connect_ends(&e);
        CHECK_INT(e.info[0].resumed, 0);
        finish(&e);
        gost_tls_context_unref(client);
    }
}

/* A ticket of a service that asks for nothing must not open one that demands a certificate. */
TEST(sessions_do_not_cross_services)
{
    struct gost_cert *ca = make_cert("Test CA", -1, 10, NULL);
    char *ca_file = save_cert("cross-ca.pem", ca);
    struct gost_tls_settings none = {0}, strict = {.ca_file = ca_file};
    struct gost_tls_context *client = context_of(&none, false);
    for (int i = 0; i < 2; i++) {
        struct ends e = ping_pong();
        e.context[0] = gost_tls_context_ref(client);
        e.context[1] = context_of(i ? &strict : &none, true);
        connect_ends(&e);
        CHECK_INT(e.rc[1], i ? GOST_ECERT : 0);
        finish(&e);
    }
    gost_tls_context_unref(client);
    gost_cert_unref(ca);
    free(ca_file);
}

TEST(a_client_remembers_a_limited_number_of_sessions)
{
    struct gost_tls_settings none = {0};
    struct gost_tls_context *client = context_of(&none, false), *server = context_of(&none, true);
    for (int i = 0; i < GOST__TLS_SESSIONS + 10; i++) {
        char name[20];
        snprintf(name, sizeof(name), "n%d.test", i);
        struct ends e = ping_pong();
        e.name = name;
        e.context[0] = gost_tls_context_ref(client);
        e.context[1] = gost_tls_context_ref(server);
        connect_ends(&e);
        check_ok(&e);
        finish(&e);
    }
    CHECK_INT(client->session_count, GOST__TLS_SESSIONS);
    gost_tls_context_unref(client);
    gost_tls_context_unref(server);
}

/* --- tests: settings and files ------------------------------------------------------------ */

static void check_context_story(struct gost_tls_settings s, bool server, const char *format,
                                const char *a, const char *b)
{
    struct gost_tls_context *c = NULL;
    char expected[600];
    snprintf(expected, sizeof(expected), format, a, b);
    int rc = gost_tls_context_new(&s, server, &c);
    CHECK(rc != 0);
    CHECK_STR(gost_diag_text(rc), expected);
}

TEST(wrong_files_are_named)
{
    struct gost_cert *one = make_cert("one", -1, 10, NULL), *two = make_cert("two", -1, 10, NULL);
    char *cert = save_cert("one-cert.pem", one), *key = save_key("two-key.pem", two);
    char *none = in_temporary("none.pem");
    struct gost_tls_settings s = {.cert_file = cert, .key_file = key};
    check_context_story(s, true, "tls: key %s: does not belong to certificate %s", key, cert);
    s.key_file = cert;
    check_context_story(s, false, "tls: key %s: no private key in PEM format inside%s", cert, "");
    s.key_file = none;
    check_context_story(s, false, "tls: key %s: no such file or directory%s", none, "");
    s = (struct gost_tls_settings){.cert_file = key, .key_file = key};
    check_context_story(s, true, "tls: certificate %s: no certificate in PEM format inside%s", key,
                        "");
    s = (struct gost_tls_settings){.cert_file = none};
    check_context_story(s, true, "tls: certificate %s: no such file or directory%s", none, "");
    s = (struct gost_tls_settings){.key_file = key};
    check_context_story(s, true, "tls: keyFile needs certFile as well%s%s", "", "");
    s = (struct gost_tls_settings){.ca_file = none};
    check_context_story(s, true, "tls: CA file %s: no such file or directory%s", none, "");
    s = (struct gost_tls_settings){.ca_file = key};
    check_context_story(s, false, "tls: CA file %s: no certificate in PEM format inside%s", key, "");
    s = (struct gost_tls_settings){.min_version = (char *)"VersionTLS13",
                                   .max_version = (char *)"VersionTLS12"};
    check_context_story(s, true, "tls: minVersion is above maxVersion%s%s", "", "");
    gost_cert_unref(one);
    gost_cert_unref(two);
    free(cert);
    free(key);
    free(none);
}

TEST(encrypted_keys_are_refused_without_asking)
{
    struct gost_cert *c = make_cert("one", -1, 10, NULL), *loaded = NULL;
    char *cert = save_cert("enc-cert.pem", c), *key = in_temporary("enc-key.pem");
    FILE *f = fopen(key, "w");
    PEM_write_PKCS8PrivateKey(f, c->key, EVP_aes_128_cbc(), "secret", 6, NULL, NULL);
    fclose(f);
    CHECK_INT(gost_cert_load(cert, key, &loaded), GOST_ECONFIG);
    CHECK(strstr(gost_diag_text(GOST_ECONFIG), "is encrypted") != NULL);
    gost_cert_unref(c);
    free(cert);
    free(key);
}

TEST(settings_have_a_table)
{
    struct gost_tls_settings *s = gost_options_new(&gost_tls_options);
    const struct gost_option *table = gost_tls_options.table;
    CHECK_INT(gost_option_set(s, gost_option_find(table, "tls.secure"), "true"), 0);
    CHECK_INT(gost_option_set(s, gost_option_find(table, "ServerName"), "x.test"), 0);
    CHECK_INT(gost_option_set(s, gost_option_find(table, "options.alpn"), "h2, http/1.1"), 0);
    CHECK_INT(gost_option_set(s, gost_option_find(table, "ca"), "/x"), 0);
    CHECK(s->secure);
    CHECK_STR(s->server_name, "x.test");
    CHECK_STR(s->ca_file, "/x");
    CHECK_INT(s->alpn.count, 2);
    gost_options_delete(&gost_tls_options, s);
}

static void *default_in_thread(void *arg)
{
    struct gost_cert **out = arg;
    gost_cert_default(out);
    return NULL;
}

static bool same_cert(const struct gost_cert *a, const struct gost_cert *b)
{
    return a && b && X509_cmp(a->leaf, b->leaf) == 0;
}

TEST(the_default_certificate_is_made_once)
{
    struct gost_cert *c[4] = {0}, *again = NULL;
    pthread_t thread[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&thread[i], NULL, default_in_thread, &c[i]);
    for (int i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    for (int i = 0; i < 4; i++)
        CHECK(c[i] && c[i] == c[0]);
    char *dir = in_temporary(".gost"), *cert = in_temporary(".gost/auto-ca-cert.pem"),
         *key = in_temporary(".gost/auto-ca-key.pem");
    struct stat st;
    CHECK(stat(dir, &st) == 0 && (st.st_mode & 0777) == 0700);
    CHECK(stat(cert, &st) == 0 && (st.st_mode & 0777) == 0644);
    CHECK(stat(key, &st) == 0 && (st.st_mode & 0777) == 0600);
    CHECK_INT(gost_cert_load(cert, key, &again), 0);
    CHECK(same_cert(again, c[0]));
    gost_cert_unref(again);
    struct gost_cert_settings none = {0}; /* as another process would */
    CHECK_INT(gost_cert_default_set(&none), 0);
    CHECK_INT(gost_cert_default(&again), 0);
    CHECK(again != c[0] && same_cert(again, c[0]));
    gost_cert_unref(again);
    for (int i = 0; i < 4; i++)
        gost_cert_unref(c[i]);
    free(dir);
    free(cert);
    free(key);
}

TEST(the_generated_certificate_has_the_known_form)
{
    struct gost_cert *c = NULL;
    char text[100];
    CHECK_INT(gost_cert_default(&c), 0);
    X509_NAME *name = X509_get_subject_name(c->leaf);
    X509_NAME_get_text_by_NID(name, NID_organizationName, text, sizeof(text));
    CHECK_STR(text, "GOST");
    X509_NAME_get_text_by_NID(name, NID_commonName, text, sizeof(text));
    CHECK_STR(text, "gost.run");
    CHECK_INT(X509_check_host(c->leaf, "gost.run", 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL), 1);
    int days = 0, seconds = 0;
    ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(c->leaf), X509_get0_notAfter(c->leaf));
    CHECK_INT(days * 86400L + seconds, 365L * 86400);
    CHECK_INT(X509_get_key_usage(c->leaf), KU_DIGITAL_SIGNATURE | KU_KEY_CERT_SIGN);
    CHECK_INT(X509_get_extended_key_usage(c->leaf), XKU_SSL_SERVER | XKU_SSL_CLIENT);
    CHECK(X509_check_ca(c->leaf) == 1);
    CHECK_INT(X509_verify(c->leaf, c->key), 1);
    CHECK_INT(EVP_PKEY_get_base_id(c->key), EVP_PKEY_EC);
    gost_cert_unref(c);
}

TEST(the_working_directory_comes_before_home)
{
    struct gost_cert *mine = make_cert("cwd.test", -1, 10, NULL), *found = NULL;
    char *cert = save_cert("cert.pem", mine), *key = save_key("key.pem", mine);
    struct gost_cert_settings none = {0};
    CHECK_INT(gost_cert_default_set(&none), 0);
    CHECK_INT(gost_cert_default(&found), 0);
    CHECK(same_cert(found, mine));
    gost_cert_unref(found);
    unlink(cert);
    unlink(key);
    struct gost_cert_settings wrong = {.cert_file = cert};
    CHECK_INT(gost_cert_default_set(&wrong), -ENOENT);
    CHECK_INT(gost_cert_default_set(&none), 0);
    gost_cert_unref(mine);
    free(cert);
    free(key);
}

TEST(a_home_that_cannot_be_written_to_is_no_failure)
{
    struct gost_cert *c = NULL;
    struct gost_cert_settings none = {0};
    enum gost_log_level level = gost_log_default.level;
    gost_log_default.level = GOST_LOG_OFF;
    setenv("HOME", "/proc/self", 1);
    CHECK_INT(gost_cert_default_set(&none), 0);
    setenv("HOME", temporary, 1);
    gost_log_default.level = level;
    CHECK_INT(gost_cert_default(&c), 0);
    CHECK(c != NULL);
    gost_cert_unref(c);
    CHECK_INT(gost_cert_default_set(&none), 0);
}

/* --- memory ------------------------------------------------------------------------------- */

enum { IDLE = 200 };

static size_t heap_used(void)
{
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

/* Heap per idle connection of each side, after a first exchange. */
static void measure_idle(const char *max, size_t per_side[2])
{
    struct gost_tls_settings s = {.max_version = (char *)max};
    static struct ends all[IDLE];
    struct gost_tls_context *client = context_of(&s, false), *server = context_of(&s, true);
    for (int i = 0; i < IDLE; i++) {
        all[i] = ping_pong();
        all[i].context[0] = client;
        all[i].context[1] = server;
        connect_ends(&all[i]);
        check_ok(&all[i]);
    }
    for (int side = 0; side < 2; side++) {
        size_t before = heap_used();
        for (int i = 0; i < IDLE; i++)
            gost_stream_close(all[i].io[side]);
        per_side[side] = (before - heap_used()) / IDLE;
    }
    gost_tls_context_unref(client);
    gost_tls_context_unref(server);
}

/* Measured: TLS 1.3 2.8 KiB on both sides (with the socket below), TLS 1.2 11.5 and 12.6 KiB. */
TEST(idle_connections_are_small)
{
    size_t n[2];
    if (GOST_ASAN || GOST_TSAN) /* their heap tells nothing */
        return;
    measure_idle("VersionTLS13", n);
    printf("heap per idle connection, TLS 1.3: client %zu, server %zu bytes\n", n[0], n[1]);
    CHECK(n[0] > 0 && n[0] <= 4 * 1024);
    CHECK(n[1] > 0 && n[1] <= 4 * 1024);
    measure_idle("VersionTLS12", n);
    printf("heap per idle connection, TLS 1.2: client %zu, server %zu bytes\n", n[0], n[1]);
    CHECK(n[0] > 0 && n[0] <= 20 * 1024);
}

/* --- the bench ---------------------------------------------------------------------------- */

/* CPU seconds of this process: all, and those outside of the kernel. */
static double cpu_seconds(double *user)
{
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    double u = (double)r.ru_utime.tv_sec + (double)r.ru_utime.tv_usec / 1e6;
    if (user)
        *user = u;
    return u + (double)r.ru_stime.tv_sec + (double)r.ru_stime.tv_usec / 1e6;
}

static int bench_send(struct ends *e, struct gost_stream *s)
{
    char *buf = calloc(1, 512 * 1024);
    int rc = 0;
    for (size_t sent = 0; sent < e->bytes && rc == 0; sent += 512 * 1024)
        rc = gost_io_write(s, buf, 512 * 1024, GOST_NEVER);
    free(buf);
    return rc ? rc : gost_io_shutdown(s, GOST_NEVER);
}

static int bench_receive(struct ends *e, struct gost_stream *s)
{
    char *buf = malloc(512 * 1024);
    ssize_t n;
    size_t have = 0;
    while ((n = gost_io_read(s, buf, 512 * 1024, GOST_NEVER)) > 0)
        have += (size_t)n;
    free(buf);
    if (have != e->bytes)
        fprintf(stderr, "received %zu of %zu\n", have, e->bytes);
    return (int)n;
}

static void bench_bulk(const char *version, const char *suite)
{
    char *items[] = {(char *)suite};
    struct gost_tls_settings s = {.max_version = (char *)version,
                                  .cipher_suites = {items, suite != NULL}};
    struct ends e = {.name = "x", .talk = {bench_send, bench_receive}, .bytes = 2u << 30};
    e.context[0] = context_of(&s, false);
    e.context[1] = context_of(&s, true);
    double user_start, user, start = cpu_seconds(&user_start);
    connect_ends(&e);
    double all = cpu_seconds(&user) - start;
    printf("%s %s: %.3f CPU s per GiB, both sides, %.3f of them outside of the kernel\n",
           e.info[0].version, e.info[0].cipher, all / 2, (user - user_start) / 2);
    finish(&e);
}

static void bench_handshakes(const char *version, bool resume)
{
    enum { COUNT = 2000 };
    struct gost_tls_settings s = {.max_version = (char *)version};
    struct gost_tls_context *client = context_of(&s, false), *server = context_of(&s, true);
    double start = cpu_seconds(NULL);
    int resumed = 0;
    for (int i = 0; i < COUNT; i++) {
        struct ends e = ping_pong();
        if (!resume)
            gost__tls_sessions_clear(client);
        e.context[0] = gost_tls_context_ref(client);
        e.context[1] = gost_tls_context_ref(server);
        connect_ends(&e);
        resumed += e.info[1].resumed;
        finish(&e);
    }
    printf("%s: %.0f handshakes per CPU s, both sides, %d of %d resumed\n", version,
           COUNT / (cpu_seconds(NULL) - start), resumed, COUNT);
    gost_tls_context_unref(client);
    gost_tls_context_unref(server);
}

static void bench(void)
{
    bench_bulk("VersionTLS13", NULL);
    bench_bulk("VersionTLS13", NULL);
    bench_bulk("VersionTLS12", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256");
    bench_handshakes("VersionTLS13", false);
    bench_handshakes("VersionTLS13", true);
    bench_handshakes("VersionTLS12", false);
    bench_handshakes("VersionTLS12", true);
}

static void remove_temporary(void)
{
    char command[100];
    snprintf(command, sizeof(command), "rm -rf %s", temporary);
    if (system(command) != 0)
        fprintf(stderr, "%s is left behind\n", temporary);
}

static void set_up(void)
{
    if (!mkdtemp(temporary) || chdir(temporary) != 0)
        abort();
    setenv("HOME", temporary, 1);
    gost_log_default.level = GOST_LOG_ERROR;
    gost_loop_create(&loop);
    gost_loop_enter(&loop);
}

#define main run_all
RUN_TESTS()
#undef main

int main(int argc, char **argv)
{
    int rc = 0;
    set_up();
    if (argc > 1 && strcmp(argv[1], "--bench") == 0)
        bench();
    else
        rc = run_all();
    gost_fiber_cleanup();
    gost_loop_destroy(&loop);
    remove_temporary();
    return rc;
}
