/**
 * Open `count` connections, `conns` at a time; on each one message goes there and back and
 * is compared, then the origin's closing must arrive, and the client closes too.
 * Arguments: front port target count conns. Unit of the result: connections.
 */
#include "client.h"

struct visit {
    struct client client;
    size_t got; /* bytes of the echo so far */
    unsigned char message[BENCH_MESSAGE];
};

static uint64_t visits_left; /* not yet begun */

static void visit_begin(struct visit *v, int ep, const struct front *front)
{
    v->client.id = visits_left--;
    v->got = 0;
    /* Edge-triggered: both directions are registered once, for the whole short life. */
    client_open(&v->client, front, ep, EPOLLIN | EPOLLOUT | EPOLLET);
}

static void visit_send(struct visit *v)
{
    bench_message(v->message, BENCH_MESSAGE, v->client.id, 0);
    bench_send(v->client.fd, v->message, BENCH_MESSAGE);
}

/** Read the echo until nothing more is there; true when it has ended after its last byte. */
static int visit_heard(struct visit *v)
{
    unsigned char echo[BENCH_MESSAGE + 1];
    for (;;) {
        ssize_t n = bench_recv(v->client.fd, echo, BENCH_MESSAGE - v->got + 1);
        if (n == 0)
            return 0;
        if (n < 0 && v->got < BENCH_MESSAGE)
            bench_die("connection %llu closed before the echo", (unsigned long long)v->client.id);
        if (n < 0)
            return 1;
        if ((size_t)n > BENCH_MESSAGE - v->got || memcmp(echo, v->message + v->got, (size_t)n) != 0)
            bench_die("connection %llu: wrong echo", (unsigned long long)v->client.id);
        v->got += (size_t)n;
    }
}

/** Serve one event; true when this slot has no more to do. */
static int visit_event(struct visit *v, uint32_t events, int ep, const struct front *front)
{
    if (v->client.step != CLIENT_READY) {
        if (client_ready(&v->client, front, events))
            visit_send(v);
        return 0;
    }
    if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) == 0 || !visit_heard(v))
        return 0;
    client_close(&v->client);
    if (visits_left == 0)
        return 1;
    visit_begin(v, ep, front);
    return 0;
}

int main(int argc, char **argv)
{
    (void)argc;
    uint64_t count = bench_number(argv, "count", 10000);
    size_t conns = bench_number(argv, "conns", 32);
    struct front front = front_of(argv);
    bench_limits((unsigned)bench_number(argv, "limit", 120));
    bench_pattern();
    if (conns > count)
        conns = count;
    visits_left = count;
    int ep = bench_epoll();
    struct visit *all = bench_alloc(conns, sizeof(*all));
    double started = bench_now();
    for (size_t i = 0; i < conns; i++)
        visit_begin(&all[i], ep, &front);
    while (conns > 0) {
        struct epoll_event events[BENCH_EVENTS];
        int n = bench_wait(ep, events);
        for (int i = 0; i < n; i++)
            conns -= (size_t)visit_event(events[i].data.ptr, events[i].events, ep, &front);
    }
    bench_result(started, count, 0);
    free(all);
    return 0;
}
