/* The http handler: what it answers its clients, and what origins see. */
#include "spec/c/proto_fake.h"

static const char established[] = "HTTP/1.1 200 Connection established\r\n"
                                  "Proxy-Agent: gost/3.0\r\n\r\n";

static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

/* --- CONNECT ------------------------------------------------------------------------------ */

static void connect_split_at(size_t split)
{
    static const char bytes[] = "CONNECT one.test:443 HTTP/1.1\r\nHost: other.test\r\n\r\npayload";
    struct fake f;
    fake_init(&f, "http", NULL);
    fake_start(&f);
    say_bytes(f.client, bytes, split);
    gost_fiber_sleep(0);
    say(f.client, bytes + split);
    HEARS(f.client, established);
    HEARS(f.origin[0], "payload");
    CHECK_STR(f.asked[0].addr.host, "one.test");
    CHECK_INT(f.asked[0].addr.port, 443);
    gost_stream_shutdown(f.client);
    HEARS_END(f.origin[0]);
    say(f.origin[0], "answer");
    gost_stream_shutdown(f.origin[0]);
    HEARS(f.client, "answer");
    HEARS_END(f.client);
    CHECK_INT(f.rc, 0);
    fake_end(&f);
}

FIBER_TEST(a_tunnel_keeps_what_is_sent_behind_its_request_however_it_is_split)
{
    for (size_t split = 0; split < 58; split++)
        connect_split_at(split);
}

FIBER_TEST(a_tunnel_over_an_awkward_stream)
{
    struct fake f;
    fake_init(&f, "http", NULL);
    f.knobs = (struct knobs){.read_max = 1, .write_max = 3, .false_want = 3};
    fake_start(&f);
    say(f.client, "CONNECT [::1]:80 HTTP/1.0\r\n\r\nearly");
    HEARS(f.client, established);
    HEARS(f.origin[0], "early");
    CHECK_STR(f.asked[0].addr.host, "::1");
    fake_end(&f);
}

FIBER_TEST(a_missing_port_is_80)
{
    struct fake f;
    fake_init(&f, "http", "proxyAgent=me/1", NULL);
    fake_start(&f);
    say(f.client, "CONNECT one.test HTTP/1.1\r\n\r\n");
    HEARS(f.client, "HTTP/1.1 200 Connection established\r\nProxy-Agent: me/1\r\n\r\n");
    CHECK_INT(f.asked[0].addr.port, 80);
    fake_end(&f);
}

/* --- refusals ----------------------------------------------------------------------------- */

struct refusal {
    const char *request;
    const char *answer; /* its beginning; "": none at all */
    int dial_rc;
};

