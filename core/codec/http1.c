#include "core/codec/http1.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/http1_fields.h"

#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/** RFC 9110 section 5.6.2. */
static bool is_token_char(uint8_t c)
{
    /* one bit a byte: letters, digits and !#$%&'*+-.^_`|~ */
    static const uint32_t set[8] = {0, 0x03ff6cfa, 0xc7fffffe, 0x57ffffff, 0, 0, 0, 0};
    return set[c >> 5] >> (c & 31) & 1;
}

bool gost_http1_is_token(struct gost_slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!is_token_char((uint8_t)s.p[i]))
            return false;
    }
    return s.n > 0;
}

/** Tab, blank, visible characters and all of non-ASCII may stand in a line. */
static bool is_text_char(uint8_t c)
{
    return (c >= 0x20 && c != 0x7f) || c == '\t';
}

/** @return true when none of the eight bytes is below 0x20 or equals 0x7f */
static bool all_text(const uint8_t *p)
{
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    uint64_t v;
    memcpy(&v, p, sizeof v);
    uint64_t del = v ^ ones * 0x7f;
    uint64_t low = (v - ones * 0x20) & ~v, zero = (del - ones) & ~del;
    return ((low | zero) & tops) == 0;
}

static size_t text_run(const uint8_t *p, size_t n)
{
    size_t i = 0;
    for (;;) {
        while (n - i >= 8 && all_text(p + i))
            i += 8;
        size_t stop = n - i < 8 ? n : i + 8;
        while (i < stop && is_text_char(p[i]))
            i++;
        if (i < stop || i == n)
            return i;
    }
}

bool gost_http1_is_value(struct gost_slice s)
{
    return s.n == 0 || text_run((const uint8_t *)s.p, s.n) == s.n;
}

/**
 * Find the end of the line at `p`.
 * @param[out] len  bytes before its CRLF, or all of them while it is incomplete
 * @return 1: found; 0: incomplete; GOST_EPROTO
 */
static int take_line(const uint8_t *p, size_t n, size_t *len)
{
    *len = text_run(p, n);
    if (*len == n)
        return 0;
    if (p[*len] != '\r')
        return gost_fail(GOST_EPROTO, "byte 0x%02x inside of an HTTP head", p[*len]);
    if (*len + 1 == n)
        return 0;
    if (p[*len + 1] != '\n')
        return gost_fail(GOST_EPROTO, "a lone CR inside of an HTTP head");
    return 1;
}

/** "HTTP/1.x" @return 0, GOST_EPROTO, GOST_ENOTSUP */
static int version_decode(struct gost_http1 *out, struct gost_slice s)
{
    if (s.n != 8 || memcmp(s.p, "HTTP/", 5) != 0 || !is_digit(s.p[5]) || s.p[6] != '.' ||
        !is_digit(s.p[7]))
        return gost_fail(GOST_EPROTO, "malformed HTTP version");
    if (s.p[5] != '1')
        return gost_fail(GOST_ENOTSUP, "HTTP version %c.%c", s.p[5], s.p[7]);
    out->minor = (uint8_t)(s.p[7] - '0');
    return 0;
}

/** What can be said of the first line before it is complete: does it begin with a method? */
static int method_decode(struct gost_http1 *out, const char *p, size_t n)
{
    size_t len = 0;
    while (len < n && is_token_char((uint8_t)p[len]))
        len++;
    if (len > GOST_HTTP1_METHOD_MAX || (len < n && (len == 0 || p[len] != ' ')))
        return gost_fail(GOST_EPROTO, "not an HTTP request");
    out->method = (struct gost_slice){p, len};
    return 0;
}

static int request_line(struct gost_http1 *out, const char *p, size_t n, bool complete)
{
    int rc = method_decode(out, p, n);
    if (rc < 0 || !complete)
        return rc;
    size_t at = out->method.n + 1;
    if (at > n || n - at < 9 || p[n - 9] != ' ')
        return gost_fail(GOST_EPROTO, "malformed HTTP request line");
    out->target = (struct gost_slice){p + at, n - 9 - at};
    /* GOST asks for a UDP association with no target at all: "CONNECT  HTTP/1.1" */
    if (out->target.n == 0 && !gost_slice_is(out->method, "CONNECT"))
        return gost_fail(GOST_EPROTO, "an HTTP request without a target");
    if (out->target.n > 0 &&
        (memchr(out->target.p, ' ', out->target.n) || memchr(out->target.p, '\t', out->target.n)))
        return gost_fail(GOST_EPROTO, "a blank inside of an HTTP target");
    return version_decode(out, (struct gost_slice){p + n - 8, 8});
}

