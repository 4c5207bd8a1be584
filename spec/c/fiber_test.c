/* Fibers: start, join, cancel, deadlines, stray wake-ups, many of them, deep stacks. */
#include "core/runtime/fiber.h"

#include "core/base/sanitize.h"
#include "spec/c/net_support.h"

static int steps;

static void count_step(void *arg)
{
    steps += arg ? *(int *)arg : 1;
}

NET_TEST(fiber_from_the_loop_runs_at_once)
{
    int by = 5;
    steps = 0;
    struct gost_fiber *f = gost_fiber_spawn("t", count_step, &by);
    CHECK_INT(steps, 5);
    CHECK(f && f->done); /* a stand-in: it may be held and joined like any other */
    gost_fiber_ref(f);
    gost_fiber_unref(f);
    CHECK_INT(gost_fiber_count(), 0);
    CHECK(gost_fiber_self() == NULL && !gost_fiber_is_canceled());
}

static void spawn_three(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++)
        gost_fiber_spawn("inner", count_step, NULL);
    CHECK_INT(steps, 0); /* they run when this one waits or ends */
    CHECK_INT(gost_fiber_count(), 4);
}

NET_TEST(fiber_from_a_fiber_runs_in_the_same_turn)
{
    steps = 0;
    gost_fiber_spawn("outer", spawn_three, NULL);
    CHECK_INT(steps, 0);
    gost_loop_step(&net_loop, 0);
    CHECK_INT(steps, 3);
}

static void descend(void *arg)
{
    intptr_t left = (intptr_t)arg;
    steps++;
    if (left == 0)
        return;
    struct gost_fiber *f = gost_fiber_spawn("child", descend, (void *)(left - 1));
    gost_fiber_ref(f);
    CHECK_INT(gost_fiber_join(f, GOST_NEVER), 0);
    gost_fiber_unref(f);
    steps++;
}

NET_TEST(fibers_join_their_children_a_hundred_deep)
{
    steps = 0;
    gost_fiber_spawn("root", descend, (void *)100);
    NET_UNTIL(gost_fiber_count() == 0);
    CHECK_INT(steps, 201);
}

static void sleeper(void *arg)
{
    int rc = gost_fiber_sleep((uint64_t)(intptr_t)arg);
    steps += rc == 0 ? 1 : 100;
}

static void join_it(void *arg)
{
    struct gost_fiber *f = arg;
    gost_fiber_ref(f);
    if (gost_fiber_join(f, GOST_NEVER) == 0)
        steps += 10;
    gost_fiber_unref(f);
}

FIBER_TEST(several_may_join_one)
{
    struct gost_fiber *f = gost_fiber_spawn("sleeper", sleeper, (void *)20);
    gost_fiber_ref(f);
    steps = 0;
    for (int i = 0; i < 3; i++)
        gost_fiber_spawn("joiner", join_it, f);
    CHECK_INT(gost_fiber_join(f, GOST_NEVER), 0);
    NET_AWAIT(steps == 1 + 3 * 10);
    CHECK_INT(gost_fiber_join(f, GOST_NEVER), 0); /* once more: it has ended */
    gost_fiber_unref(f);
}

static void wait_for_ever(void *arg)
{
    int rc;
    while ((rc = gost_fiber_wait(GOST_NEVER)) == 0)
        steps++;
    *(int *)arg = rc;
}

FIBER_TEST(join_gives_up_at_its_deadline)
{
    int rc = 0;
    struct gost_fiber *f = gost_fiber_spawn("stuck", wait_for_ever, &rc);
    gost_fiber_ref(f);
    CHECK_INT(gost_fiber_join(f, gost_now() + 5), GOST_ETIMEDOUT);
    gost_fiber_cancel(f);
    gost_fiber_cancel(f);
    CHECK_INT(gost_fiber_join(f, GOST_NEVER), 0);
    CHECK_INT(rc, GOST_ECANCELED);
    gost_fiber_unref(f);
}

/* --- cancelling at the nth wait --- */

static int waits_done, first_error;

static void wait_ten_times(void *arg)
{
    (void)arg;
    for (int i = 0; i < 10 && first_error == 0; i++) {
        first_error = i % 3 == 0   ? gost_fiber_wait(gost_now() + 1)
                      : i % 3 == 1 ? gost_fiber_yield()
                                   : gost_fiber_sleep(1);
        if (first_error == GOST_ETIMEDOUT)
            first_error = 0;
        waits_done += first_error == 0;
    }
}

