#include "core/codec/client_hello.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/bytes.h"

enum {
    RECORD_HANDSHAKE = 22,
    RECORD_MAX = 16384,
    CLIENT_HELLO = 1,
    EXT_SERVER_NAME = 0,
    EXT_ALPN = 16,
    EXT_SUPPORTED_VERSIONS = 43,
};

/** Reads the payloads of consecutive records as one run of bytes. */
struct reader {
    const uint8_t *p;
    size_t n, at;
    size_t record; /* bytes left in the current record */
    int rc;        /* why reading stopped: 0 for want of bytes, or the error */
};

static bool stop(struct reader *r, const char *why)
{
    r->rc = gost_fail(GOST_EPROTO, "%s", why);
    return false;
}

/** Step into the next record; what is there of its head is judged at once. */
static bool next_record(struct reader *r)
{
    const uint8_t *head = r->p + r->at;
    size_t have = r->n - r->at;
    if (have > 0 && head[0] != RECORD_HANDSHAKE)
        return stop(r, "not a TLS handshake");
    if (have > 1 && head[1] != 3)
        return stop(r, "not a TLS record");
    if (have < 5)
        return false;
    r->record = gost__get16(head + 3);
    if (r->record == 0 || r->record > RECORD_MAX)
        return stop(r, "a TLS record of impossible length");
    r->at += 5;
    return true;
}

/**
 * Take `len` bytes out of the `left` ones of the enclosing field.
 * @param dst  where to copy them; NULL: skip them
 */
static bool take(struct reader *r, size_t *left, void *dst, size_t len)
{
    if (len > *left)
        return stop(r, "a field overruns the ClientHello");
    *left -= len;
    for (size_t done = 0; done < len;) {
        if (r->record == 0 && !next_record(r))
            return false;
        size_t step = len - done < r->record ? len - done : r->record;
        bool cut = r->n - r->at < step;
        if (cut)
            step = r->n - r->at;
        if (dst && step > 0)
            memcpy((uint8_t *)dst + done, r->p + r->at, step);
        r->at += step;
        r->record -= step;
        done += step;
        if (cut)
            return false;
    }
    return true;
}

/** Take a number of 1 to 3 bytes. */
static bool take_number(struct reader *r, size_t *left, size_t bytes, size_t *value)
{
    uint8_t b[3] = {0};
    if (!take(r, left, b + 3 - bytes, bytes))
        return false;
    *value = gost__get24(b);
    return true;
}

/** Take the length of a vector; its bytes leave `left` for `inner`. */
static bool take_vector(struct reader *r, size_t *left, size_t bytes, size_t *inner)
{
    if (!take_number(r, left, bytes, inner))
        return false;
    if (*inner > *left)
        return stop(r, "a field overruns the ClientHello");
    *left -= *inner;
    return true;
}

static bool skip_vector(struct reader *r, size_t *left, size_t bytes)
{
    size_t inner;
    return take_vector(r, left, bytes, &inner) && take(r, &inner, NULL, inner);
}

static bool take_numbers(struct reader *r, size_t left, uint16_t *out, uint8_t *count, size_t max)
{
    *count = 0;
    while (left > 0) {
        size_t value;
        if (!take_number(r, &left, 2, &value))
            return false;
        if (*count < max)
            out[(*count)++] = (uint16_t)value;
    }
    return true;
}

static bool take_host_name(struct gost_client_hello *out, struct reader *r, size_t *left)
{
    size_t n;
    if (!take_vector(r, left, 2, &n))
        return false;
    if (n == 0 || n > 255)
        return stop(r, "a server name of impossible length");
    size_t len = n;
    if (!take(r, &n, out->sni, len))
        return false;
    out->sni[len] = 0;
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)out->sni[i] <= 0x20 || out->sni[i] == 0x7f)
            return stop(r, "a control character inside of the server name");
    }
    return true;
}

/** RFC 6066 section 3: a list with one name a type; only type 0, host name, was ever defined. */
static bool take_server_name(struct gost_client_hello *out, struct reader *r, size_t *left)
{
    size_t list;
    if (!take_vector(r, left, 2, &list))
        return false;
    while (list > 0) {
        size_t type;
        if (!take_number(r, &list, 1, &type))
            return false;
        if (type == 0 && out->sni[0] == 0) {
            if (!take_host_name(out, r, &list))
                return false;
        } else if (type == 0) {
            return stop(r, "two server names");
        } else if (!skip_vector(r, &list, 2)) {
            return false;
        }
    }
    return true;
}

