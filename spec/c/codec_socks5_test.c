#include "core/codec/socks5.h"

#include "core/base/error.h"
#include "core/codec/socks5_udp.h"
#include "split.h"
#include "test.h"

TEST(hello_of_gost_clients_decodes)
{
    static const struct {
        const char *hex;
        int count;
        uint8_t first, last;
    } cases[] = {
        {"05 02 00 80", 2, 0x00, 0x80},
        {"05 04 00 02 80 82", 4, 0x00, 0x82},
        {"05 01 00", 1, 0x00, 0x00},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t buf[GOST_SOCKS5_HELLO_MAX], again[GOST_SOCKS5_HELLO_MAX];
        struct gost_socks5_hello h;
        size_t n = split_hex(buf, sizeof buf, cases[i].hex);
        CHECK_INT(gost_socks5_hello_decode(&h, buf, n), n);
        CHECK_INT(h.count, cases[i].count);
        CHECK_INT(h.method[0], cases[i].first);
        CHECK(gost_socks5_hello_has(&h, cases[i].last));
        CHECK(!gost_socks5_hello_has(&h, 0x88));
        CHECK_INT(gost_socks5_hello_encode(again, sizeof again, &h), n);
        CHECK(memcmp(buf, again, n) == 0);
        CHECK_INT(gost_socks5_hello_encode(again, n - 1, &h), 0);
        CHECK_SPLIT(gost_socks5_hello_decode, &h, buf, n);
    }
}

TEST(hello_of_another_version_or_without_methods_is_refused)
{
    struct gost_socks5_hello h;
    CHECK_INT(gost_socks5_hello_decode(&h, (const uint8_t *)"\x04", 1), GOST_EPROTO);
    CHECK_INT(gost_socks5_hello_decode(&h, (const uint8_t *)"\x05\x00", 2), GOST_EPROTO);
    CHECK_INT(gost_socks5_hello_decode(&h, NULL, 0), 0);
}

TEST(choice_and_auth_reply_are_two_bytes)
{
    struct gost_socks5_choice c;
    struct gost_socks5_auth_reply r;
    uint8_t buf[2];
    CHECK_INT(gost_socks5_choice_decode(&c, (const uint8_t *)"\x05\x82", 2), 2);
    CHECK_INT(c.method, GOST_SOCKS5_TLS_USERPASS);
    CHECK_INT(gost_socks5_choice_encode(buf, 2, &c), 2);
    CHECK(memcmp(buf, "\x05\x82", 2) == 0);
    CHECK_INT(gost_socks5_choice_encode(buf, 1, &c), 0);
    CHECK_INT(gost_socks5_choice_decode(&c, (const uint8_t *)"H", 1), GOST_EPROTO);
    CHECK_INT(gost_socks5_auth_reply_decode(&r, (const uint8_t *)"\x01\x01", 2), 2);
    CHECK_INT(r.status, 1);
    CHECK_INT(gost_socks5_auth_reply_decode(&r, (const uint8_t *)"\x05\x00", 2), GOST_EPROTO);
    CHECK_INT(gost_socks5_auth_reply_encode(buf, 2, &r), 2);
    CHECK(memcmp(buf, "\x01\x01", 2) == 0);
}

TEST(auth_round_trips)
{
    uint8_t buf[GOST_SOCKS5_AUTH_MAX], again[GOST_SOCKS5_AUTH_MAX];
    struct gost_userpass auth;
    size_t n = split_hex(buf, sizeof buf, "01 04\"user\" 06\"secret\"");
    CHECK_INT(gost_socks5_auth_decode(&auth, buf, n), n);
    CHECK_STR(auth.user, "user");
    CHECK_STR(auth.password, "secret");
    CHECK_INT(gost_socks5_auth_encode(again, sizeof again, &auth), n);
    CHECK(memcmp(buf, again, n) == 0);
    CHECK_INT(gost_socks5_auth_encode(again, n - 1, &auth), 0);
    CHECK_SPLIT(gost_socks5_auth_decode, &auth, buf, n);
}

