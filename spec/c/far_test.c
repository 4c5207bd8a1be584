/* TSan: streams that go over to another worker, and ways that come from there. */
#include "core/net/far.h"
#include "core/runtime/workers.h"

#include "spec/c/net_support.h"

#include <poll.h>
#include <pthread.h>

enum { HERE = 0, THERE = 1 };

/* --- the other worker --------------------------------------------------------------------------- */

static pthread_t thread;
static _Atomic int ready;
static struct gost_loop *other;

static void on_stop(struct gost_message *m)
{
    gost_loop_stop(other);
    free(m);
}

static void *other_main(void *arg)
{
    struct gost_loop loop;
    gost_loop_create(&loop);
    gost_loop_enter(&loop);
    other = &loop;
    CHECK_INT(gost_worker_open(THERE), 0);
    atomic_store(&ready, 1);
    gost_loop_run(&loop);
    gost_far_stop_all();
    while (gost_far_count() > 0)
        gost_loop_step(&loop, 10);
    gost_worker_close();
    gost_linger_cleanup();
    gost_pipe_drain();
    gost_fiber_cleanup();
    gost_loop_destroy(&loop);
    return arg;
}

static void other_begin(void)
{
    atomic_store(&ready, 0);
    CHECK_INT(gost_worker_open(HERE), 0);
    pthread_create(&thread, NULL, other_main, NULL);
    while (!atomic_load(&ready))
        usleep(1000);
}

static void other_end(void)
{
    struct gost_message *m = calloc(1, sizeof(*m));
    m->fn = on_stop;
    if (!gost_worker_post(THERE, m))
        free(m);
    pthread_join(thread, NULL);
}

/* --- what is asked of it ------------------------------------------------------------------------- */

struct errand {
    struct gost_far_ask ask;
    int fd, rc;
};

static _Atomic int errands;

static int errand_open(struct gost_far_ask *ask, struct gost_stream **out)
{
    struct errand *e = gost_container_of(ask, struct errand, ask);
    CHECK_INT(gost_worker_self(), THERE);
    if (e->rc != 0)
        return gost_fail(e->rc, "not today");
    int fd = e->fd;
    e->fd = -1;
    return gost_socket_wrap(fd, out);
}

static void errand_drop(struct gost_far_ask *ask)
{
    struct errand *e = gost_container_of(ask, struct errand, ask);
    if (e->fd >= 0)
        close(e->fd);
    free(e);
    errands--;
}

static struct gost_far_ask *errand(int fd, int rc)
{
    struct errand *e = malloc(sizeof(*e));
    *e = (struct errand){{errand_open, errand_drop}, fd, rc};
    errands++;
    return &e->ask;
}

/* --- a visitor and a target ----------------------------------------------------------------------- */

struct trip {
    int visitor[2], target[2]; /* [0] is the test's, [1] the program's */
    struct gost_stream *client;
    struct gost_far *far;
    int done, rc;
};

static void on_done(struct gost_far *f, void *user)
{
    struct trip *t = user;
    int broken;
    t->rc = gost_far_result(f, &broken);
    t->done++;
}

static void trip_begin(struct trip *t)
{
    memset(t, 0, sizeof(*t));
    net_tcp_pair(t->visitor);
    net_tcp_pair(t->target);
    CHECK_INT(gost_socket_wrap(t->visitor[1], &t->client), 0);
    CHECK_INT(gost_far_open(THERE, errand(t->target[1], 0), gost_now() + 10000, &t->far), 0);
}

static void trip_go(struct trip *t)
{
    CHECK_INT(gost_far_pump(t->far, &t->client, 0, on_done, t), 0);
    CHECK(t->client == NULL);
}

static void trip_end(struct trip *t)
{
    gost_stream_close(t->client);
    gost_far_delete(t->far);
    close(t->visitor[0]);
    close(t->target[0]);
}

