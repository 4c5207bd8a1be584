/* Sessions of a UDP listener, forwarded by packet pumps as services do. */
#include "spec/c/udp_support.h"

/* A forwarder: every session is pumped to `target`, unless it is to be held back. */
struct forward {
    struct gost_udp_sessions *u;
    struct udp_echo echo;
    struct udp_tunnel *tunnel[2048];
    struct gost_packet *held[2048];
    int count, held_count;
    bool hold, refuse, once;
    uint64_t idle_ms;
};

static void forward_connect(struct forward *f, struct gost_packet **p)
{
    struct gost_packet *up;
    CHECK_INT(gost_udp_connect(&f->echo.addr, NULL, &up), 0);
    struct udp_tunnel *t = f->tunnel[f->count++] = calloc(1, sizeof(*t));
    gost_packet_pump_start(&t->pump, p, &up, NULL, NULL, f->idle_ms, f->once, udp_tunnel_done);
}

static void on_session_any(struct gost_udp_sessions *u, struct gost_packet **p,
                           const union gost_sockaddr *peer)
{
    (void)peer;
    forward_connect(u->user, p);
}

static void on_session(struct gost_udp_sessions *u, struct gost_packet **p,
                       const union gost_sockaddr *peer)
{
    struct forward *f = u->user;
    CHECK_INT(peer->sa.sa_family, AF_INET);
    if (f->refuse)
        return;
    if (f->hold) {
        f->held[f->held_count++] = *p;
        *p = NULL;
        return;
    }
    forward_connect(f, p);
}

static void forward_start(struct forward *f, const struct gost_udp_limits *limits)
{
    union gost_sockaddr any = net_loopback(0);
    memset(f, 0, sizeof(*f));
    udp_echo_start(&f->echo);
    CHECK_INT(gost_udp_sessions_new(&any, NULL, limits, &f->u), 0);
    f->u->on_session = on_session;
    f->u->user = f;
}

static void forward_stop(struct forward *f)
{
    for (int i = 0; i < f->held_count; i++)
        gost_packet_close(f->held[i]);
    for (int i = 0; i < f->count; i++)
        udp_tunnel_end(f->tunnel[i]);
    CHECK_INT(f->u->count, 0);
    CHECK_INT(f->u->pending, 0);
    CHECK_INT(f->u->table.count, 0);
    gost_udp_sessions_close(f->u);
    udp_echo_stop(&f->echo);
}

NET_TEST(forwards_an_echo_and_keeps_clients_apart)
{
    struct forward f;
    forward_start(&f, &udp_limits);
    int a = udp_client(&f.u->addr), b = udp_client(&f.u->addr);
    UDP_SEND(a, "one");
    UDP_SEND(b, "two");
    UDP_SEND(a, "three");
    UDP_EXPECT(a, "<one>");
    UDP_EXPECT(a, "<three>");
    UDP_EXPECT(b, "<two>");
    CHECK_INT(f.count, 2);
    CHECK_INT(f.tunnel[0]->pump.flow[0].bytes, 8);
    CHECK_INT(f.tunnel[0]->pump.flow[1].bytes, 12);
    CHECK_INT(f.tunnel[0]->pump.flow[0].datagrams, 2);
    forward_stop(&f);
    close(a);
    close(b);
}

NET_TEST(empty_and_huge_datagrams_pass)
{
    static char big[65507], got[65536];
    struct forward f;
    forward_start(&f, &udp_limits);
    int a = udp_client(&f.u->addr);
    net_fill((uint8_t *)big, 0, sizeof(big));
    CHECK_INT(send(a, "", 0, 0), 0);
    UDP_EXPECT(a, "<>");
    CHECK_INT(send(a, big, 65505, 0), 65505); /* the echo is two longer */
    NET_UNTIL(udp_readable(a));
    CHECK_INT(recv(a, got, sizeof(got), 0), 65507);
    CHECK(got[0] == '<' && memcmp(got + 1, big, 65505) == 0);
    forward_stop(&f);
    close(a);
}

