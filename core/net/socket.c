#include "core/net/socket.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/net/sockopt.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct socket_stream {
    struct gost_stream base;
    struct gost_watch watch;
    struct gost_waker *waker[2]; /* by enum gost_side */
    int parked;                  /* the descriptor, while no loop has it; else -1 */
};

static struct socket_stream *self_of(struct gost_stream *s)
{
    return gost_container_of(s, struct socket_stream, base);
}

static void socket_ready(struct gost_watch *w, uint8_t fresh)
{
    struct socket_stream *s = gost_container_of(w, struct socket_stream, watch);
    struct gost_waker *reader = s->waker[GOST_READER], *writer = s->waker[GOST_WRITER];
    if (fresh & (GOST_READABLE | GOST_HANGUP))
        gost_waker_fire(reader);
    if (fresh & (GOST_WRITABLE | GOST_HANGUP) && writer)
        gost_waker_fire(writer);
}

static ssize_t socket_read(struct gost_stream *base, void *buf, size_t n)
{
    struct socket_stream *s = self_of(base);
    if (!(s->watch.ready & GOST_READABLE))
        return GOST_WANT_READ;
    ssize_t got;
    do {
        got = recv(s->watch.fd, buf, n, 0);
    } while (got < 0 && errno == EINTR);
    if (got > 0) {
        /* A short read drained the socket: new bytes bring a new edge. After a hang-up none may
         * come, so then we read on until the end. */
        if ((size_t)got < n && !(s->watch.ready & GOST_HANGUP))
            s->watch.ready &= (uint8_t)~GOST_READABLE;
        return got;
    }
    if (got < 0 && errno == EAGAIN) {
        s->watch.ready &= (uint8_t)~GOST_READABLE;
        return GOST_WANT_READ;
    }
    return got == 0 ? 0 : gost_fail(-errno, "read: %s", gost_strerror(-errno));
}

static ssize_t socket_writev(struct gost_stream *base, const struct iovec *iov, int count)
{
    struct socket_stream *s = self_of(base);
    struct msghdr msg = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)count};
    size_t total = 0;
    ssize_t put;
    if (!(s->watch.ready & GOST_WRITABLE))
        return GOST_WANT_WRITE;
    for (int i = 0; i < count; i++)
        total += iov[i].iov_len;
    do {
        put = count == 1 ? send(s->watch.fd, iov->iov_base, total, MSG_NOSIGNAL)
                         : sendmsg(s->watch.fd, &msg, MSG_NOSIGNAL);
    } while (put < 0 && errno == EINTR);
    if (put >= 0) {
        if ((size_t)put < total)
            s->watch.ready &= (uint8_t)~GOST_WRITABLE;
        return put;
    }
    if (errno == EAGAIN) {
        s->watch.ready &= (uint8_t)~GOST_WRITABLE;
        return GOST_WANT_WRITE;
    }
    return gost_fail(-errno, "write: %s", gost_strerror(-errno));
}

static int socket_shutdown(struct gost_stream *base)
{
    if (shutdown(self_of(base)->watch.fd, SHUT_WR) == 0 || errno == ENOTCONN)
        return 0;
    return gost_fail(-errno, "shutdown: %s", gost_strerror(-errno));
}

static void socket_set_waker(struct gost_stream *base, enum gost_side side, struct gost_waker *w)
{
    self_of(base)->waker[side] = w;
}

static int socket_query(struct gost_stream *base, enum gost_query what, void *out)
{
    struct socket_stream *s = self_of(base);
    union gost_sockaddr *addr = out;
    socklen_t len = sizeof(*addr);
    switch (what) {
    case GOST_QUERY_FD:
    case GOST_QUERY_CARRIER:
        *(int *)out = s->watch.fd;
        return 0;
    case GOST_QUERY_LOCAL_ADDR:
        memset(addr, 0, sizeof(*addr));
        return getsockname(s->watch.fd, &addr->sa, &len) == 0 ? 0 : -errno;
    case GOST_QUERY_PEER_ADDR:
        memset(addr, 0, sizeof(*addr));
        return getpeername(s->watch.fd, &addr->sa, &len) == 0 ? 0 : -errno;
    default:
        return GOST_ENOTSUP;
    }
}

