/*
 * Rules about HTTP requests: headers and the parameters of the query.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/policy/rule_int.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A number and nothing else. */
static bool read_number(const char *text, size_t n, double *out)
{
    char room[64], *end;
    if (n == 0 || n >= sizeof(room) || memchr(text, 0, n))
        return false;
    memcpy(room, text, n);
    room[n] = 0;
    *out = strtod(room, &end);
    return *end == 0 && !isnan(*out);
}

int gost__rule_comparison(struct gost__rule_test *t, const char *word)
{
    static const char *const words[] = {NULL, "gt", "ge", "lt", "le", "eq", "ne"};
    for (size_t i = RULE_GT; i <= RULE_NE; i++)
        if (strcasecmp(word, words[i]) == 0)
            t->compare = (enum gost__rule_compare)i;
    if (t->compare == 0)
        return gost_fail(GOST_ECONFIG, "to compare there are gt, ge, lt, le, eq and ne");
    return read_number(t->text, t->len, &t->number)
               ? 0
               : gost_fail(GOST_ECONFIG, "\"%.40s\" is not a number", t->text);
}

static bool compare(enum gost__rule_compare how, double a, double b)
{
    switch (how) {
    case RULE_GT:
        return a > b;
    case RULE_GE:
        return a >= b;
    case RULE_LT:
        return a < b;
    case RULE_LE:
        return a <= b;
    case RULE_EQ:
        return a == b;
    default:
        return a != b;
    }
}

/* @return 1, 0 or a negative code */
static int value_fits(const struct gost__rule_test *t, const char *p, size_t n)
{
    double number;
    if (!t->text)
        return 1;
    if (t->regex)
        return gost_regex_find(t->regex, p, n);
    if (t->compare)
        return read_number(p, n, &number) && compare(t->compare, number, t->number);
    return n == t->len && memcmp(p, t->text, n) == 0;
}

int gost__rule_header(const struct gost__rule_test *t, const struct gost_http1 *head)
{
    int found = 0;
    for (int i = head ? gost_http1_find(head, t->key, 0) : -1; i >= 0 && found == 0;
         i = gost_http1_find(head, t->key, (size_t)i + 1)) {
        struct gost_slice value = gost_http1_value(head, (size_t)i);
        found = value_fits(t, value.n ? value.p : "", value.n);
    }
    return found;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "a+b%21" is "a b!". @return bytes at `out`, or -1 for a broken escape */
static ssize_t decode(struct gost_slice s, char *out)
{
    ssize_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '%') {
            if (i + 2 >= s.n || hex(s.p[i + 1]) < 0 || hex(s.p[i + 2]) < 0)
                return -1;
            c = (char)(hex(s.p[i + 1]) << 4 | hex(s.p[i + 2]));
            i += 2;
        } else if (c == '+') {
            c = ' ';
        }
        out[n++] = c;
    }
    return n;
}

/* One "key=value"; what is broken is nobody's. `room` holds as much as the pair. */
static int pair_fits(const struct gost__rule_test *t, struct gost_slice pair, char *room)
{
    const char *equals = memchr(pair.p, '=', pair.n);
    struct gost_slice key = {pair.p, equals ? (size_t)(equals - pair.p) : pair.n};
    struct gost_slice value = {equals ? equals + 1 : "", equals ? pair.n - key.n - 1 : 0};
    ssize_t n = decode(key, room);
    if (n < 0 || (size_t)n != strlen(t->key) || memcmp(room, t->key, (size_t)n) != 0)
        return 0;
    n = decode(value, room);
    return n < 0 ? 0 : value_fits(t, room, (size_t)n);
}

int gost__rule_query(const struct gost__rule_test *t, const struct gost_http1 *head)
{
    const char *p = head ? memchr(head->target.p, '?', head->target.n) : NULL;
    const char *end = p ? head->target.p + head->target.n : NULL;
    int found = 0;
    if (!p)
        return 0;
    const char *fragment = memchr(p, '#', (size_t)(end - p));
    end = fragment ? fragment : end;
    char *room = malloc((size_t)(end - p));
    if (!room)
        return gost_fail_code(GOST_ENOMEM);
    for (p++; p < end && found == 0;) {
        const char *amp = memchr(p, '&', (size_t)(end - p));
        size_t n = amp ? (size_t)(amp - p) : (size_t)(end - p);
        if (n > 0)
            found = pair_fits(t, (struct gost_slice){p, n}, room);
        p += n + 1;
    }
    free(room);
    return found;
}
