#include "core/codec/ws_frame.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/bytes.h"

enum { FIN = 0x80, MASKED = 0x80, LENGTH16 = 126, LENGTH64 = 127 };

static int check_first(uint8_t byte)
{
    unsigned opcode = byte & 15;
    if (opcode > GOST_WS_PONG || (opcode > GOST_WS_BINARY && opcode < GOST_WS_CLOSE))
        return gost_fail(GOST_EPROTO, "reserved WebSocket opcode %u", opcode);
    if (opcode >= GOST_WS_CLOSE && !(byte & FIN))
        return gost_fail(GOST_EPROTO, "a fragmented WebSocket control frame");
    return 0;
}

/** @return bytes of the length behind the first two: 0, 2 or 8 */
static size_t length_size(unsigned length)
{
    return length == LENGTH64 ? 8 : length == LENGTH16 ? 2 : 0;
}

static int length_decode(uint64_t *length, const uint8_t *p)
{
    unsigned small = p[1] & 127;
    uint64_t least = 0;
    *length = small;
    if (small == LENGTH16) {
        *length = gost__get16(p + 2);
        least = 126;
    } else if (small == LENGTH64) {
        *length = gost__get64(p + 2);
        least = 65536;
    }
    if (*length < least || *length >> 63)
        return gost_fail(GOST_EPROTO, "malformed WebSocket frame length");
    return 0;
}

ssize_t gost_ws_frame_decode(struct gost_ws_frame *out, const uint8_t *p, size_t n)
{
    int rc = n > 0 ? check_first(p[0]) : 0;
    if (rc < 0 || n < 2)
        return rc;
    if ((p[0] & 15) >= GOST_WS_CLOSE && (p[1] & 127) > GOST_WS_CONTROL_MAX)
        return gost_fail(GOST_EPROTO, "a WebSocket control frame over 125 bytes");
    size_t head = 2 + length_size(p[1] & 127);
    if (n < head)
        return 0;
    rc = length_decode(&out->length, p);
    out->masked = p[1] & MASKED;
    if (rc < 0 || (out->masked && n < head + 4))
        return rc;
    out->fin = p[0] & FIN;
    out->rsv = p[0] >> 4 & 7;
    out->opcode = p[0] & 15;
    memset(out->mask, 0, 4);
    if (out->masked)
        memcpy(out->mask, p + head, 4);
    return (ssize_t)(head + (out->masked ? 4 : 0));
}

size_t gost_ws_frame_encode(uint8_t *buf, size_t cap, const struct gost_ws_frame *in)
{
    unsigned small = in->length > 65535 ? LENGTH64
                     : in->length > 125 ? LENGTH16
                                        : (unsigned)in->length;
    size_t head = 2 + length_size(small);
    if (cap < head + (in->masked ? 4 : 0))
        return 0;
    buf[0] = (uint8_t)((in->fin ? FIN : 0) | in->rsv << 4 | in->opcode);
    buf[1] = (uint8_t)((in->masked ? MASKED : 0) | small);
    if (small == LENGTH16)
        gost__put16(buf + 2, (uint16_t)in->length);
    else if (small == LENGTH64)
        gost__put64(buf + 2, in->length);
    if (in->masked)
        memcpy(buf + head, in->mask, 4);
    return head + (in->masked ? 4 : 0);
}

void gost_ws_mask(uint8_t *dst, const uint8_t *src, size_t n, const uint8_t mask[4], uint64_t offset)
{
    uint8_t turned[8];
    for (size_t i = 0; i < 8; i++)
        turned[i] = mask[(offset + i) & 3];
    uint64_t key;
    memcpy(&key, turned, 8);
    size_t i = 0;
    for (; n - i >= 8; i += 8) {
        uint64_t v;
        memcpy(&v, src + i, 8);
        v ^= key;
        memcpy(dst + i, &v, 8);
    }
    for (; i < n; i++)
        dst[i] = src[i] ^ turned[i & 7];
}
