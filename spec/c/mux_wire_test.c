/*
 * The multiplexer against bytes written by hand: what it sends, what it makes of what it gets.
 */
#include "spec/c/mux_support.h"

#define UNTIL_MS (gost_now() + NET_PATIENCE_MS)

static const char text25[] = "0102030405060708090a0b0c0d0e0f10111213141516171819";

/* A session and the other end of its carrier. */
static struct mux_side *against(const struct gost_mux_options *o, bool client,
                                struct gost_stream **raw)
{
    struct gost_stream *io;
    CHECK_INT(gost_pair_new(1 << 20, &io, raw), 0);
    return mux_side_new(io, o, client);
}

/* Open, write 25 bytes, close: exactly these frames. */
static void check_dialogue(const struct gost_mux_options *o, const char *open, const char *close)
{
    struct gost_stream *raw;
    struct mux_side *side = against(o, true, &raw);
    struct gost_stream *s = mux_opened(side);
    uint8_t bytes[25];
    mux_hex(text25, bytes);
    CHECK_INT(gost_io_write(s, bytes, 25, UNTIL_MS), 0);
    MUX_EXPECT(raw, open);
    MUX_EXPECT(raw, text25);
    mux_silent(raw);
    gost_stream_close(s);
    MUX_EXPECT(raw, close);
    mux_silent(raw);
    CHECK_INT(side->idle, 1);
    mux_side_delete(side);
    gost_stream_close(raw);
}

FIBER_TEST(smux_2_opens_writes_and_closes_as_seen_on_the_wire)
{
    check_dialogue(&mux_smux2, "0200 0000 03000000 0202 1900 03000000", "0201 0000 03000000");
}

FIBER_TEST(smux_1_opens_writes_and_closes_as_seen_on_the_wire)
{
    check_dialogue(&mux_smux1, "0100 0000 03000000 0102 1900 03000000", "0101 0000 03000000");
}

FIBER_TEST(yamux_opens_writes_and_closes_as_seen_on_the_wire)
{
    check_dialogue(&mux_yamux, "00010001 00000001 00000000 00000000 00000001 00000019",
                   "00010004 00000001 00000000");
}

FIBER_TEST(a_server_opens_even_streams)
{
    struct gost_stream *raw;
    struct mux_side *side = against(&mux_smux1, false, &raw);
    struct gost_stream *a = mux_opened(side), *b = mux_opened(side);
    MUX_EXPECT(raw, "0100 0000 02000000 0100 0000 04000000");
    gost_stream_close(b);
    gost_stream_close(a);
    MUX_EXPECT(raw, "0101 0000 04000000 0101 0000 02000000");
    mux_side_delete(side);
    gost_stream_close(raw);
}

FIBER_TEST(smux_2_reports_after_the_first_read_and_each_half_window)
{
    struct gost_stream *raw;
    struct gost_mux_options o = {.version = 2, .max_stream = 65536};
    struct mux_side *side = against(&o, false, &raw);
    uint8_t *bytes = calloc(1, 40000);
    mux_feed(raw, "0200 0000 03000000 0202 0400 03000000 61626364");
    NET_AWAIT(side->streams == 1);
    mux_silent(raw);
    CHECK_INT(gost_io_read(side->stream[0], bytes, 40000, UNTIL_MS), 4);
    MUX_EXPECT(raw, "0204 0800 03000000 04000000 00000100");
    mux_feed(raw, "0202 ff7f 03000000");
    CHECK_INT(gost_io_write(raw, bytes, 32767, UNTIL_MS), 0);
    CHECK_INT(gost_io_read_exact(side->stream[0], bytes, 32767, UNTIL_MS), 0);
    mux_silent(raw);
    mux_feed(raw, "0202 0100 03000000 00");
    CHECK_INT(gost_io_read_exact(side->stream[0], bytes, 1, UNTIL_MS), 0);
    MUX_EXPECT(raw, "0204 0800 03000000 04800000 00000100");
    free(bytes);
    mux_side_delete(side);
    gost_stream_close(raw);
}

