/* Name lookup against a name server of our own. */
#include "core/net/resolve.h"

#include "core/net/resolve_cache.h"
#include "spec/c/net_support.h"

#include <arpa/inet.h>
#include <strings.h>
#include <sys/stat.h>

static uint64_t soon(void)
{
    return gost_now() + NET_PATIENCE_MS;
}

/* --- the server --- */

enum { A = 1, CNAME = 5, AAAA = 28 };
enum { NXDOMAIN = 3, SERVFAIL = 2, REFUSED = 5 };

/* What it knows: records of a name. */
struct record {
    const char *name;
    int type; /* 0: `data` is an RCODE for everything */
    const char *data;
    int ttl;
    int delay_ms; /* -1: no answer at all */
};

static const struct record zone[] = {
    {"four.test", A, "127.0.0.1", 60},
    {"six.test", AAAA, "::1", 60},
    {"both.test", A, "127.0.0.1", 60},
    {"both.test", A, "127.0.0.2", 60},
    {"both.test", AAAA, "::1", 60},
    {"both.test", AAAA, "::2", 60},
    {"brief.test", A, "127.0.0.1", 1},
    {"never-kept.test", A, "127.0.0.1", 0},
    {"alias.test", CNAME, "four.test", 1},
    {"nosuch.test", 0, "3", 0},
    {"broken.test", 0, "2", 0},
    {"refused.test", 0, "5", 0},
    {"mute.test", A, "127.0.0.1", 60, -1},
    {"mute.test", AAAA, "::1", 60, -1},
    {"half-mute.test", A, "127.0.0.1", 60},
    {"half-mute.test", AAAA, "::1", 60, -1},
    {"slow-six.test", A, "127.0.0.1", 60},
    {"slow-six.test", AAAA, "::1", 60, 20},
    {"late-six.test", A, "127.0.0.1", 60},
    {"late-six.test", AAAA, "::1", 60, 200},
    {"slow.test", A, "127.0.0.1", 60, 30},
    {"slow.test", AAAA, "::1", 60, 30},
    {"half-broken.test", A, "127.0.0.1", 60},
    {"half-broken.test", AAAA, "2", 60}, /* an RCODE for this type */
    {"big.test", A, "127.0.0.1", 60},
    {"switch.test", A, "127.0.0.1", 60},
};
enum { RECORDS = sizeof(zone) / sizeof(zone[0]) };

struct server {
    struct gost_watch udp;
    struct gost_acceptor tcp;
    char addr[GOST_HOSTPORT_MAX]; /* "127.0.0.1:1234" */
    uint16_t port;
    int queries, tcp_queries; /* that came */
    int rcode;                /* answers this to everything, if not 0 */
    bool mute;
    const char *instead; /* the address in all A records */
};

static size_t put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
    return 2;
}

static size_t put_name(uint8_t *p, const char *name)
{
    uint8_t *start = p;
    while (*name) {
        size_t n = strcspn(name, ".");
        *p++ = (uint8_t)n;
        memcpy(p, name, n);
        p += n;
        name += n + (name[n] == '.');
    }
    *p++ = 0;
    return (size_t)(p - start);
}

/* The question's name as text. @return bytes of the question, type and class included */
static size_t get_question(const uint8_t *q, char *name, int *type)
{
    const uint8_t *p = q + 12;
    size_t n = 0;
    while (*p) {
        memcpy(name + n, p + 1, *p);
        n += *p;
        name[n++] = '.';
        p += *p + 1;
    }
    name[n ? n - 1 : 0] = '\0';
    *type = p[1] << 8 | p[2];
    return (size_t)(p + 5 - (q + 12));
}

static size_t put_record(uint8_t *out, const struct record *r, const char *data)
{
    uint8_t *p = out;
    p += put16(p, 0xc00c);
    p += put16(p, (unsigned)r->type);
    p += put16(p, 1);
    p += put16(p, 0);
    p += put16(p, (unsigned)r->ttl);
    if (r->type == CNAME) {
        uint8_t *len = p;
        p += 2;
        put16(len, (unsigned)put_name(p, data));
        p += len[1];
    } else {
        size_t n = r->type == A ? 4 : 16;
        p += put16(p, (unsigned)n);
        CHECK_INT(inet_pton(r->type == A ? AF_INET : AF_INET6, data, p), 1);
        p += n;
    }
    return (size_t)(p - out);
}

