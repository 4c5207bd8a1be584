/**
 * Rules of the three kinds of limiters: "KEY VALUE…", one a line.
 *
 *     KEY       speaks of
 *     $         the whole service
 *     $$        each connection (traffic), or each client address without a rule of its own
 *     IP        that client address
 *     CIDR      each client address inside; the most specific network wins
 *     @ID       that client id; traffic only
 *     @@        each client id without a rule of its own; traffic only
 *
 *     kind         VALUE
 *     traffic      IN [OUT [BURST]], bytes per second and bytes, with or without unit; IN is
 *                  received from the client; 0, negative or absent is unlimited
 *     connections  N at a time, at least 1
 *     rate         R per second, a decimal number above 0
 */
#ifndef GOST_POLICY_LIMITS_H
#define GOST_POLICY_LIMITS_H

#include "core/base/cidr.h"
#include "core/base/map.h"
#include "core/policy/bucket.h"

#include <stdbool.h>
#include <stddef.h>

enum gost_limit_kind { GOST_LIMIT_TRAFFIC, GOST_LIMIT_CONNS, GOST_LIMIT_RATE };

/** The two directions of traffic; other kinds use the first alone. */
enum { GOST_LIMIT_IN, GOST_LIMIT_OUT };

/** One request in the buckets of rate limiters, so that they can count fractions. */
#define GOST_RATE_REQUEST ((uint64_t)1000000)

/** The largest number of connections that a rule may allow. */
#define GOST_CONNS_MAX ((1u << 20) - 1)

struct gost_limit {
    struct gost_rate rate[2]; /**< traffic: bytes; rate: GOST_RATE_REQUEST a request */
    uint32_t conns;
};

struct gost_limits {
    enum gost_limit_kind kind;
    struct gost_limit *service, *each, *each_client; /**< "$", "$$", "@@"; NULL when not given */
    struct gost_map nets;    /**< 16 bytes of network and one of its length -> struct gost_limit */
    struct gost_map clients; /**< id -> struct gost_limit */
    bool bits[129];          /**< lengths of networks that occur */
};

void gost_limits_create(struct gost_limits *l, enum gost_limit_kind kind);
void gost_limits_destroy(struct gost_limits *l);

/**
 * Add a rule; a later one with the same key replaces the former.
 * @return 0, GOST_ECONFIG with a diag that says what is wrong, or GOST_ENOMEM
 */
int gost_limits_add(struct gost_limits *l, const char *rule, size_t n);

/** Add the rules of a file ("#" comments). @return as gost_lines_load: good lines are added */
int gost_limits_load(struct gost_limits *l, const char *text, size_t n);

/** A rate limiter's rule of so many requests per second; 0 (or what no rule may say): no limit. */
void gost_limits_set_rate(struct gost_limit *v, double per_second);

/** @return the rule of the address or of the smallest network around it; NULL when there is none */
const struct gost_limit *gost_limits_of_ip(const struct gost_limits *l, struct gost_ip ip);

/** @return the rule "@id", else "@@", or NULL */
const struct gost_limit *gost_limits_of_client(const struct gost_limits *l, const char *id,
                                               size_t n);

/** Is there a rule that needs state for each client address or id? */
bool gost_limits_keyed(const struct gost_limits *l);

#endif