FIBER_TEST(smux_2_sends_no_more_than_the_window)
{
    struct gost_stream *raw;
    struct mux_side *side = against(&mux_smux2, true, &raw);
    struct gost_stream *s = mux_opened(side);
    uint8_t *bytes = calloc(1, 300000);
    size_t sent = 0;
    ssize_t n;
    while ((n = gost_stream_write(s, bytes, 300000 - sent)) > 0)
        sent += (size_t)n;
    CHECK_INT(n, GOST_WANT_WRITE);
    CHECK_INT(sent, 262144);
    CHECK_INT(gost_io_read_exact(raw, bytes, 8 + 262144 + 8 * 8, UNTIL_MS), 0);
    mux_silent(raw);
    mux_feed(raw, "0204 0800 03000000 00000400 02000000"); /* all read, window 2 */
    CHECK_INT(gost_io_write(s, "xy", 2, UNTIL_MS), 0);
    MUX_EXPECT(raw, "0202 0200 03000000 7879");
    CHECK_INT(gost_stream_write(s, "z", 1), GOST_WANT_WRITE);
    mux_feed(raw, "0204 0800 03000000 ffff0f00 00000100"); /* more than was ever sent */
    CHECK_INT(gost_io_write(s, "z", 1, UNTIL_MS), GOST_EPROTO);
    MUX_EXPECT(raw, "0201 0000 03000000");
    gost_stream_close(s);
    free(bytes);
    mux_silent(raw);
    CHECK_INT(gost_mux_error(side->mux), 0);
    mux_side_delete(side);
    gost_stream_close(raw);
}

FIBER_TEST(bytes_read_ahead_are_the_first_frames)
{
    struct gost_stream *io, *raw;
    uint8_t bytes[64];
    CHECK_INT(gost_pair_new(1000, &io, &raw), 0);
    size_t n = mux_hex("0100 0000 03000000 0102 0200 03000000 6869", bytes);
    CHECK_INT(gost_stream_unread(io, bytes, n), 0);
    struct mux_side *side = mux_side_new(io, &mux_smux1, false);
    NET_AWAIT(side->streams == 1);
    CHECK_INT(gost_io_read(side->stream[0], bytes, sizeof(bytes), UNTIL_MS), 2);
    CHECK(memcmp(bytes, "hi", 2) == 0);
    mux_side_delete(side);
    gost_stream_close(raw);
}

/* Feed `hex` to a server: the session must die with these words. */
static void check_death(const struct gost_mux_options *o, const char *hex, int rc, const char *story)
{
    struct gost_stream *raw;
    struct mux_side *side = against(o, false, &raw);
    mux_feed(raw, hex);
    NET_AWAIT(side->ended == 1);
    CHECK_INT(side->rc, rc);
    CHECK_STR(side->story, story);
    mux_side_delete(side);
    gost_stream_close(raw);
}

FIBER_TEST(garbage_ends_the_session_with_a_story)
{
    check_death(&mux_smux1, "474554202f", GOST_EPROTO,
                "smux session: not the smux that was agreed on: smux version 71");
    check_death(&mux_smux2, "0205", GOST_EPROTO,
                "smux session: not the smux that was agreed on: unknown smux command 5");
    check_death(&mux_smux2, "0100 0000 03000000", GOST_EPROTO,
                "smux session: the peer speaks smux version 1, mux.version is 2 here");
    check_death(&mux_yamux, "0100", GOST_EPROTO,
                "yamux session: not the yamux that was agreed on: yamux version 1");
    check_death(&mux_yamux, "00010001 00000001 00000000 00010001 00000001 00000000", GOST_EPROTO,
                "yamux session: stream 1 was opened twice");
    check_death(&mux_yamux, "00010001 00000001 00000000 00000000 00000001 00040001", GOST_EPROTO,
                "yamux session: stream 1: 262145 bytes came where the window had 262144");
    check_death(&mux_yamux, "00030000 00000000 00000001", GOST_EPROTO,
                "yamux session: the peer ended the session: it saw a protocol error");
}

FIBER_TEST(frames_for_unknown_streams_are_ignored)
{
    struct gost_stream *raw;
    struct mux_side *side = against(&mux_smux2, false, &raw);
    mux_feed(raw, "0201 0000 09000000 0202 0300 09000000 616263 0202 0000 09000000"
                  "0204 0800 09000000 0000000000000100 0203 0000 00000000");
    mux_feed(raw, "0200 0000 05000000 0200 0000 05000000 0202 0000 05000000"
                  "0202 0100 05000000 61"); /* opened twice, an empty frame */
    char text[8];
    NET_AWAIT(side->streams > 0);
    CHECK_INT(gost_io_read(side->stream[0], text, 8, UNTIL_MS), 1);
    MUX_EXPECT(raw, "0204 0800 05000000 01000000 00000100");
    mux_silent(raw);
    CHECK_INT(side->streams, 1);
    CHECK_INT(gost_mux_error(side->mux), 0);
    mux_side_delete(side);
    gost_stream_close(raw);
}