/* @return bytes of the answer, or 0 for none; *delay_ms: when */
static size_t answer(struct server *s, const uint8_t *q, uint8_t *out, bool tcp, int *delay_ms)
{
    char name[256];
    int type, rcode = s->rcode, count = 0;
    size_t n = 12 + get_question(q, name, &type);
    const char *of = name;
    bool known = false, truncated = !tcp && strcasecmp(name, "big.test") == 0;
    memcpy(out, q, n);
    *delay_ms = 0;
    for (int i = 0; i < RECORDS; i++) {
        const struct record *r = &zone[i];
        if (strcasecmp(r->name, of) != 0)
            continue;
        known = true;
        if (r->type == type && r->delay_ms)
            *delay_ms = r->delay_ms;
        if (r->type == 0 || (r->type == type && strlen(r->data) == 1))
            rcode = r->data[0] - '0';
        else if (!rcode && !truncated && (r->type == type || r->type == CNAME))
            n += put_record(out + n, r, r->type == A && s->instead ? s->instead : r->data), count++;
    }
    if (!known && !rcode)
        rcode = NXDOMAIN;
    put16(out + 2, 0x8180u | (truncated ? 0x0200u : 0) | (unsigned)rcode);
    put16(out + 6, (unsigned)count);
    put16(out + 8, 0);
    put16(out + 10, 0);
    return s->mute || *delay_ms < 0 ? 0 : n;
}

struct late {
    struct gost_timer timer;
    struct server *server;
    union gost_sockaddr to;
    size_t n;
    uint8_t bytes[512];
};

static void send_late(struct gost_timer *t)
{
    struct late *l = gost_container_of(t, struct late, timer);
    if (l->server->udp.fd >= 0)
        sendto(l->server->udp.fd, l->bytes, l->n, 0, &l->to.sa, gost_sockaddr_len(&l->to));
    free(l);
}

static void on_udp(struct gost_watch *w, uint8_t fresh)
{
    struct server *s = gost_container_of(w, struct server, udp);
    uint8_t q[512], out[512];
    union gost_sockaddr from;
    socklen_t len = sizeof(from);
    int delay_ms;
    (void)fresh;
    while (recvfrom(w->fd, q, sizeof(q), 0, &from.sa, &len) > 12) {
        size_t n = answer(s, q, out, false, &delay_ms);
        s->queries++;
        if (n > 0 && delay_ms > 0) {
            struct late *l = malloc(sizeof(*l));
            *l = (struct late){.server = s, .to = from, .n = n};
            memcpy(l->bytes, out, n);
            gost_timer_create(&l->timer, send_late);
            gost_timer_start(&l->timer, gost_now() + (uint64_t)delay_ms);
        } else if (n > 0) {
            sendto(w->fd, out, n, 0, &from.sa, len);
        }
        len = sizeof(from);
    }
}

struct tcp_client {
    struct server *server;
    int fd;
};

/* Length and message, in two pieces, to be awkward. */
static void serve_tcp(void *arg)
{
    struct tcp_client c = *(struct tcp_client *)arg;
    struct gost_stream *s;
    uint8_t len[2], q[512], out[514];
    int delay_ms;
    free(arg);
    if (gost_socket_wrap(c.fd, &s) != 0)
        return;
    while (gost_io_read_exact(s, len, 2, GOST_NEVER) == 0 &&
           gost_io_read_exact(s, q, (size_t)(len[0] << 8 | len[1]), GOST_NEVER) == 0) {
        size_t n = answer(c.server, q, out + 2, true, &delay_ms);
        c.server->tcp_queries++;
        if (n == 0)
            continue;
        put16(out, (unsigned)n);
        gost_io_write(s, out, 1, GOST_NEVER);
        gost_fiber_sleep(1);
        gost_io_write(s, out + 1, n + 1, GOST_NEVER);
    }
    gost_stream_close(s);
}

static void on_tcp(struct gost_acceptor *a, int fd, const union gost_sockaddr *peer)
{
    struct tcp_client *c = malloc(sizeof(*c));
    (void)peer;
    *c = (struct tcp_client){.server = a->user, .fd = fd};
    gost_fiber_spawn("dns over tcp", serve_tcp, c);
}

static void server_start(struct server *s)
{
    memset(s, 0, sizeof(*s));
    for (int attempt = 0;; attempt++) { /* the same port in UDP and TCP */
        union gost_sockaddr any = net_loopback(0);
        s->tcp.on_accept = on_tcp;
        s->tcp.user = s;
        CHECK_INT(gost_acceptor_listen(&s->tcp, &any, NULL, 16), 0);
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (bind(fd, &s->tcp.addr.sa, sizeof(s->tcp.addr.v4)) == 0) {
            CHECK_INT(gost_watch_start(&s->udp, fd, on_udp), 0);
            break;
        }
        close(fd);
        gost_acceptor_close(&s->tcp);
        if (attempt == 100)
            abort();
    }
    s->port = gost_sockaddr_port(&s->tcp.addr);
    gost_sockaddr_format(&s->tcp.addr, s->addr);
}

