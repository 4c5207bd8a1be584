#include "core/codec/socks4.h"

#include "core/base/error.h"
#include "split.h"
#include "test.h"

TEST(requests_round_trip)
{
    static const struct {
        const char *hex, *host, *user;
        int port;
    } cases[] = {
        {"04 01 0050 01020304 00", "1.2.3.4", "", 80},
        {"04 01 0050 00000001 \"usr\" 00 \"t.test\" 00", "t.test", "usr", 80},
        {"04 02 01bb 00000000 \"u\" 00", "0.0.0.0", "u", 443},
        {"04 01 01bb 00000001 00 \"2001:db8::1\" 00", "2001:db8::1", "", 443},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t buf[GOST_SOCKS4_REQUEST_MAX], again[GOST_SOCKS4_REQUEST_MAX];
        struct gost_socks4_request r;
        size_t n = split_hex(buf, sizeof buf, cases[i].hex);
        CHECK_INT(gost_socks4_request_decode(&r, buf, n), n);
        CHECK_STR(r.addr.host, cases[i].host);
        CHECK_STR(r.user, cases[i].user);
        CHECK_INT(r.addr.port, cases[i].port);
        CHECK_INT(gost_socks4_request_encode(again, sizeof again, &r), n);
        CHECK(memcmp(buf, again, n) == 0);
        for (size_t cap = 0; cap < n; cap++)
            CHECK_INT(gost_socks4_request_encode(again, cap, &r), 0);
        CHECK_SPLIT(gost_socks4_request_decode, &r, buf, n);
    }
}

TEST(any_address_below_one_names_a_host)
{
    uint8_t buf[64];
    struct gost_socks4_request r;
    size_t n = split_hex(buf, sizeof buf, "04 01 0050 000000ff 00 \"h\" 00");
    CHECK_INT(gost_socks4_request_decode(&r, buf, n), n);
    CHECK_STR(r.addr.host, "h");
}

TEST(an_address_that_would_name_a_host_goes_out_as_text)
{
    uint8_t buf[64];
    struct gost_socks4_request r = {.command = 1, .addr = {.host = "0.0.0.7", .port = 1}}, back;
    size_t n = gost_socks4_request_encode(buf, sizeof buf, &r);
    CHECK_INT(n, 8 + 1 + 8);
    CHECK_INT(gost_socks4_request_decode(&back, buf, n), n);
    CHECK_STR(back.addr.host, "0.0.0.7");
    r.addr.host[0] = 0;
    CHECK_INT(gost_socks4_request_encode(buf, sizeof buf, &r), 0);
}

TEST(malformed_requests_are_refused)
{
    static const char *const wrong[] = {"05",
                                        "04 03",
                                        "04 00",
                                        "04 01 0050 01020304 610a",
                                        "04 01 0050 00000001 00 00",
                                        "04 01 0050 00000001 00 61 1b"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        uint8_t buf[32];
        struct gost_socks4_request r;
        size_t n = split_hex(buf, sizeof buf, wrong[i]);
        CHECK_INT(gost_socks4_request_decode(&r, buf, n), GOST_EPROTO);
        CHECK_SPLIT(gost_socks4_request_decode, &r, buf, n);
    }
}

TEST(texts_end_after_255_bytes)
{
    uint8_t buf[GOST_SOCKS4_REQUEST_MAX] = {4, 1, 0, 80, 0, 0, 0, 1};
    struct gost_socks4_request r;
    memset(buf + 8, 'u', 255);
    memset(buf + 8 + 256, 'h', 255);
    buf[8 + 255] = buf[8 + 256 + 255] = 0;
    CHECK_INT(gost_socks4_request_decode(&r, buf, sizeof buf), sizeof buf);
    CHECK_INT(strlen(r.user), 255);
    CHECK_INT(strlen(r.addr.host), 255);
    CHECK_SPLIT(gost_socks4_request_decode, &r, buf, sizeof buf);
    buf[8 + 255] = 'u';
    CHECK_INT(gost_socks4_request_decode(&r, buf, 8 + 256), GOST_EPROTO);
    CHECK_SPLIT(gost_socks4_request_decode, &r, buf, 8 + 256);
}

TEST(replies_are_eight_bytes)
{
    uint8_t buf[8];
    struct gost_socks4_reply r = {.code = GOST_SOCKS4_GRANTED}, back;
    CHECK_INT(gost_socks4_reply_encode(buf, sizeof buf, &r), 8);
    CHECK(memcmp(buf, "\x00\x5a\0\0\0\0\0\0", 8) == 0);
    CHECK_INT(gost_socks4_reply_decode(&back, buf, 8), 8);
    CHECK_INT(back.code, 90);
    CHECK_SPLIT(gost_socks4_reply_decode, &back, buf, 8);
    CHECK_INT(gost_socks4_reply_encode(buf, 7, &r), 0);
    CHECK_INT(gost_socks4_reply_decode(&back, (const uint8_t *)"\x05", 1), GOST_EPROTO);
}

RUN_TESTS()
