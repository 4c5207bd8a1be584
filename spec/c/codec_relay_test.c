#include "core/codec/relay.h"

#include "core/base/error.h"
#include "split.h"
#include "test.h"

static struct gost_relay m;
static uint8_t buf[GOST_RELAY_MAX + 16], again[GOST_RELAY_MAX + 16];

static ssize_t decode(const char *hex)
{
    return gost_relay_decode(&m, buf, split_hex(buf, sizeof buf, hex));
}

TEST(captured_connect_leaves_the_payload)
{
    CHECK_INT(decode("01 01 000a | 02 0007 01 7f000001 51a4 | 68656c6c6f"), 14);
    CHECK_INT(m.code, GOST_RELAY_CONNECT);
    CHECK_INT(m.naddrs, 1);
    CHECK_STR(gost_relay_addr(&m)->host, "127.0.0.1");
    CHECK_INT(gost_relay_addr(&m)->port, 20900);
    CHECK(!m.has_auth && !m.has_id && !m.has_network && !gost_relay_is_udp(&m));
}

TEST(captured_bind_with_credentials_decodes)
{
    CHECK_INT(decode("01 02 0016 | 01 0004 01 75 01 70 | 04 0002 0000 | 02 0007 01 7f000001 4e34"),
              26);
    CHECK(m.has_auth && m.has_network);
    CHECK_STR(m.auth.user, "u");
    CHECK_STR(m.auth.password, "p");
    CHECK_INT(m.network, GOST_RELAY_TCP);
}

TEST(captured_messages_survive_a_round_trip)
{
    static const char *const cases[] = {
        "01 01 0000",
        "01 05 0000",
        "01 01 000a | 02 0007 01 7f000001 51a4",
        "01 81 000f | 04 0002 0001 | 02 0007 01 7f000001 51a5",
        "01 02 002b | 02 0007 01 7f000001 d0c8 | 02 0007 01 00000000 0000 |"
        "03 0014 000102030405060708090a0b0c0d0e0f 00 0000 07",
        "01 00 002e | 02 0014 03 10 \"1a03f12fda586aff\" 0000 |"
        "03 0014 ac6732ff0405060708090a0b0c0d6443 01 0000 00",
        "01 00 0017 | 02 0007 01 7f000001 d102 | 02 000a 03 06 \"a.test\" 0050",
        "01 02 0008 | 02 0005 03 01 40 0000",
        "01 01 0018 | 05 0015 0001 000b\"record.mode\" 0004\"head\"",
        "01 01 0007 | 02 0004 03 00 0035",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t n = split_hex(buf, sizeof buf, cases[i]);
        CHECK_INT(gost_relay_decode(&m, buf, n), n);
        CHECK_INT(gost_relay_encode(again, sizeof again, &m), n);
        CHECK(memcmp(buf, again, n) == 0);
        for (size_t cap = 0; cap < n; cap++)
            CHECK_INT(gost_relay_encode(again, cap, &m), 0);
        CHECK_SPLIT(gost_relay_decode, &m, buf, n);
    }
}

TEST(the_tunnel_announcement_has_two_addresses)
{
    CHECK(decode("01 00 0017 | 02 0007 01 7f000001 d102 | 02 000a 03 06 \"a.test\" 0050") > 0);
    CHECK_INT(m.naddrs, 2);
    CHECK_STR(m.addr[0].host, "127.0.0.1");
    CHECK_STR(m.addr[1].host, "a.test");
    CHECK_INT(m.addr[1].port, 80);
}

TEST(of_three_addresses_the_first_and_the_last_stay)
{
    CHECK(decode("01 01 0015 | 02 0004 03 00 0001 | 02 0004 03 00 0002 | 02 0004 03 00 0003") > 0);
    CHECK_INT(m.naddrs, 2);
    CHECK_INT(m.addr[0].port, 1);
    CHECK_INT(gost_relay_addr(&m)->port, 3);
}

TEST(repeated_features_overwrite_and_unknown_ones_are_skipped)
{
    CHECK_INT(
        decode("01 01 0018 | 04 0002 0001 | 63 0003 616263 | 04 0004 0010ffff | 77 0000 | ff 0000"),
        28);
    CHECK_INT(m.network, GOST_RELAY_UNIX);
}

TEST(udp_is_asked_for_by_flag_or_by_network)
{
    CHECK(decode("01 81 0000") > 0);
    CHECK(gost_relay_is_udp(&m));
    CHECK(decode("01 01 0005 | 04 0002 0001") > 0);
    CHECK(gost_relay_is_udp(&m));
    CHECK(decode("01 01 0005 | 04 0002 0009") > 0);
    CHECK(!gost_relay_is_udp(&m));
}

TEST(the_odd_domain_of_an_empty_host_is_mended)
{
    CHECK(decode("01 02 0015 | 02 0012 03 0e \"0.0.0.0::20021\" 0000") > 0);
    CHECK_STR(m.addr[0].host, "");
    CHECK_INT(m.addr[0].port, 20021);
    CHECK(decode("01 02 0015 | 02 0012 03 0e \"0.0.0.0::70000\" 0000") > 0);
    CHECK_STR(m.addr[0].host, "0.0.0.0::70000");
    CHECK(decode("01 02 0015 | 02 0012 03 0e \"0.0.0.0::2002x\" 0000") > 0);
    CHECK_STR(m.addr[0].host, "0.0.0.0::2002x");
}