FIBER_TEST(after_fin_what_came_before_is_read_and_writes_fail)
{
    struct gost_stream *raw;
    struct mux_side *side = against(&mux_smux1, false, &raw);
    mux_feed(raw, "0100 0000 03000000 0102 0300 03000000 616263 0101 0000 03000000"
                  "0101 0000 03000000 0102 0100 03000000 64");
    char text[8];
    NET_AWAIT(side->streams > 0);
    struct gost_stream *s = mux_taken(side, 0);
    CHECK_INT(gost_stream_write(s, "x", 1), -EPIPE);
    CHECK_INT(gost_io_read(s, text, 8, UNTIL_MS), 3);
    CHECK_INT(gost_io_read(s, text, 8, UNTIL_MS), 0);
    CHECK_INT(gost_stream_shutdown(s), GOST_ENOTSUP);
    mux_silent(raw);
    gost_stream_close(s);
    MUX_EXPECT(raw, "0101 0000 03000000");
    mux_feed(raw, "0102 0100 03000000 65 0101 0000 03000000"); /* late */
    mux_silent(raw);
    CHECK_INT(gost_mux_error(side->mux), 0);
    mux_side_delete(side);
    gost_stream_close(raw);
}

FIBER_TEST(data_of_a_closed_stream_is_dropped_in_the_middle_of_a_frame)
{
    struct gost_stream *raw;
    struct mux_side *side = against(&mux_smux1, false, &raw);
    char text[8];
    mux_feed(raw, "0100 0000 03000000 0102 0600 03000000 616263");
    NET_AWAIT(side->streams > 0);
    gost_stream_close(mux_taken(side, 0));
    MUX_EXPECT(raw, "0101 0000 03000000");
    mux_feed(raw, "646566 0100 0000 05000000 0102 0200 05000000 6869");
    NET_AWAIT(side->streams > 1);
    CHECK_INT(gost_io_read(side->stream[1], text, 8, UNTIL_MS), 2);
    CHECK_INT(side->mux->held, 0);
    mux_side_delete(side);
    gost_stream_close(raw);
}

FIBER_TEST(an_overrun_of_the_window_ends_that_stream_only)
{
    struct gost_stream *raw;
    struct mux_side *side = against(&mux_smux2, false, &raw);
    uint8_t *bytes = calloc(1, 65535);
    mux_feed(raw, "0200 0000 03000000 0200 0000 05000000");
    for (int i = 0; i < 6; i++) { /* 262144 and what is forgiven */
        mux_feed(raw, "0202 ffff 03000000");
        CHECK_INT(gost_io_write(raw, bytes, 65535, UNTIL_MS), 0);
    }
    NET_AWAIT(side->streams == 2);
    MUX_EXPECT(raw, "0201 0000 03000000");
    mux_feed(raw, "0202 0200 05000000 6869");
    CHECK_INT(gost_io_read(side->stream[1], bytes, 8, UNTIL_MS), 2);
    size_t sum = 0;
    ssize_t n;
    while ((n = gost_stream_read(side->stream[0], bytes, 65535)) > 0)
        sum += (size_t)n;
    CHECK_INT(n, GOST_EPROTO);
    CHECK_STR(gost_diag_text(GOST_EPROTO), "the peer sent more than the stream's window");
    CHECK_INT(sum, 5 * 65535);
    CHECK_INT(side->mux->held, 0);
    CHECK_INT(side->mux->faults, 1);
    free(bytes);
    mux_side_delete(side);
    gost_stream_close(raw);
}

FIBER_TEST(signs_of_life_are_sent_and_missed)
{
    struct gost_stream *raw;
    struct gost_mux_options o = {.version = 2, .keepalive_interval = 20, .keepalive_timeout = 60000};
    struct mux_side *side = against(&o, true, &raw);
    MUX_EXPECT(raw, "0203 0000 00000000 0203 0000 00000000");
    side->mux->heard_at -= 60000;
    NET_AWAIT(side->ended == 1);
    CHECK_INT(side->rc, GOST_ETIMEDOUT);
    CHECK_STR(side->story, "smux session: the peer gave no sign of life for 60 s");
    mux_side_delete(side);
    gost_stream_close(raw);
}

