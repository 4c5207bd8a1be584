/*
 * TLS over TCP.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/transport/kinds.h"
#include "core/transport/tcp.h"
#include "core/transport/tls.h"
#include "core/transport/tls_dial.h"

#include <stddef.h>

struct tls_listener_settings {
    struct gost_tcp_listening tcp;
};

static const struct gost_option listener_options[] = {
    GOST_TCP_LISTEN_OPTIONS(struct tls_listener_settings, tcp),
    GOST_OPTION_END,
};

static int tls_listener_init(struct gost_listener *l)
{
    const struct tls_listener_settings *s = l->settings;
    gost_tcp_listening_apply(&s->tcp, &l->socket);
    return l->tls ? 0 : gost_fail(GOST_ECONFIG, "no TLS context");
}

/* The handshake is made by whoever opens the stream, on the connection's own fiber. */
static int tls_wrap(struct gost_listener *l, struct gost_stream **io)
{
    return gost_tls_server(l->tls, io);
}

const struct gost_listener_kind gost__tls_listener = {
    .name = "tls",
    .help = "TLS over TCP",
    .options = {listener_options, sizeof(struct tls_listener_settings)},
    .tls = true,
    .init = tls_listener_init,
    .wrap = tls_wrap,
};

/* --- dialing ------------------------------------------------------------------------------ */

struct tls_dialer_settings {
    struct gost_tls_dialing tls;
};

static const struct gost_option dialer_options[] = {
    GOST_TLS_DIAL_OPTIONS(struct tls_dialer_settings, tls),
    GOST_OPTION_END,
};

static int tls_dialer_init(struct gost_dialer *d)
{
    return d->tls ? 0 : gost_fail(GOST_ECONFIG, "no TLS context");
}

static int tls_open(struct gost_dialer *d, struct gost_carrier *carrier, uint64_t deadline,
                    struct gost_stream **out)
{
    const struct tls_dialer_settings *s = d->settings;
    return gost__tls_dial(d, &s->tls, carrier, deadline, out);
}

const struct gost_dialer_kind gost__tls_dialer = {
    .name = "tls",
    .help = "TLS over TCP",
    .options = {dialer_options, sizeof(struct tls_dialer_settings)},
    .tls = true,
    .init = tls_dialer_init,
    .open = tls_open,
};
