#include "core/net/udp_flows.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/net/udp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of <linux/in.h> and <linux/in6.h>, which clash with <netinet/in.h>. */
#ifndef IP_RECVORIGDSTADDR
#define IP_RECVORIGDSTADDR 20
#endif
#ifndef IPV6_RECVORIGDSTADDR
#define IPV6_RECVORIGDSTADDR 74
#endif

enum {
    DATAGRAMS = 256,         /* received before other sockets get their turn */
    QUEUE_BYTES = 64 * 1024, /* a flow's first datagrams take no more than that */
    COMPLAIN_MS = 1000,      /* at most one line so often when flows cannot be opened */
};

struct queued {
    struct gost_list link;
    uint32_t len;
    uint8_t data[];
};

/* Both ends, as they are compared. */
struct key {
    union gost_sockaddr peer, dest;
};

struct flow {
    struct gost_packet base;
    struct gost_udp_flows *owner; /* a reference */
    struct key key;
    struct gost_packet *socket; /* owned */
    struct gost_waker *reader;
    struct gost_list queue; /* struct queued: what came before the socket was there */
    size_t queue_count, queue_bytes;
    bool pending; /* nobody has read from it yet */
};

static void unref(struct gost_udp_flows *u)
{
    if (--u->refs > 0)
        return;
    gost_task_cancel(&u->again);
    gost_watch_stop(&u->watch, true);
    gost_map_destroy(&u->flows, NULL);
    free(u);
}

/* --- a flow ----------------------------------------------------------------------------------- */

static struct flow *self_of(struct gost_packet *p)
{
    return gost_container_of(p, struct flow, base);
}

static void no_longer_pending(struct flow *f)
{
    if (f->pending)
        f->owner->pending--;
    f->pending = false;
}

static void push(struct flow *f, const uint8_t *data, size_t len)
{
    struct queued *q = NULL;
    if (f->queue_count < f->owner->limits.queue && f->queue_bytes + len <= QUEUE_BYTES)
        q = malloc(sizeof(*q) + len);
    if (!q) {
        f->base.dropped++;
        f->owner->dropped++;
        return;
    }
    q->len = (uint32_t)len;
    if (len > 0)
        memcpy(q->data, data, len);
    gost_list_add(&f->queue, &q->link);
    f->queue_count++;
    f->queue_bytes += len;
}

static int flow_recv(struct gost_packet *p, struct gost_batch *b)
{
    struct flow *f = self_of(p);
    struct gost_list *link;
    int n = 0;
    while (n < GOST_BATCH_MAX && (link = gost_list_shift(&f->queue))) {
        struct queued *q = gost_container_of(link, struct queued, link);
        memcpy(gost_batch_room(b, n), q->data, q->len);
        b->d[n] = (struct gost_datagram){.data = gost_batch_room(b, n), .len = q->len};
        f->queue_count--;
        f->queue_bytes -= q->len;
        free(q);
        n++;
    }
    return n > 0 ? n : gost_packet_recv(f->socket, b);
}

static int flow_send(struct gost_packet *p, const struct gost_datagram *d, int count)
{
    struct flow *f = self_of(p);
    uint64_t lost = f->socket->dropped;
    int n = gost_packet_send(f->socket, d, count);
    f->base.dropped += f->socket->dropped - lost;
    return n;
}

static void flow_set_waker(struct gost_packet *p, enum gost_side side, struct gost_waker *w)
{
    struct flow *f = self_of(p);
    if (side == GOST_READER) {
        f->reader = w;
        if (w)
            no_longer_pending(f);
    }
    gost_packet_set_waker(f->socket, side, w);
}

static int flow_query(struct gost_packet *p, enum gost_query what, void *out)
{
    struct flow *f = self_of(p);
    switch (what) {
    case GOST_QUERY_LOCAL_ADDR:
        *(union gost_sockaddr *)out = f->key.dest;
        return 0;
    case GOST_QUERY_PEER_ADDR:
        *(union gost_sockaddr *)out = f->key.peer;
        return 0;
    default:
        return GOST_ENOTSUP;
    }
}

