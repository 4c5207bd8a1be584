/*
 * The system calls of datagram sockets: whole batches in, whole batches out.
 */
#include "core/net/udp.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/net/netns.h"
#include "core/net/sockopt.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

enum {
    BUFFER_SIZE = 4 * 1024 * 1024, /* asked for; the kernel gives what its limits allow */
    SEGMENT_MAX = 1452,            /* what surely fits a frame; larger ones leave one by one */
    SEGMENTS_BYTES = 64000,        /* of one segmented send */
    RECV_TRIES = 16,               /* ICMP reports that are passed over in a row */
};

/* --- opening ---------------------------------------------------------------------------------- */

static void set_int(int fd, int level, int name, int value)
{
    setsockopt(fd, level, name, &value, sizeof(value));
}

/* Take what TPROXY rules send, and speak for others. @return as setsockopt */
static int set_transparent(int fd, int family)
{
    bool v6 = family == AF_INET6;
    int on = 1;
    return setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_TRANSPARENT : IP_TRANSPARENT,
                      &on, sizeof(on));
}

static int prepare(int fd, int family, bool listen, const struct gost_socket_options *o)
{
    set_int(fd, SOL_SOCKET, SO_RCVBUF, BUFFER_SIZE);
    set_int(fd, SOL_SOCKET, SO_SNDBUF, BUFFER_SIZE);
    if (family == AF_INET6)
        set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, !listen || (o && o->v6only));
    if (!o)
        return 0;
    if (listen && o->reuseport)
        set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (listen && o->transparent && set_transparent(fd, family) != 0)
        return gost_fail(-errno, "IP_TRANSPARENT: %s", gost_strerror(-errno));
    if (o->mark && setsockopt(fd, SOL_SOCKET, SO_MARK, &o->mark, sizeof(o->mark)) < 0)
        return gost_fail(-errno, "so_mark %d: %s", o->mark, gost_strerror(-errno));
    return !listen && o->interface ? gost__sockopt_interface(fd, family, o->interface) : 0;
}

/* An interface's address is bound already, but without a port. */
static int bind_socket(int fd, const union gost_sockaddr *local, bool has_address)
{
    union gost_sockaddr addr = *local;
    socklen_t len = sizeof(addr);
    char text[GOST_HOSTPORT_MAX];
    if (has_address) {
        set_int(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 0);
        getsockname(fd, &addr.sa, &len);
    }
    if (bind(fd, &addr.sa, gost_sockaddr_len(&addr)) == 0)
        return 0;
    return gost_fail(-errno, "bind udp %s: %s", gost_sockaddr_format(&addr, text),
                     gost_strerror(-errno));
}

static int make_socket(const union gost_sockaddr *local, bool bind_it, bool listen,
                       const struct gost_socket_options *options)
{
    int family = local->sa.sa_family;
    int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return gost_fail(-errno, "socket: %s", gost_strerror(-errno));
    int rc = prepare(fd, family, listen, options);
    if (rc == 0 && bind_it)
        rc = bind_socket(fd, local, !listen && options && options->interface);
    if (rc == 0)
        return fd;
    close(fd);
    return rc;
}

int gost__udp_socket(const union gost_sockaddr *local, bool bind_it, bool listen,
                     const struct gost_socket_options *options)
{
    struct gost__netns ns;
    int rc = gost__netns_enter(&ns, options ? options->netns : NULL);
    if (rc != 0)
        return rc;
    rc = make_socket(local, bind_it, listen, options);
    gost__netns_leave(&ns);
    return rc;
}

/* --- receiving -------------------------------------------------------------------------------- */

/* Headers for recvmmsg, prepared once for a batch's memory. */
struct recv_io {
    struct mmsghdr msg[GOST_BATCH_MAX];
    struct iovec iov[GOST_BATCH_MAX];
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(struct in6_pktinfo))];
    } control[GOST_BATCH_MAX];
};

static struct recv_io *recv_io_of(struct gost_batch *b)
{
    struct recv_io *io = b->io;
    if (io)
        return io;
    io = b->io = calloc(1, sizeof(*io));
    if (!io)
        abort();
    for (int i = 0; i < GOST_BATCH_MAX; i++) {
        io->iov[i] = (struct iovec){gost_batch_room(b, i), GOST_DATAGRAM_MAX};
        io->msg[i].msg_hdr.msg_iov = &io->iov[i];
        io->msg[i].msg_hdr.msg_iovlen = 1;
    }
    return io;
}

