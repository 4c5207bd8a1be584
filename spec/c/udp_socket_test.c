/* UDP sockets as packets: batches, sizes, addresses, reports of the network. */
#include "spec/c/udp_support.h"

static int count_readable(int fd)
{
    char buf[65536];
    int n = 0;
    while (recv(fd, buf, sizeof(buf), 0) >= 0)
        n++;
    return n;
}

NET_TEST(sends_batches_of_mixed_sizes_in_order)
{
    enum { COUNT = 200 };
    static uint8_t data[COUNT][1500];
    struct gost_datagram d[COUNT];
    union gost_sockaddr addr;
    struct gost_packet *p;
    int fd = udp_plain(&addr);
    CHECK_INT(gost_udp_connect(&addr, NULL, &p), 0);
    for (int i = 0; i < COUNT; i++) { /* runs of equal sizes, shorter tails, empty ones */
        size_t len = i % 17 == 16 ? 0 : i % 17 > 12 ? 1 + (size_t)i : 1200;
        net_fill(data[i], (uint64_t)i * 7, len);
        d[i] = (struct gost_datagram){.data = data[i], .len = (uint32_t)len};
    }
    CHECK_INT(gost_packet_send(p, d, COUNT), COUNT);
    for (int i = 0; i < COUNT; i++) {
        uint8_t got[2000];
        CHECK_INT(recv(fd, got, sizeof(got), 0), d[i].len);
        CHECK(memcmp(got, data[i], d[i].len) == 0);
    }
    CHECK(!udp_readable(fd));
    CHECK_INT(p->dropped, 0);
    gost_packet_close(p);
    close(fd);
}

NET_TEST(a_head_goes_in_front_of_the_data)
{
    union gost_sockaddr addr;
    struct gost_packet *p;
    int fd = udp_plain(&addr);
    uint8_t head[2][3] = {"ab", "cd"}, data[2][6] = {"hello", "world"};
    struct gost_datagram d[2];
    char got[16] = "";
    CHECK_INT(gost_udp_connect(&addr, NULL, &p), 0);
    for (int i = 0; i < 2; i++)
        d[i] = (struct gost_datagram){.data = data[i], .len = 5, .head = head[i], .head_len = 2};
    CHECK_INT(gost_packet_send(p, d, 2), 2);
    CHECK_INT(recv(fd, got, sizeof(got), 0), 7);
    CHECK_STR(got, "abhello");
    CHECK_INT(recv(fd, got, sizeof(got), 0), 7);
    CHECK_STR(got, "cdworld");
    gost_packet_close(p);
    close(fd);
}

NET_TEST(receives_batches_with_their_sources)
{
    union gost_sockaddr any = net_loopback(0), own, from[3];
    struct gost_batch *b = gost_batch_take();
    struct gost_packet *p;
    int fd[3], total = 0;
    CHECK_INT(gost_udp_open(&any, NULL, &p), 0);
    CHECK_INT(gost_packet_query(p, GOST_QUERY_LOCAL_ADDR, &own), 0);
    CHECK_INT(gost_packet_recv(p, b), GOST_WANT_READ);
    for (int i = 0; i < 3; i++) {
        fd[i] = udp_plain(&from[i]);
        CHECK_INT(connect(fd[i], &own.sa, gost_sockaddr_len(&own)), 0);
    }
    for (int i = 0; i < 100; i++)
        UDP_SEND(fd[i % 3], "datagram");
    while (total < 100) {
        int n;
        NET_UNTIL((n = gost_packet_recv(p, b)) != GOST_WANT_READ);
        if (n <= 0)
            break;
        for (int i = 0; i < n; i++, total++) {
            CHECK_INT(b->d[i].len, 8);
            CHECK(memcmp(b->d[i].data, "datagram", 8) == 0);
            CHECK(gost_sockaddr_equal(b->d[i].addr, &from[total % 3]));
        }
    }
    CHECK_INT(total, 100);
    CHECK_INT(gost_packet_recv(p, b), GOST_WANT_READ);
    gost_batch_give(b);
    gost_packet_close(p);
    for (int i = 0; i < 3; i++)
        close(fd[i]);
}

NET_TEST(the_largest_datagram_passes_and_longer_ones_are_lost)
{
    static uint8_t big[70000];
    union gost_sockaddr addr;
    struct gost_packet *p;
    struct gost_batch *b = gost_batch_take();
    int fd = udp_plain(&addr), n;
    net_fill(big, 0, sizeof(big));
    CHECK_INT(gost_udp_connect(&addr, NULL, &p), 0);
    struct gost_datagram d[3] = {
        {.data = big, .len = 65508}, {.data = big, .len = 65507}, {.data = big, .len = 1}};
    CHECK_INT(gost_packet_send(p, d, 3), 3);
    CHECK_INT(p->dropped, 1);
    static uint8_t got[70000];
    CHECK_INT(recv(fd, got, sizeof(got), 0), 65507);
    CHECK(net_matches(got, 0, 65507));
    CHECK_INT(recv(fd, got, sizeof(got), 0), 1);
    union gost_sockaddr own;
    gost_packet_query(p, GOST_QUERY_LOCAL_ADDR, &own);
    CHECK_INT(sendto(fd, big, 65507, 0, &own.sa, gost_sockaddr_len(&own)), 65507);
    NET_UNTIL((n = gost_packet_recv(p, b)) != GOST_WANT_READ);
    CHECK_INT(n, 1);
    CHECK_INT(b->d[0].len, 65507);
    CHECK(net_matches(b->d[0].data, 0, 65507));
    gost_batch_give(b);
    gost_packet_close(p);
    close(fd);
}