NET_TEST(datagrams_over_the_limit_are_dropped_whole)
{
    struct gost_udp_limits limits = udp_limits;
    struct forward f;
    limits.datagram = 4;
    forward_start(&f, &limits);
    int a = udp_client(&f.u->addr);
    UDP_SEND(a, "tolong");
    UDP_SEND(a, "ok");
    UDP_EXPECT(a, "<ok>");
    CHECK_INT(f.u->dropped, 1);
    CHECK_INT(f.echo.count, 1);
    forward_stop(&f);
    close(a);
}

NET_TEST(datagrams_wait_while_the_session_is_being_connected)
{
    struct gost_udp_limits limits = udp_limits;
    struct forward f;
    limits.queue = 3;
    forward_start(&f, &limits);
    f.hold = true;
    int a = udp_client(&f.u->addr);
    for (int i = 0; i < 5; i++)
        CHECK_INT(send(a, "01234" + i, 1, 0), 1);
    NET_UNTIL(f.held_count == 1 && f.u->dropped == 2);
    f.hold = false;
    forward_connect(&f, &f.held[0]);
    UDP_EXPECT(a, "<0>");
    UDP_EXPECT(a, "<1>");
    UDP_EXPECT(a, "<2>");
    UDP_SEND(a, "more");
    UDP_EXPECT(a, "<more>");
    f.held_count = 0;
    forward_stop(&f);
    close(a);
}

NET_TEST(a_session_ends_when_it_is_silent_and_another_begins)
{
    struct forward f;
    forward_start(&f, &udp_limits);
    f.idle_ms = 30;
    int a = udp_client(&f.u->addr);
    UDP_SEND(a, "one");
    UDP_EXPECT(a, "<one>");
    NET_UNTIL(f.tunnel[0]->done);
    CHECK_INT(f.tunnel[0]->rc, GOST_ETIMEDOUT);
    CHECK_INT(f.u->count, 0);
    f.idle_ms = 0;
    UDP_SEND(a, "two");
    UDP_EXPECT(a, "<two>");
    CHECK_INT(f.count, 2);
    forward_stop(&f);
    close(a);
}

NET_TEST(a_session_that_is_used_stays)
{
    struct forward f;
    forward_start(&f, &udp_limits);
    f.idle_ms = 200;
    int a = udp_client(&f.u->addr);
    uint64_t until = net_clock() + 600;
    while (net_clock() < until) {
        UDP_SEND(a, "on");
        UDP_EXPECT(a, "<on>");
        gost_loop_step(&net_loop, 5);
    }
    CHECK_INT(f.count, 1);
    CHECK(!f.tunnel[0]->done);
    forward_stop(&f);
    close(a);
}

NET_TEST(a_refused_session_leaves_nothing)
{
    struct forward f;
    forward_start(&f, &udp_limits);
    f.refuse = true;
    int a = udp_client(&f.u->addr);
    UDP_SEND(a, "no");
    UDP_SEND(a, "no");
    for (int i = 0; i < 20; i++)
        gost_loop_step(&net_loop, 1);
    CHECK_INT(f.u->count, 0);
    f.refuse = false;
    UDP_SEND(a, "yes");
    UDP_EXPECT(a, "<yes>");
    forward_stop(&f);
    close(a);
}

NET_TEST(the_table_is_bounded)
{
    struct gost_udp_limits limits = udp_limits;
    struct forward f;
    int fd[6];
    limits.sessions = 4;
    forward_start(&f, &limits);
    for (int i = 0; i < 6; i++) {
        fd[i] = udp_client(&f.u->addr);
        UDP_SEND(fd[i], "x");
        NET_UNTIL(i < 4 ? udp_readable(fd[i]) : f.u->dropped == (uint64_t)i - 3);
    }
    CHECK_INT(f.count, 4);
    for (int i = 0; i < 4; i++) {
        UDP_EXPECT(fd[i], "<x>");
        UDP_SEND(fd[i], "again"); /* those inside go on */
        UDP_EXPECT(fd[i], "<again>");
    }
    forward_stop(&f);
    for (int i = 0; i < 6; i++)
        close(fd[i]);
}

