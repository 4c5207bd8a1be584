/* SOCKS4 and SOCKS5: handlers against bytes, connectors against bytes, and each against the other.
 */
#include "core/codec/socks5.h"
#include "spec/c/proto_fake.h"
#include "spec/c/proto_peer.h"

/* --- SOCKS5 handler ----------------------------------------------------------------------- */

struct talk {
    const char *says; /* hex of split.h */
    const char *hears;
    const char *user; /* the only one accepted, with password "p"; NULL: no authentication */
    int dial_rc;
    bool ends; /* the connection ends after it */
};

static void check_talk(const char *kind, const struct talk *t, const char *option)
{
    struct fake f;
    uint8_t says[512], hears_[512];
    size_t n = split_hex(says, sizeof(says), t->says),
           m = split_hex(hears_, sizeof(hears_), t->hears);
    fake_init(&f, kind, option, NULL);
    f.user = t->user;
    f.pass = kind[5] == '4' ? "" : "p";
    f.dial_rc = t->dial_rc;
    fake_start(&f);
    say_bytes(f.client, says, n);
    bool heard = hears(f.client, hears_, m);
    CHECK(heard);
    if (!heard)
        fprintf(stderr, "  after %s\n", t->says);
    if (t->ends) {
        gost_stream_shutdown(f.client);
        HEARS_END(f.client);
    }
    fake_end(&f);
}

#define HELLO      "05 01 00"
#define TO_A       "05 01 00 03 06 \"a.test\" 0050"
#define FAIL(code) "0500 05" code "0001 00000000 0000"

