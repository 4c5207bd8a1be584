#include "core/proto/treatment.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/codec/userpass.h"

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define OPTION(name) offsetof(struct gost_treatment_settings, name)

static const struct gost_option options[] = {
    {.key = "host", .type = GOST_OPT_STRING, .offset = OPTION(host)},
    {.key = "requestHeader", .type = GOST_OPT_MAP, .offset = OPTION(request_header)},
    {.key = "responseHeader", .type = GOST_OPT_MAP, .offset = OPTION(response_header)},
    {.key = "rewrite", .type = GOST_OPT_LIST, .offset = OPTION(rewrite)},
    {.key = "failCodes", .type = GOST_OPT_STRING, .offset = OPTION(fail_codes)},
    {.key = "username", .type = GOST_OPT_STRING, .offset = OPTION(username)},
    {.key = "password", .type = GOST_OPT_STRING, .offset = OPTION(password)},
    GOST_OPTION_END,
};

const struct gost_options gost_treatment_options = {options, sizeof(struct gost_treatment_settings)};

/* --- making one ------------------------------------------------------------------------------- */

static void set_failing(struct gost_treatment *t, int from, int to)
{
    for (int status = from; status <= to; status++)
        t->fails[status / 8] |= (uint8_t)(1 << status % 8);
    t->judges = true;
}

/* "429,5xx" */
static int take_codes(struct gost_treatment *t)
{
    const char *p = t->s->fail_codes;
    while (p && *p) {
        size_t n = strcspn(p, ", ");
        bool whole = n == 3 && isdigit((unsigned char)p[0]) && p[0] != '0';
        if (whole && isdigit((unsigned char)p[1]) && isdigit((unsigned char)p[2]))
            set_failing(t, atoi(p), atoi(p));
        else if (whole && strncasecmp(p + 1, "xx", 2) == 0)
            set_failing(t, (p[0] - '0') * 100, (p[0] - '0') * 100 + 99);
        else if (n > 0)
            return gost_fail(GOST_ECONFIG, "http.failCodes: \"%.*s\" is no status like 429 or 5xx",
                             (int)n, p);
        p += n + strspn(p + n, ", ");
    }
    return 0;
}

/* Fields that say how the message is framed, or how long the connection lives, are not the user's. */
static bool is_framing(const char *name)
{
    static const char *const names[] = {
        "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive",
        "Upgrade",        "Trailer",           "TE",         NULL};
    for (int i = 0; names[i]; i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    return false;
}

static int check_headers(const struct gost_strings *headers, const char *key)
{
    for (size_t i = 0; i + 1 < headers->count; i += 2) {
        const char *name = headers->item[i];
        if (!gost_http1_is_token(gost_slice(name)) || is_framing(name))
            return gost_fail(GOST_ECONFIG, "http.%s: \"%s\" is no header that can be set", key,
                             name);
        if (!gost_http1_is_value(gost_slice(headers->item[i + 1])))
            return gost_fail(GOST_ECONFIG, "http.%s: the value of %s has control characters", key,
                             name);
    }
    return 0;
}

static int take_patterns(struct gost_treatment *t)
{
    const struct gost_strings *list = &t->s->rewrite;
    t->pattern = calloc(list->count / 2 + 1, sizeof(struct gost_regex *));
    if (!t->pattern)
        return gost_fail_code(GOST_ENOMEM);
    for (size_t i = 0; i + 1 < list->count; i += 2) {
        int rc =
            gost_regex_new(list->item[i], strlen(list->item[i]), true, &t->pattern[t->patterns]);
        if (rc != 0)
            return gost_fail_at(rc, "http.rewriteURL[%zu]", i / 2);
        t->patterns++;
    }
    return 0;
}

int gost_treatment_new(struct gost_treatment_settings *settings, struct gost_treatment **out)
{
    struct gost_treatment *t = calloc(1, sizeof(*t));
    if (!t) {
        gost_options_delete(&gost_treatment_options, settings);
        return gost_fail_code(GOST_ENOMEM);
    }
    t->s = settings;
    t->asks = settings->username && *settings->username;
    int rc = take_codes(t);
    if (rc == 0)
        rc = check_headers(&settings->request_header, "requestHeader");
    if (rc == 0)
        rc = check_headers(&settings->response_header, "responseHeader");
    if (rc == 0 && settings->host && !gost_http1_is_value(gost_slice(settings->host)))
        rc = gost_fail(GOST_ECONFIG, "http.host has control characters");
    if (rc == 0)
        rc = take_patterns(t);
    if (rc != 0) {
        gost_treatment_delete(t);
        return rc;
    }
    *out = t;
    return 0;
}

void gost_treatment_delete(struct gost_treatment *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->patterns; i++)
        gost_regex_delete(t->pattern[i]);
    free(t->pattern);
    gost_options_delete(&gost_treatment_options, t->s);
    free(t);
}

