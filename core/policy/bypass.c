#include "core/policy/bypass.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/policy/lines.h"

#include <stdlib.h>
#include <string.h>

int gost_bypass_new(struct gost_bypass **out, bool whitelist, const char *network)
{
    *out = NULL;
    size_t n = network ? strlen(network) : 0;
    if (n >= sizeof((*out)->network))
        return gost_fail(GOST_ECONFIG, "bypass: unknown network \"%.32s\"", network);
    struct gost_bypass *b = calloc(1, sizeof(*b));
    if (!b)
        return gost_fail_code(GOST_ENOMEM);
    b->refs = 1;
    b->whitelist = whitelist;
    if (n > 0)
        memcpy(b->network, network, n);
    gost_matcher_create(&b->matcher);
    *out = b;
    return 0;
}

struct gost_bypass *gost_bypass_ref(struct gost_bypass *b)
{
    b->refs++;
    return b;
}

void gost_bypass_unref(struct gost_bypass *b)
{
    if (!b || --b->refs > 0)
        return;
    if (b->hook_drop)
        b->hook_drop(b->hook_arg);
    gost_matcher_destroy(&b->matcher);
    free(b);
}

int gost_bypass_add(struct gost_bypass *b, const char *pattern, size_t n)
{
    return gost_matcher_add(&b->matcher, pattern, n);
}

static int add_line(void *obj, const char *line, size_t n)
{
    return gost_bypass_add(obj, line, n);
}

int gost_bypass_load(struct gost_bypass *b, const char *text, size_t n)
{
    return gost_lines_load(text, n, GOST_COMMENTS_ANYWHERE, add_line, b);
}

void gost_bypass_swap(struct gost_bypass *a, struct gost_bypass *b)
{
    struct gost_matcher matcher = a->matcher;
    a->matcher = b->matcher;
    b->matcher = matcher;
}

static bool patterns_match(struct gost_bypass *b, const struct gost_addr *a)
{
    return a && gost_matcher_match(&b->matcher, a->host, strlen(a->host), a->port);
}

int gost_bypass_contains(struct gost_bypass *b, const char *network, const struct gost_addr *dst,
                         const struct gost_addr *resolved)
{
    if (b->network[0] && strcmp(b->network, network ? network : "") != 0)
        return 0;
    if (b->unread)
        return gost_fail(GOST_EDENIED, "the list of the bypass has not been read yet");
    if (b->matcher.count == 0 && !b->hook)
        return b->network[0] && !b->whitelist;
    int matched = patterns_match(b, dst) || patterns_match(b, resolved);
    if (!matched && b->hook) {
        gost_bypass_ref(b); /* the hook may suspend, and a reload drop us meanwhile */
        bool whitelist = b->whitelist;
        matched = b->hook(b->hook_arg, dst, network);
        gost_bypass_unref(b);
        return matched < 0 ? matched : (matched > 0) != whitelist;
    }
    return matched != b->whitelist;
}

int gost_bypasses_contain(struct gost_bypass *const *list, size_t count, const char *network,
                          const struct gost_addr *dst, const struct gost_addr *resolved)
{
    size_t whites = 0;
    int all = 1;
    for (size_t i = 0; i < count && all; i++) {
        if (!list[i]->whitelist)
            continue;
        whites++;
        all = gost_bypass_contains(list[i], network, dst, resolved);
        if (all < 0)
            return all;
    }
    if (whites > 0 && all)
        return 1;
    for (size_t i = 0; i < count; i++) {
        int rc = list[i]->whitelist ? 0 : gost_bypass_contains(list[i], network, dst, resolved);
        if (rc)
            return rc;
    }
    return 0;
}
