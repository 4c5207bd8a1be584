#include "core/policy/ingress.h"

#include "core/base/diag.h"
#include "core/base/domains.h"
#include "core/base/error.h"
#include "core/policy/lines.h"

#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_ = 256 };

int gost_ingress_new(struct gost_ingress **out)
{
    struct gost_ingress *i = calloc(1, sizeof(*i));
    if (!i)
        return gost_fail_code(GOST_ENOMEM);
    i->refs = 1;
    gost_map_create(&i->rules);
    *out = i;
    return 0;
}

struct gost_ingress *gost_ingress_ref(struct gost_ingress *i)
{
    i->refs++;
    return i;
}

void gost_ingress_unref(struct gost_ingress *i)
{
    if (!i || --i->refs > 0)
        return;
    if (i->hook_drop)
        i->hook_drop(i->hook_arg);
    gost_map_destroy(&i->rules, free);
    free(i);
}

int gost_ingress_add(struct gost_ingress *i, const char *host, size_t host_len,
                     const char *endpoint, size_t endpoint_len)
{
    char key[NAME_MAX_];
    struct gost_endpoint parsed;
    void *old = NULL;
    if (host_len > 1 && host[0] == '*' && host[1] == '.') {
        host++;
        host_len--;
    }
    size_t n = gost_domain_normalise(key, sizeof(key), host, host_len);
    if (n == 0 || n >= sizeof(key) || strcmp(key, ".") == 0 || memchr(key, '*', n))
        return gost_fail(GOST_ECONFIG, "\"%.*s\" is no host name: expected x, .x or *.x",
                         (int)host_len, host);
    if (!gost_endpoint_parse(endpoint, endpoint_len, &parsed))
        return gost_fail(GOST_ECONFIG, "%.*s: \"%.*s\" is no tunnel: expected a UUID, or $ and one",
                         (int)host_len, host, (int)endpoint_len, endpoint);
    struct gost_endpoint *value = malloc(sizeof(*value));
    if (!value || gost_map_set(&i->rules, key, n, value, &old) != 0) {
        free(value);
        return gost_fail_code(GOST_ENOMEM);
    }
    *value = parsed;
    free(old);
    return 0;
}

static int add_line(void *obj, const char *line, size_t n)
{
    const char *host, *endpoint;
    size_t host_len = gost_line_word(&line, &n, &host);
    size_t endpoint_len = gost_line_word(&line, &n, &endpoint);
    if (n > 0)
        return gost_fail(GOST_ECONFIG, "expected a host and a tunnel, and nothing behind them");
    return gost_ingress_add(obj, host, host_len, endpoint, endpoint_len);
}

int gost_ingress_load(struct gost_ingress *i, const char *text, size_t n)
{
    return gost_lines_load(text, n, GOST_COMMENTS_ANYWHERE, add_line, i);
}

void gost_ingress_swap(struct gost_ingress *a, struct gost_ingress *b)
{
    struct gost_map rules = a->rules;
    a->rules = b->rules;
    b->rules = rules;
}

/* The rules for a normalised name that has a free byte in front of it. */
static const struct gost_endpoint *look_up(const struct gost_ingress *i, char *name, size_t n)
{
    const struct gost_endpoint *found = gost_map_get(&i->rules, name, n);
    name--;
    n++;
    name[0] = '.';
    while (!found) {
        found = gost_map_get(&i->rules, name, n);
        char *next = n > 1 ? memchr(name + 1, '.', n - 1) : NULL;
        if (!next)
            break;
        n -= (size_t)(next - name);
        name = next;
    }
    return found;
}

int gost_ingress_find(struct gost_ingress *i, const char *host, struct gost_endpoint *out)
{
    char name[1 + NAME_MAX_];
    size_t n = gost_domain_normalise(name + 1, NAME_MAX_, host, strlen(host));
    if (n == 0 || n >= NAME_MAX_)
        return 0;
    const struct gost_endpoint *found = i->rules.count > 0 ? look_up(i, name + 1, n) : NULL;
    if (found) {
        *out = *found;
        return 1;
    }
    return i->hook ? i->hook(i->hook_arg, name + 1, out) : 0;
}
