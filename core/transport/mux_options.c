#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/transport/mux_int.h"

enum {
    RECEIVE_MAX = 4 * 1024 * 1024,        /* smux, when it was not set */
    YAMUX_RECEIVE_MAX = 64 * 1024 * 1024, /* the windows are the bound; this is for a flood */
};

static int64_t or_default(int64_t value, int64_t def)
{
    return value > 0 ? value : def;
}

void gost__mux_apply(struct gost_mux *m, const struct gost_mux_options *o)
{
    bool yamux = o->type == GOST_MUX_YAMUX;
    m->protocol = yamux ? &gost__mux_yamux : &gost__mux_smux;
    m->version = (uint8_t)or_default(o->version, 1);
    m->keepalive = !o->keepalive_disabled;
    m->interval = (uint64_t)or_default(o->keepalive_interval, yamux ? 30000 : 10000);
    m->timeout = yamux ? 10000 : (uint64_t)or_default(o->keepalive_timeout, 30000);
    m->max_frame = (uint32_t)or_default(yamux ? 0 : o->max_frame, 32768);
    m->max_receive = yamux ? YAMUX_RECEIVE_MAX : (uint64_t)or_default(o->max_receive, RECEIVE_MAX);
    m->window = (uint32_t)(yamux ? or_default(o->max_window, GOST__MUX_WINDOW)
                                 : or_default(o->max_stream, 65536));
    if (m->window > m->max_receive)
        m->window = (uint32_t)m->max_receive;
    m->grow = (yamux ? o->max_window : o->max_stream) <= 0;
    m->strict = !yamux && o->max_receive > 0;
    m->backlog = (uint32_t)or_default(o->backlog, GOST_MUX_BACKLOG);
}

int gost_mux_options_check(const struct gost_mux_options *o)
{
    bool yamux = o->type == GOST_MUX_YAMUX;
    int64_t receive = or_default(o->max_receive, RECEIVE_MAX);
    if (o->version > 2)
        return gost_fail(GOST_ECONFIG, "mux.version %lld: smux has versions 1 and 2",
                         (long long)o->version);
    if (!yamux && !o->keepalive_disabled &&
        or_default(o->keepalive_timeout, 30000) < or_default(o->keepalive_interval, 10000))
        return gost_fail(GOST_ECONFIG, "mux.keepaliveTimeout must not be less than "
                                       "mux.keepaliveInterval");
    if (o->max_frame > 65535)
        return gost_fail(GOST_ECONFIG, "mux.maxFrameSize must not exceed 65535");
    if (receive > INT32_MAX)
        return gost_fail(GOST_ECONFIG, "mux.maxReceiveBuffer must not exceed %d", INT32_MAX);
    if (o->max_stream > receive)
        return gost_fail(GOST_ECONFIG, "mux.maxStreamBuffer must not exceed mux.maxReceiveBuffer");
    if (yamux && o->max_window > 0 && o->max_window < GOST__MUX_WINDOW)
        return gost_fail(GOST_ECONFIG, "mux.maxStreamWindow must be at least %d", GOST__MUX_WINDOW);
    if (o->max_window > INT32_MAX)
        return gost_fail(GOST_ECONFIG, "mux.maxStreamWindow must not exceed %d", INT32_MAX);
    return 0;
}
