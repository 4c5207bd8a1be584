/* The other handlers and connectors, and the registry that knows them all. */
#include "core/proto/sni_name.h"
#include "spec/c/proto_fake.h"
#include "spec/c/proto_peer.h"

/* --- registry ----------------------------------------------------------------------------- */

TEST(kinds_are_found_by_name_and_alias_exactly)
{
    CHECK_STR(gost_handler_kind_find("socks5")->name, "socks5");
    CHECK(gost_handler_kind_find("socks") == gost_handler_kind_find("socks5"));
    CHECK(gost_connector_kind_find("socks4a") == gost_connector_kind_find("socks4"));
    CHECK(gost_listener_kind_find("tcp") != NULL);
    CHECK(gost_dialer_kind_find("tls") != NULL);
    CHECK(gost_handler_kind_find("SOCKS5") == NULL);
    CHECK(gost_handler_kind_find("sock") == NULL);
    CHECK(gost_handler_kind_find("socks5 socks") == NULL);
    CHECK(gost_handler_kind_find("") == NULL);
}

static void check_table(const char *name, const struct gost_options *o)
{
    void *settings = gost_options_new(o);
    for (const struct gost_option *p = o->table; p && p->key; p++) {
        CHECK(p->help != NULL && p->offset < o->size);
        if (p->def && gost_option_set(settings, p, p->def) != 0) {
            fprintf(stderr, "%s: default of %s\n", name, p->key);
            CHECK(!"a default that is not accepted");
        }
    }
    gost_options_delete(o, settings);
}

TEST(every_default_is_accepted_by_its_own_option)
{
    for (size_t i = 0; gost_handler_kinds[i]; i++)
        check_table(gost_handler_kinds[i]->name, &gost_handler_kinds[i]->options);
    for (size_t i = 0; gost_connector_kinds[i]; i++)
        check_table(gost_connector_kinds[i]->name, &gost_connector_kinds[i]->options);
    for (size_t i = 0; gost_listener_kinds[i]; i++)
        check_table(gost_listener_kinds[i]->name, &gost_listener_kinds[i]->options);
    for (size_t i = 0; gost_dialer_kinds[i]; i++)
        check_table(gost_dialer_kinds[i]->name, &gost_dialer_kinds[i]->options);
}

/* --- names behind a decoy ----------------------------------------------------------------- */

TEST(a_name_behind_a_decoy_is_encoded_as_gost_does)
{
    char text[GOST__SNI_NAME_MAX], name[256];
    CHECK_INT(gost__sni_name_encode(text, sizeof(text), gost_slice("real.test")), 22);
    CHECK_STR(text, "dWrpJ2NtVmhiQzUwWlhOMA");
    CHECK(gost__sni_name_decode(name, sizeof(name), gost_slice(text)));
    CHECK_STR(name, "real.test");
    CHECK(!gost__sni_name_decode(name, sizeof(name), gost_slice("eWrpJ2NtVmhiQzUwWlhOMA")));
    CHECK(!gost__sni_name_decode(name, sizeof(name), gost_slice("")));
    CHECK(!gost__sni_name_decode(name, sizeof(name), gost_slice("AAAA")));
    char longest[256];
    memset(longest, 'a', 255);
    longest[255] = 0;
    CHECK(gost__sni_name_encode(text, sizeof(text), gost_slice(longest)) > 0);
    CHECK(gost__sni_name_decode(name, sizeof(name), gost_slice(text)));
    CHECK_STR(name, longest);
}

/* --- auto --------------------------------------------------------------------------------- */

FIBER_TEST(the_first_byte_chooses_the_handler)
{
    static const char *const table[][2] = {
        {"\x04", "socks4"}, {"\x05", "socks5"}, {"\x16", "sni"}, {"G", "http"}, {"x", "http"}};
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct fake f;
        fake_init(&f, "auto", NULL);
        fake_start(&f);
        say(f.client, table[i][0]);
        NET_AWAIT(f.served_as != NULL);
        CHECK_STR(f.served_as, table[i][1]);
        fake_end(&f);
    }
}

FIBER_TEST(a_client_that_says_nothing_is_let_go)
{
    struct fake f;
    fake_init(&f, "auto", "readTimeout=20ms", NULL);
    fake_start(&f);
    HEARS_END(f.client);
    CHECK_INT(f.rc, GOST_ETIMEDOUT);
    fake_end(&f);
}

/* --- sni ---------------------------------------------------------------------------------- */

static const char hello[] = /* a ClientHello for one.test */
    "16 0301 0040 01 00003c 0303"
    "0000000000000000000000000000000000000000000000000000000000000000"
    "00 0002 1301 0100 0011 0000 000d 000b 00 0008 \"one.test\"";

