/**
 * A piece of text that somebody else owns, without a NUL at its end.
 */
#ifndef GOST_CODEC_SLICE_H
#define GOST_CODEC_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

struct gost_slice {
    const char *p; /**< NULL where "absent" differs from "empty" */
    size_t n;
};

static inline struct gost_slice gost_slice(const char *text)
{
    return (struct gost_slice){text, strlen(text)};
}

/** Same bytes as `text`? */
static inline bool gost_slice_is(struct gost_slice s, const char *text)
{
    size_t n = strlen(text);
    return s.n == n && (n == 0 || memcmp(s.p, text, n) == 0);
}

/** Same bytes as `text`, letters compared without case? */
static inline bool gost_slice_is_nocase(struct gost_slice s, const char *text)
{
    size_t n = strlen(text);
    return s.n == n && (n == 0 || strncasecmp(s.p, text, n) == 0);
}

/** Without the blanks and tabs at both ends. */
static inline struct gost_slice gost_slice_trim(struct gost_slice s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

/**
 * Copy as a C string.
 * @return true, or false when it does not fit with its NUL or has a NUL inside (`buf` is "" then)
 */
static inline bool gost_slice_copy(struct gost_slice s, char *buf, size_t cap)
{
    if (s.n >= cap || (s.n > 0 && memchr(s.p, 0, s.n) != NULL)) {
        if (cap > 0)
            buf[0] = 0;
        return false;
    }
    if (s.n > 0)
        memcpy(buf, s.p, s.n);
    buf[s.n] = 0;
    return true;
}

#endif
