/* Relay: the handler, and the connector whose request travels with the first bytes. */
#include "spec/c/proto_fake.h"
#include "spec/c/proto_peer.h"

/* --- handler ------------------------------------------------------------------------------ */

struct talk {
    const char *says, *hears;
    const char *user;
    int dial_rc;
    bool ends;
    bool forwarder;
};

static void check_talk(const struct talk *t)
{
    struct fake f;
    uint8_t says[256], want[64];
    size_t n = split_hex(says, sizeof(says), t->says), m = split_hex(want, sizeof(want), t->hears);
    fake_init(&f, "relay", NULL);
    f.user = t->user;
    f.pass = "p";
    f.dial_rc = t->dial_rc;
    f.forwarder = t->forwarder;
    fake_start(&f);
    say_bytes(f.client, says, n);
    bool heard = hears(f.client, want, m);
    CHECK(heard);
    if (!heard)
        fprintf(stderr, "  after %s\n", t->says);
    if (t->ends) {
        gost_stream_shutdown(f.client);
        HEARS_END(f.client);
    }
    CHECK_INT(f.forwards, t->forwarder);
    fake_end(&f);
}

#define ADDR "02 0007 01 7f000001 51a4"
#define AUTH "01 0004 01 \"u\" 01 \"p\""

FIBER_TEST(relay_requests)
{
    static const struct talk table[] = {
        {"01 01 000a" ADDR "\"hello\"", "01 00 0000", NULL, 0, false, false},
        {"01 00 000a" ADDR, "01 00 0000", NULL, 0, false, false},
        {"01 01 0011" AUTH ADDR, "01 00 0000", "u", 0, false, false},
        {"01 01 000e 09 0001 ff" ADDR, "01 00 0000", NULL, 0, false, false}, /* unknown feature */
        /* refusals */
        {"01 01 000a" ADDR, "01 02 0000", "u", 0, true, false},
        {"01 01 0011 01 0004 01 \"u\" 01 \"q\"" ADDR, "01 02 0000", "u", 0, true, false},
        {"01 01 0000", "01 01 0000", NULL, 0, true, false},
        {"01 03 000a" ADDR, "01 01 0000", NULL, 0, true, false},
        {"01 02 000a" ADDR, "01 03 0000", NULL, 0, true, false},
        {"01 01 000f 04 0002 0011" ADDR, "01 05 0000", NULL, 0, true, false}, /* serial */
        {"01 01 0010 04 0002 0010 02 0008 03 04 \"/sox\" 0000", "01 03 0000", NULL, 0, true, false},
        {"01 01 000a" ADDR, "01 03 0000", NULL, GOST_EDENIED, true, false},
        {"01 01 000a" ADDR, "01 04 0000", NULL, GOST_ETIMEDOUT, true, false},
        {"01 01 000a" ADDR, "01 05 0000", NULL, GOST_ENONODE, true, false},
        {"01 01 000a" ADDR, "01 06 0000", NULL, -ECONNREFUSED, true, false},
        {"01 01 000a" ADDR, "01 07 0000", NULL, -ENETUNREACH, true, false},
        /* nonsense gets no answer */
        {"02 01 000a" ADDR, "", NULL, 0, true, false},
        {"01 01 000a 02 0007 07 7f000001 51a4", "", NULL, 0, true, false},
        {"01 01 0004" ADDR, "", NULL, 0, true, false},
        {"01 01 00", "", NULL, 0, true, false},
        /* with a forwarder the request's own wish does not matter */
        {"01 01 0000", "01 00 0000", NULL, 0, false, true},
        {"01 02 0000", "01 00 0000", NULL, 0, false, true},
        {"01 01 0000", "01 06 0000", NULL, -ENETUNREACH, true, true},
        {"01 01 0000", "01 05 0000", NULL, GOST_ENONODE, true, true},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        check_talk(&table[i]);
}

FIBER_TEST(unix_targets_are_reached_only_when_that_is_allowed)
{
    struct fake f;
    uint8_t bytes[64];
    size_t n =
        split_hex(bytes, sizeof(bytes), "01 01 0010 04 0002 0010 02 0008 03 04 \"/sox\" 0000");
    fake_init(&f, "relay", "unix=true", NULL);
    fake_start(&f);
    say_bytes(f.client, bytes, n);
    HEARS_BYTES(f.client, "\x01\x00\x00\x00");
    CHECK_INT(f.asked[0].network, GOST_UNIX);
    CHECK_STR(f.asked[0].addr.host, "/sox");
    fake_end(&f);
}

FIBER_TEST(relay_loses_nothing_however_its_bytes_are_split)
{
    uint8_t bytes[64];
    size_t n = split_hex(bytes, sizeof(bytes), "01 01 0011" AUTH ADDR "\"payload\"");
    for (size_t split = 1; split < n; split++) {
        struct fake f;
        fake_init(&f, "relay", "nodelay=true", NULL);
        f.user = "u";
        f.pass = "p";
        fake_start(&f);
        say_bytes(f.client, bytes, split);
        gost_fiber_sleep(0);
        say_bytes(f.client, bytes + split, n - split);
        HEARS_BYTES(f.client, "\x01\x00\x00\x00");
        HEARS(f.origin[0], "payload");
        CHECK_INT(f.asked[0].addr.port, 20900);
        fake_end(&f);
    }
}

/* --- connector ---------------------------------------------------------------------------- */

FIBER_TEST(the_request_goes_with_the_first_bytes)
{
    struct peer p;
    peer_init(&p, "relay", "u", "p", NULL);
    peer_connect(&p, GOST_TCP, "127.0.0.1", 20900);
    peer_await(&p);
    CHECK_INT(p.rc, 0);
    CHECK_INT(gost_stream_write(p.io, "hello", 5), 5);
    HEARS_BYTES(p.node,
                "\x01\x01\x00\x11\x01\x00\x04\x01u\x01p\x02\x00\x07\x01\x7f\x00\x00\x01\x51\xa4"
                "hello");
    say_bytes(p.io, " more", 5);
    HEARS(p.node, " more");
    peer_end(&p);
}

FIBER_TEST(the_request_goes_alone_when_the_client_waits)
{
    struct peer p;
    peer_init(&p, "relay", NULL, NULL, NULL);
    peer_connect(&p, GOST_TCP, "t.test", 25);
    HEARS_BYTES(p.node, "\x01\x01\x00\x0d\x02\x00\x0a\x03\x06t.test\x00\x19");
    say_bytes(p.node,
              "\x01\x00\x00\x00"
              "220 hello",
              13);
    peer_await(&p);
    HEARS(p.io, "220 hello");
    CHECK_INT(gost_io_write(p.io, "QUIT", 4, soon()), 0);
    HEARS(p.node, "QUIT");
    peer_end(&p);
}

FIBER_TEST(the_request_goes_before_the_end)
{
    struct peer p;
    peer_init(&p, "relay", NULL, NULL, NULL);
    peer_connect(&p, GOST_TCP, "", 0);
    peer_await(&p);
    CHECK_INT(gost_io_shutdown(p.io, soon()), 0);
    HEARS_BYTES(p.node, "\x01\x01\x00\x00");
    HEARS_END(p.node);
    peer_end(&p);
}

static void response_split_at(const uint8_t *bytes, size_t n, size_t split, struct knobs k)
{
    struct peer p;
    char late[1];
    struct gost_stream *io;
    peer_init(&p, "relay", NULL, NULL, NULL);
    CHECK_INT(gost_pair_new(64, &io, &p.node), 0);
    io = net_knobs(io, k);
    peer_connect_to(&p, &io, GOST_TCP, "t.test", 25);
    peer_await(&p);
    say(p.io, "x");
    say_bytes(p.node, bytes, split);
    if (split < n && split <= 14)
        CHECK(gost_is_want(gost_stream_read(p.io, late, 1)) || k.read_max);
    say_bytes(p.node, bytes + split, n - split);
    gost_stream_shutdown(p.node);
    HEARS(p.io, "banner");
    HEARS_END(p.io);
    HEARS_BYTES(p.node, "\x01\x01\x00\x0d\x02\x00\x0a\x03\x06t.test\x00\x19x");
    peer_end(&p);
}

FIBER_TEST(the_response_is_taken_off_however_it_is_split)
{
    uint8_t bytes[64];
    size_t n = split_hex(bytes, sizeof(bytes), "01 00 000a" ADDR "\"banner\"");
    for (size_t split = 0; split <= n; split++) {
        response_split_at(bytes, n, split, (struct knobs){0});
        response_split_at(bytes, n, split,
                          (struct knobs){.read_max = 1, .write_max = 1, .false_want = 3});
    }
}

struct refusal {
    const char *says;
    int rc;
    const char *story;
};

static const struct refusal refusals[] = {
    {"01 02 0000", GOST_EAUTH, "unauthorized"},
    {"01 03 0000", GOST_EDENIED, "forbidden"},
    {"01 06 0000", GOST_EUPSTREAM, "host unreachable"},
    {"02 00 0000", GOST_EPROTO, ""},
    {"01 00 0003 02 0007", GOST_EPROTO, ""},
};

FIBER_TEST(a_refusal_is_a_failed_read)
{
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct peer p;
        uint8_t bytes[32];
        char room[16];
        size_t n = split_hex(bytes, sizeof(bytes), refusals[i].says);
        peer_init(&p, "relay", NULL, NULL, NULL);
        peer_connect(&p, GOST_TCP, "t.test", 25);
        peer_await(&p);
        say_bytes(p.node, bytes, n);
        CHECK_INT(gost_io_read(p.io, room, sizeof(room), soon()), refusals[i].rc);
        CHECK(strstr(gost_diag_text(refusals[i].rc), refusals[i].story) != NULL);
        CHECK_INT(gost_io_read(p.io, room, sizeof(room), soon()), refusals[i].rc);
        peer_end(&p);
    }
}