TEST(metadata_is_walked_pair_by_pair)
{
    struct gost_slice rest, key, value;
    CHECK(decode("01 01 0010 | 05 000d 0002 0001\"a\" 0001\"b\" 0001\"c\" 0000") > 0);
    rest = m.meta;
    CHECK(gost_relay_next_meta(&rest, &key, &value));
    CHECK(gost_slice_is(key, "a") && gost_slice_is(value, "b"));
    CHECK(gost_relay_next_meta(&rest, &key, &value));
    CHECK(gost_slice_is(key, "c") && gost_slice_is(value, ""));
    CHECK(!gost_relay_next_meta(&rest, &key, &value));
}

TEST(metadata_behind_the_counted_pairs_is_not_looked_at)
{
    CHECK_INT(decode("01 01 000c | 05 0009 0001 0001\"a\" 0000 ffff"), 16);
    CHECK_INT(m.meta.n, 5);
}

TEST(metadata_can_be_built)
{
    uint8_t meta[32];
    size_t n = gost_relay_put_meta(meta, sizeof meta, 0, gost_slice("key"), gost_slice("value"));
    CHECK_INT(n, 12);
    n = gost_relay_put_meta(meta, sizeof meta, n, gost_slice("k"), gost_slice("v"));
    CHECK_INT(n, 18);
    CHECK_INT(gost_relay_put_meta(meta, 20, n, gost_slice("k"), gost_slice("v")), 18);
    struct gost_relay in = {.code = 1, .meta = {(char *)meta, n}};
    size_t len = gost_relay_encode(buf, sizeof buf, &in);
    CHECK_INT(len, 4 + 3 + 2 + 18);
    CHECK_INT(gost_relay_decode(&m, buf, len), len);
    CHECK_INT(m.meta.n, 18);
    in.meta.n--;
    CHECK_INT(gost_relay_encode(buf, sizeof buf, &in), 0);
}

TEST(malformed_messages_are_refused_as_early_as_it_shows)
{
    static const char *const wrong[] = {
        "02",                                                  /* version */
        "01 01 0002 02 00",                                    /* no room for a feature's head */
        "01 01 0005 02 0007",                                  /* overruns the message */
        "01 01 0004 04 0001 00",                               /* the network is too short */
        "01 01 000a 02 0007 02 7f000001 51a4",                 /* address type */
        "01 01 0007 02 0004 01 7f0000",                        /* the address is too short */
        "01 01 0003 02 0000",                                  /* no address at all */
        "01 01 0013 03 0010 000102030405060708090a0b0c0d0e0f", /* 16 bytes of ID */
        "01 01 0005 01 0002 0575",                             /* the user is cut short */
        "01 01 0006 01 0003 010001",                           /* a NUL, no password */
        "01 01 0004 05 0001 00",                               /* no count */
        "01 01 0008 05 0005 0001 0002 61",                     /* the key is cut short */
        "01 01 0008 05 0005 0001 0001 61",                     /* no value */
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        size_t n = split_hex(buf, sizeof buf, wrong[i]);
        CHECK_INT(gost_relay_decode(&m, buf, n), GOST_EPROTO);
        CHECK_SPLIT(gost_relay_decode, &m, buf, n);
    }
}

TEST(too_many_features_are_a_limit)
{
    size_t n = 4 + 3 * (GOST_RELAY_FEATURES + 1);
    memset(buf, 0, n);
    memcpy(buf, "\x01\x01\x00\xc3", 4);
    for (size_t i = 4; i < n; i += 3)
        buf[i] = 0x63;
    CHECK_INT(gost_relay_decode(&m, buf, n), GOST_ELIMIT);
    buf[3] = 0xc0;
    CHECK_INT(gost_relay_decode(&m, buf, n - 3), n - 3);
}

TEST(the_longest_message_decodes)
{
    memset(buf, 0, GOST_RELAY_MAX);
    memcpy(buf, "\x01\x01\xff\xff\x63\xff\xfc", 7);
    CHECK_INT(gost_relay_decode(&m, buf, GOST_RELAY_MAX), GOST_RELAY_MAX);
    CHECK_INT(gost_relay_decode(&m, buf, GOST_RELAY_MAX - 1), 0);
}

TEST(datagrams_are_framed_by_their_length)
{
    struct gost_slice data;
    size_t n = split_hex(buf, sizeof buf, "0005 70696e6731");
    CHECK_INT(gost_relay_datagram_decode(&data, buf, n), 7);
    CHECK(gost_slice_is(data, "ping1"));
    CHECK_SPLIT(gost_relay_datagram_decode, &data, buf, n);
    CHECK_INT(gost_relay_datagram_decode(&data, (const uint8_t *)"\0\0", 2), 2);
    CHECK_INT(data.n, 0);
    CHECK_INT(gost_relay_datagram_encode(buf, 2, 65535), 2);
    CHECK(memcmp(buf, "\xff\xff", 2) == 0);
    CHECK_INT(gost_relay_datagram_encode(buf, 2, 65536), 0);
    CHECK_INT(gost_relay_datagram_encode(buf, 1, 1), 0);
}

TEST(statuses_have_words)
{
    CHECK_STR(gost_relay_status_text(7), "network unreachable");
    CHECK_STR(gost_relay_status_text(200), "unknown status");
}

RUN_TESTS()
