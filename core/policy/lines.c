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

const char *gost_lines_next(struct gost_lines *l, size_t *n)
{
    while (l->text < l->end) {
        const char *line = l->text, *eol = memchr(line, '\n', (size_t)(l->end - line));
        l->text = eol ? eol + 1 : l->end;
        l->number++;
        *n = strip(&line, (size_t)((eol ? eol : l->end) - line), l->comments);
        if (*n > 0)
            return line;
    }
    return NULL;
}

int gost_lines_load(const char *text, size_t n, enum gost_comments comments,
                    int (*add)(void *obj, const char *line, size_t n), void *obj)
{
    struct gost_lines lines = {.text = text, .end = text + n, .comments = comments};
    char first_story[GOST_DIAG_MAX];
    int first_code = 0;
    size_t bad = 0, len;
    for (const char *line; (line = gost_lines_next(&lines, &len));) {
        int rc = add(obj, line, len);
        if (rc && bad++ == 0) {
            first_code = rc;
            snprintf(first_story, sizeof(first_story), "line %zu: %.400s", lines.number,
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