FIBER_TEST(a_tls_client_is_connected_to_the_server_it_names)
{
    uint8_t bytes[128];
    size_t n = split_hex(bytes, sizeof(bytes), hello);
    for (size_t split = 1; split < n; split += 7) {
        struct fake f;
        fake_init(&f, "sni", "hash=host", NULL);
        fake_start(&f);
        say_bytes(f.client, bytes, split);
        gost_fiber_sleep(0);
        say_bytes(f.client, bytes + split, n - split);
        AWAIT_DIAL(&f, 0);
        CHECK(hears(f.origin[0], bytes, n));
        CHECK_STR(f.asked[0].addr.host, "one.test");
        CHECK_INT(f.asked[0].addr.port, 443);
        CHECK_STR(f.asked[0].protocol, "tls");
        CHECK(f.asked[0].hash_host);
        fake_end(&f);
    }
}

FIBER_TEST(an_http_client_is_connected_to_its_host)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: two.test:81\r\n\r\n";
    struct fake f;
    fake_init(&f, "sni", NULL);
    fake_start(&f);
    say(f.client, request);
    AWAIT_DIAL(&f, 0);
    HEARS(f.origin[0], request);
    CHECK_STR(f.asked[0].addr.host, "two.test");
    CHECK_INT(f.asked[0].addr.port, 81);
    fake_end(&f);
}

FIBER_TEST(clients_of_sni_that_name_nobody_hear_nothing)
{
    static const char *const wrong[] = {"SSH-2.0-x\r\n", "GET / HTTP/1.1\r\n\r\n",
                                        "\x16\x03\x01\x00\x01\x02", "hello world"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct fake f;
        fake_init(&f, "sni", "readTimeout=1s", NULL);
        fake_start(&f);
        say(f.client, wrong[i]);
        gost_stream_shutdown(f.client);
        HEARS_END(f.client);
        CHECK_INT(f.dials, 0);
        CHECK(f.rc < 0);
        fake_end(&f);
    }
}

FIBER_TEST(sni_does_not_go_round_a_service_that_wants_credentials)
{
    struct fake f;
    fake_init(&f, "auto", NULL);
    f.user = "u";
    f.pass = "p";
    fake_start(&f);
    say_bytes(f.client, "\x16\x03\x01", 3);
    HEARS_END(f.client);
    CHECK_INT(f.rc, GOST_EAUTH);
    fake_end(&f);
}

/* --- forwarding --------------------------------------------------------------------------- */

FIBER_TEST(clients_are_forwarded)
{
    static const char *const kinds[] = {"tcp", "forward"};
    for (size_t i = 0; i < 2; i++) {
        struct fake f;
        fake_init(&f, kinds[i], "idleTimeout=5s", NULL);
        f.forwarder = true;
        fake_start(&f);
        say(f.client, "question");
        AWAIT_DIAL(&f, 0);
        HEARS(f.origin[0], "question");
        say(f.origin[0], "answer");
        HEARS(f.client, "answer");
        CHECK_STR(f.asked[0].addr.host, "");
        CHECK_INT(f.conn.idle_ms, 5000);
        fake_end(&f);
    }
}

FIBER_TEST(the_node_is_told_who_the_client_is)
{
    struct fake f;
    fake_init(&f, "tcp", "proxyProtocol=1", NULL);
    fake_start(&f);
    AWAIT_DIAL(&f, 0);
    HEARS(f.origin[0], "PROXY TCP4 127.0.0.1 0.0.0.0 4242 0\r\n");
    fake_end(&f);
    fake_init(&f, "tcp", "proxyProtocol=2", NULL);
    fake_start(&f);
    AWAIT_DIAL(&f, 0);
    HEARS_BYTES(f.origin[0], "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\1\0\0\0\0\x10\x92\0\0");
    fake_end(&f);
}

FIBER_TEST(a_forwarding_that_fails_closes)
{
    struct fake f;
    fake_init(&f, "tcp", NULL);
    f.dial_rc = GOST_ENONODE;
    fake_start(&f);
    HEARS_END(f.client);
    CHECK_INT(f.rc, GOST_ENONODE);
    fake_end(&f);
}

FIBER_TEST(connectors_without_a_protocol_add_nothing)
{
    static const char *const kinds[] = {"tcp", "forward", "sni"};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct peer p;
        peer_init(&p, kinds[i], NULL, NULL, NULL);
        peer_connect(&p, GOST_TCP, "t.test", 1);
        peer_await(&p);
        CHECK_INT(p.rc, 0);
        say(p.io, "bytes");
        HEARS(p.node, "bytes");
        peer_end(&p);
    }
}

/* --- direct ------------------------------------------------------------------------------- */