static void server_stop(struct server *s)
{
    gost_watch_stop(&s->udp, true);
    gost_acceptor_close(&s->tcp);
}

/* --- asking --- */

static struct gost_resolver *resolver(const struct server *s, struct gost_nameserver conf)
{
    struct gost_resolver *r = NULL;
    conf.addr = s->addr;
    CHECK_INT(gost_resolver_new(&conf, 1, &r), 0);
    return r;
}

/* The addresses as text, "127.0.0.1:80 [::1]:80", or the story. Static. */
static const char *lookup(struct gost_resolver *r, const char *host, enum gost_family family)
{
    static char text[1000];
    struct gost_addrs addrs;
    char one[GOST_HOSTPORT_MAX];
    int rc = gost_resolver_lookup(r, host, 80, family, soon(), &addrs);
    if (rc != 0) {
        CHECK(addrs.count == 0 && addrs.addr == NULL);
        snprintf(text, sizeof(text), "%s: %s", gost_error_code(rc), gost_diag_text(rc));
        return text;
    }
    text[0] = '\0';
    for (size_t i = 0; i < addrs.count; i++) {
        strcat(text, i ? " " : "");
        strcat(text, gost_sockaddr_format(&addrs.addr[i], one));
    }
    strcat(text, addrs.partial ? " …" : "");
    gost_addrs_destroy(&addrs);
    return text;
}

FIBER_TEST(literals_and_localhost_ask_nobody)
{
    struct server s;
    server_start(&s);
    struct gost_resolver *r = resolver(&s, (struct gost_nameserver){0});
    CHECK_STR(lookup(r, "10.1.2.3", GOST_FAMILY_ANY), "10.1.2.3:80");
    CHECK_STR(lookup(r, "2001:db8::5", GOST_FAMILY_ANY), "[2001:db8::5]:80");
    CHECK_STR(lookup(r, "10.1.2.3", GOST_FAMILY_V6),
              "dns: lookup 10.1.2.3: not an address of the wanted family");
    CHECK_STR(lookup(NULL, "localhost", GOST_FAMILY_ANY), "[::1]:80 127.0.0.1:80");
    CHECK_STR(lookup(r, "LocalHost.", GOST_FAMILY_V4), "127.0.0.1:80");
    CHECK_STR(lookup(r, "db.localhost", GOST_FAMILY_V6), "[::1]:80");
    CHECK_STR(lookup(r, "notlocalhost", GOST_FAMILY_V6), "dns: lookup notlocalhost: no such host");
    CHECK_INT(s.queries, 1);
    gost_resolver_unref(r);
    server_stop(&s);
}

FIBER_TEST(addresses_of_both_families_take_turns)
{
    struct server s;
    server_start(&s);
    struct gost_resolver *r = resolver(&s, (struct gost_nameserver){0});
    CHECK_STR(lookup(r, "both.test", GOST_FAMILY_ANY),
              "127.0.0.1:80 [::1]:80 127.0.0.2:80 [::2]:80");
    CHECK_STR(lookup(r, "both.test", GOST_FAMILY_V6), "[::1]:80 [::2]:80");
    CHECK_STR(lookup(r, "four.test", GOST_FAMILY_ANY), "127.0.0.1:80");
    CHECK_STR(lookup(r, "six.test.", GOST_FAMILY_ANY), "[::1]:80");
    CHECK_STR(lookup(r, "alias.test", GOST_FAMILY_V4), "dns: lookup alias.test: no such host");
    gost_resolver_unref(r);
    r = resolver(&s, (struct gost_nameserver){.prefer = GOST_FAMILY_V6});
    CHECK_STR(lookup(r, "both.test", GOST_FAMILY_ANY),
              "[::1]:80 127.0.0.1:80 [::2]:80 127.0.0.2:80");
    gost_resolver_unref(r);
    server_stop(&s);
}

FIBER_TEST(server_may_be_asked_for_one_family_only)
{
    struct server s;
    server_start(&s);
    struct gost_resolver *r = resolver(&s, (struct gost_nameserver){.only = GOST_FAMILY_V4});
    CHECK_STR(lookup(r, "both.test", GOST_FAMILY_ANY), "127.0.0.1:80 127.0.0.2:80");
    CHECK_INT(s.queries, 1);
    CHECK_STR(lookup(r, "both.test", GOST_FAMILY_V6), "dns: lookup both.test: no such host");
    CHECK_INT(s.queries, 1);
    gost_resolver_unref(r);
    server_stop(&s);
}

