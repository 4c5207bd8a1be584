#include "core/policy/lines.h"

#include "core/base/diag.h"
#include "core/base/error.h"

#include <stdio.h>
#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static size_t trim(const char **line, size_t n)
{
    while (n > 0 && is_blank((*line)[n - 1]))
        n--;
    while (n > 0 && is_blank(**line)) {
        (*line)++;
        n--;
    }
    return n;
}

static size_t strip(const char **line, size_t n, enum gost_comments comments)
{
    const char *hash = comments == GOST_COMMENTS_ANYWHERE ? memchr(*line, '#', n) : NULL;
    n = trim(line, hash ? (size_t)(hash - *line) : n);
    return comments == GOST_COMMENTS_LINES && n > 0 && **line == '#' ? 0 : n;
}

int gost_lines_load(const char *text, size_t n, enum gost_comments comments,
                    int (*add)(void *obj, const char *line, size_t n), void *obj)
{
    char first_story[GOST_DIAG_MAX];
    int first_code = 0;
    size_t bad = 0, number = 0;
    for (const char *end = text + n, *next; text < end; text = next) {
        const char *eol = memchr(text, '\n', (size_t)(end - text));
        const char *line = text;
        next = eol ? eol + 1 : end;
        number++;
        size_t len = strip(&line, (size_t)((eol ? eol : end) - text), comments);
        int rc = len > 0 ? add(obj, line, len) : 0;
        if (rc && bad++ == 0) {
            first_code = rc;
            snprintf(first_story, sizeof(first_story), "line %zu: %.400s", number,
                     gost_diag_text(rc));
        }
    }
    if (bad > 1)
        return gost_fail(first_code, "%s (and %zu more)", first_story, bad - 1);
    return bad ? gost_fail(first_code, "%s", first_story) : 0;
}

size_t gost_line_word(const char **line, size_t *n, const char **word)
{
    size_t len = 0;
    *n = trim(line, *n);
    *word = *line;
    while (len < *n && !is_blank((*line)[len]))
        len++;
    *line += len;
    *n -= len;
    *n = trim(line, *n);
    return len;
}
