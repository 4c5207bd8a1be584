/*
 * TLS over TCP.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/net/io.h"
#include "core/runtime/loop.h"
#include "core/transport/kinds.h"
#include "core/transport/tcp.h"
#include "core/transport/tls.h"

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
    struct gost_keepalive keepalive;
    int64_t handshake_timeout;
};

static const struct gost_option dialer_options[] = {
    GOST_KEEPALIVE_OPTIONS(struct tls_dialer_settings, keepalive),
    {.key = "handshakeTimeout",
     .type = GOST_OPT_DURATION,
     .offset = offsetof(struct tls_dialer_settings, handshake_timeout),
     .help = "how long the TLS handshake may take"},
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
    struct gost_stream *io = NULL;
    int rc = carrier->open(carrier, deadline, &io);
    if (rc != 0)
        return rc;
    gost__tcp_keepalive(io, &s->keepalive);
    if (s->handshake_timeout > 0)
        deadline = gost_deadline_min(deadline, gost_deadline_in(s->handshake_timeout));
    rc = gost_tls_client(d->tls, d->server_name ? d->server_name : carrier->host, &io);
    if (rc == 0)
        rc = gost_io_open(io, deadline);
    if (rc != 0) {
        gost_stream_close(io);
        return rc;
    }
    *out = io;
    return 0;
}

const struct gost_dialer_kind gost__tls_dialer = {
    .name = "tls",
    .help = "TLS over TCP",
    .options = {dialer_options, sizeof(struct tls_dialer_settings)},
    .tls = true,
    .init = tls_dialer_init,
    .open = tls_open,
};