static void flow_destroy(struct gost_packet *p)
{
    struct flow *f = self_of(p);
    struct gost_udp_flows *u = f->owner;
    struct gost_list *link;
    no_longer_pending(f);
    gost_map_del(&u->flows, (const char *)&f->key, sizeof(f->key));
    while ((link = gost_list_shift(&f->queue)))
        free(gost_container_of(link, struct queued, link));
    gost_packet_close(f->socket);
    free(f);
    unref(u);
}

static const struct gost_packet_ops flow_ops = {
    .name = "udp flow",
    .recv = flow_recv,
    .send = flow_send,
    .set_waker = flow_set_waker,
    .query = flow_query,
    .destroy = flow_destroy,
};

/* --- new flows -------------------------------------------------------------------------------- */

/* Whoever sends from ever new ports must not fill the log. */
static void complain(struct gost_udp_flows *u, const char *why)
{
    uint64_t now = gost_now();
    if (u->complained != 0 && now - u->complained < COMPLAIN_MS)
        return;
    u->complained = now;
    gost_log(GOST_LOG_WARN, "redirected datagrams are dropped: %s", why);
}

static struct flow *flow_new(struct gost_udp_flows *u, const struct key *key)
{
    if (!u->listening || u->pending >= u->limits.pending || u->flows.count >= u->limits.sessions)
        return NULL;
    struct flow *f = calloc(1, sizeof(*f));
    if (!f)
        return NULL;
    int rc = u->allow ? u->allow(u, &key->dest) : 0;
    if (rc == 0)
        rc = gost_udp_impersonate(&key->dest, &key->peer, u->netns, &f->socket);
    if (rc == 0)
        rc = gost_map_set(&u->flows, (const char *)key, sizeof(*key), f, NULL);
    if (rc != 0) {
        complain(u, gost_diag_text(rc));
        gost_packet_close(f->socket);
        free(f);
        return NULL;
    }
    f->base.ops = &flow_ops;
    f->base.ttl_ms = u->limits.ttl_ms;
    f->key = *key;
    gost_list_create(&f->queue);
    f->owner = u;
    u->refs++;
    f->pending = true;
    u->pending++;
    return f;
}

static void take(struct gost_udp_flows *u, const struct key *key, const uint8_t *data, size_t len)
{
    struct flow *f = gost_map_get(&u->flows, (const char *)key, sizeof(*key));
    if (f) { /* it was on its way when the flow's socket was made */
        push(f, data, len);
        gost_waker_fire(f->reader);
        return;
    }
    f = flow_new(u, key);
    if (!f) {
        u->dropped++;
        return;
    }
    struct gost_packet *p = &f->base;
    push(f, data, len);
    u->on_flow(u, &p, &f->key.peer);
    gost_packet_close(p); /* when nobody wanted it */
}

/* --- receiving -------------------------------------------------------------------------------- */

static bool take_dest(struct msghdr *m, union gost_sockaddr *dest)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVORIGDSTADDR) {
            memcpy(&dest->v4, CMSG_DATA(c), sizeof(dest->v4));
            return true;
        }
        if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVORIGDSTADDR) {
            memcpy(&dest->v6, CMSG_DATA(c), sizeof(dest->v6));
            return true;
        }
    }
    return false;
}

/* What is the same end is the same bytes. */
static void normalize(union gost_sockaddr *addr)
{
    union gost_sockaddr plain;
    gost_sockaddr_unmap(addr);
    memset(&plain, 0, sizeof(plain));
    plain.sa.sa_family = addr->sa.sa_family;
    if (addr->sa.sa_family == AF_INET) {
        plain.v4.sin_port = addr->v4.sin_port;
        plain.v4.sin_addr = addr->v4.sin_addr;
    } else {
        plain.v6.sin6_port = addr->v6.sin6_port;
        plain.v6.sin6_addr = addr->v6.sin6_addr;
        if (IN6_IS_ADDR_LINKLOCAL(&addr->v6.sin6_addr))
            plain.v6.sin6_scope_id = addr->v6.sin6_scope_id;
    }
    *addr = plain;
}

