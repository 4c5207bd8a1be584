/*
 * Many streams over one TCP connection.
 */
#include "core/transport/kinds.h"
#include "core/transport/mux_kind.h"
#include "core/transport/tcp.h"

#include <stddef.h>

struct mtcp_listener_settings {
    struct gost_tcp_listening tcp;
    struct gost_mux_options mux;
};

static const struct gost_option listener_options[] = {
    GOST_TCP_LISTEN_OPTIONS(struct mtcp_listener_settings, tcp),
    GOST_MUX_BACKLOG_OPTION(struct mtcp_listener_settings, mux),
    GOST_MUX_OPTIONS(struct mtcp_listener_settings, mux, "2", NULL),
    GOST_OPTION_END,
};

static int mtcp_listener_init(struct gost_listener *l)
{
    const struct mtcp_listener_settings *s = l->settings;
    gost_tcp_listening_apply(&s->tcp, &l->socket);
    return gost__mux_listener_init(l, &s->mux, NULL);
}

const struct gost_listener_kind gost__mtcp_listener = {
    .name = "mtcp",
    .help = "many streams over one TCP connection",
    .options = {listener_options, sizeof(struct mtcp_listener_settings)},
    .init = mtcp_listener_init,
    .takes_proxy = true,
    .start = gost__mux_listener_start,
    .stop = gost__mux_listener_stop,
    .destroy = gost__mux_listener_destroy,
};

/* --- dialing ------------------------------------------------------------------------------ */

struct mtcp_dialer_settings {
    struct gost_keepalive keepalive;
    int64_t handshake_timeout; /* unused: a session begins without one */
    struct gost_mux_options mux;
};

static const struct gost_option dialer_options[] = {
    GOST_KEEPALIVE_OPTIONS(struct mtcp_dialer_settings, keepalive),
    {.key = "handshakeTimeout",
     .type = GOST_OPT_DURATION,
     .offset = offsetof(struct mtcp_dialer_settings, handshake_timeout),
     .help = "always kept: there is no handshake to wait for"},
    GOST_MUX_OPTIONS(struct mtcp_dialer_settings, mux, "2", NULL),
    GOST_OPTION_END,
};

static int mtcp_connect(struct gost_dialer *d, struct gost_carrier *carrier, uint64_t deadline,
                        struct gost_stream **out)
{
    const struct mtcp_dialer_settings *s = d->settings;
    int rc = carrier->open(carrier, deadline, out);
    if (rc == 0)
        gost__tcp_keepalive(*out, &s->keepalive);
    return rc;
}

static int mtcp_dialer_init(struct gost_dialer *d)
{
    const struct mtcp_dialer_settings *s = d->settings;
    return gost__mux_dialer_init(d, &s->mux, mtcp_connect);
}

const struct gost_dialer_kind gost__mtcp_dialer = {
    .name = "mtcp",
    .help = "many streams over one TCP connection",
    .options = {dialer_options, sizeof(struct mtcp_dialer_settings)},
    .multiplex = true,
    .init = mtcp_dialer_init,
    .open = gost__mux_dialer_open,
    .destroy = gost__mux_dialer_destroy,
};
