/*
 * Two sessions against each other: what many streams carry at once, who waits for whom, how it
 * ends.
 */
#include "spec/c/mux_support.h"

#define UNTIL_MS (gost_now() + NET_PATIENCE_MS)

/* Two sessions over one carrier. */
struct ends {
    struct mux_side *a, *b;
};

static struct ends ends_over(struct gost_stream *one, struct gost_stream *two,
                             const struct gost_mux_options *o)
{
    return (struct ends){mux_side_new(one, o, true), mux_side_new(two, o, false)};
}

static struct ends ends_new(const struct gost_mux_options *o)
{
    struct gost_stream *one, *two;
    CHECK_INT(gost_pair_new(64 * 1024, &one, &two), 0);
    return ends_over(one, two, o);
}

static void ends_delete(struct ends *e)
{
    mux_side_delete(e->a);
    mux_side_delete(e->b);
}

/* --- transfers ---------------------------------------------------------------------------- */

struct plan {
    const struct gost_mux_options *o;
    size_t streams, bytes; /* bytes in each direction of each stream */
    bool tcp;
    struct knobs knobs;
};

/* One end of one stream: a fiber that writes and one that reads. */
struct worker {
    struct gost_stream *s;
    uint64_t base; /* of the text that it writes; the other's is base ^ 1 << 40 */
    size_t bytes;
    uint64_t random;
    int *running;
    bool write_done, read_done;
};

static void worker_check(struct worker *w)
{
    if (!w->write_done || !w->read_done)
        return;
    gost_stream_close(w->s);
    --*w->running;
}

static void write_all(void *arg)
{
    struct worker *w = arg;
    uint8_t *bytes = malloc(100 * 1024);
    for (size_t done = 0; done < w->bytes;) {
        size_t n = net_random(&w->random) % (net_random(&w->random) % 4 ? 2000 : 100 * 1024) + 1;
        n = n < w->bytes - done ? n : w->bytes - done;
        net_fill(bytes, w->base + done, n);
        int rc = gost_io_write(w->s, bytes, n, UNTIL_MS);
        CHECK_INT(rc, 0);
        if (rc != 0)
            break;
        done += n;
        if (net_random(&w->random) % 8 == 0)
            gost_fiber_yield();
    }
    free(bytes);
    w->write_done = true;
    worker_check(w);
}

static void read_all(void *arg)
{
    struct worker *w = arg;
    uint8_t *bytes = malloc(100 * 1024);
    for (size_t done = 0; done < w->bytes;) {
        size_t want = net_random(&w->random) % (100 * 1024) + 1;
        ssize_t n = gost_io_read(w->s, bytes, want, UNTIL_MS);
        CHECK(n > 0);
        if (n <= 0)
            break;
        CHECK(net_matches(bytes, (w->base ^ (uint64_t)1 << 40) + done, (size_t)n));
        done += (size_t)n;
        if (net_random(&w->random) % 8 == 0)
            gost_fiber_yield();
    }
    free(bytes);
    w->read_done = true;
    worker_check(w);
}

static void work(struct worker *w, struct gost_stream *s, size_t i, bool far, const struct plan *p,
                 int *running)
{
    *w = (struct worker){.s = s, .bytes = p->bytes, .random = i * 2 + far, .running = running};
    w->base = ((uint64_t)i << 20) | (uint64_t)far << 40;
    ++*running;
    CHECK(gost_fiber_spawn("writer", write_all, w) != NULL);
    CHECK(gost_fiber_spawn("reader", read_all, w) != NULL);
}

