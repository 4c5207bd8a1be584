/* The pump: everything that can happen to two streams and the bytes between them. */
#include "core/net/pump.h"

#include "spec/c/net_support.h"

#include <sys/socket.h>

/* A peer outside of the pump, on plain system calls: side 0 sends what flow 0 carries. */
struct peer {
    int fd;
    uint64_t to_send, sent, got;
    bool shut_after; /* end the outgoing side once all is sent … */
    bool shut;       /* … done */
    bool deaf;       /* does not read */
    size_t most;     /* reads so much at a time; 0: all */
    bool eof, wrong;
    int error;
};

struct rig {
    struct gost_pump pump;
    struct peer peer[2];
    bool done, spliced[2];
    size_t kept_most;
};

static void on_done(struct gost_pump *p)
{
    struct rig *r = gost_container_of(p, struct rig, pump);
    CHECK(!r->done);
    r->done = true;
}

static void rig_streams(struct rig *r, struct gost_stream *s[2])
{
    memset(r, 0, sizeof(*r));
    for (int i = 0; i < 2; i++) {
        int fd[2];
        net_tcp_pair(fd);
        r->peer[i].fd = fd[0];
        CHECK_INT(gost_socket_wrap(fd[1], &s[i]), 0);
    }
}

static void rig_start(struct rig *r, struct gost_stream *s[2], const struct gost_pump_rules *rules)
{
    gost_pump_start(&r->pump, &s[0], &s[1], rules, r, on_done);
    CHECK(s[0] == NULL && s[1] == NULL);
}

/* Both peers over sockets with these knobs; NULL: bare sockets. */
static void rig_set_up(struct rig *r, const struct knobs *a, const struct knobs *b,
                       const struct gost_pump_rules *rules)
{
    struct gost_stream *s[2];
    rig_streams(r, s);
    s[0] = a ? net_knobs(s[0], *a) : s[0];
    s[1] = b ? net_knobs(s[1], *b) : s[1];
    rig_start(r, s, rules);
}

static void rig_close(struct rig *r)
{
    for (int i = 0; i < 2; i++)
        if (r->peer[i].fd >= 0)
            close(r->peer[i].fd);
}

static void peer_send(struct peer *p)
{
    static uint8_t chunk[64 * 1024];
    while (p->sent < p->to_send && !p->error) {
        size_t n = p->to_send - p->sent < sizeof(chunk) ? p->to_send - p->sent : sizeof(chunk);
        net_fill(chunk, p->sent, n);
        ssize_t put = send(p->fd, chunk, n, MSG_NOSIGNAL);
        if (put < 0 && errno == EAGAIN)
            return;
        if (put < 0)
            p->error = errno;
        else
            p->sent += (size_t)put;
    }
    if (p->shut_after && !p->shut && p->sent == p->to_send) {
        shutdown(p->fd, SHUT_WR);
        p->shut = true;
    }
}

static void peer_read(struct peer *p)
{
    static uint8_t chunk[256 * 1024];
    while (!p->deaf && !p->eof && !p->error) {
        ssize_t got = recv(p->fd, chunk, p->most ? p->most : sizeof(chunk), 0);
        if (got < 0 && errno == EAGAIN)
            return;
        if (got < 0) {
            p->error = errno;
        } else if (got == 0) {
            p->eof = true;
        } else {
            p->wrong = p->wrong || !net_matches(chunk, p->got, (size_t)got);
            p->got += (size_t)got;
        }
        if (p->most)
            return;
    }
}

/* One turn of both peers and the loop. */
static bool rig_turn(struct rig *r)
{
    for (int i = 0; i < 2; i++) {
        if (r->peer[i].fd < 0)
            continue;
        peer_send(&r->peer[i]);
        peer_read(&r->peer[i]);
    }
    gost_loop_step(&net_loop, 1);
    for (int i = 0; i < 2 && !r->done; i++) {
        struct gost_flow *f = &r->pump.flow[i];
        size_t kept = (f->kept ? f->kept_len : 0) + (f->pipe ? f->pipe->held : 0);
        r->spliced[i] = r->spliced[i] || f->splice;
        r->kept_most = kept > r->kept_most ? kept : r->kept_most;
    }
    return true;
}

