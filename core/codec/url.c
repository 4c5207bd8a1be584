#include "core/codec/url.h"

#include "core/base/diag.h"
#include "core/base/error.h"

static struct gost_slice span(const char *from, const char *to)
{
    return (struct gost_slice){from, (size_t)(to - from)};
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *find(const char *p, const char *end, char c)
{
    return p == end ? NULL : memchr(p, c, (size_t)(end - p));
}

/** Take "scheme://" off the front, when it is there. */
static int take_scheme(struct gost_url *out, const char **p, const char *end)
{
    const char *mark = end == *p ? NULL : memmem(*p, (size_t)(end - *p), "://", 3);
    const char *at = *p;
    while (at < end && *at != '/' && *at != '?' && *at != '#' && *at != '@')
        at++;
    if (!mark || mark > at)
        return 0; /* the "://" is inside of a later part, as in "host?next=http://…" */
    for (const char *c = *p; c < mark; c++) {
        bool first = c == *p;
        if (!is_letter(*c) && (first || (!is_digit(*c) && *c != '+' && *c != '-' && *c != '.')))
            return gost_fail(GOST_ECONFIG, "malformed scheme in the URL");
    }
    if (mark == *p)
        return gost_fail(GOST_ECONFIG, "the URL's scheme is empty");
    out->scheme = span(*p, mark);
    *p = mark + 3;
    return 0;
}

static void split_authority(struct gost_url *out, const char *p, const char *end)
{
    const char *at = p == end ? NULL : memrchr(p, '@', (size_t)(end - p));
    if (at) {
        const char *colon = find(p, at, ':');
        out->user = span(p, colon ? colon : at);
        if (colon)
            out->password = span(colon + 1, at);
        p = at + 1;
    }
    out->host = span(p, end);
}

int gost_url_parse(struct gost_url *out, const char *text, size_t n)
{
    const char *p = text, *end = text + n;
    memset(out, 0, sizeof *out);
    for (const char *c = p; c < end; c++) {
        if ((unsigned char)*c <= 0x20 || *c == 0x7f)
            return gost_fail(GOST_ECONFIG, "a blank or a control character inside of the URL");
    }
    int rc = take_scheme(out, &p, end);
    if (rc < 0)
        return rc;
    const char *hash = find(p, end, '#');
    if (hash) {
        out->fragment = span(hash + 1, end);
        end = hash;
    }
    const char *question = find(p, end, '?');
    if (question) {
        out->query = span(question + 1, end);
        end = question;
    }
    const char *slash = find(p, end, '/');
    if (slash) {
        out->path = span(slash, end);
        end = slash;
    }
    split_authority(out, p, end);
    return 0;
}

static int unescape_part(char *buf, size_t cap, struct gost_slice s, const char *name)
{
    ssize_t n = gost_url_unescape(buf, cap, s, GOST_URL_PLAIN);
    if (n < 0 || strlen(buf) != (size_t)n) {
        buf[0] = 0;
        return gost_fail(GOST_ECONFIG, "the URL's %s is malformed or over %zu bytes", name, cap - 1);
    }
    return 0;
}

int gost_url_userpass(struct gost_userpass *out, const struct gost_url *url)
{
    int rc = unescape_part(out->user, sizeof out->user, url->user, "user name");
    if (rc == 0)
        rc = unescape_part(out->password, sizeof out->password, url->password, "password");
    return rc;
}

bool gost_url_next_param(struct gost_slice *query, struct gost_slice *key, struct gost_slice *value)
{
    while (query->n > 0) {
        const char *p = query->p, *end = p + query->n;
        const char *amp = find(p, end, '&');
        *query = amp ? span(amp + 1, end) : span(end, end);
        if (amp)
            end = amp;
        if (p == end)
            continue;
        const char *equals = find(p, end, '=');
        *key = span(p, equals ? equals : end);
        *value = equals ? span(equals + 1, end) : (struct gost_slice){NULL, 0};
        return true;
    }
    return false;
}

static int hex_digit(char c)
{
    if (is_digit(c))
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

ssize_t gost_url_unescape(char *buf, size_t cap, struct gost_slice s, enum gost_url_part part)
{
    size_t len = 0;
    for (size_t i = 0; i < s.n; i++) {
        int c = (unsigned char)s.p[i];
        if (c == '%') {
            int high = s.n - i > 2 ? hex_digit(s.p[i + 1]) : -1;
            int low = high < 0 ? -1 : hex_digit(s.p[i + 2]);
            if (low < 0)
                return -1;
            c = high * 16 + low;
            i += 2;
        } else if (c == '+' && part == GOST_URL_QUERY) {
            c = ' ';
        }
        if (len + 1 >= cap)
            return -1;
        buf[len++] = (char)c;
    }
    if (cap == 0)
        return -1;
    buf[len] = 0;
    return (ssize_t)len;
}

ssize_t gost_url_escape(char *buf, size_t cap, struct gost_slice s)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t len = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool plain = is_letter((char)c) || is_digit((char)c) || (c && strchr("-._~", c));
        if (len + (plain ? 1 : 3) >= cap)
            return -1;
        if (plain) {
            buf[len++] = (char)c;
            continue;
        }
        buf[len++] = '%';
        buf[len++] = hex[c >> 4];
        buf[len++] = hex[c & 15];
    }
    if (cap == 0)
        return -1;
    buf[len] = 0;
    return (ssize_t)len;
}
