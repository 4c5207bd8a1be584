/**
 * Matcher rules: which requests a node is for, as in `Host(`a.test`) && !PathPrefix("/api")`.
 *
 * A rule joins functions by && (binds tighter), || and !, with parentheses. Arguments are texts in
 * double quotes (with escapes) or back quotes (as they stand). Functions, named in any case:
 *
 *   ClientIP(address or network)   Network(prefix)       Proto(name)     Method(name)
 *   Host(name)                     HostRegexp(pattern)   Path(/path)     PathPrefix(/path)
 *   PathRegexp(pattern)
 *   Header(name)           Header(name, value)           Header(name, compare, number)
 *   HeaderRegexp(name)     HeaderRegexp(name, pattern)
 *   Query(key) and QueryRegexp(key), likewise
 *
 * Host takes ".name" and "*.name" for everything below that name. Patterns are Perl-like, found
 * anywhere. One header or parameter that fits is enough; to compare there are gt, ge, lt, le, eq
 * and ne. What is not known of a request makes the functions that ask for it false.
 */
#ifndef GOST_POLICY_RULE_H
#define GOST_POLICY_RULE_H

#include "core/base/addr.h"
#include "core/codec/http1.h"

enum {
    GOST_RULE_MAX = 16 * 1024, /**< bytes of a rule; longer is refused */
    GOST_RULE_DEPTH = 64,      /**< parentheses and negations inside each other; more are refused */
};

/** What is known of a request; NULL or "": not known. All borrowed. */
struct gost_rule_facts {
    const union gost_sockaddr *client;
    const char *network;           /**< "tcp", "udp" */
    const char *protocol;          /**< "http", "tls" … */
    const char *host;              /**< without port */
    const char *method;            /**< of HTTP */
    const char *path;              /**< of HTTP; a query behind it is not looked at */
    const struct gost_http1 *head; /**< of HTTP: where Header and Query look */
};

struct gost_rule;

/**
 * @return 0; GOST_ECONFIG with what is wrong and in which column; GOST_ENOTSUP for the functions of
 *         GOST that are not here; GOST_ENOMEM
 */
int gost_rule_new(const char *text, size_t n, struct gost_rule **out);
void gost_rule_delete(struct gost_rule *r); /**< NULL is fine */

/**
 * Does the rule hold? Never suspends. A pattern that takes too long to try makes the whole rule
 * false. One thread at a time.
 */
bool gost_rule_matches(struct gost_rule *r, const struct gost_rule_facts *facts);

/** Bytes of its text: the priority of a rule that has none of its own. */
size_t gost_rule_len(const struct gost_rule *r);

#endif