static void prepare_recv(struct gost_batch *b, struct recv_io *io, bool named, bool local)
{
    for (int i = 0; i < GOST_BATCH_MAX; i++) {
        struct msghdr *m = &io->msg[i].msg_hdr;
        m->msg_name = named ? &b->addr[i] : NULL;
        m->msg_namelen = named ? sizeof(b->addr[i]) : 0;
        m->msg_control = local ? &io->control[i] : NULL;
        m->msg_controllen = local ? sizeof(io->control[i].room) : 0;
    }
}

void gost__udp_want_local(int fd, int family)
{
    if (family == AF_INET6)
        set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    else
        set_int(fd, IPPROTO_IP, IP_PKTINFO, 1);
}

static void take_local(struct msghdr *m, struct gost__udp_local *local)
{
    local->family = AF_UNSPEC;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof(info));
            *local = (struct gost__udp_local){.family = AF_INET, .v4 = info.ipi_spec_dst};
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof(info));
            bool link = IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr);
            *local = (struct gost__udp_local){
                .family = AF_INET6, .v6 = info.ipi6_addr, .interface = link ? info.ipi6_ifindex : 0};
        }
    }
}

/* The kernel reports what became of datagrams sent before; that concerns them alone. */
static bool is_report(int error)
{
    return error == ECONNREFUSED || error == EHOSTUNREACH || error == ENETUNREACH ||
           error == EHOSTDOWN || error == ENETDOWN || error == EMSGSIZE || error == ENOPROTOOPT ||
           error == EPROTO || error == EACCES || error == EINTR || error == EOPNOTSUPP ||
           error == EPERM || error == ETIMEDOUT || error == ENONET;
}

int gost__udp_recv(int fd, struct gost_batch *b, bool named, struct gost__udp_local *local)
{
    struct recv_io *io = recv_io_of(b);
    int n;
    prepare_recv(b, io, named, local);
    for (int tries = 0;; tries++) {
        n = recvmmsg(fd, io->msg, GOST_BATCH_MAX, MSG_DONTWAIT, NULL);
        if (n >= 0)
            break;
        if (!is_report(errno) || tries == RECV_TRIES)
            return errno == EWOULDBLOCK ? -EAGAIN : -errno;
    }
    for (int i = 0; i < n; i++)
        b->d[i] = (struct gost_datagram){.data = gost_batch_room(b, i),
                                         .len = io->msg[i].msg_len,
                                         .addr = named ? &b->addr[i] : NULL};
    for (int i = 0; local && i < n; i++)
        take_local(&io->msg[i].msg_hdr, &local[i]);
    return n;
}

/* --- sending ---------------------------------------------------------------------------------- */

/* Headers for sendmmsg. A message is one datagram, or neighbours that the kernel cuts apart. */
struct send_io {
    struct mmsghdr msg[GOST_BATCH_MAX];
    struct iovec iov[2 * GOST_BATCH_MAX];
    int count[GOST_BATCH_MAX]; /* datagrams of each message */
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(uint16_t))];
    } control[GOST_BATCH_MAX];
};

static _Thread_local struct send_io out; /* used within one call, so one is enough */

static uint32_t size_of(const struct gost_datagram *d)
{
    return d->head_len + d->len;
}

static bool same_destination(const struct gost_datagram *a, const struct gost_datagram *b)
{
    return a->addr == b->addr || (a->addr && b->addr && gost_sockaddr_equal(a->addr, b->addr));
}

/* How many datagrams from d[0] on can leave as one: all of one size, the last one may be shorter.
 */
static int group(const struct gost_datagram *d, int count)
{
    uint32_t size = size_of(d), total = size;
    int n = 1;
    if (size == 0 || size > SEGMENT_MAX)
        return 1;
    while (n < count && size_of(&d[n]) > 0 && size_of(&d[n]) <= size &&
           total + size_of(&d[n]) <= SEGMENTS_BYTES && same_destination(d, &d[n])) {
        total += size_of(&d[n]);
        if (size_of(&d[n++]) < size)
            break;
    }
    return n;
}