static void transfer(const struct plan *p)
{
    struct gost_stream *one, *two;
    int running = 0;
    struct worker *w = calloc(p->streams * 2, sizeof(*w));
    if (p->tcp)
        mux_tcp_pair(&one, &two);
    else
        CHECK_INT(gost_pair_new(5000, &one, &two), 0);
    one = net_knobs(one, p->knobs);
    two = net_knobs(two, p->knobs);
    struct ends e = ends_over(one, two, p->o);
    for (size_t i = 0; i < p->streams; i++) /* every fourth is opened from the far side */
        work(&w[i], mux_opened(i % 4 == 3 ? e.b : e.a), i, false, p, &running);
    for (size_t a = 0, b = 0; a + b < p->streams;) {
        struct mux_side *side = e.b->streams > b ? e.b : e.a;
        size_t *seen = side == e.b ? &b : &a;
        NET_AWAIT(e.b->streams > b || e.a->streams > a);
        if (side->streams <= *seen)
            continue;
        /* its number in opening order: the far side opens every fourth */
        size_t i = side == e.b ? *seen / 3 * 4 + *seen % 3 : *seen * 4 + 3;
        work(&w[p->streams + i], mux_taken(side, (*seen)++), i, true, p, &running);
    }
    NET_AWAIT(running == 0);
    NET_AWAIT(e.a->mux->count == 0 && e.b->mux->count == 0);
    CHECK_INT(e.a->mux->held, 0);
    NET_AWAIT(e.a->mux->out.base == NULL && e.b->mux->out.base == NULL);
    CHECK(e.a->mux->bucket == NULL);
    ends_delete(&e);
    free(w);
}

static const struct knobs awkward = {.read_max = 1, .write_max = 1, .false_want = 3},
                          lumpy = {.read_max = 777, .write_max = 1001, .false_want = 7},
                          holding = {.hold = 300, .false_want = 5};

static const struct gost_mux_options *const kinds[] = {&mux_smux1, &mux_smux2, &mux_yamux};

#define EACH_KIND(...)                                                                             \
    for (size_t kind_ = 0; kind_ < 3; kind_++) {                                                   \
        struct plan p_ = {.o = kinds[kind_], __VA_ARGS__};                                         \
        transfer(&p_);                                                                             \
    }

FIBER_TEST(one_stream_carries_bytes_both_ways)
{
    EACH_KIND(.streams = 1, .bytes = 3000000);
}

FIBER_TEST(one_stream_over_tcp)
{
    EACH_KIND(.streams = 1, .bytes = 8000000, .tcp = true);
}

FIBER_TEST(a_hundred_streams_carry_bytes_both_ways)
{
    EACH_KIND(.streams = 100, .bytes = 100000);
}

FIBER_TEST(a_hundred_streams_over_tcp)
{
    EACH_KIND(.streams = 100, .bytes = 300000, .tcp = true);
}

FIBER_TEST(a_carrier_that_gives_and_takes_single_bytes)
{
    EACH_KIND(.streams = 3, .bytes = 5000, .knobs = awkward);
}

FIBER_TEST(a_carrier_that_gives_and_takes_pieces)
{
    EACH_KIND(.streams = 20, .bytes = 60000, .knobs = lumpy);
}

FIBER_TEST(a_carrier_that_holds_bytes_until_it_is_flushed)
{
    EACH_KIND(.streams = 5, .bytes = 30000, .knobs = holding);
}

FIBER_TEST(a_session_inside_a_stream_of_another)
{
    struct ends outer = ends_new(&mux_smux2);
    struct gost_stream *s = mux_opened(outer.a);
    NET_AWAIT(outer.b->streams == 1);
    struct ends inner = ends_over(s, mux_taken(outer.b, 0), &mux_yamux);
    struct gost_stream *deep = mux_opened(inner.a);
    char text[8];
    CHECK_INT(gost_io_write(deep, "hello", 5, UNTIL_MS), 0);
    NET_AWAIT(inner.b->streams == 1);
    CHECK_INT(gost_io_read(inner.b->stream[0], text, 8, UNTIL_MS), 5);
    gost_stream_close(deep);
    ends_delete(&inner);
    ends_delete(&outer);
}

/* --- stalls and fairness ------------------------------------------------------------------ */

/* Write until nothing is taken for a while. */
static size_t fill(struct gost_stream *s)
{
    uint8_t *bytes = calloc(1, 65536);
    size_t sent = 0;
    for (int quiet = 0; quiet < 10;) {
        ssize_t n = gost_stream_write(s, bytes, 65536);
        sent += n > 0 ? (size_t)n : 0;
        quiet = n > 0 ? 0 : quiet + 1;
        gost_fiber_sleep(1);
    }
    free(bytes);
    return sent;
}

