#include "core/runtime/fiber.h"

#include "core/base/error.h"
#include "core/base/sanitize.h"
#include "core/runtime/loop.h"
#include "core/runtime/stack.h"
#include "core/runtime/switch.h"

#include <stdlib.h>
#include <string.h>

#if GOST_ASAN
#include <sanitizer/common_interface_defs.h>
#endif
#if GOST_TSAN
#include <sanitizer/tsan_interface.h>
#endif

/* The fibers of one thread. */
struct scheduler {
    struct gost_fiber *current;
    void *loop_context;     /* the thread's own stack, while a fiber runs */
    void *loop_sanitizer;   /* its fake stack or handle */
    const void *loop_stack; /* its bounds, for the sanitizer */
    size_t loop_stack_size;
    struct gost_list ready;
    struct gost_list all;
    struct gost_task task; /* runs what is ready */
    size_t count;
    uint64_t last_id;
    bool set_up;
};

static _Thread_local struct scheduler sched;

static void sched_run(struct gost_task *t);

static void sched_set_up(void)
{
    gost_list_create(&sched.ready);
    gost_list_create(&sched.all);
    gost_task_create(&sched.task, sched_run);
    sched.set_up = true;
}

struct gost_fiber *gost_fiber_self(void)
{
    return sched.current;
}

size_t gost_fiber_count(void)
{
    return sched.count;
}

bool gost_fiber_is_canceled(void)
{
    return sched.current && sched.current->canceled;
}

void gost_fiber_ref(struct gost_fiber *f)
{
    f->refs++;
}

void gost_fiber_unref(struct gost_fiber *f)
{
    if (--f->refs == 0)
        free(f);
}

/* Tell the sanitizers which stack is about to be used. `dying`: the running fiber never comes back. */
static void announce_switch(struct gost_fiber *to, bool dying)
{
#if GOST_ASAN
    void **save = sched.current ? &sched.current->sanitizer : &sched.loop_sanitizer;
    __sanitizer_start_switch_fiber(dying ? NULL : save, to ? to->stack : sched.loop_stack,
                                   to ? to->stack_size : sched.loop_stack_size);
#elif GOST_TSAN
    __tsan_switch_to_fiber(to ? to->sanitizer : sched.loop_sanitizer, 0);
#endif
    (void)to;
    (void)dying;
}

/* The first thing on the stack that was switched to. */
static void confirm_switch(struct gost_fiber *here)
{
#if GOST_ASAN
    const void *old;
    size_t size;
    __sanitizer_finish_switch_fiber(here ? here->sanitizer : sched.loop_sanitizer, &old, &size);
    if (here && !sched.loop_stack) {
        sched.loop_stack = old;
        sched.loop_stack_size = size;
    }
#endif
    (void)here;
}

static void leave_to_loop(struct gost_fiber *f, bool dying)
{
    announce_switch(NULL, dying);
    sched.current = NULL;
    gost__diag_self = NULL;
    gost__switch(&f->context, sched.loop_context);
    confirm_switch(f);
}

static void fiber_main(void)
{
    struct gost_fiber *f = sched.current;
    confirm_switch(f);
    f->fn(f->arg);
    if (f->local_free)
        f->local_free(f);
    f->done = true;
    leave_to_loop(f, true);
    abort(); /* a finished fiber is never switched to */
}

static void fiber_bury(struct gost_fiber *f)
{
    gost_timer_stop(&f->timer);
    gost_list_remove(&f->ready);
    gost_list_remove(&f->all);
    sched.count--;
    for (struct gost_fiber *j = f->joiner; j; j = j->next_joiner)
        gost_fiber_wake(j);
#if GOST_TSAN
    __tsan_destroy_fiber(f->sanitizer);
#endif
    gost__stack_give(f->stack);
    f->stack = NULL;
    gost_fiber_unref(f);
}

/* Run a fiber until it waits or ends. Only from the loop. */
static void fiber_resume(struct gost_fiber *f)
{
#if GOST_TSAN
    sched.loop_sanitizer = __tsan_get_current_fiber();
#endif
    announce_switch(f, false);
    sched.current = f;
    gost__diag_self = &f->diag;
    gost__switch(&sched.loop_context, f->context);
    confirm_switch(NULL);
    if (f->done)
        fiber_bury(f);
}

static void sched_run(struct gost_task *t)
{
    (void)t;
    struct gost_list due, *link;
    gost_list_create(&due);
    gost_list_splice(&due, &sched.ready);
    while ((link = gost_list_shift(&due)))
        fiber_resume(gost_container_of(link, struct gost_fiber, ready));
}

static void make_ready(struct gost_fiber *f)
{
    if (f == sched.current || f->done || !gost_list_empty(&f->ready))
        return;
    gost_list_add(&sched.ready, &f->ready);
    gost_task_post(&sched.task);
}

