/**
 * Traffic limiters: bytes per second, per service, connection, client address and client id.
 *
 * The limiter itself belongs to a worker; its buckets are shared by all workers under its name, and
 * outlive a reload that keeps the name.
 */
#ifndef GOST_POLICY_TRAFFIC_H
#define GOST_POLICY_TRAFFIC_H

#include "core/base/addr.h"
#include "core/policy/keytab.h"
#include "core/policy/limits.h"

/** Which rules are asked; GOST's `limiter.scope`. */
enum gost_scope {
    GOST_SCOPE_SERVICE = 1, /**< $ */
    GOST_SCOPE_CONN = 2,    /**< $$, IP, CIDR */
    GOST_SCOPE_CLIENT = 4,  /**< @ID, @@ */
    GOST_SCOPE_ALL = 7,
};

/** Rules that connections point into; the last one of them frees what a reload has replaced. */
struct gost_traffic_rules {
    int refs;
    struct gost_limits limits;
};

struct gost_traffic {
    int refs;
    char *name;   /**< NULL: shared with nobody */
    bool changes; /**< its rules may be swapped: connections without a limit ask all the same */
    struct gost_traffic_rules *rules;
    /**
     * A script's or a plugin's word instead of rules, or NULL; asked once for a connection and scope. May suspend.
     * @param scope      GOST_SCOPE_SERVICE, _CONN or _CLIENT
     * @param[out] rate  bytes per second in and out, preset to 0: unlimited, which a failure leaves
     */
    void (*hook)(void *arg, unsigned scope, uint64_t rate[2]);
    void *hook_arg;
    void (*hook_drop)(void *arg); /**< frees hook_arg with the limiter; may be NULL */
    struct gost_bucket *service;  /**< two, shared */
    struct gost_keytab *keys;     /**< shared; NULL until a rule needs it */
};

/**
 * @param name     under which workers share the buckets, or NULL
 * @param[out] out with one reference
 * @return 0 or GOST_ENOMEM
 */
int gost_traffic_new(struct gost_traffic **out, const char *name);

/** @return t */
struct gost_traffic *gost_traffic_ref(struct gost_traffic *t);

/** NULL is fine. */
void gost_traffic_unref(struct gost_traffic *t);

/** Add a rule (limits.h). @return as gost_limits_add */
int gost_traffic_add(struct gost_traffic *t, const char *rule, size_t n);

/** Add the rules of a file. @return as gost_limits_load */
int gost_traffic_load(struct gost_traffic *t, const char *text, size_t n);

/** Exchange the rules of two limiters of one name; open connections go by the new ones at once. */
void gost_traffic_swap(struct gost_traffic *a, struct gost_traffic *b);

/** What applies to one connection; in its owner's memory. */
struct gost_traffic_conn {
    struct gost_traffic *limiter;     /**< a reference; NULL: unlimited */
    struct gost_traffic_rules *rules; /**< a reference: those that the pointers below point into */
    unsigned scopes;
    bool has_ip;
    struct gost_ip addr; /**< of the client, if it has one */
    char *id;            /**< of the client, once it is known; owned */
    size_t id_len;
    struct gost_limit answer[3]; /**< of the hook, by scope; the pointers below may point here */
    struct gost_bucket own[2];   /**< of "$$" */
    const struct gost_limit *service, *each, *ip, *client; /**< rules that apply, or NULL */
    uint64_t ip_tag, client_tag;
};

/**
 * Find the rules of a connection. Suspends if there is a hook, which is asked instead.
 * @param t       NULL: nothing is limited
 * @param scopes  enum gost_scope, or-ed
 * @param peer    NULL or no IP address: only $ and $$ apply
 */
void gost_traffic_conn_create(struct gost_traffic_conn *c, struct gost_traffic *t, unsigned scopes,
                              const union gost_sockaddr *peer);

/** The client is known now: its own rules apply as well. Suspends if there is a hook. */
void gost_traffic_conn_identify(struct gost_traffic_conn *c, const char *id, size_t n);

/** Let go of the limiter; nothing is limited afterwards. May be called twice. */
void gost_traffic_conn_destroy(struct gost_traffic_conn *c);

/** Is there any limit in this direction? If not, there is no need to ask for each piece. */
bool gost_traffic_limits(const struct gost_traffic_conn *c, int direction);

/**
 * Ask for leave to pass bytes on: all buckets that apply must have it.
 * @param direction   GOST_LIMIT_IN or GOST_LIMIT_OUT
 * @param now         milliseconds of the monotonic clock
 * @param[out] retry  when 0 is granted: the time to ask again
 * @return bytes that may pass, 0 to want
 */
uint64_t gost_traffic_take(struct gost_traffic_conn *c, int direction, uint64_t want, uint64_t now,
                           uint64_t *retry);

/**
 * The same for a datagram: all of it or nothing.
 * @param[out] retry  when to try again; GOST_BUCKET_NEVER: larger than a bucket, drop it
 */
bool gost_traffic_take_all(struct gost_traffic_conn *c, int direction, uint64_t n, uint64_t now,
                           uint64_t *retry);

/** Give back what was granted and then not passed on (a short write). */
void gost_traffic_give(struct gost_traffic_conn *c, int direction, uint64_t n);

#endif
