/**
 * Register `count` reverse tunnels, one connection each, `conns` of them in the making, and hold
 * them. Prints "ready", waits for a line or the end of its input, sends a sign of life on each (they
 * must still be there), closes all. Arguments: port count conns. Unit of the result: tunnels.
 */
#include "client.h"

enum { ANSWER = 4 + 3 + 1 + 1 + 16 + 2 + 3 + 20 /* an endpoint's name of 16 digits, an ID */ };

struct tunnel {
    struct client client;
    int done;
};

/** BIND, from somewhere, to anywhere, of a tunnel of its own. */
static void tunnel_ask(struct tunnel *t)
{
    unsigned char ask[47] = {1, 2, 0, 43, 2, 0, 7, 1, 127, 0, 0, 1, 0, 9,
                             2, 0, 7, 1,  0, 0, 0, 0, 0,   0, 3, 0, 20};
    uint64_t id = t->client.id + 1;
    memcpy(ask + 27, &id, sizeof(id));
    bench_send(t->client.fd, ask, sizeof(ask));
    t->client.step = CLIENT_ASKED;
}

static int tunnel_ready(struct tunnel *t, const struct front *front)
{
    struct client *c = &t->client;
    if (c->step == CLIENT_CONNECTING && client_connected(c, front)) {
        tunnel_ask(t);
        return 0;
    }
    if (c->step != CLIENT_ASKED || !client_hear(c, ANSWER) || c->got < ANSWER)
        return 0;
    if (c->answer[0] != 1 || c->answer[1] != 0)
        bench_die("a tunnel is refused with status %u", c->answer[1]);
    c->step = CLIENT_READY;
    return 1;
}

static void tunnels_open(struct tunnel *all, size_t count, size_t conns, int ep,
                         const struct front *front)
{
    struct epoll_event events[BENCH_EVENTS];
    size_t begun = 0, done = 0;
    for (; begun < conns; begun++) {
        all[begun].client.id = begun;
        client_open(&all[begun].client, front, ep, EPOLLIN | EPOLLOUT | EPOLLET);
    }
    while (done < count) {
        int n = bench_wait(ep, events);
        for (int i = 0; i < n; i++) {
            struct tunnel *t = events[i].data.ptr;
            if (t->done || !tunnel_ready(t, front))
                continue;
            t->done = 1;
            done++;
            if (begun < count) {
                all[begun].client.id = begun;
                client_open(&all[begun++].client, front, ep, EPOLLIN | EPOLLOUT | EPOLLET);
            }
        }
    }
}

/** smux says NOP; the server has hung up on none. */
static void tunnels_check(struct tunnel *all, size_t count)
{
    static const unsigned char nop[8] = {2, 3};
    unsigned char heard[64];
    for (size_t i = 0; i < count; i++) {
        bench_send(all[i].client.fd, nop, sizeof(nop));
        if (bench_recv(all[i].client.fd, heard, sizeof(heard)) < 0)
            bench_die("tunnel %zu was closed", i);
    }
}

int main(int argc, char **argv)
{
    (void)argc;
    size_t count = bench_number(argv, "count", 5000);
    size_t conns = bench_number(argv, "conns", 32);
    struct front front = front_of(argv);
    bench_limits((unsigned)bench_number(argv, "limit", 120));
    if (conns > count)
        conns = count;
    int ep = bench_epoll();
    struct tunnel *all = bench_alloc(count, sizeof(*all));
    double started = bench_now();
    tunnels_open(all, count, conns, ep, &front);
    puts("ready");
    fflush(stdout);
    for (int c = getchar(); c != EOF && c != '\n';)
        c = getchar();
    tunnels_check(all, count);
    for (size_t i = 0; i < count; i++)
        client_close(&all[i].client);
    bench_result(started, count, 0);
    free(all);
    return 0;
}
