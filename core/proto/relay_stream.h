/**
 * A stream to a relay node on which the request travels with the first bytes, and the response is
 * taken off in front of the first bytes that come back. No round trip is spent on the handshake.
 *
 * A peer that waits for the other side to speak must not wait for ever: when nothing was written
 * for GOST__RELAY_HOLD_MS, the request goes out alone.
 */
#ifndef GOST_PROTO_RELAY_STREAM_H
#define GOST_PROTO_RELAY_STREAM_H

#include "core/net/stream.h"

enum { GOST__RELAY_HOLD_MS = 5 };

/** What a response's status means to our own clients. @return 0, or a negative code with diag */
int gost__relay_verdict(uint8_t status);

/**
 * Push the layer on `*io`.
 * @param head  the encoded request; copied
 * @return 0 or GOST_ENOMEM
 */
int gost__relay_stream_push(struct gost_stream **io, const void *head, size_t n);

#endif
