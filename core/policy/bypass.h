/**
 * Bypass: destinations that a service, hop or node has nothing to do with. What "yes" leads to is
 * the asker's: a service refuses the request, a hop or node is passed over.
 */
#ifndef GOST_POLICY_BYPASS_H
#define GOST_POLICY_BYPASS_H

#include "core/base/addr.h"
#include "core/policy/matcher.h"

struct gost_bypass {
    int refs;
    bool whitelist;   /**< yes for all but the matching ones, instead of for the matching ones */
    char network[16]; /**< "tcp", "udp": only requests of it are spoken of; "": of all */
    struct gost_matcher matcher;
    bool unread; /**< a list of its has not been read yet: nobody can say, so requests are refused */
    /** A script's own pattern, or NULL: > 0 the destination matches, 0 it does not, < 0 failed. May
     *  suspend; asked only when the patterns did not match already. */
    int (*hook)(void *arg, const struct gost_addr *addr, const char *network);
    void *hook_arg;
    void (*hook_drop)(void *arg); /**< frees hook_arg with the bypass; may be NULL */
};

/**
 * @param network  "" or NULL for all; compared literally with the network of a request
 * @param[out] out with one reference
 * @return 0, GOST_ECONFIG for an overlong network, GOST_ENOMEM
 */
int gost_bypass_new(struct gost_bypass **out, bool whitelist, const char *network);

/** @return b */
struct gost_bypass *gost_bypass_ref(struct gost_bypass *b);

/** NULL is fine. */
void gost_bypass_unref(struct gost_bypass *b);

/** Add a pattern (matcher.h). @return as gost_matcher_add */
int gost_bypass_add(struct gost_bypass *b, const char *pattern, size_t n);

/** Add the patterns of a file ("#" comments). @return as gost_lines_load: good lines are added */
int gost_bypass_load(struct gost_bypass *b, const char *text, size_t n);

/** Exchange the patterns of two bypasses. */
void gost_bypass_swap(struct gost_bypass *a, struct gost_bypass *b);

/**
 * Ask one bypass. Suspends if its hook does.
 *
 *                                    nothing to match with   matched   not matched
 *     blacklist                      no                      yes       no
 *     whitelist                      no                      no        yes
 *     network set, same, blacklist   yes                     yes       no
 *     network set, same, whitelist   no                      no        yes
 *     network set, another           no                      no        no
 *
 * @param dst       the destination as the client named it
 * @param resolved  what `hosts` or a resolver made of it, matched as well; or NULL
 * @return 1 yes, 0 no, or a negative code (the hook's; GOST_EDENIED while it is unread): refuse then
 */
int gost_bypass_contains(struct gost_bypass *b, const char *network, const struct gost_addr *dst,
                         const struct gost_addr *resolved);

/**
 * Ask several: yes when there are whitelists and all of them say so, or when any blacklist does.
 * @return as gost_bypass_contains
 */
int gost_bypasses_contain(struct gost_bypass *const *list, size_t count, const char *network,
                          const struct gost_addr *dst, const struct gost_addr *resolved);

#endif
