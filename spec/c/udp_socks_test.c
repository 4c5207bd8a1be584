/* The two ends of a SOCKS5 UDP ASSOCIATE. */
#include "core/proto/udp_socks.h"

#include "spec/c/udp_support.h"

/* The proxy's end, and what stands around it. */
struct proxy {
    struct gost_packet *p;
    struct gost_stream *control; /* the client's */
    union gost_sockaddr addr;
    struct gost_batch *b;
};

static void proxy_start(struct proxy *x, const char *client_ip)
{
    union gost_sockaddr any = net_loopback(0), client;
    struct gost_stream *ours;
    struct gost_packet *socket;
    gost_ip_parse(client_ip, 0, &client);
    CHECK_INT(gost_pair_new(4096, &ours, &x->control), 0);
    CHECK_INT(gost_udp_open(&any, NULL, &socket), 0);
    CHECK_INT(gost_packet_query(socket, GOST_QUERY_LOCAL_ADDR, &x->addr), 0);
    CHECK_INT(gost__udp_socks_server(&ours, &socket, &client, &x->p), 0);
    CHECK(ours == NULL && socket == NULL);
    x->b = gost_batch_take();
}

static void proxy_stop(struct proxy *x)
{
    gost_batch_give(x->b);
    gost_packet_close(x->p);
    gost_stream_close(x->control);
}

#define HEAD "\0\0\0\1\12\1\2\3\0\65" /* to 10.1.2.3:53 */

NET_TEST(takes_the_header_off_and_puts_it_on)
{
    struct proxy x;
    union gost_sockaddr from;
    char got[64];
    int n;
    proxy_start(&x, "127.0.0.1");
    int fd = udp_client(&x.addr);
    CHECK_INT(send(fd, HEAD "query", 15, 0), 15);
    CHECK_INT(send(fd, HEAD, 10, 0), 10); /* an empty one */
    CHECK_INT(send(fd, "\0\0\0\3\4host\0\65named", 16, 0), 16);
    NET_UNTIL((n = gost_packet_recv(x.p, x.b)) != GOST_WANT_READ);
    CHECK_INT(n, 3);
    CHECK(x.b->d[0].len == 5 && memcmp(x.b->d[0].data, "query", 5) == 0);
    CHECK_STR(gost_sockaddr_format(x.b->d[0].addr, (char[GOST_HOSTPORT_MAX]){0}), "10.1.2.3:53");
    CHECK_INT(x.b->d[1].len, 0);
    CHECK(x.b->d[2].addr == NULL);
    CHECK_STR(x.b->d[2].name->host, "host");
    CHECK_INT(x.b->d[2].name->port, 53);
    gost_ip_parse("10.9.9.9", 99, &from);
    struct gost_addr name = {.host = "name", .port = 1};
    struct gost_datagram d[2] = {{.data = (uint8_t *)"answer", .len = 6, .addr = &from},
                                 {.data = (uint8_t *)"x", .len = 1, .name = &name}};
    CHECK_INT(gost_packet_send(x.p, d, 2), 2);
    CHECK_INT(recv(fd, got, sizeof(got), 0), 16);
    CHECK(memcmp(got, "\0\0\0\1\12\11\11\11\0\143answer", 16) == 0);
    CHECK_INT(recv(fd, got, sizeof(got), 0), 12);
    CHECK(memcmp(got, "\0\0\0\3\4name\0\1x", 12) == 0);
    proxy_stop(&x);
    close(fd);
}

NET_TEST(drops_fragments_nonsense_and_other_hosts)
{
    static const struct {
        const char *bytes;
        size_t n;
    } bad[] = {{"", 0},
               {"\0\0\0", 3},
               {"\0\0\1\1\12\1\2\3\0\65x", 11}, /* a fragment */
               {"\0\0\0\7\12\1\2\3\0\65x", 11}, /* an unknown type */
               {"\0\0\0\1\12\1\2", 7},
               {"\0\0\0\3\0", 5},
               {"\0\0\0\3\4ho\nt\0\65x", 12},
               {"\0\0\0\4\12\1\2\3\0\65x", 11}};
    struct proxy x;
    int n;
    proxy_start(&x, "127.0.0.1");
    int fd = udp_client(&x.addr);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_INT(send(fd, bad[i].bytes, bad[i].n, 0), bad[i].n);
    CHECK_INT(send(fd, HEAD "good", 14, 0), 14);
    NET_UNTIL((n = gost_packet_recv(x.p, x.b)) != GOST_WANT_READ);
    CHECK_INT(n, 1);
    CHECK_INT(x.b->d[0].len, 4);
    CHECK_INT(x.p->dropped, sizeof(bad) / sizeof(bad[0]));
    proxy_stop(&x);
    close(fd);
    proxy_start(&x, "127.0.0.2"); /* the client lives elsewhere */
    fd = udp_client(&x.addr);
    CHECK_INT(send(fd, HEAD "spoof", 15, 0), 15);
    NET_UNTIL(gost_packet_recv(x.p, x.b) == GOST_WANT_READ && x.p->dropped == 1);
    union gost_sockaddr from = net_loopback(1);
    struct gost_datagram d = {.data = (uint8_t *)"x", .len = 1, .addr = &from};
    CHECK_INT(gost_packet_send(x.p, &d, 1), 1); /* nobody has told where to */
    CHECK_INT(x.p->dropped, 2);
    CHECK(!udp_readable(fd));
    proxy_stop(&x);
    close(fd);
}

