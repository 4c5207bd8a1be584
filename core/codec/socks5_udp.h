/**
 * Datagrams in SOCKS5 clothes: the header of a real datagram (RFC 1928 section 7), and the UDP
 * tunnel, the same header on a byte stream with the reserved field as the length of the data.
 */
#ifndef GOST_CODEC_SOCKS5_UDP_H
#define GOST_CODEC_SOCKS5_UDP_H

#include "core/codec/slice.h"
#include "core/codec/socksaddr.h"

/** The header of a datagram: reserved (2), fragment (1), address. The data is the rest. */
struct gost_socks5_udp {
    uint8_t frag; /**< 0 for a whole datagram */
    struct gost_addr addr;
};
enum { GOST_SOCKS5_UDP_MAX = 3 + GOST_SOCKSADDR_MAX };

/** @return length of the header; 0: the datagram is cut short; GOST_EPROTO */
ssize_t gost_socks5_udp_decode(struct gost_socks5_udp *out, const uint8_t *p, size_t n);
size_t gost_socks5_udp_encode(uint8_t *buf, size_t cap, const struct gost_socks5_udp *in);

/** A frame of the UDP tunnel. The address is the destination, or on the way back the source. */
struct gost_udp_tunnel {
    struct gost_addr addr;
    struct gost_slice data; /**< borrowed from the input */
};
enum {
    GOST_UDP_TUNNEL_HEAD_MAX = 3 + GOST_SOCKSADDR_MAX,
    GOST_UDP_TUNNEL_MAX = GOST_UDP_TUNNEL_HEAD_MAX + 65535
};

/** @return length of the whole frame; 0: incomplete; GOST_EPROTO */
ssize_t gost_udp_tunnel_decode(struct gost_udp_tunnel *out, const uint8_t *p, size_t n);

/**
 * Write the head of a frame; the `data.n` bytes of data are to follow it.
 * @return bytes written; 0 when they do not fit, when the data is over 65535 bytes, or when there
 *         is no data: GOST takes length 0 for "whatever comes next", so drop empty datagrams
 */
size_t gost_udp_tunnel_encode(uint8_t *buf, size_t cap, const struct gost_udp_tunnel *in);

#endif