FIBER_TEST(keepalive_can_be_turned_off)
{
    struct gost_stream *raw;
    struct gost_mux_options o = {.keepalive_interval = 1, .keepalive_disabled = true};
    struct mux_side *side = against(&o, true, &raw);
    mux_silent(raw);
    CHECK(!gost_timer_active(&side->mux->timer));
    mux_side_delete(side);
    gost_stream_close(raw);
}

FIBER_TEST(yamux_pings_and_answers_pings)
{
    struct gost_stream *raw;
    struct gost_mux_options o = {.type = GOST_MUX_YAMUX, .keepalive_interval = 20};
    struct mux_side *side = against(&o, true, &raw);
    MUX_EXPECT(raw, "00020001 00000000 00000000");
    mux_feed(raw, "00020002 00000000 00000000");
    MUX_EXPECT(raw, "00020001 00000000 00000001");
    side->mux->keepalive = false;
    mux_feed(raw, "00020001 00000000 deadbeef");
    MUX_EXPECT(raw, "00020002 00000000 deadbeef");
    side->mux->keepalive = true;
    side->mux->pinged = gost_now() - 10000;
    side->mux->heard_at = side->mux->pinged - 1;
    gost__mux_arm(side->mux);
    NET_AWAIT(side->ended == 1);
    CHECK_INT(side->rc, GOST_ETIMEDOUT);
    mux_side_delete(side);
    gost_stream_close(raw);
}

FIBER_TEST(yamux_half_closes_both_ways)
{
    struct gost_stream *raw;
    struct mux_side *side = against(&mux_yamux, false, &raw);
    char text[8];
    mux_feed(raw, "00010001 00000001 00000000 00000000 00000001 00000003 616263"
                  "00010004 00000001 00000000");
    MUX_EXPECT(raw, "00010002 00000001 00000000");
    struct gost_stream *s = mux_taken(side, 0);
    CHECK_INT(gost_io_read(s, text, 8, UNTIL_MS), 3);
    CHECK_INT(gost_io_read(s, text, 8, UNTIL_MS), 0);
    CHECK_INT(gost_io_write(s, "xyz", 3, UNTIL_MS), 0);
    MUX_EXPECT(raw, "00000000 00000001 00000003 78797a");
    CHECK_INT(gost_io_shutdown(s, UNTIL_MS), 0);
    MUX_EXPECT(raw, "00010004 00000001 00000000");
    CHECK_INT(gost_stream_write(s, "x", 1), -EPIPE);
    gost_stream_close(s);
    mux_silent(raw);
    CHECK_INT(side->mux->count, 0);
    mux_side_delete(side);
    gost_stream_close(raw);
}

FIBER_TEST(yamux_keeps_a_closed_stream_until_the_peer_ends_it)
{
    struct gost_stream *raw;
    struct mux_side *side = against(&mux_yamux, true, &raw);
    struct gost_stream *s = mux_opened(side), *t = mux_opened(side);
    MUX_EXPECT(raw, "00010001 00000001 00000000 00010001 00000003 00000000");
    mux_feed(raw, "00010002 00000001 00000000");
    gost_stream_close(s);
    gost_stream_close(t);
    MUX_EXPECT(raw, "00010004 00000001 00000000 00010004 00000003 00000000");
    mux_feed(raw, "00000000 00000001 00000003 616263");
    mux_silent(raw);
    CHECK_INT(side->mux->count, 2);
    CHECK_INT(side->mux->unanswered, 1);
    CHECK_INT(gost_mux_count(side->mux), 0);
    mux_feed(raw, "00010004 00000001 00000000");
    NET_AWAIT(side->mux->count == 1);
    gost__mux_find(side->mux, 3)->touched -= GOST__MUX_FAREWELL_MS; /* … or long enough */
    side->mux->sweep_at = gost_now();
    gost_timer_start(&side->mux->timer, gost_now());
    MUX_EXPECT(raw, "00010008 00000003 00000000");
    CHECK_INT(side->mux->count, 0);
    CHECK_INT(side->mux->unanswered, 0);
    mux_side_delete(side);
    gost_stream_close(raw);
}