/* Read `n` bytes of the ring from a plain socket. */
static void expect(int fd, size_t n)
{
    static uint8_t room[1 << 20];
    uint64_t until = net_clock() + NET_PATIENCE_MS;
    size_t got = 0;
    while (got < n && net_clock() < until) {
        ssize_t r = recv(fd, room + got, n - got, 0);
        if (r == 0)
            break;
        if (r < 0)
            gost_fiber_sleep(1);
        else
            got += (size_t)r;
    }
    CHECK_INT(got, n);
    CHECK(net_matches(room, 0, got));
}

static void say(int fd, size_t n)
{
    static uint8_t room[1 << 20];
    net_fill(room, 0, n);
    for (size_t put = 0; put < n;) {
        ssize_t r = send(fd, room + put, n - put, MSG_NOSIGNAL);
        if (r < 0 && errno != EAGAIN)
            break;
        if (r < 0)
            gost_fiber_sleep(1);
        else
            put += (size_t)r;
    }
}

static bool ended(int fd)
{
    char byte;
    ssize_t n = recv(fd, &byte, 1, 0);
    return n == 0 || (n < 0 && errno != EAGAIN);
}

FIBER_TEST(a_client_goes_over_with_bytes_pushed_back)
{
    struct trip t;
    uint64_t in, out;
    uint8_t early[100];
    other_begin();
    trip_begin(&t);
    net_fill(early, 0, sizeof(early));
    CHECK_INT(gost_stream_unread(t.client, early, sizeof(early)), 0);
    trip_go(&t);
    expect(t.target[0], sizeof(early));
    say(t.target[0], 70000);
    expect(t.visitor[0], 70000);
    shutdown(t.visitor[0], SHUT_WR);
    NET_AWAIT(ended(t.target[0]));
    shutdown(t.target[0], SHUT_WR);
    NET_AWAIT(t.done);
    CHECK_INT(t.rc, 0);
    gost_far_bytes(t.far, &in, &out);
    CHECK_INT(in, 100);
    CHECK_INT(out, 70000);
    trip_end(&t);
    other_end();
    gost_worker_close();
}

FIBER_TEST(a_pump_over_there_is_watched_and_stopped_from_here)
{
    struct trip t;
    uint64_t in = 0, out;
    other_begin();
    trip_begin(&t);
    trip_go(&t);
    say(t.visitor[0], 300000);
    expect(t.target[0], 300000);
    while (in < 300000) {
        gost_far_bytes(t.far, &in, &out);
        gost_fiber_sleep(1);
    }
    gost_far_stop(t.far, GOST_ETIMEDOUT);
    gost_far_stop(t.far, GOST_ECANCELED);
    NET_AWAIT(t.done);
    CHECK_INT(t.rc, GOST_ETIMEDOUT);
    NET_AWAIT(ended(t.visitor[0]) && ended(t.target[0]));
    trip_end(&t);
    other_end();
    gost_worker_close();
}

FIBER_TEST(a_way_comes_here_over_a_bridge)
{
    int target[2];
    struct gost_stream *up;
    char byte;
    other_begin();
    for (int round = 0; round < 2; round++) {
        net_tcp_pair(target);
        CHECK_INT(gost_far_bridge(THERE, errand(target[1], 0), gost_now() + 10000, &up), 0);
        CHECK_INT(gost_io_write(up, "x", 1, gost_now() + 10000), 0);
        NET_AWAIT(recv(target[0], &byte, 1, MSG_PEEK) == 1);
        CHECK_INT(send(target[0], "y", 1, 0), 1);
        CHECK_INT(gost_io_read(up, &byte, 1, gost_now() + 10000), 1);
        if (round == 0) { /* whoever leaves first */
            shutdown(target[0], SHUT_WR);
            CHECK_INT(gost_io_read(up, &byte, 1, gost_now() + 10000), 0);
        }
        gost_stream_close(up);
        recv(target[0], &byte, 1, 0);
        NET_AWAIT(ended(target[0]));
        close(target[0]);
    }
    other_end();
    gost_worker_close();
}

