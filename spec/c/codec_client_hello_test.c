#include "core/codec/client_hello.h"

#include "core/base/error.h"
#include "split.h"
#include "test.h"

static struct gost_client_hello h;

/* version, random, session (4), two suites, no compression */
#define FRONT                                                                                      \
    "0303 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff 04 deadbeef"            \
    "0004 1301 c02f 01 00 "
#define SNI      "0000 000e 000c 00 0009\"real.test\" "
#define ALPN     "0010 000e 000c 02\"h2\" 08\"http/1.1\" "
#define VERSIONS "002b 0007 06 0a0a 0304 0303 "
#define UNKNOWN  "fffe 0003 010203 "

/** Wrap a body into one message, and that into records of at most `piece` bytes. */
static size_t wrap(uint8_t *out, const char *body_hex, size_t piece)
{
    uint8_t message[1024];
    size_t n = split_hex(message + 4, sizeof message - 4, body_hex), len = 0;
    memcpy(message, "\x01\x00", 2);
    message[2] = (uint8_t)(n >> 8);
    message[3] = (uint8_t)n;
    n += 4;
    for (size_t at = 0; at < n; at += piece) {
        size_t step = n - at < piece ? n - at : piece;
        memcpy(out + len, "\x16\x03\x01", 3);
        out[len + 3] = (uint8_t)(step >> 8);
        out[len + 4] = (uint8_t)step;
        memcpy(out + len + 5, message + at, step);
        len += 5 + step;
    }
    return len;
}

static void check_full_hello(void)
{
    struct gost_slice name;
    size_t at = 0;
    CHECK_STR(h.sni, "real.test");
    CHECK_INT(h.legacy_version, 0x0303);
    CHECK_INT(h.nversions, 3);
    CHECK_INT(h.versions[1], 0x0304);
    CHECK_INT(h.nciphers, 2);
    CHECK_INT(h.ciphers[1], 0xc02f);
    CHECK(gost_client_hello_next_alpn(&h, &at, &name) && gost_slice_is(name, "h2"));
    CHECK(gost_client_hello_next_alpn(&h, &at, &name) && gost_slice_is(name, "http/1.1"));
    CHECK(!gost_client_hello_next_alpn(&h, &at, &name));
}

TEST(a_hello_tells_its_name_protocols_and_versions_in_records_of_any_size)
{
    static const size_t pieces[] = {16384, 100, 50, 17, 4, 3, 1};
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        uint8_t buf[2048];
        size_t n = wrap(buf, FRONT "0036" UNKNOWN SNI ALPN VERSIONS, pieces[i]);
        memset(&h, 0xaa, sizeof h);
        CHECK_INT(gost_client_hello_decode(&h, buf, n), n);
        check_full_hello();
        if (i < 4)
            CHECK_SPLIT(gost_client_hello_decode, &h, buf, n);
    }
}

TEST(a_hello_without_extensions_is_fine)
{
    uint8_t buf[256];
    size_t n = wrap(buf, FRONT, 16384);
    CHECK_INT(gost_client_hello_decode(&h, buf, n), n);
    CHECK_STR(h.sni, "");
    CHECK_INT(h.nversions, 1);
    CHECK_INT(h.versions[0], 0x0303);
    CHECK_INT(h.alpn_len, 0);
    CHECK_SPLIT(gost_client_hello_decode, &h, buf, n);
}

TEST(other_bytes_are_refused_at_the_first_that_differs)
{
    CHECK_INT(gost_client_hello_decode(&h, (const uint8_t *)"G", 1), GOST_EPROTO);
    CHECK_INT(gost_client_hello_decode(&h, (const uint8_t *)"\x16\x02", 2), GOST_EPROTO);
    CHECK_INT(gost_client_hello_decode(&h, (const uint8_t *)"\x16\x03\x01\x00\x00", 5), GOST_EPROTO);
    CHECK_INT(gost_client_hello_decode(&h, (const uint8_t *)"\x16\x03\x01\x40\x01", 5), GOST_EPROTO);
    CHECK_INT(gost_client_hello_decode(&h, (const uint8_t *)"\x16\x03\x01\x00\x05\x02", 6),
              GOST_EPROTO);
    CHECK_INT(
        gost_client_hello_decode(&h, (const uint8_t *)"\x16\x03\x01\x00\x05\x01\x00\x40\x01", 9),
        GOST_ELIMIT);
    CHECK_INT(gost_client_hello_decode(&h, NULL, 0), 0);
}

