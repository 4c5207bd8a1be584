/**
 * Pooled pipes for splice(2).
 */
#ifndef GOST_NET_PIPE_H
#define GOST_NET_PIPE_H

#include <stdbool.h>
#include <stddef.h>

struct gost_pipe {
    int in, out;            /**< bytes are written to `in` and read from `out` */
    size_t held;            /**< bytes inside */
    size_t size;            /**< capacity */
    struct gost_pipe *next; /**< in the pool */
};

enum { GOST_PIPE_SIZE = 1024 * 1024 };

/** False with GOST_SPLICE=0 in the environment: copy always (to measure what copying costs). */
bool gost_pipe_wanted(void);

/**
 * @return an empty pipe of GOST_PIPE_SIZE, or NULL when the kernel grants none of that size (smaller
 *         ones gain nothing over copying)
 */
struct gost_pipe *gost_pipe_take(void);

/** Give a pipe back; one that still holds bytes is closed. NULL is fine. */
void gost_pipe_give(struct gost_pipe *p);

/** Close the pool of this thread. */
void gost_pipe_drain(void);

#endif