TEST(auth_takes_empty_and_longest_texts)
{
    uint8_t buf[GOST_SOCKS5_AUTH_MAX] = {1, 0, 0};
    struct gost_userpass auth;
    CHECK_INT(gost_socks5_auth_decode(&auth, buf, 3), 3);
    CHECK_STR(auth.user, "");
    memset(buf, 'x', sizeof buf);
    buf[0] = 1;
    buf[1] = buf[2 + 255] = 255;
    CHECK_INT(gost_socks5_auth_decode(&auth, buf, sizeof buf), GOST_SOCKS5_AUTH_MAX);
    CHECK_INT(strlen(auth.user), 255);
    CHECK_INT(strlen(auth.password), 255);
    CHECK_SPLIT(gost_socks5_auth_decode, &auth, buf, sizeof buf);
}

TEST(auth_with_a_nul_or_a_wrong_version_is_refused)
{
    static const char *const wrong[] = {"02 01 61 01 62", "01 02 6100 01 62", "01 01 61 03 620062"};
    for (size_t i = 0; i < 3; i++) {
        uint8_t buf[16];
        struct gost_userpass auth;
        size_t n = split_hex(buf, sizeof buf, wrong[i]);
        CHECK_INT(gost_socks5_auth_decode(&auth, buf, n), GOST_EPROTO);
        CHECK_SPLIT(gost_socks5_auth_decode, &auth, buf, n);
    }
}

TEST(requests_of_every_address_type_round_trip)
{
    static const struct {
        const char *hex, *host;
        int command, port;
    } cases[] = {
        {"05 01 00 01 7f000001 0050", "127.0.0.1", 1, 80},
        {"05 01 00 03 06\"t.test\" 01bb", "t.test", 1, 443},
        {"05 02 00 04 20010db8000000000000000000000001 1f90", "2001:db8::1", 2, 8080},
        {"05 f3 00 01 00000000 0000", "0.0.0.0", 0xf3, 0},
        {"05 f2 00 01 7f000001 4e70", "127.0.0.1", 0xf2, 20080},
        {"05 01 00 03 00 0035", "", 1, 53},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t buf[GOST_SOCKS5_REQUEST_MAX], again[GOST_SOCKS5_REQUEST_MAX];
        struct gost_socks5_request r;
        size_t n = split_hex(buf, sizeof buf, cases[i].hex);
        CHECK_INT(gost_socks5_request_decode(&r, buf, n), n);
        CHECK_INT(r.command, cases[i].command);
        CHECK_STR(r.addr.host, cases[i].host);
        CHECK_INT(r.addr.port, cases[i].port);
        CHECK_INT(gost_socks5_request_encode(again, sizeof again, &r), n);
        CHECK(memcmp(buf, again, n) == 0);
        for (size_t cap = 0; cap < n; cap++)
            CHECK_INT(gost_socks5_request_encode(again, cap, &r), 0);
        CHECK_SPLIT(gost_socks5_request_decode, &r, buf, n);
    }
}

TEST(the_longest_domain_fits)
{
    uint8_t buf[GOST_SOCKS5_REQUEST_MAX];
    struct gost_socks5_request r = {.command = 1, .addr.port = 65535}, back;
    memset(r.addr.host, 'd', 255);
    CHECK_INT(gost_socks5_request_encode(buf, sizeof buf, &r), GOST_SOCKS5_REQUEST_MAX);
    CHECK_INT(gost_socks5_request_decode(&back, buf, sizeof buf), GOST_SOCKS5_REQUEST_MAX);
    CHECK_STR(back.addr.host, r.addr.host);
}

TEST(mapped_addresses_become_ipv4_both_ways)
{
    uint8_t buf[64];
    struct gost_addr a;
    size_t n = split_hex(buf, sizeof buf, "04 00000000000000000000ffff 01020304 0050");
    CHECK_INT(gost_socksaddr_decode(&a, buf, n), n);
    CHECK_STR(a.host, "1.2.3.4");
    strcpy(a.host, "::ffff:1.2.3.4");
    CHECK_INT(gost_socksaddr_encode(buf, sizeof buf, &a), 7);
    CHECK_INT(buf[0], GOST_ATYP_IPV4);
}

TEST(an_address_with_a_zone_travels_as_text)
{
    uint8_t buf[64];
    struct gost_addr a = {.host = "fe80::1%lo", .port = 1}, back;
    CHECK_INT(gost_socksaddr_encode(buf, sizeof buf, &a), 2 + 10 + 2);
    CHECK_INT(gost_socksaddr_decode(&back, buf, sizeof buf), 14);
    CHECK_STR(back.host, "fe80::1%lo");
}