FIBER_TEST(without_delay_a_refusal_is_a_failed_connect)
{
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct peer p;
        uint8_t bytes[32];
        size_t n = split_hex(bytes, sizeof(bytes), refusals[i].says);
        peer_init(&p, "relay", NULL, NULL, "nodelay=true", NULL);
        peer_connect(&p, GOST_TCP, "t.test", 25);
        say_bytes(p.node, bytes, n);
        peer_await(&p);
        CHECK_INT(p.rc, refusals[i].rc);
        CHECK(strstr(p.story, refusals[i].story) != NULL);
        peer_end(&p);
    }
}

FIBER_TEST(without_delay_the_response_is_awaited)
{
    struct peer p;
    peer_init(&p, "relay", NULL, NULL, "nodelay=true", "connectTimeout=20ms", NULL);
    peer_connect(&p, GOST_TCP, "t.test", 25);
    peer_await(&p);
    CHECK_INT(p.rc, GOST_ETIMEDOUT);
    peer_end(&p);
    peer_init(&p, "relay", NULL, NULL, "nodelay=true", NULL);
    peer_connect(&p, GOST_UNIX, "/sox", 0);
    HEARS_BYTES(p.node, "\x01\x01\x00\x10\x04\x00\x02\x00\x10\x02\x00\x08\x03\x04/sox\0\0");
    say_bytes(p.node,
              "\x01\x00\x00\x00"
              "banner",
              10);
    peer_await(&p);
    CHECK_INT(p.rc, 0);
    HEARS(p.io, "banner");
    peer_end(&p);
}

FIBER_TEST(a_target_that_ends_without_a_byte_is_an_end)
{
    struct peer p;
    peer_init(&p, "relay", NULL, NULL, NULL);
    peer_connect(&p, GOST_TCP, "t.test", 25);
    peer_await(&p);
    gost_stream_shutdown(p.node);
    HEARS_END(p.io);
    peer_end(&p);
}

RUN_TESTS()
