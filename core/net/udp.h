/**
 * UDP sockets as packets.
 *
 * Datagrams are received and sent in batches (recvmmsg, sendmmsg); neighbours of one size for one
 * destination leave as one segmented send (UDP_SEGMENT) where the kernel can. Reports that a
 * datagram did not arrive (ICMP) are passed over: the next one may.
 */
#ifndef GOST_NET_UDP_H
#define GOST_NET_UDP_H

#include "core/net/packet.h"
#include "core/net/socket.h"

/**
 * A connected socket: only its peer's datagrams come in. Does not suspend.
 * @param options  mark and interface count; or NULL
 * @return 0 or a libuv code with diag
 */
int gost_udp_connect(const union gost_sockaddr *to, const struct gost_socket_options *options,
                     struct gost_packet **out);

/**
 * An unconnected socket of one family.
 * @param local  where it is bound; port 0: the kernel picks one
 */
int gost_udp_open(const union gost_sockaddr *local, const struct gost_socket_options *options,
                  struct gost_packet **out);

/**
 * A connected socket that speaks for somebody else: bound to `from`, which need not be an address of
 * this host (IP_TRANSPARENT, which needs CAP_NET_ADMIN), and connected to `to`.
 * @param from, to  of one family, not IPv4 mapped into IPv6
 * @param netns     where; or NULL
 */
int gost_udp_impersonate(const union gost_sockaddr *from, const union gost_sockaddr *to,
                         const char *netns, struct gost_packet **out);

/**
 * An unconnected pair, for destinations of both families: IPv4 at once, IPv6 with the first
 * datagram that needs it. GOST_QUERY_LOCAL_ADDR tells of the first.
 */
int gost_udp_open_any(const struct gost_socket_options *options, struct gost_packet **out);

/* --- for the sockets of this room ----------------------------------------------------------- */

/**
 * A bound, non-blocking datagram socket with large buffers.
 * @param listen  reuseport, transparent and v6only count; else mark and interface
 * @return the descriptor, or a libuv code with diag
 */
int gost__udp_socket(const union gost_sockaddr *local, bool bind_it, bool listen,
                     const struct gost_socket_options *options);

/**
 * Which of this host's addresses a datagram came to, or is to come from: a socket that listens on
 * all of them has to answer by the one that was asked.
 */
struct gost__udp_local {
    sa_family_t family; /**< AF_INET, AF_INET6 (IPv4 mapped, on such a socket); AF_UNSPEC: unknown */
    union {
        struct in_addr v4;
        struct in6_addr v6;
    };
    uint32_t interface; /**< of a link-local address, else 0 */
};

/** Let a socket tell of its own addresses. */
void gost__udp_want_local(int fd, int family);

/**
 * Receive a batch.
 * @param named  fill in the sources
 * @param[out] local  GOST_BATCH_MAX addresses, for a socket with gost__udp_want_local; or NULL
 * @return datagrams (> 0), or a negative errno
 */
int gost__udp_recv(int fd, struct gost_batch *b, bool named, struct gost__udp_local *local);

/**
 * Send.
 * @param local  where each comes from; datagrams with equal destinations have equal ones. Or NULL
 * @param[in,out] gso      may neighbours be sent as one? Cleared when the kernel will not
 * @param[in,out] dropped  counts those that cannot be sent
 * @return datagrams taken (> 0), or GOST_WANT_WRITE
 */
int gost__udp_send(int fd, const struct gost_datagram *d, int count,
                   const struct gost__udp_local *local, bool *gso, uint64_t *dropped);

#endif