FIBER_TEST(cancel_at_the_nth_wait)
{
    for (int n = 0; n <= 10; n++) {
        waits_done = first_error = 0;
        struct gost_fiber *f = gost_fiber_spawn("victim", wait_ten_times, NULL);
        gost_fiber_ref(f);
        while (waits_done < n && !f->done)
            gost_fiber_yield();
        int done = waits_done;
        gost_fiber_cancel(f);
        CHECK_INT(gost_fiber_join(f, GOST_NEVER), 0);
        CHECK_INT(waits_done, done);
        CHECK_INT(first_error, n < 10 ? GOST_ECANCELED : 0);
        gost_fiber_unref(f);
    }
}

static void cancel_self(void *arg)
{
    (void)arg;
    gost_fiber_cancel(gost_fiber_self());
    CHECK(gost_fiber_is_canceled());
    CHECK_INT(gost_fiber_yield(), GOST_ECANCELED);
    CHECK_INT(gost_fiber_sleep(1), GOST_ECANCELED);
    CHECK_INT(gost_fiber_wait(GOST_NEVER), GOST_ECANCELED);
    CHECK_STR(gost_diag_text(GOST_ECANCELED), "canceled");
    steps++;
}

NET_TEST(canceled_fiber_cannot_wait_and_ends_cleanly)
{
    steps = 0;
    gost_fiber_spawn("self", cancel_self, NULL);
    gost_loop_step(&net_loop, 0); /* nothing of it may be queued any more */
    CHECK_INT(steps, 1);
}

static void cancel_the_rest(void *arg)
{
    (void)arg;
    gost_fiber_cancel_all();
    CHECK(!gost_fiber_is_canceled());
}

NET_TEST(cancel_all_spares_the_running_one)
{
    int rc[5] = {0};
    for (int i = 0; i < 5; i++)
        gost_fiber_spawn("stuck", wait_for_ever, &rc[i]);
    CHECK_INT(gost_fiber_count(), 5);
    gost_fiber_spawn("killer", cancel_the_rest, NULL);
    NET_UNTIL(gost_fiber_count() == 0);
    for (int i = 0; i < 5; i++)
        CHECK_INT(rc[i], GOST_ECANCELED);
}

/* --- deadlines and wake-ups --- */

FIBER_TEST(wait_ends_at_its_deadline_and_not_before)
{
    uint64_t until = gost_now() + 20;
    CHECK_INT(gost_fiber_wait(until), GOST_ETIMEDOUT);
    CHECK(gost_now() >= until);
    CHECK_STR(gost_diag_text(GOST_ETIMEDOUT), "timed out");
    CHECK_INT(gost_fiber_wait(until), GOST_ETIMEDOUT); /* past: it does not even suspend */
}

FIBER_TEST(limit_of_a_fiber_bounds_all_its_waits)
{
    uint64_t limit = gost_now() + 20;
    CHECK(gost_fiber_set_limit(limit) == GOST_NEVER);
    CHECK_INT(gost_fiber_wait(GOST_NEVER), GOST_ETIMEDOUT);
    CHECK(gost_now() >= limit);
    CHECK_INT(gost_fiber_sleep(60 * 1000), GOST_ETIMEDOUT);
    CHECK_INT(gost_fiber_yield(), GOST_ETIMEDOUT);
    CHECK(gost_fiber_set_limit(GOST_NEVER) == limit);
    CHECK_INT(gost_fiber_yield(), 0);
}

static int waits_seen;

static void count_wakeups(void *arg)
{
    while (gost_fiber_wait(GOST_NEVER) == 0)
        waits_seen++;
    (void)arg;
}

FIBER_TEST(stray_wakeups_are_hints_and_merge)
{
    waits_seen = 0;
    struct gost_fiber *f = gost_fiber_spawn("w", count_wakeups, NULL);
    gost_fiber_ref(f);
    gost_fiber_wake(f); /* it has not even begun */
    gost_fiber_yield();
    CHECK_INT(waits_seen, 0);
    for (int i = 0; i < 10; i++) {
        gost_fiber_wake(f);
        gost_waker_fire(&f->waker);
    }
    gost_fiber_yield();
    gost_fiber_yield();
    CHECK_INT(waits_seen, 1);
    gost_fiber_wake(gost_fiber_self()); /* a running one is not queued */
    gost_waker_fire(&gost_fiber_self()->waker);
    CHECK_INT(gost_fiber_wait(gost_now() + 5), GOST_ETIMEDOUT);
    gost_fiber_cancel(f);
    gost_fiber_join(f, GOST_NEVER);
    gost_fiber_wake(f); /* an ended one neither */
    gost_waker_fire(&f->waker);
    gost_fiber_unref(f);
}

static void wake_for_no_reason(void *arg)
{
    struct gost_fiber *f = arg;
    while (!f->done && gost_fiber_sleep(1) == 0)
        gost_fiber_wake(f);
}

