/**
 * Download `bytes` through `conns` connections at once and compare each byte with the pattern.
 * Every connection starts at another place of the pattern, so mixed-up connections are seen too,
 * and must end exactly after its last byte.
 * Arguments: front port target bytes conns. Unit of the result: bytes.
 */
#include "client.h"

struct download {
    struct client client;
    uint64_t left; /* bytes still to come */
    size_t offset; /* of the next byte in the pattern */
};

static unsigned char scratch[BENCH_CHUNK];

static void download_order(struct download *d, int ep)
{
    struct bench_order order = {.length = d->left, .offset = d->offset};
    bench_send(d->client.fd, &order, sizeof(order));
    bench_watch(ep, EPOLL_CTL_MOD, d->client.fd, EPOLLIN, d);
}

static void download_check(struct download *d, size_t n)
{
    if (n > d->left)
        bench_die("connection %llu: bytes past the end", (unsigned long long)d->client.id);
    if (memcmp(scratch, bench_pattern() + d->offset, n) != 0)
        bench_die("connection %llu: wrong bytes, %llu before the end",
                  (unsigned long long)d->client.id, (unsigned long long)d->left);
    d->left -= n;
    d->offset = (d->offset + n) % BENCH_PERIOD;
}

/** One read. True when the connection has ended as it should. */
static int download_read(struct download *d)
{
    ssize_t n = bench_recv(d->client.fd, scratch, sizeof(scratch));
    if (n > 0)
        download_check(d, (size_t)n);
    if (n >= 0)
        return 0;
    if (d->left > 0)
        bench_die("connection %llu ended %llu bytes early", (unsigned long long)d->client.id,
                  (unsigned long long)d->left);
    client_close(&d->client);
    return 1;
}

static void downloads_open(struct download *all, size_t conns, uint64_t bytes, int ep,
                           const struct front *front)
{
    for (size_t i = 0; i < conns; i++) {
        all[i].client.id = i;
        all[i].left = bytes / conns + (i < bytes % conns);
        all[i].offset = i * 65537 % BENCH_PERIOD;
        client_open(&all[i].client, front, ep, EPOLLIN | EPOLLOUT);
    }
}

static void downloads_run(size_t conns, int ep, const struct front *front)
{
    struct epoll_event events[BENCH_EVENTS];
    while (conns > 0) {
        int n = bench_wait(ep, events);
        for (int i = 0; i < n; i++) {
            struct download *d = events[i].data.ptr;
            if (d->client.step == CLIENT_READY)
                conns -= (size_t)download_read(d);
            else if (client_ready(&d->client, front, events[i].events))
                download_order(d, ep);
            else if (d->client.step != CLIENT_CONNECTING)
                bench_watch(ep, EPOLL_CTL_MOD, d->client.fd, EPOLLIN, d);
        }
    }
}

int main(int argc, char **argv)
{
    (void)argc;
    size_t conns = bench_number(argv, "conns", 1);
    uint64_t bytes = bench_number(argv, "bytes", 1000000000);
    struct front front = front_of(argv);
    bench_limits((unsigned)bench_number(argv, "limit", 120));
    bench_pattern();
    int ep = bench_epoll();
    struct download *all = bench_alloc(conns, sizeof(*all));
    double started = bench_now();
    downloads_open(all, conns, bytes, ep, &front);
    downloads_run(conns, ep, &front);
    bench_result(started, bytes, 0);
    free(all);
    return 0;
}
