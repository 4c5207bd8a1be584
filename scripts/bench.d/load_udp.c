/**
 * Echoes of datagrams: `conns` sockets, on each up to `window` datagrams of `size` bytes under way,
 * `count` of them altogether. Echoes are compared; a datagram that is lost (nothing came on its
 * socket for 200 ms) is sent again and counted as trouble. With front=socks5 each socket has its
 * own association.
 * With rate=N datagrams leave N to the second whatever comes back, and none is sent again: trouble is
 * then what was lost.
 * Arguments: front port target count conns window size rate. Unit of the result: echoes.
 */
#include "bench.h"
#include <poll.h>

#define SIZE_LIMIT   1472u
#define WINDOW_LIMIT 64u
#define SOCKS_HEAD   10u /* RFC 1928, 7, with an IPv4 address */
#define PATIENCE_MS  200 /* after which a silent socket's datagrams are sent again */

struct flow {
    int fd;
    int control; /* the association's TCP connection, -1 without SOCKS */
    uint64_t id;
    size_t under_way;                /* slots in use */
    uint64_t sequence[WINDOW_LIMIT]; /* 0: the slot is free */
    double heard;                    /* when the last echo came */
};

static uint64_t left; /* not yet sent */
static uint64_t next_sequence;
static uint64_t resent; /* with rate=: lost */
static uint64_t rate;   /* datagrams a second; 0: as fast as echoes come */
static size_t size, window;
static unsigned char head[SOCKS_HEAD];
static size_t head_size;

/** Datagram: the front's header, slot and sequence inside the message. */
static void flow_send(struct flow *f, size_t slot)
{
    unsigned char datagram[SOCKS_HEAD + SIZE_LIMIT];
    memcpy(datagram, head, head_size);
    bench_message(datagram + head_size, size, f->id * WINDOW_LIMIT + slot, f->sequence[slot]);
    ssize_t n = send(f->fd, datagram, head_size + size, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != ENOBUFS && errno != ECONNREFUSED)
        bench_die("send: %s", strerror(errno));
}

static void flow_fill(struct flow *f, size_t slot)
{
    if (left == 0)
        return;
    left--;
    f->sequence[slot] = ++next_sequence;
    f->under_way++;
    flow_send(f, slot);
}

/** Compare one echo; one that was already counted (its resent twin came too) is passed over. */
static void flow_check(struct flow *f, const unsigned char *datagram, size_t n)
{
    unsigned char want[SIZE_LIMIT];
    uint64_t name[2];
    if (n != head_size + size)
        bench_die("echo of %zu bytes instead of %zu", n, head_size + size);
    if (head_size > 0 && memcmp(datagram, head, head_size) != 0)
        bench_die("echo with a wrong SOCKS header");
    memcpy(name, datagram + head_size, sizeof(name));
    bench_message(want, size, name[0], name[1]);
    if (name[0] / WINDOW_LIMIT != f->id || memcmp(datagram + head_size, want, size) != 0)
        bench_die("wrong echo");
    size_t slot = name[0] % WINDOW_LIMIT;
    if (f->sequence[slot] != name[1])
        return;
    f->sequence[slot] = 0;
    f->under_way--;
    if (rate == 0)
        flow_fill(f, slot);
}

static void flow_read(struct flow *f)
{
    unsigned char datagram[SOCKS_HEAD + SIZE_LIMIT + 1];
    for (size_t i = 0; i < window; i++) {
        ssize_t n = recv(f->fd, datagram, sizeof(datagram), MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN && errno != ECONNREFUSED && errno != EINTR)
            bench_die("recv: %s", strerror(errno));
        if (n < 0)
            return;
        f->heard = bench_now();
        flow_check(f, datagram, (size_t)n);
    }
}

static void flow_remind(struct flow *f, double now)
{
    if (f->under_way == 0 || now - f->heard < PATIENCE_MS / 1e3)
        return;
    f->heard = now;
    for (size_t slot = 0; slot < window; slot++) {
        if (f->sequence[slot] == 0)
            continue;
        resent++;
        if (rate == 0) {
            flow_send(f, slot);
        } else {
            f->sequence[slot] = 0;
            f->under_way--;
        }
    }
}

static void control_read(int fd, unsigned char *data, size_t len)
{
    for (size_t got = 0; got < len;) {
        ssize_t n = recv(fd, data + got, len - got, 0);
        if (n <= 0)
            bench_die("SOCKS5: the proxy closed or failed");
        got += (size_t)n;
    }
}

/** RFC 1928, 4 and 7: associate, and learn where the datagrams go. */
static int flow_associate(uint64_t port, struct sockaddr_in *relay)
{
    unsigned char answer[10];
    struct sockaddr_in proxy = bench_loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&proxy, sizeof(proxy)) < 0)
        bench_die("connect: %s", strerror(errno));
    bench_send(fd, "\x05\x01\x00", 3);
    control_read(fd, answer, 2);
    bench_send(fd, "\x05\x03\x00\x01\x00\x00\x00\x00\x00\x00", 10);
    control_read(fd, answer, 10);
    if (answer[1] != 0 || answer[3] != 1)
        bench_die("SOCKS5 reply %u, address type %u", answer[1], answer[3]);
    *relay = bench_loopback(0);
    memcpy(&relay->sin_port, answer + 8, 2);
    return fd;
}