static void check_refusal(const struct refusal *r)
{
    struct fake f;
    fake_init(&f, "http", NULL);
    f.dial_rc = r->dial_rc;
    fake_start(&f);
    say(f.client, r->request);
    gost_stream_shutdown(f.client);
    HEARS(f.client, r->answer);
    if (r->answer[0])
        HEARS(f.client,
              "\r\nProxy-Agent: gost/3.0\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    HEARS_END(f.client);
    NET_AWAIT(f.done);
    CHECK(f.rc != 0);
    if (r->dial_rc)
        CHECK_INT(f.rc, r->dial_rc);
    else
        CHECK_INT(f.dials, 0);
    fake_end(&f);
}

#define CONNECT "CONNECT a.test:1 HTTP/1.1\r\n\r\n"
#define GET     "GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n"

FIBER_TEST(causes_have_their_status)
{
    static const struct refusal table[] = {
        {CONNECT, "HTTP/1.1 403 Forbidden", GOST_EDENIED},
        {CONNECT, "HTTP/1.1 504 Gateway Timeout", GOST_ETIMEDOUT},
        {CONNECT, "HTTP/1.1 503 Service Unavailable", -ECONNREFUSED},
        {CONNECT, "HTTP/1.1 503 Service Unavailable", -EHOSTUNREACH},
        {CONNECT, "HTTP/1.1 503 Service Unavailable", GOST_EDNS},
        {CONNECT, "HTTP/1.1 503 Service Unavailable", GOST_ENONODE},
        {CONNECT, "HTTP/1.1 503 Service Unavailable", GOST_EAUTH}, /* the next proxy's, not ours */
        {CONNECT, "HTTP/1.1 503 Service Unavailable", -EMFILE},
        {GET, "HTTP/1.1 403 Forbidden", GOST_EDENIED},
        {GET, "HTTP/1.1 504 Gateway Timeout", GOST_ETIMEDOUT},
        {GET, "HTTP/1.1 503 Service Unavailable", -ECONNREFUSED},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        check_refusal(&table[i]);
}

FIBER_TEST(requests_that_could_be_read_in_two_ways_are_refused)
{
#define POST "POST http://a.test/ HTTP/1.1\r\nHost: a.test\r\n"
#define BAD  "HTTP/1.1 400 Bad Request"
    static const struct refusal table[] = {
        {POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", BAD, 0},
        {POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", BAD, 0},
        {POST "Transfer-Encoding: chunked, gzip\r\n\r\n", BAD, 0},
        {POST "Transfer-Encoding: gzip\r\n\r\n", BAD, 0},
        {POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", BAD, 0},
        {POST "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", BAD, 0},
        {POST "A: b\r\n c\r\n\r\n", BAD, 0},
        {"GET http://a.test/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", BAD, 0},
        {"GET http://a.test/ HTTP/1.1\nHost: a\n\n", BAD, 0},
        {"CONNECT a.test:1 HTTP/1.1\r\nContent-Length: 5\r\n\r\n", BAD, 0},
        {"CONNECT a.test:99999 HTTP/1.1\r\n\r\n", BAD, 0},
        {"CONNECT  HTTP/1.1\r\n\r\n", BAD, 0},
        {"GET / HTTP/1.1\r\n\r\n", BAD, 0},
        {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", BAD, 0},
        {"GET https://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n", BAD, 0},
        {"GET ftp://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n", BAD, 0},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", BAD, 0},
        {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "", 0},
        {"SSH-2.0-x\r\n", "", 0},
        {"CONNECT  HTTP/1.1\r\nHost: \r\nX-Gost-Protocol: udp\r\n\r\n", "HTTP/1.1 403 Forbidden", 0},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        check_refusal(&table[i]);
}

FIBER_TEST(a_head_over_the_limit_is_refused)
{
    struct fake f;
    char line[1100] = "A: ";
    memset(line + 3, 'x', 1000);
    strcpy(line + 1003, "\r\n");
    fake_init(&f, "http", "header=X-Who=me", NULL);
    fake_start(&f);
    say(f.client, "GET http://a.test/ HTTP/1.1\r\n");
    for (int i = 0; i < 70; i++)
        say(f.client, line);
    HEARS(f.client, "HTTP/1.1 431 Request Header Fields Too Large\r\nProxy-Agent: gost/3.0\r\n"
                    "X-Who: me\r\n");
    fake_end(&f);
}

FIBER_TEST(a_slow_client_is_let_go)
{
    struct fake f;
    fake_init(&f, "http", "readTimeout=20ms", NULL);
    fake_start(&f);
    say(f.client, "GET http://a.te");
    HEARS_END(f.client);
    CHECK_INT(f.rc, GOST_ETIMEDOUT);
    fake_end(&f);
}

/* --- plain requests ----------------------------------------------------------------------- */

FIBER_TEST(a_plain_request_reaches_the_origin_in_its_own_form)
{
    static const char request[] =
        "GET http://u:p@one.test:81/a?b=c#d HTTP/1.1\r\nHost: liar.test\r\n"
        "Proxy-Connection: keep-alive\r\nProxy-Authorization: Basic eDp5\r\n"
        "Accept: */*\r\nConnection: X-Hop, keep-alive, host\r\nX-Hop: 1\r\n"
        "Keep-Alive: 5\r\nTE: trailers\r\nGost-Record: x\r\n\r\n";
    static const char answer[] = "HTTP/1.1 200 Fine\r\nServer: s\r\nContent-Length: 2\r\n\r\nhi";
    struct fake f;
    fake_init(&f, "http", NULL);
    fake_start(&f);
    say(f.client, request);
    AWAIT_DIAL(&f, 0);
    HEARS(f.origin[0], "GET /a?b=c HTTP/1.1\r\nHost: one.test:81\r\nAccept: */*\r\n"
                       "Connection: close\r\n\r\n");
    CHECK_STR(f.asked[0].addr.host, "one.test");
    CHECK_STR(f.asked[0].protocol, "http");
    CHECK_STR(f.path[0], "/a?b=c");
    say(f.origin[0], "HTTP/1.1 200 Fine\r\nConnection: X-Back\r\nX-Back: 1\r\nServer: s\r\n"
                     "Proxy-Authenticate: x\r\nContent-Length: 2\r\n\r\nhi");
    HEARS(f.client, answer);
    fake_end(&f);
    CHECK_INT(f.in, strlen(request));
    CHECK_INT(f.out, strlen(answer));
}

struct form {
    const char *request; /* its first line and Host */
    const char *seen;    /* the beginning of what the origin sees */
};

FIBER_TEST(all_forms_of_a_target)
{
    static const struct form table[] = {
        {"GET http://a.test HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: a.test\r\n"},
        {"GET http://a.test?x HTTP/1.1\r\n", "GET /?x HTTP/1.1\r\nHost: a.test\r\n"},
        {"GET HTTP://[::1]:80/ HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: [::1]\r\n"},
        {"OPTIONS http://a.test HTTP/1.1\r\n", "OPTIONS * HTTP/1.1\r\nHost: a.test\r\n"},
        {"OPTIONS * HTTP/1.1\r\nHost: a.test\r\n",
         "OPTIONS * HTTP/1.1\r\nHost: a.test\r\nVia: 1.1 "},
        {"GET /p HTTP/1.1\r\nHost: a.test:8\r\n", "GET /p HTTP/1.1\r\nHost: a.test:8\r\nVia: 1.1 "},
        {"GET http://decoy.test/ HTTP/1.1\r\nGost-Target: dWrpJ2NtVmhiQzUwWlhOMA\r\n",
         "GET / HTTP/1.1\r\nHost: real.test\r\nConnection"},
        {"GET http://decoy.test/ HTTP/1.1\r\nX-Gost-Target: nonsense\r\n",
         "GET / HTTP/1.1\r\nHost: decoy.test\r\n"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct fake f;
        fake_init(&f, "http", NULL);
        fake_start(&f);
        say(f.client, table[i].request);
        say(f.client, "\r\n");
        AWAIT_DIAL(&f, 0);
        HEARS(f.origin[0], table[i].seen);
        fake_end(&f);
    }
}

FIBER_TEST(a_request_that_runs_in_a_circle_is_stopped)
{
    struct fake f, again;
    char bytes[512];
    fake_init(&f, "http", NULL);
    fake_start(&f);
    say(f.client, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    AWAIT_DIAL(&f, 0);
    ssize_t n = gost_io_read(f.origin[0], bytes, sizeof(bytes), soon());
    fake_init(&again, "http", NULL);
    fake_start(&again);
    say_bytes(again.client, bytes, (size_t)n);
    HEARS(again.client, "HTTP/1.1 508 ");
    CHECK_INT(again.dials, 0);
    fake_end(&again);
    fake_end(&f);
}

FIBER_TEST(pipelined_requests_are_answered_in_order)
{
    struct fake f;
    fake_init(&f, "http", NULL);
    fake_start(&f);
    say(f.client, "POST http://a.test/1 HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
                  "GET http://a.test/2 HTTP/1.1\r\nConnection: close\r\n\r\n");
    AWAIT_DIAL(&f, 0);
    HEARS(f.origin[0], "POST /1 HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n"
                       "Connection: close\r\n\r\nabc");
    say(f.origin[0], ok);
    HEARS(f.client, ok);
    AWAIT_DIAL(&f, 1);
    HEARS(f.origin[1], "GET /2 HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
    say(f.origin[1], ok);
    HEARS(f.client, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi");
    HEARS_END(f.client);
    CHECK_INT(f.rc, 0);
    fake_end(&f);
}

FIBER_TEST(keepalive_keeps_the_upstream_connection_for_the_same_target)
{
    struct fake f;
    fake_init(&f, "http", "keepalive=true", NULL);
    fake_start(&f);
    for (int i = 0; i < 3; i++) {
        say(f.client, "GET http://a.test/ HTTP/1.1\r\n\r\n");
        AWAIT_DIAL(&f, 0);
        HEARS(f.origin[0], "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        say(f.origin[0], ok);
        HEARS(f.client, ok);
    }
    CHECK_INT(f.dials, 1);
    say(f.client, "GET http://b.test/ HTTP/1.1\r\n\r\n");
    AWAIT_DIAL(&f, 1);
    HEARS_END(f.origin[0]);
    HEARS(f.origin[1], "GET / HTTP/1.1\r\nHost: b.test\r\n\r\n");
    say(f.origin[1], "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    HEARS(f.client, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    HEARS_END(f.origin[1]);
    fake_end(&f);
}

FIBER_TEST(a_kept_connection_that_ended_is_dialed_anew)
{
    struct fake f;
    fake_init(&f, "http", "keepalive=true", NULL);
    fake_start(&f);
    say(f.client, "GET http://a.test/ HTTP/1.1\r\n\r\n");
    AWAIT_DIAL(&f, 0);
    say(f.origin[0], ok);
    HEARS(f.client, ok);
    gost_stream_close(f.origin[0]);
    f.origin[0] = NULL;
    say(f.client, "POST http://a.test/ HTTP/1.1\r\nContent-Length: 1\r\n\r\nx");
    AWAIT_DIAL(&f, 1);
    say(f.origin[1], ok);
    HEARS(f.client, ok);
    /* it closes just as the next request is on its way */
    say(f.client, "GET http://a.test/ HTTP/1.1\r\n\r\n");
    HEARS(f.origin[1], "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\n\r\nx"
                       "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    gost_stream_close(f.origin[1]);
    f.origin[1] = NULL;
    AWAIT_DIAL(&f, 2);
    HEARS(f.origin[2], "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    say(f.origin[2], ok);
    HEARS(f.client, ok);
    /* what is not safe to repeat is not repeated */
    say(f.client, "POST http://a.test/ HTTP/1.1\r\nContent-Length: 1\r\n\r\nx");
    HEARS(f.origin[2], "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\n\r\nx");
    gost_stream_close(f.origin[2]);
    f.origin[2] = NULL;
    HEARS(f.client, "HTTP/1.1 502 Bad Gateway\r\n");
    CHECK_INT(f.dials, 3);
    fake_end(&f);
}

FIBER_TEST(other_users_do_not_share_an_upstream_connection)
{
    struct fake f;
    fake_init(&f, "http", "keepalive=true", NULL);
    f.user = "u";
    f.pass = "p";
    fake_start(&f);
    say(f.client, "GET http://a.test/ HTTP/1.1\r\nProxy-Authorization: Basic dTpw\r\n\r\n");
    AWAIT_DIAL(&f, 0);
    say(f.origin[0], ok);
    HEARS(f.client, ok);
    f.user = "v";
    say(f.client, "GET http://a.test/ HTTP/1.1\r\nProxy-Authorization: basic djpw\r\n\r\n");
    AWAIT_DIAL(&f, 1);
    fake_end(&f);
}

FIBER_TEST(policies_are_asked_again_before_a_connection_is_used_again)
{
    static const struct verdict {
        int allow_rc, dials;
        const char *seen;
    } table[] = {
        {0, 1, "HTTP/1.1 200 OK\r\n"},
        {GOST_EDENIED, 1, "HTTP/1.1 403 Forbidden\r\n"},
        {GOST_ENONODE, 2, "HTTP/1.1 200 OK\r\n"},
    };
    for (size_t i = 0; i < 3; i++) {
        struct fake f;
        fake_init(&f, "http", "keepalive=true", NULL);
        fake_start(&f);
        say(f.client, "GET http://a.test/1 HTTP/1.1\r\n\r\n");
        AWAIT_DIAL(&f, 0);
        HEARS(f.origin[0], "GET /1 HTTP/1.1\r\nHost: a.test\r\n\r\n");
        say(f.origin[0], ok);
        HEARS(f.client, ok);
        f.allow_rc = table[i].allow_rc;
        say(f.client, "GET http://a.test/2 HTTP/1.1\r\n\r\n");
        if (table[i].allow_rc != GOST_EDENIED) {
            AWAIT_DIAL(&f, table[i].dials - 1);
            HEARS(f.origin[table[i].dials - 1], "GET /2 HTTP/1.1\r\nHost: a.test\r\n\r\n");
            say(f.origin[table[i].dials - 1], ok);
        }
        HEARS(f.client, table[i].seen);
        CHECK_INT(f.allows, 1);
        CHECK_INT(f.dials, table[i].dials);
        fake_end(&f);
    }
}

/* --- bodies ------------------------------------------------------------------------------- */

struct body {
    const char *answer, *seen, *seen_by_10; /* what clients of HTTP/1.1 and of 1.0 get */
    bool ends;                              /* the origin ends its stream behind it */
    bool close;                             /* the client's connection ends too */
};

static void check_body(const struct body *b, const char *request, const char *want, bool close)
{
    struct fake f;
    fake_init(&f, "http", "keepalive=yes", NULL);
    fake_start(&f);
    say(f.client, request);
    AWAIT_DIAL(&f, 0);
    for (const char *p = b->answer; *p; p++) { /* a byte at a time */
        say_bytes(f.origin[0], p, 1);
        if ((p - b->answer) % 7 == 0)
            gost_fiber_sleep(0);
    }
    if (b->ends)
        gost_stream_shutdown(f.origin[0]);
    HEARS(f.client, want);
    if (close)
        HEARS_END(f.client);
    fake_end(&f);
}

FIBER_TEST(bodies_pass_in_every_framing)
{
#define CHUNKS "5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nT: u\r\n\r\n"
    static const struct body table[] = {
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: T\r\n\r\n" CHUNKS,
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: T\r\n\r\n" CHUNKS,
         "HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nhello!", false, false},
        {"HTTP/1.0 200 OK\r\nA: b\r\n\r\nto the end",
         "HTTP/1.1 200 OK\r\nA: b\r\nConnection: close\r\n\r\nto the end",
         "HTTP/1.0 200 OK\r\nA: b\r\nConnection: close\r\n\r\nto the end", true, true},
        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n",
         "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n",
         "HTTP/1.0 304 Not Modified\r\nContent-Length: 99\r\nConnection: keep-alive\r\n\r\n", false,
         false},
        {"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
         "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
         "HTTP/1.0 204 No Content\r\nConnection: keep-alive\r\n\r\n", false, false},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const struct body *b = &table[i];
        check_body(b, "GET http://a.test/ HTTP/1.1\r\n\r\n", b->seen, b->close);
        check_body(b, "GET http://a.test/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
                   b->seen_by_10, b->close || i == 0);
    }
}

FIBER_TEST(an_answer_to_head_has_no_body)
{
    struct fake f;
    fake_init(&f, "http", "keepalive=yes", NULL);
    fake_start(&f);
    for (int i = 0; i < 2; i++) {
        say(f.client, "HEAD http://a.test/ HTTP/1.1\r\n\r\n");
        AWAIT_DIAL(&f, 0);
        HEARS(f.origin[0], "HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        say(f.origin[0], "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
        HEARS(f.client, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    }
    CHECK_INT(f.dials, 1);
    fake_end(&f);
}

struct flood {
    struct gost_stream *s;
    size_t n;
    int rc;
    bool done;
};

static void flood(void *arg)
{
    struct flood *w = arg;
    uint8_t room[5000];
    for (size_t at = 0; at < w->n && w->rc == 0;) {
        size_t some = w->n - at < sizeof(room) ? w->n - at : sizeof(room);
        net_fill(room, at, some);
        w->rc = gost_io_write(w->s, room, some, soon());
        at += some;
    }
    w->done = true;
}

static void check_flood(struct gost_stream *s, size_t n)
{
    uint8_t room[9000];
    size_t at = 0;
    bool same = true;
    while (at < n && same) {
        ssize_t got = gost_io_read(s, room, n - at < sizeof(room) ? n - at : sizeof(room), soon());
        same = got > 0 && net_matches(room, at, (size_t)got);
        at += got > 0 ? (size_t)got : 0;
    }
    CHECK(same);
}

FIBER_TEST(large_bodies_pass_both_ways)
{
    enum { SIZE = 5 * 1000 * 1000 };
    struct fake f;
    struct flood up = {.n = SIZE}, down = {.n = SIZE};
    fake_init(&f, "http", "keepalive=yes", NULL);
    fake_start(&f);
    say(f.client, "PUT http://a.test/ HTTP/1.1\r\nContent-Length: 5000000\r\n\r\n");
    up.s = f.client;
    gost_fiber_spawn("up", flood, &up);
    AWAIT_DIAL(&f, 0);
    HEARS(f.origin[0], "PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5000000\r\n\r\n");
    check_flood(f.origin[0], SIZE);
    say(f.origin[0], "HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n");
    down.s = f.origin[0];
    gost_fiber_spawn("down", flood, &down);
    HEARS(f.client, "HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n");
    check_flood(f.client, SIZE);
    NET_AWAIT(up.done && down.done);
    say(f.client, "GET http://a.test/ HTTP/1.1\r\n\r\n");
    HEARS(f.origin[0], "GET / HTTP/1.1\r\n");
    CHECK_INT(f.dials, 1);
    fake_end(&f);
    CHECK(f.in > SIZE && f.out > SIZE);
}

FIBER_TEST(a_body_in_chunks_passes_and_is_checked)
{
    struct fake f;
    fake_init(&f, "http", "keepalive=yes", NULL);
    fake_start(&f);
    say(f.client, "POST http://a.test/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab");
    AWAIT_DIAL(&f, 0);
    HEARS(f.origin[0],
          "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab");
    say(f.client, "c\r\n0\r\n\r\nGET http://a.test/ HTTP/1.1\r\n\r\n");
    HEARS(f.origin[0], "c\r\n0\r\n\r\n");
    say(f.origin[0], ok);
    HEARS(f.client, ok);
    HEARS(f.origin[0], "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    say(f.origin[0], ok);
    HEARS(f.client, ok);
    say(f.client, "POST http://a.test/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n");
    HEARS(f.origin[0],
          "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n");
    say(f.client, "abcd\r\n");
    HEARS(f.client, "HTTP/1.1 400 Bad Request\r\n");
    HEARS_END(f.origin[0]);
    fake_end(&f);
}

FIBER_TEST(a_client_waits_for_100_continue)
{
    struct fake f;
    fake_init(&f, "http", NULL);
    fake_start(&f);
    say(f.client,
        "POST http://a.test/ HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    AWAIT_DIAL(&f, 0);
    HEARS(f.origin[0], "POST / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\n"
                       "Content-Length: 4\r\nConnection: close\r\n\r\n");
    say(f.origin[0], "HTTP/1.1 100 Continue\r\n\r\n");
    HEARS(f.client, "HTTP/1.1 100 Continue\r\n\r\n");
    say(f.client, "body");
    HEARS(f.origin[0], "body");
    say(f.origin[0], ok);
    HEARS(f.client, ok);
    fake_end(&f);
}

FIBER_TEST(an_answer_before_the_body_is_passed_on_and_ends_the_connection)
{
    static const char no[] = "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n";
    for (int flooding = 0; flooding < 2; flooding++) {
        struct fake f;
        struct flood up = {.n = 4 * FAKE_LIMIT};
        fake_init(&f, "http", NULL);
        fake_start(&f);
        say(f.client, "POST http://a.test/ HTTP/1.1\r\nContent-Length: 99999999\r\n\r\nsome");
        up.s = f.client;
        if (flooding) /* the client does not look, and the origin does not read */
            gost_fiber_spawn("up", flood, &up);
        AWAIT_DIAL(&f, 0);
        say(f.origin[0], no);
        HEARS(f.client, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        NET_AWAIT(f.done && (!flooding || up.done));
        CHECK_INT(f.rc, 0);
        fake_end(&f);
    }
}

FIBER_TEST(a_change_of_protocol_becomes_a_tunnel)
{
    struct fake f;
    fake_init(&f, "http", NULL);
    fake_start(&f);
    say(f.client, "GET http://a.test/ws HTTP/1.1\r\nConnection: keep-alive, Upgrade\r\n"
                  "Upgrade: websocket\r\n\r\nearly");
    AWAIT_DIAL(&f, 0);
    HEARS(f.origin[0], "GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\n"
                       "Upgrade: websocket\r\n\r\n");
    say(f.origin[0], "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                     "Connection: Upgrade\r\nX: y\r\n\r\nfirst");
    HEARS(f.client, "HTTP/1.1 101 Switching Protocols\r\nX: y\r\nConnection: Upgrade\r\n"
                    "Upgrade: websocket\r\n\r\nfirst");
    HEARS(f.origin[0], "early");
    say(f.client, "frame");
    HEARS(f.origin[0], "frame");
    CHECK(f.pumping);
    fake_end(&f);
}

FIBER_TEST(nobody_changes_the_protocol_unasked)
{
    struct fake f;
    fake_init(&f, "http", NULL);
    fake_start(&f);
    say(f.client, "GET http://a.test/ HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\n"
                  "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n");
    AWAIT_DIAL(&f, 0);
    HEARS(f.origin[0], "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
    say(f.origin[0], "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n");
    HEARS(f.client, "HTTP/1.1 502 Bad Gateway\r\n");
    fake_end(&f);
}

struct broken {
    const char *answer; /* then the origin closes */
    const char *seen;
};

FIBER_TEST(origins_that_break_off)
{
    static const struct broken table[] = {
        {"", "HTTP/1.1 502 Bad Gateway\r\n"},
        {"HTTP/1.1 200", "HTTP/1.1 502 Bad Gateway\r\n"},
        {"220 smtp\r\n", "HTTP/1.1 502 Bad Gateway\r\n"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
         "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", ""},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct fake f;
        fake_init(&f, "http", NULL);
        fake_start(&f);
        say(f.client, "GET http://a.test/ HTTP/1.1\r\n\r\n");
        AWAIT_DIAL(&f, 0);
        say(f.origin[0], table[i].answer);
        gost_stream_shutdown(f.origin[0]);
        HEARS(f.client, table[i].seen);
        NET_AWAIT(f.done);
        CHECK(f.rc < 0);
        fake_end(&f);
    }
}

FIBER_TEST(an_origin_that_says_nothing_is_not_waited_for)
{
    struct fake f;
    fake_init(&f, "http", "readTimeout=20ms", NULL);
    fake_start(&f);
    say(f.client, "GET http://a.test/ HTTP/1.1\r\n\r\n");
    HEARS(f.client, "HTTP/1.1 504 Gateway Timeout\r\n");
    fake_end(&f);
}

FIBER_TEST(an_idle_client_is_let_go)
{
    struct fake f;
    fake_init(&f, "http", "idleTimeout=30ms", "keepalive=yes", NULL);
    fake_start(&f);
    say(f.client, "GET http://a.test/ HTTP/1.1\r\n\r\n");
    AWAIT_DIAL(&f, 0);
    say(f.origin[0], ok);
    HEARS(f.client, ok);
    HEARS_END(f.client);
    CHECK_INT(f.rc, 0);
    fake_end(&f);
}

/* --- authentication ----------------------------------------------------------------------- */

static void auth_init(struct fake *f)
{
    f->user = "u";
    f->pass = "p";
    fake_start(f);
}

#define CHALLENGE                                                                                  \
    "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"home\"\r\n"   \
    "Content-Length: 0\r\nConnection: close\r\n\r\n"

FIBER_TEST(credentials_are_asked_for)
{
    static const char *const wrong[] = {
        "",
        "Proxy-Authorization: Basic dTpx\r\n",
        "Proxy-Authorization: Basic !!!\r\n",
        "Proxy-Authorization: Bearer dTpw\r\n",
        "Authorization: Basic dTpw\r\n",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct fake f;
        fake_init(&f, "http", "authBasicRealm=home", NULL);
        auth_init(&f);
        say(f.client, "CONNECT a.test:1 HTTP/1.1\r\n");
        say(f.client, wrong[i]);
        say(f.client, "\r\n");
        HEARS(f.client, CHALLENGE);
        gost_stream_shutdown(f.client);
        HEARS_END(f.client);
        CHECK_INT(f.rc, GOST_EAUTH);
        CHECK_INT(f.dials, 0);
        fake_end(&f);
    }
}

FIBER_TEST(every_request_is_authenticated)
{
    struct fake f;
    fake_init(&f, "http", "authBasicRealm=home", "keepalive=yes", NULL);
    auth_init(&f);
    say(f.client, "GET http://a.test/ HTTP/1.1\r\nProxy-Authorization: bAsIc dTpw\r\n\r\n");
    AWAIT_DIAL(&f, 0);
    HEARS(f.origin[0], "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    say(f.origin[0], ok);
    HEARS(f.client, ok);
    CHECK_STR(f.conn.user, "u");
    say(f.client, "GET http://a.test/ HTTP/1.1\r\n\r\n");
    HEARS(f.client, CHALLENGE);
    CHECK_INT(f.auths, 2);
    fake_end(&f);
}

static const char decoy_path[] = "/tmp/gost_http_probe_test.html";

struct probe {
    const char *option, *request, *seen;
};

FIBER_TEST(probes_see_no_proxy)
{
    static const struct probe table[] = {
        {"probeResist=code:404", "CONNECT a.test:1 HTTP/1.1\r\n\r\n",
         "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"},
        {"probeResist=code:404", "CONNECT knock.test:1 HTTP/1.1\r\n\r\n",
         "HTTP/1.1 407 Proxy Authentication Required\r\n"},
        {"probeResist=code:404", "GET http://KNOCK.test/ HTTP/1.1\r\n\r\n",
         "HTTP/1.1 407 Proxy Authentication Required\r\n"},
        {"probeResist=code:404", "GET / HTTP/1.1\r\nHost: knock.test\r\n\r\n",
         "HTTP/1.1 404 Not Found\r\n"},
        {"probe_resist=file:/tmp/gost_http_probe_test.html", "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
         "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nContent-Type: text/html\r\nConnection: close\r\n"
         "\r\nhello\n"},
        {"probeResist=file:/nonexistent", "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
         "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n"},
    };
    FILE *file = fopen(decoy_path, "w");
    fputs("hello\n", file);
    fclose(file);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct fake f;
        fake_init(&f, "http", table[i].option, "knock=x.test,knock.test", NULL);
        auth_init(&f);
        say(f.client, table[i].request);
        HEARS(f.client, table[i].seen);
        CHECK_INT(f.dials, 0);
        fake_end(&f);
    }
    unlink(decoy_path);
}

FIBER_TEST(a_decoy_host_gets_the_clients_own_bytes)
{
    static const char bytes[] = "GET /x HTTP/1.1\r\nHost: a.test\r\n\r\nmore";
    struct fake f;
    fake_init(&f, "http", "probeResist=host:decoy.test:8080", NULL);
    auth_init(&f);
    say(f.client, bytes);
    AWAIT_DIAL(&f, 0);
    CHECK_STR(f.asked[0].addr.host, "decoy.test");
    CHECK_INT(f.asked[0].addr.port, 8080);
    HEARS(f.origin[0], bytes);
    say(f.origin[0], "whatever");
    HEARS(f.client, "whatever");
    fake_end(&f);
}

FIBER_TEST(a_decoy_page_is_fetched)
{
    struct fake f;
    fake_init(&f, "http", "probeResist=web:decoy.test/page", NULL);
    auth_init(&f);
    say(f.client, "CONNECT a.test:1 HTTP/1.1\r\n\r\n");
    AWAIT_DIAL(&f, 0);
    HEARS(f.origin[0], "GET /page HTTP/1.1\r\nHost: decoy.test\r\nConnection: close\r\n\r\n");
    say(f.origin[0], ok);
    HEARS(f.client, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi");
    fake_end(&f);
}

FIBER_TEST(settings_that_cannot_work_are_refused)
{
    static const char *const wrong[][2] = {
        {"probeResist", "teapot"},      {"probeResist", "code:abc"}, {"probeResist", "code:99"},
        {"probeResist", "web:http://"}, {"proxyAgent", "a\r\nb"},    {"authBasicRealm", "a\"b"},
    };
    const struct gost_handler_kind *kind = gost_handler_kind_find("http");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        void *settings = gost_options_new(&kind->options);
        struct gost_handler *h = NULL;
        const struct gost_option *o = gost_option_find(kind->options.table, wrong[i][0]);
        CHECK_INT(gost_option_set(settings, o, wrong[i][1]), 0);
        CHECK_INT(gost_handler_new(kind, settings, &h), GOST_ECONFIG);
        CHECK(h == NULL);
    }
}

RUN_TESTS()
