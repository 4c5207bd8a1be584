/**
 * Connecting without any node.
 */
#ifndef GOST_ROUTE_DIRECT_H
#define GOST_ROUTE_DIRECT_H

#include "core/route/end.h"
#include "core/route/node.h"

/** Is a request of datagrams for any destination? */
bool gost__is_association(const struct gost_request *r);

/**
 * Reach what is asked for: the name looked up in `hosts`, then by the resolver. Suspends.
 * @param hosts     or NULL
 * @param resolver  NULL: the system's
 * @param options   of the socket, or NULL
 * @return 0 or a negative code with diag
 */
int gost__direct_connect(const struct gost_request *request, struct gost_hosts *hosts,
                         struct gost_resolver *resolver, const struct gost_socket_options *options,
                         uint64_t deadline, const struct gost__end *to);

/** The same for datagrams to one address; an empty host is this machine. Suspends. */
int gost__direct_connect_udp(const struct gost_addr *addr, struct gost_hosts *hosts,
                             struct gost_resolver *resolver,
                             const struct gost_socket_options *options, uint64_t deadline,
                             struct gost_packet **out);

#endif