#define RIG_UNTIL(r, cond)                                                                         \
    do {                                                                                           \
        uint64_t until_ = net_clock() + NET_PATIENCE_MS;                                           \
        bool met_ = false;                                                                         \
        while (!met_ && net_clock() < until_)                                                      \
            met_ = rig_turn(r) && (cond);                                                          \
        if (!met_)                                                                                 \
            CHECK(!"waited in vain for " #cond);                                                   \
    } while (0)

static bool all_arrived(const struct rig *r)
{
    return r->peer[1].got == r->peer[0].to_send && r->peer[0].got == r->peer[1].to_send;
}

static void check_clean_end(struct rig *r)
{
    CHECK_INT(r->pump.rc, 0);
    CHECK_INT(r->pump.broken, -1);
    for (int i = 0; i < 2; i++) {
        CHECK(!r->peer[i].wrong && r->peer[i].error == 0 && r->peer[i].eof);
        CHECK_INT(r->pump.flow[i].bytes, r->peer[i].to_send);
        CHECK_INT(r->peer[1 - i].got, r->peer[i].to_send);
        CHECK(r->pump.stream[i] == NULL);
    }
    rig_close(r);
}

/* --- bytes and half-closes over all kinds of streams --- */

static const struct knobs kinds[] = {{0},
                                     {.read_max = 1000, .write_max = 700},
                                     {.false_want = 2},
                                     {.hold = 5000},
                                     {.hold = 100, .false_want = 3, .write_max = 90},
                                     {.eager = true, .write_max = 3000},
                                     {.transparent = true}};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

enum { AT_ONCE, ZERO_FIRST, ONE_FIRST };

static void carry_both_ways(const struct knobs *a, const struct knobs *b, int order)
{
    struct rig r;
    rig_set_up(&r, a, b, NULL);
    r.peer[0].to_send = 150000;
    r.peer[1].to_send = 90001;
    r.peer[0].shut_after = order != ONE_FIRST;
    r.peer[1].shut_after = order != ZERO_FIRST;
    if (order == AT_ONCE) {
        RIG_UNTIL(&r, r.done);
    } else {
        int first = order == ZERO_FIRST ? 0 : 1;
        RIG_UNTIL(&r, r.peer[1 - first].eof && all_arrived(&r));
        CHECK(!r.done && !r.peer[first].eof);
        r.peer[1 - first].to_send += 5000; /* the other direction goes on */
        RIG_UNTIL(&r, all_arrived(&r));
        CHECK(!r.done);
        r.peer[1 - first].shut_after = true;
        RIG_UNTIL(&r, r.done && r.peer[first].eof);
    }
    RIG_UNTIL(&r, r.peer[0].eof && r.peer[1].eof);
    check_clean_end(&r);
}

NET_TEST(all_kinds_of_streams_in_all_orders_of_half_close)
{
    for (int a = 0; a < KINDS; a++)
        for (int b = 0; b < KINDS; b++)
            for (int order = AT_ONCE; order <= ONE_FIRST && test_failed_checks == 0; order++)
                carry_both_ways(&kinds[a], &kinds[b], order);
}

NET_TEST(byte_by_byte)
{
    static const struct knobs one = {.read_max = 1, .write_max = 1, .false_want = 4};
    struct rig r;
    rig_set_up(&r, &one, &one, NULL);
    for (int i = 0; i < 2; i++) {
        r.peer[i].to_send = 3000;
        r.peer[i].shut_after = true;
    }
    RIG_UNTIL(&r, r.done && r.peer[0].eof && r.peer[1].eof);
    check_clean_end(&r);
}

NET_TEST(empty_connection_ends_cleanly)
{
    struct rig r;
    rig_set_up(&r, NULL, NULL, NULL);
    r.peer[0].shut_after = r.peer[1].shut_after = true;
    RIG_UNTIL(&r, r.done && r.peer[0].eof && r.peer[1].eof);
    check_clean_end(&r);
}

NET_TEST(pushed_back_bytes_go_first)
{
    struct gost_stream *s[2];
    struct rig r;
    uint8_t early[100];
    rig_streams(&r, s);
    net_fill(early, 0, sizeof(early));
    CHECK_INT(gost_stream_unread(s[0], early, sizeof(early)), 0);
    rig_start(&r, s, NULL);
    r.peer[0].sent = sizeof(early); /* the pump's client said this before */
    r.peer[0].to_send = 5000;
    r.peer[0].shut_after = r.peer[1].shut_after = true;
    RIG_UNTIL(&r, r.done && r.peer[0].eof && r.peer[1].eof);
    check_clean_end(&r);
}

/* Two pumps with a pair in memory between them. */
NET_TEST(pumps_in_a_row)
{
    struct rig a, b;
    struct gost_stream *s[2], *t[2], *left, *right;
    rig_streams(&a, s);
    rig_streams(&b, t);
    close(a.peer[1].fd);
    close(b.peer[0].fd);
    gost_stream_close(s[1]);
    gost_stream_close(t[0]);
    gost_pair_new(3000, &left, &right);
    s[1] = left;
    t[0] = right;
    rig_start(&a, s, NULL);
    rig_start(&b, t, NULL);
    struct rig ends = {.peer = {a.peer[0], b.peer[1]}, .done = true};
    for (int i = 0; i < 2; i++) {
        ends.peer[i].to_send = 500000;
        ends.peer[i].shut_after = true;
    }
    RIG_UNTIL(&ends, a.done && b.done && ends.peer[0].eof && ends.peer[1].eof);
    CHECK(all_arrived(&ends) && !ends.peer[0].wrong && !ends.peer[1].wrong);
    CHECK_INT(a.pump.rc, 0);
    CHECK_INT(b.pump.rc, 0);
    rig_close(&ends);
}

/* --- bulk --- */

NET_TEST(bulk_is_spliced_both_ways)
{
    for (int layered = 0; layered < 2; layered++) {
        static const struct knobs through = {.transparent = true};
        struct rig r;
        rig_set_up(&r, layered ? &through : NULL, NULL, NULL);
        for (int i = 0; i < 2; i++) {
            r.peer[i].to_send = 64 * 1024 * 1024;
            r.peer[i].shut_after = true;
        }
        RIG_UNTIL(&r, r.done && r.peer[0].eof && r.peer[1].eof);
        CHECK(r.spliced[0] && r.spliced[1]);
        check_clean_end(&r);
    }
}

static void ping_pong(struct rig *r, int times)
{
    for (int i = 0; i < times && test_failed_checks == 0; i++) {
        r->peer[i % 2].to_send += 10;
        RIG_UNTIL(r, all_arrived(r));
    }
}

NET_TEST(splice_comes_with_bulk_and_goes_with_small_talk)
{
    struct rig r;
    rig_set_up(&r, NULL, NULL, NULL);
    for (int round = 0; round < 3; round++) {
        r.spliced[0] = false;
        r.peer[0].to_send += 32 * 1024 * 1024;
        RIG_UNTIL(&r, all_arrived(&r));
        CHECK(r.spliced[0]);
        CHECK(!r.pump.flow[0].pipe); /* quiet: the pipe is back in the pool */
        ping_pong(&r, 20);
        CHECK(!r.pump.flow[0].splice);
    }
    r.peer[0].shut_after = r.peer[1].shut_after = true;
    RIG_UNTIL(&r, r.done && r.peer[0].eof && r.peer[1].eof);
    check_clean_end(&r);
}

NET_TEST(small_talk_is_never_spliced)
{
    struct rig r;
    rig_set_up(&r, NULL, NULL, NULL);
    ping_pong(&r, 200);
    CHECK(!r.spliced[0] && !r.spliced[1]);
    r.peer[0].shut_after = r.peer[1].shut_after = true;
    RIG_UNTIL(&r, r.done && r.peer[0].eof && r.peer[1].eof);
    check_clean_end(&r);
}

static void never_reading(const struct knobs *k)
{
    struct rig r;
    uint64_t before = 0, quiet_since = net_clock();
    rig_set_up(&r, k, k, NULL);
    r.peer[1].deaf = true;
    r.peer[0].to_send = 1ULL << 40;
    RIG_UNTIL(&r, r.peer[0].sent != before
                      ? (before = r.peer[0].sent, quiet_since = net_clock(), false)
                      : net_clock() - quiet_since > 100);
    CHECK(before > 0 && before < 64 * 1024 * 1024); /* the kernel's buffers are full */
    CHECK(r.kept_most > 0 && r.kept_most <= 1024 * 1024);
    r.peer[0].to_send = r.peer[0].sent;
    r.peer[0].shut_after = true;
    r.peer[1].shut_after = true;
    r.peer[1].deaf = false; /* it takes its time, but nothing is lost */
    RIG_UNTIL(&r, r.done && r.peer[0].eof && r.peer[1].eof);
    check_clean_end(&r);
}

NET_TEST(peer_that_does_not_read_costs_bounded_memory)
{
    never_reading(NULL);
    never_reading(&kinds[1]);
    never_reading(&kinds[4]);
}

/* --- a broken side --- */

/* The server answers at once and goes, while the client still sends: it must get the whole answer.
 */
static void early_answer(const struct knobs *k, bool reset)
{
    struct rig r;
    enum { ANSWER = 100000 };
    rig_set_up(&r, k, k, NULL);
    r.peer[0].deaf = true;
    r.peer[1].deaf = true;
    r.peer[0].to_send = 300000;
    r.peer[1].to_send = ANSWER;
    RIG_UNTIL(&r, r.pump.flow[1].bytes == ANSWER && r.pump.flow[0].bytes > 0);
    reset ? net_reset(r.peer[1].fd) : (void)close(r.peer[1].fd);
    r.peer[1].fd = -1;
    r.peer[0].to_send += 200000;
    RIG_UNTIL(&r, r.done);
    CHECK(r.pump.rc == -ECONNRESET || r.pump.rc == -EPIPE);
    CHECK_INT(r.pump.broken, 1);
    r.peer[0].to_send = r.peer[0].sent;
    r.peer[0].deaf = false;
    r.peer[0].most = 10000;
    RIG_UNTIL(&r, r.peer[0].eof || r.peer[0].error);
    CHECK_INT(r.peer[0].got, ANSWER);
    CHECK(!r.peer[0].wrong);
    rig_close(&r);
}

NET_TEST(answer_survives_a_server_that_goes_early)
{
    early_answer(NULL, false);
    early_answer(NULL, true);
    early_answer(&kinds[1], false);
    early_answer(&kinds[4], true);
}

/* Bytes from the broken side that wait for a slow client are not lost either. */
NET_TEST(reset_in_the_middle_with_bytes_still_to_deliver)
{
    struct rig r;
    enum { ANSWER = 400000 };
    static const struct knobs slow = {.write_max = 100, .false_want = 2};
    rig_set_up(&r, &slow, NULL, NULL);
    r.peer[1].to_send = ANSWER;
    RIG_UNTIL(&r, r.peer[1].sent == ANSWER && r.pump.flow[1].bytes < ANSWER);
    shutdown(r.peer[1].fd, SHUT_WR);
    r.peer[0].to_send = 1000000; /* which nobody reads … */
    r.peer[1].deaf = true;
    RIG_UNTIL(&r, r.peer[0].eof);
    CHECK_INT(r.peer[0].got, ANSWER);
    net_reset(r.peer[1].fd); /* … and then the server resets */
    r.peer[1].fd = -1;
    RIG_UNTIL(&r, r.done);
    CHECK(r.pump.rc != 0);
    CHECK_INT(r.pump.broken, 1);
    rig_close(&r);
}

static void error_on_a_side(int side, bool reading)
{
    struct rig r;
    struct knobs k = {0};
    *(reading ? &k.read_fail : &k.write_fail) = 20000;
    static const struct gost_pump_rules rules = {.idle_ms =
                                                     50}; /* for what a dead writer leaves open */
    rig_set_up(&r, side == 0 ? &k : NULL, side == 1 ? &k : NULL, &rules);
    int from = reading ? side : 1 - side;
    r.peer[from].to_send = r.peer[1 - from].to_send = 1000;
    RIG_UNTIL(&r, all_arrived(&r));
    r.peer[from].to_send = 100000;
    RIG_UNTIL(&r, r.done);
    CHECK_INT(r.pump.rc, -EIO);
    CHECK_INT(r.pump.broken, side);
    CHECK(r.pump.flow[from].bytes >= 20000 && r.pump.flow[from].bytes < 100000);
    rig_close(&r);
}

NET_TEST(errors_on_either_side)
{
    for (int side = 0; side < 2; side++) {
        error_on_a_side(side, true);
        error_on_a_side(side, false);
    }
}

NET_TEST(side_that_cannot_be_written_to_is_read_to_its_end)
{
    struct rig r;
    static const struct knobs k = {.write_fail = 1};
    rig_set_up(&r, NULL, &k, NULL);
    r.peer[0].to_send = 50000;
    RIG_UNTIL(&r, r.pump.rc != 0);
    CHECK(!r.done);
    r.peer[1].to_send = 50000;
    r.peer[1].shut_after = true;
    RIG_UNTIL(&r, r.done);
    CHECK_INT(r.pump.rc, -EIO);
    RIG_UNTIL(&r, r.peer[0].got == 50000);
    rig_close(&r);
}

/* --- protocols without half-close --- */

static const struct knobs no_half = {.no_half_close = true};

NET_TEST(rest_goes_on_where_there_is_no_half_close)
{
    struct rig r;
    rig_set_up(&r, NULL, &no_half, NULL);
    r.peer[0].to_send = 1000;
    r.peer[0].shut_after = true;
    RIG_UNTIL(&r, r.pump.lingering);
    RIG_UNTIL(&r, r.peer[1].got == 1000);
    CHECK(!r.peer[1].eof && !r.done);
    r.peer[1].to_send = 700000; /* the rest */
    r.peer[1].shut_after = true;
    RIG_UNTIL(&r, r.done && r.peer[0].eof && r.peer[1].eof);
    check_clean_end(&r);
}

NET_TEST(targets_end_ends_both_where_there_is_no_half_close)
{
    struct rig r;
    rig_set_up(&r, &no_half, NULL, NULL);
    r.peer[1].to_send = 300000;
    r.peer[1].shut_after = true;
    RIG_UNTIL(&r, r.done && r.peer[0].eof);
    CHECK(r.peer[0].got == 300000 && !r.pump.lingering);
    check_clean_end(&r);
}

NET_TEST(silence_ends_what_cannot_be_half_closed)
{
    struct rig r;
    static const struct gost_pump_rules rules = {.idle_ms = 30};
    rig_set_up(&r, NULL, &no_half, &rules);
    r.peer[0].shut_after = true;
    RIG_UNTIL(&r, r.done && r.peer[0].eof && r.peer[1].eof);
    CHECK(r.pump.lingering);
    check_clean_end(&r); /* an end, not a failure */
}

NET_TEST(half_close_that_the_far_side_learns_of_later_is_passed_on_after_all)
{
    struct rig r;
    static const struct gost_pump_rules rules = {.idle_ms = 30};
    rig_set_up(&r, NULL, &no_half, &rules);
    r.peer[0].shut_after = true;
    RIG_UNTIL(&r, r.pump.lingering);
    gost_pump_set_idle(&r.pump, 20);
    r.pump.patience = 0; /* without the linger it would wait for ever */
    knob_self(r.pump.stream[1])->k.no_half_close = false;
    RIG_UNTIL(&r, r.peer[1].eof && !r.pump.lingering);
    CHECK(!r.done);
    r.peer[1].to_send = 1000;
    r.peer[1].shut_after = true;
    RIG_UNTIL(&r, r.done && r.peer[0].eof);
    CHECK_INT(r.peer[0].got, 1000);
    check_clean_end(&r);
}

/* --- limits --- */

static size_t tokens[2], in_use[2];
static uint64_t refill_at;

static size_t grant(void *arg, int flow, size_t want, uint64_t *when)
{
    (void)arg;
    if (gost_now() >= refill_at) {
        tokens[0] = 5000;
        tokens[1] = 3000;
        refill_at = gost_now() + 2;
    }
    size_t n = want < tokens[flow] ? want : tokens[flow];
    tokens[flow] -= n;
    in_use[flow] += n;
    *when = refill_at;
    return n;
}

static void give_back(void *arg, int flow, size_t n)
{
    (void)arg;
    in_use[flow] -= n;
    tokens[flow] += n;
}

NET_TEST(limiter_has_the_say_over_every_byte)
{
    static const struct gost_pump_rules rules = {.grant = grant, .give_back = give_back};
    for (int kind = 0; kind < KINDS; kind++) {
        struct rig r;
        memset(in_use, 0, sizeof(in_use));
        rig_set_up(&r, kind ? &kinds[kind] : NULL, NULL, &rules);
        uint64_t start = gost_now();
        for (int i = 0; i < 2; i++) {
            r.peer[i].to_send = 100000;
            r.peer[i].shut_after = true;
        }
        RIG_UNTIL(&r, r.done && r.peer[0].eof && r.peer[1].eof);
        CHECK(gost_now() - start >= 2 * (100000 / 3000 - 1));
        CHECK_INT(in_use[0], 100000); /* what was not used came back */
        CHECK_INT(in_use[1], 100000);
        check_clean_end(&r);
    }
}

static size_t grant_all(void *arg, int flow, size_t want, uint64_t *when)
{
    (void)arg;
    (void)when;
    in_use[flow] += want;
    return want;
}

static void count_back(void *arg, int flow, size_t n)
{
    (void)arg;
    in_use[flow] -= n;
}

NET_TEST(limiter_counts_spliced_bytes)
{
    static const struct gost_pump_rules rules = {.grant = grant_all, .give_back = count_back};
    struct rig r;
    memset(in_use, 0, sizeof(in_use));
    rig_set_up(&r, NULL, NULL, &rules);
    r.peer[0].to_send = 32 * 1024 * 1024;
    r.peer[0].shut_after = r.peer[1].shut_after = true;
    RIG_UNTIL(&r, r.done && r.peer[0].eof && r.peer[1].eof);
    CHECK(r.spliced[0]);
    CHECK_INT(in_use[0], r.peer[0].to_send);
    CHECK_INT(in_use[1], 0);
    check_clean_end(&r);
}

/* --- silence --- */

NET_TEST(idle_pump_ends_after_its_limit)
{
    static const struct gost_pump_rules rules = {.idle_ms = 200};
    struct rig r;
    rig_set_up(&r, NULL, NULL, &rules);
    uint64_t start = gost_now(), last = start;
    while (gost_now() - start < 500 && !r.done) { /* talk keeps it alive */
        if (gost_now() - last >= 20) {
            r.peer[0].to_send++;
            last = gost_now();
        }
        rig_turn(&r);
    }
    CHECK(!r.done);
    last = gost_now();
    RIG_UNTIL(&r, r.done);
    CHECK(gost_now() - last >= 150);
    CHECK_INT(r.pump.rc, GOST_ETIMEDOUT);
    CHECK_INT(r.pump.broken, -1);
    rig_close(&r);
}

NET_TEST(limit_of_silence_can_change)
{
    struct rig r;
    rig_set_up(&r, NULL, NULL, NULL);
    CHECK(r.pump.idle_ms == 0);
    gost_pump_set_idle(&r.pump, 100000);
    gost_pump_set_idle(&r.pump, 10);
    RIG_UNTIL(&r, r.done);
    CHECK_INT(r.pump.rc, GOST_ETIMEDOUT);
    rig_close(&r);
}

static int keeps_alive(struct gost_stream *s)
{
    int fd, on = -1;
    socklen_t len = sizeof(on);
    CHECK_INT(gost_stream_query(s, GOST_QUERY_CARRIER, &fd), 0);
    getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, &len);
    return on;
}