/* `bytes` from one end to the other while something else stalls. */
static bool passes(struct gost_stream *from, struct gost_stream *to, size_t bytes)
{
    uint8_t *out = malloc(bytes), *in = malloc(bytes);
    size_t sent = 0, got = 0;
    uint64_t until = UNTIL_MS;
    net_fill(out, 7, bytes);
    while (got < bytes && gost_now() < until) {
        ssize_t n = sent < bytes ? gost_stream_write(from, out + sent, bytes - sent) : 0;
        sent += n > 0 ? (size_t)n : 0;
        n = gost_stream_read(to, in + got, bytes - got);
        if (n == 0 || (n < 0 && !gost_is_want(n)))
            break;
        got += n > 0 ? (size_t)n : 0;
        if (n <= 0)
            gost_fiber_sleep(1);
    }
    bool ok = got == bytes && memcmp(in, out, bytes) == 0;
    free(out);
    free(in);
    return ok;
}

static void check_stall(const struct gost_mux_options *o, size_t most)
{
    struct ends e = ends_new(o);
    struct gost_stream *stuck = mux_opened(e.a), *other = mux_opened(e.a);
    NET_AWAIT(e.b->streams == 2);
    CHECK(fill(stuck) <= most);
    CHECK(e.b->mux->held <= most);
    CHECK(passes(other, e.b->stream[1], 3000000));
    CHECK(passes(e.b->stream[1], other, 3000000));
    CHECK(passes(e.b->stream[0], stuck, 300000)); /* and its other direction */
    gost_stream_close(stuck);
    gost_stream_close(other);
    ends_delete(&e);
}

FIBER_TEST(a_reader_that_stalls_stops_nobody_else)
{
    check_stall(&mux_smux2, 262144);
    check_stall(&mux_yamux, 262144); /* never read, so never grown */
}

FIBER_TEST(smux_1_closes_a_stream_that_stalls_the_session)
{
    struct gost_mux_options o = {.version = 1, .max_receive = 300000};
    struct ends e = ends_new(&o);
    struct gost_stream *stuck = mux_opened(e.a), *other = mux_opened(e.a);
    char byte;
    NET_AWAIT(e.b->streams == 2);
    CHECK_INT(gost_io_write(other, "x", 1, UNTIL_MS), 0);
    CHECK_INT(gost_io_read(e.b->stream[1], &byte, 1, UNTIL_MS), 1);
    fill(stuck);
    CHECK(e.b->mux->paused);
    CHECK(e.b->mux->held >= 300000 && e.b->mux->held <= 300000 + GOST__MUX_READ_MAX);
    e.b->mux->heard_at -= 60000; /* silence is not the peer's fault now */
    for (int i = 0; i < 3; i++)
        gost_fiber_sleep(1);
    CHECK_INT(e.b->ended, 0);
    e.b->mux->paused_at -= GOST_MUX_STALL_MS;
    mux_inside(e.b->stream[0])->touched -= GOST_MUX_STALL_MS;
    gost_timer_start(&e.b->mux->timer, gost_now());
    NET_AWAIT(!e.b->mux->paused);
    CHECK(passes(other, e.b->stream[1], 3000000));
    CHECK_INT(gost_io_read(e.b->stream[0], &byte, 1, UNTIL_MS), GOST_ELIMIT);
    CHECK_INT(gost_io_read(stuck, &byte, 1, UNTIL_MS), 0);
    CHECK_INT(gost_stream_write(stuck, "x", 1), -EPIPE);
    gost_stream_close(stuck);
    gost_stream_close(other);
    ends_delete(&e);
}

