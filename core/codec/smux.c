#include "core/codec/smux.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/bytes.h"

ssize_t gost_smux_decode(struct gost_smux *out, const uint8_t *p, size_t n)
{
    if (n >= 1 && p[0] != 1 && p[0] != 2)
        return gost_fail(GOST_EPROTO, "smux version %u", p[0]);
    if (n >= 2 && p[1] > GOST_SMUX_UPD)
        return gost_fail(GOST_EPROTO, "unknown smux command %u", p[1]);
    if (n < GOST_SMUX_MAX)
        return 0;
    out->version = p[0];
    out->command = p[1];
    out->length = gost__get16le(p + 2);
    out->stream = gost__get32le(p + 4);
    return GOST_SMUX_MAX;
}

size_t gost_smux_encode(uint8_t *buf, size_t cap, const struct gost_smux *in)
{
    if (cap < GOST_SMUX_MAX)
        return 0;
    buf[0] = in->version;
    buf[1] = in->command;
    gost__put16le(buf + 2, in->length);
    gost__put32le(buf + 4, in->stream);
    return GOST_SMUX_MAX;
}

ssize_t gost_smux_update_decode(struct gost_smux_update *out, const uint8_t *p, size_t n)
{
    if (n < GOST_SMUX_UPDATE_MAX)
        return 0;
    out->consumed = gost__get32le(p);
    out->window = gost__get32le(p + 4);
    return GOST_SMUX_UPDATE_MAX;
}

size_t gost_smux_update_encode(uint8_t *buf, size_t cap, const struct gost_smux_update *in)
{
    if (cap < GOST_SMUX_UPDATE_MAX)
        return 0;
    gost__put32le(buf, in->consumed);
    gost__put32le(buf + 4, in->window);
    return GOST_SMUX_UPDATE_MAX;
}
