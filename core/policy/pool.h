/**
 * Zeroed memory for limiters: shared by all workers when the limiter has a name, else its own.
 * Internal to core/policy.
 */
#ifndef GOST_POLICY_POOL_H
#define GOST_POLICY_POOL_H

#include <stddef.h>

/** @param kind  a word per use, so that limiters of one name never meet. @return NULL without
 * memory */
void *gost__pool_take(const char *kind, const char *name, size_t size);

/** @param name  as given to gost__pool_take; NULL memory is fine */
void gost__pool_give(const char *name, void *memory);

#endif
