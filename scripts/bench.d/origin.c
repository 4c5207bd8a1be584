/**
 * What stands behind the proxies: four TCP services and one UDP service on ports of loopback that
 * the kernel chooses. Prints {"bulk": PORT, "echo": PORT, …}, serves until
 * its input ends, then prints how many connections came.
 *   bulk  reads a struct bench_order, sends that piece of the pattern, closes
 *   echo  sends back what it reads, closes when the client has ended
 *   once  sends back one message and closes: the side that closes first keeps the port in
 * TIME_WAIT, and here that is a listening one, so that no round runs out of ports http  answers GET
 * /SIZE/OFFSET with SIZE bytes of the pattern from OFFSET, kept alive udp   sends each datagram
 * back
 */
#include "bench.h"
#include <sys/uio.h>

#define REQUEST_LIMIT 2048u /* bytes of an HTTP request's head */
#define BATCH         64    /* datagrams per system call */
#define DATAGRAM      2048u /* the longest datagram */

enum kind {
    KIND_INPUT,
    KIND_UDP,
    KIND_LISTEN_BULK,
    KIND_LISTEN_ECHO,
    KIND_LISTEN_HTTP,
    KIND_LISTEN_ONCE,
    KIND_BULK,
    KIND_ECHO,
    KIND_HTTP,
    KIND_ONCE
};

/** A descriptor that epoll watches. */
struct peer {
    enum kind kind;
    int fd;
    size_t have;              /* bytes in buffer */
    size_t sent;              /* of these, already sent (echo) */
    struct bench_order order; /* what is left to send (bulk) */
    unsigned char *buffer;    /* NULL while nothing is kept */
};

static int ep;
static unsigned char scratch[BENCH_CHUNK];
static uint64_t accepted;

static struct peer *peer_new(enum kind kind, int fd, uint32_t events)
{
    struct peer *p = bench_alloc(1, sizeof(*p));
    p->kind = kind;
    p->fd = fd;
    bench_watch(ep, EPOLL_CTL_ADD, fd, events, p);
    return p;
}

static void peer_delete(struct peer *p)
{
    close(p->fd);
    free(p->buffer);
    free(p);
}

static void peer_accept(struct peer *listener)
{
    for (int i = 0; i < 64; i++) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        int one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        accepted++;
        peer_new(listener->kind - KIND_LISTEN_BULK + KIND_BULK, fd, EPOLLIN);
    }
}

