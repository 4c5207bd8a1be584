/**
 * BIND over the relay protocol.
 */
#ifndef GOST_PROTO_RELAY_BIND_H
#define GOST_PROTO_RELAY_BIND_H

#include "core/codec/relay.h"
#include "core/proto/relay_stream.h"
#include "core/proto/remote.h"

/** How relay announces a visitor: a response with the visitor's address. */
extern const struct gost_announcement gost__relay_announcement;

/** The answer to a BIND that succeeded. @return bytes, 0 when they do not fit */
size_t gost__relay_bind_reply(uint8_t *buf, size_t cap, const union gost_sockaddr *addr);

/**
 * Ask the node to listen; suspends.
 * @param io       owned by the remote on success (and NULL then)
 * @param request  complete, credentials included
 */
int gost__relay_bind(struct gost_stream **io, struct gost_relay *request,
                     const struct gost_mux_options *mux, uint64_t deadline,
                     struct gost_remote **out);

/** The same for datagrams: the request is of UDP. */
int gost__relay_bind_packet(struct gost_stream **io, struct gost_relay *request, uint64_t deadline,
                            struct gost_remote **out);

#endif