TEST(malformed_hellos_are_refused)
{
    static const char *const wrong[] = {
        "0303",
        FRONT "0005 0000 000e",
        FRONT "0006 0000 0003 0001",
        FRONT "0012 0000 000e 000c 00 0009\"re\x01l.test\"",
        FRONT "0012 0000 000e 000c 00 0009\"re l.test\"",
        FRONT "0009 0000 0005 0003 00 0000",
        FRONT "0012 0000 000e 000c 00 000a\"real.test\"",
        FRONT "0012 0000 000e 000d 00 0009\"real.test\"",
        FRONT "0024" SNI SNI,
        FRONT "0007 0010 0003 0001 00",
        FRONT "0007 002b 0003 02 0304",
        FRONT "0008 002b 0004 03 030403",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        uint8_t buf[512];
        size_t n = wrap(buf, wrong[i], 16384);
        if (i == 10)
            continue; /* that one is right: a control for the others */
        CHECK_INT(gost_client_hello_decode(&h, buf, n), GOST_EPROTO);
        CHECK_SPLIT(gost_client_hello_decode, &h, buf, n);
    }
    uint8_t buf[512];
    CHECK(gost_client_hello_decode(&h, buf, wrap(buf, wrong[10], 16384)) > 0);
}

TEST(a_hello_in_too_many_records_is_a_limit)
{
    static uint8_t buf[GOST_CLIENT_HELLO_MAX + 6];
    memcpy(buf, "\x16\x03\x01\x00\x04\x01\x00\x40\x00", 9);
    for (size_t i = 9; i + 6 <= sizeof buf; i += 6)
        memcpy(buf + i, "\x16\x03\x01\x00\x01\x00", 6);
    CHECK_INT(gost_client_hello_decode(&h, buf, GOST_CLIENT_HELLO_MAX - 1), 0);
    CHECK_INT(gost_client_hello_decode(&h, buf, GOST_CLIENT_HELLO_MAX), GOST_ELIMIT);
}

TEST(long_lists_are_cut_not_refused)
{
    static char hex[8192];
    strcpy(hex, "0303 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff 00 0100");
    for (int i = 0; i < 128; i++)
        strcat(hex, "1301");
    strcat(hex, "0100 0108 0010 0104 0102 ff");
    for (int i = 0; i < 255; i++)
        strcat(hex, "61");
    strcat(hex, "01 62");
    uint8_t buf[2048];
    size_t n = wrap(buf, hex, 16384);
    CHECK_INT(gost_client_hello_decode(&h, buf, n), n);
    CHECK_INT(h.nciphers, GOST_CLIENT_HELLO_CIPHERS);
    CHECK_INT(h.alpn_len, 256);
}

TEST(a_name_that_just_misses_the_room_for_alpn_is_left_out)
{
    static char hex[2048];
    strcpy(hex, FRONT "0107 0010 0103 0101 c8");
    for (int i = 0; i < 200; i++)
        strcat(hex, "61");
    strcat(hex, "37");
    for (int i = 0; i < 55; i++)
        strcat(hex, "62");
    static struct {
        struct gost_client_hello hello;
        uint8_t guard;
    } room;
    uint8_t buf[1024];
    size_t n = wrap(buf, hex, 16384);
    CHECK_INT(gost_client_hello_decode(&room.hello, buf, n), n);
    CHECK_INT(room.hello.alpn_len, 201);
    CHECK_INT(room.guard, 0);
}

RUN_TESTS()