FIBER_TEST(failures_have_a_story)
{
    struct server s;
    server_start(&s);
    struct gost_resolver *r = resolver(&s, (struct gost_nameserver){.timeout_ms = 60});
    CHECK_STR(lookup(r, "nosuch.test", GOST_FAMILY_ANY), "dns: lookup nosuch.test: no such host");
    CHECK_STR(lookup(r, "broken.test", GOST_FAMILY_ANY), "dns: lookup broken.test: server failure");
    CHECK_STR(lookup(r, "refused.test", GOST_FAMILY_ANY),
              "dns: lookup refused.test: query refused");
    CHECK_STR(lookup(r, "mute.test", GOST_FAMILY_ANY), "timeout: lookup mute.test: timed out");
    CHECK_STR(lookup(r, "six.test", GOST_FAMILY_V4), "dns: lookup six.test: no such host");
    gost_resolver_unref(r);
    server_stop(&s);
    r = resolver(&s, (struct gost_nameserver){.timeout_ms = 2000}); /* nobody is there now */
    CHECK_STR(lookup(r, "four.test", GOST_FAMILY_V4),
              "dns: lookup four.test: no name server gave an answer");
    gost_resolver_unref(r);
}

FIBER_TEST(names_that_are_none_are_never_asked_for)
{
    static const char *const bad[] = {"",    ".",   "a..b",          ".a",   "a b",    "a\\046b",
                                      "a/b", "a@b", "\xc3\xbc.test", "a\nb", "*.test", "a:b"};
    struct server s;
    char name[300];
    server_start(&s);
    struct gost_resolver *r = resolver(&s, (struct gost_nameserver){0});
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(strstr(lookup(r, bad[i], GOST_FAMILY_ANY), ": no such host"));
    memset(name, 'a', sizeof(name));
    name[64] = '\0';
    CHECK(strstr(lookup(r, name, GOST_FAMILY_ANY), ": no such host"));
    for (int i = 0; i < 255; i += 2)
        name[i + 1] = '.', name[i] = 'a';
    name[255] = '\0';
    CHECK(strstr(lookup(r, name, GOST_FAMILY_ANY), ": no such host"));
    CHECK_INT(s.queries, 0);
    name[253] = '\0'; /* the longest there may be */
    CHECK(strstr(lookup(r, name, GOST_FAMILY_V4), ": no such host"));
    CHECK_INT(s.queries, 1);
    gost_resolver_unref(r);
    server_stop(&s);
}

FIBER_TEST(tcp_servers_and_truncated_answers)
{
    struct server s;
    struct gost_resolver *r;
    char addr[300];
    server_start(&s);
    r = resolver(&s, (struct gost_nameserver){0});
    CHECK_STR(lookup(r, "big.test", GOST_FAMILY_V4), "127.0.0.1:80");
    CHECK_INT(s.tcp_queries, 1);
    gost_resolver_unref(r);
    snprintf(addr, sizeof(addr), "tcp://%s", s.addr);
    struct gost_nameserver conf = {.addr = addr};
    CHECK_INT(gost_resolver_new(&conf, 1, &r), 0);
    CHECK_STR(lookup(r, "both.test", GOST_FAMILY_V4), "127.0.0.1:80 127.0.0.2:80");
    CHECK_STR(lookup(r, "six.test", GOST_FAMILY_ANY), "[::1]:80");
    CHECK_INT(s.queries, 1); /* only the truncated one came over UDP */
    CHECK_INT(s.tcp_queries, 1 + 1 + 2);
    gost_resolver_unref(r);
    NET_AWAIT(gost_fiber_count() == 1);
    server_stop(&s);
}

FIBER_TEST(servers_are_asked_in_order_until_one_has_addresses)
{
    struct server s[4];
    struct gost_nameserver conf[4];
    struct gost_resolver *r;
    for (int i = 0; i < 4; i++) {
        server_start(&s[i]);
        conf[i] = (struct gost_nameserver){.addr = s[i].addr, .timeout_ms = 50, .ttl_ms = -1};
    }
    s[0].mute = true;
    s[1].rcode = SERVFAIL;
    s[2].rcode = NXDOMAIN;
    conf[3].only = GOST_FAMILY_V4;
    CHECK_INT(gost_resolver_new(conf, 4, &r), 0);
    CHECK_STR(lookup(r, "both.test", GOST_FAMILY_ANY), "127.0.0.1:80 127.0.0.2:80");
    CHECK(s[0].queries >= 2 && s[1].queries >= 2 && s[2].queries == 2 && s[3].queries == 1);
    s[1].rcode = 0;
    CHECK_STR(lookup(r, "six.test", GOST_FAMILY_ANY), "[::1]:80");
    CHECK_INT(s[3].queries, 1);
    s[1].rcode = s[3].rcode = NXDOMAIN;
    CHECK_STR(lookup(r, "both.test", GOST_FAMILY_ANY), "timeout: lookup both.test: timed out");
    gost_resolver_unref(r);
    for (int i = 0; i < 4; i++)
        server_stop(&s[i]);
}

