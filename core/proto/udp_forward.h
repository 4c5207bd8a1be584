/**
 * Forwarding of datagrams.
 */
#ifndef GOST_PROTO_UDP_FORWARD_H
#define GOST_PROTO_UDP_FORWARD_H

#include "core/proto/conn.h"

/**
 * Connect a session of datagrams to one of the service's forwarder nodes; suspends. c->packet is
 * the pump's then.
 * @param once  end as soon as every datagram was answered
 * @return 0 or a negative code with diag
 */
int gost__udp_forward(struct gost_conn *c, bool once);

#endif