FIBER_TEST(socks5_handshakes)
{
    static const struct talk table[] = {
        {HELLO TO_A,
         "0500"
         "05000001 00000000 0000",
         NULL, 0, false},
        {HELLO "05 01 00 01 7f000001 0050", "0500 05000001 00000000 0000", NULL, 0, false},
        /* methods */
        {"05 02 80 00" TO_A, "0500 05000001 00000000 0000", NULL, 0, false},
        {"05 01 02", "05ff", NULL, 0, true},
        {"05 01 88", "05ff", NULL, 0, true},
        {"05 01 00", "05ff", "u", 0, true},
        {"05 02 00 02 01 01 \"u\" 01 \"p\"" TO_A, "0502 0100 05000001 00000000 0000", "u", 0, false},
        {"05 01 02 01 01 \"u\" 01 \"q\"", "0502 0101", "u", 0, true},
        {"05 01 02 01 00 00", "0502 0101", "u", 0, true},
        {"05 01 02 02 01 \"u\" 01 \"p\"", "0502", "u", 0, true},
        /* nonsense */
        {"05 00", "", NULL, 0, true},
        {"04 01 00", "", NULL, 0, true},
        {HELLO "04 01 00 01 7f000001 0050", "0500", NULL, 0, true},
        {HELLO "05 01 00 09 7f000001 0050", "0500", NULL, 0, true},
        /* commands */
        {HELLO "05 02 00 01 7f000001 0050", FAIL("02"), NULL, 0, true}, /* BIND is off */
        {HELLO "05 f0 00 01 7f000001 0050", FAIL("07"), NULL, 0, true},
        /* failures to dial */
        {HELLO TO_A, FAIL("02"), NULL, GOST_EDENIED, true},
        {HELLO TO_A, FAIL("03"), NULL, -ENETUNREACH, true},
        {HELLO TO_A, FAIL("04"), NULL, -EHOSTUNREACH, true},
        {HELLO TO_A, FAIL("04"), NULL, GOST_ETIMEDOUT, true},
        {HELLO TO_A, FAIL("04"), NULL, GOST_EDNS, true},
        {HELLO TO_A, FAIL("05"), NULL, -ECONNREFUSED, true},
        {HELLO TO_A, FAIL("01"), NULL, GOST_ENONODE, true},
        {HELLO TO_A, FAIL("01"), NULL, GOST_EAUTH, true},
        {HELLO TO_A, FAIL("01"), NULL, GOST_EUPSTREAM, true},
        {HELLO TO_A, FAIL("01"), NULL, -EMFILE, true},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        check_talk("socks5", &table[i], "notls=true");
}

FIBER_TEST(socks5_loses_nothing_however_its_bytes_are_split)
{
    static const char hex[] = "05 02 00 02 01 01 \"u\" 01 \"p\"" TO_A "\"payload\"";
    uint8_t bytes[128];
    size_t n = split_hex(bytes, sizeof(bytes), hex);
    for (size_t split = 1; split < n; split++) {
        struct fake f;
        fake_init(&f, "socks", NULL);
        f.user = "u";
        f.pass = "p";
        fake_start(&f);
        say_bytes(f.client, bytes, split);
        gost_fiber_sleep(0);
        say_bytes(f.client, bytes + split, n - split);
        HEARS_BYTES(f.client, "\x05\x02\x01\x00\x05\x00\x00\x01\0\0\0\0\0\0");
        HEARS(f.origin[0], "payload");
        CHECK_STR(f.asked[0].addr.host, "a.test");
        CHECK_INT(f.asked[0].addr.port, 80);
        CHECK_STR(f.conn.user, "u");
        fake_end(&f);
    }
}

FIBER_TEST(a_slow_socks5_client_is_let_go)
{
    struct fake f;
    fake_init(&f, "socks5", "readTimeout=20ms", "idleTimeout=7s", "hash=host", NULL);
    fake_start(&f);
    say(f.client, "\x05");
    HEARS_END(f.client);
    CHECK_INT(f.rc, GOST_ETIMEDOUT);
    CHECK_INT(f.conn.idle_ms, 7000);
    fake_end(&f);
}

/* --- SOCKS5 connector --------------------------------------------------------------------- */

FIBER_TEST(what_the_socks5_connector_says)
{
    struct peer p;
    peer_init(&p, "socks5", "u", "p", NULL);
    peer_connect(&p, GOST_TCP, "t.test", 80);
    HEARS_BYTES(p.node, "\x05\x04\x00\x02\x80\x82");
    say_bytes(p.node, "\x05\x02", 2);
    HEARS_BYTES(p.node, "\x01\x01u\x01p");
    say_bytes(p.node, "\x01\x00", 2);
    HEARS_BYTES(p.node, "\x05\x01\x00\x03\x06t.test\x00\x50");
    say_bytes(p.node, "\x05\x00\x00\x01\x7f\0\0\x01\0\x50 banner", 17);
    peer_await(&p);
    CHECK_INT(p.rc, 0);
    HEARS(p.io, " banner"); /* which came with the reply */
    peer_end(&p);
}

struct verdict {
    const char *says; /* all of the node's bytes, in hex */
    int rc;
    const char *story; /* words in it */
};

static void check_verdict(const char *kind, const struct verdict *v)
{
    struct peer p;
    uint8_t bytes[600];
    size_t n = split_hex(bytes, sizeof(bytes), v->says);
    peer_init(&p, kind, "u", "p", NULL);
    peer_connect(&p, GOST_TCP, "t.test", 80);
    say_bytes(p.node, bytes, n);
    gost_stream_shutdown(p.node);
    peer_await(&p);
    CHECK_INT(p.rc, v->rc);
    if (!strstr(p.story, v->story))
        CHECK_STR(p.story, v->story);
    peer_end(&p);
}

FIBER_TEST(what_the_socks5_connector_makes_of_answers)
{
    static const struct verdict table[] = {
        {"0500 05000003 01 \"x\" 0000", 0, ""},
        {"05ff", GOST_EAUTH, "methods"},
        {"0502 0101", GOST_EAUTH, "refused"},
        {"0588", GOST_EPROTO, "not offered"},
        {"0401", GOST_EPROTO, "version"},
        {"05", GOST_EOF, "closed"},
        {"", GOST_EOF, "closed"},
        {"0500 05020001 00000000 0000", GOST_EDENIED, "not allowed"},
        {"0500 05050001 00000000 0000", GOST_EUPSTREAM, "refused"},
        {"0500 05030001 00000000 0000", GOST_EUPSTREAM, "network unreachable"},
        {"0500 05000007 00000000 0000", GOST_EPROTO, ""},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        check_verdict("socks5", &table[i]);
}

FIBER_TEST(the_socks5_connector_has_a_time_limit)
{
    struct peer p;
    peer_init(&p, "socks5", NULL, NULL, "timeout=20ms", "notls=1", NULL);
    peer_connect(&p, GOST_TCP, "::1", 80);
    HEARS_BYTES(p.node, "\x05\x01\x00");
    peer_await(&p);
    CHECK_INT(p.rc, GOST_ETIMEDOUT);
    peer_end(&p);
}

FIBER_TEST(connectors_for_tcp_refuse_other_networks)
{
    static const char *const kinds[] = {"socks5", "socks4", "http"};
    for (size_t i = 0; i < 3; i++) {
        struct peer p;
        peer_init(&p, kinds[i], NULL, NULL, NULL);
        peer_connect(&p, GOST_UDP, "1.2.3.4", 53);
        peer_await(&p);
        CHECK_INT(p.rc, GOST_ENOTSUP);
        peer_end(&p);
    }
}

/* Connector against handler. `tls`: both speak GOST's TLS inside, and nothing can be read outside.
 */
static void check_pair(const char *connector, const char *handler, const char *user,
                       const char *option)
{
    struct fake f;
    struct peer p;
    fake_init(&f, handler, option, NULL);
    f.user = user;
    f.pass = strncmp(handler, "socks4", 6) == 0 ? "" : "p";
    fake_start(&f);
    peer_init(&p, connector, user, "p", NULL);
    peer_connect_to(&p, &f.client, GOST_TCP, "t.test", 80);
    peer_await(&p);
    CHECK_INT(p.rc, 0);
    say(p.io, "request");
    AWAIT_DIAL(&f, 0);
    CHECK_STR(f.asked[0].addr.host, "t.test");
    HEARS(f.origin[0], "request");
    say(f.origin[0], "answer");
    HEARS(p.io, "answer");
    CHECK_INT(gost_io_shutdown(p.io, soon()), 0);
    HEARS_END(f.origin[0]);
    peer_end(&p);
    fake_end(&f);
}

FIBER_TEST(connectors_and_handlers_understand_each_other)
{
    check_pair("socks5", "socks5", NULL, NULL); /* TLS inside */
    check_pair("socks5", "socks5", "u", NULL);
    check_pair("socks5", "socks5", NULL, "notls=true");
    check_pair("socks5", "socks5", "u", "notls=true");
    check_pair("socks4", "socks4", NULL, NULL);
    check_pair("socks4a", "socks4a", "u", NULL);
    check_pair("http", "http", NULL, NULL);
    check_pair("http", "http", "u", NULL);
    check_pair("socks5", "auto", NULL, NULL);
    check_pair("socks4", "auto", NULL, NULL);
    check_pair("http", "auto", "u", NULL);
    check_pair("relay", "relay", NULL, NULL);
    check_pair("relay", "relay", "u", NULL);
}

/* --- SOCKS4 ------------------------------------------------------------------------------- */

#define GRANTED "005a 0000 00000000"

FIBER_TEST(socks4_handshakes)
{
    static const struct talk table[] = {
        {"04 01 0050 7f000001 00", GRANTED, NULL, 0, false},
        {"04 01 0050 00000001 \"id\" 00 \"a.test\" 00", GRANTED, NULL, 0, false},
        {"04 01 0050 7f000001 \"u\" 00", GRANTED, "u", 0, false},
        {"04 01 0050 7f000001 \"v\" 00", "005d 0000 00000000", "u", 0, true},
        {"04 01 0050 7f000001 00", "005d 0000 00000000", "u", 0, true},
        {"04 01 0050 7f000001 00", "005c 0000 00000000", NULL, GOST_EDENIED, true},
        {"04 01 0050 7f000001 00", "005b 0000 00000000", NULL, -ECONNREFUSED, true},
        {"04 02 0050 7f000001 00", "005b 0000 00000000", NULL, 0, true},
        {"04 09 0050 7f000001 00", "", NULL, 0, true},
        {"05 01 00", "", NULL, 0, true},
        {"04 01 0050 00000001 00 00", "", NULL, 0, true},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        check_talk("socks4", &table[i], NULL);
}

FIBER_TEST(socks4_loses_nothing_however_its_bytes_are_split)
{
    uint8_t bytes[128];
    size_t n = split_hex(bytes, sizeof(bytes), "04 01 0050 00000001 00 \"a.test\" 00 \"payload\"");
    for (size_t split = 1; split < n; split++) {
        struct fake f;
        fake_init(&f, "socks4a", NULL);
        fake_start(&f);
        say_bytes(f.client, bytes, split);
        gost_fiber_sleep(0);
        say_bytes(f.client, bytes + split, n - split);
        HEARS_BYTES(f.client, "\x00\x5a\0\0\0\0\0\0");
        HEARS(f.origin[0], "payload");
        CHECK_STR(f.asked[0].addr.host, "a.test");
        fake_end(&f);
    }
}

FIBER_TEST(what_the_socks4_connector_makes_of_answers)
{
    static const struct verdict table[] = {
        {"005a 0000 00000000", 0, ""},
        {"005b 0000 00000000", GOST_EUPSTREAM, "code 91"},
        {"005c 0000 00000000", GOST_EDENIED, "rejected"},
        {"005d 0000 00000000", GOST_EAUTH, "user id"},
        {"0500", GOST_EPROTO, ""},
        {"", GOST_EOF, "closed"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        check_verdict("socks4", &table[i]);
}

FIBER_TEST(socks4_without_the_a_sends_addresses)
{
    struct peer p;
    peer_init(&p, "socks4", "u", NULL, "disable4a=true", NULL);
    peer_connect(&p, GOST_TCP, "localhost", 80);
    HEARS_BYTES(p.node, "\x04\x01\x00\x50\x7f\x00\x00\x01u\x00");
    say_bytes(p.node, "\0\x5a\0\0\0\0\0\0banner", 14);
    peer_await(&p);
    CHECK_INT(p.rc, 0);
    HEARS(p.io, "banner");
    peer_end(&p);
    peer_init(&p, "socks4", NULL, NULL, NULL);
    peer_connect(&p, GOST_TCP, "t.test", 80);
    HEARS_BYTES(p.node, "\x04\x01\x00\x50\x00\x00\x00\x01\x00t.test\x00");
    peer_end(&p);
}

RUN_TESTS()
