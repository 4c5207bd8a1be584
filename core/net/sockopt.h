/**
 * Making sockets with the options of net/socket.h set.
 */
#ifndef GOST_NET_SOCKOPT_H
#define GOST_NET_SOCKOPT_H

#include "core/net/socket.h"

/**
 * A non-blocking socket that is ready for connect(2).
 * @param options  NULL: none
 * @return the descriptor, or a libuv code with diag
 */
int gost__sockopt_dial(const union gost_sockaddr *to, const struct gost_socket_options *options);

/**
 * Leave through the first usable one of a comma list of interface names and source addresses.
 * @param family  of the socket
 * @return 0 or a libuv code with diag
 */
int gost__sockopt_interface(int fd, int family, const char *list);

/** A bound, listening, non-blocking socket. @return the descriptor, or a libuv code with diag */
int gost__sockopt_listen(const union gost_sockaddr *addr, const struct gost_socket_options *options,
                         int backlog);

#endif
