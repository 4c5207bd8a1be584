#include "core/codec/http1.h"

#include "core/base/error.h"
#include "core/codec/http1_body.h"
#include "split.h"
#include "test.h"

static struct gost_http1 h;

static ssize_t request(const char *text)
{
    return gost_http1_request_decode(&h, (const uint8_t *)text, strlen(text));
}

static ssize_t response(const char *text)
{
    return gost_http1_response_decode(&h, (const uint8_t *)text, strlen(text));
}

#define CHECK_SLICE(s, text) CHECK(gost_slice_is((s), (text)))

TEST(a_connect_leaves_what_is_behind_it)
{
    const char *text =
        "CONNECT t.test:80 HTTP/1.1\r\nHost: t.test:80\r\n"
        "User-Agent: Go-http-client/1.1\r\nProxy-Connection: keep-alive\r\n\r\nhello";
    CHECK_INT(request(text), strlen(text) - 5);
    CHECK_SLICE(h.method, "CONNECT");
    CHECK_SLICE(h.target, "t.test:80");
    CHECK_INT(h.minor, 1);
    CHECK_INT(h.status, 0);
    CHECK_INT(h.count, 3);
    CHECK_SLICE(gost_http1_name(&h, 2), "Proxy-Connection");
    CHECK_SLICE(gost_http1_get(&h, "USER-agent"), "Go-http-client/1.1");
    CHECK(gost_http1_get(&h, "Absent").p == NULL);
    CHECK_SPLIT(gost_http1_request_decode, &h, (const uint8_t *)text, strlen(text));
}

TEST(the_association_request_of_gost_has_no_target)
{
    const char *text = "CONNECT  HTTP/1.1\r\nHost: \r\nX-Gost-Protocol: udp\r\n\r\n";
    CHECK_INT(request(text), strlen(text));
    CHECK_INT(h.target.n, 0);
    CHECK_SLICE(gost_http1_get(&h, "Host"), "");
    CHECK(gost_http1_get(&h, "Host").p != NULL);
    CHECK_SLICE(gost_http1_get(&h, "x-gost-protocol"), "udp");
}

TEST(good_requests_parse)
{
    static const char *const good[] = {
        "GET / HTTP/1.1\r\n\r\n",
        "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "OPTIONS * HTTP/1.0\r\n\r\n",
        "GET http://a/\xc3\xa9 HTTP/1.1\r\nX:\xff\t \r\n\r\n",
        "M-SEARCH * HTTP/1.1\r\nX:\r\nY: a b\tc\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 3\r\ncontent-length: 3\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: ,chunked,\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        CHECK_INT(request(good[i]), strlen(good[i]));
        CHECK_SPLIT(gost_http1_request_decode, &h, (const uint8_t *)good[i], strlen(good[i]));
    }
}

TEST(requests_that_two_parsers_read_in_two_ways_are_refused)
{
    static const char *const wrong[] = {
        "GET / HTTP/1.1\nHost: a\n\n",
        "GET / HTTP/1.1\r\nA: b\rC: d\r\n\r\n",
        "GET / HTTP/1.1\r\nA: b\r\n C: d\r\n\r\n",
        "GET / HTTP/1.1\r\n A: b\r\n\r\n",
        "GET / HTTP/1.1\r\nA : b\r\n\r\n",
        "GET / HTTP/1.1\r\nA\r\n\r\n",
        "GET / HTTP/1.1\r\n: b\r\n\r\n",
        "GET / HTTP/1.1\r\nA\x01: b\r\n\r\n",
        "GET / HTTP/1.1\r\nA: b\x1b\r\n\r\n",
        "GET / HTTP/1.1\r\nA: b\x7f\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 0x1\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length:\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
        "GET / HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
        "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n",
        "GET / HTTP/1.1\r\nTransfer-Encoding: \"chunked\"\r\n\r\n",
        "GET / HTTP/1.1\r\nTransfer-Encoding:\r\n\r\n",
        "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / b HTTP/1.1\r\n\r\n",
        "GET /\tb HTTP/1.1\r\n\r\n",
        "GET  HTTP/1.1\r\n\r\n",
        "GET  / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1 \r\n\r\n",
        "GET / http/1.1\r\n\r\n",
        "GET / HTTP/1.10\r\n\r\n",
        "GET / HTTP/1\r\n\r\n",
        "GET /\r\n\r\n",
        "GET\r\n\r\n",
        " GET / HTTP/1.1\r\n\r\n",
        "\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        "G@T / HTTP/1.1\r\n\r\n",
        "\x16\x03\x01",
        "THISISNOMETHODTHATANYBODYWOULDUSE",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK_INT(request(wrong[i]), GOST_EPROTO);
        if (request(wrong[i]) != GOST_EPROTO)
            fprintf(stderr, "accepted: %s\n", wrong[i]);
        CHECK_SPLIT(gost_http1_request_decode, &h, (const uint8_t *)wrong[i], strlen(wrong[i]));
    }
    CHECK_INT(gost_http1_request_decode(&h, (const uint8_t *)"GET /\0", 6), GOST_EPROTO);
    CHECK_INT(request("PRI * HTTP/2.0\r\n\r\n"), GOST_ENOTSUP);
}