FIBER_TEST(name_servers_are_checked)
{
    static const struct {
        const char *addr;
        int rc;
    } cases[] = {{"1.1.1.1", 0},
                 {"udp://1.1.1.1", 0},
                 {"UDP://1.1.1.1:5353", 0},
                 {"tcp://[::1]:53", 0},
                 {"::1", 0},
                 {"tls://1.1.1.1", GOST_ENOTSUP},
                 {"dot://1.1.1.1", GOST_ENOTSUP},
                 {"https://1.1.1.1/dns-query", GOST_ENOTSUP},
                 {"quic://1.1.1.1", GOST_ECONFIG},
                 {"dns.test", GOST_ECONFIG},
                 {"", GOST_ECONFIG},
                 {"1.1.1.1:x", GOST_ECONFIG}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gost_nameserver conf = {.addr = cases[i].addr};
        struct gost_resolver *r = NULL;
        CHECK_INT(gost_resolver_new(&conf, 1, &r), cases[i].rc);
        if (cases[i].rc)
            CHECK(strncmp(gost_diag_text(cases[i].rc), "name server ", 12) == 0);
        gost_resolver_unref(r);
    }
    struct gost_resolver *r;
    CHECK_INT(gost_resolver_new(NULL, 0, &r), GOST_ECONFIG);
}

/* --- the cache --- */

FIBER_TEST(answers_are_kept_for_their_time_to_live)
{
    struct server s;
    server_start(&s);
    struct gost_resolver *r = resolver(&s, (struct gost_nameserver){0});
    CHECK_STR(lookup(r, "four.test", GOST_FAMILY_ANY), "127.0.0.1:80");
    CHECK_STR(lookup(r, "FOUR.test", GOST_FAMILY_ANY), "127.0.0.1:80");
    CHECK_INT(s.queries, 2); /* that there is no AAAA is known, too */
    gost_resolver_clear(r);
    lookup(r, "four.test", GOST_FAMILY_ANY);
    CHECK_INT(s.queries, 4);
    lookup(r, "brief.test", GOST_FAMILY_V4);
    lookup(r, "brief.test", GOST_FAMILY_V4);
    CHECK_INT(s.queries, 5);
    gost_fiber_sleep(1001);
    lookup(r, "brief.test", GOST_FAMILY_V4);
    CHECK_INT(s.queries, 6);
    lookup(r, "never-kept.test", GOST_FAMILY_V4);
    lookup(r, "never-kept.test", GOST_FAMILY_V4);
    CHECK_INT(s.queries, 8);
    lookup(r, "nosuch.test", GOST_FAMILY_V4);
    lookup(r, "nosuch.test", GOST_FAMILY_V4);
    CHECK_INT(s.queries, 10); /* failures are not kept */
    gost_resolver_unref(r);
    server_stop(&s);
}

FIBER_TEST(time_to_live_can_be_set_or_taken_away)
{
    struct server s;
    server_start(&s);
    struct gost_resolver *r = resolver(&s, (struct gost_nameserver){.ttl_ms = 60000});
    lookup(r, "never-kept.test", GOST_FAMILY_V4);
    lookup(r, "never-kept.test", GOST_FAMILY_V4);
    CHECK_INT(s.queries, 1);
    gost_resolver_unref(r);
    r = resolver(&s, (struct gost_nameserver){.ttl_ms = -1});
    lookup(r, "four.test", GOST_FAMILY_V4);
    lookup(r, "four.test", GOST_FAMILY_V4);
    CHECK_INT(s.queries, 3);
    gost_resolver_unref(r);
    server_stop(&s);
}

FIBER_TEST(outdated_answer_is_given_and_refreshed)
{
    struct server s;
    server_start(&s);
    struct gost_resolver *r = resolver(&s, (struct gost_nameserver){.ttl_ms = 5, .async = true});
    CHECK_STR(lookup(r, "switch.test", GOST_FAMILY_V4), "127.0.0.1:80");
    s.instead = "127.0.0.9";
    gost_fiber_sleep(10);
    CHECK_STR(lookup(r, "switch.test", GOST_FAMILY_V4), "127.0.0.1:80"); /* at once */
    CHECK_INT(s.queries, 1);
    NET_AWAIT(s.queries == 2);
    NET_AWAIT(strcmp(lookup(r, "switch.test", GOST_FAMILY_V4), "127.0.0.9:80") == 0);
    gost_resolver_unref(r);
    server_stop(&s);
}

