/* Sockets: connecting, racing, listening, accepting, Unix sockets, lingering, pairs. */
#include "core/net/socket.h"

#include "spec/c/net_support.h"

#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/stat.h>

static uint64_t soon(void)
{
    return gost_now() + NET_PATIENCE_MS;
}

/* An address where nobody listens. */
static union gost_sockaddr dead_addr(const char *ip)
{
    union gost_sockaddr addr;
    close(net_listen(ip, 1, &addr));
    return addr;
}

/* A listener whose backlog is full: connecting to it hangs. */
struct hole {
    int listener, filler[8];
    union gost_sockaddr addr;
};

static void hole_dig(struct hole *h, const char *ip)
{
    h->listener = net_listen(ip, 0, &h->addr);
    for (int i = 0; i < 8; i++) {
        h->filler[i] = socket(h->addr.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        connect(h->filler[i], &h->addr.sa, gost_sockaddr_len(&h->addr));
    }
}

static void hole_fill(struct hole *h)
{
    for (int i = 0; i < 8; i++)
        close(h->filler[i]);
    close(h->listener);
}

/* --- connecting --- */

FIBER_TEST(connects_and_moves_bytes)
{
    union gost_sockaddr addr, seen;
    int listener = net_listen("127.0.0.1", 4, &addr), fd;
    struct gost_stream *s;
    char buf[8];
    CHECK_INT(gost_socket_connect(&addr, NULL, soon(), &s), 0);
    CHECK(gost_stream_is_socket(s));
    CHECK((fd = accept(listener, NULL, NULL)) >= 0);
    CHECK_INT(gost_io_write(s, "hello", 5, soon()), 0);
    CHECK_INT(read(fd, buf, 8), 5);
    CHECK(write(fd, "bye", 3) == 3);
    CHECK_INT(gost_io_read(s, buf, 8, soon()), 3);
    CHECK_INT(gost_stream_query(s, GOST_QUERY_PEER_ADDR, &seen), 0);
    CHECK(gost_sockaddr_equal(&seen, &addr));
    CHECK_INT(gost_stream_query(s, GOST_QUERY_TLS, &seen), GOST_ENOTSUP);
    CHECK_INT(gost_io_shutdown(s, soon()), 0);
    CHECK_INT(read(fd, buf, 8), 0);
    close(fd);
    CHECK_INT(gost_io_read(s, buf, 8, soon()), 0);
    gost_stream_close(s);
    close(listener);
}

FIBER_TEST(refused_connect_says_who)
{
    union gost_sockaddr addr = dead_addr("127.0.0.1");
    char text[GOST_HOSTPORT_MAX], want[400];
    struct gost_stream *s;
    CHECK_INT(gost_socket_connect(&addr, NULL, soon(), &s), -ECONNREFUSED);
    snprintf(want, sizeof(want), "connect %s: connection refused",
             gost_sockaddr_format(&addr, text));
    CHECK_STR(gost_diag_text(-ECONNREFUSED), want);
    CHECK_STR(gost_error_code(-ECONNREFUSED), "refused");
}

FIBER_TEST(connect_gives_up_at_its_deadline)
{
    struct hole hole;
    struct gost_stream *s;
    hole_dig(&hole, "127.0.0.1");
    uint64_t until = gost_now() + 30;
    CHECK_INT(gost_socket_connect(&hole.addr, NULL, until, &s), GOST_ETIMEDOUT);
    CHECK(gost_now() >= until);
    CHECK(strncmp(gost_diag_text(GOST_ETIMEDOUT), "connect 127.0.0.1:", 18) == 0);
    hole_fill(&hole);
}

static struct hole cancel_hole;

static void connect_to_hole(void *arg)
{
    struct gost_stream *s;
    *(int *)arg = gost_socket_connect(&cancel_hole.addr, NULL, GOST_NEVER, &s);
}

FIBER_TEST(connect_can_be_canceled)
{
    int rc = 0;
    hole_dig(&cancel_hole, "127.0.0.1");
    struct gost_fiber *f = gost_fiber_spawn("connect", connect_to_hole, &rc);
    gost_fiber_ref(f);
    gost_fiber_sleep(5);
    CHECK(!f->done);
    gost_fiber_cancel(f);
    CHECK_INT(gost_fiber_join(f, soon()), 0);
    CHECK_INT(rc, GOST_ECANCELED);
    gost_fiber_unref(f);
    hole_fill(&cancel_hole);
}

/* --- racing -------------------------------------------------------------------------------------
 */

FIBER_TEST(race_passes_a_black_hole_after_250_ms)
{
    struct hole hole;
    union gost_sockaddr addr[2], peer;
    struct gost_stream *s = NULL;
    hole_dig(&hole, "127.0.0.1");
    int listener = net_listen("127.0.0.2", 4, &addr[1]);
    addr[0] = hole.addr;
    uint64_t start = gost_now();
    CHECK_INT(gost_socket_race(addr, 2, NULL, soon(), &s), 0);
    CHECK(gost_now() - start >= 250 && gost_now() - start < 1000); /* not the kernel's own retry */
    CHECK_INT(gost_stream_query(s, GOST_QUERY_PEER_ADDR, &peer), 0);
    CHECK(gost_sockaddr_equal(&peer, &addr[1]));
    gost_stream_close(s);
    close(listener);
    hole_fill(&hole);
}

static void nag(void *arg)
{
    while (gost_fiber_sleep(1) == 0)
        gost_fiber_wake(arg);
}

FIBER_TEST(stray_wakeups_do_not_put_the_next_attempt_off)
{
    struct hole hole;
    union gost_sockaddr addr[2];
    struct gost_stream *s = NULL;
    hole_dig(&hole, "127.0.0.1");
    int listener = net_listen("127.0.0.2", 4, &addr[1]);
    addr[0] = hole.addr;
    struct gost_fiber *f = gost_fiber_spawn("nag", nag, gost_fiber_self());
    uint64_t start = gost_now();
    CHECK_INT(gost_socket_race(addr, 2, NULL, soon(), &s), 0);
    CHECK(gost_now() - start < 1000);
    gost_fiber_cancel(f);
    gost_stream_close(s);
    close(listener);
    hole_fill(&hole);
}

FIBER_TEST(race_tries_the_next_at_once_when_one_is_refused)
{
    union gost_sockaddr addr[3] = {dead_addr("127.0.0.1"), dead_addr("127.0.0.2")};
    struct gost_stream *s = NULL;
    int listener = net_listen("127.0.0.3", 4, &addr[2]);
    uint64_t start = gost_now();
    CHECK_INT(gost_socket_race(addr, 3, NULL, soon(), &s), 0);
    CHECK(gost_now() - start < 500); /* twice 250 ms, if it had waited */
    gost_stream_close(s);
    close(listener);
}

FIBER_TEST(race_tells_of_the_first_failure_with_its_address)
{
    struct hole hole;
    union gost_sockaddr addr[3];
    struct gost_stream *s;
    char text[GOST_HOSTPORT_MAX], want[400];
    addr[0] = dead_addr("127.0.0.3");
    addr[1] = dead_addr("127.0.0.2");
    CHECK_INT(gost_socket_race(addr, 2, NULL, soon(), &s), -ECONNREFUSED);
    snprintf(want, sizeof(want), "connect %s: connection refused",
             gost_sockaddr_format(&addr[0], text));
    CHECK_STR(gost_diag_text(-ECONNREFUSED), want);
    hole_dig(&hole, "127.0.0.1");
    addr[0] = hole.addr;
    CHECK_INT(gost_socket_race(addr, 1, NULL, gost_now() + 5, &s), GOST_ETIMEDOUT);
    hole_fill(&hole);
    CHECK_INT(gost_socket_race(addr, 0, NULL, soon(), &s), GOST_EDNS);
}

FIBER_TEST(missing_family_tells_less_than_a_refusal)
{
    union gost_sockaddr addr[2];
    struct gost_stream *s;
    gost_ip_parse("ff02::1", 1, &addr[0]); /* no TCP to a multicast address */
    addr[1] = dead_addr("127.0.0.1");
    CHECK_INT(gost_socket_race(addr, 2, NULL, soon(), &s), -ECONNREFUSED);
    CHECK(strncmp(gost_diag_text(-ECONNREFUSED), "connect 127.0.0.1:", 18) == 0);
}

FIBER_TEST(outgoing_interface)
{
    union gost_sockaddr addr, local;
    struct gost_socket_options o = {.interface = "127.0.0.9"};
    struct gost_stream *s;
    char text[GOST_HOSTPORT_MAX];
    int listener = net_listen("127.0.0.1", 4, &addr);
    CHECK_INT(gost_socket_connect(&addr, &o, soon(), &s), 0);
    gost_stream_query(s, GOST_QUERY_LOCAL_ADDR, &local);
    CHECK_STR(gost_sockaddr_host(&local, text), "127.0.0.9");
    gost_stream_close(s);
    o.interface = "lo";
    CHECK_INT(gost_socket_connect(&addr, &o, soon(), &s), 0);
    gost_stream_close(s);
    o.interface = "::1,nosuch0,127.0.0.8";
    CHECK_INT(gost_socket_connect(&addr, &o, soon(), &s), 0);
    gost_stream_query(s, GOST_QUERY_LOCAL_ADDR, &local);
    CHECK_STR(gost_sockaddr_host(&local, text), "127.0.0.8");
    gost_stream_close(s);
    o.interface = "nosuch0!,127.0.0.8";
    CHECK_INT(gost_socket_connect(&addr, &o, soon(), &s), -ENODEV);
    CHECK(strstr(gost_diag_text(-ENODEV), "interface nosuch0: no such device"));
    close(listener);
}

/* --- listening -----------------------------------------------------------------------------------
 */

static int accepted[64], accepts;
static union gost_sockaddr last_peer;

static void on_accept(struct gost_acceptor *a, int fd, const union gost_sockaddr *peer)
{
    (void)a;
    last_peer = *peer;
    CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
    if (accepts < 64)
        accepted[accepts] = fd;
    accepts++;
}

static void drop_accepted(void)
{
    for (int i = 0; i < accepts && i < 64; i++)
        close(accepted[i]);
    accepts = 0;
}

static int dial_plain(const union gost_sockaddr *addr)
{
    int fd = socket(addr->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_INT(connect(fd, &addr->sa, gost_sockaddr_len(addr)), 0);
    return fd;
}

NET_TEST(acceptor_takes_all_that_come)
{
    struct gost_acceptor a = {.on_accept = on_accept};
    union gost_sockaddr any = net_loopback(0);
    int fd[20];
    CHECK_INT(gost_acceptor_listen(&a, &any, NULL, 64), 0);
    CHECK(gost_sockaddr_port(&a.addr) != 0);
    for (int i = 0; i < 20; i++)
        fd[i] = dial_plain(&a.addr);
    NET_UNTIL(accepts == 20);
    CHECK_INT(last_peer.sa.sa_family, AF_INET);
    for (int i = 0; i < 20; i++)
        close(fd[i]);
    drop_accepted();
    gost_acceptor_close(&a);
    gost_acceptor_close(&a); /* twice is fine */
}

NET_TEST(busy_address_is_told)
{
    struct gost_acceptor a = {.on_accept = on_accept}, b = a;
    union gost_sockaddr any = net_loopback(0);
    CHECK_INT(gost_acceptor_listen(&a, &any, NULL, 4), 0);
    CHECK_INT(gost_acceptor_listen(&b, &a.addr, NULL, 4), -EADDRINUSE);
    CHECK(strncmp(gost_diag_text(-EADDRINUSE), "listen on 127.0.0.1:", 20) == 0);
    gost_acceptor_close(&b); /* harmless */
    gost_acceptor_close(&a);
}

NET_TEST(workers_share_a_port)
{
    struct gost_acceptor a = {.on_accept = on_accept}, b = a;
    struct gost_socket_options o = {.reuseport = true};
    union gost_sockaddr any = net_loopback(0);
    CHECK_INT(gost_acceptor_listen(&a, &any, &o, 4), 0);
    CHECK_INT(gost_acceptor_listen(&b, &a.addr, &o, 4), 0);
    gost_acceptor_close(&a);
    gost_acceptor_close(&b);
}

NET_TEST(what_does_not_listen_is_not_adopted)
{
    struct gost_acceptor a = {.on_accept = on_accept};
    int fd[2];
    net_tcp_pair(fd);
    CHECK_INT(gost_acceptor_adopt(&a, fd[0]), -EINVAL);
    close(fd[1]);
}

NET_TEST(acceptor_lives_through_a_lack_of_descriptors)
{
    struct gost_acceptor a = {.on_accept = on_accept};
    union gost_sockaddr any = net_loopback(0);
    struct rlimit old, low;
    int fd[4];
    gost_log_default.level = GOST_LOG_OFF;
    CHECK_INT(gost_acceptor_listen(&a, &any, NULL, 64), 0);
    for (int i = 0; i < 3; i++)
        fd[i] = dial_plain(&a.addr);
    getrlimit(RLIMIT_NOFILE, &old);
    low = old;
    low.rlim_cur = (rlim_t)fd[2] + 2; /* one more descriptor */
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &low), 0);
    NET_UNTIL(a.refused > 0);
    CHECK_INT(accepts, 1);
    char byte;
    CHECK(read(fd[1], &byte, 1) <= 0); /* turned away, not left hanging */
    CHECK_INT(setrlimit(RLIMIT_NOFILE, &old), 0);
    fd[3] = dial_plain(&a.addr);
    NET_UNTIL(accepts == 3); /* the third waited, the fourth is welcome again */
    for (int i = 0; i < 4; i++)
        close(fd[i]);
    drop_accepted();
    gost_acceptor_close(&a);
    gost_log_default.level = GOST_LOG_INFO;
}

