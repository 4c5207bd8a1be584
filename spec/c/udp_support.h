/**
 * What the tests of datagrams lean on: plain sockets, an echo server in the loop, and pumps that
 * count.
 */
#ifndef GOST_SPEC_UDP_SUPPORT_H
#define GOST_SPEC_UDP_SUPPORT_H

#include "core/net/packet_pump.h"
#include "core/net/udp.h"
#include "core/net/udp_sessions.h"
#include "spec/c/net_support.h"

/* A plain, blocking-free datagram socket on 127.0.0.1. */
static NET_UNUSED int udp_plain(union gost_sockaddr *addr)
{
    socklen_t len = sizeof(*addr);
    int size = 4 * 1024 * 1024;
    *addr = net_loopback(0);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CHECK_INT(bind(fd, &addr->sa, gost_sockaddr_len(addr)), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    getsockname(fd, &addr->sa, &len);
    return fd;
}

/* A plain one that speaks to `to` alone. */
static NET_UNUSED int udp_client(const union gost_sockaddr *to)
{
    union gost_sockaddr own;
    int fd = udp_plain(&own);
    CHECK_INT(connect(fd, &to->sa, gost_sockaddr_len(to)), 0);
    return fd;
}

static NET_UNUSED bool udp_readable(int fd)
{
    char byte;
    return recv(fd, &byte, 1, MSG_PEEK) >= 0;
}

/* Wait for a datagram and compare. */
#define UDP_EXPECT(fd, text)                                                                       \
    do {                                                                                           \
        char text_[256] = "";                                                                      \
        NET_UNTIL(udp_readable(fd));                                                               \
        ssize_t size_ = recv(fd, text_, sizeof(text_) - 1, 0);                                     \
        text_[size_ < 0 ? 0 : size_] = '\0';                                                       \
        CHECK_STR(text_, text);                                                                    \
    } while (0)

#define UDP_SEND(fd, text) CHECK_INT(send(fd, text, strlen(text), 0), strlen(text))

/* A server in the loop that sends "<datagram>" back, a byte longer at either side. */
struct udp_echo {
    struct gost_watch watch;
    union gost_sockaddr addr;
    int count;
};

static NET_UNUSED void udp_echo_ready(struct gost_watch *w, uint8_t fresh)
{
    struct udp_echo *e = gost_container_of(w, struct udp_echo, watch);
    static char buf[65536];
    union gost_sockaddr from;
    (void)fresh;
    for (;;) {
        socklen_t len = sizeof(from);
        ssize_t n = recvfrom(w->fd, buf + 1, sizeof(buf) - 2, 0, &from.sa, &len);
        if (n < 0)
            return;
        e->count++;
        buf[0] = '<';
        buf[n + 1] = '>';
        sendto(w->fd, buf, (size_t)n + 2, 0, &from.sa, len);
    }
}

static NET_UNUSED void udp_echo_start(struct udp_echo *e)
{
    int fd = udp_plain(&e->addr);
    e->count = 0;
    CHECK_INT(gost_watch_start_for(&e->watch, fd, GOST_READABLE, udp_echo_ready), 0);
}

static NET_UNUSED void udp_echo_stop(struct udp_echo *e)
{
    gost_watch_stop(&e->watch, true);
}

/* A pump on the heap that counts itself. */
struct udp_tunnel {
    struct gost_packet_pump pump;
    bool done;
    int rc;
    uint64_t datagrams[2], bytes[2], dropped;
};

static NET_UNUSED void udp_tunnel_done(struct gost_packet_pump *p)
{
    struct udp_tunnel *t = gost_container_of(p, struct udp_tunnel, pump);
    t->done = true;
    t->rc = p->rc;
    for (int i = 0; i < 2; i++) {
        t->datagrams[i] = p->flow[i].datagrams;
        t->bytes[i] = p->flow[i].bytes;
        t->dropped += p->flow[i].dropped;
    }
}

static NET_UNUSED struct udp_tunnel *udp_tunnel_start(struct gost_packet **a,
                                                      struct gost_packet **b, uint64_t idle_ms)
{
    struct udp_tunnel *t = calloc(1, sizeof(*t));
    gost_packet_pump_start(&t->pump, a, b, NULL, NULL, idle_ms, false, udp_tunnel_done);
    return t;
}

/* Stop it and look whether it is gone. */
static NET_UNUSED void udp_tunnel_end(struct udp_tunnel *t)
{
    gost_packet_pump_stop(&t->pump, 0);
    NET_UNTIL(t->done);
    free(t);
}

static NET_UNUSED const struct gost_udp_limits udp_limits = {
    .sessions = 4096, .pending = 128, .queue = 128, .datagram = 65535, .ttl_ms = 5000};

#endif
