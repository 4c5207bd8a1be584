/**
 * Open `count` connections, at most `conns` of them in the making, send one message there and back
 * on each, so that they are known to reach the origin, and hold them. Prints "ready", waits for a
 * line or the end of its input, sends one more message on each (they must still live), closes all.
 * Arguments: front port target count conns. Unit of the result: connections.
 */
#include "client.h"

struct guest {
    struct client client;
    size_t got;
};

static void guest_send(struct guest *g, uint64_t sequence)
{
    unsigned char message[BENCH_MESSAGE];
    bench_message(message, sizeof(message), g->client.id, sequence);
    bench_send(g->client.fd, message, sizeof(message));
    g->got = 0;
}

/** Read; true when the echo of message `sequence` is complete. */
static int guest_heard(struct guest *g, uint64_t sequence)
{
    unsigned char message[BENCH_MESSAGE], echo[BENCH_MESSAGE];
    if (g->got == BENCH_MESSAGE)
        return 0;
    ssize_t n = bench_recv(g->client.fd, echo, sizeof(echo) - g->got);
    if (n < 0)
        bench_die("idle connection %llu was closed", (unsigned long long)g->client.id);
    bench_message(message, sizeof(message), g->client.id, sequence);
    if (memcmp(echo, message + g->got, (size_t)n) != 0)
        bench_die("idle connection %llu: wrong echo", (unsigned long long)g->client.id);
    g->got += (size_t)n;
    return g->got == BENCH_MESSAGE;
}

static void guest_open(struct guest *all, size_t i, int ep, const struct front *front)
{
    all[i].client.id = i;
    client_open(&all[i].client, front, ep, EPOLLIN | EPOLLOUT | EPOLLET);
}

static void guests_open(struct guest *all, size_t count, size_t conns, int ep,
                        const struct front *front)
{
    struct epoll_event events[BENCH_EVENTS];
    size_t begun = 0, done = 0;
    while (begun < conns)
        guest_open(all, begun++, ep, front);
    while (done < count) {
        int n = bench_wait(ep, events);
        for (int i = 0; i < n; i++) {
            struct guest *g = events[i].data.ptr;
            if (g->client.step != CLIENT_READY) {
                if (client_ready(&g->client, front, events[i].events))
                    guest_send(g, 0);
                continue;
            }
            if (!guest_heard(g, 0))
                continue;
            done++;
            if (begun < count)
                guest_open(all, begun++, ep, front);
        }
    }
}

/** The last message on every connection, a few under way at a time. */
static void guests_check(struct guest *all, size_t count, size_t conns, int ep)
{
    struct epoll_event events[BENCH_EVENTS];
    size_t sent = 0, done = 0;
    while (sent < conns)
        guest_send(&all[sent++], 1);
    while (done < count) {
        int n = bench_wait(ep, events);
        for (int i = 0; i < n; i++) {
            if (!guest_heard(events[i].data.ptr, 1))
                continue;
            done++;
            if (sent < count)
                guest_send(&all[sent++], 1);
        }
    }
}

int main(int argc, char **argv)
{
    (void)argc;
    size_t count = bench_number(argv, "count", 5000);
    size_t conns = bench_number(argv, "conns", 32);
    struct front front = front_of(argv);
    bench_limits((unsigned)bench_number(argv, "limit", 120));
    bench_pattern();
    if (conns > count)
        conns = count;
    int ep = bench_epoll();
    struct guest *all = bench_alloc(count, sizeof(*all));
    double started = bench_now();
    guests_open(all, count, conns, ep, &front);
    puts("ready");
    fflush(stdout);
    for (int c = getchar(); c != EOF && c != '\n';)
        c = getchar();
    guests_check(all, count, conns, ep);
    for (size_t i = 0; i < count; i++)
        client_close(&all[i].client);
    bench_result(started, count, 0);
    free(all);
    return 0;
}
