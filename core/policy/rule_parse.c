/*
 * From the text of a rule to its program. `a && b` becomes: a, jump to the end unless, b.
 */
#include "core/base/buf.h"
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/policy/rule_int.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct parser {
    const char *text, *p, *end;
    struct gost_rule *rule;
    int depth;
};

static const struct function {
    const char *name;
    enum gost__rule_fn fn;
    size_t arguments; /* how many it takes at most; at least one */
} functions[] = {
    {"ClientIP", RULE_CLIENT_IP, 1},
    {"Network", RULE_NETWORK, 1},
    {"Proto", RULE_PROTO, 1},
    {"Method", RULE_METHOD, 1},
    {"Host", RULE_HOST, 1},
    {"HostRegexp", RULE_HOST_REGEXP, 1},
    {"Path", RULE_PATH, 1},
    {"PathPrefix", RULE_PATH_PREFIX, 1},
    {"PathRegexp", RULE_PATH_REGEXP, 1},
    {"Header", RULE_HEADER, 3},
    {"HeaderRegexp", RULE_HEADER_REGEXP, 2},
    {"Query", RULE_QUERY, 3},
    {"QueryRegexp", RULE_QUERY_REGEXP, 2},
    {"BodyRegexp", RULE_LATER, 0},
    {"BodyJSON", RULE_LATER, 0},
    {"Admission", RULE_LATER, 0},
    {"Bypass", RULE_LATER, 0},
};

static int wrong(const struct parser *ps, const char *at, const char *words)
{
    return gost_fail(GOST_ECONFIG, "column %zu: %s", (size_t)(at - ps->text) + 1, words);
}

static void skip_blanks(struct parser *ps)
{
    while (ps->p < ps->end && strchr(" \t\r\n", *ps->p) && *ps->p)
        ps->p++;
}

/* Is this what comes next? Then step over it. */
static bool take(struct parser *ps, const char *sign)
{
    size_t n = strlen(sign);
    skip_blanks(ps);
    if ((size_t)(ps->end - ps->p) < n || memcmp(ps->p, sign, n) != 0)
        return false;
    ps->p += n;
    return true;
}

/* `list` of `count` items grows by a zeroed one, in powers of two. */
static void *grow(void *list, size_t count, size_t size)
{
    if (count == 0 || (count & (count - 1)) == 0) {
        void *more = realloc(list, (count ? count * 2 : 1) * size);
        if (!more)
            return NULL;
        list = more;
    }
    memset((char *)list + count * size, 0, size);
    return list;
}