TEST(malformed_requests_are_refused_early)
{
    static const char *const wrong[] = {"04",
                                        "05 01 00 02",
                                        "05 01 00 00",
                                        "05 01 00 05",
                                        "05 01 00 03 05 61 00",
                                        "05 01 00 03 05 0a",
                                        "05 01 00 03 05 61 7f"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        uint8_t buf[16];
        struct gost_socks5_request r;
        size_t n = split_hex(buf, sizeof buf, wrong[i]);
        CHECK_INT(gost_socks5_request_decode(&r, buf, n), GOST_EPROTO);
        CHECK_SPLIT(gost_socks5_request_decode, &r, buf, n);
    }
}

TEST(replies_of_failures_carry_zeros)
{
    uint8_t buf[GOST_SOCKS5_REPLY_MAX];
    struct gost_socks5_reply r = {.code = GOST_SOCKS5_NET_UNREACHABLE}, back;
    CHECK_INT(gost_socks5_reply_encode(buf, sizeof buf, &r), 10);
    CHECK(memcmp(buf, "\x05\x03\x00\x01\x00\x00\x00\x00\x00\x00", 10) == 0);
    CHECK_INT(gost_socks5_reply_decode(&back, buf, 10), 10);
    CHECK_INT(back.code, 3);
    CHECK_STR(gost_socks5_code_text(back.code), "network unreachable");
    CHECK_STR(gost_socks5_code_text(99), "unknown reply code");
    CHECK_SPLIT(gost_socks5_reply_decode, &back, buf, 10);
}

TEST(udp_headers_decode_without_looking_at_the_reserved_field)
{
    uint8_t buf[64], again[64];
    struct gost_socks5_udp u;
    size_t n = split_hex(buf, sizeof buf, "0000 00 01 7f000001 51a5 \"data\"");
    CHECK_INT(gost_socks5_udp_decode(&u, buf, n), 10);
    CHECK_INT(u.frag, 0);
    CHECK_INT(u.addr.port, 20901);
    CHECK_INT(gost_socks5_udp_encode(again, sizeof again, &u), 10);
    CHECK(memcmp(buf, again, 10) == 0);
    buf[0] = buf[1] = 9;
    buf[2] = 3;
    CHECK_INT(gost_socks5_udp_decode(&u, buf, n), 10);
    CHECK_INT(u.frag, 3);
    CHECK_SPLIT(gost_socks5_udp_decode, &u, buf, n);
    CHECK_INT(gost_socks5_udp_decode(&u, (const uint8_t *)"\0\0\0\x02", 4), GOST_EPROTO);
}

TEST(tunnel_frames_as_captured_round_trip)
{
    static const char *const frames[] = {"0003 ff 01 7f000001 51a5 6f6e65",
                                         "0005 ff 01 7f000001 51a5 453a6f6e65",
                                         "0004 ff 03 06\"t.test\" 0035 76697331"};
    for (size_t i = 0; i < 3; i++) {
        uint8_t buf[64], again[64];
        struct gost_udp_tunnel t;
        size_t n = split_hex(buf, sizeof buf, frames[i]);
        CHECK_INT(gost_udp_tunnel_decode(&t, buf, n), n);
        CHECK_INT(t.data.n, buf[0] << 8 | buf[1]);
        CHECK_INT(gost_udp_tunnel_encode(again, sizeof again, &t), n - t.data.n);
        CHECK(memcmp(buf, again, n - t.data.n) == 0);
        CHECK_SPLIT(gost_udp_tunnel_decode, &t, buf, n);
    }
}

TEST(tunnel_frames_ignore_the_third_byte_and_take_empty_data)
{
    uint8_t buf[64];
    struct gost_udp_tunnel t;
    size_t n = split_hex(buf, sizeof buf, "0000 00 01 7f000001 51a5");
    CHECK_INT(gost_udp_tunnel_decode(&t, buf, n), n);
    CHECK_INT(t.data.n, 0);
    CHECK_INT(gost_udp_tunnel_encode(buf, sizeof buf, &t), 0);
    t.data.n = 65536;
    CHECK_INT(gost_udp_tunnel_encode(buf, sizeof buf, &t), 0);
}

RUN_TESTS()
