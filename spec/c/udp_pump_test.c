/* The packet pump against scripted ends: blocking, limits, failures, silence. */
#include "spec/c/udp_support.h"

/* An end that gives out numbered datagrams and takes as many as it is told to. */
struct script {
    struct gost_packet base;
    struct gost_waker *waker[2];
    int to_give, given; /* datagrams; each is its number as text */
    int room;           /* how many it takes before it blocks */
    int rc;             /* what recv answers when it has given all; 0: the end */
    int send_rc;        /* what send answers instead of taking; 0: it takes */
    char taken[64][16];
    int taken_count;
    bool closed;
    uint8_t text[GOST_BATCH_MAX][16];
};

static struct script *script_of(struct gost_packet *p)
{
    return gost_container_of(p, struct script, base);
}

static int script_recv(struct gost_packet *p, struct gost_batch *b)
{
    struct script *s = script_of(p);
    int n = 0;
    for (; n < 3 && s->given < s->to_give; n++) {
        int len = snprintf((char *)s->text[n], 16, "%d", s->given++);
        b->d[n] = (struct gost_datagram){.data = s->text[n], .len = (uint32_t)len};
    }
    return n > 0 ? n : s->rc;
}

static int script_send(struct gost_packet *p, const struct gost_datagram *d, int count)
{
    struct script *s = script_of(p);
    if (s->send_rc != 0)
        return s->send_rc;
    int n = count < s->room ? count : s->room;
    for (int i = 0; i < n && s->taken_count < 64; i++)
        snprintf(s->taken[s->taken_count++], 16, "%.*s", (int)d[i].len, (char *)d[i].data);
    s->room -= n;
    return n > 0 ? n : GOST_WANT_WRITE;
}

static void script_set_waker(struct gost_packet *p, enum gost_side side, struct gost_waker *w)
{
    script_of(p)->waker[side] = w;
}

static int script_query(struct gost_packet *p, enum gost_query what, void *out)
{
    (void)p, (void)what, (void)out;
    return GOST_ENOTSUP;
}

static void script_destroy(struct gost_packet *p)
{
    script_of(p)->closed = true;
}

static const struct gost_packet_ops script_ops = {
    .name = "script",
    .recv = script_recv,
    .send = script_send,
    .set_waker = script_set_waker,
    .query = script_query,
    .destroy = script_destroy,
};

static struct script script_make(int to_give, int room)
{
    return (struct script){
        .base.ops = &script_ops, .to_give = to_give, .room = room, .rc = GOST_WANT_READ};
}

/* Did datagrams 0 to n - 1 arrive in order? */
static bool took(const struct script *s, int n)
{
    char want[16];
    if (s->taken_count != n)
        return false;
    for (int i = 0; i < n; i++) {
        snprintf(want, sizeof(want), "%d", i);
        if (strcmp(s->taken[i], want) != 0)
            return false;
    }
    return true;
}

static struct udp_tunnel *start(struct script *a, struct script *b)
{
    struct gost_packet *x = &a->base, *y = &b->base;
    struct udp_tunnel *t = udp_tunnel_start(&x, &y, 0);
    CHECK(x == NULL && y == NULL);
    return t;
}

NET_TEST(moves_both_ways_in_order)
{
    struct script a = script_make(20, 100), b = script_make(30, 100);
    struct udp_tunnel *t = start(&a, &b);
    NET_UNTIL(took(&b, 20) && took(&a, 30));
    CHECK_INT(t->pump.flow[0].datagrams, 20);
    CHECK_INT(t->pump.flow[0].bytes, 10 + 2 * 10);
    udp_tunnel_end(t);
    CHECK(a.closed && b.closed);
}

NET_TEST(a_blocked_end_loses_nothing_and_stops_its_source)
{
    struct script a = script_make(20, 0), b = script_make(0, 4);
    struct udp_tunnel *t = start(&a, &b);
    for (int i = 0; i < 5; i++)
        gost_loop_step(&net_loop, 0);
    CHECK(took(&b, 4));
    CHECK_INT(a.given, 6); /* one batch of three went, of the second two are kept */
    b.room = 1;
    gost_waker_fire(b.waker[GOST_WRITER]);
    CHECK(took(&b, 5));
    CHECK_INT(a.given, 6);
    b.room = 100;
    gost_waker_fire(b.waker[GOST_WRITER]);
    NET_UNTIL(took(&b, 20));
    udp_tunnel_end(t);
}

NET_TEST(the_end_of_one_side_ends_both)
{
    struct script a = script_make(5, 0), b = script_make(0, 100);
    a.rc = 0;
    struct udp_tunnel *t = start(&a, &b);
    NET_UNTIL(t->done);
    CHECK(took(&b, 5));
    CHECK_INT(t->rc, 0);
    CHECK_INT(t->pump.broken, -1);
    CHECK(a.closed && b.closed);
    free(t);
}