NET_TEST(answers_follow_the_client_to_its_latest_port)
{
    struct proxy x;
    int n;
    char got[64];
    proxy_start(&x, "127.0.0.1");
    int fd[2] = {udp_client(&x.addr), udp_client(&x.addr)};
    for (int i = 0; i < 2; i++) {
        CHECK_INT(send(fd[i], HEAD "q", 11, 0), 11);
        NET_UNTIL((n = gost_packet_recv(x.p, x.b)) != GOST_WANT_READ);
        CHECK_INT(n, 1);
        struct gost_datagram d = {.data = (uint8_t *)"a", .len = 1, .addr = x.b->d[0].addr};
        CHECK_INT(gost_packet_send(x.p, &d, 1), 1);
        CHECK_INT(recv(fd[i], got, sizeof(got), 0), 11);
    }
    proxy_stop(&x);
    close(fd[0]);
    close(fd[1]);
}

static bool woken;

static void on_wake(struct gost_waker *w)
{
    (void)w;
    woken = true;
}

NET_TEST(lives_as_long_as_its_control_connection)
{
    struct proxy x;
    struct gost_waker w = {.fn = on_wake};
    proxy_start(&x, "127.0.0.1");
    gost_packet_set_waker(x.p, GOST_READER, &w);
    CHECK_INT(gost_stream_write(x.control, "chatter", 7), 7); /* of no interest */
    for (int i = 0; i < 5; i++)
        gost_loop_step(&net_loop, 0);
    CHECK_INT(gost_packet_recv(x.p, x.b), GOST_WANT_READ);
    woken = false;
    gost_stream_close(x.control);
    x.control = NULL;
    NET_UNTIL(woken);
    CHECK_INT(gost_packet_recv(x.p, x.b), 0);
    proxy_stop(&x);
}

/* A client's end that is connected to a proxy's end. */
static struct gost_packet *client_of(struct proxy *x, const struct gost_addr *target,
                                     uint64_t silence_ms)
{
    struct gost_packet *socket, *p;
    CHECK_INT(gost_udp_connect(&x->addr, NULL, &socket), 0);
    CHECK_INT(gost__udp_socks_client(&x->control, &socket, target, silence_ms, &p), 0);
    return p;
}

NET_TEST(both_ends_understand_each_other)
{
    struct proxy x;
    struct gost_batch *b = gost_batch_take();
    union gost_sockaddr addr, other;
    int n;
    proxy_start(&x, "127.0.0.1");
    struct gost_packet *p = client_of(&x, NULL, 0);
    gost_ip_parse("2001:db8::1", 7, &addr);
    gost_ip_parse("10.0.0.1", 8, &other);
    struct gost_datagram d[40];
    for (int i = 0; i < 40; i++)
        d[i] = (struct gost_datagram){
            .data = (uint8_t *)"datagrams", .len = (uint32_t)i % 9, .addr = i % 2 ? &addr : &other};
    CHECK_INT(gost_packet_send(p, d, 40), 40);
    NET_UNTIL((n = gost_packet_recv(x.p, x.b)) != GOST_WANT_READ);
    CHECK_INT(n, 40);
    for (int i = 0; i < n; i++) {
        CHECK_INT(x.b->d[i].len, i % 9);
        CHECK(gost_sockaddr_equal(x.b->d[i].addr, d[i].addr));
    }
    CHECK_INT(gost_packet_send(x.p, x.b->d, n), n);
    NET_UNTIL((n = gost_packet_recv(p, b)) != GOST_WANT_READ);
    CHECK_INT(n, 40);
    CHECK(gost_sockaddr_equal(b->d[39].addr, &addr));
    gost_packet_close(p);
    gost_batch_give(b);
    proxy_stop(&x);
}

NET_TEST(a_client_of_one_target_hears_that_alone)
{
    struct proxy x;
    struct gost_batch *b = gost_batch_take();
    struct gost_addr target = {.host = "10.0.0.1", .port = 8};
    union gost_sockaddr addr, other;
    int n;
    proxy_start(&x, "127.0.0.1");
    struct gost_packet *p = client_of(&x, &target, 0);
    struct gost_datagram d = {.data = (uint8_t *)"hello", .len = 5};
    CHECK_INT(gost_packet_send(p, &d, 1), 1);
    NET_UNTIL((n = gost_packet_recv(x.p, x.b)) != GOST_WANT_READ);
    CHECK_STR(gost_sockaddr_format(x.b->d[0].addr, (char[GOST_HOSTPORT_MAX]){0}), "10.0.0.1:8");
    gost_ip_parse("10.0.0.1", 8, &addr);
    gost_ip_parse("10.0.0.2", 8, &other);
    struct gost_datagram back[2] = {{.data = (uint8_t *)"bad", .len = 3, .addr = &other},
                                    {.data = (uint8_t *)"good", .len = 4, .addr = &addr}};
    CHECK_INT(gost_packet_send(x.p, back, 2), 2);
    NET_UNTIL((n = gost_packet_recv(p, b)) != GOST_WANT_READ);
    CHECK_INT(n, 1);
    CHECK(b->d[0].len == 4 && b->d[0].addr == NULL);
    gost_packet_close(p);
    gost_batch_give(b);
    proxy_stop(&x);
}

NET_TEST(a_silent_proxy_is_given_up)
{
    struct proxy x;
    struct gost_batch *b = gost_batch_take();
    proxy_start(&x, "127.0.0.1");
    struct gost_packet *p = client_of(&x, NULL, 20);
    CHECK_INT(gost_packet_recv(p, b), GOST_WANT_READ);
    NET_UNTIL(gost_packet_recv(p, b) == 0);
    gost_packet_close(p);
    gost_batch_give(b);
    proxy_stop(&x);
}

RUN_TESTS()