static void on_waker(struct gost_waker *w)
{
    make_ready(gost_container_of(w, struct gost_fiber, waker));
}

static void on_timer(struct gost_timer *t)
{
    struct gost_fiber *f = gost_container_of(t, struct gost_fiber, timer);
    f->timed_out = true;
    make_ready(f);
}

struct gost_fiber *gost_fiber_spawn(const char *name, void (*fn)(void *arg), void *arg)
{
    if (!sched.set_up)
        sched_set_up();
    struct gost_fiber *f = calloc(1, sizeof(*f));
    void *stack = f ? gost__stack_take(&f->stack_size) : NULL;
    if (!stack) {
        free(f);
        gost_fail(GOST_ENOMEM, "no memory for a fiber's stack (%zu fibers live)", sched.count);
        return NULL;
    }
    f->stack = stack;
    f->name = name;
    f->fn = fn;
    f->arg = arg;
    f->refs = 1;
    f->limit = GOST_NEVER;
    f->id = ++sched.last_id;
    f->waker.fn = on_waker;
    gost_timer_create(&f->timer, on_timer);
    gost_list_create(&f->ready);
    gost_list_add(&sched.all, &f->all);
    sched.count++;
    f->context = gost__switch_prepare(stack, f->stack_size, fiber_main);
#if GOST_TSAN
    f->sanitizer = __tsan_create_fiber(0);
#endif
    if (sched.current) {
        make_ready(f);
        return f;
    }
    gost_fiber_ref(f);
    fiber_resume(f);
    bool done = f->done;
    gost_fiber_unref(f);
    static _Thread_local struct gost_fiber ended = {.done = true, .refs = 1u << 30};
    return done ? &ended : f;
}

int gost_fiber_wait(uint64_t deadline)
{
    struct gost_fiber *f = sched.current;
    deadline = gost_deadline_min(deadline, f->limit);
    if (f->canceled)
        return gost_fail(GOST_ECANCELED, "canceled");
    if (deadline != GOST_NEVER && deadline <= gost_now())
        return gost_fail(GOST_ETIMEDOUT, "timed out");
    f->timed_out = false;
    if (deadline != GOST_NEVER)
        gost_timer_start(&f->timer, deadline);
    f->waiting = true;
    leave_to_loop(f, false);
    f->waiting = false;
    gost_timer_stop(&f->timer);
    if (f->canceled)
        return gost_fail(GOST_ECANCELED, "canceled");
    if (f->timed_out)
        return gost_fail(GOST_ETIMEDOUT, "timed out");
    return 0;
}

uint64_t gost_fiber_set_limit(uint64_t limit)
{
    uint64_t before = sched.current->limit;
    sched.current->limit = limit;
    return before;
}

void gost_fiber_wake(struct gost_fiber *f)
{
    if (f->waiting)
        make_ready(f);
}

int gost_fiber_yield(void)
{
    struct gost_fiber *f = sched.current;
    if (!f->canceled) {
        gost_list_add(&sched.ready, &f->ready);
        gost_task_post(&sched.task);
    }
    return gost_fiber_wait(GOST_NEVER);
}

void gost_fiber_pause(void)
{
    struct gost_fiber *f = sched.current;
    gost_list_add(&sched.ready, &f->ready);
    gost_task_post(&sched.task);
    leave_to_loop(f, false);
}

int gost_fiber_sleep(uint64_t ms)
{
    uint64_t until = gost_now() + ms;
    int rc;
    while ((rc = gost_fiber_wait(until)) == 0)
        ; /* a stray wake-up */
    return rc == GOST_ETIMEDOUT && gost_now() >= until ? 0 : rc;
}

void gost_fiber_cancel(struct gost_fiber *f)
{
    f->canceled = true;
    gost_fiber_wake(f);
}

int gost_fiber_join(struct gost_fiber *f, uint64_t deadline)
{
    struct gost_fiber *self = sched.current, **link = &f->joiner;
    int rc = 0;
    if (f->done)
        return 0;
    self->next_joiner = f->joiner;
    f->joiner = self;
    while (!f->done && rc == 0)
        rc = gost_fiber_wait(deadline);
    while (*link != self)
        link = &(*link)->next_joiner;
    *link = self->next_joiner;
    return f->done ? 0 : rc;
}

void gost_fiber_cancel_all(void)
{
    if (!sched.set_up)
        return;
    gost_list_each_safe(link, &sched.all)
    {
        struct gost_fiber *f = gost_container_of(link, struct gost_fiber, all);
        if (f != sched.current)
            gost_fiber_cancel(f);
    }
}

void gost_fiber_cleanup(void)
{
    gost__stack_drain();
    if (sched.set_up)
        gost_task_cancel(&sched.task);
    sched = (struct scheduler){0};
}
