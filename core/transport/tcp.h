/**
 * What dialers over TCP share.
 */
#ifndef GOST_TRANSPORT_TCP_H
#define GOST_TRANSPORT_TCP_H

#include "core/transport/transport.h"

/** Turn keep-alive on for the socket below `s`, if `k` asks for it. */
void gost__tcp_keepalive(struct gost_stream *s, const struct gost_keepalive *k);

#endif
