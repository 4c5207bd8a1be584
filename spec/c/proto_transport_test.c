/* The transports tcp, tls and unix: a listener and a dialer of each talk to each other. */
#include "core/registry.h"
#include "core/transport/cert.h"
#include "core/transport/tls.h"
#include "spec/c/proto_fake.h"

#include <netinet/tcp.h>
#include <sys/stat.h>

struct meeting {
    struct gost_listener *listener;
    struct gost_dialer *dialer;
    struct gost_carrier carrier;
    struct gost_stream *server, *client;
    bool opened; /* the server's end */
};

static void on_stream(struct gost_listener *l, struct gost_stream **s,
                      const union gost_sockaddr *peer)
{
    struct meeting *m = l->user;
    (void)peer;
    gost_stream_close(m->server);
    m->server = *s;
}

static int open_carrier(struct gost_carrier *self, uint64_t deadline, struct gost_stream **out)
{
    struct meeting *m = gost_container_of(self, struct meeting, carrier);
    return gost_socket_connect(&m->listener->addr, NULL, deadline, out);
}

/* Options "key=value", …, NULL. */
static void *settings_of(const struct gost_options *o, const char *pair, ...)
{
    void *settings = gost_options_new(o);
    va_list ap;
    va_start(ap, pair);
    for (; pair; pair = va_arg(ap, const char *)) {
        char key[32];
        snprintf(key, sizeof(key), "%.*s", (int)strcspn(pair, "="), pair);
        CHECK_INT(gost_option_set(settings, gost_option_find(o->table, key), strchr(pair, '=') + 1),
                  0);
    }
    va_end(ap);
    return settings;
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

static void meeting_init(struct meeting *m, const char *kind, const char *listener_option,
                         const char *dialer_option)
{
    const struct gost_listener_kind *lk = gost_listener_kind_find(kind);
    const struct gost_dialer_kind *dk = gost_dialer_kind_find(kind);
    memset(m, 0, sizeof(*m));
    m->carrier = (struct gost_carrier){.open = open_carrier, .host = "node.test"};
    CHECK_INT(gost_listener_new(lk, settings_of(&lk->options, listener_option, NULL),
                                lk->tls ? tls_context(true) : NULL, &m->listener),
              0);
    CHECK_INT(gost_dialer_new(dk, settings_of(&dk->options, dialer_option, NULL),
                              dk->tls ? tls_context(false) : NULL, NULL, &m->dialer),
              0);
    m->listener->on_stream = on_stream;
    m->listener->user = m;
    m->listener->addr = net_loopback(0);
}

static void open_server(void *arg)
{
    struct meeting *m = arg;
    NET_AWAIT(m->server != NULL);
    CHECK_INT(gost_io_open(m->server, soon()), 0);
    m->opened = true;
}

static void meet(struct meeting *m)
{
    CHECK_INT(gost_listener_start(m->listener), 0);
    gost_fiber_spawn("server", open_server, m);
    CHECK_INT(gost_dialer_open(m->dialer, &m->carrier, soon(), &m->client), 0);
    NET_AWAIT(m->opened);
    say(m->client, "question");
    HEARS(m->server, "question");
    say(m->server, "answer");
    HEARS(m->client, "answer");
}

static void meeting_end(struct meeting *m)
{
    gost_stream_close(m->client);
    gost_stream_close(m->server);
    gost_listener_delete(m->listener);
    gost_dialer_delete(m->dialer);
}

static int socket_option(struct gost_stream *s, int level, int name)
{
    int fd, value = -1;
    socklen_t len = sizeof(value);
    CHECK_INT(gost_stream_query(s, GOST_QUERY_CARRIER, &fd), 0);
    CHECK_INT(getsockopt(fd, level, name, &value, &len), 0);
    return value;
}

FIBER_TEST(tcp_carries_bytes_and_sets_keepalive)
{
    struct meeting m;
    meeting_init(&m, "tcp", "keepalive=true", "keepalive=true");
    meet(&m);
    CHECK_INT(socket_option(m.client, SOL_SOCKET, SO_KEEPALIVE), 1);
    CHECK_INT(socket_option(m.client, IPPROTO_TCP, TCP_KEEPIDLE), 15);
    CHECK_INT(socket_option(m.client, IPPROTO_TCP, TCP_KEEPCNT), 9);
    meeting_end(&m);
}

FIBER_TEST(two_listeners_share_a_port_when_told_to)
{
    struct meeting a, b;
    meeting_init(&a, "tcp", "reuseport=true", NULL);
    meeting_init(&b, "tcp", "reuseport=true", NULL);
    CHECK_INT(gost_listener_start(a.listener), 0);
    b.listener->addr = a.listener->addr;
    CHECK_INT(gost_listener_start(b.listener), 0);
    meeting_end(&a);
    meeting_end(&b);
}

FIBER_TEST(tls_carries_bytes)
{
    struct meeting m;
    struct gost_tls_info info;
    meeting_init(&m, "tls", NULL, "handshakeTimeout=10s");
    meet(&m);
    CHECK_INT(gost_stream_query(m.server, GOST_QUERY_TLS, &info), 0);
    CHECK_STR(info.server_name, "node.test");
    meeting_end(&m);
}

FIBER_TEST(a_tls_server_that_says_nothing_is_not_waited_for)
{
    struct meeting m;
    meeting_init(&m, "tls", NULL, "handshakeTimeout=20ms");
    CHECK_INT(gost_listener_start(m.listener), 0); /* nobody opens what it accepts */
    CHECK_INT(gost_dialer_open(m.dialer, &m.carrier, soon(), &m.client), GOST_ETIMEDOUT);
    CHECK(m.client == NULL);
    meeting_end(&m);
}

static void unix_address(struct meeting *m, char *path, size_t cap)
{
    snprintf(path, cap, "/tmp/gost-transport-test-%d", (int)getpid());
    m->listener->addr = (union gost_sockaddr){.un = {.sun_family = AF_UNIX}};
    strcpy(m->listener->addr.un.sun_path, path);
}

FIBER_TEST(unix_carries_bytes_with_the_permissions_asked_for)
{
    struct meeting m;
    struct stat st;
    char path[64];
    meeting_init(&m, "unix", "mode=0600", NULL);
    unix_address(&m, path, sizeof(path));
    meet(&m);
    CHECK_INT(stat(path, &st), 0);
    CHECK_INT(st.st_mode & 0777, 0600);
    meeting_end(&m);
    CHECK(stat(path, &st) != 0); /* it is gone with the listener */
}

TEST(permissions_that_are_none_are_refused)
{
    static const char *const wrong[] = {"rw", "09", "-1", "01000"};
    const struct gost_listener_kind *kind = gost_listener_kind_find("unix");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct gost_listener *l = NULL;
        void *settings = gost_options_new(&kind->options);
        gost_option_set(settings, gost_option_find(kind->options.table, "mode"), wrong[i]);
        CHECK_INT(gost_listener_new(kind, settings, NULL, &l), GOST_ECONFIG);
    }
}

RUN_TESTS()