/* --- Unix sockets --- */

static union gost_sockaddr unix_addr(const char *path)
{
    union gost_sockaddr a;
    memset(&a, 0, sizeof(a));
    a.un.sun_family = AF_UNIX;
    memcpy(a.un.sun_path, path, strlen(path));
    return a;
}

static char dir[] = "/tmp/gost-socket-XXXXXX";

static const char *in_dir(const char *name)
{
    static char path[100];
    if (strchr(dir, 'X'))
        CHECK(mkdtemp(dir) != NULL);
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

static void unix_client(void *arg)
{
    struct gost_stream *s;
    char buf[4];
    CHECK_INT(gost_socket_connect(arg, NULL, soon(), &s), 0);
    CHECK_INT(gost_io_read(s, buf, 4, soon()), 0);
    gost_stream_close(s);
}

NET_TEST(unix_sockets_and_their_stale_files)
{
    struct gost_acceptor a = {.on_accept = on_accept}, b = a;
    union gost_sockaddr addr = unix_addr(in_dir("s"));
    CHECK_INT(gost_acceptor_listen(&a, &addr, NULL, 4), 0);
    CHECK_INT(gost_acceptor_listen(&b, &addr, NULL, 4), -EADDRINUSE); /* the first one lives */
    gost_fiber_spawn("client", unix_client, &addr);
    NET_UNTIL(accepts == 2); /* the other one looked whether anybody lives here */
    CHECK_INT(last_peer.sa.sa_family, AF_UNIX);
    CHECK_STR(gost_sockaddr_format(&last_peer, (char[GOST_HOSTPORT_MAX]){0}), "@");
    drop_accepted();
    NET_UNTIL(gost_fiber_count() == 0);
    gost_acceptor_close(&a);
    CHECK_INT(access(addr.un.sun_path, F_OK), 0); /* left behind, as by a crash */
    CHECK_INT(gost_acceptor_listen(&a, &addr, NULL, 4), 0);
    gost_acceptor_close(&a);
    unlink(addr.un.sun_path);
}

NET_TEST(file_that_is_no_socket_is_not_removed)
{
    struct gost_acceptor a = {.on_accept = on_accept};
    union gost_sockaddr addr = unix_addr(in_dir("file"));
    close(open(addr.un.sun_path, O_CREAT | O_WRONLY, 0600));
    CHECK_INT(gost_acceptor_listen(&a, &addr, NULL, 4), -EADDRINUSE);
    CHECK_INT(access(addr.un.sun_path, F_OK), 0);
    unlink(addr.un.sun_path);
}

NET_TEST(living_unix_socket_with_a_full_backlog_is_left_alone)
{
    union gost_sockaddr addr = unix_addr(in_dir("full"));
    struct gost_acceptor a = {.on_accept = on_accept};
    int fd[3], listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_INT(bind(listener, &addr.sa, gost_sockaddr_len(&addr)), 0);
    CHECK_INT(listen(listener, 0), 0);
    for (int i = 0; i < 3; i++) {
        fd[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        connect(fd[i], &addr.sa, gost_sockaddr_len(&addr));
    }
    CHECK_INT(gost_acceptor_listen(&a, &addr, NULL, 4), -EADDRINUSE); /* and does not hang */
    for (int i = 0; i < 3; i++)
        close(fd[i]);
    close(listener);
    unlink(addr.un.sun_path);
    rmdir(dir);
}

NET_TEST(abstract_unix_sockets)
{
    struct gost_acceptor a = {.on_accept = on_accept};
    union gost_sockaddr addr = unix_addr("");
    snprintf(addr.un.sun_path + 1, 60, "gost-test-%d", getpid());
    CHECK_INT(gost_acceptor_listen(&a, &addr, NULL, 4), 0);
    gost_fiber_spawn("client", unix_client, &addr);
    NET_UNTIL(accepts == 1);
    drop_accepted();
    NET_UNTIL(gost_fiber_count() == 0);
    gost_acceptor_close(&a);
}

/* --- the stream --- */

FIBER_TEST(socket_moves_out_of_its_stream)
{
    int fd[2];
    struct gost_stream *s;
    net_tcp_pair(fd);
    CHECK_INT(gost_socket_wrap(fd[0], &s), 0);
    CHECK_INT(gost_stream_unread(s, "x", 1), 0);
    CHECK_INT(gost_socket_unwrap(s), fd[0]);
    CHECK(write(fd[0], "y", 1) == 1);
    close(fd[0]);
    close(fd[1]);
}

FIBER_TEST(reset_is_seen_by_the_peer)
{
    int fd[2];
    char byte;
    struct gost_stream *s;
    net_tcp_pair(fd);
    CHECK_INT(gost_socket_wrap(fd[0], &s), 0);
    gost_stream_reset(net_knobs(s, (struct knobs){0}));
    CHECK(read(fd[1], &byte, 1) < 0 && errno == ECONNRESET);
    close(fd[1]);
    gost_stream_reset(NULL);
    gost_stream_close(NULL);
}

FIBER_TEST(peers_reset_is_a_code)
{
    int fd[2];
    char byte;
    struct gost_stream *s;
    net_tcp_pair(fd);
    CHECK_INT(gost_socket_wrap(fd[0], &s), 0);
    net_reset(fd[1]);
    CHECK_INT(gost_io_read(s, &byte, 1, soon()), -ECONNRESET);
    CHECK_STR(gost_diag_text(-ECONNRESET), "read: connection reset by peer");
    CHECK_INT(gost_io_write(s, "x", 1, soon()), -EPIPE);
    gost_stream_close(s);
}

/* --- lingering --- */

/* A reply on its way while the client's bytes lie unread. */
static struct gost_stream *reply_with_unread(int fd[2])
{
    struct gost_stream *s;
    net_tcp_pair(fd);
    CHECK(write(fd[1], "unread", 6) == 6);
    CHECK_INT(gost_socket_wrap(fd[0], &s), 0);
    CHECK_INT(gost_io_write(s, "sorry", 5, soon()), 0);
    return s;
}

FIBER_TEST(plain_close_with_unread_bytes_resets)
{
    int fd[2];
    char buf[16];
    gost_stream_close(reply_with_unread(fd));
    ssize_t first = read(fd[1], buf, sizeof(buf)), then = read(fd[1], buf, sizeof(buf));
    CHECK(first < 0 || then < 0); /* what the reaper is there for */
    close(fd[1]);
}

FIBER_TEST(lingering_close_delivers_the_reply)
{
    for (int layered = 0; layered < 3; layered++) {
        int fd[2];
        char buf[16];
        struct gost_stream *s = reply_with_unread(fd);
        if (layered == 1)
            s = net_knobs(s, (struct knobs){.false_want = 2, .read_max = 1});
        if (layered == 2)
            s = net_knobs(s, (struct knobs){.no_half_close = true});
        gost_stream_linger(&s);
        CHECK(s == NULL);
        CHECK_INT(gost_linger_count(), 1);
        gost_fiber_sleep(2);
        CHECK_INT(read(fd[1], buf, sizeof(buf)), 5);
        NET_AWAIT(read(fd[1], buf, sizeof(buf)) == 0);
        CHECK(write(fd[1], "more", 4) == 4); /* still discarded */
        gost_fiber_sleep(2);
        CHECK_INT(gost_linger_count(), 1);
        CHECK_INT(read(fd[1], buf, sizeof(buf)), 0);
        close(fd[1]);
        NET_AWAIT(gost_linger_count() == 0);
        CHECK_INT(net_loop.watches, 0);
    }
}

FIBER_TEST(lingering_flushes_what_a_layer_holds)
{
    int fd[2];
    char buf[16];
    struct gost_stream *s;
    net_tcp_pair(fd);
    CHECK_INT(gost_socket_wrap(fd[0], &s), 0);
    s = net_knobs(s, (struct knobs){.hold = 100});
    CHECK_INT(gost_stream_write(s, "held", 4), 4);
    gost_stream_linger(&s);
    NET_AWAIT(read(fd[1], buf, sizeof(buf)) == 4);
    close(fd[1]);
}

FIBER_TEST(lingering_has_an_end)
{
    int fd[2];
    struct gost_stream *s = reply_with_unread(fd);
    uint64_t start = gost_now();
    gost_stream_linger(&s);
    NET_AWAIT(gost_linger_count() == 0); /* the peer never ends */
    CHECK(gost_now() - start >= GOST_LINGER_MS);
    close(fd[1]);
}

FIBER_TEST(lingering_reads_no_more_than_its_limit)
{
    int fd[2];
    char chunk[4096] = {0};
    struct gost_stream *s = reply_with_unread(fd);
    uint64_t start = gost_now();
    gost_stream_linger(&s);
    NET_AWAIT(write(fd[1], chunk, sizeof(chunk)) < 0 && gost_linger_count() == 0);
    CHECK(gost_now() - start < GOST_LINGER_MS);
    close(fd[1]);
}

FIBER_TEST(lingering_streams_are_bounded_and_can_be_ended)
{
    static struct gost_stream *keep[GOST_LINGER_MAX + 5];
    struct gost_stream *a, *b;
    for (int i = 0; i < GOST_LINGER_MAX + 5; i++) {
        gost_pair_new(10, &a, &b);
        gost_stream_linger(&a);
        keep[i] = b;
    }
    CHECK_INT(gost_linger_count(), GOST_LINGER_MAX);
    gost_linger_cleanup();
    CHECK_INT(gost_linger_count(), 0);
    for (int i = 0; i < GOST_LINGER_MAX + 5; i++)
        gost_stream_close(keep[i]);
    struct gost_stream *none = NULL;
    gost_stream_linger(&none);
    gost_stream_linger_bare(&none);
}

/* --- pairs --- */

static void echo(void *arg)
{
    struct gost_stream *s = arg;
    char buf[7];
    ssize_t n;
    while ((n = gost_io_read(s, buf, sizeof(buf), GOST_NEVER)) > 0)
        CHECK_INT(gost_io_write(s, buf, (size_t)n, GOST_NEVER), 0);
    CHECK_INT(n, 0);
    CHECK_INT(gost_io_shutdown(s, GOST_NEVER), 0);
    gost_stream_close(s);
}

FIBER_TEST(pair_carries_bytes_with_back_pressure_and_half_close)
{
    struct gost_stream *a, *b;
    uint8_t out[5], in[5];
    CHECK_INT(gost_pair_new(10, &a, &b), 0);
    CHECK_INT(gost_stream_write(a, "0123456789ab", 12), 10);
    CHECK_INT(gost_stream_write(a, "x", 1), GOST_WANT_WRITE);
    CHECK_INT(gost_stream_read(a, in, 1), GOST_WANT_READ);
    CHECK_INT(gost_io_read_exact(b, in, 5, soon()), 0);
    CHECK_INT(gost_io_read_exact(b, in, 5, soon()), 0);
    gost_fiber_spawn("echo", echo, b);
    for (uint64_t at = 0; at < 5000; at += 5) {
        net_fill(out, at, 5);
        CHECK_INT(gost_io_write(a, out, 5, soon()), 0);
        CHECK_INT(gost_io_read_exact(a, in, 5, soon()), 0);
        CHECK(memcmp(in, out, 5) == 0);
    }
    CHECK_INT(gost_io_shutdown(a, soon()), 0);
    CHECK_INT(gost_stream_write(a, "x", 1), -EPIPE);
    CHECK_INT(gost_io_read(a, in, 5, soon()), 0);
    gost_stream_close(a);
}

FIBER_TEST(closed_pair_delivers_what_was_written)
{
    struct gost_stream *a, *b;
    char buf[8];
    CHECK_INT(gost_pair_new(10, &a, &b), 0);
    CHECK_INT(gost_io_write(a, "last", 4, soon()), 0);
    gost_stream_close(a);
    CHECK_INT(gost_io_write(b, "x", 1, soon()), -EPIPE);
    CHECK_INT(gost_io_read(b, buf, 8, soon()), 4);
    CHECK_INT(gost_io_read(b, buf, 8, soon()), 0);
    gost_stream_close(b);
}

RUN_TESTS()
