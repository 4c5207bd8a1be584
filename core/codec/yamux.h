/**
 * yamux frames, protocol version 0.
 */
#ifndef GOST_CODEC_YAMUX_H
#define GOST_CODEC_YAMUX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum gost_yamux_type {
    GOST_YAMUX_DATA = 0,    /**< `length` bytes of payload follow; nothing follows other types */
    GOST_YAMUX_WINDOW = 1,  /**< `length` more bytes may be sent */
    GOST_YAMUX_PING = 2,    /**< `length` is echoed */
    GOST_YAMUX_GO_AWAY = 3, /**< `length` is an enum gost_yamux_reason */
};

enum gost_yamux_flag {
    GOST_YAMUX_SYN = 1,
    GOST_YAMUX_ACK = 2,
    GOST_YAMUX_FIN = 4,
    GOST_YAMUX_RST = 8,
};

enum gost_yamux_reason {
    GOST_YAMUX_NORMAL = 0,
    GOST_YAMUX_PROTOCOL_ERROR = 1,
    GOST_YAMUX_INTERNAL_ERROR = 2,
};

/** The head of a frame: version (0), type, flags (2), stream (4), length (4). */
struct gost_yamux {
    uint8_t type;
    uint16_t flags;
    uint32_t stream; /**< 0 for PING and GO_AWAY */
    uint32_t length;
};
enum { GOST_YAMUX_MAX = 12 };

/** @return 12; 0: incomplete; GOST_EPROTO: unknown version or type */
ssize_t gost_yamux_decode(struct gost_yamux *out, const uint8_t *p, size_t n);

/** @return 12; 0 when it does not fit */
size_t gost_yamux_encode(uint8_t *buf, size_t cap, const struct gost_yamux *in);

#endif