static int never_open(struct gost_carrier *self, uint64_t deadline, struct gost_stream **out)
{
    (void)self, (void)deadline, (void)out;
    CHECK(!"nobody is to be dialed");
    return -1;
}

static void open_nowhere(struct gost_stream **out)
{
    const struct gost_dialer_kind *kind = gost_dialer_kind_find("direct");
    struct gost_carrier carrier = {.open = never_open};
    struct gost_dialer *d = NULL;
    CHECK_INT(gost_dialer_new(kind, gost_options_new(&kind->options), NULL, NULL, &d), 0);
    CHECK_INT(gost_dialer_open(d, &carrier, soon(), out), 0);
    gost_dialer_delete(d);
}

FIBER_TEST(the_direct_connector_connects_from_here)
{
    struct peer p;
    union gost_sockaddr addr;
    struct gost_stream *io;
    char room[8];
    int listener = net_listen("127.0.0.1", 1, &addr);
    open_nowhere(&io);
    peer_init(&p, "direct", NULL, NULL, NULL);
    peer_connect_to(&p, &io, GOST_TCP, "127.0.0.1", gost_sockaddr_port(&addr));
    peer_await(&p);
    CHECK_INT(p.rc, 0);
    say(p.io, "bytes");
    int fd = -1;
    NET_AWAIT((fd = accept(listener, NULL, NULL)) >= 0);
    CHECK_INT(read(fd, room, sizeof(room)), 5);
    close(fd);
    close(listener);
    peer_end(&p);
}

FIBER_TEST(the_direct_connector_may_refuse)
{
    struct peer p;
    struct gost_stream *io;
    open_nowhere(&io);
    peer_init(&p, "virtual", NULL, NULL, "action=Reject", NULL);
    peer_connect_to(&p, &io, GOST_TCP, "127.0.0.1", 1);
    peer_await(&p);
    CHECK_INT(p.rc, GOST_EDENIED);
    HEARS_END(p.io);
    CHECK_INT(gost_stream_write(p.io, "x", 1), -EPIPE);
    peer_end(&p);
}

/* --- http connector ----------------------------------------------------------------------- */

FIBER_TEST(what_the_http_connector_says)
{
    struct peer p;
    peer_init(&p, "http", "u", "p", "header=X-A=b", NULL);
    peer_connect(&p, GOST_TCP, "t.test", 80);
    HEARS(p.node, "CONNECT t.test:80 HTTP/1.1\r\nHost: t.test:80\r\n"
                  "User-Agent: Go-http-client/1.1\r\nProxy-Authorization: Basic dTpw\r\n"
                  "Proxy-Connection: keep-alive\r\nX-A: b\r\n\r\n");
    say(p.node, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 204 Fine\r\nA: b\r\n\r\nbanner");
    peer_await(&p);
    CHECK_INT(p.rc, 0);
    HEARS(p.io, "banner"); /* which came with the answer */
    peer_end(&p);
}

struct verdict {
    const char *says;
    int rc;
    const char *story;
};

FIBER_TEST(what_the_http_connector_makes_of_answers)
{
    static const struct verdict table[] = {
        {"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", GOST_EAUTH, "407 Proxy Auth"},
        {"HTTP/1.1 403 Forbidden\r\n\r\n", GOST_EDENIED, "403 Forbidden"},
        {"HTTP/1.1 503 Service Unavailable\r\n\r\n", GOST_EUPSTREAM, "503 Service Unavailable"},
        {"HTTP/1.1 302 Found\r\nLocation: x\r\n\r\n", GOST_EUPSTREAM, "302 Found"},
        {"SSH-2.0-x\r\n", GOST_EPROTO, "HTTP"},
        {"HTTP/1.1 200", GOST_EOF, "head"},
        {"", GOST_EOF, "without an answer"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct peer p;
        peer_init(&p, "http", NULL, NULL, NULL);
        peer_connect(&p, GOST_TCP, "::1", 80);
        HEARS(p.node, "CONNECT [::1]:80 HTTP/1.1\r\nHost: [::1]:80\r\n");
        say(p.node, table[i].says);
        gost_stream_shutdown(p.node);
        peer_await(&p);
        CHECK_INT(p.rc, table[i].rc);
        if (!strstr(p.story, table[i].story))
            CHECK_STR(p.story, table[i].story);
        peer_end(&p);
    }
}

FIBER_TEST(no_client_writes_headers_through_its_target)
{
    struct peer p;
    peer_init(&p, "http", NULL, NULL, NULL);
    peer_connect(&p, GOST_TCP, "a HTTP/1.1\r\nX: y\r\n\r\n", 80);
    peer_await(&p);
    CHECK_INT(p.rc, GOST_EPROTO);
    peer_end(&p);
}

RUN_TESTS()
