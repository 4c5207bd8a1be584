/**
 * The Lua side of a fiber: its Lua thread, and what its present hook may still spend.
 */
#ifndef GOST_BINDINGS_THREAD_H
#define GOST_BINDINGS_THREAD_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gostL_budget;

struct gostL_thread {
    lua_State *L;
    int ref;        /**< keeps L alive */
    int64_t left;   /**< instructions until the budget is overrun */
    int64_t refill; /**< what `left` becomes after a pause */
    uint64_t until; /**< gost_now() milliseconds at which the time is up; GOST_NEVER: no limit */
    uint32_t calls; /**< of suspending functions */
    bool counted;   /**< a budget is in force */
    bool overrun;   /**< it was overrun: every further instruction raises */
    bool limited;   /**< Lua code runs in a protected call: memory may be refused */
    struct gostL_thread *next; /**< in the pool */
};

/** The running fiber's, or NULL outside of fibers and on fibers that have not met Lua yet. */
struct gostL_thread *gostL_thread_self(void);

/** What was in force outside of a call, see gostL_budget_begin. */
struct gostL_spending {
    struct gostL_thread *thread;
    bool outermost, limited;
    uint64_t fiber_limit;
    uint64_t until; /**< of this call */
};

/** A script's function is about to be called. */
void gostL_budget_begin(struct gostL_spending *s, const struct gostL_budget *b);

/** It has returned or raised. */
void gostL_budget_end(struct gostL_spending *s);

/** A suspending function begins: the core may not meet a refused allocation. And it has ended. */
void gostL_budget_pause(struct gostL_thread *t);
void gostL_budget_resume(struct gostL_thread *t);

/** Bound the memory of this state: its allocator refuses scripts what lies beyond. */
void gostL_budget_memory(lua_State *L, size_t bytes);

#endif
