/**
 * Plain GET requests to an HTTP proxy, `count` of them on `conns` connections that are kept open,
 * one under way on each. Every answer is another piece of the pattern and is compared. A proxy that
 * closes is visited again and counted as trouble.
 * Arguments: port target count conns size. Unit of the result: requests.
 */
#include "client.h"

#define ANSWER_LIMIT 16384u /* head and body of one answer */

struct fetch {
    struct client client;
    size_t offset; /* of the body in the pattern */
    size_t got;    /* bytes in answer */
    size_t head;   /* length of the head; 0 until it is complete */
    int last;      /* the proxy says that it closes after this one */
    char answer[ANSWER_LIMIT + 1];
};

static struct front front;
static int ep;
static uint64_t fetches_left; /* not yet asked for */
static uint64_t reconnects;
static size_t body_size;

static void fetch_ask(struct fetch *f)
{
    char ask[192];
    f->offset = (f->client.id * 7919 + fetches_left * 31) % BENCH_PERIOD;
    f->got = f->head = 0;
    f->last = 0;
    fetches_left--;
    unsigned port = ntohs(front.target.sin_port);
    int n = snprintf(ask, sizeof(ask),
                     "GET http://127.0.0.1:%u/%zu/%zu HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
                     "User-Agent: bench\r\nAccept: */*\r\n\r\n",
                     port, body_size, f->offset, port);
    bench_send(f->client.fd, ask, (size_t)n);
}

/** The head has come: check it. Only what the driver's proxies send is understood. */
static void fetch_head(struct fetch *f)
{
    const char *end = strstr(f->answer, "\r\n\r\n");
    if (end == NULL)
        return;
    f->head = (size_t)(end - f->answer) + 4;
    if (memcmp(f->answer, "HTTP/1.", 7) != 0 || memcmp(f->answer + 8, " 200", 4) != 0)
        bench_die("GET: %.40s", f->answer);
    const char *length = strcasestr(f->answer, "\r\nContent-Length:");
    if (length == NULL || length > end || strtoull(length + 17, NULL, 10) != body_size)
        bench_die("GET: no Content-Length or a wrong one: %.400s", f->answer);
    const char *close_word = strcasestr(f->answer, "\r\nConnection: close");
    f->last = close_word != NULL && close_word < end;
}

/** Read; true when the answer is complete and right. */
static int fetch_heard(struct fetch *f)
{
    ssize_t n = bench_recv(f->client.fd, f->answer + f->got, ANSWER_LIMIT - f->got);
    if (n < 0)
        bench_die("GET: the proxy closed in the middle of an answer");
    f->got += (size_t)n;
    f->answer[f->got] = '\0';
    if (n > 0 && f->head == 0)
        fetch_head(f);
    if (f->head == 0 || f->got < f->head + body_size)
        return 0;
    if (f->got > f->head + body_size ||
        memcmp(f->answer + f->head, bench_pattern() + f->offset, body_size) != 0)
        bench_die("GET: wrong body");
    return 1;
}

/** The answer is complete. True if this connection has no more to do. */
static int fetch_next(struct fetch *f)
{
    if (fetches_left == 0) {
        client_close(&f->client);
        return 1;
    }
    if (!f->last) {
        fetch_ask(f);
        return 0;
    }
    reconnects++;
    client_close(&f->client);
    client_open(&f->client, &front, ep, EPOLLIN | EPOLLOUT | EPOLLET);
    return 0;
}

static int fetch_event(struct fetch *f, uint32_t events)
{
    if (f->client.step != CLIENT_READY) {
        if (!client_ready(&f->client, &front, events))
            return 0;
        if (fetches_left == 0)
            return fetch_next(f);
        fetch_ask(f);
        return 0;
    }
    if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) == 0 || !fetch_heard(f))
        return 0;
    return fetch_next(f);
}

int main(int argc, char **argv)
{
    (void)argc;
    uint64_t count = fetches_left = bench_number(argv, "count", 100000);
    size_t conns = bench_number(argv, "conns", 64);
    body_size = bench_number(argv, "size", 1024);
    if (body_size > ANSWER_LIMIT / 2)
        bench_die("size= is too large");
    front = front_of(argv);
    bench_limits((unsigned)bench_number(argv, "limit", 120));
    bench_pattern();
    if (conns > count)
        conns = count;
    ep = bench_epoll();
    struct fetch *all = bench_alloc(conns, sizeof(*all));
    double started = bench_now();
    for (size_t i = 0; i < conns; i++) {
        all[i].client.id = i;
        client_open(&all[i].client, &front, ep, EPOLLIN | EPOLLOUT | EPOLLET);
    }
    while (conns > 0) {
        struct epoll_event events[BENCH_EVENTS];
        int n = bench_wait(ep, events);
        for (int i = 0; i < n; i++)
            conns -= (size_t)fetch_event(events[i].data.ptr, events[i].events);
    }
    bench_result(started, count, reconnects);
    free(all);
    return 0;
}