TEST(a_control_is_seen_wherever_it_stands)
{
    char text[128];
    size_t n = (size_t)snprintf(text, sizeof text, "GET / HTTP/1.1\r\nA: %060d\r\n\r\n", 0);
    for (size_t i = 19; i < 79; i++) {
        static const char bad[] = {0, 1, 10, 13, 31, 127};
        for (size_t k = 0; k < sizeof bad; k++) {
            char was = text[i];
            text[i] = bad[k];
            CHECK_INT(gost_http1_request_decode(&h, (uint8_t *)text, n), GOST_EPROTO);
            text[i] = was;
        }
        text[i] = '\t';
        CHECK_INT(gost_http1_request_decode(&h, (uint8_t *)text, n), n);
        text[i] = '0';
    }
}

TEST(limits_hold)
{
    static char text[GOST_HTTP1_MAX + 8];
    size_t n = (size_t)sprintf(text, "GET / HTTP/1.1\r\n");
    for (int i = 0; i < GOST_HTTP1_FIELDS; i++)
        n += (size_t)sprintf(text + n, "A: b\r\n");
    memcpy(text + n, "\r\n", 2);
    CHECK_INT(gost_http1_request_decode(&h, (uint8_t *)text, n + 2), n + 2);
    memcpy(text + n, "A: b\r\n", 6);
    CHECK_INT(gost_http1_request_decode(&h, (uint8_t *)text, n + 6), GOST_ELIMIT);

    memset(text, 'x', sizeof text);
    memcpy(text, "GET / HTTP/1.1\r\nA:", 18);
    CHECK_INT(gost_http1_request_decode(&h, (uint8_t *)text, GOST_HTTP1_MAX - 1), 0);
    CHECK_INT(gost_http1_request_decode(&h, (uint8_t *)text, GOST_HTTP1_MAX), GOST_ELIMIT);
    memcpy(text + GOST_HTTP1_MAX - 4, "\r\n\r\n", 4);
    CHECK_INT(gost_http1_request_decode(&h, (uint8_t *)text, sizeof text), GOST_HTTP1_MAX);
    CHECK_INT(gost_http1_get(&h, "A").n, GOST_HTTP1_MAX - 22);
}

TEST(responses_parse)
{
    static const struct {
        const char *text, *reason;
        int status;
    } good[] = {
        {"HTTP/1.1 200 Connection established\r\nProxy-Agent: gost/3.0\r\n\r\n",
         "Connection established", 200},
        {"HTTP/1.0 407 \r\n\r\n", "", 407},
        {"HTTP/1.1 503\r\n\r\n", "", 503},
        {"HTTP/1.1 200 OK\r\nHost: a\r\nHost: b\r\n\r\n", "OK", 200},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        CHECK_INT(response(good[i].text), strlen(good[i].text));
        CHECK_INT(h.status, good[i].status);
        CHECK_SLICE(h.reason, good[i].reason);
        CHECK_SPLIT(gost_http1_response_decode, &h, (const uint8_t *)good[i].text,
                    strlen(good[i].text));
    }
}

TEST(malformed_responses_are_refused)
{
    static const char *const wrong[] = {
        "SSH-2.0",
        "HTTP/1.1 20 OK\r\n",
        "HTTP/1.1 2000\r\n",
        "HTTP/1.1\r\n",
        "HTTP/1.1 0x1 OK\r\n",
        "HTTP/1.1  200 OK\r\n",
        "HTTP/1.1 099 OK\r\n",
        "\r\nHTTP/1.1 200 OK",
        "HTTP/1.1 200 OK\n",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK_INT(response(wrong[i]), GOST_EPROTO);
        CHECK_SPLIT(gost_http1_response_decode, &h, (const uint8_t *)wrong[i], strlen(wrong[i]));
    }
    CHECK_INT(response("HTTP/2.0 200 OK\r\n"), GOST_ENOTSUP);
}

