/* Datagrams on streams: any split, both framings, names, strangers, back-pressure, nonsense. */
#include "core/proto/udp_framed.h"

#include "core/codec/relay.h"
#include "core/codec/socks5_udp.h"
#include "spec/c/udp_support.h"

enum { COUNT = 40 };

/* The datagrams of the tests: sizes from empty to large, all kinds of addresses. */
static uint8_t payload[COUNT][3000];
static struct gost_datagram sample[COUNT];
static union gost_sockaddr sample_addr[COUNT];
static struct gost_addr sample_name[COUNT];

static void samples_make(bool addressed)
{
    for (int i = 0; i < COUNT; i++) {
        size_t len = i % 7 == 0 ? (addressed ? 1 : 0) : i % 5 == 0 ? 2900 : (size_t)i * 3;
        len = addressed && len == 0 ? 1 : len;
        net_fill(payload[i], (uint64_t)i * 4096, len);
        sample[i] = (struct gost_datagram){.data = payload[i], .len = (uint32_t)len};
        if (!addressed)
            continue;
        if (i % 3 == 2) {
            snprintf(sample_name[i].host, sizeof(sample_name[i].host), "host-%d.test", i);
            sample_name[i].port = (uint16_t)(100 + i);
            sample[i].name = &sample_name[i];
        } else {
            gost_ip_parse(i % 3 ? "10.1.2.3" : "2001:db8::7", (uint16_t)(200 + i), &sample_addr[i]);
            sample[i].addr = &sample_addr[i];
        }
    }
}

static void compare(const struct gost_datagram *got, int i)
{
    CHECK_INT(got->len, sample[i].len);
    CHECK(got->len == 0 || memcmp(got->data, sample[i].data, got->len) == 0);
    CHECK(!got->addr == !sample[i].addr && !got->name == !sample[i].name);
    if (got->addr && sample[i].addr)
        CHECK(gost_sockaddr_equal(got->addr, sample[i].addr));
    if (got->name && sample[i].name) {
        CHECK_STR(got->name->host, sample[i].name->host);
        CHECK_INT(got->name->port, sample[i].name->port);
    }
}

/* Receive what is there now, and compare it with the samples from `*at` on. @return recv's answer
 */
static int receive(struct gost_packet *p, int *at)
{
    struct gost_batch *b = gost_batch_take();
    int n = gost_packet_recv(p, b);
    for (int i = 0; i < n; i++, (*at)++)
        if (*at < COUNT)
            compare(&b->d[i], *at);
    gost_batch_give(b);
    return n;
}

static void ends(struct gost_packet *end[2], enum gost__udp_framing framing, struct knobs knobs)
{
    struct gost_stream *s[2];
    CHECK_INT(gost_pair_new(16384, &s[0], &s[1]), 0);
    s[0] = net_knobs(s[0], knobs);
    s[1] = net_knobs(s[1], knobs);
    for (int i = 0; i < 2; i++) {
        CHECK_INT(gost__udp_framed_new(&s[i], framing, NULL, &end[i]), 0);
        CHECK(s[i] == NULL);
    }
}

static void exchange(enum gost__udp_framing framing, struct knobs knobs)
{
    struct gost_packet *end[2];
    int sent = 0, got = 0;
    samples_make(framing == GOST__UDP_TUNNEL);
    ends(end, framing, knobs);
    uint64_t until = net_clock() + NET_PATIENCE_MS;
    while (got < COUNT && net_clock() < until) {
        if (sent < COUNT) {
            int n = gost_packet_send(end[0], sample + sent, COUNT - sent);
            CHECK(n > 0 || gost_is_want(n));
            sent += n > 0 ? n : 0;
        } else {
            gost_packet_send(end[0], NULL, 0); /* push out the rest */
        }
        int n = receive(end[1], &got);
        CHECK(n > 0 || gost_is_want(n));
        gost_loop_step(&net_loop, 0);
    }
    CHECK_INT(got, COUNT);
    gost_packet_close(end[0]);
    int n;
    NET_UNTIL(!gost_is_want(n = receive(end[1], &got)));
    CHECK_INT(n, 0); /* the end */
    gost_packet_close(end[1]);
}

NET_TEST(relay_framing)
{
    exchange(GOST__UDP_RELAY, (struct knobs){0});
}

NET_TEST(tunnel_framing)
{
    exchange(GOST__UDP_TUNNEL, (struct knobs){0});
}

NET_TEST(any_split_gives_the_same)
{
    static const size_t sizes[] = {1, 2, 3, 7, 100, 2899, 2907};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        for (size_t k = 0; k < 2; k++)
            for (enum gost__udp_framing f = GOST__UDP_RELAY; f <= GOST__UDP_TUNNEL; f++)
                exchange(f, (struct knobs){.read_max = k ? sizes[i] : 0,
                                           .write_max = k ? 0 : sizes[i],
                                           .false_want = i % 3 == 1 ? 5 : 0});
}

