/**
 * A head, request or response by its first byte, and its body when that is chunked.
 */
#include "core/base/error.h"
#include "core/codec/chunked.h"
#include "core/codec/http1.h"
#include "core/codec/http1_body.h"
#include "core/codec/userpass.h"
#include "fuzz.h"

static struct gost_http1 h, spare;

static void check_inside(struct gost_slice s, const uint8_t *p, ssize_t end)
{
    REQUIRE(s.n == 0 || ((const uint8_t *)s.p >= p && (const uint8_t *)s.p + s.n <= p + end));
}

static void check_fields(const uint8_t *p, ssize_t end)
{
    for (size_t i = 0; i < h.count; i++) {
        check_inside(gost_http1_name(&h, i), p, end);
        check_inside(gost_http1_value(&h, i), p, end);
        REQUIRE(gost_http1_is_token(gost_http1_name(&h, i)));
        REQUIRE(gost_http1_is_value(gost_http1_value(&h, i)));
    }
}

/** Written anew, the head must parse to the same, or the next hop would see another message. */
static void check_rewritten(bool request)
{
    static char text[2 * GOST_HTTP1_MAX];
    static struct gost_http1 again;
    int n = request ? sprintf(text, "%.*s %.*s HTTP/1.%d\r\n", (int)h.method.n, h.method.p,
                              (int)h.target.n, h.target.p, h.minor)
                    : sprintf(text, "HTTP/1.%d %d %.*s\r\n", h.minor, h.status, (int)h.reason.n,
                              h.reason.p);
    for (size_t i = 0; i < h.count; i++) {
        struct gost_slice name = gost_http1_name(&h, i), value = gost_http1_value(&h, i);
        n += sprintf(text + n, "%.*s: %.*s\r\n", (int)name.n, name.p, (int)value.n, value.p);
    }
    n += sprintf(text + n, "\r\n");
    ssize_t rc = request ? gost_http1_request_decode(&again, (uint8_t *)text, (size_t)n)
                         : gost_http1_response_decode(&again, (uint8_t *)text, (size_t)n);
    REQUIRE(rc == n || n > GOST_HTTP1_MAX);
    REQUIRE(rc < 0 || (again.count == h.count && again.content_length == h.content_length &&
                       again.chunked == h.chunked));
}

/** The body's end must not depend on how the bytes arrive. */
static void check_chunked(const uint8_t *p, size_t n)
{
    struct gost_chunked whole = {0}, bytes = {0};
    ssize_t end = gost_chunked_feed(&whole, p, n), rc = 1;
    REQUIRE(end <= (ssize_t)n);
    size_t at = 0;
    while (at < n && rc == 1) {
        rc = gost_chunked_feed(&bytes, p + at, 1);
        at += rc == 1;
    }
    REQUIRE(rc < 0 ? rc == end : (ssize_t)at == end);
    REQUIRE(rc < 0 || whole.done == bytes.done);
    REQUIRE(end < 0 || whole.done || end == (ssize_t)n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gost_http1_target target;
    struct gost_userpass credentials;
    if (size < 2)
        return 0;
    bool request = data[0] & 1;
    const uint8_t *p = data + 1;
    size_t n = size - 1;
    ssize_t rc = FUZZ_DECODE(request ? gost_http1_request_decode : gost_http1_response_decode,
                             &spare, &h, p, n);
    if (rc <= 0)
        return 0;
    REQUIRE((request ? gost_http1_request_decode : gost_http1_response_decode)(&h, p, n) == rc);
    check_fields(p, rc);
    check_rewritten(request);
    if (request && gost_http1_absolute(&target, h.target, 0) == 0)
        check_inside(target.path, p, rc);
    gost_http1_authority(&target.addr, h.target, 80);
    gost_http1_keepalive(&h);
    gost_userpass_from_basic(&credentials, gost_http1_get(&h, "Proxy-Authorization"));
    struct gost_http1_body body =
        request ? gost_http1_request_body(&h) : gost_http1_response_body(&h, gost_slice("GET"));
    REQUIRE(!request || body.framing != GOST_HTTP1_UNTIL_CLOSE);
    if (body.framing == GOST_HTTP1_CHUNKED)
        check_chunked(p + rc, n - (size_t)rc);
    return 0;
}