NET_TEST(refusals_are_survived)
{
    union gost_sockaddr addr;
    struct gost_packet *p;
    struct gost_batch *b = gost_batch_take();
    int fd = udp_plain(&addr);
    struct gost_datagram d = {.data = (uint8_t *)"hi", .len = 2};
    close(fd);
    CHECK_INT(gost_udp_connect(&addr, NULL, &p), 0);
    for (int i = 0; i < 20; i++) { /* each is answered by "port unreachable" */
        CHECK_INT(gost_packet_send(p, &d, 1), 1);
        gost_loop_step(&net_loop, 1);
        CHECK_INT(gost_packet_recv(p, b), GOST_WANT_READ);
    }
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CHECK_INT(bind(fd, &addr.sa, gost_sockaddr_len(&addr)), 0); /* now somebody is there */
    CHECK_INT(gost_packet_send(p, &d, 1), 1);
    CHECK_INT(gost_packet_send(p, &d, 1), 1);
    NET_UNTIL(udp_readable(fd));
    CHECK_INT(count_readable(fd), 2);
    gost_batch_give(b);
    gost_packet_close(p);
    close(fd);
}

NET_TEST(a_connected_socket_hears_its_peer_alone)
{
    union gost_sockaddr addr, own, other_addr;
    struct gost_packet *p;
    struct gost_batch *b = gost_batch_take();
    int fd = udp_plain(&addr), other = udp_plain(&other_addr), n;
    CHECK_INT(gost_udp_connect(&addr, NULL, &p), 0);
    gost_packet_query(p, GOST_QUERY_LOCAL_ADDR, &own);
    CHECK_INT(sendto(other, "spoof", 5, 0, &own.sa, gost_sockaddr_len(&own)), 5);
    CHECK_INT(sendto(fd, "true", 4, 0, &own.sa, gost_sockaddr_len(&own)), 4);
    NET_UNTIL((n = gost_packet_recv(p, b)) != GOST_WANT_READ);
    CHECK_INT(n, 1);
    CHECK_INT(b->d[0].len, 4);
    gost_batch_give(b);
    gost_packet_close(p);
    close(fd);
    close(other);
}

NET_TEST(a_pair_serves_both_families)
{
    struct udp_echo e4;
    union gost_sockaddr v6;
    struct gost_packet *p;
    struct gost_batch *b = gost_batch_take();
    socklen_t len = sizeof(v6);
    udp_echo_start(&e4);
    gost_ip_parse("::1", 0, &v6);
    int fd6 = socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), n;
    bool has_v6 = bind(fd6, &v6.sa, gost_sockaddr_len(&v6)) == 0;
    getsockname(fd6, &v6.sa, &len);
    CHECK_INT(gost_udp_open_any(NULL, &p), 0);
    struct gost_datagram d[2] = {{.data = (uint8_t *)"six", .len = 3, .addr = &v6},
                                 {.data = (uint8_t *)"four", .len = 4, .addr = &e4.addr}};
    CHECK_INT(gost_packet_send(p, d, 2), 2);
    NET_UNTIL((n = gost_packet_recv(p, b)) != GOST_WANT_READ);
    CHECK_INT(n, 1);
    CHECK(b->d[0].len == 6 && memcmp(b->d[0].data, "<four>", 6) == 0);
    CHECK(gost_sockaddr_equal(b->d[0].addr, &e4.addr));
    if (has_v6) {
        union gost_sockaddr from;
        char got[8];
        len = sizeof(from);
        CHECK_INT(recvfrom(fd6, got, sizeof(got), 0, &from.sa, &len), 3);
        CHECK_INT(sendto(fd6, "back", 4, 0, &from.sa, len), 4);
        NET_UNTIL((n = gost_packet_recv(p, b)) != GOST_WANT_READ);
        CHECK(n == 1 && gost_sockaddr_equal(b->d[0].addr, &v6));
    }
    struct gost_addr name = {.host = "nobody.test", .port = 1};
    struct gost_datagram by_name = {.data = (uint8_t *)"x", .len = 1, .name = &name};
    CHECK_INT(gost_packet_send(p, &by_name, 1), 1); /* it takes no names */
    gost_batch_give(b);
    gost_packet_close(p);
    udp_echo_stop(&e4);
    close(fd6);
}

RUN_TESTS()
