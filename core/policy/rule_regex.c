/*
 * Patterns of rules, by PCRE2. GOST's are RE2: what is the same in both means the same here, $ is
 * the end alone. The effort of one search is limited, for PCRE2 goes back and tries again.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/policy/rule_int.h"

#include <pcre2.h>
#include <stdlib.h>

enum {
    EFFORT_MAX = 100 * 1000, /* steps of one search: some milliseconds */
    HEAP_MAX = 1024,         /* KiB that a search may take */
    NEST_MAX = 50, /* parentheses inside each other: compiling recurses on a fiber's stack */
};

struct gost__regex {
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *limits;
};

static pcre2_code *compile(const char *pattern, size_t n, int *error, size_t *at)
{
    uint32_t how = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_DOLLAR_ENDONLY |
                   PCRE2_NEVER_BACKSLASH_C | PCRE2_NO_AUTO_CAPTURE;
    pcre2_compile_context *c = pcre2_compile_context_create(NULL);
    *error = PCRE2_ERROR_NOMEMORY;
    *at = 0;
    if (!c)
        return NULL;
    pcre2_set_parens_nest_limit(c, NEST_MAX);
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern, n, how, error, at, c);
    pcre2_compile_context_free(c);
    return code;
}

int gost__regex_new(const char *pattern, size_t n, struct gost__regex **out)
{
    struct gost__regex *r = calloc(1, sizeof(*r));
    int error;
    size_t at;
    PCRE2_UCHAR words[128];
    if (!r)
        return gost_fail_code(GOST_ENOMEM);
    r->code = compile(pattern, n, &error, &at);
    if (!r->code) {
        gost__regex_delete(r);
        pcre2_get_error_message(error, words, sizeof(words));
        return gost_fail(GOST_ECONFIG, "in the pattern at %zu: %s", at + 1, (char *)words);
    }
    r->data = pcre2_match_data_create(1, NULL);
    r->limits = pcre2_match_context_create(NULL);
    if (!r->data || !r->limits) {
        gost__regex_delete(r);
        return gost_fail_code(GOST_ENOMEM);
    }
    pcre2_set_match_limit(r->limits, EFFORT_MAX);
    pcre2_set_depth_limit(r->limits, EFFORT_MAX);
    pcre2_set_heap_limit(r->limits, HEAP_MAX);
    *out = r;
    return 0;
}

void gost__regex_delete(struct gost__regex *r)
{
    if (!r)
        return;
    pcre2_match_context_free(r->limits);
    pcre2_match_data_free(r->data);
    pcre2_code_free(r->code);
    free(r);
}

int gost__regex_find(struct gost__regex *r, const char *text, size_t n)
{
    int rc = pcre2_match(r->code, (PCRE2_SPTR)text, n, 0, 0, r->data, r->limits);
    if (rc == PCRE2_ERROR_NOMATCH)
        return 0;
    return rc >= 0 ? 1 : gost_fail(GOST_ELIMIT, "the pattern takes too long");
}
