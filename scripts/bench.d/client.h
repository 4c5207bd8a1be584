/**
 * One connection of a load program to the target behind the proxy under test: the TCP connect and
 * what the front protocol says before the payload. Event-driven: call client_ready() on each event
 * until it says yes. The front protocols wait for every answer as ordinary clients do.
 */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include "bench.h"

enum front_kind { FRONT_NONE, FRONT_SOCKS5, FRONT_CONNECT };

/** Where the proxy is, what it is asked for, and in which words. */
struct front {
    enum front_kind kind;
    struct sockaddr_in proxy;
    struct sockaddr_in target;
};

enum client_step { CLIENT_CONNECTING, CLIENT_GREETED, CLIENT_ASKED, CLIENT_READY };

struct client {
    int fd;
    enum client_step step;
    uint64_t id;               /* unique among all connections of the program */
    size_t got;                /* bytes of the answer so far */
    unsigned char answer[512]; /* of the front protocol */
};

/** The arguments front=none|socks5|connect port=PROXY target=ORIGIN. */
static inline struct front front_of(char **argv)
{
    struct front front = {.kind = FRONT_NONE};
    const char *kind = bench_text(argv, "front", "none");
    if (strcmp(kind, "socks5") == 0)
        front.kind = FRONT_SOCKS5;
    else if (strcmp(kind, "connect") == 0)
        front.kind = FRONT_CONNECT;
    else if (strcmp(kind, "none") != 0)
        bench_die("front=%s: want none, socks5 or connect", kind);
    front.proxy = bench_loopback(bench_number(argv, "port", 0));
    front.target = bench_loopback(bench_number(argv, "target", 0));
    return front;
}

/** Start connecting; `events` are what epoll shall report for it from now on. */
static inline void client_open(struct client *c, const struct front *front, int ep, uint32_t events)
{
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        bench_die("socket: %s", strerror(errno));
    c->step = CLIENT_CONNECTING;
    c->got = 0;
    int one = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(c->fd, (const struct sockaddr *)&front->proxy, sizeof(front->proxy)) < 0 &&
        errno != EINPROGRESS)
        bench_die("connect: %s", strerror(errno));
    bench_watch(ep, EPOLL_CTL_ADD, c->fd, events, c);
}

static inline void client_close(struct client *c)
{
    close(c->fd);
    c->fd = -1;
}

/** RFC 1928, 4: CONNECT to an IPv4 address. */
static inline void client_ask_socks5(struct client *c, const struct front *front)
{
    unsigned char ask[10] = {5, 1, 0, 1};
    memcpy(ask + 4, &front->target.sin_addr, 4);
    memcpy(ask + 8, &front->target.sin_port, 2);
    bench_send(c->fd, ask, sizeof(ask));
    c->step = CLIENT_ASKED;
}

static inline void client_ask_connect(struct client *c, const struct front *front)
{
    char ask[128];
    unsigned port = ntohs(front->target.sin_port);
    int n = snprintf(ask, sizeof(ask),
                     "CONNECT 127.0.0.1:%u HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n\r\n", port, port);
    bench_send(c->fd, ask, (size_t)n);
    c->step = CLIENT_ASKED;
}

/** The connect is over: see how it went and say the first words. False while it is under way. */
static inline int client_connected(struct client *c, const struct front *front)
{
    int error = 0;
    socklen_t len = sizeof(error);
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error != 0)
        bench_die("connect: %s", strerror(error));
    if (front->kind == FRONT_NONE) {
        c->step = CLIENT_READY;
    } else if (front->kind == FRONT_CONNECT) {
        client_ask_connect(c, front);
    } else {
        bench_send(c->fd, "\x05\x01\x00", 3);
        c->step = CLIENT_GREETED;
    }
    return c->step == CLIENT_READY;
}

/** Read what is there of the answer; true if anything came. The end is fatal: too early. */
static inline int client_hear(struct client *c, size_t limit)
{
    if (limit > sizeof(c->answer))
        limit = sizeof(c->answer);
    if (c->got >= limit)
        bench_die("the proxy's answer is too long");
    ssize_t n = bench_recv(c->fd, c->answer + c->got, limit - c->got);
    if (n < 0)
        bench_die("the proxy closed the connection instead of answering");
    c->got += (size_t)n;
    return n > 0;
}

/** SOCKS5 answers; IPv4 replies are 10 bytes, and the proxies here send no other kind. */
static inline int client_heard_socks5(struct client *c, const struct front *front)
{
    if (c->step == CLIENT_GREETED) {
        if (!client_hear(c, 2) || c->got < 2)
            return 0;
        if (memcmp(c->answer, "\x05\x00", 2) != 0)
            bench_die("the proxy does not take SOCKS5 without a password");
        c->got = 0;
        client_ask_socks5(c, front);
        return 0;
    }
    if (!client_hear(c, 10) || c->got < 10)
        return 0;
    if (c->answer[0] != 5 || c->answer[1] != 0 || c->answer[3] != 1)
        bench_die("SOCKS5 reply %u, address type %u", c->answer[1], c->answer[3]);
    c->step = CLIENT_READY;
    return 1;
}

/** The target never speaks first, so the answer ends exactly where the empty line does. */
static inline int client_heard_connect(struct client *c)
{
    if (!client_hear(c, sizeof(c->answer)) || c->got < 12)
        return 0;
    if (memcmp(c->answer + c->got - 4, "\r\n\r\n", 4) != 0)
        return 0;
    if (memcmp(c->answer, "HTTP/1.", 7) != 0 || memcmp(c->answer + 8, " 200", 4) != 0)
        bench_die("CONNECT: %.40s", (const char *)c->answer);
    c->step = CLIENT_READY;
    return 1;
}

/**
 * Go on with the opening after an event. True once, at the moment when the payload may start.
 * Harmless on any event: it only looks at what has come.
 */
static inline int client_ready(struct client *c, const struct front *front, uint32_t events)
{
    if (c->step == CLIENT_CONNECTING) {
        if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == 0)
            return 0;
        return client_connected(c, front);
    }
    if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) == 0)
        return 0;
    if (front->kind == FRONT_SOCKS5)
        return client_heard_socks5(c, front);
    return client_heard_connect(c);
}

#endif
