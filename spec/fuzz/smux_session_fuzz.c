/*
 * A whole session (smux or yamux) against a peer that sends anything, in pieces of any size, while
 * its streams are read, written and closed at any time.
 */
#include "core/base/log.h"
#include "core/net/linger.h"
#include "core/net/pair.h"
#include "core/transport/mux_int.h"
#include "fuzz.h"

enum { STREAMS = 64, STEPS_MAX = 200 };

struct side {
    struct gost_stream *stream[STREAMS];
    struct gost_mux *mux;
};

static struct gost_loop loop;

static void on_stream(struct gost_mux *m, struct gost_stream **s)
{
    struct side *side = gost_mux_user(m);
    for (int i = 0; i < STREAMS; i++) {
        if (!side->stream[i]) {
            side->stream[i] = *s;
            return;
        }
    }
    gost_stream_close(*s);
}

static void on_end(struct gost_mux *m)
{
    struct side *side = gost_mux_user(m);
    side->mux = NULL;
    REQUIRE(gost_mux_error(m) < 0);
    gost_mux_release(m);
}

static const struct gost_mux_events events = {.on_stream = on_stream, .on_end = on_end};

/* What must hold between turns. */
static void check(struct gost_mux *m)
{
    struct gost__mux_stream *s, *next = NULL;
    uint32_t at = 0, count = 0, unanswered = 0;
    uint64_t held = 0;
    while ((s = gost__mux_each(m, &at, &next))) {
        count++;
        held += s->in.len;
        unanswered += s->unanswered;
        REQUIRE(s->fresh_len == 0 || m->batch);
        REQUIRE(gost__mux_find(m, s->id) == s);
        REQUIRE(s->in.len <= (uint64_t)GOST__MUX_READ_MAX + m->max_receive);
    }
    REQUIRE(count == m->count && held == m->held && unanswered == m->unanswered);
    REQUIRE(m->live + m->accepted_count <= m->count);
    REQUIRE(m->grown >= 0 && m->unanswered <= GOST__MUX_UNANSWERED);
    REQUIRE(m->out.len <= GOST__MUX_OUT_MAX);
}

/* Ask for room, and take some of what is lent. */
static void borrow(struct gost_stream *s, size_t most)
{
    struct iovec iov[4];
    size_t room, all = 0;
    REQUIRE(gost_stream_query(s, GOST_QUERY_ROOM, &room) == 0);
    int count = gost_stream_peek(s, iov, 4);
    for (int i = 0; i < count; i++) {
        REQUIRE(iov[i].iov_len > 0);
        volatile const char *last = (const char *)iov[i].iov_base + iov[i].iov_len - 1;
        (void)*last;
        all += iov[i].iov_len;
    }
    if (all > 0)
        gost_stream_skip(s, all < most ? all : most);
}

static void act(struct side *side, uint8_t what, struct gost_stream *raw)
{
    static char room[70000];
    struct gost_stream **s = &side->stream[what % 8];
    switch (what >> 5) {
    case 0:
        if (side->mux && !*s)
            gost_mux_open_with(side->mux, room, what & 8 ? 5 : 0, s);
        break;
    case 1:
        gost_stream_close(*s);
        *s = NULL;
        break;
    case 2:
        if (*s)
            borrow(*s, what & 8 ? 1 : sizeof(room));
        break;
    case 3:
        if (*s)
            gost_stream_read(*s, room, what & 8 ? 1 : sizeof(room));
        break;
    case 4:
        if (*s)
            gost_stream_write(*s, room, what & 8 ? 1 : sizeof(room));
        break;
    case 5:
        if (*s)
            gost_stream_shutdown(*s);
        break;
    case 6: /* the peer reads */
        gost_stream_read(raw, room, sizeof(room));
        break;
    default:
        if (what == 0xff && side->mux) {
            gost_mux_release(side->mux);
            side->mux = NULL;
        }
        gost_loop_step(&loop, 0);
    }
}

static void run(struct side *side, struct gost_stream *raw, const uint8_t *p, size_t n)
{
    for (int steps = 0; n > 1 && steps < STEPS_MAX; steps++) {
        size_t part = (size_t)(p[0] & 0x1f) * (p[0] & 0x80 ? 100 : 1) + 1;
        uint8_t what = p[1];
        p += 2;
        n -= 2;
        part = part < n ? part : n;
        ssize_t put = part > 0 ? gost_stream_write(raw, p, part) : 0;
        if (put > 0) {
            p += put;
            n -= (size_t)put;
        }
        gost_loop_step(&loop, 0);
        act(side, what, raw);
        if (side->mux)
            check(side->mux);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct side side = {.mux = NULL};
    struct gost_stream *io, *raw;
    if (size < 2)
        return 0;
    if (!gost_loop_self()) {
        gost_log_default.level = GOST_LOG_OFF;
        REQUIRE(gost_loop_create(&loop) == 0);
        gost_loop_enter(&loop);
    }
    struct gost_mux_options o = {.type = data[0] % 3 == 2 ? GOST_MUX_YAMUX : GOST_MUX_SMUX,
                                 .version = data[0] % 3 == 0 ? 1 : 2,
                                 .max_receive = data[0] & 0x40 ? 2000 : 0,
                                 .backlog = data[0] & 0x20 ? 1 : 0};
    REQUIRE(gost_pair_new(data[0] & 0x10 ? 100 : 100000, &io, &raw) == 0);
    REQUIRE(gost_mux_new(&io, &o, data[0] & 0x80, &events, &side, &side.mux) == 0);
    run(&side, raw, data + 1, size - 1);
    for (int i = 0; i < 3; i++)
        gost_loop_step(&loop, 0);
    for (int i = 0; i < STREAMS; i++)
        gost_stream_close(side.stream[i]);
    if (side.mux)
        gost_mux_close(side.mux);
    gost_mux_cleanup();
    gost_linger_cleanup();
    gost_stream_close(raw);
    gost_loop_step(&loop, 0);
    return 0;
}