FIBER_TEST(yamux_resets_a_closed_stream_whose_peer_had_more_to_say)
{
    struct gost_stream *raw;
    struct mux_side *side = against(&mux_yamux, true, &raw);
    struct gost_stream *s = mux_opened(side), *t = mux_opened(side);
    uint8_t *bytes = calloc(1, GOST__MUX_LATE_MAX + 1);
    mux_feed(raw, "00000002 00000001 00000003 616263 00000002 00000003 00000000");
    MUX_EXPECT(raw, "00010001 00000001 00000000 00010001 00000003 00000000");
    mux_silent(raw);
    gost_stream_close(s); /* with unread bytes: who knows how many wait behind them */
    gost_stream_close(t);
    MUX_EXPECT(raw, "00010004 00000001 00000000 00010004 00000003 00000000");
    gost__mux_find(side->mux, 1)->touched -= GOST__MUX_LATE_MS;
    side->mux->sweep_at = gost_now();
    gost_timer_start(&side->mux->timer, gost_now());
    MUX_EXPECT(raw, "00010008 00000001 00000000");
    CHECK_INT(side->mux->count, 1);
    mux_feed(raw, "00000000 00000003 00010001"); /* and one that goes on and on */
    CHECK_INT(gost_io_write(raw, bytes, GOST__MUX_LATE_MAX + 1, UNTIL_MS), 0);
    MUX_EXPECT(raw, "00010008 00000003 00000000");
    CHECK_INT(side->mux->count, 0);
    free(bytes);
    mux_silent(raw);
    CHECK_INT(gost_mux_error(side->mux), 0);
    mux_side_delete(side);
    gost_stream_close(raw);
}

FIBER_TEST(yamux_hears_of_resets_and_farewells)
{
    struct gost_stream *raw;
    struct mux_side *side = against(&mux_yamux, true, &raw);
    struct gost_stream *s = mux_opened(side), *t = mux_opened(side), *u;
    char text[8];
    MUX_EXPECT(raw, "00010001 00000001 00000000 00010001 00000003 00000000");
    mux_feed(raw, "00000002 00000001 00000003 616263 00010008 00000001 00000000");
    CHECK_INT(gost_io_read(s, text, 8, UNTIL_MS), 3);
    CHECK_INT(gost_io_read(s, text, 8, UNTIL_MS), -ECONNRESET);
    CHECK_STR(gost_diag_text(-ECONNRESET), "the peer reset the stream");
    gost_stream_close(s);
    mux_feed(raw, "00030000 00000000 00000000");
    NET_AWAIT(side->mux->peer_is_done);
    CHECK_INT(gost_mux_open(side->mux, &u), GOST_EOF);
    CHECK_INT(gost_io_write(t, "go on", 5, UNTIL_MS), 0);
    MUX_EXPECT(raw, "00000000 00000003 00000005 676f206f6e");
    gost_stream_close(t);
    mux_side_delete(side);
    gost_stream_close(raw);
}

FIBER_TEST(yamux_holds_openings_back_until_the_peer_answers_others)
{
    struct gost_stream *raw, *s[GOST__MUX_UNANSWERED], *late, *never;
    struct mux_side *side = against(&mux_yamux, true, &raw);
    uint8_t head[12];
    for (unsigned i = 0; i < GOST__MUX_UNANSWERED; i++)
        s[i] = mux_opened(side);
    CHECK_INT(gost_mux_open_with(side->mux, "first", 5, &late), 0);
    never = mux_opened(side);
    CHECK_INT(gost_stream_write(late, "x", 1), GOST_WANT_WRITE);
    CHECK_INT(gost_stream_shutdown(never), GOST_WANT_WRITE);
    for (unsigned i = 0; i < GOST__MUX_UNANSWERED; i++)
        CHECK_INT(gost_io_read_exact(raw, head, 12, UNTIL_MS), 0);
    mux_silent(raw);
    gost_stream_close(never); /* nobody has heard of it: no goodbye */
    mux_feed(raw, "00010002 00000001 00000000");
    MUX_EXPECT(raw, "00010001 00000201 00000000 00000000 00000201 00000005 6669727374");
    CHECK_INT(gost_io_write(late, "x", 1, UNTIL_MS), 0);
    MUX_EXPECT(raw, "00000000 00000201 00000001 78");
    mux_silent(raw);
    for (unsigned i = 0; i < GOST__MUX_UNANSWERED; i++)
        gost_stream_close(s[i]);
    gost_stream_close(late);
    mux_side_delete(side);
    gost_stream_close(raw);
}

