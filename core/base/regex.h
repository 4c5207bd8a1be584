/**
 * Regular expressions, by PCRE2. GOST's are RE2: what is the same in both means the same here, $ is
 * the end alone. The effort of one search is limited, for PCRE2 goes back and tries again.
 */
#ifndef GOST_BASE_REGEX_H
#define GOST_BASE_REGEX_H

#include "core/base/buf.h"

#include <stdbool.h>

struct gost_regex;

/**
 * @param captures  parentheses are groups, for gost_regex_replace
 * @return 0, GOST_ECONFIG with what is wrong and where, or GOST_ENOMEM
 */
int gost_regex_new(const char *pattern, size_t n, bool captures, struct gost_regex **out);
void gost_regex_delete(struct gost_regex *r); /**< NULL is fine */

/** @return 1 when the pattern is found anywhere, 0, or a negative code when it took too long */
int gost_regex_find(struct gost_regex *r, const char *text, size_t n);

/**
 * Replace whatever the pattern finds. In `replacement`, $1 and ${1} stand for groups, $name and
 * ${name} for named ones ("" when there is none), $$ for a dollar; a name is as long as it can be.
 * @param[out] out  the new text is appended; untouched when nothing was found
 * @return 1 when something was found, 0, GOST_ELIMIT (too long, in time or in bytes), GOST_ENOMEM
 */
int gost_regex_replace(struct gost_regex *r, const char *text, size_t n, const char *replacement,
                       struct gost_buf *out);

#endif