/** A proxy may reset a connection that it has no more use for: then the peer is just over. */
static ssize_t peer_recv(struct peer *p, void *data, size_t len)
{
    ssize_t n = recv(p->fd, data, len, 0);
    if (n > 0)
        return n;
    return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

static ssize_t peer_send(struct peer *p, const void *data, size_t len)
{
    ssize_t n = send(p->fd, data, len, MSG_NOSIGNAL);
    if (n >= 0)
        return n;
    return errno == EAGAIN || errno == EINTR ? 0 : -1;
}

/** Send what fits of the order; false when the peer is over. */
static int bulk_send(struct peer *p)
{
    while (p->order.length > 0) {
        uint64_t want = p->order.length < BENCH_CHUNK ? p->order.length : BENCH_CHUNK;
        ssize_t n = peer_send(p, bench_pattern() + p->order.offset, want);
        if (n <= 0)
            return n == 0;
        p->order.length -= (uint64_t)n;
        p->order.offset = (p->order.offset + (uint64_t)n) % BENCH_PERIOD;
    }
    return 0;
}

static int bulk_order(struct peer *p)
{
    ssize_t n = peer_recv(p, (char *)&p->order + p->have, sizeof(p->order) - p->have);
    if (n <= 0)
        return n == 0;
    p->have += (size_t)n;
    if (p->have < sizeof(p->order))
        return 1;
    p->order.offset %= BENCH_PERIOD;
    bench_watch(ep, EPOLL_CTL_MOD, p->fd, EPOLLOUT, p);
    return 1;
}

static int bulk_event(struct peer *p)
{
    return p->have < sizeof(p->order) ? bulk_order(p) : bulk_send(p);
}

/** Keep what did not fit and wait until it does. */
static void echo_keep(struct peer *p, const unsigned char *data, size_t len)
{
    p->buffer = bench_alloc(1, len);
    memcpy(p->buffer, data, len);
    p->have = len;
    p->sent = 0;
    bench_watch(ep, EPOLL_CTL_MOD, p->fd, EPOLLOUT, p);
}

static int echo_flush(struct peer *p)
{
    ssize_t n = peer_send(p, p->buffer + p->sent, p->have - p->sent);
    if (n < 0)
        return 0;
    p->sent += (size_t)n;
    if (p->sent < p->have)
        return 1;
    free(p->buffer);
    p->buffer = NULL;
    bench_watch(ep, EPOLL_CTL_MOD, p->fd, EPOLLIN, p);
    return 1;
}

static int echo_event(struct peer *p)
{
    if (p->buffer != NULL)
        return echo_flush(p);
    ssize_t got = peer_recv(p, scratch, sizeof(scratch));
    if (got <= 0)
        return got == 0;
    ssize_t put = peer_send(p, scratch, (size_t)got);
    if (put < 0)
        return 0;
    if (put < got)
        echo_keep(p, scratch + put, (size_t)(got - put));
    return 1;
}

/** Send back what comes; false when that was one message. */
static int once_event(struct peer *p)
{
    ssize_t n = peer_recv(p, scratch, BENCH_MESSAGE - p->have);
    if (n <= 0)
        return n == 0;
    p->have += (size_t)n;
    return peer_send(p, scratch, (size_t)n) == n && p->have < BENCH_MESSAGE;
}

/** Answer one request; false when the connection ends with it. */
static int http_answer(struct peer *p)
{
    unsigned long size, offset;
    const char *head = (const char *)p->buffer;
    const char *path = strncmp(head, "GET http://", 11) == 0 ? strchr(head + 11, '/') : head + 4;
    if (path == NULL || sscanf(path, "/%lu/%lu", &size, &offset) != 2 || size > BENCH_PERIOD)
        return 0;
    int last = strcasestr(head, "\r\nConnection: close") != NULL;
    char line[256];
    int n = snprintf(line, sizeof(line),
                     "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
                     "Cache-Control: no-store\r\nContent-Length: %lu\r\n%s\r\n",
                     size, last ? "Connection: close\r\n" : "");
    struct iovec parts[2] = {
        {.iov_base = line, .iov_len = (size_t)n},
        {.iov_base = (void *)(uintptr_t)(bench_pattern() + offset % BENCH_PERIOD), .iov_len = size},
    };
    return writev(p->fd, parts, 2) == (ssize_t)((size_t)n + size) && !last;
}

static int http_event(struct peer *p)
{
    if (p->buffer == NULL)
        p->buffer = bench_alloc(1, REQUEST_LIMIT + 1);
    if (p->have == REQUEST_LIMIT)
        return 0;
    ssize_t n = peer_recv(p, p->buffer + p->have, REQUEST_LIMIT - p->have);
    if (n <= 0)
        return n == 0;
    p->have += (size_t)n;
    p->buffer[p->have] = '\0';
    if (p->have < 4 || memcmp(p->buffer + p->have - 4, "\r\n\r\n", 4) != 0)
        return 1;
    p->have = 0;
    return http_answer(p);
}

/** Send back every datagram that waits, many per system call. */
static void udp_event(struct peer *p)
{
    static struct mmsghdr messages[BATCH];
    static struct iovec parts[BATCH];
    static struct sockaddr_in from[BATCH];
    for (int i = 0; i < BATCH; i++) {
        parts[i].iov_base = scratch + i * DATAGRAM;
        parts[i].iov_len = DATAGRAM;
        messages[i].msg_hdr = (struct msghdr){.msg_name = &from[i],
                                              .msg_namelen = sizeof(from[i]),
                                              .msg_iov = &parts[i],
                                              .msg_iovlen = 1};
    }
    int n = recvmmsg(p->fd, messages, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < n; i++)
        parts[i].iov_len = messages[i].msg_len;
    if (n > 0)
        sendmmsg(p->fd, messages, (unsigned)n, MSG_DONTWAIT);
}

/** Listen on a port of the kernel's choice and return it. */
static unsigned origin_listen(enum kind kind)
{
    int udp = kind == KIND_UDP;
    struct sockaddr_in addr = bench_loopback(0);
    socklen_t len = sizeof(addr);
    int fd = socket(AF_INET, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&addr, len) < 0 || (!udp && listen(fd, 4096) < 0))
        bench_die("listen: %s", strerror(errno));
    int room = 4 << 20;
    if (udp)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
    getsockname(fd, (struct sockaddr *)&addr, &len);
    peer_new(kind, fd, EPOLLIN);
    return ntohs(addr.sin_port);
}

/** False when the input has ended and with it the origin's life. */
static int origin_event(struct peer *p)
{
    int go_on = 1;
    switch (p->kind) {
    case KIND_INPUT:
        return read(p->fd, scratch, sizeof(scratch)) > 0;
    case KIND_UDP:
        udp_event(p);
        return 1;
    case KIND_LISTEN_BULK:
    case KIND_LISTEN_ECHO:
    case KIND_LISTEN_HTTP:
    case KIND_LISTEN_ONCE:
        peer_accept(p);
        return 1;
    case KIND_BULK:
        go_on = bulk_event(p);
        break;
    case KIND_ECHO:
        go_on = echo_event(p);
        break;
    case KIND_HTTP:
        go_on = http_event(p);
        break;
    case KIND_ONCE:
        go_on = once_event(p);
        break;
    }
    if (!go_on)
        peer_delete(p);
    return 1;
}

int main(void)
{
    bench_limits(0);
    bench_pattern();
    ep = bench_epoll();
    peer_new(KIND_INPUT, STDIN_FILENO, EPOLLIN);
    unsigned bulk = origin_listen(KIND_LISTEN_BULK), echo = origin_listen(KIND_LISTEN_ECHO);
    unsigned http = origin_listen(KIND_LISTEN_HTTP), once = origin_listen(KIND_LISTEN_ONCE);
    printf("{\"bulk\": %u, \"echo\": %u, \"http\": %u, \"once\": %u, \"udp\": %u}\n", bulk, echo,
           http, once, origin_listen(KIND_UDP));
    fflush(stdout);
    for (int alive = 1; alive;) {
        struct epoll_event events[BENCH_EVENTS];
        int n = bench_wait(ep, events);
        for (int i = 0; i < n; i++)
            alive &= origin_event(events[i].data.ptr);
    }
    printf("{\"accepted\": %llu, \"cpu\": %.3f}\n", (unsigned long long)accepted, bench_cpu());
    return 0;
}
