/**
 * The stack switch below fibers: own assembly on x86-64 and AArch64, ucontext elsewhere.
 */
#ifndef GOST_RUNTIME_SWITCH_H
#define GOST_RUNTIME_SWITCH_H

#include <stddef.h>

/**
 * Prepare a new stack, so that the first switch to it calls `entry`, which must never return.
 * @param stack  lowest byte
 * @return the context to switch to
 */
void *gost__switch_prepare(void *stack, size_t size, void (*entry)(void));

/** Save the running context to `*from` and continue in `to`. */
void gost__switch(void **from, void *to);

#endif
