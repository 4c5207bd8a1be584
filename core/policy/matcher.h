/**
 * Patterns of destinations, as bypasses hold them:
 *
 *     10.0.0.0/8            network            .name.test         name.test and all below
 *     10.1.2.3, ::1         address            name.test:443      with a port
 *     10.0.1.1-10.0.1.5     range              .name.test:80-90   with a range of ports
 *     10.0.2.1:80, [::1]:80 address and port   *.name.test, q?.x  glob on the host, with or
 *     name.test             that name only     *:7777             without ports
 *
 * Addresses without a port mean any port. Hosts are compared without case and without a trailing
 * dot; an IPv4 address mapped into IPv6 is that IPv4 address.
 */
#ifndef GOST_POLICY_MATCHER_H
#define GOST_POLICY_MATCHER_H

#include "core/base/cidr.h"
#include "core/base/hostset.h"

struct gost_matcher {
    struct gost_cidrs addresses; /**< any port */
    struct gost_hostset hosts;   /**< names, globs, and addresses with a port as text */
    size_t count;                /**< patterns that were added */
};

void gost_matcher_create(struct gost_matcher *m);
void gost_matcher_destroy(struct gost_matcher *m);

/**
 * Add a pattern.
 * @return 0, GOST_ECONFIG with diag (bad glob, bad or backwards ports, empty host, blanks), or
 *         GOST_ENOMEM
 */
int gost_matcher_add(struct gost_matcher *m, const char *pattern, size_t n);

/**
 * @param host  a name or an IP literal, as a client wrote it; brackets are fine
 * @param port  0 when not known
 */
bool gost_matcher_match(struct gost_matcher *m, const char *host, size_t n, uint16_t port);

/** What gost_matcher_add_source says of text that is neither address, network nor range. */
enum { GOST_MATCHER_NAME = 1 };

/**
 * Add a pattern of the other language, which admissions speak: an address, network or range of
 * clients. Names are for the caller to resolve; each address is then added in turn.
 * @return 0, GOST_MATCHER_NAME (nothing was added), GOST_ECONFIG with diag, or GOST_ENOMEM
 */
int gost_matcher_add_source(struct gost_cidrs *set, const char *pattern, size_t n);

#endif