FIBER_TEST(sleep_survives_stray_wakeups)
{
    uint64_t until = gost_now() + 30;
    struct gost_fiber *nag = gost_fiber_spawn("nag", wake_for_no_reason, gost_fiber_self());
    gost_fiber_ref(nag);
    CHECK_INT(gost_fiber_sleep(30), 0);
    CHECK(gost_now() >= until);
    gost_fiber_cancel(nag);
    gost_fiber_join(nag, GOST_NEVER);
    gost_fiber_unref(nag);
}

/* --- many, and deep --- */

enum { MANY = GOST_TSAN ? 500 : 10000 }; /* TSan needs megabytes for each */

NET_TEST(ten_thousand_fibers_wait_at_once)
{
    steps = 0;
    for (int i = 0; i < MANY; i++)
        CHECK(gost_fiber_spawn("one of many", sleeper, (void *)(intptr_t)(1 + i % 50)) != NULL);
    CHECK(gost_fiber_count() > MANY / 2);
    NET_UNTIL(gost_fiber_count() == 0);
    CHECK_INT(steps, MANY);
}

NET_TEST(ten_thousand_fibers_are_canceled_at_once)
{
    int rc;
    for (int i = 0; i < MANY; i++)
        gost_fiber_spawn("one of many", wait_for_ever, &rc);
    CHECK_INT(gost_fiber_count(), MANY);
    gost_fiber_cancel_all();
    NET_UNTIL(gost_fiber_count() == 0);
}

static __attribute__((noinline)) uint64_t burn(volatile uint8_t *above, size_t left)
{
    volatile uint8_t frame[1024];
    frame[0] = (uint8_t)(above[0] + 1);
    frame[1023] = (uint8_t)left;
    if (left <= sizeof(frame))
        return frame[0];
    if (left % 16 == 0)
        gost_fiber_yield();
    return burn(frame, left - sizeof(frame)) + frame[1023] % 2;
}

static void use_much_stack(void *arg)
{
    volatile uint8_t top = 0;
    burn(&top, 160 * 1024);
    (*(int *)arg)++;
}

NET_TEST(most_of_a_stack_can_be_used)
{
    int done = 0;
    for (int round = 0; round < 3; round++) /* pooled stacks are as good as new ones */
        for (int i = 0; i < 40; i++)
            gost_fiber_spawn("deep", use_much_stack, &done);
    NET_UNTIL(gost_fiber_count() == 0);
    CHECK_INT(done, 120);
}

/* --- what belongs to a fiber --------------------------------------------------------------------
 */

static void keep_a_story(void *arg)
{
    int code = GOST_EPROTO - (int)(intptr_t)arg;
    char want[32];
    snprintf(want, sizeof(want), "story %d", code);
    gost_fail(code, "%s", want);
    for (int i = 0; i < 5; i++) {
        gost_fiber_yield();
        CHECK_STR(gost_diag_text(code), want);
    }
    steps++;
}

NET_TEST(each_fiber_has_its_own_story)
{
    steps = 0;
    gost_fail(GOST_EAUTH, "of the loop");
    for (intptr_t i = 0; i < 10; i++)
        gost_fiber_spawn("teller", keep_a_story, (void *)i);
    NET_UNTIL(gost_fiber_count() == 0);
    CHECK_INT(steps, 10);
    CHECK_STR(gost_diag_text(GOST_EAUTH), "of the loop");
}

static void free_local(struct gost_fiber *f)
{
    CHECK(gost_fiber_self() == f);
    free(f->local);
    steps += 1000;
}

static void with_local(void *arg)
{
    (void)arg;
    gost_fiber_self()->local = malloc(10);
    gost_fiber_self()->local_free = free_local;
    gost_fiber_yield();
}

NET_TEST(what_a_fiber_holds_is_freed_as_it_ends)
{
    steps = 0;
    gost_fiber_spawn("holder", with_local, NULL);
    NET_UNTIL(gost_fiber_count() == 0);
    CHECK_INT(steps, 1000);
}

static uint64_t ids[3];

static void note_id(void *arg)
{
    ids[(intptr_t)arg] = gost_fiber_self()->id;
}

NET_TEST(ids_are_never_reused)
{
    for (intptr_t i = 0; i < 3; i++)
        gost_fiber_spawn("id", note_id, (void *)i);
    CHECK(ids[0] < ids[1] && ids[1] < ids[2]);
}

NET_TEST(fibers_work_again_after_a_cleanup)
{
    steps = 0;
    gost_fiber_spawn("before", spawn_three, NULL);
    NET_UNTIL(gost_fiber_count() == 0);
    gost_fiber_cleanup();
    steps = 0;
    gost_fiber_spawn("after", spawn_three, NULL);
    NET_UNTIL(gost_fiber_count() == 0);
    CHECK_INT(steps, 3);
}

RUN_TESTS()