/** RFC 7301 section 3.1. */
static bool take_alpn(struct gost_client_hello *out, struct reader *r, size_t *left)
{
    size_t list;
    if (!take_vector(r, left, 2, &list))
        return false;
    out->alpn_len = 0;
    while (list > 0) {
        size_t n;
        if (!take_vector(r, &list, 1, &n))
            return false;
        size_t len = n;
        bool fits = sizeof out->alpn - out->alpn_len > len;
        if (len == 0)
            return stop(r, "an empty name in ALPN");
        if (!take(r, &n, fits ? out->alpn + out->alpn_len + 1 : NULL, len))
            return false;
        if (fits) {
            out->alpn[out->alpn_len] = (uint8_t)len;
            out->alpn_len += (uint16_t)(1 + len);
        }
    }
    return true;
}

static bool take_versions(struct gost_client_hello *out, struct reader *r, size_t *left)
{
    size_t list;
    return take_vector(r, left, 1, &list) &&
           take_numbers(r, list, out->versions, &out->nversions, GOST_CLIENT_HELLO_VERSIONS);
}

static bool take_extension(struct gost_client_hello *out, struct reader *r, size_t *left)
{
    size_t type, inner;
    if (!take_number(r, left, 2, &type) || !take_vector(r, left, 2, &inner))
        return false;
    bool ok = true;
    if (type == EXT_SERVER_NAME)
        ok = take_server_name(out, r, &inner);
    else if (type == EXT_ALPN)
        ok = take_alpn(out, r, &inner);
    else if (type == EXT_SUPPORTED_VERSIONS)
        ok = take_versions(out, r, &inner);
    return ok && take(r, &inner, NULL, inner);
}

static bool take_body(struct gost_client_hello *out, struct reader *r, size_t left)
{
    size_t version, list;
    if (!take_number(r, &left, 2, &version) || !take(r, &left, NULL, 32) ||
        !skip_vector(r, &left, 1) || !take_vector(r, &left, 2, &list) ||
        !take_numbers(r, list, out->ciphers, &out->nciphers, GOST_CLIENT_HELLO_CIPHERS) ||
        !skip_vector(r, &left, 1))
        return false;
    out->legacy_version = out->versions[0] = (uint16_t)version;
    out->nversions = 1;
    if (left == 0)
        return true; /* a hello without extensions, as before TLS 1.2 */
    if (!take_vector(r, &left, 2, &list))
        return false;
    while (list > 0) {
        if (!take_extension(out, r, &list))
            return false;
    }
    return take(r, &left, NULL, left);
}

ssize_t gost_client_hello_decode(struct gost_client_hello *out, const uint8_t *p, size_t n)
{
    size_t seen = n < GOST_CLIENT_HELLO_MAX ? n : GOST_CLIENT_HELLO_MAX;
    struct reader r = {.p = p, .n = seen};
    size_t head = 4, type, length;
    if (n == 0)
        return 0;
    out->sni[0] = 0;
    out->alpn_len = 0;
    bool ok = take_number(&r, &head, 1, &type);
    if (ok && type != CLIENT_HELLO)
        return gost_fail(GOST_EPROTO, "not a TLS ClientHello");
    ok = ok && take_number(&r, &head, 3, &length);
    if (ok && length > GOST_CLIENT_HELLO_BODY_MAX)
        return gost_fail(GOST_ELIMIT, "a ClientHello over %d bytes", GOST_CLIENT_HELLO_BODY_MAX);
    if (ok && take_body(out, &r, length))
        return (ssize_t)r.at;
    if (r.rc == 0 && n >= GOST_CLIENT_HELLO_MAX)
        return gost_fail(GOST_ELIMIT, "the records of a ClientHello over %d bytes",
                         GOST_CLIENT_HELLO_MAX);
    return r.rc;
}

bool gost_client_hello_next_alpn(const struct gost_client_hello *h, size_t *at,
                                 struct gost_slice *name)
{
    if (*at >= h->alpn_len)
        return false;
    *name = (struct gost_slice){(const char *)h->alpn + *at + 1, h->alpn[*at]};
    *at += 1 + (size_t)h->alpn[*at];
    return true;
}
