#include "core/codec/socks5_udp.h"

#include "core/codec/bytes.h"

ssize_t gost_socks5_udp_decode(struct gost_socks5_udp *out, const uint8_t *p, size_t n)
{
    if (n < 4)
        return 0;
    ssize_t used = gost_socksaddr_decode(&out->addr, p + 3, n - 3);
    if (used <= 0)
        return used;
    out->frag = p[2];
    return 3 + used;
}

static size_t head_encode(uint8_t *buf, size_t cap, uint16_t first, uint8_t frag,
                          const struct gost_addr *addr)
{
    size_t used = cap < 3 ? 0 : gost_socksaddr_encode(buf + 3, cap - 3, addr);
    if (used == 0)
        return 0;
    gost__put16(buf, first);
    buf[2] = frag;
    return 3 + used;
}

size_t gost_socks5_udp_encode(uint8_t *buf, size_t cap, const struct gost_socks5_udp *in)
{
    return head_encode(buf, cap, 0, in->frag, &in->addr);
}

ssize_t gost_udp_tunnel_decode(struct gost_udp_tunnel *out, const uint8_t *p, size_t n)
{
    if (n < 4)
        return 0;
    ssize_t used = gost_socksaddr_decode(&out->addr, p + 3, n - 3);
    if (used <= 0)
        return used;
    size_t head = 3 + (size_t)used, len = gost__get16(p);
    if (n - head < len)
        return 0;
    out->data = (struct gost_slice){(const char *)p + head, len};
    return (ssize_t)(head + len);
}

size_t gost_udp_tunnel_encode(uint8_t *buf, size_t cap, const struct gost_udp_tunnel *in)
{
    if (in->data.n == 0 || in->data.n > 65535)
        return 0;
    return head_encode(buf, cap, (uint16_t)in->data.n, 0xff, &in->addr);
}
