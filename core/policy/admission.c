#include "core/policy/admission.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/policy/lines.h"

#include <stdlib.h>

int gost_admission_new(struct gost_admission **out, bool whitelist)
{
    struct gost_admission *a = *out = calloc(1, sizeof(*a));
    if (!a)
        return gost_fail_code(GOST_ENOMEM);
    a->refs = 1;
    a->whitelist = whitelist;
    gost_cidrs_create(&a->sources);
    return 0;
}

struct gost_admission *gost_admission_ref(struct gost_admission *a)
{
    a->refs++;
    return a;
}

void gost_admission_unref(struct gost_admission *a)
{
    if (!a || --a->refs > 0)
        return;
    if (a->hook_drop)
        a->hook_drop(a->hook_arg);
    gost_cidrs_destroy(&a->sources);
    free(a);
}

int gost_admission_add(struct gost_admission *a, const char *pattern, size_t n)
{
    return gost_matcher_add_source(&a->sources, pattern, n);
}

struct loading {
    struct gost_admission *a;
    void (*name)(void *arg, const char *name, size_t n);
    void *arg;
};

static int add_line(void *obj, const char *line, size_t n)
{
    struct loading *l = obj;
    int rc = gost_admission_add(l->a, line, n);
    if (rc != GOST_MATCHER_NAME)
        return rc;
    if (!l->name)
        return gost_fail(GOST_ECONFIG, "\"%.*s\" is no address or network", (int)n, line);
    l->name(l->arg, line, n);
    return 0;
}

int gost_admission_load(struct gost_admission *a, const char *text, size_t n,
                        void (*name)(void *arg, const char *name, size_t n), void *arg)
{
    struct loading l = {.a = a, .name = name, .arg = arg};
    return gost_lines_load(text, n, GOST_COMMENTS_ANYWHERE, add_line, &l);
}

void gost_admission_swap(struct gost_admission *a, struct gost_admission *b)
{
    struct gost_cidrs sources = a->sources;
    a->sources = b->sources;
    b->sources = sources;
}

int gost_admission_admits(struct gost_admission *a, const union gost_sockaddr *client)
{
    struct gost_ip ip;
    bool has_ip = gost_ip_from_sockaddr(&ip, client);
    if (a->unread && !a->whitelist)
        return gost_fail(GOST_EDENIED, "the list of the admission has not been read yet");
    if (!has_ip && !a->hook)
        return 1;
    bool whitelist = a->whitelist;
    int matched = has_ip && gost_cidrs_match(&a->sources, ip);
    if (!matched && a->hook) {
        gost_admission_ref(a); /* the hook may suspend, and a reload drop us meanwhile */
        matched = a->hook(a->hook_arg, client);
        gost_admission_unref(a);
        if (matched < 0)
            return matched;
    }
    return (matched > 0) == whitelist;
}

int gost_admissions_admit(struct gost_admission *const *list, size_t count,
                          const union gost_sockaddr *client)
{
    int rc = 1;
    for (size_t i = 0; i < count && rc == 1; i++)
        rc = gost_admission_admits(list[i], client);
    return rc;
}