FIBER_TEST(failures_come_back_with_their_story)
{
    struct gost_far *far;
    struct gost_stream *up;
    other_begin();
    CHECK_INT(gost_far_open(THERE, errand(-1, GOST_ELIMIT), gost_now() + 10000, &far), GOST_ELIMIT);
    CHECK_STR(gost_diag_text(GOST_ELIMIT), "not today");
    CHECK_INT(gost_far_bridge(THERE, errand(-1, GOST_EDENIED), gost_now() + 10000, &up),
              GOST_EDENIED);
    CHECK(far == NULL && up == NULL);
    other_end();
    CHECK_INT(gost_far_open(THERE, errand(-1, 0), gost_now() + 10000, &far), GOST_ENONODE);
    CHECK_INT(gost_far_open(-1, errand(-1, 0), gost_now() + 10000, &far), GOST_ENONODE);
    CHECK_INT(errands, 0);
    gost_worker_close();
}

FIBER_TEST(ways_that_nobody_wants_any_more_are_closed)
{
    struct trip t;
    struct gost_far *far;
    int target[2];
    other_begin();
    net_tcp_pair(target);
    CHECK_INT(gost_far_open(THERE, errand(target[1], 0), gost_now(), &far), GOST_ETIMEDOUT);
    NET_AWAIT(ended(target[0])); /* the answer found nobody */
    close(target[0]);
    net_tcp_pair(target);
    struct gost_stream *up;
    CHECK_INT(gost_far_bridge(THERE, errand(target[1], 0), gost_now(), &up), GOST_ETIMEDOUT);
    NET_AWAIT(ended(target[0]));
    close(target[0]);
    trip_begin(&t);
    gost_far_delete(t.far);
    t.far = NULL;
    NET_AWAIT(ended(t.target[0]));
    trip_end(&t);
    other_end();
    gost_worker_close();
}

FIBER_TEST(a_worker_that_ends_lets_go_of_all)
{
    struct trip t[3];
    other_begin();
    for (int i = 0; i < 3; i++)
        trip_begin(&t[i]);
    trip_go(&t[0]);
    say(t[0].visitor[0], 10);
    expect(t[0].target[0], 10);
    trip_go(&t[1]); /* may find it gone, or going */
    other_end();
    NET_AWAIT(t[0].done && t[1].done);
    CHECK_INT(t[0].rc, GOST_ECANCELED);
    CHECK_INT(t[1].rc, GOST_ECANCELED);
    CHECK_INT(gost_far_pump(t[2].far, &t[2].client, 0, on_done, &t[2]), GOST_ENONODE);
    CHECK(t[2].client != NULL);
    for (int i = 0; i < 3; i++) {
        NET_AWAIT(ended(t[i].target[0]));
        trip_end(&t[i]);
    }
    gost_worker_close();
}

FIBER_TEST(many_go_over_while_others_end)
{
    enum { TRIPS = 40 };
    struct trip *t = calloc(TRIPS, sizeof(*t));
    other_begin();
    for (int i = 0; i < TRIPS; i++) {
        trip_begin(&t[i]);
        trip_go(&t[i]);
        say(t[i].visitor[0], 1000);
        if (i % 3 == 0)
            gost_far_stop(t[i].far, GOST_ECANCELED);
        else if (i % 3 == 1)
            net_reset(t[i].visitor[0]);
        else
            expect(t[i].target[0], 1000);
    }
    for (int i = 0; i < TRIPS; i++) {
        gost_far_stop(t[i].far, GOST_ECANCELED);
        NET_AWAIT(t[i].done);
        if (i % 3 == 1)
            t[i].visitor[0] = dup(t[i].target[0]);
        trip_end(&t[i]);
    }
    free(t);
    other_end();
    gost_worker_close();
}

RUN_TESTS()