FIBER_TEST(smux_1_goes_on_when_a_slow_reader_reads)
{
    struct gost_mux_options o = {.version = 1, .max_receive = 100000};
    struct ends e = ends_new(&o);
    struct gost_stream *s = mux_opened(e.a);
    NET_AWAIT(e.b->streams == 1);
    size_t sent = fill(s), got = 0;
    uint8_t *bytes = malloc(65536);
    CHECK(e.b->mux->paused);
    while (got < sent) {
        ssize_t n = gost_io_read(e.b->stream[0], bytes, 65536, UNTIL_MS);
        CHECK(n > 0);
        if (n <= 0)
            break;
        got += (size_t)n;
    }
    CHECK_INT(got, sent);
    free(bytes);
    gost_stream_close(s);
    ends_delete(&e);
}

static void check_growth(const struct gost_mux_options *o)
{
    struct ends e = ends_new(o);
    struct gost_stream *s = mux_opened(e.a);
    NET_AWAIT(e.b->streams == 1);
    CHECK(passes(s, e.b->stream[0], 3000000));
    CHECK_INT(mux_inside(e.b->stream[0])->window, 1 << 20);
    size_t more = fill(s); /* and no further */
    CHECK(more > 1 << 19 && more <= 1 << 20);
    gost_stream_close(s);
    ends_delete(&e);
}

FIBER_TEST(windows_grow_while_they_are_read)
{
    check_growth(&mux_smux2);
    check_growth(&mux_yamux);
}

enum { HOGS = 10 };

/* Somebody who writes as much as a stream takes: on a fiber, or as pumps do, as its waker fires. */
struct hog {
    struct gost_waker waker;
    struct gost_stream *s;
    size_t piece, sent;
    bool *stop;
    int *running;
};

static uint8_t hog_food[200000];

static void hog_on_wake(struct gost_waker *w)
{
    struct hog *h = gost_container_of(w, struct hog, waker);
    ssize_t n;
    while (!*h->stop && (n = gost_stream_write(h->s, hog_food, h->piece)) > 0)
        h->sent += (size_t)n;
}

static void hog_main(void *arg)
{
    struct hog *h = arg;
    while (!*h->stop) {
        hog_on_wake(&h->waker);
        gost_stream_set_waker(h->s, GOST_WRITER, &gost_fiber_self()->waker);
        if (!*h->stop)
            gost_fiber_wait(UNTIL_MS);
        gost_stream_set_waker(h->s, GOST_WRITER, NULL);
    }
    --*h->running;
}

/* Streams 0 to HOGS - 1, written to as much as they take, over a slow carrier. */
struct farm {
    struct ends e;
    struct hog hog[HOGS];
    bool stop;
    int running; /* fibers */
};

static void farm_start(struct farm *f, bool fibers, size_t piece)
{
    struct gost_stream *one, *two;
    CHECK_INT(gost_pair_new(64 * 1024, &one, &two), 0);
    two = net_knobs(two, (struct knobs){.read_max = 8192}); /* a few of these each turn */
    *f = (struct farm){.e = ends_over(one, two, &mux_smux1), .running = fibers ? HOGS : 0};
    for (int i = 0; i < HOGS; i++) {
        struct hog *h = &f->hog[i];
        *h = (struct hog){.waker.fn = hog_on_wake, .s = mux_opened(f->e.a), .piece = piece};
        h->stop = &f->stop;
        h->running = &f->running;
        if (fibers) {
            gost_fiber_spawn("hog", hog_main, h);
        } else {
            gost_stream_set_waker(h->s, GOST_WRITER, &h->waker);
            hog_on_wake(&h->waker);
        }
    }
}

/* Read what has come. @return bytes */
static size_t farm_read(struct farm *f)
{
    static uint8_t bytes[65536];
    size_t total = 0;
    for (size_t i = 0; i < HOGS && i < f->e.b->streams; i++) {
        ssize_t n = gost_stream_read(f->e.b->stream[i], bytes, sizeof(bytes));
        total += n > 0 ? (size_t)n : 0;
    }
    gost_fiber_yield();
    return total;
}

static void farm_end(struct farm *f)
{
    f->stop = true;
    for (int i = 0; i < HOGS; i++)
        gost_waker_fire(mux_inside(f->hog[i].s)->waker[GOST_WRITER]);
    NET_AWAIT(f->running == 0);
    for (int i = 0; i < HOGS; i++)
        gost_stream_close(f->hog[i].s);
    ends_delete(&f->e);
}

