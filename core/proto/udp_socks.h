/**
 * Datagrams with the header of RFC 1928 section 7, as a packet: the proxy's end and the client's
 * end of a UDP ASSOCIATE.
 */
#ifndef GOST_PROTO_UDP_SOCKS_H
#define GOST_PROTO_UDP_SOCKS_H

#include "core/net/packet.h"

/**
 * The proxy's end. Received datagrams carry where the client sends them, those sent where they come
 * from. Fragments, nonsense and datagrams of other hosts are dropped. What is sent goes to where
 * the client's last datagram came from.
 * @param control  the association's connection: it ends the packet when it ends. Owned on success,
 * and NULL then
 * @param socket   an unconnected one; likewise
 * @param client   only from this IP address (of any port) datagrams are taken
 */
int gost__udp_socks_server(struct gost_stream **control, struct gost_packet **socket,
                           const union gost_sockaddr *client, struct gost_packet **out);

/**
 * The client's end.
 * @param socket  connected to the address that the proxy told
 * @param target  as in gost__udp_framed_new
 * @param silence_ms  end after so long without a datagram from the proxy; 0: never
 */
int gost__udp_socks_client(struct gost_stream **control, struct gost_packet **socket,
                           const struct gost_addr *target, uint64_t silence_ms,
                           struct gost_packet **out);

#endif
