#include "core/codec/proxy_header.h"

#include "core/base/error.h"
#include "split.h"
#include "test.h"

#define SIGNATURE "0d0a0d0a000d0a515549540a "

static struct gost_proxy_header h;

static void check_addrs(const char *src, const char *dst)
{
    char text[GOST_HOSTPORT_MAX];
    CHECK_STR(gost_sockaddr_format(&h.src, text), src);
    CHECK_STR(gost_sockaddr_format(&h.dst, text), dst);
}

TEST(lines_of_version_1_decode)
{
    static const struct {
        const char *text, *src, *dst;
    } cases[] = {
        {"PROXY TCP4 127.0.0.1 127.0.0.1 38126 20966\r\n", "127.0.0.1:38126", "127.0.0.1:20966"},
        {"PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n", "255.255.255.255:65535", "0.0.0.0:0"},
        {"PROXY TCP6 2001:db8::1 ::1 1 2\r\n", "[2001:db8::1]:1", "[::1]:2"},
        {"PROXY UNKNOWN\r\n", NULL, NULL},
        {"PROXY UNKNOWN ffff:f... whatever\r\n", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const uint8_t *p = (const uint8_t *)cases[i].text;
        size_t n = strlen(cases[i].text);
        CHECK_INT(gost_proxy_header_decode(&h, p, n), n);
        CHECK_INT(h.version, 1);
        CHECK_INT(h.local, cases[i].src == NULL);
        if (cases[i].src)
            check_addrs(cases[i].src, cases[i].dst);
        CHECK_SPLIT(gost_proxy_header_decode, &h, p, n);
    }
}

TEST(malformed_lines_are_refused)
{
    static const char *const wrong[] = {
        "GET / HTTP/1.1",
        "PROXX",
        "PROXY \r\n",
        "PROXY TCP4\r\n",
        "PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n",
        "PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n",
        "PROXY TCP4 ::1 ::1 1 2\r\n",
        "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY UNKNOWN "
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxx\r\n",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const uint8_t *p = (const uint8_t *)wrong[i];
        CHECK_INT(gost_proxy_header_decode(&h, p, strlen(wrong[i])), GOST_EPROTO);
        CHECK_SPLIT(gost_proxy_header_decode, &h, p, strlen(wrong[i]));
    }
}

TEST(headers_of_version_2_decode)
{
    static const struct {
        const char *hex, *src, *dst;
        bool datagram;
    } cases[] = {
        {SIGNATURE "21 11 000c 7f000001 0a000002 94ee 51e6", "127.0.0.1:38126", "10.0.0.2:20966", 0},
        {SIGNATURE "21 12 000c 7f000001 0a000002 94ee 51e6", "127.0.0.1:38126", "10.0.0.2:20966", 1},
        {SIGNATURE "21 21 0024 20010db8000000000000000000000001 00000000000000000000000000000001"
                   "0001 0002",
         "[2001:db8::1]:1", "[::1]:2", 0},
        {SIGNATURE "21 11 0013 7f000001 0a000002 94ee 51e6 04 0004 00000000", "127.0.0.1:38126",
         "10.0.0.2:20966", 0},
        {SIGNATURE "20 00 0000", NULL, NULL, 0},
        {SIGNATURE "20 11 000c 7f000001 0a000002 94ee 51e6", NULL, NULL, 0},
        {SIGNATURE "20 ff 0001 00", NULL, NULL, 0},
        {SIGNATURE "21 00 0003 010203", NULL, NULL, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t buf[128];
        size_t n = split_hex(buf, sizeof buf, cases[i].hex);
        CHECK_INT(gost_proxy_header_decode(&h, buf, n), n);
        CHECK_INT(h.version, 2);
        CHECK_INT(h.local, cases[i].src == NULL);
        if (cases[i].src)
            check_addrs(cases[i].src, cases[i].dst);
        if (cases[i].src)
            CHECK_INT(h.datagram, cases[i].datagram);
        CHECK_SPLIT(gost_proxy_header_decode, &h, buf, n);
    }
}

TEST(malformed_headers_of_version_2_are_refused)
{
    static const char *const wrong[] = {
        SIGNATURE "11",         SIGNATURE "22",
        SIGNATURE "21 41 000c", SIGNATURE "21 13 000c",
        SIGNATURE "21 11 000b", SIGNATURE "21 21 0023",
        SIGNATURE "21 31 00d7", "0d0a0d0a000d0a5155495400",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        uint8_t buf[64];
        size_t n = split_hex(buf, sizeof buf, wrong[i]);
        CHECK_INT(gost_proxy_header_decode(&h, buf, n), GOST_EPROTO);
        CHECK_SPLIT(gost_proxy_header_decode, &h, buf, n);
    }
    uint8_t buf[64];
    size_t n = split_hex(buf, sizeof buf, SIGNATURE "20 00 0ff1");
    CHECK_INT(gost_proxy_header_decode(&h, buf, n), GOST_ELIMIT);
    buf[15]--;
    CHECK_INT(gost_proxy_header_decode(&h, buf, n), 0);
}

TEST(detection_needs_no_more_than_it_must)
{
    CHECK_INT(gost_proxy_header_detect(NULL, 0), 0);
    CHECK_INT(gost_proxy_header_detect((const uint8_t *)"P", 1), 0);
    CHECK_INT(gost_proxy_header_detect((const uint8_t *)"POST", 4), -1);
    CHECK_INT(gost_proxy_header_detect((const uint8_t *)"PROXY TCP4", 10), 1);
    CHECK_INT(gost_proxy_header_detect((const uint8_t *)"\r\n\r\n", 4), 0);
    CHECK_INT(gost_proxy_header_detect((const uint8_t *)"\x16", 1), -1);
}

static void set(union gost_sockaddr *s, const char *ip, uint16_t port)
{
    memset(s, 0, sizeof *s);
    gost_ip_parse(ip, port, s);
}

TEST(both_versions_encode_what_the_addresses_allow)
{
    static const struct {
        const char *src, *dst, *v1, *v2;
    } cases[] = {
        {"127.0.0.1", "127.0.0.1", "PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n",
         SIGNATURE "21 11 000c 7f000001 7f000001 0001 0002"},
        {"::ffff:1.2.3.4", "1.2.3.5", "PROXY TCP4 1.2.3.4 1.2.3.5 1 2\r\n",
         SIGNATURE "21 11 000c 01020304 01020305 0001 0002"},
        {"::1", "::2", "PROXY TCP6 ::1 ::2 1 2\r\n",
         SIGNATURE "21 21 0024 00000000000000000000000000000001 00000000000000000000000000000002"
                   "0001 0002"},
        {"::1", "127.0.0.1", "PROXY UNKNOWN\r\n", SIGNATURE "20 00 0000"},
        {"1.2.3.4", "", "PROXY TCP4 1.2.3.4 0.0.0.0 1 0\r\n",
         SIGNATURE "21 11 000c 01020304 00000000 0001 0000"},
        {"", "", "PROXY UNKNOWN\r\n", SIGNATURE "20 00 0000"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t buf[GOST_PROXY_HEADER_ENCODED_MAX + 1], want[128];
        set(&h.src, cases[i].src, 1);
        set(&h.dst, cases[i].dst, 2);
        h.version = 1;
        h.local = h.datagram = false;
        size_t n = gost_proxy_header_encode(buf, sizeof buf, &h);
        buf[n] = 0;
        CHECK_STR((char *)buf, cases[i].v1);
        CHECK_INT(gost_proxy_header_encode(buf, n - 1, &h), 0);
        h.version = 2;
        size_t len = split_hex(want, sizeof want, cases[i].v2);
        CHECK_INT(gost_proxy_header_encode(buf, sizeof buf, &h), len);
        CHECK(memcmp(buf, want, len) == 0);
    }
}

TEST(unix_paths_survive_a_round_trip)
{
    uint8_t buf[GOST_PROXY_HEADER_ENCODED_MAX];
    memset(&h, 0, sizeof h);
    h.version = 2;
    h.src.un.sun_family = h.dst.un.sun_family = AF_UNIX;
    strcpy(h.src.un.sun_path, "/run/a.sock");
    memset(h.dst.un.sun_path, 'x', sizeof h.dst.un.sun_path - 1);
    CHECK_INT(gost_proxy_header_encode(buf, sizeof buf, &h), sizeof buf);
    struct gost_proxy_header sent = h;
    CHECK_INT(gost_proxy_header_decode(&h, buf, sizeof buf), sizeof buf);
    CHECK(!h.local);
    CHECK(gost_sockaddr_equal(&h.src, &sent.src));
    CHECK(gost_sockaddr_equal(&h.dst, &sent.dst));
}

RUN_TESTS()