static void check_shares(bool fibers, size_t piece)
{
    struct farm f;
    size_t least = SIZE_MAX, most = 0;
    farm_start(&f, fibers, piece);
    for (size_t total = 0; total < 20000000;)
        total += farm_read(&f);
    for (int i = 0; i < HOGS; i++) {
        least = f.hog[i].sent < least ? f.hog[i].sent : least;
        most = f.hog[i].sent > most ? f.hog[i].sent : most;
    }
    CHECK(least > most / 2);
    farm_end(&f);
}

FIBER_TEST(writers_get_equal_shares_of_a_slow_carrier)
{
    check_shares(true, sizeof(hog_food));
    check_shares(true, 1000);
    check_shares(false, sizeof(hog_food));
    check_shares(false, 1000);
}

FIBER_TEST(a_stream_with_little_to_say_does_not_wait_for_all_others)
{
    struct farm f;
    bool done;
    farm_start(&f, false, sizeof(hog_food));
    struct hog small = {.waker.fn = hog_on_wake, .s = mux_opened(f.e.a), .piece = 1, .stop = &done};
    for (size_t total = 0; total < 10000000;)
        total += farm_read(&f);
    for (int i = 0; i < 20; i++) {
        size_t meanwhile = 0, sent;
        for (size_t n = 0; n < 3 * HOGS * GOST__MUX_QUOTA_MAX;) /* it is silent for a while */
            n += farm_read(&f);
        sent = f.hog[0].sent;
        for (int k = 1; k < HOGS; k++)
            sent += f.hog[k].sent;
        small.sent = 0;
        gost_stream_set_waker(small.s, GOST_WRITER, &small.waker);
        done = false;
        if (gost_stream_write(small.s, "x", 1) != 1) {
            while (small.sent == 0)
                farm_read(&f);
        }
        done = true;
        for (int k = 0; k < HOGS; k++)
            meanwhile += f.hog[k].sent;
        CHECK(meanwhile - sent <= 2 * GOST__MUX_QUOTA_MAX);
    }
    gost_stream_close(small.s);
    farm_end(&f);
}

FIBER_TEST(a_writer_that_never_comes_back_holds_nobody_up)
{
    struct ends e = ends_new(&mux_smux1);
    struct gost_stream *lost = mux_opened(e.a), *other = mux_opened(e.a);
    NET_AWAIT(e.b->streams == 2);
    fill(lost); /* the carrier is full, and it waits for its turn */
    CHECK(!gost_list_empty(&mux_inside(lost)->wait) || e.b->mux->paused);
    uint8_t *bytes = malloc(1 << 20);
    size_t n;
    while ((n = (size_t)gost_stream_read(e.b->stream[0], bytes, 1 << 20)) < 1 << 21)
        gost_fiber_yield();
    CHECK(passes(other, e.b->stream[1], 3000000));
    free(bytes);
    gost_stream_close(lost);
    gost_stream_close(other);
    ends_delete(&e);
}

/* --- ends --------------------------------------------------------------------------------- */

FIBER_TEST(all_that_was_written_arrives_before_the_end)
{
    for (size_t k = 0; k < 3; k++) {
        struct ends e = ends_new(kinds[k]);
        struct gost_stream *s = mux_opened(e.a);
        uint8_t *bytes = malloc(200000);
        net_fill(bytes, 0, 200000);
        CHECK_INT(gost_io_write(s, bytes, 200000, UNTIL_MS), 0);
        gost_stream_close(s);
        NET_AWAIT(e.b->streams == 1);
        CHECK_INT(gost_io_read_exact(e.b->stream[0], bytes, 200000, UNTIL_MS), 0);
        CHECK(net_matches(bytes, 0, 200000));
        CHECK_INT(gost_io_read(e.b->stream[0], bytes, 1, UNTIL_MS), 0);
        free(bytes);
        ends_delete(&e);
    }
}

