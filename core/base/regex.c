#define PCRE2_CODE_UNIT_WIDTH 8
#include "core/base/regex.h"

#include "core/base/diag.h"
#include "core/base/error.h"

#include <ctype.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

enum {
    EFFORT_MAX = 100 * 1000, /* steps of one search: some milliseconds */
    HEAP_MAX = 1024,         /* KiB that a search may take */
    NEST_MAX = 50, /* parentheses inside each other: compiling recurses on a fiber's stack */
};

struct gost_regex {
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *limits;
};

static pcre2_code *compile(const char *pattern, size_t n, bool captures, int *error, size_t *at)
{
    uint32_t how = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_DOLLAR_ENDONLY |
                   PCRE2_NEVER_BACKSLASH_C | (captures ? 0 : PCRE2_NO_AUTO_CAPTURE);
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

int gost_regex_new(const char *pattern, size_t n, bool captures, struct gost_regex **out)
{
    struct gost_regex *r = calloc(1, sizeof(*r));
    int error;
    size_t at;
    PCRE2_UCHAR words[128];
    if (!r)
        return gost_fail_code(GOST_ENOMEM);
    r->code = compile(pattern, n, captures, &error, &at);
    if (!r->code) {
        gost_regex_delete(r);
        pcre2_get_error_message(error, words, sizeof(words));
        return gost_fail(GOST_ECONFIG, "in the pattern at %zu: %s", at + 1, (char *)words);
    }
    r->data = captures ? pcre2_match_data_create_from_pattern(r->code, NULL)
                       : pcre2_match_data_create(1, NULL);
    r->limits = pcre2_match_context_create(NULL);
    if (!r->data || !r->limits) {
        gost_regex_delete(r);
        return gost_fail_code(GOST_ENOMEM);
    }
    pcre2_set_match_limit(r->limits, EFFORT_MAX);
    pcre2_set_depth_limit(r->limits, EFFORT_MAX);
    pcre2_set_heap_limit(r->limits, HEAP_MAX);
    *out = r;
    return 0;
}

void gost_regex_delete(struct gost_regex *r)
{
    if (!r)
        return;
    pcre2_match_context_free(r->limits);
    pcre2_match_data_free(r->data);
    pcre2_code_free(r->code);
    free(r);
}

int gost_regex_find(struct gost_regex *r, const char *text, size_t n)
{
    int rc = pcre2_match(r->code, (PCRE2_SPTR)text, n, 0, 0, r->data, r->limits);
    if (rc == PCRE2_ERROR_NOMATCH)
        return 0;
    return rc >= 0 ? 1 : gost_fail(GOST_ELIMIT, "the pattern takes too long");
}

/* --- replacing -------------------------------------------------------------------------------- */

/* The bytes of a group of the last match; an absent one is empty. */
static int put_group(struct gost_regex *r, const char *text, int group, struct gost_buf *out)
{
    size_t *ends = pcre2_get_ovector_pointer(r->data);
    if (group < 0 || (uint32_t)group >= pcre2_get_ovector_count(r->data) ||
        ends[2 * group] == PCRE2_UNSET || ends[2 * group] >= ends[2 * group + 1])
        return 0;
    return gost_buf_append(out, text + ends[2 * group], ends[2 * group + 1] - ends[2 * group]);
}

/* The number of the group called `name`: digits, or a name; -1: there is none. */
static int group_number(struct gost_regex *r, const char *name, size_t n)
{
    char room[64];
    if (n == 0 || n >= sizeof(room))
        return -1;
    memcpy(room, name, n);
    room[n] = '\0';
    if (strspn(room, "0123456789") == n)
        return n < 6 ? atoi(room) : -1;
    int number = pcre2_substring_number_from_name(r->code, (PCRE2_SPTR)room);
    return number > 0 ? number : -1;
}

static bool is_name(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* What stands for one "$…" at `p`. @return bytes of it, or a negative code */
static int put_reference(struct gost_regex *r, const char *text, const char *p, struct gost_buf *out)
{
    size_t n = 0;
    if (p[1] == '$')
        return gost_buf_append(out, "$", 1) == 0 ? 2 : GOST_ELIMIT;
    const char *name = p[1] == '{' ? p + 2 : p + 1;
    while (is_name(name[n]))
        n++;
    if (n == 0 || (p[1] == '{' && name[n] != '}'))
        return gost_buf_append(out, "$", 1) == 0 ? 1 : GOST_ELIMIT;
    int rc = put_group(r, text, group_number(r, name, n), out);
    return rc == 0 ? (int)(name - p + (ptrdiff_t)n + (p[1] == '{')) : GOST_ELIMIT;
}

static int expand(struct gost_regex *r, const char *text, const char *replacement,
                  struct gost_buf *out)
{
    for (const char *p = replacement; *p;) {
        size_t plain = strcspn(p, "$");
        int n = (int)plain;
        if (plain > 0 && gost_buf_append(out, p, plain) != 0)
            return GOST_ELIMIT;
        if (plain == 0 && (n = put_reference(r, text, p, out)) < 0)
            return n;
        p += n;
    }
    return 0;
}

static int replace_all(struct gost_regex *r, const char *text, size_t n, const char *replacement,
                       struct gost_buf *out)
{
    size_t at = 0, done = 0;
    int found = 0;
    while (at <= n) {
        int rc = pcre2_match(r->code, (PCRE2_SPTR)text, n, at, 0, r->data, r->limits);
        if (rc == PCRE2_ERROR_NOMATCH)
            break;
        if (rc < 0)
            return gost_fail(GOST_ELIMIT, "the pattern takes too long");
        const size_t *ends = pcre2_get_ovector_pointer(r->data);
        size_t from = ends[0], to = ends[1];
        found = 1;
        if (from > to || gost_buf_append(out, text + done, from - done) != 0 ||
            expand(r, text, replacement, out) != 0)
            return gost_fail(GOST_ELIMIT, "the text with its replacements is too long");
        done = to;
        at = to > from ? to : to + 1; /* past an empty match; between them bytes are copied */
    }
    if (found && gost_buf_append(out, text + done, n - done) != 0)
        return gost_fail(GOST_ELIMIT, "the text with its replacements is too long");
    return found;
}

int gost_regex_replace(struct gost_regex *r, const char *text, size_t n, const char *replacement,
                       struct gost_buf *out)
{
    struct gost_buf new;
    gost_buf_create(&new, out->max);
    int rc = replace_all(r, text, n, replacement, &new);
    if (rc == 1 && gost_buf_append(out, new.data, new.len) != 0)
        rc = gost_fail(GOST_ELIMIT, "the text with its replacements is too long");
    gost_buf_destroy(&new);
    return rc;
}
