/* Fibers on streams: whole messages over awkward streams, deadlines, cancellation, bytes given
 * back. */
#include "core/net/io.h"

#include "spec/c/net_support.h"

static uint64_t soon(void)
{
    return gost_now() + NET_PATIENCE_MS;
}

/* --- a message format: a length byte and so many bytes -----------------------------------------
 */

struct message {
    const uint8_t *body;
    size_t len;
};

static ssize_t decode(void *out, const uint8_t *p, size_t n)
{
    struct message *m = out;
    if (n > 0 && p[0] == 0xff)
        return gost_fail(GOST_EPROTO, "length 255");
    if (n < 1 || n < 1u + p[0])
        return 0;
    *m = (struct message){.body = p + 1, .len = p[0]};
    return (ssize_t)m->len + 1;
}

static const uint8_t wire[] = "\x03"
                              "abc"
                              "\x00"
                              "\x05"
                              "hello"
                              "the rest";

/* Read the three messages, then the rest, from whatever stream. */
static void read_messages(struct gost_stream *s)
{
    static const char *const want[] = {"abc", "", "hello"};
    uint8_t room[64];
    char rest[8];
    struct message m;
    for (int i = 0; i < 3; i++) {
        CHECK_INT(gost_io_decode(s, decode, &m, room, sizeof(room), soon()), strlen(want[i]) + 1);
        CHECK(m.len == strlen(want[i]) && memcmp(m.body, want[i], m.len) == 0);
    }
    CHECK_INT(gost_io_read_exact(s, rest, 8, soon()), 0);
    CHECK(memcmp(rest, "the rest", 8) == 0);
    CHECK_INT(gost_io_decode(s, decode, &m, room, sizeof(room), soon()), 0); /* the end */
    gost_stream_close(s);
}

struct feed {
    struct gost_stream *to;
    size_t split, n;
};

static void feed(void *arg)
{
    struct feed *f = arg;
    CHECK_INT(gost_io_write(f->to, wire, f->split, soon()), 0);
    gost_fiber_sleep(1);
    CHECK_INT(gost_io_write(f->to, wire + f->split, f->n - f->split, soon()), 0);
    gost_stream_close(f->to);
}

FIBER_TEST(messages_split_anywhere)
{
    for (size_t split = 0; split < sizeof(wire); split++) {
        struct gost_stream *a, *b;
        gost_pair_new(1000, &a, &b);
        struct feed f = {a, split, sizeof(wire) - 1};
        gost_fiber_spawn("feed", feed, &f);
        read_messages(b);
        NET_AWAIT(gost_fiber_count() == 1);
    }
}

FIBER_TEST(messages_over_awkward_streams)
{
    static const struct knobs kinds[] = {{.read_max = 1},
                                         {.false_want = 2},
                                         {.false_want = 3, .read_max = 2},
                                         {.false_want = 2, .read_max = 1, .write_max = 1}};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct gost_stream *a, *b;
        gost_pair_new(7, &a, &b);
        struct feed f = {net_knobs(a, kinds[i]), 9, sizeof(wire) - 1};
        gost_fiber_spawn("feed", feed, &f);
        read_messages(net_knobs(b, kinds[i]));
        NET_AWAIT(gost_fiber_count() == 1);
    }
}

static ssize_t decode_bytes(const char *bytes, size_t n, size_t room_size)
{
    struct gost_stream *a, *b;
    uint8_t room[64];
    struct message m;
    gost_pair_new(100, &a, &b);
    gost_stream_write(a, bytes, n);
    gost_stream_close(a);
    ssize_t rc = gost_io_decode(b, decode, &m, room, room_size, soon());
    gost_stream_close(b);
    return rc;
}

FIBER_TEST(broken_messages)
{
    CHECK_INT(decode_bytes("\x05hel", 4, 64), GOST_EOF);
    CHECK_STR(gost_diag_text(GOST_EOF), "the peer closed inside a message");
    CHECK_INT(decode_bytes("\xff", 1, 64), GOST_EPROTO);
    CHECK_INT(decode_bytes("\x09too long!", 10, 9), GOST_ELIMIT);
    CHECK_INT(decode_bytes("\x08just fit", 9, 9), 9);
}

