/**
 * Addresses: a target as a protocol names it (host and port), and a socket address.
 */
#ifndef GOST_BASE_ADDR_H
#define GOST_BASE_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

enum {
    GOST_HOST_MAX = 256,            /**< a host name (255 bytes, the wire's limit) with its NUL */
    GOST_HOSTPORT_MAX = 256 + 2 + 6 /**< "[host]:65535" with its NUL */
};

/** Where somebody wants to go. The host is a name or an IP literal without brackets. */
struct gost_addr {
    char host[GOST_HOST_MAX]; /**< NUL-terminated; "" means "any" or "not given" */
    uint16_t port;            /**< host byte order; 0 when not given */
};

/**
 * Parse "host:port", "host", ":port", "[v6]:port", "v6".
 * @param n             bytes at `text`
 * @param default_port  used when the text has no port
 * @return 0, or GOST_ECONFIG (with diag) for a bad port, an unclosed bracket, a NUL or a host over
 *         255 bytes
 */
int gost_addr_parse(struct gost_addr *a, const char *text, size_t n, uint16_t default_port);

/**
 * Write "host:port", with brackets around an IPv6 host.
 * @param buf  at least GOST_HOSTPORT_MAX bytes
 * @return buf
 */
char *gost_addr_format(const struct gost_addr *a, char *buf);

/** A socket address of any family the core uses. */
union gost_sockaddr {
    struct sockaddr sa;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un un;
};

/**
 * Is `host` an IP literal? A zone ("fe80::1%eth0") is accepted for IPv6.
 * @param[out] out  the address with `port`, when it is; may be NULL
 * @return AF_INET, AF_INET6, or 0 for a name
 */
int gost_ip_parse(const char *host, uint16_t port, union gost_sockaddr *out);

/** @return bytes of the address that the kernel wants to hear of */
socklen_t gost_sockaddr_len(const union gost_sockaddr *s);

/**
 * Write "1.2.3.4:80", "[::1]:80", or the path of a Unix socket ("@" when unnamed). IPv4 addresses
 * mapped into IPv6 are shown as IPv4.
 * @param buf  at least GOST_HOSTPORT_MAX bytes
 * @return buf
 */
char *gost_sockaddr_format(const union gost_sockaddr *s, char *buf);

/** Like gost_sockaddr_format without the port. */
char *gost_sockaddr_host(const union gost_sockaddr *s, char *buf);

/** @return the port in host byte order, 0 for Unix sockets */
uint16_t gost_sockaddr_port(const union gost_sockaddr *s);

/** Turn an IPv4-mapped IPv6 address (::ffff:1.2.3.4) into IPv4 in place; others stay. */
void gost_sockaddr_unmap(union gost_sockaddr *s);

/** Same family, address and port? */
bool gost_sockaddr_equal(const union gost_sockaddr *a, const union gost_sockaddr *b);

#endif
