/**
 * Datagrams on a byte stream, as a packet.
 */
#ifndef GOST_PROTO_UDP_FRAMED_H
#define GOST_PROTO_UDP_FRAMED_H

#include "core/net/packet.h"

enum gost__udp_framing {
    GOST__UDP_RELAY,  /**< length (2), data: relay's CONNECT, with one fixed target */
    GOST__UDP_TUNNEL, /**< length (2), mark (1), address, data: GOST's UDP tunnel */
};

/**
 * Make a packet of a stream.
 * @param io      owned on success, and NULL then
 * @param target  TUNNEL: what every datagram is sent to, copied; those received carry no address
 *                then, and if it is an IP address only its own are heard. NULL: datagrams carry
 * addresses
 */
int gost__udp_framed_new(struct gost_stream **io, enum gost__udp_framing framing,
                         const struct gost_addr *target, struct gost_packet **out);

/* --- the address block of RFC 1928 section 5, without a detour over text ---------------------- */

enum { GOST__UDP_ADDR_MAX = 1 + 1 + 255 + 2 };

/**
 * Decode.
 * @param[out] addr  an IP address (mapped IPv4 as IPv4); its family is AF_UNSPEC for a name
 * @param[out] name  set for a name
 * @return bytes, 0: incomplete, or GOST_EPROTO
 */
ssize_t gost__udp_addr_get(const uint8_t *p, size_t n, union gost_sockaddr *addr,
                           struct gost_addr *name);

/**
 * Encode where a datagram is bound for, or comes from.
 * @param buf  GOST__UDP_ADDR_MAX bytes
 * @return bytes; 0 when it says neither
 */
size_t gost__udp_addr_put(uint8_t *buf, const struct gost_datagram *d);

#endif