FIBER_TEST(a_new_streams_first_bytes_do_not_wait_for_a_full_carrier)
{
    struct gost_stream *io, *raw, *s;
    uint8_t *bytes = calloc(1, 100000);
    CHECK_INT(gost_pair_new(1000, &io, &raw), 0);
    struct mux_side *side = mux_side_new(io, &mux_smux1, false);
    struct gost_stream *busy = mux_opened(side);
    while (gost_stream_write(busy, bytes, 100000) > 0)
        ;
    CHECK(side->mux->blocked);
    CHECK_INT(gost_mux_open_with(side->mux, "first", 5, &s), 0);
    size_t waits = side->mux->out.len;
    CHECK(waits > 13 && memcmp(side->mux->out.data + waits - 5, "first", 5) == 0);
    while (side->mux->out.len < GOST__MUX_REPLY_MAX) /* but they do not grow without bound */
        gost__mux_control(side->mux, 4096);
    CHECK_INT(gost_mux_open_with(side->mux, "first", 5, &(struct gost_stream *){NULL}), GOST_ELIMIT);
    free(bytes);
    gost_stream_close(s);
    gost_stream_close(busy);
    mux_side_delete(side);
    gost_stream_close(raw);
}

FIBER_TEST(yamux_gives_window_back_by_halves)
{
    struct gost_stream *raw;
    struct gost_mux_options o = {.type = GOST_MUX_YAMUX, .max_window = 300000};
    struct mux_side *side = against(&o, false, &raw);
    uint8_t *bytes = calloc(1, 200000);
    mux_feed(raw, "00010001 00000001 00000000");
    MUX_EXPECT(raw, "00010002 00000001 000093e0"); /* 300000 - 262144 */
    mux_feed(raw, "00000000 00000001 000249ef");   /* 149999 */
    CHECK_INT(gost_io_write(raw, bytes, 149999, UNTIL_MS), 0);
    CHECK_INT(gost_io_read_exact(side->stream[0], bytes, 149999, UNTIL_MS), 0);
    mux_silent(raw);
    mux_feed(raw, "00000000 00000001 00000001 61");
    CHECK_INT(gost_io_read_exact(side->stream[0], bytes, 1, UNTIL_MS), 0);
    MUX_EXPECT(raw, "00010000 00000001 000249f0");
    free(bytes);
    mux_side_delete(side);
    gost_stream_close(raw);
}

FIBER_TEST(a_flood_of_streams_is_bounded)
{
    struct gost_stream *raw;
    struct mux_side *side = against(&mux_smux1, false, &raw);
    uint8_t frame[8], *bytes = malloc(70000 * 8);
    mux_hex("0100 0000 00000000", frame);
    for (uint32_t i = 0; i < 70000; i++) {
        memcpy(bytes + i * 8, frame, 8);
        memcpy(bytes + i * 8 + 4, &i, 4);
    }
    CHECK_INT(gost_io_write(raw, bytes, 70000 * 8, UNTIL_MS), 0);
    size_t refused = 0;
    while (refused < 70000 - GOST_MUX_STREAMS_MAX) {
        CHECK_INT(gost_io_read_exact(raw, bytes, 8, UNTIL_MS), 0);
        CHECK_INT(bytes[1], 1);
        refused++;
    }
    NET_AWAIT(side->streams == GOST_MUX_STREAMS_MAX);
    mux_silent(raw);
    CHECK_INT(gost_mux_count(side->mux), GOST_MUX_STREAMS_MAX);
    CHECK_INT(side->mux->faults, 70000 - GOST_MUX_STREAMS_MAX); /* and two or three log lines */
    CHECK(side->mux->fault_at > gost_now());
    free(bytes);
    mux_side_delete(side);
    gost_stream_close(raw);
}

FIBER_TEST(a_peer_that_may_open_nothing_is_refused)
{
    static const struct gost_mux_events none = {NULL, NULL, NULL};
    struct gost_stream *io, *raw;
    struct gost_mux *m;
    CHECK_INT(gost_pair_new(1000, &io, &raw), 0);
    CHECK_INT(gost_mux_new(&io, &mux_smux1, true, &none, NULL, &m), 0);
    mux_feed(raw, "0100 0000 02000000 0102 0100 02000000 61");
    MUX_EXPECT(raw, "0101 0000 02000000");
    mux_silent(raw);
    gost_mux_close(m);
    gost_stream_close(raw);
}

