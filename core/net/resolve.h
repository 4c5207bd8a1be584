/**
 * Names to addresses: the system's resolver, resolvers of the configuration, and dialing by name.
 *
 * The system's resolver reads the hosts file and resolv.conf (again when it changed); a resolver of
 * the configuration asks its own servers in order until one returns addresses. A and AAAA are asked
 * together. Answers are cached for their time to live, and lookups of one name share one query,
 * which goes on when its waiters are canceled. "localhost" and names below it are the loopback (RFC
 * 6761 section 6.3), IP literals are themselves; neither asks anybody.
 *
 * All state belongs to the thread. All lookups suspend: call them on a fiber.
 */
#ifndef GOST_NET_RESOLVE_H
#define GOST_NET_RESOLVE_H

#include "core/base/addr.h"
#include "core/net/socket.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gost_family { GOST_FAMILY_ANY, GOST_FAMILY_V4, GOST_FAMILY_V6 };

/** Addresses on the heap. All zero is an empty list. */
struct gost_addrs {
    size_t count;
    union gost_sockaddr *addr;
    bool partial; /**< one family's answer was not waited for; asking again may give more */
};

/** Free the addresses; the list is empty afterwards. */
void gost_addrs_destroy(struct gost_addrs *a);

/** Append a copy. @return 0 or GOST_ENOMEM with diag */
int gost_addrs_add(struct gost_addrs *a, const union gost_sockaddr *addr);

/**
 * Put the addresses in the order to try: families take turns, each in its given order (RFC 8305
 * section 4).
 * @param first  the family that begins, if there is one of it; ANY means IPv6
 */
void gost_addrs_sort(struct gost_addrs *a, enum gost_family first);

/** Looks names up: the system's resolver, or one of the configuration. */
struct gost_resolver;

enum { GOST_RESOLVER_SERVERS_MAX = 16 };

/** One name server of a resolver. */
struct gost_nameserver {
    /** "1.1.1.1", "udp://1.1.1.1:53", "tcp://[::1]:53"; an IP literal, the port is 53 by default */
    const char *addr;
    enum gost_family prefer; /**< this family comes first; ANY: IPv4 */
    enum gost_family only;   /**< ask only for this one; ANY: both */
    int64_t ttl_ms; /**< keep answers so long; 0: as the answer says, below 0: do not keep them */
    int64_t timeout_ms; /**< for the whole exchange with this server; 0: 5 seconds */
    bool async;         /**< give an outdated answer at once, and refresh it meanwhile */
};

/**
 * Make a resolver.
 * @param servers  asked in order; all is copied
 * @param[out] out  with one reference
 * @return 0, GOST_ENOTSUP for tls:// and https:// servers, GOST_ECONFIG or GOST_ENOMEM, with diag
 */
int gost_resolver_new(const struct gost_nameserver *servers, size_t count,
                      struct gost_resolver **out);

void gost_resolver_ref(struct gost_resolver *r);

/** The last one ends open queries and frees it. NULL is fine. */
void gost_resolver_unref(struct gost_resolver *r);

/** Forget all cached answers. */
void gost_resolver_clear(struct gost_resolver *r);

/**
 * Look a name up. Suspends.
 * @param r         borrowed; NULL: the system's resolver
 * @param host      a name or an IP literal
 * @param port      goes into the addresses
 * @param family    only addresses of this one
 * @param deadline  absolute, or GOST_NEVER
 * @param[out] out  sorted for connecting, at least one; freed by the caller
 * @return 0, GOST_EDNS ("lookup nosuch.test: no such host"), GOST_ETIMEDOUT, GOST_ECANCELED,
 *         GOST_ELIMIT (too many lookups at once) or GOST_ENOMEM, with diag
 */
int gost_resolver_lookup(struct gost_resolver *r, const char *host, uint16_t port,
                         enum gost_family family, uint64_t deadline, struct gost_addrs *out);

/** The same with the system's resolver. Suspends. */
int gost_resolve(const char *host, uint16_t port, enum gost_family family, uint64_t deadline,
                 struct gost_addrs *out);

/**
 * Look a name up and connect to the first of its addresses that answers. Suspends. Connecting
 * starts 50 ms after one family's answer is there, even if the other's is not (RFC 8305 section 3).
 * @param r         borrowed; NULL: the system's resolver
 * @param options   or NULL
 * @param[out] out  a connected stream
 * @return 0, or what gost_resolver_lookup and gost_socket_race return, with diag
 */
int gost_dial_host(const char *host, uint16_t port, struct gost_resolver *r,
                   const struct gost_socket_options *options, uint64_t deadline,
                   struct gost_stream **out);

/** Free this thread's system resolver, before its loop ends. */
void gost_resolve_cleanup(void);

/**
 * For tests: what the system's resolver uses from its next use on. Call before any thread looks
 * names up. (The hosts file is named by $CARES_HOSTS.)
 * @param path      instead of /etc/resolv.conf; NULL: as usual
 * @param check_ms  how often it looks whether that file changed
 * @param port      of its name servers
 */
void gost__resolve_set_conf(const char *path, uint64_t check_ms, uint16_t port);

#endif