NET_TEST(the_bytes_are_those_of_the_codec)
{
    struct gost_stream *s[2];
    struct gost_packet *p;
    uint8_t bytes[4096], want[4096];
    struct gost_udp_tunnel frame = {.addr = {.host = "10.1.2.3", .port = 53}, .data = {"data", 4}};
    struct gost_datagram d = {
        .data = (uint8_t *)"data", .len = 4, .head = (uint8_t *)"he", .head_len = 2};
    union gost_sockaddr addr;
    CHECK_INT(gost_pair_new(16384, &s[0], &s[1]), 0);
    CHECK_INT(gost__udp_framed_new(&s[0], GOST__UDP_TUNNEL, &frame.addr, &p), 0);
    d.head_len = 0;
    CHECK_INT(gost_packet_send(p, &d, 1), 1);
    size_t n = gost_udp_tunnel_encode(want, sizeof(want), &frame);
    memcpy(want + n, "data", 4);
    CHECK_INT(gost_stream_read(s[1], bytes, sizeof(bytes)), n + 4);
    CHECK(memcmp(bytes, want, n + 4) == 0);
    gost_packet_close(p);
    gost_stream_close(s[1]);
    CHECK_INT(gost_pair_new(16384, &s[0], &s[1]), 0);
    CHECK_INT(gost__udp_framed_new(&s[0], GOST__UDP_RELAY, NULL, &p), 0);
    d.head_len = 2;
    CHECK_INT(gost_packet_send(p, &d, 1), 1);
    CHECK_INT(gost_stream_read(s[1], bytes, sizeof(bytes)), 8);
    CHECK(memcmp(bytes, "\0\6hedata", 8) == 0);
    gost_packet_close(p);
    gost_stream_close(s[1]);
    gost_ip_parse("::ffff:1.2.3.4", 5, &addr);
    d.addr = &addr;
    CHECK_INT(gost__udp_addr_put(bytes, &d), 7);
    CHECK(memcmp(bytes, "\1\1\2\3\4\0\5", 7) == 0);
    struct gost_addr name;
    CHECK_INT(gost__udp_addr_get((uint8_t *)"\4\0\0\0\0\0\0\0\0\0\0\xff\xff\1\2\3\4\0\5", 19, &addr,
                                 &name),
              19);
    CHECK_INT(addr.sa.sa_family, AF_INET);
    CHECK_INT(gost__udp_addr_get((uint8_t *)"\3\7"
                                            "1.2.3.4\0\5",
                                 11, &addr, &name),
              11);
    CHECK_INT(addr.sa.sa_family, AF_INET); /* a literal in the clothes of a name */
}

NET_TEST(a_fixed_target_hides_addresses_and_strangers)
{
    struct gost_stream *s[2];
    struct gost_packet *p, *far;
    struct gost_addr target = {.host = "10.1.2.3", .port = 53};
    union gost_sockaddr good, bad;
    struct gost_batch *b = gost_batch_take();
    gost_ip_parse("10.1.2.3", 53, &good);
    gost_ip_parse("10.1.2.3", 54, &bad);
    CHECK_INT(gost_pair_new(16384, &s[0], &s[1]), 0);
    CHECK_INT(gost__udp_framed_new(&s[0], GOST__UDP_TUNNEL, &target, &p), 0);
    CHECK_INT(gost__udp_framed_new(&s[1], GOST__UDP_TUNNEL, NULL, &far), 0);
    struct gost_datagram d[2] = {{.data = (uint8_t *)"bad", .len = 3, .addr = &bad},
                                 {.data = (uint8_t *)"good", .len = 4, .addr = &good}};
    CHECK_INT(gost_packet_send(far, d, 2), 2);
    CHECK_INT(gost_packet_recv(p, b), 1);
    CHECK_INT(b->d[0].len, 4);
    CHECK(b->d[0].addr == NULL && b->d[0].name == NULL);
    CHECK_INT(p->dropped, 1);
    CHECK_INT(gost_packet_send(far, d, 1), 1);
    CHECK_INT(gost_packet_recv(p, b), GOST_WANT_READ);
    gost_batch_give(b);
    gost_packet_close(p);
    gost_packet_close(far);
}

NET_TEST(a_full_stream_answers_want_and_loses_nothing)
{
    struct gost_packet *end[2];
    uint8_t data[1000] = {0};
    struct gost_datagram d = {.data = data, .len = sizeof(data)};
    int sent = 0, got = 0;
    ends(end, GOST__UDP_RELAY, (struct knobs){0});
    while (sent < 1000 && gost_packet_send(end[0], &d, 1) == 1)
        sent++;
    CHECK(sent >= 15 && sent < 1000);
    CHECK_INT(gost_packet_send(end[0], &d, 1), GOST_WANT_WRITE);
    struct gost_batch *b = gost_batch_take();
    for (int i = 0; i < 100; i++) {
        int n = gost_packet_recv(end[1], b);
        got += n > 0 ? n : 0;
        gost_loop_step(&net_loop, 0);
        gost_packet_send(end[0], NULL, 0);
    }
    CHECK_INT(got, sent);
    gost_batch_give(b);
    gost_packet_close(end[0]);
    gost_packet_close(end[1]);
}

NET_TEST(nonsense_ends_the_stream_with_a_story)
{
    struct gost_stream *s[2];
    struct gost_packet *p;
    struct gost_batch *b = gost_batch_take();
    CHECK_INT(gost_pair_new(16384, &s[0], &s[1]), 0);
    CHECK_INT(gost__udp_framed_new(&s[0], GOST__UDP_TUNNEL, NULL, &p), 0);
    CHECK_INT(gost_stream_write(s[1], "\0\1\xff\1\1\2\3\4\0\5x\0\1\xff\7", 15), 15);
    CHECK_INT(gost_packet_recv(p, b), 1); /* what is good before it */
    CHECK_INT(gost_packet_recv(p, b), GOST_EPROTO);
    CHECK_STR(gost_diag_text(GOST_EPROTO), "udp frame: unknown address type 7");
    gost_batch_give(b);
    gost_packet_close(p);
    gost_stream_close(s[1]);
}

RUN_TESTS()
