/**
 * A set of host names: exact ones and whole zones, each with the ports it speaks of. Names are
 * compared without case and without a trailing dot. A question costs one hash look-up a label.
 */
#ifndef GOST_BASE_DOMAINS_H
#define GOST_BASE_DOMAINS_H

#include "core/base/map.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** An inclusive range of ports. */
struct gost_ports {
    uint32_t min, max;
};

#define GOST_PORTS_ANY ((struct gost_ports){0, UINT32_MAX})

/** Parse "80" or "80-90". @return 0, or GOST_ECONFIG for anything else and a backwards range */
int gost_ports_parse(struct gost_ports *ports, const char *text, size_t n);

static inline bool gost_ports_match(struct gost_ports ports, uint32_t port)
{
    return ports.min <= port && port <= ports.max;
}

/** What of a name is meant; ".x" in a configuration is both. */
enum gost_domain_kind {
    GOST_DOMAIN_EXACT = 1, /**< the name itself */
    GOST_DOMAIN_BELOW = 2, /**< everything that ends in ".name" */
};

struct gost_domains {
    struct gost_map names; /**< name -> struct domain_rule list */
    size_t max_labels;     /**< of the names inside: deeper suffixes need no look-up */
};

void gost_domains_create(struct gost_domains *d);
void gost_domains_destroy(struct gost_domains *d);

/**
 * Bring a host name to the form that is compared: ASCII lower case, no trailing dots.
 * @param out  at least `room` bytes
 * @return its length, or `room` when it does not fit with a NUL behind it
 */
size_t gost_domain_normalise(char *out, size_t room, const char *name, size_t n);

/**
 * Add a name (normalised here; no leading dot).
 * @param kinds  enum gost_domain_kind, or-ed
 * @return 0, GOST_ECONFIG for an empty or overlong name, GOST_ENOMEM
 */
int gost_domains_add(struct gost_domains *d, const char *name, size_t n, unsigned kinds,
                     struct gost_ports ports);

/** Add "x" or ".x" (x and everything below). @return as gost_domains_add */
int gost_domains_add_text(struct gost_domains *d, const char *text, size_t n,
                          struct gost_ports ports);

/** @param name  in any case, with or without a trailing dot */
bool gost_domains_match(const struct gost_domains *d, const char *name, size_t n, uint32_t port);

/** Like gost_domains_match for a name that is normalised already. */
bool gost_domains_match_normal(const struct gost_domains *d, const char *name, size_t n,
                               uint32_t port);

#endif
