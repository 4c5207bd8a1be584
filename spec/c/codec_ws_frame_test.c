#include "core/codec/ws_frame.h"

#include "core/base/error.h"
#include "split.h"
#include "test.h"

TEST(heads_round_trip)
{
    static const struct {
        const char *hex;
        int fin, rsv, opcode, masked;
        uint64_t length;
    } cases[] = {
        {"81 05", 1, 0, GOST_WS_TEXT, 0, 5}, /* RFC 6455 section 5.7, as the next five */
        {"81 85 37fa213d", 1, 0, GOST_WS_TEXT, 1, 5},
        {"01 03", 0, 0, GOST_WS_TEXT, 0, 3},
        {"80 02", 1, 0, GOST_WS_CONTINUATION, 0, 2},
        {"82 7e 0100", 1, 0, GOST_WS_BINARY, 0, 256},
        {"82 7f 0000000000010000", 1, 0, GOST_WS_BINARY, 0, 65536},
        {"82 7e 007e", 1, 0, GOST_WS_BINARY, 0, 126},
        {"82 fe ffff 01020304", 1, 0, GOST_WS_BINARY, 1, 65535},
        {"82 ff 7fffffffffffffff 01020304", 1, 0, GOST_WS_BINARY, 1, INT64_MAX},
        {"c2 00", 1, GOST_WS_RSV1, GOST_WS_BINARY, 0, 0},
        {"88 02", 1, 0, GOST_WS_CLOSE, 0, 2},
        {"8a 7d", 1, 0, GOST_WS_PONG, 0, 125},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t buf[GOST_WS_FRAME_MAX], again[GOST_WS_FRAME_MAX];
        struct gost_ws_frame f;
        size_t n = split_hex(buf, sizeof buf, cases[i].hex);
        CHECK_INT(gost_ws_frame_decode(&f, buf, n), n);
        CHECK_INT(f.fin, cases[i].fin);
        CHECK_INT(f.rsv, cases[i].rsv);
        CHECK_INT(f.opcode, cases[i].opcode);
        CHECK_INT(f.masked, cases[i].masked);
        CHECK_INT(f.length, cases[i].length);
        CHECK_INT(gost_ws_frame_encode(again, sizeof again, &f), n);
        CHECK(memcmp(buf, again, n) == 0);
        CHECK_INT(gost_ws_frame_encode(again, n - 1, &f), 0);
        CHECK_SPLIT(gost_ws_frame_decode, &f, buf, n);
    }
}

TEST(malformed_heads_are_refused)
{
    static const char *const wrong[] = {
        "83",
        "87",
        "8b",
        "8f",
        "08",
        "09",
        "89 7e",
        "8a 7f",
        "82 7e 007d",
        "82 7f 000000000000ffff",
        "82 7f 8000000000000000",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        uint8_t buf[16];
        struct gost_ws_frame f;
        size_t n = split_hex(buf, sizeof buf, wrong[i]);
        CHECK_INT(gost_ws_frame_decode(&f, buf, n), GOST_EPROTO);
        CHECK_SPLIT(gost_ws_frame_decode, &f, buf, n);
    }
}

TEST(the_mask_of_the_rfc_unmasks_hello)
{
    uint8_t text[5];
    gost_ws_mask(text, (const uint8_t *)"\x7f\x9f\x4d\x51\x58", 5,
                 (const uint8_t *)"\x37\xfa\x21\x3d", 0);
    CHECK(memcmp(text, "Hello", 5) == 0);
}

TEST(masking_in_pieces_equals_masking_at_once)
{
    static const uint8_t mask[4] = {0x12, 0x34, 0x56, 0x78};
    uint8_t src[67], whole[67], pieces[67];
    for (size_t i = 0; i < sizeof src; i++)
        src[i] = (uint8_t)(i * 7);
    gost_ws_mask(whole, src, sizeof src, mask, 0);
    for (size_t i = 0; i < sizeof src; i++)
        CHECK_INT(whole[i], src[i] ^ mask[i & 3]);
    for (size_t cut = 0; cut <= sizeof src; cut++) {
        memcpy(pieces, src, sizeof src);
        gost_ws_mask(pieces, pieces, cut, mask, 0);
        gost_ws_mask(pieces + cut, pieces + cut, sizeof src - cut, mask, cut);
        CHECK(memcmp(pieces, whole, sizeof whole) == 0);
    }
}

RUN_TESTS()
