#include "core/transport/stdio.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/runtime/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* One descriptor. What epoll does not take (files, /dev/null) never has to be waited for. */
struct end {
    struct gost_watch watch; /* fd is -1 while the loop does not watch it */
    int fd, flags;           /* flags: as they were */
    bool is_socket, is_pipe;
};

struct stdio_stream {
    struct gost_stream base;
    struct end in, out;
    struct gost_waker *waker[2]; /* by enum gost_side */
    bool shut;
    void (*on_over)(void); /* NULL once it was called */
};

static struct stdio_stream *self_of(struct gost_stream *s)
{
    return gost_container_of(s, struct stdio_stream, base);
}

static void in_ready(struct gost_watch *w, uint8_t fresh)
{
    struct stdio_stream *s = gost_container_of(w, struct stdio_stream, in.watch);
    (void)fresh;
    gost_waker_fire(s->waker[GOST_READER]);
}

static void over(struct stdio_stream *s)
{
    void (*fn)(void) = s->on_over;
    s->on_over = NULL;
    if (fn)
        fn();
}

/* Is the other end closed altogether? The loop does not tell that from the end of its input. */
static bool is_gone(int fd)
{
    struct pollfd p = {.fd = fd};
    return poll(&p, 1, 0) > 0 && p.revents & (POLLERR | POLLHUP);
}

static void out_ready(struct gost_watch *w, uint8_t fresh)
{
    struct stdio_stream *s = gost_container_of(w, struct stdio_stream, out.watch);
    if (fresh & GOST_HANGUP && !s->shut && is_gone(s->out.fd))
        over(s);
    gost_waker_fire(s->waker[GOST_WRITER]);
}

static ssize_t stdio_read(struct gost_stream *base, void *buf, size_t n)
{
    struct end *e = &self_of(base)->in;
    ssize_t got;
    if (!(e->watch.ready & GOST_READABLE))
        return GOST_WANT_READ;
    do {
        got = read(e->fd, buf, n);
    } while (got < 0 && errno == EINTR);
    if (got >= 0)
        return got;
    if (errno == EAGAIN) {
        e->watch.ready &= (uint8_t)~GOST_READABLE;
        return GOST_WANT_READ;
    }
    return gost_fail(-errno, "standard input: %s", gost_strerror(-errno));
}

static ssize_t stdio_writev(struct gost_stream *base, const struct iovec *iov, int count)
{
    struct stdio_stream *s = self_of(base);
    struct end *e = &s->out;
    ssize_t put;
    if (s->shut)
        return gost_fail(-EPIPE, "standard output: %s", gost_strerror(-EPIPE));
    if (!(e->watch.ready & GOST_WRITABLE))
        return GOST_WANT_WRITE;
    do {
        put = writev(e->fd, iov, count);
    } while (put < 0 && errno == EINTR);
    if (put >= 0)
        return put;
    if (errno == EAGAIN) {
        e->watch.ready &= (uint8_t)~GOST_WRITABLE;
        return GOST_WANT_WRITE;
    }
    return gost_fail(-errno, "standard output: %s", gost_strerror(-errno));
}

static void end_destroy(struct end *e)
{
    gost_watch_stop(&e->watch, false);
    if (e->flags >= 0)
        fcntl(e->fd, F_SETFL, e->flags);
    e->flags = -1;
}

/* The reader of a pipe sees its end when nobody holds it any more. */
static int end_close(struct end *e)
{
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null < 0)
        return gost_fail(-errno, "/dev/null: %s", gost_strerror(-errno));
    end_destroy(e);
    int rc = dup2(null, e->fd) < 0 ? -errno : 0;
    close(null);
    return rc == 0 ? 0 : gost_fail(rc, "standard output: %s", gost_strerror(rc));
}

static int stdio_shutdown(struct gost_stream *base)
{
    struct stdio_stream *s = self_of(base);
    if (s->shut)
        return 0;
    s->shut = true;
    if (s->out.is_socket && shutdown(s->out.fd, SHUT_WR) < 0 && errno != ENOTCONN)
        return gost_fail(-errno, "standard output: %s", gost_strerror(-errno));
    return s->out.is_pipe ? end_close(&s->out) : 0;
}

static void stdio_set_waker(struct gost_stream *base, enum gost_side side, struct gost_waker *w)
{
    self_of(base)->waker[side] = w;
}

static int stdio_query(struct gost_stream *base, enum gost_query what, void *out)
{
    (void)base;
    (void)what;
    (void)out;
    return GOST_ENOTSUP;
}

static void stdio_destroy(struct gost_stream *base)
{
    struct stdio_stream *s = self_of(base);
    end_destroy(
        &s->out); /* first: both may be one terminal, and input was asked first for its flags */
    end_destroy(&s->in);
    over(s);
    free(s);
}

static const struct gost_stream_ops stdio_ops = {
    .name = "stdio",
    .open = gost__pass_open,
    .read = stdio_read,
    .writev = stdio_writev,
    .flush = gost__pass_flush,
    .shutdown = stdio_shutdown,
    .set_waker = stdio_set_waker,
    .query = stdio_query,
    .destroy = stdio_destroy,
};

/* @return 0 or a libuv code with diag; `e` is to be destroyed in either case */
static int end_create(struct end *e, int fd, uint8_t events,
                      void (*fn)(struct gost_watch *w, uint8_t fresh))
{
    struct stat st;
    *e = (struct end){.watch = {.fd = -1}, .fd = fd, .flags = -1};
    if (fstat(fd, &st) < 0)
        return gost_fail(-errno, "descriptor %d: %s", fd, gost_strerror(-errno));
    e->is_socket = S_ISSOCK(st.st_mode);
    e->is_pipe = S_ISFIFO(st.st_mode);
    int rc = gost_watch_start_for(&e->watch, fd, events, fn);
    e->watch.ready = events; /* bytes may be waiting, and perhaps no edge comes for them */
    if (rc == -EPERM)
        return 0;
    if (rc != 0)
        return gost_fail(rc, "descriptor %d: %s", fd, gost_strerror(rc));
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return gost_fail(-errno, "descriptor %d: %s", fd, gost_strerror(-errno));
    e->flags = flags;
    return 0;
}

int gost__stdio_stream(struct gost_stream **out)
{
    struct stdio_stream *s = calloc(1, sizeof(*s));
    if (!s)
        return gost_fail_code(GOST_ENOMEM);
    gost_stream_create(&s->base, &stdio_ops, NULL);
    int rc = end_create(&s->in, STDIN_FILENO, GOST_READABLE, in_ready);
    if (rc == 0) {
        rc = end_create(&s->out, STDOUT_FILENO, GOST_WRITABLE, out_ready);
        if (rc != 0)
            end_destroy(&s->out);
    }
    if (rc != 0) {
        end_destroy(&s->in);
        free(s);
        return rc;
    }
    *out = &s->base;
    return 0;
}

void gost__stdio_on_over(struct gost_stream *s, void (*fn)(void))
{
    self_of(s)->on_over = fn;
}
