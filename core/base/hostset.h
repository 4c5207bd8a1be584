/**
 * A set of host patterns, each with ports: names, zones (".x") and globs. A glob that only asks for
 * an ending becomes a zone look-up; others are found by four bytes that they must contain, so that
 * few of them are tried for a host.
 */
#ifndef GOST_BASE_HOSTSET_H
#define GOST_BASE_HOSTSET_H

#include "core/base/domains.h"
#include "core/base/glob.h"

struct gost_hostset_gram {
    uint32_t gram;  /**< four bytes of host */
    uint32_t count; /**< globs that contain them, found by them or not; 0: the slot is free */
    struct gost_hostset_rule *first; /**< globs that are found by them */
};

struct gost_hostset {
    struct gost_domains names;
    struct gost_hostset_gram *grams; /**< open addressing */
    uint64_t *filter;                /**< a bit for grams with rules: most hosts end here */
    size_t gram_cap, gram_count;
    struct gost_hostset_rule *others; /**< globs without four literal bytes in a row */
};

void gost_hostset_create(struct gost_hostset *set);
void gost_hostset_destroy(struct gost_hostset *set);

/**
 * Add a glob on the whole host, in any case.
 * @return 0, GOST_ECONFIG with diag, or GOST_ENOMEM
 */
int gost_hostset_add_glob(struct gost_hostset *set, const char *pattern, size_t n,
                          struct gost_ports ports);

/** @param host  normalised (gost_domain_normalise) */
bool gost_hostset_match(const struct gost_hostset *set, const char *host, size_t n, uint32_t port);

#endif
