/**
 * What the tests of runtime and net lean on: a loop per test that must end clean, waiting for
 * conditions, socket pairs, and a layer with knobs that makes any stream awkward.
 */
#ifndef GOST_SPEC_NET_SUPPORT_H
#define GOST_SPEC_NET_SUPPORT_H

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/net/io.h"
#include "core/net/linger.h"
#include "core/net/pair.h"
#include "core/net/pipe.h"
#include "core/net/pump.h"
#include "core/net/resolve.h"
#include "core/net/socket.h"
#include "core/runtime/fiber.h"
#include "core/runtime/loop.h"
#include "spec/c/test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define NET_UNUSED __attribute__((unused))

enum { NET_PATIENCE_MS = 30 * 1000 }; /* before a test that waits for a condition gives up */

static struct gost_loop net_loop;
static int net_fds;

static NET_UNUSED int net_open_fds(void)
{
    int n = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (dir && readdir(dir))
        n++;
    if (dir)
        closedir(dir);
    return n;
}

static NET_UNUSED uint64_t net_clock(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* Turn the loop until the condition holds. */
#define NET_UNTIL(cond)                                                                            \
    do {                                                                                           \
        uint64_t until_ = net_clock() + NET_PATIENCE_MS;                                           \
        bool met_;                                                                                 \
        while (!(met_ = (cond)) && net_clock() < until_)                                           \
            gost_loop_step(&net_loop, 10);                                                         \
        if (!met_)                                                                                 \
            CHECK(!"waited in vain for " #cond);                                                   \
    } while (0)

/* The same on a fiber. */
#define NET_AWAIT(cond)                                                                            \
    do {                                                                                           \
        uint64_t until_ = net_clock() + NET_PATIENCE_MS;                                           \
        bool met_;                                                                                 \
        while (!(met_ = (cond)) && net_clock() < until_ && gost_fiber_sleep(1) == 0)               \
            ;                                                                                      \
        if (!met_)                                                                                 \
            CHECK(!"waited in vain for " #cond);                                                   \
    } while (0)

static NET_UNUSED void net_begin(void)
{
    signal(SIGPIPE, SIG_IGN);
    if (!net_fds) { /* what libuv opens once for the whole process is no leak */
        gost_loop_create(&net_loop);
        gost_loop_destroy(&net_loop);
    }
    net_fds = net_open_fds();
    CHECK_INT(gost_loop_create(&net_loop), 0);
    gost_loop_enter(&net_loop);
}

/* Nothing may be left behind: no fiber, no watch, no lingering stream, no descriptor. */
static NET_UNUSED void net_end(void)
{
    NET_UNTIL(gost_fiber_count() == 0 && gost_linger_count() == 0);
    gost_resolve_cleanup();
    CHECK_INT(net_loop.watches, 0);
    gost_fiber_cleanup();
    gost_pipe_drain();
    gost_loop_destroy(&net_loop);
    CHECK_INT(net_open_fds(), net_fds);
}

static NET_UNUSED void net_run_entry(void *arg)
{
    ((void (*)(void))arg)();
}

static NET_UNUSED void net_run(void (*body)(void))
{
    struct gost_fiber *f = gost_fiber_spawn("test", net_run_entry, (void *)body);
    gost_fiber_ref(f);
    NET_UNTIL(f->done);
    gost_fiber_unref(f);
}

/* A test with a loop … */
#define NET_TEST(name)                                                                             \
    static void name##_body(void);                                                                 \
    TEST(name)                                                                                     \
    {                                                                                              \
        net_begin();                                                                               \
        name##_body();                                                                             \
        net_end();                                                                                 \
    }                                                                                              \
    static void name##_body(void)

/* … and one whose body is a fiber. */
#define FIBER_TEST(name)                                                                           \
    static void name##_body(void);                                                                 \
    TEST(name)                                                                                     \
    {                                                                                              \
        net_begin();                                                                               \
        net_run(name##_body);                                                                      \
        net_end();                                                                                 \
    }                                                                                              \
    static void name##_body(void)

/* A small generator, so that a failure repeats. */
static NET_UNUSED uint64_t net_random(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* The endless test text: a ring of random bytes, of a length that divides no buffer's. */
enum { NET_RING = 65521 };
static _Thread_local uint8_t net_ring[NET_RING];

static NET_UNUSED void net_ring_fill(void)
{
    uint64_t state = 42;
    for (size_t i = 0; i < NET_RING && !net_ring[NET_RING - 1]; i++)
        net_ring[i] = (uint8_t)(net_random(&state) | (i == NET_RING - 1));
}

static NET_UNUSED void net_fill(uint8_t *to, uint64_t at, size_t n)
{
    net_ring_fill();
    while (n > 0) {
        size_t from = at % NET_RING, some = n < NET_RING - from ? n : NET_RING - from;
        memcpy(to, net_ring + from, some);
        to += some;
        at += some;
        n -= some;
    }
}

static NET_UNUSED bool net_matches(const uint8_t *p, uint64_t at, size_t n)
{
    net_ring_fill();
    while (n > 0) {
        size_t from = at % NET_RING, some = n < NET_RING - from ? n : NET_RING - from;
        if (memcmp(p, net_ring + from, some) != 0)
            return false;
        p += some;
        at += some;
        n -= some;
    }
    return true;
}

static NET_UNUSED union gost_sockaddr net_loopback(uint16_t port)
{
    union gost_sockaddr a;
    gost_ip_parse("127.0.0.1", port, &a);
    return a;
}

/* A listening socket of plain system calls. */
static NET_UNUSED int net_listen(const char *ip, int backlog, union gost_sockaddr *addr)
{
    socklen_t len = sizeof(*addr);
    gost_ip_parse(ip, 0, addr);
    int fd = socket(addr->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CHECK_INT(bind(fd, &addr->sa, gost_sockaddr_len(addr)), 0);
    CHECK_INT(listen(fd, backlog), 0);
    getsockname(fd, &addr->sa, &len);
    return fd;
}

/* Two ends of a TCP connection, both non-blocking. */
static NET_UNUSED void net_tcp_pair(int fd[2])
{
    union gost_sockaddr addr;
    int listener = net_listen("127.0.0.1", 1, &addr);
    fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_INT(connect(fd[0], &addr.sa, gost_sockaddr_len(&addr)), 0);
    fcntl(fd[0], F_SETFL, O_NONBLOCK);
    while ((fd[1] = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) < 0)
        ;
    close(listener);
}

static NET_UNUSED void net_reset(int fd)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(fd);
}

/* --- the layer with knobs --- */

struct knobs {
    size_t read_max, write_max; /* bytes at a time; 0: no limit */
    unsigned false_want; /* one in so many calls answers WANT although it need not; 0: none */
    size_t hold;         /* takes so many bytes and passes them on only when flushed */
    bool no_half_close;  /* shutdown answers GOST_ENOTSUP */
    size_t read_fail, write_fail; /* fails with -EIO after so many bytes; 0: never */
    bool transparent;             /* lets the descriptor show through */
    bool eager;                   /* fires both wakers from inside each write */
};

struct knob_stream {
    struct gost_stream base;
    struct knobs k;
    struct gost_waker *waker[2];
    struct gost_task wake; /* a false WANT is followed by a wake-up */
    uint64_t luck;
    size_t reads, writes;
    size_t held;
    uint8_t *room;
};

static struct knob_stream *knob_self(struct gost_stream *s)
{
    return gost_container_of(s, struct knob_stream, base);
}

static void knob_wake(struct gost_task *t)
{
    struct knob_stream *s = gost_container_of(t, struct knob_stream, wake);
    struct gost_waker *writer = s->waker[GOST_WRITER];
    gost_waker_fire(s->waker[GOST_READER]);
    gost_waker_fire(writer);
}

static bool knob_lies(struct knob_stream *s)
{
    if (!s->k.false_want || net_random(&s->luck) % s->k.false_want != 0)
        return false;
    gost_task_post(&s->wake);
    return true;
}

static ssize_t knob_read(struct gost_stream *base, void *buf, size_t n)
{
    struct knob_stream *s = knob_self(base);
    if (knob_lies(s))
        return s->luck & 1 ? GOST_WANT_READ : GOST_WANT_WRITE;
    if (s->k.read_fail && s->reads >= s->k.read_fail)
        return gost_fail(-EIO, "read: a knob says no");
    if (s->k.read_max && n > s->k.read_max)
        n = s->k.read_max;
    ssize_t got = gost_stream_read(base->next, buf, n);
    s->reads += got > 0 ? (size_t)got : 0;
    return got;
}

static int knob_flush(struct gost_stream *base)
{
    struct knob_stream *s = knob_self(base);
    if (knob_lies(s))
        return GOST_WANT_WRITE;
    while (s->held > 0) {
        ssize_t n = gost_stream_write(base->next, s->room, s->held);
        if (n < 0)
            return (int)n;
        memmove(s->room, s->room + n, s->held - (size_t)n);
        s->held -= (size_t)n;
    }
    return gost_stream_flush(base->next);
}

static ssize_t knob_writev(struct gost_stream *base, const struct iovec *iov, int count)
{
    struct knob_stream *s = knob_self(base);
    size_t n = iov[0].iov_len;
    ssize_t put;
    (void)count;
    if (knob_lies(s))
        return s->luck & 1 ? GOST_WANT_WRITE : GOST_WANT_READ;
    if (s->k.write_fail && s->writes >= s->k.write_fail)
        return gost_fail(-EIO, "write: a knob says no");
    if (s->k.write_max && n > s->k.write_max)
        n = s->k.write_max;
    if (s->k.hold) {
        int rc = s->held == s->k.hold ? knob_flush(base) : 0;
        if (rc != 0)
            return rc;
        n = n < s->k.hold - s->held ? n : s->k.hold - s->held;
        memcpy(s->room + s->held, iov[0].iov_base, n);
        s->held += n;
        put = (ssize_t)n;
    } else {
        put = gost_stream_write(base->next, iov[0].iov_base, n);
    }
    s->writes += put > 0 ? (size_t)put : 0;
    if (s->k.eager)
        knob_wake(&s->wake);
    return put;
}

static int knob_shutdown(struct gost_stream *base)
{
    struct knob_stream *s = knob_self(base);
    if (s->k.no_half_close)
        return GOST_ENOTSUP;
    return knob_lies(s) ? GOST_WANT_WRITE : gost_stream_shutdown(base->next);
}

static void knob_set_waker(struct gost_stream *base, enum gost_side side, struct gost_waker *w)
{
    knob_self(base)->waker[side] = w;
    gost_stream_set_waker(base->next, side, w);
}

static int knob_query(struct gost_stream *base, enum gost_query what, void *out)
{
    if (what == GOST_QUERY_FD && !knob_self(base)->k.transparent)
        return GOST_ENOTSUP;
    return gost_stream_query(base->next, what, out);
}

static void knob_destroy(struct gost_stream *base)
{
    struct knob_stream *s = knob_self(base);
    gost_task_cancel(&s->wake);
    free(s->room);
    free(s);
}

static const struct gost_stream_ops knob_ops = {
    .name = "knobs",
    .open = gost__pass_open,
    .read = knob_read,
    .writev = knob_writev,
    .flush = knob_flush,
    .shutdown = knob_shutdown,
    .set_waker = knob_set_waker,
    .query = knob_query,
    .destroy = knob_destroy,
};

/* Put the layer over a stream. */
static NET_UNUSED struct gost_stream *net_knobs(struct gost_stream *below, struct knobs k)
{
    struct knob_stream *s = calloc(1, sizeof(*s));
    gost_stream_create(&s->base, &knob_ops, below);
    gost_task_create(&s->wake, knob_wake);
    s->k = k;
    if (k.hold)
        s->room = malloc(k.hold);
    return &s->base;
}

#endif
