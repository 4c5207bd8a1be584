#include "core/codec/socksaddr.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/bytes.h"

#include <arpa/inet.h>

static void ip_text(struct gost_addr *out, const uint8_t *ip, size_t len)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (len == 16 && memcmp(ip, mapped, sizeof mapped) == 0) {
        ip += 12;
        len = 4;
    }
    inet_ntop(len == 4 ? AF_INET : AF_INET6, ip, out->host, sizeof out->host);
}

static ssize_t ip_decode(struct gost_addr *out, const uint8_t *p, size_t n, size_t len)
{
    if (n < 1 + len + 2)
        return 0;
    ip_text(out, p + 1, len);
    out->port = gost__get16(p + 1 + len);
    return (ssize_t)(1 + len + 2);
}

/** Controls in a name are good for forging log lines and nothing else. */
static ssize_t domain_decode(struct gost_addr *out, const uint8_t *p, size_t n)
{
    if (n < 2)
        return 0;
    size_t len = p[1], have = n - 2 < len ? n - 2 : len;
    for (size_t i = 0; i < have; i++) {
        if (p[2 + i] < 0x20 || p[2 + i] == 0x7f)
            return gost_fail(GOST_EPROTO, "a control character inside of a host name");
    }
    if (n < 2 + len + 2)
        return 0;
    memcpy(out->host, p + 2, len);
    out->host[len] = 0;
    out->port = gost__get16(p + 2 + len);
    return (ssize_t)(2 + len + 2);
}

ssize_t gost_socksaddr_decode(struct gost_addr *out, const uint8_t *p, size_t n)
{
    if (n < 1)
        return 0;
    switch (p[0]) {
    case GOST_ATYP_IPV4:
        return ip_decode(out, p, n, 4);
    case GOST_ATYP_DOMAIN:
        return domain_decode(out, p, n);
    case GOST_ATYP_IPV6:
        return ip_decode(out, p, n, 16);
    default:
        return gost_fail(GOST_EPROTO, "unknown address type %u", p[0]);
    }
}

static size_t put_block(uint8_t *buf, size_t cap, uint8_t type, const void *bytes, size_t len,
                        uint16_t port)
{
    size_t prefix = type == GOST_ATYP_DOMAIN ? 2 : 1;
    if (cap < prefix + len + 2)
        return 0;
    buf[0] = type;
    if (type == GOST_ATYP_DOMAIN)
        buf[1] = (uint8_t)len;
    memcpy(buf + prefix, bytes, len);
    gost__put16(buf + prefix + len, port);
    return prefix + len + 2;
}

size_t gost_socksaddr_encode(uint8_t *buf, size_t cap, const struct gost_addr *in)
{
    union gost_sockaddr ip;
    int family = strchr(in->host, '%') ? 0 : gost_ip_parse(in->host, in->port, &ip);
    if (family == 0)
        return put_block(buf, cap, GOST_ATYP_DOMAIN, in->host, strlen(in->host), in->port);
    gost_sockaddr_unmap(&ip);
    if (ip.sa.sa_family == AF_INET)
        return put_block(buf, cap, GOST_ATYP_IPV4, &ip.v4.sin_addr, 4, in->port);
    return put_block(buf, cap, GOST_ATYP_IPV6, &ip.v6.sin6_addr, 16, in->port);
}
