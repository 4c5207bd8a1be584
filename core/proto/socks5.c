#include "core/proto/socks5.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/socks5.h"

uint8_t gost__socks5_code(int rc)
{
    switch (rc) {
    case 0:
        return GOST_SOCKS5_OK;
    case GOST_EDENIED:
        return GOST_SOCKS5_NOT_ALLOWED;
    case -ENETUNREACH:
    case -ENETDOWN:
        return GOST_SOCKS5_NET_UNREACHABLE;
    case -EHOSTUNREACH:
    case -EHOSTDOWN:
    case GOST_EDNS:
    case GOST_ETIMEDOUT:
        return GOST_SOCKS5_HOST_UNREACHABLE;
    case -ECONNREFUSED:
        return GOST_SOCKS5_REFUSED;
    case -EAFNOSUPPORT:
        return GOST_SOCKS5_BAD_ADDRESS;
    default:
        return GOST_SOCKS5_FAILURE;
    }
}

struct gost_tls_context *gost__socks5_tls(void **slot, bool server)
{
    if (*slot)
        return *slot;
    struct gost_tls_context *context = NULL;
    struct gost_tls_settings *settings = gost_options_new(&gost_tls_options);
    if (settings && gost_tls_context_new(settings, server, &context) == 0)
        *slot = context;
    gost_options_delete(&gost_tls_options, settings);
    return *slot;
}

int gost__socks5_receive(struct gost_stream *io, gost_decode_fn decode, void *out, void *room,
                         size_t max, uint64_t deadline)
{
    ssize_t n = gost_io_decode(io, decode, out, room, max, deadline);
    if (n == 0)
        return gost_fail(GOST_EOF, "the peer closed in the SOCKS5 handshake");
    return n > 0 ? 0 : (int)n;
}
