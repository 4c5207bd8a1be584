/**
 * Stackful fibers: straight-line code that waits without stopping the worker.
 *
 * A fiber lives on the thread that spawned it, on a pooled stack with a guard page. It suspends only
 * in gost_fiber_wait and what is built on it (net/io.h, gost_fiber_sleep …). A wake-up is a hint: the
 * waiter looks again whether what it waits for is there. Fibers never hold libuv handles or large
 * buffers on their stacks.
 */
#ifndef GOST_RUNTIME_FIBER_H
#define GOST_RUNTIME_FIBER_H

#include "core/base/diag.h"
#include "core/base/list.h"
#include "core/runtime/timer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What wakes a sleeper: fiber, pump or session. The callee must not free the waker's owner. */
struct gost_waker {
    void (*fn)(struct gost_waker *self);
};

static inline void gost_waker_fire(struct gost_waker *w)
{
    if (w)
        w->fn(w);
}

struct gost_fiber {
    void *context;          /**< saved stack pointer while switched out */
    struct gost_list ready; /**< in the scheduler's queue when it is to run */
    struct gost_list all;   /**< in the scheduler's list of live fibers */
    struct gost_waker waker;
    struct gost_timer timer;
    void (*fn)(void *arg);
    void *arg;
    const char *name;               /**< static text, for logs and leak reports */
    struct gost_fiber *joiner;      /**< the fibers that wait for its end, a chain … */
    struct gost_fiber *next_joiner; /**< … through this */
    bool waiting;                   /**< inside gost_fiber_wait */
    bool timed_out;                 /**< the timer fired */
    bool canceled;
    bool done;
    uint32_t refs;
    uint64_t id;    /**< unique within the worker, never reused */
    uint64_t limit; /**< no wait goes beyond; GOST_NEVER: none */
    void *conn;     /**< the connection it serves (struct gost_conn), or NULL */
    void *local;    /**< for the bindings: the fiber's Lua thread */
    void (*local_free)(struct gost_fiber *f); /**< called as the fiber ends, on its own stack */
    struct gost_diag diag;
    void *stack; /**< lowest usable byte */
    size_t stack_size;
    void *sanitizer; /**< fake stack (ASan) or fiber handle (TSan) */
};

/**
 * Start a fiber; it runs in this turn of the loop (at once when called from the loop itself).
 * @param name  static text
 * @return borrowed until the fiber ends (take a reference to keep it); NULL with diag when memory is
 *         out
 */
struct gost_fiber *gost_fiber_spawn(const char *name, void (*fn)(void *arg), void *arg);

/** The running fiber, NULL outside of fibers. */
struct gost_fiber *gost_fiber_self(void);

void gost_fiber_ref(struct gost_fiber *f);
void gost_fiber_unref(struct gost_fiber *f);

/**
 * Suspend until somebody wakes the fiber.
 * @param deadline  absolute, gost_now() milliseconds, or GOST_NEVER
 * @return 0 after a wake-up (a hint), GOST_ETIMEDOUT, GOST_ECANCELED; both with diag
 */
int gost_fiber_wait(uint64_t deadline);

/**
 * Bound all waits of the running fiber from now on: they end with GOST_ETIMEDOUT at `limit`.
 * @return the limit before, to be restored
 */
uint64_t gost_fiber_set_limit(uint64_t limit);

/** Let a waiting fiber run again soon; harmless on any other. */
void gost_fiber_wake(struct gost_fiber *f);

/** Let others run. @return 0 or GOST_ECANCELED */
int gost_fiber_yield(void);

/** Like gost_fiber_yield, but also for a cancelled fiber that must let others finish first. */
void gost_fiber_pause(void);

/** Suspend for `ms` milliseconds. @return 0, GOST_ECANCELED, or GOST_ETIMEDOUT at the fiber's limit */
int gost_fiber_sleep(uint64_t ms);

/**
 * Ask a fiber to end: its present wait and all later ones fail with GOST_ECANCELED. Asynchronous and
 * idempotent.
 */
void gost_fiber_cancel(struct gost_fiber *f);

/**
 * Suspend until `f` has ended. Hold a reference to it.
 * @return 0, GOST_ETIMEDOUT, GOST_ECANCELED (the joining one was cancelled)
 */
int gost_fiber_join(struct gost_fiber *f, uint64_t deadline);

/** Was the running fiber cancelled? Always false outside of fibers. */
bool gost_fiber_is_canceled(void);

/** @return number of live fibers of this thread */
size_t gost_fiber_count(void);

/** Cancel every fiber of this thread except the running one. */
void gost_fiber_cancel_all(void);

/** Free the pooled stacks of this thread; no fiber may be alive. */
void gost_fiber_cleanup(void);

#endif
