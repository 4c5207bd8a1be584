/**
 * The address block of RFC 1928 section 5: type (1), address, port (2). SOCKS5, relay, the UDP
 * tunnel and Shadowsocks share it.
 */
#ifndef GOST_CODEC_SOCKSADDR_H
#define GOST_CODEC_SOCKSADDR_H

#include "core/base/addr.h"

#include <sys/types.h>

enum gost_atyp {
    GOST_ATYP_IPV4 = 1,
    GOST_ATYP_DOMAIN = 3,
    GOST_ATYP_IPV6 = 4,
};

enum { GOST_SOCKSADDR_MAX = 1 + 1 + 255 + 2 };

/**
 * Decode one block. IPv4-mapped IPv6 addresses come out as IPv4, so that no rule on IPv4 can be
 * dodged; an empty domain comes out as host "".
 * @return bytes consumed; 0: incomplete; GOST_EPROTO for an unknown type, or a domain with control
 *         characters
 */
ssize_t gost_socksaddr_decode(struct gost_addr *out, const uint8_t *p, size_t n);

/**
 * Encode: an IP literal in its binary form (mapped IPv4 as IPv4), anything else as a domain. A
 * literal with a zone stays text, because the zone has no binary form.
 * @return bytes written; 0 when they do not fit
 */
size_t gost_socksaddr_encode(uint8_t *buf, size_t cap, const struct gost_addr *in);

#endif
