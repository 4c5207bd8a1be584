#include "core/policy/auth.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/policy/lines.h"

#include <stdlib.h>
#include <string.h>

struct auth_secret {
    size_t len;
    char bytes[];
};

int gost_auther_new(struct gost_auther **out)
{
    struct gost_auther *a = *out = calloc(1, sizeof(*a));
    if (!a)
        return gost_fail_code(GOST_ENOMEM);
    a->refs = 1;
    gost_map_create(&a->users);
    return 0;
}

struct gost_auther *gost_auther_ref(struct gost_auther *a)
{
    a->refs++;
    return a;
}

static void drop_secret(void *value)
{
    struct auth_secret *s = value;
    if (s)
        explicit_bzero(s->bytes, s->len);
    free(s);
}

void gost_auther_unref(struct gost_auther *a)
{
    if (!a || --a->refs > 0)
        return;
    if (a->hook_drop)
        a->hook_drop(a->hook_arg);
    gost_map_destroy(&a->users, drop_secret);
    free(a);
}

int gost_auther_add(struct gost_auther *a, const char *user, size_t user_len, const char *password,
                    size_t password_len)
{
    void *old;
    if (user_len == 0)
        return 0;
    if (user_len >= GOST_CLIENT_ID_MAX)
        return gost_fail(GOST_ECONFIG, "user name of %zu bytes, at most %d are allowed", user_len,
                         GOST_CLIENT_ID_MAX - 1);
    struct auth_secret *s = malloc(sizeof(*s) + password_len);
    if (!s)
        return gost_fail_code(GOST_ENOMEM);
    s->len = password_len;
    if (password_len > 0)
        memcpy(s->bytes, password, password_len);
    int rc = gost_map_set(&a->users, user, user_len, s, &old);
    drop_secret(rc ? (void *)s : old);
    return rc ? gost_fail_code(rc) : 0;
}

static int add_line(void *obj, const char *line, size_t n)
{
    const char *user;
    size_t user_len = gost_line_word(&line, &n, &user);
    return gost_auther_add(obj, user, user_len, line, n);
}

int gost_auther_load(struct gost_auther *a, const char *text, size_t n)
{
    return gost_lines_load(text, n, GOST_COMMENTS_LINES, add_line, a);
}

void gost_auther_swap(struct gost_auther *a, struct gost_auther *b)
{
    struct gost_map users = a->users;
    a->users = b->users;
    b->users = users;
}

/* An unknown user costs one comparison too, so that time does not tell who exists. */
static bool table_accepts(const struct gost_auther *a, const struct gost_cred *cred)
{
    static const char nobody[16] = "";
    const struct auth_secret *s = gost_map_get(&a->users, cred->user, cred->user_len);
    bool equal = gost_secret_equal(cred->password, cred->password_len, s ? s->bytes : nobody,
                                   s ? s->len : sizeof(nobody));
    return s && (equal || s->len == 0);
}

int gost_auther_check(struct gost_auther *a, const struct gost_cred *cred, char *id)
{
    size_t n = cred->user_len < GOST_CLIENT_ID_MAX ? cred->user_len : 0;
    memcpy(id, n > 0 ? cred->user : "", n);
    id[n] = '\0';
    int rc = table_accepts(a, cred);
    if (!rc && a->hook) {
        gost_auther_ref(a); /* the hook may suspend, and a reload drop us meanwhile */
        rc = a->hook(a->hook_arg, cred, id);
        gost_auther_unref(a);
    }
    if (rc <= 0)
        id[0] = '\0';
    return rc > 0 ? 1 : rc;
}

int gost_authers_check(struct gost_auther *const *list, size_t count, const struct gost_cred *cred,
                       char *id)
{
    int failed = 0;
    id[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        int rc = gost_auther_check(list[i], cred, id);
        if (rc > 0)
            return rc;
        if (rc < 0)
            failed = rc;
    }
    return failed;
}