FIBER_TEST(the_death_of_a_session_reaches_its_streams_with_the_story)
{
    struct gost_stream *one, *two;
    struct knobs k = {.read_fail = 100};
    CHECK_INT(gost_pair_new(1000, &one, &two), 0);
    struct ends e = ends_over(net_knobs(one, k), two, &mux_smux2);
    struct gost_stream *s = mux_opened(e.a);
    char bytes[200] = {0};
    NET_AWAIT(e.b->streams == 1);
    CHECK_INT(gost_io_write(e.b->stream[0], bytes, 150, UNTIL_MS), 0);
    NET_AWAIT(e.a->ended == 1);
    CHECK_STR(e.a->story, "smux session: read: a knob says no");
    CHECK_INT(gost_io_read_exact(s, bytes, 150, UNTIL_MS), 0); /* what had come */
    CHECK_INT(gost_io_read(s, bytes, 1, UNTIL_MS), -EIO);
    CHECK_STR(gost_diag_text(-EIO), "smux session: read: a knob says no");
    CHECK_INT(gost_io_write(s, bytes, 1, UNTIL_MS), -EIO);
    CHECK_INT(gost_stream_flush(s), -EIO);
    CHECK_INT(gost_stream_shutdown(s), -EIO);
    gost_stream_close(s);
    NET_AWAIT(e.b->ended == 1);
    CHECK_INT(e.b->rc, GOST_EOF);
    CHECK_STR(e.b->story, "smux session: the peer closed the session");
    CHECK_INT(gost_io_read(e.b->stream[0], bytes, 1, UNTIL_MS), GOST_EOF);
    ends_delete(&e);
}

FIBER_TEST(sleeping_readers_and_writers_wake_when_the_session_dies)
{
    struct ends e = ends_new(&mux_smux2);
    struct gost_stream *s = mux_opened(e.a), *full = mux_opened(e.a);
    fill(full);
    uint64_t before = gost_now();
    gost_mux_close(e.b->mux);
    e.b->mux = NULL;
    char byte;
    CHECK_INT(gost_io_read(s, &byte, 1, UNTIL_MS), GOST_EOF);
    int rc = gost_io_write(full, "x", 1, UNTIL_MS);
    CHECK(rc == GOST_EOF || rc == -EPIPE);
    CHECK(gost_now() - before < NET_PATIENCE_MS);
    gost_stream_close(s);
    gost_stream_close(full);
    ends_delete(&e);
}

FIBER_TEST(streams_outlive_an_owner_that_lets_go)
{
    for (size_t k = 0; k < 3; k++) {
        struct ends e = ends_new(kinds[k]);
        struct gost_stream *s = mux_opened(e.a);
        char text[8];
        NET_AWAIT(e.b->streams == 1);
        gost_mux_release(e.a->mux);
        e.a->mux = NULL;
        CHECK_INT(gost_io_write(s, "still", 5, UNTIL_MS), 0);
        CHECK_INT(gost_io_read(e.b->stream[0], text, 8, UNTIL_MS), 5);
        CHECK_INT(e.b->ended, 0);
        CHECK_INT(gost_io_write(s, "last", 4, UNTIL_MS), 0);
        gost_stream_close(s);
        NET_AWAIT(e.b->ended == 1);
        CHECK_INT(e.b->rc, GOST_EOF);
        CHECK_INT(gost_io_read(e.b->stream[0], text, 8, UNTIL_MS), 4);
        CHECK_INT(gost_io_read(e.b->stream[0], text, 8, UNTIL_MS), 0);
        ends_delete(&e);
    }
}

FIBER_TEST(a_session_without_streams_ends_as_its_owner_lets_go)
{
    struct ends e = ends_new(&mux_yamux);
    gost_mux_release(e.a->mux);
    e.a->mux = NULL;
    NET_AWAIT(e.b->ended == 1);
    ends_delete(&e);
}