/* @return whether there may be more */
static bool receive_one(struct gost_udp_flows *u, uint8_t *room)
{
    struct key key;
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(struct sockaddr_in6)) + CMSG_SPACE(sizeof(struct sockaddr_in))];
    } control;
    struct iovec iov = {room, GOST_DATAGRAM_MAX};
    struct msghdr m = {.msg_name = &key.peer,
                       .msg_namelen = sizeof(key.peer),
                       .msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof(control)};
    memset(&key, 0, sizeof(key));
    ssize_t n = recvmsg(u->watch.fd, &m, MSG_DONTWAIT);
    if (n < 0)
        return errno != EAGAIN && errno != EWOULDBLOCK;
    if (!take_dest(&m, &key.dest) || (size_t)n > u->limits.datagram) {
        u->dropped++;
        return true;
    }
    normalize(&key.peer);
    normalize(&key.dest);
    if (key.peer.sa.sa_family == key.dest.sa.sa_family && gost_sockaddr_port(&key.peer) != 0)
        take(u, &key, room, (size_t)n);
    else
        u->dropped++;
    return true;
}

static void dispatch(struct gost_udp_flows *u)
{
    uint8_t *room = malloc(GOST_DATAGRAM_MAX);
    bool more = true;
    u->refs++;
    for (int i = 0; room && more && i < DATAGRAMS; i++)
        more = receive_one(u, room);
    free(room);
    if (more)
        gost_task_post(&u->again);
    unref(u);
}

static void on_ready(struct gost_watch *w, uint8_t fresh)
{
    (void)fresh;
    dispatch(gost_container_of(w, struct gost_udp_flows, watch));
}

static void on_again(struct gost_task *t)
{
    dispatch(gost_container_of(t, struct gost_udp_flows, again));
}

/* Let the socket tell where datagrams wanted to go; on one of both families for both. */
static int tell_destinations(int fd, int family)
{
    int on = 1;
    int rc = setsockopt(fd, IPPROTO_IP, IP_RECVORIGDSTADDR, &on, sizeof(on));
    if (family == AF_INET6)
        rc = setsockopt(fd, IPPROTO_IPV6, IPV6_RECVORIGDSTADDR, &on, sizeof(on));
    if (rc != 0)
        return gost_fail(-errno, "IP_RECVORIGDSTADDR: %s", gost_strerror(-errno));
    /* Only now, so that a second listener is told of the first: flows share the port with us. */
    return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0
               ? 0
               : gost_fail(-errno, "SO_REUSEADDR: %s", gost_strerror(-errno));
}

int gost_udp_flows_new(const union gost_sockaddr *addr, const struct gost_socket_options *options,
                       const struct gost_udp_limits *limits, struct gost_udp_flows **out)
{
    struct gost_udp_flows *u = calloc(1, sizeof(*u));
    struct gost_socket_options own = *options;
    socklen_t len = sizeof(u->addr);
    if (!u)
        return gost_fail_code(GOST_ENOMEM);
    own.transparent = true;
    int fd = gost__udp_socket(addr, true, true, &own);
    int rc = fd < 0 ? fd : tell_destinations(fd, addr->sa.sa_family);
    if (rc == 0 && getsockname(fd, &u->addr.sa, &len) < 0)
        rc = gost_fail(-errno, "getsockname: %s", gost_strerror(-errno));
    if (rc == 0 && (rc = gost_watch_start_for(&u->watch, fd, GOST_READABLE, on_ready)) != 0)
        gost_fail_code(rc);
    if (rc != 0) {
        if (fd >= 0)
            close(fd);
        free(u);
        return rc;
    }
    u->refs = 1;
    u->limits = *limits;
    u->netns = options->netns;
    u->listening = true;
    gost_map_create(&u->flows);
    gost_task_create(&u->again, on_again);
    *out = u;
    return 0;
}

void gost_udp_flows_close(struct gost_udp_flows *u)
{
    if (!u)
        return;
    u->listening = false;
    unref(u);
}