NET_TEST(answered_sessions_make_room_when_they_may)
{
    struct gost_udp_limits limits = udp_limits;
    struct forward f;
    int fd[40];
    limits.sessions = 4;
    limits.may_replace = true;
    forward_start(&f, &limits);
    for (int i = 0; i < 40; i++) {
        fd[i] = udp_client(&f.u->addr);
        UDP_SEND(fd[i], "x");
        UDP_EXPECT(fd[i], "<x>");
        CHECK(f.u->count <= 5);
    }
    CHECK_INT(f.count, 40);
    forward_stop(&f);
    for (int i = 0; i < 40; i++)
        close(fd[i]);
}

NET_TEST(unanswered_sessions_do_not_make_room)
{
    struct gost_udp_limits limits = udp_limits;
    struct forward f;
    limits.sessions = 2;
    limits.may_replace = true;
    forward_start(&f, &limits);
    f.hold = true;
    int a = udp_client(&f.u->addr), b = udp_client(&f.u->addr), c = udp_client(&f.u->addr);
    UDP_SEND(a, "a");
    UDP_SEND(b, "b");
    NET_UNTIL(f.held_count == 2);
    UDP_SEND(c, "c");
    NET_UNTIL(f.u->dropped == 1);
    CHECK_INT(f.held_count, 2);
    forward_stop(&f);
    close(a);
    close(b);
    close(c);
}

NET_TEST(sessions_being_connected_are_bounded)
{
    struct gost_udp_limits limits = udp_limits;
    struct forward f;
    int fd[20];
    limits.pending = 5;
    forward_start(&f, &limits);
    f.hold = true;
    for (int i = 0; i < 20; i++) { /* as from spoofed sources */
        fd[i] = udp_client(&f.u->addr);
        UDP_SEND(fd[i], "x");
    }
    NET_UNTIL(f.u->dropped == 15);
    CHECK_INT(f.held_count, 5);
    CHECK_INT(f.u->pending, 5);
    f.hold = false;
    forward_connect(&f, &f.held[--f.held_count]);
    CHECK_INT(f.u->pending, 4);
    UDP_SEND(fd[19], "late");
    UDP_EXPECT(fd[19], "<late>");
    forward_stop(&f);
    for (int i = 0; i < 20; i++)
        close(fd[i]);
}

NET_TEST(stateless_datagrams_are_sessions_of_one_answer)
{
    struct gost_udp_limits limits = udp_limits;
    struct forward f;
    limits.stateless = true;
    forward_start(&f, &limits);
    int a = udp_client(&f.u->addr);
    UDP_SEND(a, "one");
    UDP_SEND(a, "two");
    UDP_SEND(a, "three");
    for (int i = 0; i < 3; i++) {
        NET_UNTIL(udp_readable(a));
        char got[16];
        CHECK(recv(a, got, sizeof(got), 0) >= 5);
    }
    CHECK_INT(f.count, 3);
    NET_UNTIL(f.u->count == 0); /* without waiting for silence */
    forward_stop(&f);
    close(a);
}

NET_TEST(once_ends_with_the_last_answer)
{
    struct forward f;
    forward_start(&f, &udp_limits);
    f.once = true;
    int a = udp_client(&f.u->addr);
    UDP_SEND(a, "one");
    UDP_SEND(a, "two");
    UDP_EXPECT(a, "<one>");
    UDP_EXPECT(a, "<two>");
    NET_UNTIL(f.u->count == 0);
    CHECK_INT(f.tunnel[0]->rc, 0);
    forward_stop(&f);
    close(a);
}

