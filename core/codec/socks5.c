#include "core/codec/socks5.h"

#include "core/base/diag.h"
#include "core/base/error.h"

#include <string.h>

enum { VERSION = 5, AUTH_VERSION = 1 };

const char *gost_socks5_code_text(uint8_t code)
{
    static const char *const text[] = {
        "succeeded",           "general failure",       "not allowed",
        "network unreachable", "host unreachable",      "connection refused",
        "TTL expired",         "command not supported", "address type not supported",
    };
    return code < sizeof text / sizeof text[0] ? text[code] : "unknown reply code";
}

/** @return 1 when the first byte is right, 0 when there is none, GOST_EPROTO */
static int check_version(const uint8_t *p, size_t n, uint8_t version)
{
    if (n < 1)
        return 0;
    if (p[0] != version)
        return gost_fail(GOST_EPROTO, "version byte is %u, not %u", p[0], version);
    return 1;
}

static ssize_t pair_decode(uint8_t *value, const uint8_t *p, size_t n, uint8_t version)
{
    int rc = check_version(p, n, version);
    if (rc <= 0)
        return rc;
    if (n < 2)
        return 0;
    *value = p[1];
    return 2;
}

static size_t pair_encode(uint8_t *buf, size_t cap, uint8_t version, uint8_t value)
{
    if (cap < 2)
        return 0;
    buf[0] = version;
    buf[1] = value;
    return 2;
}

ssize_t gost_socks5_hello_decode(struct gost_socks5_hello *out, const uint8_t *p, size_t n)
{
    int rc = check_version(p, n, VERSION);
    if (rc <= 0)
        return rc;
    if (n < 2)
        return 0;
    if (p[1] == 0)
        return gost_fail(GOST_EPROTO, "the client offers no method");
    if (n < 2 + (size_t)p[1])
        return 0;
    out->count = p[1];
    memcpy(out->method, p + 2, p[1]);
    return 2 + p[1];
}

size_t gost_socks5_hello_encode(uint8_t *buf, size_t cap, const struct gost_socks5_hello *in)
{
    if (cap < 2 + (size_t)in->count)
        return 0;
    buf[0] = VERSION;
    buf[1] = in->count;
    memcpy(buf + 2, in->method, in->count);
    return 2 + (size_t)in->count;
}

bool gost_socks5_hello_has(const struct gost_socks5_hello *h, uint8_t method)
{
    return memchr(h->method, method, h->count) != NULL;
}

ssize_t gost_socks5_choice_decode(struct gost_socks5_choice *out, const uint8_t *p, size_t n)
{
    return pair_decode(&out->method, p, n, VERSION);
}

size_t gost_socks5_choice_encode(uint8_t *buf, size_t cap, const struct gost_socks5_choice *in)
{
    return pair_encode(buf, cap, VERSION, in->method);
}

ssize_t gost_socks5_auth_decode(struct gost_userpass *out, const uint8_t *p, size_t n)
{
    int rc = check_version(p, n, AUTH_VERSION);
    if (rc <= 0)
        return rc;
    ssize_t used = gost_userpass_decode(out, p + 1, n - 1);
    return used <= 0 ? used : 1 + used;
}

size_t gost_socks5_auth_encode(uint8_t *buf, size_t cap, const struct gost_userpass *in)
{
    size_t used = cap < 1 ? 0 : gost_userpass_encode(buf + 1, cap - 1, in);
    if (used == 0)
        return 0;
    buf[0] = AUTH_VERSION;
    return 1 + used;
}

ssize_t gost_socks5_auth_reply_decode(struct gost_socks5_auth_reply *out, const uint8_t *p, size_t n)
{
    return pair_decode(&out->status, p, n, AUTH_VERSION);
}

size_t gost_socks5_auth_reply_encode(uint8_t *buf, size_t cap,
                                     const struct gost_socks5_auth_reply *in)
{
    return pair_encode(buf, cap, AUTH_VERSION, in->status);
}

/** Request and reply share one shape: version, a code, a reserved byte, an address. */
static ssize_t message_decode(uint8_t *code, struct gost_addr *addr, const uint8_t *p, size_t n)
{
    int rc = check_version(p, n, VERSION);
    if (rc <= 0)
        return rc;
    if (n < 4)
        return 0;
    ssize_t used = gost_socksaddr_decode(addr, p + 3, n - 3);
    if (used <= 0)
        return used;
    *code = p[1];
    return 3 + used;
}

static size_t message_encode(uint8_t *buf, size_t cap, uint8_t code, const struct gost_addr *addr)
{
    size_t used = cap < 3 ? 0 : gost_socksaddr_encode(buf + 3, cap - 3, addr);
    if (used == 0)
        return 0;
    buf[0] = VERSION;
    buf[1] = code;
    buf[2] = 0;
    return 3 + used;
}

ssize_t gost_socks5_request_decode(struct gost_socks5_request *out, const uint8_t *p, size_t n)
{
    return message_decode(&out->command, &out->addr, p, n);
}

size_t gost_socks5_request_encode(uint8_t *buf, size_t cap, const struct gost_socks5_request *in)
{
    return message_encode(buf, cap, in->command, &in->addr);
}

ssize_t gost_socks5_reply_decode(struct gost_socks5_reply *out, const uint8_t *p, size_t n)
{
    return message_decode(&out->code, &out->addr, p, n);
}

size_t gost_socks5_reply_encode(uint8_t *buf, size_t cap, const struct gost_socks5_reply *in)
{
    static const struct gost_addr none = {.host = "0.0.0.0"};
    bool absent = in->addr.host[0] == 0 && in->addr.port == 0;
    return message_encode(buf, cap, in->code, absent ? &none : &in->addr);
}
