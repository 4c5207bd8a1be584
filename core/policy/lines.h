/**
 * The line format that all policy files share: one item a line, blanks around it dropped, comments.
 */
#ifndef GOST_POLICY_LINES_H
#define GOST_POLICY_LINES_H

#include <stdbool.h>
#include <stddef.h>

enum gost_comments {
    GOST_COMMENTS_ANYWHERE, /**< "#" cuts the rest of the line off */
    GOST_COMMENTS_LINES,    /**< only a line that begins with "#" is one; elsewhere it is data */
    GOST_COMMENTS_NONE,     /**< for items that are no lines of a file */
};

/** A walk over the lines of a text. */
struct gost_lines {
    const char *text, *end;
    enum gost_comments comments;
    size_t number; /**< of the line that came last, from 1 */
};

/** @return the next line that is not empty, without comments and blanks around it; NULL at the end */
const char *gost_lines_next(struct gost_lines *l, size_t *n);

/**
 * Hand each non-empty line to `add`. A bad line does not stop the others.
 * @param add  0, or a negative code with diag when the line is bad
 * @return 0, or the code of the first bad line; its diag says "line N: …" and how many follow
 */
int gost_lines_load(const char *text, size_t n, enum gost_comments comments,
                    int (*add)(void *obj, const char *line, size_t n), void *obj);

/**
 * Cut the first word off a line.
 * @param[in,out] line, n  afterwards what follows the word and the blanks behind it
 * @param[out] word        borrowed from the line
 * @return length of the word, 0 at the end
 */
size_t gost_line_word(const char **line, size_t *n, const char **word);

#endif
