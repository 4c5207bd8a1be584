#include "core/runtime/switch.h"

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && !defined(GOST_UCONTEXT)

void *gost__switch_prepare(void *stack, size_t size, void (*entry)(void))
{
    uint64_t *top = (uint64_t *)(((uintptr_t)stack + size) & ~(uintptr_t)15);
    *--top = 0; /* the caller of `entry`: an unwinder stops here */
    *--top =
        (uintptr_t)entry; /* popped by the switch's ret, with the stack aligned as after a call */
    for (int i = 0; i < 6; i++)
        *--top = 0;
    return top;
}

#elif defined(__aarch64__) && !defined(GOST_UCONTEXT)

void *gost__switch_prepare(void *stack, size_t size, void (*entry)(void))
{
    uint64_t *top = (uint64_t *)(((uintptr_t)stack + size) & ~(uintptr_t)15);
    top -= 20;
    memset(top, 0, 20 * sizeof(*top));
    top[11] = (uintptr_t)entry; /* x30, where the switch's ret goes */
    return top;
}

#else

#include <ucontext.h>

void *gost__switch_prepare(void *stack, size_t size, void (*entry)(void))
{
    /* The context lies at the foot of its own stack. */
    ucontext_t *uc = stack;
    getcontext(uc);
    uc->uc_stack.ss_sp = (char *)stack + sizeof(*uc);
    uc->uc_stack.ss_size = size - sizeof(*uc);
    uc->uc_link = NULL;
    makecontext(uc, entry, 0);
    return uc;
}

void gost__switch(void **from, void *to)
{
    ucontext_t here;
    *from = &here;
    swapcontext(&here, to);
}

#endif