static size_t put_iov(struct iovec *iov, const struct gost_datagram *d)
{
    size_t n = 0;
    if (d->head_len > 0)
        iov[n++] = (struct iovec){(void *)d->head, d->head_len};
    if (d->len > 0 || n == 0)
        iov[n++] = (struct iovec){d->data, d->len};
    return n;
}

/* Append one control message. */
static void put_control(struct msghdr *m, char *room, int level, int type, const void *data,
                        size_t n)
{
    struct cmsghdr *c = (struct cmsghdr *)(void *)(room + m->msg_controllen);
    memset(c, 0, CMSG_SPACE(n));
    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(n);
    memcpy(CMSG_DATA(c), data, n);
    m->msg_control = room;
    m->msg_controllen += CMSG_SPACE(n);
}

static void put_local(struct msghdr *m, char *room, const struct gost__udp_local *local)
{
    struct in_pktinfo v4 = {.ipi_spec_dst = local->v4};
    struct in6_pktinfo v6 = {.ipi6_addr = local->v6, .ipi6_ifindex = local->interface};
    if (local->family == AF_INET)
        put_control(m, room, IPPROTO_IP, IP_PKTINFO, &v4, sizeof(v4));
    else if (local->family == AF_INET6)
        put_control(m, room, IPPROTO_IPV6, IPV6_PKTINFO, &v6, sizeof(v6));
}

/* Fill in `out`. @return messages */
static unsigned prepare_messages(const struct gost_datagram *d, int count,
                                 const struct gost__udp_local *local, bool gso)
{
    struct iovec *iov = out.iov;
    unsigned messages = 0;
    for (int i = 0; i < count; messages++) {
        int n = gso ? group(&d[i], count - i) : 1;
        struct msghdr *m = &out.msg[messages].msg_hdr;
        *m = (struct msghdr){.msg_iov = iov,
                             .msg_name = (void *)d[i].addr,
                             .msg_namelen = d[i].addr ? gost_sockaddr_len(d[i].addr) : 0};
        for (int k = 0; k < n; k++) {
            size_t used = put_iov(iov, &d[i + k]);
            m->msg_iovlen += used;
            iov += used;
        }
        uint16_t size = (uint16_t)size_of(&d[i]);
        if (local)
            put_local(m, out.control[messages].room, &local[i]);
        if (n > 1)
            put_control(m, out.control[messages].room, IPPROTO_UDP, UDP_SEGMENT, &size,
                        sizeof(size));
        out.count[messages] = n;
        i += n;
    }
    return messages;
}

/* A message was not sent. @return datagrams that are done with: none to try again, or it is lost */
static int give_up(unsigned message, bool *gso, bool *reported, uint64_t *dropped)
{
    if (out.count[message] > 1) { /* the path or the device cannot do it */
        *gso = false;
        return 0;
    }
    if (!*reported && (errno == ECONNREFUSED || errno == EINTR)) {
        *reported = true; /* that was about an earlier one */
        return 0;
    }
    *reported = false;
    (*dropped)++;
    return 1;
}

int gost__udp_send(int fd, const struct gost_datagram *d, int count,
                   const struct gost__udp_local *local, bool *gso, uint64_t *dropped)
{
    int done = 0;
    bool reported = false;
    while (done < count) {
        int part = count - done < GOST_BATCH_MAX ? count - done : GOST_BATCH_MAX;
        if (d[done].name && !d[done].addr) { /* nobody looked the name up */
            (*dropped)++;
            done++;
            continue;
        }
        for (int i = 1; i < part; i++)
            if (d[done + i].name && !d[done + i].addr)
                part = i;
        unsigned messages = prepare_messages(d + done, part, local ? local + done : NULL, *gso);
        int sent = sendmmsg(fd, out.msg, messages, MSG_DONTWAIT | MSG_NOSIGNAL);
        for (int i = 0; i < sent; i++)
            done += out.count[i];
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return done > 0 ? done : GOST_WANT_WRITE;
        if (sent < 0)
            done += give_up(0, gso, &reported, dropped);
    }
    return done;
}
