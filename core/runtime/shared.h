/**
 * Memory that all workers share, found by name: counters, fail marks, buckets.
 */
#ifndef GOST_RUNTIME_SHARED_H
#define GOST_RUNTIME_SHARED_H

#include <stdbool.h>
#include <stddef.h>

/**
 * Find, or make, a named piece of process-global memory. Its users access it with atomics only. It
 * lives as long as somebody holds it.
 * @param name     "kind:…", so that users of different kinds never meet
 * @param size     bytes; every user of one name asks for the same size
 * @param[out] created  true when it is new, and thus all zero; may be NULL
 * @return the memory, or NULL when memory is out or the name is in use with another size
 */
void *gost_shared_take(const char *name, size_t size, bool *created);

/** Give up one hold; the last one frees the memory. NULL is fine. */
void gost_shared_give(void *p);

#endif
