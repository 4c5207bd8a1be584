#include "core/codec/yamux.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/bytes.h"

ssize_t gost_yamux_decode(struct gost_yamux *out, const uint8_t *p, size_t n)
{
    if (n >= 1 && p[0] != 0)
        return gost_fail(GOST_EPROTO, "yamux version %u", p[0]);
    if (n >= 2 && p[1] > GOST_YAMUX_GO_AWAY)
        return gost_fail(GOST_EPROTO, "unknown yamux frame type %u", p[1]);
    if (n < GOST_YAMUX_MAX)
        return 0;
    out->type = p[1];
    out->flags = gost__get16(p + 2);
    out->stream = gost__get32(p + 4);
    out->length = gost__get32(p + 8);
    return GOST_YAMUX_MAX;
}

size_t gost_yamux_encode(uint8_t *buf, size_t cap, const struct gost_yamux *in)
{
    if (cap < GOST_YAMUX_MAX)
        return 0;
    buf[0] = 0;
    buf[1] = in->type;
    gost__put16(buf + 2, in->flags);
    gost__put32(buf + 4, in->stream);
    gost__put32(buf + 8, in->length);
    return GOST_YAMUX_MAX;
}
