#include "core/runtime/stack.h"

#include "core/base/sanitize.h"

#include <stdint.h>
#include <sys/mman.h>

#if GOST_ASAN
#include <sanitizer/asan_interface.h>
#endif

/*
 * Only touched pages cost memory. The size leaves room for an OpenSSL handshake and for Lua code that
 * calls back into C a few times over; sanitizers make frames several times larger.
 */
enum { STACK_SIZE = GOST_ASAN || GOST_TSAN ? 1024 * 1024 : 256 * 1024 };
enum {
    GUARD_SIZE = 4096 * 4,
    POOL_MAX = 32
}; /* 16 KiB: a page everywhere, also on 16 KiB kernels */

/* Free stacks form a list through their last word, which is touched anyway. */
static _Thread_local void *pool_head;
static _Thread_local int pool_count;

static void **pool_link(void *stack)
{
    return (void **)((char *)stack + STACK_SIZE - sizeof(void *));
}

void *gost__stack_take(size_t *size)
{
    *size = STACK_SIZE;
    if (pool_head) {
        void *stack = pool_head;
        pool_head = *pool_link(stack);
        pool_count--;
        return stack;
    }
    char *map = mmap(NULL, GUARD_SIZE + STACK_SIZE, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED)
        return NULL;
    if (mprotect(map, GUARD_SIZE, PROT_NONE) != 0) {
        munmap(map, GUARD_SIZE + STACK_SIZE);
        return NULL;
    }
    return map + GUARD_SIZE;
}

static void stack_unmap(void *stack)
{
    munmap((char *)stack - GUARD_SIZE, GUARD_SIZE + STACK_SIZE);
}

void gost__stack_give(void *stack)
{
#if GOST_ASAN
    /* its last fiber never returned from its outermost frames, so their red zones are still marked */
    ASAN_UNPOISON_MEMORY_REGION(stack, STACK_SIZE);
#endif
    if (pool_count >= POOL_MAX) {
        stack_unmap(stack);
        return;
    }
    *pool_link(stack) = pool_head;
    pool_head = stack;
    pool_count++;
}

void gost__stack_drain(void)
{
    while (pool_head) {
        void *stack = pool_head;
        pool_head = *pool_link(stack);
        stack_unmap(stack);
    }
    pool_count = 0;
}
