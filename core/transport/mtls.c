/*
 * Many streams over one TLS connection.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/transport/kinds.h"
#include "core/transport/mux_kind.h"
#include "core/transport/tcp.h"
#include "core/transport/tls.h"
#include "core/transport/tls_dial.h"

#include <stddef.h>

struct mtls_listener_settings {
    struct gost_tcp_listening tcp;
    struct gost_mux_options mux;
};

static const struct gost_option listener_options[] = {
    GOST_TCP_LISTEN_OPTIONS(struct mtls_listener_settings, tcp),
    GOST_MUX_BACKLOG_OPTION(struct mtls_listener_settings, mux),
    GOST_MUX_OPTIONS(struct mtls_listener_settings, mux, "1", NULL),
    GOST_OPTION_END,
};

static int mtls_wrap(struct gost_listener *l, struct gost_stream **io)
{
    return gost_tls_server(l->tls, io);
}

static int mtls_listener_init(struct gost_listener *l)
{
    const struct mtls_listener_settings *s = l->settings;
    gost_tcp_listening_apply(&s->tcp, &l->socket);
    return l->tls ? gost__mux_listener_init(l, &s->mux, mtls_wrap)
                  : gost_fail(GOST_ECONFIG, "no TLS context");
}

const struct gost_listener_kind gost__mtls_listener = {
    .name = "mtls",
    .help = "many streams over one TLS connection",
    .options = {listener_options, sizeof(struct mtls_listener_settings)},
    .tls = true,
    .init = mtls_listener_init,
    .takes_proxy = true,
    .start = gost__mux_listener_start,
    .stop = gost__mux_listener_stop,
    .destroy = gost__mux_listener_destroy,
};

/* --- dialing ------------------------------------------------------------------------------ */

struct mtls_dialer_settings {
    struct gost_tls_dialing tls;
    struct gost_mux_options mux;
};

static const struct gost_option dialer_options[] = {
    GOST_TLS_DIAL_OPTIONS(struct mtls_dialer_settings, tls),
    GOST_MUX_OPTIONS(struct mtls_dialer_settings, mux, "1", NULL),
    GOST_OPTION_END,
};

static int mtls_connect(struct gost_dialer *d, struct gost_carrier *carrier, uint64_t deadline,
                        struct gost_stream **out)
{
    const struct mtls_dialer_settings *s = d->settings;
    return gost__tls_dial(d, &s->tls, carrier, deadline, out);
}

static int mtls_dialer_init(struct gost_dialer *d)
{
    const struct mtls_dialer_settings *s = d->settings;
    return d->tls ? gost__mux_dialer_init(d, &s->mux, mtls_connect)
                  : gost_fail(GOST_ECONFIG, "no TLS context");
}

const struct gost_dialer_kind gost__mtls_dialer = {
    .name = "mtls",
    .help = "many streams over one TLS connection",
    .options = {dialer_options, sizeof(struct mtls_dialer_settings)},
    .tls = true,
    .multiplex = true,
    .init = mtls_dialer_init,
    .open = gost__mux_dialer_open,
    .destroy = gost__mux_dialer_destroy,
};
