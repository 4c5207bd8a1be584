/*
 * Pumps over multiplexed streams: socket, pump, stream | stream, pump, socket.
 *
 *   mux_pump_test --bench [MIB [STREAMS [plain|smux1|smux2|yamux]]]
 *
 * measures CPU seconds of the loop's thread per GB, against plain sockets
 */
#include "spec/c/mux_support.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>

#define UNTIL_MS (gost_now() + NET_PATIENCE_MS)

/* One tunnel: an application's socket at each end, two pumps, and what lies between them. */
struct tunnel {
    int app[2]; /* the applications' ends, as blocking sockets */
    struct gost_stream *end[2];
    struct gost_pump pump[2];
};

static int pumps_running;

static void on_pump_done(struct gost_pump *p)
{
    (void)p;
    pumps_running--;
}

static void tunnel_ends(struct tunnel *t)
{
    for (int i = 0; i < 2; i++) {
        int fd[2];
        net_tcp_pair(fd);
        fcntl(fd[0], F_SETFL, 0);
        t->app[i] = fd[0];
        CHECK_INT(gost_socket_wrap(fd[1], &t->end[i]), 0);
        t->end[i] = net_knobs(t->end[i], (struct knobs){0}); /* copied, never spliced */
    }
}

static void tunnel_start(struct tunnel *t, struct gost_stream *near, struct gost_stream *far)
{
    gost_pump_start(&t->pump[0], &t->end[0], &near, NULL, NULL, on_pump_done);
    gost_pump_start(&t->pump[1], &t->end[1], &far, NULL, NULL, on_pump_done);
    pumps_running += 2;
}

/* --- the applications, on a thread of their own ------------------------------------------- */

struct app {
    int in, out; /* written to, read from */
    uint64_t bytes, got;
    bool ok, half_close;
    pthread_t writer, reader;
};

static void *app_write(void *arg)
{
    struct app *a = arg;
    size_t n = 1 << 20;
    uint8_t *bytes = malloc(n);
    net_fill(bytes, 0, n);
    for (uint64_t done = 0; done < a->bytes;) {
        size_t at = (size_t)(done % n), part = n - at;
        part = a->bytes - done < part ? (size_t)(a->bytes - done) : part;
        ssize_t put = send(a->in, bytes + at, part, MSG_NOSIGNAL);
        if (put <= 0)
            break;
        done += (uint64_t)put;
    }
    if (a->half_close)
        shutdown(a->in, SHUT_WR);
    free(bytes);
    return NULL;
}

static void *app_read(void *arg)
{
    struct app *a = arg;
    size_t n = 1 << 20;
    uint8_t *bytes = malloc(n), *want = malloc(n);
    net_fill(want, 0, n);
    a->ok = true;
    while (a->got < a->bytes) {
        size_t at = (size_t)(a->got % n);
        ssize_t got = recv(a->out, bytes, n - at, 0);
        if (got <= 0)
            break;
        a->ok = a->ok && memcmp(bytes, want + at, (size_t)got) == 0;
        a->got += (uint64_t)got;
    }
    if (a->half_close)
        a->ok = a->ok && recv(a->out, bytes, 1, 0) == 0;
    free(bytes);
    free(want);
    return NULL;
}

static void app_start(struct app *a)
{
    pthread_create(&a->writer, NULL, app_write, a);
    pthread_create(&a->reader, NULL, app_read, a);
}

static bool app_finished(struct app *a)
{
    return pthread_tryjoin_np(a->reader, NULL) == 0;
}

static void app_end(struct app *a)
{
    while (pthread_tryjoin_np(a->writer, NULL) != 0)
        gost_loop_step(&net_loop, 1);
    CHECK(a->ok);
    CHECK(a->got == a->bytes);
}

/* --- tests -------------------------------------------------------------------------------- */

