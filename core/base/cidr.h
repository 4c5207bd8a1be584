/**
 * A set of IP networks and ranges of both families, asked for membership only: sorted, disjoint
 * ranges and a binary search. One thread at a time (a question may put the set in order).
 */
#ifndef GOST_BASE_CIDR_H
#define GOST_BASE_CIDR_H

#include "core/base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** An address as a 128-bit number; IPv4 a.b.c.d is ::ffff:a.b.c.d, so mapped ones need no care. */
struct gost_ip {
    uint64_t hi, lo;
};

/** @return < 0, 0 or > 0 */
int gost_ip_compare(struct gost_ip a, struct gost_ip b);

/** Is it IPv4 (or IPv4 mapped into IPv6)? */
bool gost_ip_is_v4(struct gost_ip ip);

/** @return false for a family other than AF_INET and AF_INET6 */
bool gost_ip_from_sockaddr(struct gost_ip *ip, const union gost_sockaddr *s);

/** The reverse: AF_INET for IPv4, else AF_INET6. */
void gost_ip_to_sockaddr(struct gost_ip ip, uint16_t port, union gost_sockaddr *s);

/** Parse an IP literal; brackets and an IPv6 zone are dropped. @return false for anything else */
bool gost_ip_from_text(struct gost_ip *ip, const char *text, size_t n);

/** Keep the first `bits` (0 to 128) of an address. */
struct gost_ip gost_ip_mask(struct gost_ip ip, unsigned bits);

/**
 * Parse "address/bits".
 * @param[out] base  the network's first address
 * @param[out] bits  of the 128-bit form: an IPv4 network has 96 more than written
 * @return false when it is no CIDR
 */
bool gost_cidr_parse(struct gost_ip *base, unsigned *bits, const char *text, size_t n);

struct gost_ip_range {
    struct gost_ip first, last; /**< both inclusive */
};

struct gost_cidrs {
    struct gost_ip_range *ranges; /**< the first `sorted` are disjoint and ascending */
    size_t count, sorted, cap;
};

void gost_cidrs_create(struct gost_cidrs *set);
void gost_cidrs_destroy(struct gost_cidrs *set);

/**
 * Add a range of addresses. IPv4 is a world of its own: a range of IPv6 addresses that spans
 * ::ffff:0:0/96 (as ::/0 does) does not take IPv4 in.
 * @return 0, GOST_ECONFIG when it is backwards or of mixed families, GOST_ENOMEM
 */
int gost_cidrs_add_range(struct gost_cidrs *set, struct gost_ip first, struct gost_ip last);

/**
 * Add "ip", "ip/bits" or "ip-ip".
 * @return as gost_cidrs_add_range; GOST_ECONFIG (with diag) also for any other text
 */
int gost_cidrs_add(struct gost_cidrs *set, const char *text, size_t n);

bool gost_cidrs_match(struct gost_cidrs *set, struct gost_ip ip);

#endif
