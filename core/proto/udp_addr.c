#include "core/base/error.h"
#include "core/codec/bytes.h"
#include "core/codec/socksaddr.h"
#include "core/proto/udp_framed.h"

#include <string.h>

ssize_t gost__udp_addr_get(const uint8_t *p, size_t n, union gost_sockaddr *addr,
                           struct gost_addr *name)
{
    if (n > 0 && p[0] == GOST_ATYP_IPV4) {
        if (n < 1 + 4 + 2)
            return 0;
        memset(&addr->v4, 0, sizeof(addr->v4));
        addr->v4.sin_family = AF_INET;
        memcpy(&addr->v4.sin_addr, p + 1, 4);
        memcpy(&addr->v4.sin_port, p + 5, 2);
        return 7;
    }
    if (n > 0 && p[0] == GOST_ATYP_IPV6) {
        if (n < 1 + 16 + 2)
            return 0;
        memset(&addr->v6, 0, sizeof(addr->v6));
        addr->v6.sin6_family = AF_INET6;
        memcpy(&addr->v6.sin6_addr, p + 1, 16);
        memcpy(&addr->v6.sin6_port, p + 17, 2);
        gost_sockaddr_unmap(addr);
        return 19;
    }
    ssize_t used = gost_socksaddr_decode(name, p, n);
    addr->sa.sa_family = AF_UNSPEC;
    if (used > 0 && gost_ip_parse(name->host, name->port, addr) == 0)
        addr->sa.sa_family = AF_UNSPEC;
    return used;
}

static size_t put_ip(uint8_t *buf, const union gost_sockaddr *addr)
{
    if (addr->sa.sa_family == AF_INET) {
        buf[0] = GOST_ATYP_IPV4;
        memcpy(buf + 1, &addr->v4.sin_addr, 4);
        memcpy(buf + 5, &addr->v4.sin_port, 2);
        return 7;
    }
    if (IN6_IS_ADDR_V4MAPPED(&addr->v6.sin6_addr)) {
        union gost_sockaddr v4 = *addr;
        gost_sockaddr_unmap(&v4);
        return put_ip(buf, &v4);
    }
    buf[0] = GOST_ATYP_IPV6;
    memcpy(buf + 1, &addr->v6.sin6_addr, 16);
    memcpy(buf + 17, &addr->v6.sin6_port, 2);
    return 19;
}

size_t gost__udp_addr_put(uint8_t *buf, const struct gost_datagram *d)
{
    if (d->addr)
        return d->addr->sa.sa_family == AF_INET || d->addr->sa.sa_family == AF_INET6
                   ? put_ip(buf, d->addr)
                   : 0;
    return d->name ? gost_socksaddr_encode(buf, GOST__UDP_ADDR_MAX, d->name) : 0;
}