static void check_tunnels(const struct gost_mux_options *o, size_t n, uint64_t bytes,
                          bool half_close)
{
    struct gost_stream *one, *two, **near = calloc(n, sizeof(*near));
    struct tunnel *t = calloc(n, sizeof(*t));
    struct app *apps = calloc(n * 2, sizeof(*apps));
    mux_tcp_pair(&one, &two);
    struct mux_side *a = mux_side_new(one, o, true), *b = mux_side_new(two, o, false);
    for (size_t i = 0; i < n; i++)
        near[i] = mux_opened(a);
    NET_UNTIL(b->streams == n);
    for (size_t i = 0; i < n; i++) {
        tunnel_ends(&t[i]);
        tunnel_start(&t[i], near[i], mux_taken(b, i));
        for (int k = 0; k < 2; k++) {
            apps[i * 2 + k] = (struct app){
                .in = t[i].app[k], .out = t[i].app[1 - k], .bytes = bytes, .half_close = half_close};
            app_start(&apps[i * 2 + k]);
        }
    }
    for (size_t i = 0; i < n * 2; i++) {
        NET_UNTIL(app_finished(&apps[i]));
        app_end(&apps[i]);
    }
    for (size_t i = 0; i < n; i++) {
        close(t[i].app[0]);
        close(t[i].app[1]);
    }
    NET_UNTIL(pumps_running == 0);
    NET_UNTIL(a->mux->count == 0 && b->mux->count == 0);
    mux_side_delete(a);
    mux_side_delete(b);
    free(near);
    free(t);
    free(apps);
}

NET_TEST(pumps_move_bytes_both_ways_through_one_session)
{
    check_tunnels(&mux_smux1, 5, 3000000, false);
    check_tunnels(&mux_smux2, 5, 3000000, false);
    check_tunnels(&mux_yamux, 5, 3000000, false);
}

NET_TEST(half_closed_tunnels_are_carried)
{
    check_tunnels(&mux_yamux, 3, 1000000, true);
    check_tunnels(&mux_smux1, 3, 1000000, true);
    check_tunnels(&mux_smux2, 3, 1000000, true);
}

NET_TEST(a_stream_closed_as_a_whole_ends_its_pump_at_once_and_loses_nothing)
{
    struct gost_stream *one, *two;
    struct tunnel t;
    size_t got = 0, n = 200000;
    ssize_t more = 1;
    uint8_t *bytes = calloc(1, n);
    mux_tcp_pair(&one, &two);
    struct mux_side *a = mux_side_new(one, &mux_smux2, true),
                    *b = mux_side_new(two, &mux_smux2, false);
    struct gost_stream *near = mux_opened(a), *far;
    NET_UNTIL(b->streams == 1);
    tunnel_ends(&t);
    far = mux_taken(b, 0);
    gost_pump_start(&t.pump[1], &t.end[1], &far, NULL, NULL, on_pump_done);
    pumps_running++;
    CHECK_INT(send(t.app[1], "unread", 6, 0), 6);
    CHECK_INT(gost_stream_write(near, bytes, n), n);
    gost_stream_close(near); /* FIN, and the target would say nothing for ever */
    NET_UNTIL(pumps_running == 0);
    NET_UNTIL((more = recv(t.app[1], bytes, n, MSG_DONTWAIT)) == 0 ||
              (more > 0 && (got += (size_t)more) > n));
    CHECK_INT(got, n);
    CHECK_INT(t.pump[1].rc, 0);
    free(bytes);
    close(t.app[0]);
    close(t.app[1]);
    gost_stream_close(t.end[0]);
    mux_side_delete(a);
    mux_side_delete(b);
}

NET_TEST(the_end_of_a_socket_ends_the_stream_and_the_other_socket)
{
    struct gost_stream *one, *two;
    struct tunnel t;
    char text[8];
    mux_tcp_pair(&one, &two);
    struct mux_side *a = mux_side_new(one, &mux_smux2, true),
                    *b = mux_side_new(two, &mux_smux2, false);
    struct gost_stream *near = mux_opened(a);
    NET_UNTIL(b->streams == 1);
    tunnel_ends(&t);
    tunnel_start(&t, near, mux_taken(b, 0));
    CHECK_INT(send(t.app[0], "bye", 3, 0), 3);
    net_reset(t.app[1]); /* the target dies */
    NET_UNTIL(recv(t.app[0], text, 8, MSG_DONTWAIT) == 0 || errno == ECONNRESET);
    close(t.app[0]);
    NET_UNTIL(pumps_running == 0);
    mux_side_delete(a);
    mux_side_delete(b);
}