NET_TEST(tunnel_that_lasts_is_probed)
{
    struct rig r;
    rig_set_up(&r, NULL, &kinds[1], NULL);
    CHECK(!keeps_alive(r.pump.stream[0]) && !keeps_alive(r.pump.stream[1]));
    r.pump.born -= 60 * 1000;
    gost_pump_set_idle(&r.pump, 0); /* looks at its clock again */
    RIG_UNTIL(&r, keeps_alive(r.pump.stream[0]) && keeps_alive(r.pump.stream[1]));
    CHECK(!r.done);
    CHECK(!gost_timer_active(&r.pump.idle)); /* once is enough */
    r.peer[0].shut_after = r.peer[1].shut_after = true;
    RIG_UNTIL(&r, r.done && r.peer[0].eof && r.peer[1].eof);
    check_clean_end(&r);
}

/* --- stopping, in every state --- */

static void stop_and_check(struct rig *r)
{
    gost_pump_stop(&r->pump, GOST_EDENIED);
    gost_pump_stop(&r->pump, GOST_EAUTH); /* too late */
    CHECK(!r->done);                      /* not from inside the call */
    RIG_UNTIL(r, r->done);
    CHECK_INT(r->pump.rc, GOST_EDENIED);
    gost_pump_stop(&r->pump, GOST_EAUTH);
    CHECK_INT(net_loop.watches, 0);
    rig_close(r);
}

