/**
 * WebSocket frames (RFC 6455 section 5.2): the head, and the mask.
 */
#ifndef GOST_CODEC_WS_FRAME_H
#define GOST_CODEC_WS_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum gost_ws_opcode {
    GOST_WS_CONTINUATION = 0,
    GOST_WS_TEXT = 1,
    GOST_WS_BINARY = 2,
    GOST_WS_CLOSE = 8,
    GOST_WS_PING = 9,
    GOST_WS_PONG = 10,
};

enum {
    GOST_WS_RSV1 = 4, /**< of `rsv`: a compressed message (RFC 7692) */
    GOST_WS_CONTROL_MAX = 125,
};

struct gost_ws_frame {
    bool fin;
    bool masked;
    uint8_t rsv; /**< the three reserved bits; whoever agreed on no extension refuses them */
    uint8_t opcode;
    uint8_t mask[4];
    uint64_t length; /**< of the payload, below 2^63 */
};
enum { GOST_WS_FRAME_MAX = 14 };

/**
 * Decode the head of a frame.
 * @return bytes consumed (2 to 14); 0: incomplete; GOST_EPROTO: a reserved opcode, a control frame
 *         that is fragmented or over 125 bytes, a length of 2^63 or more, or not in its
 *         shortest form
 */
ssize_t gost_ws_frame_decode(struct gost_ws_frame *out, const uint8_t *p, size_t n);

/** @return bytes written; 0 when they do not fit */
size_t gost_ws_frame_encode(uint8_t *buf, size_t cap, const struct gost_ws_frame *in);

/**
 * Mask or unmask, which are the same.
 * @param dst     may be `src`; must not overlap it otherwise
 * @param offset  where in the frame's payload `src` begins
 */
void gost_ws_mask(uint8_t *dst, const uint8_t *src, size_t n, const uint8_t mask[4],
                  uint64_t offset);

#endif
