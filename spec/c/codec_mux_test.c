#include "core/base/error.h"
#include "core/codec/smux.h"
#include "core/codec/yamux.h"
#include "split.h"
#include "test.h"

TEST(captured_smux_frames_round_trip)
{
    static const struct {
        const char *hex;
        struct gost_smux want;
    } cases[] = {
        {"02 00 0000 03000000", {2, GOST_SMUX_SYN, 0, 3}},
        {"01 02 0e00 03000000", {1, GOST_SMUX_PSH, 14, 3}},
        {"02 04 0800 03000000", {2, GOST_SMUX_UPD, 8, 3}},
        {"01 03 0000 00000000", {1, GOST_SMUX_NOP, 0, 0}},
        {"01 01 ffff 04030201", {1, GOST_SMUX_FIN, 65535, 0x01020304}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t buf[8], again[8];
        struct gost_smux f;
        size_t n = split_hex(buf, sizeof buf, cases[i].hex);
        CHECK_INT(gost_smux_decode(&f, buf, n), 8);
        CHECK_INT(f.version, cases[i].want.version);
        CHECK_INT(f.command, cases[i].want.command);
        CHECK_INT(f.length, cases[i].want.length);
        CHECK_INT(f.stream, cases[i].want.stream);
        CHECK_INT(gost_smux_encode(again, 8, &f), 8);
        CHECK(memcmp(buf, again, 8) == 0);
        CHECK_INT(gost_smux_encode(again, 7, &f), 0);
        CHECK_SPLIT(gost_smux_decode, &f, buf, n);
    }
}

TEST(unknown_smux_frames_are_refused_early)
{
    struct gost_smux f;
    CHECK_INT(gost_smux_decode(&f, (const uint8_t *)"\x03", 1), GOST_EPROTO);
    CHECK_INT(gost_smux_decode(&f, (const uint8_t *)"\x00", 1), GOST_EPROTO);
    CHECK_INT(gost_smux_decode(&f, (const uint8_t *)"\x01\x05", 2), GOST_EPROTO);
}

TEST(smux_window_reports_round_trip)
{
    uint8_t buf[8], again[8];
    struct gost_smux_update u;
    size_t n = split_hex(buf, sizeof buf, "04000000 00001000");
    CHECK_INT(gost_smux_update_decode(&u, buf, n), 8);
    CHECK_INT(u.consumed, 4);
    CHECK_INT(u.window, 1048576);
    CHECK_INT(gost_smux_update_encode(again, 8, &u), 8);
    CHECK(memcmp(buf, again, 8) == 0);
    CHECK_SPLIT(gost_smux_update_decode, &u, buf, n);
}

TEST(captured_yamux_frames_round_trip)
{
    static const struct {
        const char *hex;
        struct gost_yamux want;
    } cases[] = {
        {"00 01 0001 00000001 00000000", {GOST_YAMUX_WINDOW, GOST_YAMUX_SYN, 1, 0}},
        {"00 00 0000 00000001 00000019", {GOST_YAMUX_DATA, 0, 1, 25}},
        {"00 01 0004 00000001 00000000", {GOST_YAMUX_WINDOW, GOST_YAMUX_FIN, 1, 0}},
        {"00 03 0000 00000000 00000001", {GOST_YAMUX_GO_AWAY, 0, 0, GOST_YAMUX_PROTOCOL_ERROR}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t buf[12], again[12];
        struct gost_yamux f;
        size_t n = split_hex(buf, sizeof buf, cases[i].hex);
        CHECK_INT(gost_yamux_decode(&f, buf, n), 12);
        CHECK_INT(f.type, cases[i].want.type);
        CHECK_INT(f.flags, cases[i].want.flags);
        CHECK_INT(f.stream, cases[i].want.stream);
        CHECK_INT(f.length, cases[i].want.length);
        CHECK_INT(gost_yamux_encode(again, 12, &f), 12);
        CHECK(memcmp(buf, again, 12) == 0);
        CHECK_INT(gost_yamux_encode(again, 11, &f), 0);
        CHECK_SPLIT(gost_yamux_decode, &f, buf, n);
    }
}

TEST(unknown_yamux_frames_are_refused_early)
{
    struct gost_yamux f;
    CHECK_INT(gost_yamux_decode(&f, (const uint8_t *)"\x01", 1), GOST_EPROTO);
    CHECK_INT(gost_yamux_decode(&f, (const uint8_t *)"\x00\x04", 2), GOST_EPROTO);
}

RUN_TESTS()