/* --- reading and writing ------------------------------------------------------------------------
 */

struct carry {
    struct gost_stream *s;
    uint64_t bytes;
    int rc;
};

static void write_much(void *arg)
{
    struct carry *c = arg;
    uint8_t chunk[1000];
    for (uint64_t at = 0; at < c->bytes && c->rc == 0; at += sizeof(chunk)) {
        net_fill(chunk, at, sizeof(chunk));
        c->rc = gost_io_write(c->s, chunk, sizeof(chunk), soon());
    }
    if (c->rc == 0)
        c->rc = gost_io_shutdown(c->s, soon());
}

FIBER_TEST(bytes_arrive_whole_over_awkward_streams)
{
    static const struct knobs kinds[] = {{0},
                                         {.write_max = 1},
                                         {.hold = 700},
                                         {.hold = 33, .false_want = 2},
                                         {.write_max = 3, .read_max = 2, .false_want = 5}};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct gost_stream *a, *b;
        uint8_t chunk[250];
        gost_pair_new(100 + i, &a, &b);
        struct carry c = {.s = net_knobs(a, kinds[i]), .bytes = 20000};
        gost_fiber_spawn("writer", write_much, &c);
        b = net_knobs(b, kinds[i]);
        for (uint64_t at = 0; at < c.bytes; at += sizeof(chunk)) {
            CHECK_INT(gost_io_read_exact(b, chunk, sizeof(chunk), soon()), 0);
            CHECK(net_matches(chunk, at, sizeof(chunk)));
        }
        CHECK_INT(gost_io_read(b, chunk, 1, soon()), 0);
        CHECK_INT(gost_io_read_exact(b, chunk, 1, soon()), GOST_EOF);
        CHECK_INT(c.rc, 0);
        NET_AWAIT(gost_fiber_count() == 1);
        gost_stream_close(c.s);
        gost_stream_close(b);
    }
}

FIBER_TEST(waits_end_at_the_deadline_and_leave_the_stream_open)
{
    struct gost_stream *a, *b;
    char buf[20] = {0};
    gost_pair_new(10, &a, &b);
    CHECK_INT(gost_io_read(a, buf, 1, gost_now() + 5), GOST_ETIMEDOUT);
    CHECK_INT(gost_io_write(a, buf, 20, gost_now() + 5), GOST_ETIMEDOUT);
    CHECK_INT(gost_io_read_exact(b, buf, 11, gost_now() + 5), GOST_ETIMEDOUT);
    CHECK_INT(gost_io_read(a, buf, 1, gost_now()), GOST_ETIMEDOUT); /* it does not even suspend */
    CHECK_INT(gost_io_write(b, "ok", 2, soon()), 0);
    CHECK_INT(gost_io_read(a, buf, 20, gost_now()), 2); /* what is there needs no time */
    gost_stream_close(a);
    gost_stream_close(b);
}

static void read_for_ever(void *arg)
{
    struct carry *c = arg;
    char byte;
    c->rc = (int)gost_io_read(c->s, &byte, 1, GOST_NEVER);
    if (c->rc == GOST_ECANCELED) /* and every later call, even with bytes at hand */
        CHECK_INT(gost_io_read(c->s, &byte, 1, GOST_NEVER), GOST_ECANCELED);
}

FIBER_TEST(canceled_reader_ends)
{
    struct gost_stream *a, *b;
    gost_pair_new(10, &a, &b);
    struct carry c = {.s = a};
    struct gost_fiber *f = gost_fiber_spawn("reader", read_for_ever, &c);
    gost_fiber_ref(f);
    gost_fiber_yield();
    gost_fiber_cancel(f);
    CHECK_INT(gost_fiber_join(f, soon()), 0);
    CHECK_INT(c.rc, GOST_ECANCELED);
    gost_fiber_unref(f);
    CHECK_INT(gost_io_write(b, "x", 1, soon()), 0); /* nobody is woken in vain */
    gost_fiber_sleep(2);
    gost_stream_close(a);
    gost_stream_close(b);
}