static void socket_destroy(struct gost_stream *base)
{
    struct socket_stream *s = self_of(base);
    gost_watch_stop(&s->watch, true);
    if (s->parked >= 0)
        close(s->parked);
    free(s);
}

static void socket_detach(struct gost_stream *base)
{
    struct socket_stream *s = self_of(base);
    s->parked = s->watch.fd;
    gost_watch_stop(&s->watch, false);
    s->watch.ready = 0; /* a layer's last words are not sent meanwhile */
}

static int socket_attach(struct gost_stream *base)
{
    struct socket_stream *s = self_of(base);
    int rc = gost_watch_start(&s->watch, s->parked, socket_ready);
    if (rc != 0)
        return rc;
    s->parked = -1;
    s->watch.ready = GOST_WRITABLE; /* what there is to read announces itself to a new watch */
    return 0;
}

static const struct gost_stream_ops socket_ops = {
    .name = "socket",
    .open = gost__pass_open,
    .read = socket_read,
    .writev = socket_writev,
    .flush = gost__pass_flush,
    .shutdown = socket_shutdown,
    .set_waker = socket_set_waker,
    .query = socket_query,
    .destroy = socket_destroy,
    .movable = true,
    .detach = socket_detach,
    .attach = socket_attach,
};

bool gost_stream_is_socket(const struct gost_stream *s)
{
    return s->ops == &socket_ops;
}

struct gost_watch *gost__socket_watch(struct gost_stream *s)
{
    while (s->next) /* layers that only pass on let the bottom answer for them */
        s = s->next;
    assert(gost_stream_is_socket(s));
    return &self_of(s)->watch;
}

int gost_socket_wrap(int fd, struct gost_stream **out)
{
    struct socket_stream *s = calloc(1, sizeof(*s));
    if (!s) {
        close(fd);
        return gost_fail_code(GOST_ENOMEM);
    }
    gost_stream_create(&s->base, &socket_ops, NULL);
    s->parked = -1;
    int rc = gost_watch_start(&s->watch, fd, socket_ready);
    if (rc != 0) {
        close(fd);
        free(s);
        return gost_fail_code(rc);
    }
    s->watch.ready = GOST_WRITABLE; /* a fresh connection has room; bytes announce themselves */
    *out = &s->base;
    return 0;
}

int gost_socket_unwrap(struct gost_stream *base)
{
    struct socket_stream *s = self_of(base);
    int fd = s->watch.fd;
    gost_watch_stop(&s->watch, false);
    free(s->base.unread);
    free(s);
    return fd;
}

/* --- connecting --------------------------------------------------------------------------- */

enum { RACERS_MAX = 8, RACE_DELAY_MS = 250 };

/* Happy Eyeballs, on one fiber. A racer's stream is NULL when it has lost. */
struct race {
    const union gost_sockaddr *addrs;
    size_t count, next; /* addresses, and the first one not tried yet */
    const struct gost_socket_options *options;
    struct gost_stream *racer[RACERS_MAX];
    const union gost_sockaddr *to[RACERS_MAX]; /* where each is bound for */
    size_t racers;
    uint64_t last;            /* when the last attempt started */
    struct gost_diag failure; /* the most telling one */
};

/* This machine cannot go there at all, which says little about the other side. */
static bool is_local_trouble(int rc)
{
    return rc == -ENETUNREACH || rc == -EADDRNOTAVAIL || rc == -EAFNOSUPPORT;
}

/* Keep the story at hand: the first tells most, unless it is only that a family is missing here. */
static void race_note(struct race *r, int rc, const union gost_sockaddr *to)
{
    char text[GOST_HOSTPORT_MAX];
    if (r->failure.code != 0 && (!is_local_trouble(r->failure.code) || is_local_trouble(rc)))
        return;
    gost_fail_at(rc, "connect %s", gost_sockaddr_format(to, text));
    r->failure = *gost__diag_self;
}