NET_TEST(failures_name_their_side)
{
    for (int side = 0; side < 2; side++) {
        struct script a = script_make(1, 9), b = script_make(1, 9);
        (side ? &b : &a)->rc = -EIO;
        struct udp_tunnel *t = start(&a, &b);
        NET_UNTIL(t->done);
        CHECK_INT(t->rc, -EIO);
        CHECK_INT(t->pump.broken, side);
        free(t);
    }
    struct script a = script_make(1, 9), b = script_make(0, 9);
    b.send_rc = -EPIPE;
    struct udp_tunnel *t = start(&a, &b);
    NET_UNTIL(t->done);
    CHECK_INT(t->rc, -EPIPE);
    CHECK_INT(t->pump.broken, 1);
    free(t);
}

/* A limiter that lets so many datagrams pass and says when to ask again. */
struct gate {
    int left;
    uint64_t when; /* for those that have to wait */
    int never;     /* this one never passes; counted from 0 */
    int asked;
};

static bool gate_grant(void *arg, int flow, size_t n, uint64_t *when)
{
    struct gate *g = arg;
    CHECK(flow == 0 && n > 0);
    if (g->asked == g->never) {
        g->asked++;
        *when = GOST_NEVER;
        return false;
    }
    if (g->left == 0) {
        *when = g->when;
        return false;
    }
    g->asked++;
    g->left--;
    return true;
}

NET_TEST(a_limiter_delays_and_drops)
{
    static const struct gost_packet_rules rules = {.grant = gate_grant};
    struct script a = script_make(8, 0), b = script_make(0, 100);
    struct gost_packet *x = &a.base, *y = &b.base;
    struct gate g = {.left = 4, .never = 2};
    struct udp_tunnel *t = calloc(1, sizeof(*t));
    g.when = gost_now() + 20;
    gost_packet_pump_start(&t->pump, &x, &y, &rules, &g, 0, false, udp_tunnel_done);
    for (int i = 0; i < 5; i++)
        gost_loop_step(&net_loop, 0);
    CHECK_INT(b.taken_count, 4);
    CHECK_STR(b.taken[2], "3"); /* "2" is too large for ever */
    CHECK_STR(b.taken[3], "4");
    CHECK_INT(t->pump.flow[0].dropped, 1);
    gost_waker_fire(a.waker[GOST_READER]); /* more to read changes nothing */
    CHECK_INT(b.taken_count, 4);
    g.left = 100;
    NET_UNTIL(b.taken_count == 7);
    CHECK(gost_now() >= g.when);
    CHECK_STR(b.taken[6], "7");
    udp_tunnel_end(t);
}

NET_TEST(silence_ends_it)
{
    struct script a = script_make(1, 9), b = script_make(0, 9);
    struct gost_packet *x = &a.base, *y = &b.base;
    uint64_t begun = gost_now();
    struct udp_tunnel *t = udp_tunnel_start(&x, &y, 30);
    NET_UNTIL(t->done);
    CHECK_INT(t->rc, GOST_ETIMEDOUT);
    CHECK(gost_now() >= begun + 30);
    free(t);
}

/* An end whose answers come from inside of a send to it. */
static int eager_send(struct gost_packet *p, const struct gost_datagram *d, int count)
{
    struct script *s = script_of(p);
    (void)d;
    s->to_give += count;
    s->taken_count += count;
    gost_waker_fire(s->waker[GOST_READER]);
    gost_waker_fire(s->waker[GOST_WRITER]);
    return count;
}

NET_TEST(wakers_may_fire_inside_of_a_send)
{
    struct gost_packet_ops eager = script_ops;
    struct script a = script_make(10, 100), b = script_make(0, 0);
    eager.send = eager_send;
    b.base.ops = &eager;
    struct udp_tunnel *t = start(&a, &b);
    NET_UNTIL(took(&a, 10) && b.taken_count == 10);
    udp_tunnel_end(t);
}

TEST(kept_datagrams_are_whole_copies)
{
    union gost_sockaddr addr;
    struct gost_addr name = {.host = "host.test", .port = 7};
    uint8_t data[3][8] = {"one", "three", "long"};
    int copied;
    gost_ip_parse("10.0.0.1", 53, &addr);
    struct gost_datagram d[4] = {{.data = data[0], .len = 3, .addr = &addr},
                                 {.data = data[1], .len = 5, .name = &name},
                                 {.data = NULL, .len = 0},
                                 {.data = data[2], .len = 4}};
    struct gost_kept *k = gost_kept_new(d, 4, 100000, &copied);
    CHECK_INT(copied, 4);
    memset(data, 0, sizeof(data));
    addr.v4.sin_port = 0;
    name.host[0] = '\0';
    CHECK(k->d[0].len == 3 && memcmp(k->d[0].data, "one", 3) == 0);
    CHECK_INT(gost_sockaddr_port(k->d[0].addr), 53);
    CHECK(k->d[0].name == NULL && k->d[1].addr == NULL);
    CHECK_STR(k->d[1].name->host, "host.test");
    CHECK(memcmp(k->d[1].data, "three", 5) == 0);
    CHECK_INT(k->d[2].len, 0);
    CHECK(memcmp(k->d[3].data, "long", 4) == 0);
    free(k);
    k = gost_kept_new(d, 4, sizeof(*d) + sizeof(addr) + 3, &copied);
    CHECK_INT(copied, 1);
    free(k);
    CHECK(gost_kept_new(d, 4, 3, &copied) == NULL);
    CHECK_INT(copied, 0);
}

RUN_TESTS()
