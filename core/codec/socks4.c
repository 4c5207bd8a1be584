#include "core/codec/socks4.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/bytes.h"

#include <arpa/inet.h>

enum { VERSION = 4, HEAD = 8 };

/**
 * Copy the text up to a NUL byte.
 * @return bytes consumed with the NUL; 0 incomplete; GOST_EPROTO over 255 bytes or with controls
 */
static ssize_t text_decode(char *out, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i > 255)
            break;
        if (p[i] == 0) {
            memcpy(out, p, i + 1);
            return (ssize_t)i + 1;
        }
        if (p[i] < 0x20 || p[i] == 0x7f)
            return gost_fail(GOST_EPROTO, "a control character inside of a text field");
    }
    return n > 255 ? gost_fail(GOST_EPROTO, "a text field over 255 bytes") : 0;
}

static int check_head(const uint8_t *p, size_t n)
{
    if (n >= 1 && p[0] != VERSION)
        return gost_fail(GOST_EPROTO, "version byte is %u, not 4", p[0]);
    if (n >= 2 && p[1] != GOST_SOCKS4_CONNECT && p[1] != GOST_SOCKS4_BIND)
        return gost_fail(GOST_EPROTO, "unknown command %u", p[1]);
    return n > HEAD;
}

/** 0.0.0.x with x != 0 announces a host name (4a). */
static bool names_host(const uint8_t *ip)
{
    return ip[0] == 0 && ip[1] == 0 && ip[2] == 0 && ip[3] != 0;
}

ssize_t gost_socks4_request_decode(struct gost_socks4_request *out, const uint8_t *p, size_t n)
{
    int rc = check_head(p, n);
    if (rc <= 0)
        return rc;
    ssize_t used = text_decode(out->user, p + HEAD, n - HEAD);
    if (used <= 0)
        return used;
    size_t at = HEAD + (size_t)used;
    if (names_host(p + 4)) {
        used = text_decode(out->addr.host, p + at, n - at);
        if (used == 1)
            return gost_fail(GOST_EPROTO, "an empty host name");
        if (used <= 0)
            return used;
        at += (size_t)used;
    } else {
        inet_ntop(AF_INET, p + 4, out->addr.host, sizeof out->addr.host);
    }
    out->command = p[1];
    out->addr.port = gost__get16(p + 2);
    return (ssize_t)at;
}

size_t gost_socks4_request_encode(uint8_t *buf, size_t cap, const struct gost_socks4_request *in)
{
    union gost_sockaddr ip;
    uint8_t addr[4] = {0, 0, 0, 1};
    if (gost_ip_parse(in->addr.host, 0, &ip) == AF_INET)
        memcpy(addr, &ip.v4.sin_addr, 4);
    if (addr[0] == 0 && addr[1] == 0 && addr[2] == 0 && addr[3] != 0)
        addr[3] = 1;
    size_t user = strlen(in->user) + 1;
    size_t host = names_host(addr) ? strlen(in->addr.host) + 1 : 0;
    if (host == 1 || cap < HEAD + user + host)
        return 0;
    buf[0] = VERSION;
    buf[1] = in->command;
    gost__put16(buf + 2, in->addr.port);
    memcpy(buf + 4, addr, 4);
    memcpy(buf + HEAD, in->user, user);
    memcpy(buf + HEAD + user, in->addr.host, host);
    return HEAD + user + host;
}

ssize_t gost_socks4_reply_decode(struct gost_socks4_reply *out, const uint8_t *p, size_t n)
{
    if (n >= 1 && p[0] != 0)
        return gost_fail(GOST_EPROTO, "version byte of the reply is %u, not 0", p[0]);
    if (n < GOST_SOCKS4_REPLY_MAX)
        return 0;
    out->code = p[1];
    return GOST_SOCKS4_REPLY_MAX;
}

size_t gost_socks4_reply_encode(uint8_t *buf, size_t cap, const struct gost_socks4_reply *in)
{
    if (cap < GOST_SOCKS4_REPLY_MAX)
        return 0;
    memset(buf, 0, GOST_SOCKS4_REPLY_MAX);
    buf[1] = in->code;
    return GOST_SOCKS4_REPLY_MAX;
}
