/**
 * Pooled stacks for fibers: mapped memory with a guard page below, one pool per thread.
 */
#ifndef GOST_RUNTIME_STACK_H
#define GOST_RUNTIME_STACK_H

#include <stddef.h>

/**
 * @param[out] size  usable bytes
 * @return the lowest usable byte, or NULL when memory or maps are out
 */
void *gost__stack_take(size_t *size);

/** Give a stack back; the pool keeps some and unmaps the rest. */
void gost__stack_give(void *stack);

/** Unmap what the pool of this thread holds. */
void gost__stack_drain(void);

#endif