NET_TEST(a_thousand_sessions_at_once)
{
    enum { MANY = 1000, ROUNDS = 3 };
    static int fd[MANY];
    struct gost_udp_limits limits = udp_limits;
    struct forward *f = calloc(1, sizeof(*f));
    limits.pending = MANY;
    forward_start(f, &limits);
    for (int i = 0; i < MANY; i++)
        fd[i] = udp_client(&f->u->addr);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < MANY; i++) {
            char text[32];
            snprintf(text, sizeof(text), "%d/%d", i, round);
            UDP_SEND(fd[i], text);
            if (i % 50 == 49)
                gost_loop_step(&net_loop, 0);
        }
        for (int i = 0; i < MANY; i++) {
            char want[32];
            snprintf(want, sizeof(want), "<%d/%d>", i, round);
            UDP_EXPECT(fd[i], want);
        }
    }
    CHECK_INT(f->count, MANY);
    CHECK_INT(f->u->count, MANY);
    CHECK_INT(f->u->dropped, 0);
    forward_stop(f);
    free(f);
    for (int i = 0; i < MANY; i++)
        close(fd[i]);
}

NET_TEST(a_dead_target_does_not_end_the_session)
{
    struct forward f;
    forward_start(&f, &udp_limits);
    int a = udp_client(&f.u->addr);
    union gost_sockaddr addr = f.echo.addr;
    udp_echo_stop(&f.echo);
    UDP_SEND(a, "nobody");
    NET_UNTIL(f.count == 1 && f.tunnel[0]->pump.flow[0].datagrams == 1);
    for (int i = 0; i < 10; i++)
        gost_loop_step(&net_loop, 1); /* "port unreachable" arrives */
    CHECK(!f.tunnel[0]->done);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CHECK_INT(bind(fd, &addr.sa, gost_sockaddr_len(&addr)), 0);
    f.echo.addr = addr;
    CHECK_INT(gost_watch_start_for(&f.echo.watch, fd, GOST_READABLE, udp_echo_ready), 0);
    UDP_SEND(a, "back");
    UDP_EXPECT(a, "<back>");
    CHECK_INT(f.count, 1);
    forward_stop(&f);
    close(a);
}

NET_TEST(when_the_listener_closes_open_questions_are_answered)
{
    struct forward f;
    forward_start(&f, &udp_limits);
    int a = udp_client(&f.u->addr), b = udp_client(&f.u->addr);
    int c = udp_client(&f.u->addr);
    UDP_SEND(a, "one");
    UDP_EXPECT(a, "<one>");
    f.hold = true;
    UDP_SEND(b, "two");
    NET_UNTIL(f.held_count == 1);
    gost_udp_sessions_close(f.u);
    NET_UNTIL(f.tunnel[0]->done); /* it had its answer */
    CHECK_INT(f.tunnel[0]->rc, 0);
    UDP_SEND(c, "too late");
    forward_connect(&f, &f.held[0]);
    UDP_EXPECT(b, "<two>");
    NET_UNTIL(f.tunnel[1]->done); /* and the socket with it */
    CHECK_INT(net_loop.watches, 1);
    CHECK(!udp_readable(c));
    CHECK_INT(f.count, 2);
    free(f.tunnel[0]);
    free(f.tunnel[1]);
    udp_echo_stop(&f.echo);
    close(a);
    close(b);
    close(c);
}

/* A client that hears only the address that it asked, on a host with several. */
static void answers_from(const char *listen, const char *asked)
{
    union gost_sockaddr any, to;
    struct forward f;
    memset(&f, 0, sizeof(f));
    udp_echo_start(&f.echo);
    gost_ip_parse(listen, 0, &any);
    CHECK_INT(gost_udp_sessions_new(&any, NULL, &udp_limits, &f.u), 0);
    f.u->on_session = on_session_any;
    f.u->user = &f;
    gost_ip_parse(asked, gost_sockaddr_port(&f.u->addr), &to);
    int fd = socket(to.sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CHECK_INT(connect(fd, &to.sa, gost_sockaddr_len(&to)), 0);
    UDP_SEND(fd, "one");
    UDP_EXPECT(fd, "<one>");
    for (int i = 0; i < 5; i++)
        UDP_SEND(fd, "many");
    for (int i = 0; i < 5; i++)
        UDP_EXPECT(fd, "<many>");
    forward_stop(&f);
    close(fd);
}

NET_TEST(answers_come_from_the_address_that_was_asked)
{
    answers_from("0.0.0.0", "127.0.0.5");
    answers_from("::", "127.0.0.5");
    answers_from("::", "::1");
}

RUN_TESTS()
