/**
 * Ping-pong: on each of `conns` open connections one message is under way at any time, `count`
 * of them altogether. All connections are open before the clock starts.
 * Arguments: front port target count conns. Unit of the result: round trips.
 */
#include "client.h"

struct player {
    struct client client;
    uint64_t sequence; /* of the message under way */
    size_t got;        /* bytes of its echo so far */
    unsigned char message[BENCH_MESSAGE];
};

static uint64_t pings_left; /* not yet sent */

static void player_serve(struct player *p)
{
    pings_left--;
    p->got = 0;
    bench_message(p->message, BENCH_MESSAGE, p->client.id, ++p->sequence);
    bench_send(p->client.fd, p->message, BENCH_MESSAGE);
}

/** Read; true when the echo is complete. */
static int player_heard(struct player *p)
{
    unsigned char echo[BENCH_MESSAGE];
    ssize_t n = bench_recv(p->client.fd, echo, BENCH_MESSAGE - p->got);
    if (n < 0)
        bench_die("connection %llu closed in the middle", (unsigned long long)p->client.id);
    if (memcmp(echo, p->message + p->got, (size_t)n) != 0)
        bench_die("connection %llu: wrong echo", (unsigned long long)p->client.id);
    p->got += (size_t)n;
    return p->got == BENCH_MESSAGE;
}

/** Open all connections; returns when the payload may start on each of them. */
static void players_open(struct player *all, size_t conns, int ep, const struct front *front)
{
    struct epoll_event events[BENCH_EVENTS];
    size_t ready = 0;
    for (size_t i = 0; i < conns; i++) {
        all[i].client.id = i;
        client_open(&all[i].client, front, ep, EPOLLIN | EPOLLOUT | EPOLLET);
    }
    while (ready < conns) {
        int n = bench_wait(ep, events);
        for (int i = 0; i < n; i++) {
            struct player *p = events[i].data.ptr;
            if (p->client.step == CLIENT_READY || !client_ready(&p->client, front, events[i].events))
                continue;
            bench_watch(ep, EPOLL_CTL_MOD, p->client.fd, EPOLLIN, p);
            ready++;
        }
    }
}

static void players_run(struct player *all, size_t conns, int ep)
{
    struct epoll_event events[BENCH_EVENTS];
    size_t under_way = conns;
    for (size_t i = 0; i < conns; i++)
        player_serve(&all[i]);
    while (under_way > 0) {
        int n = bench_wait(ep, events);
        for (int i = 0; i < n; i++) {
            struct player *p = events[i].data.ptr;
            if (!player_heard(p))
                continue;
            if (pings_left > 0)
                player_serve(p);
            else
                under_way--;
        }
    }
}

int main(int argc, char **argv)
{
    (void)argc;
    uint64_t count = bench_number(argv, "count", 1000000);
    size_t conns = bench_number(argv, "conns", 256);
    struct front front = front_of(argv);
    bench_limits((unsigned)bench_number(argv, "limit", 120));
    bench_pattern();
    pings_left = count < conns ? conns : count;
    count = pings_left;
    int ep = bench_epoll();
    struct player *all = bench_alloc(conns, sizeof(*all));
    players_open(all, conns, ep, &front);
    double started = bench_now();
    players_run(all, conns, ep);
    bench_result(started, count, 0);
    free(all);
    return 0;
}