TEST(request_bodies_are_framed)
{
    struct gost_http1_body b;
    request("POST / HTTP/1.1\r\nContent-Length: 123456789012345678\r\n\r\n");
    b = gost_http1_request_body(&h);
    CHECK_INT(b.framing, GOST_HTTP1_LENGTH);
    CHECK_INT(b.length, 123456789012345678);
    request("POST / HTTP/1.1\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n");
    CHECK_INT(gost_http1_request_body(&h).framing, GOST_HTTP1_CHUNKED);
    request("POST / HTTP/1.1\r\n\r\n");
    CHECK_INT(gost_http1_request_body(&h).framing, GOST_HTTP1_NO_BODY);
    request("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    CHECK_INT(gost_http1_request_body(&h).framing, GOST_HTTP1_NO_BODY);
}

TEST(response_bodies_are_framed)
{
    static const struct {
        const char *text, *method;
        int framing;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\n\r\n", "GET", GOST_HTTP1_UNTIL_CLOSE},
        {"HTTP/1.1 200 OK\r\n\r\n", "CONNECT", GOST_HTTP1_NO_BODY},
        {"HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\n", "CONNECT", GOST_HTTP1_LENGTH},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "GET", GOST_HTTP1_LENGTH},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "HEAD", GOST_HTTP1_NO_BODY},
        {"HTTP/1.1 304 OK\r\nContent-Length: 2\r\n\r\n", "GET", GOST_HTTP1_NO_BODY},
        {"HTTP/1.1 204 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "GET", GOST_HTTP1_NO_BODY},
        {"HTTP/1.1 101 OK\r\n\r\n", "GET", GOST_HTTP1_NO_BODY},
        {"HTTP/1.1 100 OK\r\n\r\n", "POST", GOST_HTTP1_NO_BODY},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "GET", GOST_HTTP1_CHUNKED},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "GET", GOST_HTTP1_UNTIL_CLOSE},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "GET", GOST_HTTP1_NO_BODY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK(response(cases[i].text) > 0);
        CHECK_INT(gost_http1_response_body(&h, gost_slice(cases[i].method)).framing,
                  cases[i].framing);
    }
}

TEST(keepalive_follows_version_and_tokens)
{
    static const struct {
        const char *text;
        bool keep;
    } cases[] = {
        {"GET / HTTP/1.1\r\n\r\n", true},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nConnection: upgrade , CLOSE\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nConnection: a\r\nConnection: close\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
        {"GET / HTTP/1.0\r\nProxy-Connection: Keep-Alive\r\n\r\n", true},
        {"GET / HTTP/1.1\r\nProxy-Connection: close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nConnection: keep-alive\r\nProxy-Connection: close\r\n\r\n", true},
        {"GET / HTTP/1.1\r\nConnection: closed\r\n\r\n", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK(request(cases[i].text) > 0);
        CHECK_INT(gost_http1_keepalive(&h), cases[i].keep);
    }
}

TEST(absolute_targets_come_apart)
{
    static const struct {
        const char *text, *host, *path, *scheme;
        int port;
    } cases[] = {
        {"http://a.test/x?y=/z", "a.test", "/x?y=/z", "http", 80},
        {"HTTP://user:pw@a.test:8080", "a.test", "", "HTTP", 8080},
        {"http://[2001:db8::1]:81/#frag", "2001:db8::1", "/", "http", 81},
        {"https://a.test?q", "a.test", "?q", "https", 443},
        {"ws://a.test:/", "a.test", "/", "ws", 80},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct gost_http1_target t;
        CHECK_INT(gost_http1_absolute(&t, gost_slice(cases[i].text), 0), 0);
        CHECK_STR(t.addr.host, cases[i].host);
        CHECK_INT(t.addr.port, cases[i].port);
        CHECK_SLICE(t.path, cases[i].path);
        CHECK_SLICE(t.scheme, cases[i].scheme);
    }
}

TEST(wrong_targets_are_refused)
{
    static const char *const wrong[] = {"/path", "a.test:80",      "http://",       "http:///x",
                                        "",      "http://a:99999", "http://a:b/",   "http://[::1/",
                                        "*",     "http://a\\b/",   "http://1:2:z/", "1http://a/"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct gost_http1_target t;
        CHECK_INT(gost_http1_absolute(&t, gost_slice(wrong[i]), 0), GOST_EPROTO);
    }
}

TEST(authorities_parse)
{
    struct gost_addr a;
    CHECK_INT(gost_http1_authority(&a, gost_slice("t.test:443"), 80), 0);
    CHECK_INT(a.port, 443);
    CHECK_INT(gost_http1_authority(&a, gost_slice("[::1]"), 80), 0);
    CHECK_STR(a.host, "::1");
    CHECK_INT(a.port, 80);
    static const char *const wrong[] = {"", ":80", "a b", "u@a:80", "a/b", "a:b", "a:1:2", "a#"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        CHECK_INT(gost_http1_authority(&a, gost_slice(wrong[i]), 80), GOST_EPROTO);
}

TEST(names_and_values_can_be_checked)
{
    CHECK(gost_http1_is_token(gost_slice("X-Header_1!")));
    CHECK(!gost_http1_is_token(gost_slice("")));
    CHECK(!gost_http1_is_token(gost_slice("a:b")));
    CHECK(gost_http1_is_value(gost_slice("")));
    CHECK(gost_http1_is_value(gost_slice("some text \xff which is long")));
    CHECK(!gost_http1_is_value(gost_slice("a\r\nSet-Cookie: b")));
    CHECK_STR(gost_http1_reason(407), "Proxy Authentication Required");
    CHECK_STR(gost_http1_reason(100), "Continue");
    CHECK_STR(gost_http1_reason(505), "HTTP Version Not Supported");
    CHECK_STR(gost_http1_reason(299), "Status");
}

RUN_TESTS()
