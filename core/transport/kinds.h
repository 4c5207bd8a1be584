/**
 * The kinds of listeners and dialers, for the registry.
 */
#ifndef GOST_TRANSPORT_KINDS_H
#define GOST_TRANSPORT_KINDS_H

#include "core/transport/transport.h"

extern const struct gost_listener_kind gost__tcp_listener, gost__tls_listener, gost__udp_listener,
    gost__unix_listener;

extern const struct gost_listener_kind gost__mtcp_listener, gost__mtls_listener;
extern const struct gost_dialer_kind gost__mtcp_dialer, gost__mtls_dialer;

/** What firewall rules send here. */
extern const struct gost_listener_kind gost__redirect_listener, gost__redu_listener;

/** Serial ports. */
extern const struct gost_listener_kind gost__serial_listener;
extern const struct gost_dialer_kind gost__serial_dialer;

/** Standard input and output. */
extern const struct gost_listener_kind gost__stdio_listener;

/** At the far end of a chain. */
extern const struct gost_listener_kind gost__rtcp_listener, gost__rudp_listener,
    gost__runix_listener;

extern const struct gost_dialer_kind gost__tcp_dialer, gost__tls_dialer, gost__unix_dialer;

#endif