static void flow_open(struct flow *f, int ep, int socks, uint64_t port)
{
    struct sockaddr_in to = bench_loopback(port);
    f->control = socks ? flow_associate(port, &to) : -1;
    f->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (f->fd < 0 || connect(f->fd, (struct sockaddr *)&to, sizeof(to)) < 0)
        bench_die("UDP connect: %s", strerror(errno));
    f->heard = bench_now();
    bench_watch(ep, EPOLL_CTL_ADD, f->fd, EPOLLIN, f);
}

/**
 * One echo before the clock starts: the proxy knows the flow from then on. Flows greet one after
 * another, because socat mixes up clients that are new at the same moment.
 */
static void flow_greet(struct flow *f)
{
    uint64_t waiting = left;
    left = 0; /* the echo must not set off the next datagram */
    f->sequence[0] = ++next_sequence;
    f->under_way = 1;
    for (int tries = 0; f->under_way > 0; tries++) {
        struct pollfd ready = {.fd = f->fd, .events = POLLIN};
        if (tries == 50)
            bench_die("no echo comes back");
        flow_send(f, 0);
        if (poll(&ready, 1, PATIENCE_MS) > 0)
            flow_read(f);
    }
    left = waiting;
}

static int flows_busy(const struct flow *all, size_t conns)
{
    if (left > 0)
        return 1;
    for (size_t i = 0; i < conns; i++)
        if (all[i].under_way > 0)
            return 1;
    return 0;
}

/** Whatever is due by now, each from the next flow that has a slot free. */
static void flows_pace(struct flow *all, size_t conns, uint64_t *sent, double since)
{
    static size_t turn;
    uint64_t due = (uint64_t)((bench_now() - since) * (double)rate);
    for (; *sent < due && left > 0; (*sent)++) {
        for (size_t tries = 0; tries < conns; tries++) {
            struct flow *f = &all[turn++ % conns];
            size_t slot = 0;
            while (slot < window && f->sequence[slot] != 0)
                slot++;
            if (slot == window)
                continue;
            if (f->under_way == 0)
                f->heard = bench_now();
            flow_fill(f, slot);
            break;
        }
    }
}

static void flows_run(struct flow *all, size_t conns, int ep)
{
    struct epoll_event events[BENCH_EVENTS];
    double looked = bench_now(), began = looked;
    uint64_t sent = 0;
    for (size_t slot = 0; slot < window && rate == 0; slot++)
        for (size_t i = 0; i < conns; i++)
            flow_fill(&all[i], slot);
    while (flows_busy(all, conns)) {
        int n = epoll_wait(ep, events, BENCH_EVENTS, rate ? 1 : PATIENCE_MS / 2);
        for (int i = 0; i < n; i++)
            flow_read(events[i].data.ptr);
        if (rate)
            flows_pace(all, conns, &sent, began);
        double now = bench_now();
        if (now - looked < PATIENCE_MS / 2e3)
            continue;
        looked = now;
        for (size_t i = 0; i < conns; i++)
            flow_remind(&all[i], now);
    }
}

/** The header of each datagram to the target, when it goes through SOCKS5. */
static void head_make(uint64_t target)
{
    struct sockaddr_in to = bench_loopback(target);
    memcpy(head, "\x00\x00\x00\x01", 4);
    memcpy(head + 4, &to.sin_addr, 4);
    memcpy(head + 8, &to.sin_port, 2);
    head_size = SOCKS_HEAD;
}

int main(int argc, char **argv)
{
    (void)argc;
    uint64_t count = left = bench_number(argv, "count", 1000000);
    size_t conns = bench_number(argv, "conns", 16);
    int socks = strcmp(bench_text(argv, "front", "none"), "socks5") == 0;
    size = bench_number(argv, "size", 64);
    window = bench_number(argv, "window", 8);
    rate = bench_number(argv, "rate", 0);
    if (size < 32 || size > SIZE_LIMIT || window == 0 || window > WINDOW_LIMIT)
        bench_die("size= or window= is out of range");
    bench_limits((unsigned)bench_number(argv, "limit", 120));
    bench_pattern();
    if (socks)
        head_make(bench_number(argv, "target", 0));
    int ep = bench_epoll();
    struct flow *all = bench_alloc(conns, sizeof(*all));
    for (size_t i = 0; i < conns; i++) {
        all[i].id = i;
        flow_open(&all[i], ep, socks, bench_number(argv, "port", 0));
        flow_greet(&all[i]);
    }
    double started = bench_now();
    flows_run(all, conns, ep);
    bench_result(started, count, resent);
    free(all);
    return 0;
}