NET_TEST(cache_is_bounded_and_drops_what_was_not_used)
{
    struct gost__answers c;
    struct gost_addrs addrs = {0};
    union gost_sockaddr addr = net_loopback(0);
    char key[32];
    gost__answers_create(&c);
    gost_addrs_add(&addrs, &addr);
    for (int i = 0; i < GOST__ANSWERS_MAX + 100; i++) {
        snprintf(key, sizeof(key), "a:%d.test", i);
        gost__answers_put(&c, key, &addrs, 60000, false);
        gost__answers_put(&c, key, &addrs, 60000, false); /* replaces */
        CHECK(gost__answers_get(&c, "a:0.test") != NULL);
    }
    CHECK_INT(c.map.count, GOST__ANSWERS_MAX);
    CHECK(gost__answers_get(&c, "a:1.test") == NULL);
    CHECK(gost__answers_get(&c, "a:100.test") == NULL);
    CHECK(gost__answers_get(&c, "a:101.test") != NULL);
    gost__answers_clear(&c);
    CHECK(c.map.count == 0 && gost__answers_get(&c, "a:0.test") == NULL);
    gost_addrs_destroy(&addrs);
}

/* --- waiting --- */

struct asker {
    struct gost_resolver *r;
    const char *name;
    uint64_t deadline;
    int rc;
    size_t count;
};

static void ask(void *arg)
{
    struct asker *a = arg;
    struct gost_addrs addrs;
    a->rc = gost_resolver_lookup(a->r, a->name, 80, GOST_FAMILY_ANY, a->deadline, &addrs);
    a->count = addrs.count;
    gost_addrs_destroy(&addrs);
}

FIBER_TEST(lookups_of_one_name_share_a_query)
{
    struct server s;
    struct asker a[20];
    server_start(&s);
    struct gost_resolver *r = resolver(&s, (struct gost_nameserver){0});
    for (int i = 0; i < 20; i++) {
        a[i] = (struct asker){.r = r, .name = i % 2 ? "slow.test" : "SLOW.test", .deadline = soon()};
        gost_fiber_spawn("asker", ask, &a[i]);
    }
    NET_AWAIT(gost_fiber_count() == 1);
    for (int i = 0; i < 20; i++)
        CHECK(a[i].rc == 0 && a[i].count == 2);
    CHECK_INT(s.queries, 2);
    gost_resolver_unref(r);
    server_stop(&s);
}

FIBER_TEST(waiter_that_is_canceled_or_late_leaves_the_query_going)
{
    struct server s;
    server_start(&s);
    struct gost_resolver *r = resolver(&s, (struct gost_nameserver){0});
    struct asker late = {.r = r, .name = "slow.test", .deadline = gost_now() + 5};
    struct asker gone = {.r = r, .name = "slow.test", .deadline = soon()}, stays = gone;
    gost_fiber_spawn("late", ask, &late);
    struct gost_fiber *f = gost_fiber_spawn("gone", ask, &gone);
    gost_fiber_spawn("stays", ask, &stays);
    gost_fiber_sleep(2);
    gost_fiber_cancel(f);
    NET_AWAIT(gost_fiber_count() == 1);
    CHECK_INT(late.rc, GOST_ETIMEDOUT);
    CHECK_INT(gone.rc, GOST_ECANCELED);
    CHECK_INT(stays.rc, 0);
    CHECK_INT(s.queries, 2);
    gost_resolver_unref(r);
    server_stop(&s);
}

FIBER_TEST(query_without_waiters_fills_the_cache)
{
    struct server s;
    server_start(&s);
    struct gost_resolver *r = resolver(&s, (struct gost_nameserver){0});
    struct asker late = {.r = r, .name = "slow.test", .deadline = gost_now() + 5};
    ask(&late);
    CHECK_INT(late.rc, GOST_ETIMEDOUT);
    CHECK_STR(gost_diag_text(GOST_ETIMEDOUT), "lookup slow.test: timed out");
    gost_fiber_sleep(60);
    CHECK_STR(lookup(r, "slow.test", GOST_FAMILY_ANY), "127.0.0.1:80 [::1]:80");
    CHECK_INT(s.queries, 2);
    gost_resolver_unref(r);
    server_stop(&s);
}

