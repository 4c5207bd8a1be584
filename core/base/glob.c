#include "core/base/glob.h"

#include "core/base/diag.h"
#include "core/base/error.h"

#include <stdlib.h>
#include <string.h>

/* The end of the element that starts at `i`: an escape or a class counts as one. Patterns of
 * GOST_GLOB_MAX bytes at most get here, so nothing overflows. */
static size_t skip_element(const char *p, size_t n, size_t i)
{
    if (p[i] == '\\')
        return i + 2 <= n ? i + 2 : n;
    if (p[i] != '[')
        return i + 1;
    size_t j = i + 1;
    while (j < n && p[j] != ']')
        j += p[j] == '\\' ? 2 : 1;
    return j < n ? j + 1 : n;
}

/* ---- alternatives ---- */

struct expansion {
    int (*fn)(void *arg, const char *text, size_t n);
    void *arg;
    int left; /* patterns that may still be made */
};

/* The brace that closes the one at `open`, or n. */
static size_t find_close(const char *p, size_t n, size_t open)
{
    int depth = 0;
    for (size_t i = open; i < n; i = skip_element(p, n, i)) {
        if (p[i] == '{')
            depth++;
        else if (p[i] == '}' && --depth == 0)
            return i;
    }
    return n;
}

/* The end of the alternative that starts at `i`: a comma of its own level, or the closing brace. */
static size_t find_comma(const char *p, size_t close, size_t i)
{
    int depth = 0;
    for (; i < close; i = skip_element(p, close, i)) {
        if (p[i] == ',' && depth == 0)
            return i;
        depth += p[i] == '{' ? 1 : p[i] == '}' ? -1 : 0;
    }
    return close;
}

/* Recursive: each level takes one pair of braces away, and there are GOST_GLOB_BRACES at most. */
static int expand(struct expansion *e, const char *p, size_t n)
{
    char text[GOST_GLOB_MAX];
    size_t open = 0;
    while (open < n && p[open] != '{' && p[open] != '}')
        open = skip_element(p, n, open);
    if (open >= n) {
        if (e->left-- == 0)
            return gost_fail(GOST_ECONFIG, "more than %d alternatives", GOST_GLOB_ALTERNATIVES);
        return e->fn(e->arg, p, n);
    }
    size_t close = p[open] == '{' ? find_close(p, n, open) : n;
    if (close == n)
        return gost_fail(GOST_ECONFIG, "unbalanced braces");
    memcpy(text, p, open);
    for (size_t i = open + 1, end; i <= close; i = end + 1) {
        end = find_comma(p, close, i);
        memcpy(text + open, p + i, end - i);
        memcpy(text + open + (end - i), p + close + 1, n - close - 1);
        int rc = expand(e, text, open + (end - i) + n - close - 1);
        if (rc)
            return rc;
    }
    return 0;
}

int gost_glob_expand(const char *pattern, size_t n,
                     int (*fn)(void *arg, const char *text, size_t n), void *arg)
{
    struct expansion e = {.fn = fn, .arg = arg, .left = GOST_GLOB_ALTERNATIVES};
    int braces = 0;
    if (n > GOST_GLOB_MAX)
        return gost_fail(GOST_ECONFIG, "pattern of %zu bytes, at most %d are allowed", n,
                         GOST_GLOB_MAX);
    for (size_t i = 0; i < n; i = skip_element(pattern, n, i))
        braces += pattern[i] == '{';
    if (braces > GOST_GLOB_BRACES)
        return gost_fail(GOST_ECONFIG, "more than %d pairs of braces", GOST_GLOB_BRACES);
    return expand(&e, pattern, n);
}

/* ---- one pattern without alternatives ---- */

static void class_add(uint64_t bits[4], unsigned char from, unsigned char to)
{
    for (unsigned c = from; c <= to; c++)
        bits[c / 64] |= (uint64_t)1 << c % 64;
}

/* One byte of a class, perhaps escaped. @return the position behind it, or 0 at the end */
static size_t class_byte(const char *p, size_t n, size_t i, unsigned char *c)
{
    if (i < n && p[i] == '\\')
        i++;
    if (i >= n)
        return 0;
    *c = (unsigned char)p[i];
    return i + 1;
}

