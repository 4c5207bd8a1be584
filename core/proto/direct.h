/**
 * The dialers that belong to the direct and virtual connectors: there is no node to dial.
 */
#ifndef GOST_PROTO_DIRECT_H
#define GOST_PROTO_DIRECT_H

#include "core/transport/transport.h"

extern const struct gost_dialer_kind gost__direct_dialer, gost__virtual_dialer;

#endif