FIBER_TEST(numbers_run_out)
{
    struct gost_stream *raw, *s;
    struct mux_side *side = against(&mux_smux1, true, &raw);
    side->mux->next_id = UINT32_MAX - 2;
    s = mux_opened(side);
    MUX_EXPECT(raw, "0100 0000 fdffffff");
    gost_stream_close(s);
    CHECK_INT(gost_mux_open(side->mux, &s), GOST_ELIMIT);
    CHECK_INT(gost_mux_error(side->mux), 0);
    mux_side_delete(side);
    gost_stream_close(raw);
}

TEST(settings_that_cannot_work_are_refused)
{
    struct {
        struct gost_mux_options o;
        const char *story;
    } bad[] = {
        {{.version = 3}, "mux.version 3: smux has versions 1 and 2"},
        {{.keepalive_interval = 31000},
         "mux.keepaliveTimeout must not be less than mux.keepaliveInterval"},
        {{.max_frame = 65536}, "mux.maxFrameSize must not exceed 65535"},
        {{.max_receive = 1000, .max_stream = 1001},
         "mux.maxStreamBuffer must not exceed mux.maxReceiveBuffer"},
        {{.type = GOST_MUX_YAMUX, .max_window = 262143},
         "mux.maxStreamWindow must be at least 262144"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_INT(gost_mux_options_check(&bad[i].o), GOST_ECONFIG);
        CHECK_STR(gost_diag_text(GOST_ECONFIG), bad[i].story);
    }
    struct gost_mux_options zero = {0},
                            off = {.keepalive_interval = 31000, .keepalive_disabled = true};
    CHECK_INT(gost_mux_options_check(&zero), 0);
    CHECK_INT(gost_mux_options_check(&off), 0);
}

static bool is_gone(struct gost_stream *s)
{
    bool gone = false;
    CHECK_INT(gost_stream_query(s, GOST_QUERY_GONE, &gone), 0);
    return gone;
}

FIBER_TEST(smux_half_closes_with_a_peer_that_says_it_understands)
{
    struct gost_stream *raw;
    struct mux_side *side = against(&mux_smux1, true, &raw);
    struct gost_stream *s = mux_opened(side), *t = mux_opened(side);
    char got[8];
    CHECK_INT(gost_stream_shutdown(s), GOST_ENOTSUP);
    CHECK_INT(gost_stream_shutdown(s), GOST_ENOTSUP);
    CHECK_INT(gost_stream_write(s, "x", 1), -EPIPE);
    MUX_EXPECT(raw, "0100 0000 03000000 0100 0000 05000000 0103 0000 03000000");
    mux_feed(raw, "0103 0000 68616c66"); /* understood */
    NET_AWAIT(gost_stream_shutdown(s) == 0);
    CHECK_INT(gost_stream_shutdown(t), 0); /* from now on it is not asked any more */
    MUX_EXPECT(raw, "0103 0000 05000000");
    mux_feed(raw, "0102 0300 03000000 616263");
    CHECK_INT(gost_io_read(s, got, sizeof(got), UNTIL_MS), 3);
    CHECK(!is_gone(s));
    mux_feed(raw, "0103 0000 03000000");
    MUX_EXPECT(raw, "0103 0000 68616c66"); /* nor asks the peer again */
    CHECK_INT(gost_io_read(s, got, sizeof(got), UNTIL_MS), 0);
    CHECK(!is_gone(s));
    gost_stream_close(s);
    gost_stream_close(t);
    MUX_EXPECT(raw, "0101 0000 03000000 0101 0000 05000000");
    mux_silent(raw);
    mux_side_delete(side);
    gost_stream_close(raw);
}

FIBER_TEST(smux_has_no_half_close_with_a_peer_that_is_silent_about_it)
{
    struct gost_stream *raw;
    struct mux_side *side = against(&mux_smux2, true, &raw);
    struct gost_stream *s = mux_opened(side), *t = mux_opened(side);
    char got[8];
    CHECK_INT(gost_stream_shutdown(s), GOST_ENOTSUP);
    mux_feed(raw, "0202 0300 03000000 616263 0203 0000 00000000"); /* as GOST goes on */
    CHECK_INT(gost_io_read(s, got, sizeof(got), UNTIL_MS), 3);
    CHECK_INT(gost_stream_shutdown(s), GOST_ENOTSUP);
    CHECK_INT(gost_stream_shutdown(t), GOST_ENOTSUP);
    mux_side_delete(side);
    gost_stream_close(s);
    gost_stream_close(t);
    gost_stream_close(raw);
}

FIBER_TEST(smux_goes_on_writing_after_the_peers_half_close_and_not_after_its_fin)
{
    struct gost_stream *raw;
    struct mux_side *side = against(&mux_smux2, false, &raw);
    char got[8];
    mux_feed(raw,
             "0200 0000 03000000 0202 0200 03000000 6869 0203 0000 03000000 0203 0000 07000000");
    NET_AWAIT(side->streams == 1);
    struct gost_stream *s = side->stream[0];
    MUX_EXPECT(raw, "0203 0000 68616c66");
    CHECK_INT(gost_io_read(s, got, sizeof(got), UNTIL_MS), 2);
    CHECK_INT(gost_io_read(s, got, sizeof(got), UNTIL_MS), 0);
    CHECK(!is_gone(s));
    CHECK_INT(gost_io_write(s, "abc", 3, UNTIL_MS), 0);
    MUX_EXPECT(raw, "0202 0300 03000000 616263");
    mux_feed(raw, "0201 0000 03000000");
    NET_AWAIT(is_gone(s));
    CHECK_INT(gost_stream_write(s, "x", 1), -EPIPE);
    mux_silent(raw);
    CHECK_INT(gost_mux_error(side->mux), 0);
    mux_side_delete(side);
    gost_stream_close(raw);
}

FIBER_TEST(a_stream_says_what_it_has_room_for)
{
    struct gost_stream *raw;
    struct mux_side *side = against(&mux_smux2, true, &raw);
    struct gost_stream *s = mux_opened(side);
    uint8_t *bytes = calloc(1, 262144);
    size_t room = 0;
    CHECK_INT(gost_stream_query(s, GOST_QUERY_ROOM, &room), 0);
    CHECK_INT(room, 262144);
    CHECK_INT(gost_io_write(s, bytes, 262144, UNTIL_MS), 0);
    CHECK_INT(gost_stream_query(s, GOST_QUERY_ROOM, &room), 0);
    CHECK_INT(room, 0);
    CHECK(mux_inside(s)->starved); /* asking is as good as trying: it will be woken */
    mux_feed(raw, "0204 0800 03000000 00000400 00000100");
    NET_AWAIT(!mux_inside(s)->starved);
    CHECK_INT(gost_stream_query(s, GOST_QUERY_ROOM, &room), 0);
    CHECK_INT(room, 65536);
    mux_feed(raw, "0201 0000 03000000"); /* better try, and hear why not */
    NET_AWAIT(is_gone(s));
    CHECK_INT(gost_stream_query(s, GOST_QUERY_ROOM, &room), 0);
    CHECK(room == SIZE_MAX);
    free(bytes);
    gost_stream_close(s);
    mux_side_delete(side);
    gost_stream_close(raw);
}

FIBER_TEST(a_stream_lends_what_was_received)
{
    struct gost_stream *raw;
    struct mux_side *side = against(&mux_smux2, false, &raw);
    struct iovec iov[4];
    char got[8];
    mux_feed(raw, "0200 0000 03000000 0202 0300 03000000 616263 0202 0300 03000000 646566");
    NET_AWAIT(side->streams == 1 && mux_inside(side->stream[0])->in.len == 6);
    struct gost_stream *s = side->stream[0];
    CHECK_INT(gost_stream_peek(s, iov, 4), 1);
    CHECK(iov[0].iov_len == 6 && memcmp(iov[0].iov_base, "abcdef", 6) == 0);
    gost_stream_skip(s, 4);
    CHECK_INT(gost_io_read(s, got, sizeof(got), UNTIL_MS), 2);
    CHECK(memcmp(got, "ef", 2) == 0);
    CHECK_INT(gost_stream_peek(s, iov, 4), 0);
    CHECK_INT(side->mux->held, 0);
    MUX_EXPECT(raw, "0204 0800 03000000 04000000 00000100"); /* the first report */
    CHECK_INT(gost_stream_unread(s, "xy", 2), 0); /* pushed back: that is to be read first */
    CHECK_INT(gost_stream_peek(s, iov, 4), 0);
    mux_side_delete(side);
    gost_stream_close(raw);
}

TEST(idle_sessions_and_streams_are_small)
{
    CHECK(sizeof(struct gost__mux_stream) < 300);
    CHECK(sizeof(struct gost_mux) < 1024);
}

RUN_TESTS()
