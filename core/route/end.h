/**
 * What a dial comes to.
 */
#ifndef GOST_ROUTE_END_H
#define GOST_ROUTE_END_H

#include "core/net/packet.h"
#include "core/net/stream.h"

/** A stream or, where `packet` is set, a way for datagrams. */
struct gost__end {
    struct gost_stream **stream;
    struct gost_packet **packet;
};

#endif
