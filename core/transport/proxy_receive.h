/**
 * The PROXY protocol on the receiving side: a layer right above the socket that takes the header off
 * and answers for the addresses that it names.
 */
#ifndef GOST_TRANSPORT_PROXY_RECEIVE_H
#define GOST_TRANSPORT_PROXY_RECEIVE_H

#include "core/net/stream.h"

/**
 * Push the layer. Its open reads the header; a connection without one keeps its own addresses, a
 * malformed one fails with GOST_EPROTO.
 * @param[in,out] io  owned by the layer from now on; unchanged on failure
 * @return 0 or GOST_ENOMEM
 */
int gost_proxy_receive(struct gost_stream **io);

#endif
