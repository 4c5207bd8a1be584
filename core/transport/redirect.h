/**
 * Connections that the kernel took away from their destination (Linux's REDIRECT and TPROXY).
 */
#ifndef GOST_TRANSPORT_REDIRECT_H
#define GOST_TRANSPORT_REDIRECT_H

#include "core/base/addr.h"

/**
 * Where the client of a redirected connection wanted to go.
 * @param fd        of the accepted socket
 * @param tproxy    TPROXY: the socket's own address; else what connection tracking remembers
 * @param[out] out  IPv4 where it was IPv4, also on a socket for both families
 * @return 0 or a libuv code with diag
 */
int gost__redirect_original(int fd, bool tproxy, union gost_sockaddr *out);

/** Does `to` mean `port` on this very host? Dialing that would lead back to us. */
bool gost__redirect_is_self(const union gost_sockaddr *to, uint16_t port);

#endif