static void check_far_end(const struct gost_mux_options *o, bool lingers)
{
    struct gost_stream *one, *two;
    struct tunnel t;
    char text[8];
    mux_tcp_pair(&one, &two);
    struct mux_side *a = mux_side_new(one, o, true), *b = mux_side_new(two, o, false);
    struct gost_stream *near = mux_opened(a);
    NET_UNTIL(b->streams == 1);
    struct gost_stream *far = mux_taken(b, 0);
    tunnel_ends(&t);
    gost_pump_start(&t.pump[1], &t.end[1], &far, NULL, NULL, on_pump_done);
    pumps_running++;
    gost_stream_close(near); /* the peer sends FIN; the application behind the pump says nothing */
    NET_UNTIL(recv(t.app[1], text, 8, MSG_DONTWAIT) == 0);
    CHECK(t.pump[1].lingering == lingers);
    gost_stream_close(t.end[0]);
    close(t.app[0]);
    close(t.app[1]);
    NET_UNTIL(pumps_running == 0);
    mux_side_delete(a);
    mux_side_delete(b);
}

NET_TEST(a_stream_that_was_closed_is_not_waited_for_long)
{
    check_far_end(&mux_smux1, true);
    check_far_end(&mux_smux2, true);
    check_far_end(&mux_yamux, false); /* it has half-close */
}

/* The application behind a socket ends, with smux on the far side. @return what is waited for */
static uint64_t patience_after(bool answered)
{
    struct gost_stream *one, *two;
    struct tunnel t;
    char text[8];
    mux_tcp_pair(&one, &two);
    struct mux_side *a = mux_side_new(one, &mux_smux1, true),
                    *b = mux_side_new(two, &mux_smux1, false);
    struct gost_stream *near = mux_opened(a);
    NET_UNTIL(b->streams == 1);
    tunnel_ends(&t);
    tunnel_start(&t, near, mux_taken(b, 0));
    CHECK_INT(send(t.app[0], "ask", 3, 0), 3);
    NET_UNTIL(recv(t.app[1], text, 8, MSG_DONTWAIT) == 3);
    if (answered) {
        CHECK_INT(send(t.app[1], "answer", 6, 0), 6);
        NET_UNTIL(recv(t.app[0], text, 8, MSG_DONTWAIT) == 6);
    }
    shutdown(t.app[0], SHUT_WR);
    NET_UNTIL(t.pump[0].lingering);
    uint64_t patience = t.pump[0].idle_ms;
    close(t.app[0]);
    close(t.app[1]);
    NET_UNTIL(pumps_running == 0);
    mux_side_delete(a);
    mux_side_delete(b);
    return patience;
}

NET_TEST(an_answer_is_waited_for_unless_it_came)
{
    CHECK_INT(patience_after(false), 10000);
    CHECK_INT(patience_after(true), 1000);
}

/* --- the bench ---------------------------------------------------------------------------- */

/* All applications of one side on one thread, so that waking them costs the loop little. */
struct crowd {
    struct pollfd *fd;
    uint64_t *left;
    size_t n;
    bool writes;
    atomic_bool done;
    pthread_t thread;
};

static void *crowd_main(void *arg)
{
    struct crowd *c = arg;
    enum { SIZE = 256 * 1024 };
    char *bytes = calloc(1, SIZE);
    for (size_t open = c->n; open > 0;) {
        poll(c->fd, c->n, -1);
        for (size_t i = 0; i < c->n; i++) {
            if (c->fd[i].fd < 0 || !c->fd[i].revents)
                continue;
            size_t want = c->left[i] < SIZE ? (size_t)c->left[i] : SIZE;
            ssize_t n = c->writes ? send(c->fd[i].fd, bytes, want, MSG_DONTWAIT | MSG_NOSIGNAL)
                                  : recv(c->fd[i].fd, bytes, want, MSG_DONTWAIT);
            if (n > 0)
                c->left[i] -= (uint64_t)n;
            if (c->left[i] > 0 && (n > 0 || (n < 0 && errno == EAGAIN)))
                continue;
            c->fd[i].fd = -1;
            open--;
        }
    }
    free(bytes);
    c->done = true;
    return NULL;
}