FIBER_TEST(cleanup_ends_what_was_let_go)
{
    struct gost_stream *one, *two;
    CHECK_INT(gost_pair_new(1000, &one, &two), 0);
    struct mux_side *a = mux_side_new(one, &mux_smux1, true);
    struct gost_stream *s = mux_opened(a);
    uint8_t bytes[3000] = {0};
    gost_fiber_yield();
    while (gost_stream_write(s, bytes, sizeof(bytes)) > 0)
        gost_fiber_yield();
    gost_mux_release(a->mux);
    a->mux = NULL;
    gost_stream_close(s); /* its bytes still wait for the peer, which takes none */
    for (int i = 0; i < 5; i++)
        gost_fiber_yield();
    gost_mux_cleanup();
    mux_side_delete(a);
    gost_stream_close(two);
}

FIBER_TEST(a_closed_session_takes_its_streams_along)
{
    struct ends e = ends_new(&mux_smux2);
    struct gost_stream *s = mux_opened(e.a);
    char byte;
    gost_mux_close(e.a->mux);
    e.a->mux = NULL;
    CHECK_INT(gost_io_read(s, &byte, 1, UNTIL_MS), GOST_ECANCELED);
    CHECK_STR(gost_diag_text(GOST_ECANCELED), "smux session: closed");
    CHECK_INT(e.a->ended, 0);
    gost_stream_close(s);
    NET_AWAIT(e.b->ended == 1);
    ends_delete(&e);
}

FIBER_TEST(streams_tell_the_carriers_addresses_and_hide_its_descriptor)
{
    struct gost_stream *one, *two;
    union gost_sockaddr addr = {0}, want = {0};
    int fd;
    mux_tcp_pair(&one, &two);
    gost_stream_query(one, GOST_QUERY_PEER_ADDR, &want);
    struct ends e = ends_over(one, two, &mux_smux2);
    struct gost_stream *s = mux_opened(e.a);
    CHECK_INT(gost_stream_query(s, GOST_QUERY_PEER_ADDR, &addr), 0);
    CHECK_INT(addr.v4.sin_port, want.v4.sin_port);
    CHECK_INT(gost_stream_query(s, GOST_QUERY_FD, &fd), GOST_ENOTSUP);
    CHECK_INT(gost_stream_query(s, GOST_QUERY_CARRIER, &fd), GOST_ENOTSUP);
    gost_stream_reset(s); /* must not touch the others */
    s = mux_opened(e.a);
    NET_AWAIT(e.b->streams == 2);
    CHECK(passes(s, e.b->stream[1], 1000));
    gost_stream_close(s);
    ends_delete(&e);
}

/* --- users that act from inside ----------------------------------------------------------- */

static int closed_inside;

static void close_at_once(struct gost_mux *m, struct gost_stream **s)
{
    (void)m;
    gost_stream_close(*s);
    closed_inside++;
}

static void end_at_once(struct gost_mux *m, struct gost_stream **s)
{
    gost_stream_close(*s);
    gost_mux_close(m);
    closed_inside++;
}

static void check_inside(void (*on_stream)(struct gost_mux *m, struct gost_stream **s), bool owned)
{
    const struct gost_mux_events events = {.on_stream = on_stream};
    struct gost_stream *one, *two;
    struct gost_mux *m;
    CHECK_INT(gost_pair_new(64 * 1024, &one, &two), 0);
    struct mux_side *a = mux_side_new(one, &mux_smux1, true);
    CHECK_INT(gost_mux_new(&two, &mux_smux1, false, &events, NULL, &m), 0);
    closed_inside = 0;
    struct gost_stream *s = mux_opened(a), *t = mux_opened(a);
    CHECK_INT(gost_io_write(s, "to nobody", 9, UNTIL_MS), 0);
    CHECK_INT(gost_io_write(t, "to nobody", 9, UNTIL_MS), 0);
    char byte;
    CHECK_INT(gost_io_read(s, &byte, 1, UNTIL_MS), 0);
    CHECK_INT(closed_inside, owned ? 2 : 1);
    gost_stream_close(s);
    gost_stream_close(t);
    if (owned)
        gost_mux_close(m);
    mux_side_delete(a);
}

FIBER_TEST(streams_and_sessions_may_be_closed_as_streams_come)
{
    check_inside(close_at_once, true);
    check_inside(end_at_once, false);
}

RUN_TESTS()