static void nag(void *arg)
{
    while (gost_fiber_sleep(1) == 0)
        gost_fiber_wake(arg);
}

FIBER_TEST(stray_wakeups_do_not_end_a_read)
{
    struct gost_stream *a, *b;
    char byte;
    gost_pair_new(10, &a, &b);
    struct gost_fiber *f = gost_fiber_spawn("nag", nag, gost_fiber_self());
    CHECK_INT(gost_io_read(a, &byte, 1, gost_now() + 20), GOST_ETIMEDOUT);
    gost_fiber_cancel(f);
    gost_stream_close(a);
    gost_stream_close(b);
}

/* --- bytes given back --- */

FIBER_TEST(bytes_pushed_back_come_first_and_in_order)
{
    struct gost_stream *a, *b;
    char buf[32];
    int fd;
    gost_pair_new(100, &a, &b);
    CHECK_INT(gost_io_write(a, "-socket", 7, soon()), 0);
    CHECK_INT(gost_stream_unread(b, "two", 3), 0);
    CHECK_INT(gost_stream_unread(b, "one-", 4), 0);
    CHECK_INT(gost_stream_unread(b, NULL, 0), 0);
    CHECK_INT(gost_stream_query(b, GOST_QUERY_FD, &fd), GOST_ENOTSUP);
    b = net_knobs(b, (struct knobs){0}); /* a layer put over it sees them as well */
    CHECK_INT(gost_stream_unread(b, "zero-", 5), 0);
    CHECK_INT(gost_io_read_exact(b, buf, 2, soon()), 0);
    CHECK_INT(gost_stream_unread(b, buf, 2), 0);
    CHECK_INT(gost_io_read_exact(b, buf, 19, soon()), 0);
    CHECK(memcmp(buf, "zero-one-two-socket", 19) == 0);
    CHECK_INT(gost_stream_unread(b, "left", 4), 0);
    gost_stream_close(b); /* frees it */
    gost_stream_close(a);
}

FIBER_TEST(looking_ahead_consumes_nothing)
{
    struct gost_stream *a, *b;
    char buf[8];
    gost_pair_new(100, &a, &b);
    CHECK_INT(gost_io_wait_readable(b, gost_now() + 2), GOST_ETIMEDOUT);
    CHECK_INT(gost_io_write(a, "abc", 3, soon()), 0);
    CHECK_INT(gost_io_wait_readable(b, soon()), 1);
    CHECK_INT(gost_io_peek(b, buf, 2, soon()), 2);
    CHECK(memcmp(buf, "ab", 2) == 0);
    CHECK_INT(gost_io_read_exact(b, buf, 3, soon()), 0);
    CHECK(memcmp(buf, "abc", 3) == 0);
    gost_stream_close(a);
    CHECK_INT(gost_io_wait_readable(b, soon()), 0);
    CHECK_INT(gost_io_peek(b, buf, 8, soon()), 0);
    gost_stream_close(b);
}

FIBER_TEST(errors_of_the_stream_pass_through)
{
    struct gost_stream *a, *b;
    char buf[8] = {0};
    gost_pair_new(100, &a, &b);
    a = net_knobs(a, (struct knobs){.read_fail = 4, .write_fail = 4, .no_half_close = true});
    CHECK_INT(gost_io_open(a, soon()), 0);
    CHECK_INT(gost_io_write(a, buf, 4, soon()), 0);
    CHECK_INT(gost_io_write(a, buf, 4, soon()), -EIO);
    CHECK_STR(gost_diag_text(-EIO), "write: a knob says no");
    CHECK_INT(gost_io_write(b, buf, 4, soon()), 0);
    CHECK_INT(gost_io_read_exact(a, buf, 2, soon()), 0);
    CHECK_INT(gost_io_read_exact(a, buf, 2, soon()), 0);
    CHECK_INT(gost_io_read(a, buf, 2, soon()), -EIO);
    CHECK_INT(gost_io_shutdown(a, soon()), GOST_ENOTSUP);
    gost_stream_close(a);
    gost_stream_close(b);
}

RUN_TESTS()
