/**
 * Rate limiters: requests per second, in all and per client address.
 *
 * The limiter itself belongs to a worker; its buckets are shared by all workers under its name, and
 * outlive a reload that keeps the name.
 */
#ifndef GOST_POLICY_RATE_LIMIT_H
#define GOST_POLICY_RATE_LIMIT_H

#include "core/base/addr.h"
#include "core/policy/keytab.h"
#include "core/policy/limits.h"

struct gost_rate_limit {
    int refs;
    char *name; /**< NULL: shared with nobody */
    struct gost_limits limits;
    struct gost_bucket *service; /**< shared */
    struct gost_keytab *keys;    /**< shared; NULL until a rule needs it */
    /**
     * A script's word instead of rules, or NULL; asked for each request. May suspend.
     * @param[out] rate  a second, of the client's address and in all; preset to 0: no limit
     * @return 0, or a negative code: refuse
     */
    int (*hook)(void *arg, const union gost_sockaddr *peer, double rate[2]);
    void *hook_arg;
    void (*hook_drop)(void *arg); /**< frees hook_arg with the limiter; may be NULL */
};

/**
 * @param name     under which workers share the buckets, or NULL
 * @param[out] out with one reference
 * @return 0 or GOST_ENOMEM
 */
int gost_rate_limit_new(struct gost_rate_limit **out, const char *name);

/** @return l */
struct gost_rate_limit *gost_rate_limit_ref(struct gost_rate_limit *l);

/** NULL is fine. */
void gost_rate_limit_unref(struct gost_rate_limit *l);

/** Add a rule (limits.h). @return as gost_limits_add */
int gost_rate_limit_add(struct gost_rate_limit *l, const char *rule, size_t n);

/** Add the rules of a file. @return as gost_limits_load */
int gost_rate_limit_load(struct gost_rate_limit *l, const char *text, size_t n);

/** Exchange the rules of two limiters of one name; the buckets stay as they are. */
void gost_rate_limit_swap(struct gost_rate_limit *a, struct gost_rate_limit *b);

/** Make what the answers of a hook, set before, are counted in. @return 0 or GOST_ENOMEM */
int gost_rate_limit_hooked(struct gost_rate_limit *l);

/**
 * Count a request. Suspends if there is a hook. Refused, it costs nothing anywhere.
 * @param l           NULL: nothing is limited
 * @param peer        NULL or no IP address: only $$ (all such peers together) and $ apply
 * @param now         milliseconds of the monotonic clock
 * @param[out] retry  when refused: the time at which one will pass; may be NULL
 * @return 0, GOST_ELIMIT with diag, or the code of the hook
 */
int gost_rate_limit_take(struct gost_rate_limit *l, const union gost_sockaddr *peer, uint64_t now,
                         uint64_t *retry);

#endif