FIBER_TEST(resolver_may_go_while_queries_are_open)
{
    struct server s;
    server_start(&s);
    struct gost_resolver *r = resolver(&s, (struct gost_nameserver){0});
    struct asker a = {.r = r, .name = "mute.test", .deadline = gost_now() + 5};
    ask(&a); /* nobody waits any more, but the query is open */
    struct asker b = {.r = r, .name = "slow.test", .deadline = soon()};
    gost_fiber_spawn("b", ask, &b);
    gost_fiber_yield();
    gost_resolver_unref(r); /* the waiter holds it until it has its answer */
    NET_AWAIT(gost_fiber_count() == 1);
    CHECK_INT(b.rc, 0);
    server_stop(&s);
}

FIBER_TEST(one_family_waits_50_ms_for_the_other)
{
    struct server s;
    server_start(&s);
    struct gost_resolver *r = resolver(&s, (struct gost_nameserver){.timeout_ms = 400});
    CHECK_STR(lookup(r, "slow-six.test", GOST_FAMILY_ANY), "127.0.0.1:80 [::1]:80");
    uint64_t start = gost_now();
    CHECK_STR(lookup(r, "half-mute.test", GOST_FAMILY_ANY), "127.0.0.1:80 …");
    CHECK(gost_now() - start >= 50 && gost_now() - start < 300);
    CHECK_STR(lookup(r, "half-broken.test", GOST_FAMILY_ANY), "127.0.0.1:80");
    CHECK_STR(lookup(r, "half-mute.test", GOST_FAMILY_V6),
              "timeout: lookup half-mute.test: timed out");
    start = gost_now();
    NET_AWAIT(strcmp(lookup(r, "half-mute.test", GOST_FAMILY_ANY), "127.0.0.1:80") == 0);
    start = gost_now(); /* what came of it is kept for a while: nobody waits again */
    CHECK_STR(lookup(r, "half-mute.test", GOST_FAMILY_ANY), "127.0.0.1:80");
    CHECK(gost_now() - start < 50);
    gost_resolver_unref(r);
    server_stop(&s);
}

FIBER_TEST(deadline_takes_what_is_there)
{
    struct server s;
    struct gost_addrs addrs;
    server_start(&s);
    struct gost_resolver *r = resolver(&s, (struct gost_nameserver){0});
    CHECK_INT(
        gost_resolver_lookup(r, "half-mute.test", 80, GOST_FAMILY_ANY, gost_now() + 20, &addrs), 0);
    CHECK(addrs.count == 1 && addrs.partial);
    gost_addrs_destroy(&addrs);
    gost_resolver_unref(r);
    server_stop(&s);
}

/* --- dialing --- */

FIBER_TEST(dials_by_name)
{
    struct server s;
    union gost_sockaddr addr, peer;
    struct gost_stream *stream;
    server_start(&s);
    int listener = net_listen("127.0.0.2", 4, &addr); /* the second of its addresses */
    uint16_t port = gost_sockaddr_port(&addr);
    struct gost_resolver *r = resolver(&s, (struct gost_nameserver){0});
    CHECK_INT(gost_dial_host("both.test", port, r, NULL, soon(), &stream), 0);
    CHECK_INT(gost_stream_query(stream, GOST_QUERY_PEER_ADDR, &peer), 0);
    CHECK(gost_sockaddr_equal(&peer, &addr));
    gost_stream_close(stream);
    close(listener);
    CHECK_INT(gost_dial_host("four.test", port, r, NULL, soon(), &stream), -ECONNREFUSED);
    CHECK(strncmp(gost_diag_text(-ECONNREFUSED), "connect 127.0.0.1:", 18) == 0);
    CHECK_INT(gost_dial_host("nosuch.test", port, r, NULL, soon(), &stream), GOST_EDNS);
    gost_resolver_unref(r);
    server_stop(&s);
}

FIBER_TEST(dial_comes_back_for_the_family_that_was_late)
{
    struct server s;
    union gost_sockaddr addr, peer;
    struct gost_stream *stream = NULL;
    server_start(&s);
    int listener = net_listen("::1", 4, &addr);
    struct gost_resolver *r = resolver(&s, (struct gost_nameserver){0});
    CHECK_INT(gost_dial_host("late-six.test", gost_sockaddr_port(&addr), r, NULL, soon(), &stream),
              0);
    CHECK_INT(gost_stream_query(stream, GOST_QUERY_PEER_ADDR, &peer), 0);
    CHECK(gost_sockaddr_equal(&peer, &addr));
    gost_stream_close(stream);
    close(listener);
    gost_resolver_unref(r);
    server_stop(&s);
}

/* --- the system's resolver --- */

static char dir[] = "/tmp/gost-resolve-XXXXXX", conf_path[64], hosts_path[64];

