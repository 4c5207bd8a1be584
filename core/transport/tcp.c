/*
 * Plain TCP: the socket as it is.
 */
#include "core/transport/tcp.h"
#include "core/transport/kinds.h"

#include "core/base/diag.h"
#include "core/base/error.h"

#include <netinet/tcp.h>
#include <stddef.h>

struct tcp_listener_settings {
    struct gost_tcp_listening tcp;
};

static const struct gost_option listener_options[] = {
    GOST_TCP_LISTEN_OPTIONS(struct tcp_listener_settings, tcp),
    GOST_OPTION_END,
};

static int tcp_listener_init(struct gost_listener *l)
{
    const struct tcp_listener_settings *s = l->settings;
    gost_tcp_listening_apply(&s->tcp, &l->socket);
    return 0;
}

const struct gost_listener_kind gost__tcp_listener = {
    .name = "tcp",
    .help = "plain TCP",
    .options = {listener_options, sizeof(struct tcp_listener_settings)},
    .init = tcp_listener_init,
};

/* --- dialing ------------------------------------------------------------------------------ */

struct tcp_dialer_settings {
    struct gost_keepalive keepalive;
};

static const struct gost_option dialer_options[] = {
    GOST_KEEPALIVE_OPTIONS(struct tcp_dialer_settings, keepalive),
    GOST_OPTION_END,
};

static void set_int(int fd, int level, int name, int value)
{
    if (value > 0)
        setsockopt(fd, level, name, &value, sizeof(value));
}

void gost__tcp_keepalive(struct gost_stream *s, const struct gost_keepalive *k)
{
    struct gost_socket_options o = {0};
    int fd;
    if (!k->keepalive || gost_stream_query(s, GOST_QUERY_CARRIER, &fd) != 0)
        return;
    gost_keepalive_apply(k, &o);
    set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, o.keepalive_idle);
    set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, o.keepalive_interval);
    set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, o.keepalive_count);
}

static int tcp_open(struct gost_dialer *d, struct gost_carrier *carrier, uint64_t deadline,
                    struct gost_stream **out)
{
    const struct tcp_dialer_settings *s = d->settings;
    int rc = carrier->open(carrier, deadline, out);
    if (rc == 0)
        gost__tcp_keepalive(*out, &s->keepalive);
    return rc;
}

const struct gost_dialer_kind gost__tcp_dialer = {
    .name = "tcp",
    .help = "plain TCP",
    .options = {dialer_options, sizeof(struct tcp_dialer_settings)},
    .open = tcp_open,
};
