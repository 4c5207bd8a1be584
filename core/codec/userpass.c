#include "core/codec/userpass.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/base/text.h"

/** Take one "len text" field. @return bytes consumed, 0 incomplete, GOST_EPROTO */
static ssize_t text_decode(char *out, const uint8_t *p, size_t n)
{
    if (n < 1)
        return 0;
    size_t have = n - 1 < p[0] ? n - 1 : p[0];
    if (memchr(p + 1, 0, have))
        return gost_fail(GOST_EPROTO, "a NUL byte inside of the credentials");
    if (have < p[0])
        return 0;
    memcpy(out, p + 1, p[0]);
    out[p[0]] = 0;
    return 1 + (ssize_t)p[0];
}

ssize_t gost_userpass_decode(struct gost_userpass *out, const uint8_t *p, size_t n)
{
    ssize_t user = text_decode(out->user, p, n);
    if (user <= 0)
        return user;
    ssize_t password = text_decode(out->password, p + user, n - (size_t)user);
    if (password <= 0)
        return password;
    return user + password;
}

size_t gost_userpass_encode(uint8_t *buf, size_t cap, const struct gost_userpass *in)
{
    size_t user = strlen(in->user), password = strlen(in->password);
    if (cap < 2 + user + password)
        return 0;
    buf[0] = (uint8_t)user;
    memcpy(buf + 1, in->user, user);
    buf[1 + user] = (uint8_t)password;
    memcpy(buf + 2 + user, in->password, password);
    return 2 + user + password;
}

int gost_userpass_from_basic(struct gost_userpass *out, struct gost_slice value)
{
    char plain[GOST_BASIC_MAX];
    if (value.n < 6 || strncasecmp(value.p, "basic ", 6) != 0)
        return gost_fail(GOST_EAUTH, "the credentials are not of the Basic scheme");
    struct gost_slice code = gost_slice_trim((struct gost_slice){value.p + 6, value.n - 6});
    if (code.n >= GOST_BASIC_MAX)
        return gost_fail(GOST_EAUTH, "the Basic credentials are too long");
    long n = gost_base64_decode(plain, code.p, code.n);
    char *colon = n > 0 ? memchr(plain, ':', (size_t)n) : NULL;
    if (!colon)
        return gost_fail(GOST_EAUTH, "malformed Basic credentials");
    struct gost_slice user = {plain, (size_t)(colon - plain)};
    struct gost_slice password = {colon + 1, (size_t)(plain + n - colon - 1)};
    if (!gost_slice_copy(user, out->user, sizeof out->user) ||
        !gost_slice_copy(password, out->password, sizeof out->password))
        return gost_fail(GOST_EAUTH, "unusable Basic credentials");
    return 0;
}

size_t gost_userpass_to_basic(char *buf, const struct gost_userpass *in)
{
    char plain[255 + 1 + 255];
    size_t user = strlen(in->user), password = strlen(in->password);
    memcpy(plain, in->user, user);
    plain[user] = ':';
    memcpy(plain + user + 1, in->password, password);
    memcpy(buf, "Basic ", 6);
    return 6 + gost_base64_encode(buf + 6, plain, user + 1 + password);
}
