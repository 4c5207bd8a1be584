/**
 * Globs: * (any bytes, dots too), ? (one byte), [a-z] and [!a-z] (one byte of a class), {a,b}
 * (alternatives, which may nest), \x (x itself). Compiled once; matching takes at most
 * length(pattern) * length(text) steps, whatever either holds.
 */
#ifndef GOST_BASE_GLOB_H
#define GOST_BASE_GLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    GOST_GLOB_MAX = 512,          /**< bytes of a pattern */
    GOST_GLOB_ALTERNATIVES = 256, /**< patterns that one pattern with {} may stand for */
    GOST_GLOB_BRACES = 8,         /**< pairs of {} in one pattern */
};

/** One step of a compiled pattern: a byte value, one of these, or GOST_GLOB_CLASS + its index. */
enum gost_glob_op { GOST_GLOB_ONE = 256, GOST_GLOB_STAR, GOST_GLOB_CLASS };

/** A pattern without {}; several of them are linked when there were alternatives. */
struct gost_glob {
    uint16_t *ops;
    size_t len;
    uint64_t (*classes)[4]; /**< a bit per byte value */
    size_t class_count;
    struct gost_glob *next; /**< the next alternative */
};

/**
 * Call `fn` for each pattern without {} that a pattern stands for: "{a,b}.c" gives "a.c" and "b.c".
 * @param fn  0 goes on, anything else ends the walk
 * @return 0, what `fn` returned, or GOST_ECONFIG for unbalanced or too many braces
 */
int gost_glob_expand(const char *pattern, size_t n,
                     int (*fn)(void *arg, const char *text, size_t n), void *arg);

/**
 * Compile a pattern, {} included.
 * @param[out] out  to be freed with gost_glob_delete; NULL on failure
 * @return 0, GOST_ECONFIG with diag, or GOST_ENOMEM
 */
int gost_glob_new(struct gost_glob **out, const char *pattern, size_t n);

/** Free all alternatives; NULL is fine. */
void gost_glob_delete(struct gost_glob *g);

/** Does the whole text match one of the alternatives? Case matters. */
bool gost_glob_match(const struct gost_glob *g, const char *text, size_t n);

#endif