/* A socket that is on its way. @return 0, or a negative code with diag */
static int racer_start(const union gost_sockaddr *to, const struct gost_socket_options *options,
                       struct gost_stream **out)
{
    int fd = gost__sockopt_dial(to, options);
    if (fd < 0)
        return fd;
    if (connect(fd, &to->sa, gost_sockaddr_len(to)) < 0 && errno != EINPROGRESS) {
        int rc = gost_fail_code(-errno);
        close(fd);
        return rc;
    }
    int rc = gost_socket_wrap(fd, out);
    if (rc == 0)
        self_of(*out)->watch.ready = 0;
    return rc;
}

/* Start one more attempt; on an immediate failure, the next. */
static void race_start(struct race *r)
{
    r->last = gost_now();
    while (r->next < r->count && r->racers < RACERS_MAX) {
        const union gost_sockaddr *to = &r->addrs[r->next++];
        struct gost_stream *s = NULL;
        int rc = racer_start(to, r->options, &s);
        if (rc == 0) {
            gost_stream_set_waker(s, GOST_WRITER, &gost_fiber_self()->waker);
            r->to[r->racers] = to;
            r->racer[r->racers++] = s;
            return;
        }
        race_note(r, rc, to);
    }
}

/* 0: connected; GOST_WANT_WRITE: not yet; else why not. */
static int racer_state(struct socket_stream *s)
{
    int err = 0;
    socklen_t len = sizeof(err);
    if (!(s->watch.ready & (GOST_WRITABLE | GOST_HANGUP)))
        return GOST_WANT_WRITE;
    if (!(s->watch.ready & GOST_HANGUP))
        return 0;
    if (getsockopt(s->watch.fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
        err = errno;
    return -err;
}

/* The winner, taken out of the race, or NULL. Failed racers are closed and replaced. */
static struct gost_stream *race_check(struct race *r)
{
    for (size_t i = 0; i < r->racers;) {
        struct gost_stream *s = r->racer[i];
        int rc = racer_state(self_of(s));
        if (rc == GOST_WANT_WRITE) {
            i++;
            continue;
        }
        const union gost_sockaddr *to = r->to[i];
        r->racer[i] = r->racer[--r->racers];
        r->to[i] = r->to[r->racers];
        if (rc == 0) {
            gost_stream_set_waker(s, GOST_WRITER, NULL);
            return s;
        }
        gost_fail_code(rc);
        race_note(r, rc, to);
        gost_stream_close(s);
        race_start(r);
    }
    return NULL;
}

int gost_socket_race(const union gost_sockaddr *addrs, size_t count,
                     const struct gost_socket_options *options, uint64_t deadline,
                     struct gost_stream **out)
{
    struct race r = {.addrs = addrs, .count = count, .options = options};
    struct gost_stream *winner = NULL;
    int rc = 0;
    race_start(&r);
    while (rc == 0 && r.racers > 0 && !(winner = race_check(&r)) && r.racers > 0) {
        bool more = r.next < r.count && r.racers < RACERS_MAX;
        uint64_t next = more ? r.last + RACE_DELAY_MS : GOST_NEVER;
        if (next <= gost_now())
            race_start(&r);
        else
            rc = gost_fiber_wait(gost_deadline_min(deadline, next));
        if (rc == GOST_ETIMEDOUT && next <= gost_now())
            rc = 0;
    }
    for (size_t i = 0; i < r.racers; i++)
        gost_stream_close(r.racer[i]);
    if (winner) {
        *out = winner;
        return 0;
    }
    if (rc != 0) {
        char text[GOST_HOSTPORT_MAX];
        return gost_fail_at(rc, "connect %s", count ? gost_sockaddr_format(&addrs[0], text) : "");
    }
    if (r.failure.code == 0)
        return gost_fail(GOST_EDNS, "no address to connect to");
    *gost__diag_self = r.failure;
    return r.failure.code;
}

int gost_socket_connect(const union gost_sockaddr *to, const struct gost_socket_options *options,
                        uint64_t deadline, struct gost_stream **out)
{
    return gost_socket_race(to, 1, options, deadline, out);
}