static void write_file(const char *path, const char *text)
{
    char fresh[80];
    snprintf(fresh, sizeof(fresh), "%s.new", path);
    FILE *f = fopen(fresh, "w");
    CHECK(f && fputs(text, f) >= 0);
    fclose(f);
    CHECK_INT(rename(fresh, path), 0);
}

static void system_begin(const struct server *s, const char *hosts)
{
    CHECK(mkdtemp(strcpy(dir, "/tmp/gost-resolve-XXXXXX")) != NULL);
    snprintf(conf_path, sizeof(conf_path), "%s/resolv.conf", dir);
    snprintf(hosts_path, sizeof(hosts_path), "%s/hosts", dir);
    write_file(conf_path, "nameserver 127.0.0.1\noptions timeout:1\n");
    write_file(hosts_path, hosts);
    setenv("CARES_HOSTS", hosts_path, 1);
    gost__resolve_set_conf(conf_path, 5, s->port);
}

static void system_end(void)
{
    gost_resolve_cleanup();
    gost__resolve_set_conf(NULL, 0, 0);
    unsetenv("CARES_HOSTS");
    unlink(conf_path);
    unlink(hosts_path);
    rmdir(dir);
}

FIBER_TEST(hosts_file_speaks_for_both_families)
{
    struct server s;
    server_start(&s);
    system_begin(
        &s, "10.0.0.1 both.test alias\n10.0.0.2 two.test\n::7 two.test\n# 10.0.0.3 four.test\n");
    CHECK_STR(lookup(NULL, "both.test", GOST_FAMILY_ANY), "10.0.0.1:80");
    CHECK_STR(lookup(NULL, "Alias", GOST_FAMILY_ANY), "10.0.0.1:80");
    CHECK_STR(lookup(NULL, "two.test", GOST_FAMILY_ANY), "[::7]:80 10.0.0.2:80");
    CHECK_STR(lookup(NULL, "two.test", GOST_FAMILY_V4), "10.0.0.2:80");
    CHECK_INT(s.queries, 0);
    write_file(hosts_path, "10.0.0.9 both.test\n"); /* heeded at once */
    CHECK_STR(lookup(NULL, "both.test", GOST_FAMILY_ANY), "10.0.0.9:80");
    CHECK_STR(lookup(NULL, "four.test", GOST_FAMILY_ANY), "127.0.0.1:80");
    CHECK_INT(s.queries, 2);
    system_end();
    server_stop(&s);
}

FIBER_TEST(system_resolver_asks_and_keeps)
{
    struct server s;
    struct gost_addrs addrs;
    server_start(&s);
    system_begin(&s, "");
    CHECK_INT(gost_resolve("both.test", 443, GOST_FAMILY_ANY, soon(), &addrs), 0);
    CHECK_INT(addrs.count, 4);
    CHECK(addrs.addr[0].sa.sa_family == AF_INET6 && addrs.addr[1].sa.sa_family == AF_INET);
    CHECK_INT(gost_sockaddr_port(&addrs.addr[3]), 443);
    gost_addrs_destroy(&addrs);
    CHECK_STR(lookup(NULL, "both.test", GOST_FAMILY_ANY),
              "[::1]:80 127.0.0.1:80 [::2]:80 127.0.0.2:80");
    CHECK_INT(s.queries, 2);
    CHECK_STR(lookup(NULL, "nosuch.test", GOST_FAMILY_ANY),
              "dns: lookup nosuch.test: no such host");
    system_end();
    server_stop(&s);
}

FIBER_TEST(changed_resolv_conf_is_followed)
{
    struct server s;
    server_start(&s);
    system_begin(&s, "");
    CHECK_STR(lookup(NULL, "switch.test", GOST_FAMILY_V4), "127.0.0.1:80");
    struct asker open = {.name = "slow.test", .deadline = soon()};
    s.mute = true;
    gost_fiber_spawn("open", ask, &open);
    gost_fiber_sleep(10);
    s.mute = false; /* the query that the change finds open starts again */
    s.instead = "127.0.0.9";
    write_file(conf_path, "nameserver 127.0.0.1\nsearch test\noptions timeout:1\n");
    gost_fiber_sleep(10);
    CHECK_STR(lookup(NULL, "switch.test", GOST_FAMILY_V4), "127.0.0.9:80"); /* and nothing is kept */
    CHECK_STR(lookup(NULL, "four", GOST_FAMILY_V4), "127.0.0.9:80");        /* the search list */
    uint64_t start = gost_now();
    NET_AWAIT(gost_fiber_count() == 1);
    CHECK_INT(open.rc, 0);
    CHECK(gost_now() - start < 900);
    system_end();
    server_stop(&s);
}

RUN_TESTS()