/* --- using it --------------------------------------------------------------------------------- */

bool gost_treatment_is_failure(const struct gost_treatment *t, int status)
{
    return status > 0 && status < 1000 && t->fails[status / 8] & 1 << status % 8;
}

int gost_treatment_auth(const struct gost_treatment *t, const struct gost_http1 *head)
{
    struct gost_userpass given;
    struct gost_slice value = gost_http1_get(head, "Authorization");
    const char *want = t->s->password ? t->s->password : "";
    if (!t->asks)
        return 0;
    if (!value.p || gost_userpass_from_basic(&given, value) != 0)
        return gost_fail(GOST_EAUTH, "authentication failed: no credentials");
    bool user =
        gost_secret_equal(given.user, strlen(given.user), t->s->username, strlen(t->s->username));
    bool password = gost_secret_equal(given.password, strlen(given.password), want, strlen(want));
    explicit_bzero(given.password, sizeof(given.password));
    if (user && (password || !*want))
        return 0;
    return gost_fail(GOST_EAUTH, "authentication failed for user \"%.64s\"", given.user);
}

const char *gost_treatment_header(const struct gost_strings *headers, struct gost_slice name)
{
    for (size_t i = 0; i + 1 < headers->count; i += 2)
        if (gost_slice_is_nocase(name, headers->item[i]))
            return headers->item[i + 1];
    return NULL;
}

/* May the byte stand in a path as it is (RFC 3986 section 3.3)? */
static bool is_plain(char c)
{
    return isalnum((unsigned char)c) || (c && strchr("-._~!$&'()*+,;=:@/", c));
}

static int put_escaped(struct gost_buf *out, const char *p, size_t n, bool query)
{
    for (size_t i = 0; i < n; i++) {
        bool plain = is_plain(p[i]) || (query && (p[i] == '?' || p[i] == '%'));
        int rc = plain ? gost_buf_append(out, p + i, 1)
                       : gost_buf_printf(out, "%%%02X", (unsigned)(uint8_t)p[i]);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int put_path(struct gost_buf *out, const char *new, size_t n, struct gost_slice query)
{
    const char *mark = memchr(new, '?', n);
    size_t path = mark ? (size_t)(mark - new) : n;
    int rc = n > 0 && new[0] == '/' ? 0 : gost_buf_append(out, "/", 1);
    if (rc == 0)
        rc = put_escaped(out, new, path, false);
    if (rc == 0 && mark)
        rc = put_escaped(out, mark, n - path, true);
    else if (rc == 0 && query.n > 0)
        rc = gost_buf_append(out, query.p, query.n);
    return rc;
}

int gost_treatment_path(const struct gost_treatment *t, const char *path, struct gost_slice query,
                        struct gost_buf *out)
{
    struct gost_buf new;
    int rc = 0;
    gost_buf_create(&new, GOST_HTTP1_MAX);
    for (size_t i = 0; i < t->patterns && rc == 0; i++) {
        rc = gost_regex_replace(t->pattern[i], path, strlen(path), t->s->rewrite.item[2 * i + 1],
                                &new);
        if (rc == 1 && new.len == 0)
            rc = 0; /* nothing is left: the rule does not count */
    }
    if (rc == 1 && put_path(out, (const char *)new.data, new.len, query) != 0)
        rc = gost_fail(GOST_ELIMIT, "the new path is too long");
    gost_buf_destroy(&new);
    return rc;
}
