/*
 * void gost__switch(void **from, void *to), System V ABI for x86-64: the callee-saved registers lie
 * on the stack that is left, its pointer in *from. The floating point control words are not touched:
 * nothing in this program changes them.
 */
#if defined(__x86_64__) && !defined(GOST_UCONTEXT)
    .text
    .globl gost__switch
    .type gost__switch, @function
gost__switch:
    .cfi_startproc
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .cfi_endproc
    .size gost__switch, .-gost__switch
#endif
    .section .note.GNU-stack, "", %progbits
