#include "core/codec/http1_fields.h"

#include "core/base/diag.h"
#include "core/base/error.h"

struct gost_slice gost_http1_name(const struct gost_http1 *h, size_t i)
{
    return (struct gost_slice){h->base + h->field[i].name, h->field[i].name_len};
}

struct gost_slice gost_http1_value(const struct gost_http1 *h, size_t i)
{
    return (struct gost_slice){h->base + h->field[i].value, h->field[i].value_len};
}

int gost_http1_find(const struct gost_http1 *h, const char *name, size_t from)
{
    size_t n = strlen(name);
    for (size_t i = from; i < h->count; i++) {
        if (h->field[i].name_len == n && strncasecmp(h->base + h->field[i].name, name, n) == 0)
            return (int)i;
    }
    return -1;
}

struct gost_slice gost_http1_get(const struct gost_http1 *h, const char *name)
{
    int i = gost_http1_find(h, name, 0);
    return i < 0 ? (struct gost_slice){NULL, 0} : gost_http1_value(h, (size_t)i);
}

bool gost_http1_next_token(struct gost_slice *list, struct gost_slice *token)
{
    while (list->n > 0) {
        const char *comma = memchr(list->p, ',', list->n);
        size_t n = comma ? (size_t)(comma - list->p) : list->n, step = comma ? n + 1 : n;
        *token = gost_slice_trim((struct gost_slice){list->p, n});
        list->p += step;
        list->n -= step;
        if (token->n > 0)
            return true;
    }
    return false;
}

bool gost_http1_has_token(const struct gost_http1 *h, const char *name, const char *token)
{
    for (int i = gost_http1_find(h, name, 0); i >= 0; i = gost_http1_find(h, name, (size_t)i + 1)) {
        struct gost_slice list = gost_http1_value(h, (size_t)i), t;
        while (gost_http1_next_token(&list, &t)) {
            if (gost_slice_is_nocase(t, token))
                return true;
        }
    }
    return false;
}

/** Digits alone: no sign, no list, nothing that fits int64_t not. Repeated ones must agree. */
static int check_length(struct gost_http1 *h, struct gost_slice value)
{
    int64_t length = 0;
    if (value.n == 0 || value.n > 18)
        return gost_fail(GOST_EPROTO, "malformed Content-Length");
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] < '0' || value.p[i] > '9')
            return gost_fail(GOST_EPROTO, "malformed Content-Length");
        length = length * 10 + (value.p[i] - '0');
    }
    if (h->content_length >= 0 && h->content_length != length)
        return gost_fail(GOST_EPROTO, "two Content-Length that differ");
    h->content_length = length;
    return 0;
}

static int check_coding(struct gost_http1 *h, struct gost_slice list)
{
    struct gost_slice coding;
    h->coded = true;
    while (gost_http1_next_token(&list, &coding)) {
        if (h->chunked)
            return gost_fail(GOST_EPROTO, "\"chunked\" is not the last transfer coding");
        h->chunked = gost_slice_is_nocase(coding, "chunked");
    }
    return 0;
}

int gost__http1_check_field(struct gost_http1 *h, size_t i)
{
    struct gost_slice name = gost_http1_name(h, i), value = gost_http1_value(h, i);
    switch (name.n) { /* most fields are told apart by their length alone */
    case sizeof "Host" - 1:
        if (h->status == 0 && gost_slice_is_nocase(name, "Host") &&
            gost_http1_find(h, "Host", 0) != (int)i)
            return gost_fail(GOST_EPROTO, "more than one Host");
        return 0;
    case sizeof "Content-Length" - 1:
        return gost_slice_is_nocase(name, "Content-Length") ? check_length(h, value) : 0;
    case sizeof "Transfer-Encoding" - 1:
        return gost_slice_is_nocase(name, "Transfer-Encoding") ? check_coding(h, value) : 0;
    default:
        return 0;
    }
}

int gost__http1_check_head(struct gost_http1 *h)
{
    if (h->coded && h->content_length >= 0)
        return gost_fail(GOST_EPROTO, "Content-Length together with Transfer-Encoding");
    if (h->coded && h->minor == 0)
        return gost_fail(GOST_EPROTO, "Transfer-Encoding in HTTP/1.0");
    if (h->coded && h->status == 0 && !h->chunked)
        return gost_fail(GOST_EPROTO, "a request whose last transfer coding is not \"chunked\"");
    return 0;
}
