/**
 * The kinds of handlers and connectors, for the registry.
 */
#ifndef GOST_PROTO_KINDS_H
#define GOST_PROTO_KINDS_H

#include "core/proto/connector.h"
#include "core/proto/handler.h"

extern const struct gost_handler_kind gost__auto_handler, gost__rtcp_handler, gost__forward_handler,
    gost__http_handler, gost__relay_handler, gost__sni_handler, gost__socks4_handler,
    gost__socks5_handler, gost__tcp_handler, gost__tunnel_handler, gost__tunnel_entry_handler,
    gost__udp_handler;

extern const struct gost_handler_kind gost__redirect_handler, gost__redu_handler,
    gost__serial_handler, gost__unix_handler, gost__file_handler;

extern const struct gost_connector_kind gost__serial_connector, gost__unix_connector;
extern const struct gost_connector_kind gost__direct_connector, gost__forward_connector,
    gost__http_connector, gost__relay_connector, gost__sni_connector, gost__socks4_connector,
    gost__socks5_connector, gost__tcp_connector, gost__tunnel_connector, gost__virtual_connector;

#endif