static void crowd_new(struct crowd *c, const struct tunnel *t, size_t n, int side, uint64_t bytes)
{
    *c = (struct crowd){.n = n, .writes = side == 0};
    c->fd = calloc(n, sizeof(*c->fd));
    c->left = calloc(n, sizeof(*c->left));
    for (size_t i = 0; i < n; i++) {
        c->fd[i] = (struct pollfd){.fd = t[i].app[side], .events = side == 0 ? POLLOUT : POLLIN};
        c->left[i] = bytes;
    }
}

static void crowd_end(struct crowd *c)
{
    pthread_join(c->thread, NULL);
    for (size_t i = 0; i < c->n; i++)
        CHECK_INT(c->left[i], 0);
    free(c->fd);
    free(c->left);
}

static double cpu_seconds(void)
{
    struct rusage r;
    getrusage(RUSAGE_THREAD, &r);
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
           (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

/* `o` NULL: a connection for each tunnel. @return CPU seconds per GB of one direction */
static double bench_run(const struct gost_mux_options *o, size_t n, uint64_t bytes)
{
    struct tunnel *t = calloc(n, sizeof(*t));
    struct crowd crowd[2];
    struct mux_side *a = NULL, *b = NULL;
    struct gost_stream *one, *two;
    net_begin();
    if (o) {
        mux_tcp_pair(&one, &two);
        a = mux_side_new(one, o, true);
        b = mux_side_new(two, o, false);
    }
    for (size_t i = 0; i < n; i++) {
        tunnel_ends(&t[i]);
        if (o) {
            one = mux_opened(a);
            NET_UNTIL(b->streams == i + 1);
            two = mux_taken(b, i);
        } else {
            mux_tcp_pair(&one, &two);
            one = net_knobs(one, (struct knobs){0});
            two = net_knobs(two, (struct knobs){0});
        }
        tunnel_start(&t[i], one, two);
    }
    for (int side = 0; side < 2; side++)
        crowd_new(&crowd[side], t, n, side, bytes / n);
    double before = cpu_seconds();
    for (int side = 0; side < 2; side++)
        pthread_create(&crowd[side].thread, NULL, crowd_main, &crowd[side]);
    while (!crowd[1].done)
        gost_loop_step(&net_loop, 1);
    double spent = cpu_seconds() - before;
    for (int side = 0; side < 2; side++)
        crowd_end(&crowd[side]);
    for (size_t i = 0; i < n; i++) {
        close(t[i].app[0]);
        close(t[i].app[1]);
    }
    NET_UNTIL(pumps_running == 0);
    if (o) {
        mux_side_delete(a);
        mux_side_delete(b);
    }
    net_end();
    free(t);
    return spent * 1e9 / (double)bytes;
}

static const struct {
    const char *name;
    const struct gost_mux_options *o;
} contestants[] = {
    {"plain", NULL}, {"smux1", &mux_smux1}, {"smux2", &mux_smux2}, {"yamux", &mux_yamux}};

enum { CONTESTANTS = 4, ROUNDS = 3 /* the best counts: the machine is shared */ };

/* @param only  the name of one contestant, or NULL */
static int bench(uint64_t bytes, size_t streams, const char *only)
{
    double best[CONTESTANTS] = {0};
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < CONTESTANTS; i++) {
            if (only && strcmp(only, contestants[i].name) != 0)
                continue;
            double spent = bench_run(contestants[i].o, streams, bytes);
            best[i] = best[i] == 0 || spent < best[i] ? spent : best[i];
        }
    }
    printf("%3zu streams, CPU s/GB:", streams);
    for (int i = 0; i < CONTESTANTS; i++)
        if (best[i] > 0)
            printf(" %s %.3f (%.2fx)", contestants[i].name, best[i],
                   best[0] > 0 ? best[i] / best[0] : 0);
    printf("\n");
    return 0;
}

#define main tests_main
RUN_TESTS()
#undef main

int main(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "--bench") != 0)
        return tests_main();
    uint64_t bytes = (uint64_t)(argc > 2 ? atoi(argv[2]) : 1024) << 20;
    if (argc > 3)
        return bench(bytes, (size_t)atoi(argv[3]), argc > 4 ? argv[4] : NULL);
    return bench(bytes, 1, NULL) || bench(bytes, 100, NULL);
}