static int put(struct parser *ps, int op, size_t to)
{
    struct gost_rule *r = ps->rule;
    struct gost__rule_step *step = grow(r->step, r->steps, sizeof(*step));
    if (!step)
        return gost_fail_code(GOST_ENOMEM);
    r->step = step;
    step[r->steps].op = op;
    step[r->steps++].to = to;
    return 0;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void put_utf8(struct gost_buf *b, unsigned c)
{
    uint8_t out[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n; i-- > 1; c >>= 6)
        out[i] = (uint8_t)(0x80 | (c & 0x3f));
    out[0] = (uint8_t)(n == 1 ? c : (0xf00u >> n & 0xff) | c);
    gost_buf_append(b, out, n);
}

/* The digits of \x41, \u0041, \U00000041. */
static int parse_code(struct parser *ps, struct gost_buf *b, char kind)
{
    int digits = kind == 'x' ? 2 : kind == 'u' ? 4 : 8;
    const char *start = ps->p;
    unsigned value = 0;
    for (int i = 0; i < digits; i++) {
        int digit = ps->p < ps->end ? hex(*ps->p) : -1;
        if (digit < 0)
            return wrong(ps, start, "an escape that has too few hexadecimal digits");
        value = value << 4 | (unsigned)digit;
        ps->p++;
    }
    if (kind != 'x' && (value > 0x10ffff || (value >= 0xd800 && value < 0xe000)))
        return wrong(ps, start, "an escape that means no character");
    if (kind == 'x') {
        uint8_t byte = (uint8_t)value;
        gost_buf_append(b, &byte, 1);
    } else {
        put_utf8(b, value);
    }
    return 0;
}

/* Behind a backslash. */
static int parse_escape(struct parser *ps, struct gost_buf *b)
{
    static const char names[] = "abfnrtv\\\"", values[] = "\a\b\f\n\r\t\v\\\"";
    const char *at = ps->p;
    char c = at < ps->end ? *ps->p++ : 0;
    const char *found = c ? strchr(names, c) : NULL;
    if (c == 'x' || c == 'u' || c == 'U')
        return parse_code(ps, b, c);
    if (!found)
        return wrong(ps, at, "an unknown escape");
    gost_buf_append(b, &values[found - names], 1);
    return 0;
}

/* A text in quotes, into `b`. */
static int parse_text(struct parser *ps, struct gost_buf *b)
{
    const char *start = ps->p;
    char quote = ps->p < ps->end ? *ps->p : 0;
    int rc = 0;
    if (quote != '"' && quote != '`')
        return wrong(ps, start, "a text in quotes is due");
    ps->p++;
    while (rc == 0) {
        if (ps->p >= ps->end)
            return wrong(ps, start, "a text without closing quote");
        char c = *ps->p++;
        if (c == quote)
            break;
        if (c == '\\' && quote == '"')
            rc = parse_escape(ps, b);
        else
            gost_buf_append(b, &c, 1);
    }
    if (rc == 0 && b->len == 0)
        rc = wrong(ps, start, "an argument is empty");
    if (rc == 0 && memchr(b->data, 0, b->len))
        rc = wrong(ps, start, "an argument with a zero byte");
    return rc;
}

/* The arguments as they were written: texts of ours, which a test takes over. */
struct arguments {
    char *text[RULE_ARGUMENTS];
    size_t len[RULE_ARGUMENTS], count;
};

static int add_test(struct parser *ps, enum gost__rule_fn fn, struct arguments *a, const char *at)
{
    struct gost_rule *r = ps->rule;
    struct gost__rule_test *t = grow(r->test, r->tests, sizeof(*t));
    size_t last = a->count - 1;
    if (!t)
        return gost_fail_code(GOST_ENOMEM);
    r->test = t;
    t += r->tests++;
    t->fn = fn;
    gost_cidrs_create(&t->net);
    if (fn >= RULE_HEADER) {
        t->key = a->text[0];
        a->text[0] = NULL;
    }
    if (a->text[last]) {
        t->text = a->text[last];
        t->len = a->len[last];
        a->text[last] = NULL;
    }
    int rc = last == 2 ? gost__rule_comparison(t, a->text[1]) : gost__rule_prepare(t);
    if (rc != 0)
        return gost_fail_at(rc, "column %zu", (size_t)(at - ps->text) + 1);
    return put(ps, RULE_TEST, r->tests - 1);
}

static int parse_argument(struct parser *ps, struct arguments *a)
{
    struct gost_buf b;
    gost_buf_create(&b, GOST_RULE_MAX * 4);
    int rc = parse_text(ps, &b);
    char *text = rc == 0 ? malloc(b.len + 1) : NULL;
    if (text) {
        memcpy(text, b.data, b.len);
        text[b.len] = 0;
        a->text[a->count] = text;
        a->len[a->count++] = b.len;
    } else if (rc == 0) {
        rc = gost_fail_code(GOST_ENOMEM);
    }
    gost_buf_destroy(&b);
    return rc;
}

/* The arguments of a function and the closing parenthesis. */
static int parse_arguments(struct parser *ps, const struct function *f)
{
    struct arguments a = {.count = 0};
    const char *at = ps->p; /* of the last one */
    int rc = 0;
    do {
        skip_blanks(ps);
        at = ps->p;
        rc = parse_argument(ps, &a);
    } while (rc == 0 && take(ps, ",") && (skip_blanks(ps), ps->p < ps->end && *ps->p != ')') &&
             a.count < f->arguments);
    if (rc == 0 && !take(ps, ")"))
        rc = wrong(ps, ps->p,
                   f->arguments == 1 ? "a ) is due: the function takes one argument" : "a ) is due");
    if (rc == 0)
        rc = add_test(ps, f->fn, &a, at);
    for (size_t i = 0; i < RULE_ARGUMENTS; i++)
        free(a.text[i]);
    return rc;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int parse_call(struct parser *ps)
{
    const char *name = ps->p;
    while (ps->p < ps->end && is_letter(*ps->p))
        ps->p++;
    size_t n = (size_t)(ps->p - name);
    if (n == 0)
        return wrong(ps, name,
                     ps->p == ps->end ? "something is due at the end" : "a function is due");
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        if (strlen(functions[i].name) != n || strncasecmp(functions[i].name, name, n) != 0)
            continue;
        if (functions[i].fn == RULE_LATER)
            return gost_fail(GOST_ENOTSUP, "column %zu: %s is not implemented yet",
                             (size_t)(name - ps->text) + 1, functions[i].name);
        if (!take(ps, "("))
            return wrong(ps, ps->p, "a ( is due");
        return parse_arguments(ps, &functions[i]);
    }
    return gost_fail(GOST_ECONFIG, "column %zu: there is no function %.*s",
                     (size_t)(name - ps->text) + 1, (int)(n < 40 ? n : 40), name);
}

static int parse_any(struct parser *ps);

static int parse_one(struct parser *ps)
{
    bool not = false;
    while (take(ps, "!"))
        not = !not ;
    if (!take(ps, "(")) {
        int rc = parse_call(ps);
        return rc == 0 && not ? put(ps, RULE_NOT, 0) : rc;
    }
    if (++ps->depth > GOST_RULE_DEPTH)
        return wrong(ps, ps->p, "too many parentheses inside each other");
    int rc = parse_any(ps);
    if (rc == 0 && !take(ps, ")"))
        rc = wrong(ps, ps->p, "a ) is due");
    ps->depth--;
    return rc == 0 && not ? put(ps, RULE_NOT, 0) : rc;
}

/* Operands joined by one operator. */
static int parse_joined(struct parser *ps, const char *sign, int jump,
                        int (*operand)(struct parser *ps))
{
    int rc = operand(ps);
    while (rc == 0 && take(ps, sign)) {
        size_t at = ps->rule->steps;
        rc = put(ps, jump, 0);
        if (rc == 0)
            rc = operand(ps);
        if (rc == 0)
            ps->rule->step[at].to = ps->rule->steps;
    }
    return rc;
}

static int parse_all(struct parser *ps)
{
    return parse_joined(ps, "&&", RULE_JUMP_UNLESS, parse_one);
}

static int parse_any(struct parser *ps)
{
    return parse_joined(ps, "||", RULE_JUMP_IF, parse_all);
}

int gost_rule_new(const char *text, size_t n, struct gost_rule **out)
{
    struct parser ps = {.text = text, .p = text, .end = text + n};
    *out = NULL;
    if (n > GOST_RULE_MAX)
        return gost_fail(GOST_ECONFIG, "a rule over %d bytes", GOST_RULE_MAX);
    if (!(ps.rule = calloc(1, sizeof(*ps.rule))))
        return gost_fail_code(GOST_ENOMEM);
    ps.rule->len = n;
    int rc = parse_any(&ps);
    skip_blanks(&ps);
    if (rc == 0 && ps.p < ps.end)
        rc = wrong(&ps, ps.p, "&&, || or the end is due");
    if (rc != 0) {
        gost_rule_delete(ps.rule);
        return rc;
    }
    *out = ps.rule;
    return 0;
}
