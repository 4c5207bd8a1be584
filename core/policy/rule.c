#include "core/policy/rule.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/policy/rule_int.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void gost_rule_delete(struct gost_rule *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->tests; i++) {
        gost_regex_delete(r->test[i].regex);
        gost_cidrs_destroy(&r->test[i].net);
        free(r->test[i].text);
        free(r->test[i].key);
    }
    free(r->test);
    free(r->step);
    free(r);
}

size_t gost_rule_len(const struct gost_rule *r)
{
    return r->len;
}

/* "*.x", "*x" and ".x" all become ".x". */
static int prepare_host(struct gost__rule_test *t)
{
    for (size_t i = 0; i < t->len; i++)
        if ((unsigned char)t->text[i] >= 0x80)
            return gost_fail(GOST_ECONFIG, "a host has ASCII characters alone");
    if (t->text[0] != '*')
        return 0;
    if (t->text[1] == '.') {
        memmove(t->text, t->text + 1, t->len--);
    } else {
        t->text[0] = '.';
    }
    return t->len > 1 ? 0 : gost_fail(GOST_ECONFIG, "a host of dots and stars alone");
}

int gost__rule_prepare(struct gost__rule_test *t)
{
    switch (t->fn) {
    case RULE_CLIENT_IP:
        return gost_cidrs_add(&t->net, t->text, t->len);
    case RULE_HOST:
        return prepare_host(t);
    case RULE_PATH:
    case RULE_PATH_PREFIX:
        return t->text[0] == '/' ? 0 : gost_fail(GOST_ECONFIG, "a path begins with /");
    case RULE_HOST_REGEXP:
    case RULE_PATH_REGEXP:
    case RULE_HEADER_REGEXP:
    case RULE_QUERY_REGEXP:
        return t->text ? gost_regex_new(t->text, t->len, false, &t->regex) : 0;
    default:
        return 0;
    }
}

static bool same(const char *text, const char *fact)
{
    return fact && strcasecmp(text, fact) == 0;
}

static bool host_matches(const struct gost__rule_test *t, const char *host)
{
    size_t n = host ? strlen(host) : 0;
    if (t->text[0] != '.')
        return same(t->text, host);
    return n > t->len && strcasecmp(host + n - t->len, t->text) == 0;
}

static int find_in_host(const struct gost__rule_test *t, const char *host)
{
    char lower[GOST_HOST_MAX];
    size_t n = host ? strlen(host) : 0;
    if (n == 0 || n >= sizeof(lower))
        return 0;
    for (size_t i = 0; i < n; i++)
        lower[i] = (char)tolower((unsigned char)host[i]);
    return gost_regex_find(t->regex, lower, n);
}

static bool client_matches(struct gost__rule_test *t, const union gost_sockaddr *client)
{
    struct gost_ip ip;
    return client && gost_ip_from_sockaddr(&ip, client) && gost_cidrs_match(&t->net, ip);
}

/* @return 1, 0 or a negative code */
static int test(struct gost__rule_test *t, const struct gost_rule_facts *f)
{
    size_t path = f->path ? strcspn(f->path, "?#") : 0;
    switch (t->fn) {
    case RULE_CLIENT_IP:
        return client_matches(t, f->client);
    case RULE_NETWORK:
        return f->network && strncasecmp(f->network, t->text, t->len) == 0;
    case RULE_PROTO:
        return same(t->text, f->protocol);
    case RULE_METHOD:
        return same(t->text, f->method);
    case RULE_HOST:
        return host_matches(t, f->host);
    case RULE_HOST_REGEXP:
        return find_in_host(t, f->host);
    case RULE_PATH:
        return path == t->len && memcmp(f->path, t->text, path) == 0;
    case RULE_PATH_PREFIX:
        return path >= t->len && memcmp(f->path, t->text, t->len) == 0;
    case RULE_PATH_REGEXP:
        return path > 0 ? gost_regex_find(t->regex, f->path, path) : 0;
    case RULE_HEADER:
    case RULE_HEADER_REGEXP:
        return gost__rule_header(t, f->head);
    case RULE_QUERY:
    case RULE_QUERY_REGEXP:
        return gost__rule_query(t, f->head);
    default:
        return 0;
    }
}

bool gost_rule_matches(struct gost_rule *r, const struct gost_rule_facts *facts)
{
    int yes = 0;
    for (size_t i = 0; i < r->steps;) {
        const struct gost__rule_step *s = &r->step[i++];
        if (s->op == RULE_TEST)
            yes = test(&r->test[s->to], facts);
        else if (s->op == RULE_NOT)
            yes = !yes;
        else if ((s->op == RULE_JUMP_IF) == (yes != 0))
            i = s->to;
        if (yes < 0) /* not known, so a negation must not make a yes of it */
            return false;
    }
    return yes == 1;
}
