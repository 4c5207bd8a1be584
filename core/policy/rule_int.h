/**
 * Rules inside: a program for a machine with one register, which holds whether what was looked at
 * last is true.
 */
#ifndef GOST_POLICY_RULE_INT_H
#define GOST_POLICY_RULE_INT_H

#include "core/base/cidr.h"
#include "core/base/regex.h"
#include "core/policy/rule.h"

enum gost__rule_fn {
    RULE_CLIENT_IP,
    RULE_NETWORK,
    RULE_PROTO,
    RULE_METHOD,
    RULE_HOST,
    RULE_HOST_REGEXP,
    RULE_PATH,
    RULE_PATH_PREFIX,
    RULE_PATH_REGEXP,
    RULE_HEADER,
    RULE_HEADER_REGEXP,
    RULE_QUERY,
    RULE_QUERY_REGEXP,
    RULE_LATER, /**< known to GOST, not here */
};

enum { RULE_ARGUMENTS = 3 };

enum gost__rule_compare { RULE_GT = 1, RULE_GE, RULE_LT, RULE_LE, RULE_EQ, RULE_NE };

/** One function with its arguments. */
struct gost__rule_test {
    enum gost__rule_fn fn;
    char *key;                       /**< of a header or parameter; else NULL */
    char *text;                      /**< NUL-terminated, without NUL inside; NULL: any value */
    size_t len;                      /**< bytes of text */
    enum gost__rule_compare compare; /**< 0: none; else with `number` */
    double number;
    struct gost_cidrs net;    /**< CLIENT_IP only */
    struct gost_regex *regex; /**< of the patterns only */
};

struct gost__rule_step {
    enum { RULE_TEST, RULE_NOT, RULE_JUMP_IF, RULE_JUMP_UNLESS } op;
    size_t to; /**< index of the test, or of the step to go on with */
};

struct gost_rule {
    struct gost__rule_step *step;
    size_t steps;
    struct gost__rule_test *test;
    size_t tests;
    size_t len; /**< bytes of the rule's text */
};

/** Get a test ready whose fn and text are set. @return 0, GOST_ECONFIG with diag, GOST_ENOMEM */
int gost__rule_prepare(struct gost__rule_test *t);

/** Does a header or a parameter of the query fit? @return 1, 0 or a negative code */
int gost__rule_header(const struct gost__rule_test *t, const struct gost_http1 *head);
int gost__rule_query(const struct gost__rule_test *t, const struct gost_http1 *head);

/** Read "gt" and so on, and the number, which is t->text. @return 0 or GOST_ECONFIG with diag */
int gost__rule_comparison(struct gost__rule_test *t, const char *word);

#endif