NET_TEST(stop_a_fresh_pump)
{
    struct rig r;
    rig_set_up(&r, NULL, NULL, NULL);
    stop_and_check(&r);
}

NET_TEST(stop_with_kept_bytes)
{
    for (int kind = 0; kind < 2; kind++) {
        struct rig r;
        rig_set_up(&r, kind ? &kinds[1] : NULL, kind ? &kinds[1] : NULL, NULL);
        r.peer[1].deaf = true;
        r.peer[0].to_send = 1ULL << 40;
        RIG_UNTIL(&r, r.kept_most > 0);
        CHECK(r.pump.flow[0].kept || r.pump.flow[0].pipe);
        stop_and_check(&r);
    }
}

NET_TEST(stop_with_a_full_pipe)
{
    struct rig r;
    rig_set_up(&r, NULL, NULL, NULL);
    r.peer[0].to_send = 1ULL << 40;
    RIG_UNTIL(&r, r.spliced[0]);
    r.peer[1].deaf = true;
    RIG_UNTIL(&r, r.pump.flow[0].pipe && r.pump.flow[0].pipe->held > 0);
    stop_and_check(&r);
}

NET_TEST(stop_half_closed)
{
    struct rig r;
    rig_set_up(&r, NULL, NULL, NULL);
    r.peer[0].shut_after = true;
    RIG_UNTIL(&r, r.pump.flow[0].shut);
    stop_and_check(&r);
}