/* Reads the class at p[i] == '['. @return the position behind "]", or 0 with diag */
static size_t compile_class(uint64_t bits[4], const char *p, size_t n, size_t i)
{
    bool negated = i + 1 < n && (p[i + 1] == '!' || p[i + 1] == '^');
    i += negated ? 2 : 1;
    memset(bits, 0, 4 * sizeof(bits[0]));
    size_t start = i;
    while (i < n && p[i] != ']') {
        unsigned char from, to;
        i = class_byte(p, n, i, &from);
        to = from;
        if (i && i + 1 < n && p[i] == '-' && p[i + 1] != ']')
            i = class_byte(p, n, i + 1, &to);
        if (!i || from > to)
            return gost_fail(GOST_ECONFIG, "bad range in a [class]"), 0;
        class_add(bits, from, to);
    }
    if (i >= n || i == start)
        return gost_fail(GOST_ECONFIG, i >= n ? "unclosed [class]" : "empty [class]"), 0;
    for (int k = 0; negated && k < 4; k++)
        bits[k] = ~bits[k];
    return i + 1;
}

static int add_class(struct gost_glob *g, const char *p, size_t n, size_t *i)
{
    uint64_t(*more)[4] = realloc(g->classes, (g->class_count + 1) * sizeof(*more));
    if (!more)
        return gost_fail_code(GOST_ENOMEM);
    g->classes = more;
    size_t end = compile_class(more[g->class_count], p, n, *i);
    if (end == 0)
        return GOST_ECONFIG;
    g->ops[g->len++] = (uint16_t)(GOST_GLOB_CLASS + g->class_count++);
    *i = end;
    return 0;
}

static int compile(struct gost_glob *g, const char *p, size_t n)
{
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0;) {
        if (p[i] == '[') {
            rc = add_class(g, p, n, &i);
        } else if (p[i] == '*') {
            if (g->len == 0 || g->ops[g->len - 1] != GOST_GLOB_STAR)
                g->ops[g->len++] = GOST_GLOB_STAR;
            i++;
        } else if (p[i] == '?') {
            g->ops[g->len++] = GOST_GLOB_ONE;
            i++;
        } else {
            i += p[i] == '\\';
            if (i >= n)
                return gost_fail(GOST_ECONFIG, "pattern ends with a lone backslash");
            g->ops[g->len++] = (unsigned char)p[i++];
        }
    }
    return rc;
}

static int add_alternative(void *arg, const char *text, size_t n)
{
    struct gost_glob **first = arg;
    struct gost_glob *g = calloc(1, sizeof(*g));
    if (!g)
        return gost_fail_code(GOST_ENOMEM);
    g->next = *first;
    *first = g;
    g->ops = malloc((n + 1) * sizeof(*g->ops));
    return g->ops ? compile(g, text, n) : gost_fail_code(GOST_ENOMEM);
}

int gost_glob_new(struct gost_glob **out, const char *pattern, size_t n)
{
    *out = NULL;
    int rc = gost_glob_expand(pattern, n, add_alternative, out);
    if (rc) {
        gost_glob_delete(*out);
        *out = NULL;
        return gost_fail_at(rc, "pattern \"%.*s\"", (int)(n < 100 ? n : 100), pattern);
    }
    return 0;
}

void gost_glob_delete(struct gost_glob *g)
{
    for (struct gost_glob *next; g; g = next) {
        next = g->next;
        free(g->ops);
        free(g->classes);
        free(g);
    }
}

static inline bool op_matches(const struct gost_glob *g, uint16_t op, unsigned char c)
{
    if (op < GOST_GLOB_ONE)
        return op == c;
    if (op == GOST_GLOB_ONE)
        return true;
    return g->classes[op - GOST_GLOB_CLASS][c / 64] >> c % 64 & 1;
}

/* Only the last star is ever taken back: what an earlier one gave up could not help, since the part
 * between both matched at its first chance. */
static bool match_one(const struct gost_glob *g, const char *text, size_t n)
{
    size_t op = 0, i = 0, star_op = SIZE_MAX, star_i = 0;
    while (i < n) {
        if (op < g->len && g->ops[op] == GOST_GLOB_STAR) {
            star_op = op++;
            star_i = i;
        } else if (op < g->len && op_matches(g, g->ops[op], (unsigned char)text[i])) {
            op++;
            i++;
        } else if (star_op != SIZE_MAX) {
            op = star_op + 1;
            i = ++star_i;
        } else {
            return false;
        }
    }
    while (op < g->len && g->ops[op] == GOST_GLOB_STAR)
        op++;
    return op == g->len;
}

bool gost_glob_match(const struct gost_glob *g, const char *text, size_t n)
{
    for (; g; g = g->next)
        if (match_one(g, text, n))
            return true;
    return false;
}
