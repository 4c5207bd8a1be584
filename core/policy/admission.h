/**
 * Admission: which clients may connect at all.
 */
#ifndef GOST_POLICY_ADMISSION_H
#define GOST_POLICY_ADMISSION_H

#include "core/base/addr.h"
#include "core/policy/matcher.h"

struct gost_admission {
    int refs;
    bool whitelist; /**< only matching clients are admitted, instead of all but those */
    struct gost_cidrs sources;
    bool unread; /**< a list of its has not been read yet: a blacklist refuses everyone meanwhile */
    /** A script's own pattern, or NULL: > 0 the client matches, 0 it does not, < 0 failed. May
     *  suspend; asked only when the patterns did not match already. */
    int (*hook)(void *arg, const union gost_sockaddr *client);
    void *hook_arg;
    void (*hook_drop)(void *arg); /**< frees hook_arg with the admission; may be NULL */
};

/** @param[out] out  with one reference. @return 0 or GOST_ENOMEM */
int gost_admission_new(struct gost_admission **out, bool whitelist);

/** @return a */
struct gost_admission *gost_admission_ref(struct gost_admission *a);

/** NULL is fine. */
void gost_admission_unref(struct gost_admission *a);

/**
 * Add an address, network or range.
 * @return as gost_matcher_add_source: GOST_MATCHER_NAME asks the caller to resolve the name and to
 *         add its addresses
 */
int gost_admission_add(struct gost_admission *a, const char *pattern, size_t n);

/**
 * Add the patterns of a file ("#" comments).
 * @param name  called with each name that must be resolved first; NULL makes names an error
 * @return as gost_lines_load: good lines are added
 */
int gost_admission_load(struct gost_admission *a, const char *text, size_t n,
                        void (*name)(void *arg, const char *name, size_t n), void *arg);

/** Exchange the patterns of two admissions; open connections are not asked again. */
void gost_admission_swap(struct gost_admission *a, struct gost_admission *b);

/**
 * Ask one admission. Suspends if its hook does. A client without an IP address (a Unix socket, or
 * unknown) is admitted unless there is a hook, which then decides alone.
 * @return 1 admitted, 0 refused, or the hook's negative code: refuse then
 */
int gost_admission_admits(struct gost_admission *a, const union gost_sockaddr *client);

/** Ask several: all must admit. @return as gost_admission_admits; 1 for an empty list */
int gost_admissions_admit(struct gost_admission *const *list, size_t count,
                          const union gost_sockaddr *client);

#endif