NET_TEST(stop_while_lingering)
{
    struct rig r;
    rig_set_up(&r, NULL, &no_half, NULL);
    r.peer[0].shut_after = true;
    RIG_UNTIL(&r, r.pump.lingering);
    stop_and_check(&r);
}

static size_t grant_nothing(void *arg, int flow, size_t want, uint64_t *when)
{
    (void)arg;
    (void)flow;
    (void)want;
    *when = gost_now() + 100000;
    return 0;
}

NET_TEST(stop_while_limited)
{
    static const struct gost_pump_rules rules = {.grant = grant_nothing};
    struct rig r;
    rig_set_up(&r, NULL, NULL, &rules);
    r.peer[0].to_send = 10;
    for (int i = 0; i < 10; i++)
        rig_turn(&r);
    CHECK(gost_timer_active(&r.pump.resume));
    stop_and_check(&r);
}

static size_t grant_and_stop(void *arg, int flow, size_t want, uint64_t *when)
{
    struct rig *r = arg;
    (void)flow;
    (void)when;
    if (r->pump.flow[0].bytes > 1000)
        gost_pump_stop(&r->pump, GOST_EDENIED);
    return want < 100 ? want : 100;
}

NET_TEST(stop_from_inside_the_limiter)
{
    static const struct gost_pump_rules rules = {.grant = grant_and_stop};
    struct rig r;
    rig_set_up(&r, NULL, NULL, &rules);
    r.peer[0].to_send = 10000;
    RIG_UNTIL(&r, r.done);
    CHECK_INT(r.pump.rc, GOST_EDENIED);
    CHECK(r.pump.flow[0].bytes < 2000);
    rig_close(&r);
}

static void free_on_done(struct gost_pump *p)
{
    int *count = p->rules_arg;
    ++*count;
    free(p);
}

NET_TEST(pump_may_be_freed_when_it_is_done)
{
    int count = 0;
    for (int i = 0; i < 50; i++) {
        struct gost_stream *a, *b, *c, *d;
        struct gost_pump *p = malloc(sizeof(*p));
        gost_pair_new(100, &a, &b);
        gost_pair_new(100, &c, &d);
        gost_pump_start(p, &b, &c, NULL, &count, free_on_done);
        gost_stream_write(a, "x", 1);
        gost_stream_close(a);
        gost_stream_close(d);
    }
    NET_UNTIL(count == 50);
}

RUN_TESTS()
