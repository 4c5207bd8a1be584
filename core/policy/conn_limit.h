/**
 * Connection limiters: how many connections may be open at a time, in all and per client address.
 *
 * The limiter itself belongs to a worker; its counters are shared by all workers under its name,
 * and outlive a reload that keeps the name.
 */
#ifndef GOST_POLICY_CONN_LIMIT_H
#define GOST_POLICY_CONN_LIMIT_H

#include "core/base/addr.h"
#include "core/policy/limits.h"

#include <stdatomic.h>

enum {
    GOST_CONN_SLOTS = 65536, /**< client addresses with an open connection, at most; power of two */
    GOST_CONN_WINDOW = 64,   /**< slots in which an address may lie */
};

/** Of the answers of a hook. */
enum { GOST_ANSWER_CLIENT, GOST_ANSWER_SERVICE, GOST_ANSWERS };

struct gost_conn_limit {
    int refs;
    char *name; /**< NULL: shared with nobody */
    struct gost_limits limits;
    _Atomic uint64_t *total; /**< of "$", shared */
    _Atomic uint64_t *slots; /**< a tag and a count each, shared; NULL until a rule needs it */
    /**
     * A script's word instead of rules, or NULL; asked for each connection. May suspend.
     * @param[out] most  at a time, of the client's address and in all; preset to 0: no limit
     * @return 0, or a negative code: refuse
     */
    int (*hook)(void *arg, const union gost_sockaddr *peer, uint32_t most[GOST_ANSWERS]);
    void *hook_arg;
    void (*hook_drop)(void *arg); /**< frees hook_arg with the limiter; may be NULL */
};

/** What a connection holds until it closes; zeroed: nothing. */
struct gost_conn_hold {
    struct gost_conn_limit *limiter; /**< a reference */
    _Atomic uint64_t *total, *slot;  /**< NULL: not counted there */
};

/**
 * @param name     under which workers share the counters, or NULL
 * @param[out] out with one reference
 * @return 0 or GOST_ENOMEM
 */
int gost_conn_limit_new(struct gost_conn_limit **out, const char *name);

/** @return l */
struct gost_conn_limit *gost_conn_limit_ref(struct gost_conn_limit *l);

/** NULL is fine. */
void gost_conn_limit_unref(struct gost_conn_limit *l);

/** Add a rule (limits.h). @return as gost_limits_add */
int gost_conn_limit_add(struct gost_conn_limit *l, const char *rule, size_t n);

/** Add the rules of a file. @return as gost_limits_load */
int gost_conn_limit_load(struct gost_conn_limit *l, const char *text, size_t n);

/** Exchange the rules of two limiters of one name; what is counted stays counted. */
void gost_conn_limit_swap(struct gost_conn_limit *a, struct gost_conn_limit *b);

/** Make what the answers of a hook, set before, are counted in. @return 0 or GOST_ENOMEM */
int gost_conn_limit_hooked(struct gost_conn_limit *l);

/**
 * Count a new connection. Suspends if there is a hook. Refused, it counts nowhere: close it and go on accepting. When so many
 * addresses are connected that the table has no room, new ones are refused too.
 * @param l     NULL: nothing is limited
 * @param peer  NULL or no IP address: only $$ (all such peers together) and $ apply
 * @return 0, GOST_ELIMIT with diag, or the code of the hook (the hold is empty then)
 */
int gost_conn_limit_acquire(struct gost_conn_limit *l, const union gost_sockaddr *peer,
                            struct gost_conn_hold *hold);

/** The connection has closed; on the worker that acquired. May be called twice. */
void gost_conn_hold_release(struct gost_conn_hold *hold);

#endif
