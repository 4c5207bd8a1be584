#include "core/net/udp.h"

#include "core/base/diag.h"
#include "core/base/error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct udp_socket {
    struct gost_packet base;
    struct gost_watch watch;
    struct gost_waker *waker[2]; /* by enum gost_side */
    bool connected;
    bool gso;
    bool wants_room; /* the watch asks for GOST_WRITABLE as well */
};

static struct udp_socket *self_of(struct gost_packet *p)
{
    return gost_container_of(p, struct udp_socket, base);
}

static void socket_ready(struct gost_watch *w, uint8_t fresh)
{
    struct udp_socket *s = gost_container_of(w, struct udp_socket, watch);
    struct gost_waker *writer = s->waker[GOST_WRITER];
    bool room = fresh & GOST_WRITABLE && s->wants_room;
    if (room) {
        s->wants_room = false;
        gost_watch_change(w, GOST_READABLE);
    }
    if (fresh & (GOST_READABLE | GOST_HANGUP))
        gost_waker_fire(s->waker[GOST_READER]);
    if (room)
        gost_waker_fire(writer);
}

static int socket_recv(struct gost_packet *p, struct gost_batch *b)
{
    struct udp_socket *s = self_of(p);
    if (!(s->watch.ready & GOST_READABLE))
        return GOST_WANT_READ;
    int n = gost__udp_recv(s->watch.fd, b, !s->connected, NULL);
    if (n < GOST_BATCH_MAX) /* fewer than asked for: the queue is empty, new ones bring a new edge */
        s->watch.ready &= (uint8_t)~GOST_READABLE;
    if (n == -EAGAIN || n == 0)
        return GOST_WANT_READ;
    return n > 0 ? n : gost_fail(n, "receive: %s", gost_strerror(n));
}

static int socket_send(struct gost_packet *p, const struct gost_datagram *d, int count)
{
    struct udp_socket *s = self_of(p);
    int n = gost__udp_send(s->watch.fd, d, count, NULL, &s->gso, &p->dropped);
    if (n == GOST_WANT_WRITE && !s->wants_room) {
        s->wants_room = true;
        gost_watch_change(&s->watch, GOST_READABLE | GOST_WRITABLE);
    }
    return n;
}

static void socket_set_waker(struct gost_packet *p, enum gost_side side, struct gost_waker *w)
{
    self_of(p)->waker[side] = w;
}

static int socket_query(struct gost_packet *p, enum gost_query what, void *result)
{
    union gost_sockaddr *addr = result;
    socklen_t len = sizeof(*addr);
    int fd = self_of(p)->watch.fd;
    switch (what) {
    case GOST_QUERY_LOCAL_ADDR:
        memset(addr, 0, sizeof(*addr));
        return getsockname(fd, &addr->sa, &len) == 0 ? 0 : -errno;
    case GOST_QUERY_PEER_ADDR:
        memset(addr, 0, sizeof(*addr));
        return getpeername(fd, &addr->sa, &len) == 0 ? 0 : -errno;
    case GOST_QUERY_CARRIER:
        *(int *)result = fd;
        return 0;
    default:
        return GOST_ENOTSUP;
    }
}

static void socket_destroy(struct gost_packet *p)
{
    struct udp_socket *s = self_of(p);
    gost_watch_stop(&s->watch, true);
    free(s);
}

static const struct gost_packet_ops socket_ops = {
    .name = "udp",
    .recv = socket_recv,
    .send = socket_send,
    .set_waker = socket_set_waker,
    .query = socket_query,
    .destroy = socket_destroy,
};

static int socket_new(int fd, bool connected, struct gost_packet **result)
{
    struct udp_socket *s = calloc(1, sizeof(*s));
    int rc = s ? gost_watch_start_for(&s->watch, fd, GOST_READABLE, socket_ready) : GOST_ENOMEM;
    if (rc != 0) {
        close(fd);
        free(s);
        return gost_fail_code(rc);
    }
    s->base.ops = &socket_ops;
    s->connected = connected;
    s->gso = true;
    *result = &s->base;
    return 0;
}

int gost_udp_connect(const union gost_sockaddr *to, const struct gost_socket_options *options,
                     struct gost_packet **result)
{
    char text[GOST_HOSTPORT_MAX];
    int fd = gost__udp_socket(to, false, false, options);
    if (fd < 0)
        return fd;
    if (connect(fd, &to->sa, gost_sockaddr_len(to)) < 0) {
        int rc = -errno;
        close(fd);
        return gost_fail(rc, "connect udp %s: %s", gost_sockaddr_format(to, text),
                         gost_strerror(rc));
    }
    return socket_new(fd, true, result);
}

int gost_udp_open(const union gost_sockaddr *local, const struct gost_socket_options *options,
                  struct gost_packet **result)
{
    int fd = gost__udp_socket(local, true, false, options);
    return fd < 0 ? fd : socket_new(fd, false, result);
}

int gost_udp_impersonate(const union gost_sockaddr *from, const union gost_sockaddr *to,
                         const char *netns, struct gost_packet **result)
{
    const struct gost_socket_options options = {.transparent = true, .netns = netns};
    char text[GOST_HOSTPORT_MAX];
    int on = 1;
    int fd = gost__udp_socket(from, false, true, &options);
    if (fd < 0)
        return fd;
    int rc = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (rc == 0)
        rc = bind(fd, &from->sa, gost_sockaddr_len(from));
    if (rc == 0)
        rc = connect(fd, &to->sa, gost_sockaddr_len(to));
    if (rc == 0)
        return socket_new(fd, true, result);
    rc = -errno;
    close(fd);
    return gost_fail(rc, "speak for udp %s: %s", gost_sockaddr_format(from, text),
                     gost_strerror(rc));
}
