#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/net/socket.h"
#include "core/net/sockopt.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { BATCH = 64, REST_MS = 50 };

/* A descriptor in reserve, given up to turn a client away when descriptors are out: one for all acceptors of a worker. */
static _Thread_local struct {
    int users, fd;
} reserve = {0, -1};

static void reserve_fill(void)
{
    if (reserve.fd < 0)
        reserve.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void reserve_empty(void)
{
    if (reserve.fd >= 0)
        close(reserve.fd);
    reserve.fd = -1;
}

static void reserve_join(struct gost_acceptor *a)
{
    a->reserved = true;
    reserve.users++;
    reserve_fill();
}

static void reserve_leave(struct gost_acceptor *a)
{
    if (a->reserved && --reserve.users == 0)
        reserve_empty();
    a->reserved = false;
}

/* No descriptor is left: turn one client away with the reserve, then let the others end first. */
static void turn_away(struct gost_acceptor *a)
{
    if (a->refused++ == 0) {
        char text[GOST_HOSTPORT_MAX];
        gost_log(GOST_LOG_ERROR, "accept on %s: too many open files, turning clients away",
                 gost_sockaddr_format(&a->addr, text));
    }
    if (reserve.fd >= 0) {
        reserve_empty();
        int fd = accept4(a->watch.fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            close(fd);
    }
    reserve_fill();
    gost_timer_start(&a->rest, gost_now() + REST_MS);
}

/* @return false when the backlog is empty, or nothing can be accepted for now */
static bool accept_one(struct gost_acceptor *a)
{
    union gost_sockaddr peer;
    socklen_t len = sizeof(peer);
    memset(&peer.un, 0, 8);
    int fd = accept4(a->watch.fd, &peer.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        if (len <= offsetof(struct sockaddr_un, sun_path))
            peer.un.sun_path[0] = peer.un.sun_path[1] = '\0';
        else if (peer.sa.sa_family == AF_UNIX && len < sizeof(peer.un))
            ((char *)&peer)[len] = '\0';
        a->refused = 0;
        a->on_accept(a, fd, &peer);
        return true;
    }
    switch (errno) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        turn_away(a);
        return false;
    case EAGAIN:
    case EBADF:
    case EINVAL: /* shut down by somebody who shares it */
        return false;
    default: /* ECONNABORTED and network errors concern that one connection */
        return true;
    }
}

static void accept_batch(struct gost_acceptor *a)
{
    for (int i = 0; i < BATCH; i++)
        if (a->watch.fd < 0 || !accept_one(a))
            return;
    gost_task_post(&a->again);
}

static void on_ready(struct gost_watch *w, uint8_t fresh)
{
    struct gost_acceptor *a = gost_container_of(w, struct gost_acceptor, watch);
    (void)fresh;
    if (!gost_timer_active(&a->rest))
        accept_batch(a);
}

static void on_again(struct gost_task *t)
{
    accept_batch(gost_container_of(t, struct gost_acceptor, again));
}

static void on_rest(struct gost_timer *t)
{
    accept_batch(gost_container_of(t, struct gost_acceptor, rest));
}

int gost_acceptor_adopt(struct gost_acceptor *a, int fd)
{
    socklen_t len = sizeof(a->addr), int_len = sizeof(int);
    int listening = 0;
    memset(&a->addr, 0, sizeof(a->addr));
    a->watch.fd = -1;
    a->reserved = false;
    a->refused = 0;
    gost_task_create(&a->again, on_again);
    gost_timer_create(&a->rest, on_rest);
    int rc = getsockname(fd, &a->addr.sa, &len) < 0 ||
                     getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &int_len) < 0
                 ? -errno
                 : 0;
    if (rc == 0 && !listening)
        rc = -EINVAL;
    if (rc == 0)
        rc = gost_watch_start(&a->watch, fd, on_ready);
    if (rc != 0) {
        close(fd);
        return gost_fail_code(rc);
    }
    reserve_join(a);
    return 0;
}

int gost_acceptor_listen(struct gost_acceptor *a, const union gost_sockaddr *addr,
                         const struct gost_socket_options *options, int backlog)
{
    int fd = gost__sockopt_listen(addr, options, backlog);
    a->watch.fd = -1; /* so that closing it is harmless */
    return fd < 0 ? fd : gost_acceptor_adopt(a, fd);
}

static void acceptor_stop(struct gost_acceptor *a, bool close_fd)
{
    gost_task_cancel(&a->again);
    gost_timer_stop(&a->rest);
    gost_watch_stop(&a->watch, close_fd);
    reserve_leave(a);
}

int gost_acceptor_release(struct gost_acceptor *a)
{
    int fd = a->watch.fd;
    acceptor_stop(a, false);
    return fd;
}

void gost_acceptor_close(struct gost_acceptor *a)
{
    if (a->watch.fd >= 0)
        acceptor_stop(a, true);
}