static int status_line(struct gost_http1 *out, const char *p, size_t n, bool complete)
{
    static const char prefix[] = "HTTP/";
    size_t known = n < sizeof prefix - 1 ? n : sizeof prefix - 1;
    if (memcmp(p, prefix, known) != 0)
        return gost_fail(GOST_EPROTO, "not an HTTP response");
    if (!complete)
        return 0;
    if (n < 12 || p[8] != ' ' || !is_digit(p[9]) || p[9] == '0' || !is_digit(p[10]) ||
        !is_digit(p[11]) || (n > 12 && p[12] != ' '))
        return gost_fail(GOST_EPROTO, "malformed HTTP status line");
    out->status = (uint16_t)((p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0'));
    out->reason = (struct gost_slice){p + (n > 12 ? 13 : 12), n > 12 ? n - 13 : 0};
    return version_decode(out, (struct gost_slice){p, 8});
}

/** Take one line apart; `complete` is false for the piece of a line at the end of the input. */
static int field_line(struct gost_http1 *out, const char *p, size_t n, bool complete)
{
    size_t len = 0;
    while (len < n && is_token_char((uint8_t)p[len]))
        len++;
    if (len == n && !complete)
        return 0;
    if (len == 0 || len == n || p[len] != ':')
        return gost_fail(GOST_EPROTO, "malformed name of an HTTP field");
    if (!complete)
        return 0;
    if (out->count == GOST_HTTP1_FIELDS)
        return gost_fail(GOST_ELIMIT, "more than %d HTTP fields", GOST_HTTP1_FIELDS);
    struct gost_slice value = gost_slice_trim((struct gost_slice){p + len + 1, n - len - 1});
    out->field[out->count++] = (struct gost_http1_field){
        .name = (uint16_t)(p - out->base),
        .name_len = (uint16_t)len,
        .value = (uint16_t)(value.p - out->base),
        .value_len = (uint16_t)value.n,
    };
    return gost__http1_check_field(out, out->count - 1u);
}

static int any_line(struct gost_http1 *out, const char *p, size_t n, bool complete, bool first,
                    bool request)
{
    if (!first)
        return field_line(out, p, n, complete);
    return request ? request_line(out, p, n, complete) : status_line(out, p, n, complete);
}

static void start(struct gost_http1 *out, const uint8_t *p)
{
    out->base = (const char *)p;
    out->method = out->target = out->reason = (struct gost_slice){NULL, 0};
    out->status = 0;
    out->minor = 0;
    out->chunked = out->coded = false;
    out->content_length = -1;
    out->count = 0;
}

/** @return 2 for an empty line in front of a request (RFC 9112 section 2.2), else 0 */
static size_t leading_line(const uint8_t *p, size_t n, bool request)
{
    return request && n >= 2 && p[0] == '\r' && p[1] == '\n' ? 2 : 0;
}

static ssize_t head_decode(struct gost_http1 *out, const uint8_t *p, size_t n, bool request)
{
    size_t seen = n < GOST_HTTP1_MAX ? n : GOST_HTTP1_MAX, begin = leading_line(p, seen, request);
    start(out, p);
    if (n == 0)
        return 0;
    for (size_t at = begin;;) {
        size_t len;
        int rc = take_line(p + at, seen - at, &len);
        if (rc < 0)
            return rc;
        if (rc == 1 && len == 0 && at > begin) {
            rc = gost__http1_check_head(out);
            return rc < 0 ? rc : (ssize_t)at + 2;
        }
        bool complete = at + len < seen; /* perhaps but for its LF */
        int err = 0;
        if (rc == 1 || len > 0)
            err = any_line(out, (const char *)p + at, len, complete, at == begin, request);
        if (err < 0)
            return err;
        if (rc == 0)
            break;
        at += len + 2;
    }
    if (n >= GOST_HTTP1_MAX)
        return gost_fail(GOST_ELIMIT, "an HTTP head over %d bytes", GOST_HTTP1_MAX);
    return 0;
}

ssize_t gost_http1_request_decode(struct gost_http1 *out, const uint8_t *p, size_t n)
{
    return head_decode(out, p, n, true);
}

ssize_t gost_http1_response_decode(struct gost_http1 *out, const uint8_t *p, size_t n)
{
    return head_decode(out, p, n, false);
}
