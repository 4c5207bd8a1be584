/* The timer wheel against a naive model. */
#include "core/runtime/timer.h"

#include "spec/c/net_support.h"

enum { TIMERS = 200 };

struct probe {
    struct gost_timer timer;
    uint64_t at;       /* by the model; GOST_NEVER: stopped */
    uint64_t fired_at; /* of the last time */
    int fired;
};

static struct gost_wheel wheel;
static struct probe probes[TIMERS];
static uint64_t model_now;
static int early, order_errors;
static uint64_t last_due;

static void on_probe(struct gost_timer *t)
{
    struct probe *p = gost_container_of(t, struct probe, timer);
    if (p->at > model_now)
        early++;
    if (wheel.now < last_due)
        order_errors++;
    last_due = wheel.now;
    p->fired++;
    p->fired_at = wheel.now;
    p->at = GOST_NEVER;
}

static void set_up(uint64_t now)
{
    gost_wheel_create(&wheel, now);
    model_now = now;
    early = order_errors = 0;
    last_due = 0;
    for (int i = 0; i < TIMERS; i++) {
        gost_timer_create(&probes[i].timer, on_probe);
        probes[i].at = GOST_NEVER;
        probes[i].fired = 0;
    }
}

/* After an advance nothing due is left, nothing was early, and the wheel knows the next one. */
static void check_against_model(void)
{
    uint64_t next = GOST_NEVER;
    for (int i = 0; i < TIMERS; i++) {
        CHECK(probes[i].at == GOST_NEVER || probes[i].at > model_now);
        CHECK(gost_timer_active(&probes[i].timer) == (probes[i].at != GOST_NEVER));
        if (probes[i].at < next)
            next = probes[i].at;
    }
    CHECK(gost_wheel_next(&wheel) <= next);
    CHECK(next == GOST_NEVER || gost_wheel_next(&wheel) > wheel.now);
}

static void start(struct probe *p, uint64_t at)
{
    p->at = at;
    gost_wheel_start(&wheel, &p->timer, at);
    if (at != GOST_NEVER && at <= model_now)
        p->at = model_now + 1; /* what is past fires with the next tick */
}

static void advance(uint64_t by)
{
    model_now += by;
    gost_wheel_advance(&wheel, model_now);
}

static void random_run(uint64_t seed, uint64_t now)
{
    uint64_t state = seed;
    set_up(now);
    for (int round = 0; round < 2000 && test_failed_checks == 0; round++) {
        for (int i = 0; i < 5; i++) {
            struct probe *p = &probes[net_random(&state) % TIMERS];
            unsigned kind = net_random(&state) % 8;
            uint64_t far = net_random(&state) >> (net_random(&state) % 60 + 4);
            if (kind == 0) {
                gost_timer_stop(&p->timer);
                p->at = GOST_NEVER;
            } else if (kind == 1) {
                start(p, GOST_NEVER);
            } else if (kind == 2) {
                start(p, model_now - (far < model_now ? far : 0));
            } else {
                start(p, model_now + far);
            }
        }
        advance(net_random(&state) >> (24 + net_random(&state) % 40));
        check_against_model();
    }
    CHECK_INT(early, 0);
    CHECK_INT(order_errors, 0);
}

TEST(wheel_agrees_with_a_naive_model)
{
    for (uint64_t seed = 1; seed <= 10; seed++)
        random_run(seed, seed * 12345678);
}

TEST(wheel_agrees_where_its_levels_turn_over)
{
    random_run(77, (1ULL << 36) - 3);
    random_run(78, (1ULL << 30) - 1);
    random_run(79, (5ULL << 36) - 70000);
    random_run(80, 0);
}

TEST(timer_across_the_horizon_is_not_late)
{
    set_up((1ULL << 36) - 1);
    start(&probes[0], (1ULL << 36) + 5);
    start(&probes[1], (1ULL << 36) + (1ULL << 35));
    advance(5);
    CHECK_INT(probes[0].fired, 0);
    advance(1);
    CHECK_INT(probes[0].fired, 1);
    advance(1ULL << 36);
    CHECK_INT(probes[1].fired, 1);
}

TEST(timer_years_ahead_fires_then)
{
    set_up(1000);
    start(&probes[0], 1000 + (1ULL << 41));
    for (int i = 0; i < 31; i++) {
        advance(1ULL << 36);
        CHECK_INT(probes[0].fired, 0);
    }
    advance(1ULL << 36);
    CHECK_INT(probes[0].fired, 1);
}

TEST(wheel_fires_each_at_its_own_tick)
{
    set_up(100);
    for (int i = 0; i < TIMERS; i++)
        start(&probes[i], 100 + 1 + (uint64_t)i * 37);
    advance(TIMERS * 37);
    for (int i = 0; i < TIMERS; i++) {
        CHECK_INT(probes[i].fired, 1);
        CHECK_INT(probes[i].fired_at, 100 + 1 + i * 37);
    }
}

static struct gost_timer victim, murderer, again;
static int victim_fired, again_fired;

static void on_victim(struct gost_timer *t)
{
    (void)t;
    victim_fired++;
}

static void on_murderer(struct gost_timer *t)
{
    (void)t;
    gost_timer_stop(&victim);
}

static void on_again(struct gost_timer *t)
{
    if (++again_fired < 5)
        gost_wheel_start(&wheel, t, 0); /* in the past */
}

TEST(callback_may_stop_another_that_is_due_in_the_same_tick)
{
    gost_wheel_create(&wheel, 0);
    gost_timer_create(&murderer, on_murderer);
    gost_timer_create(&victim, on_victim);
    gost_wheel_start(&wheel, &murderer, 10);
    gost_wheel_start(&wheel, &victim, 10);
    gost_wheel_advance(&wheel, 20);
    CHECK_INT(victim_fired, 0);
    gost_timer_stop(&victim); /* twice is fine */
}

TEST(callback_that_restarts_in_the_past_does_not_hang_the_wheel)
{
    gost_wheel_create(&wheel, 0);
    gost_timer_create(&again, on_again);
    gost_wheel_start(&wheel, &again, 1);
    gost_wheel_advance(&wheel, 3);
    CHECK_INT(again_fired, 3); /* once a tick */
    gost_wheel_advance(&wheel, 100);
    CHECK_INT(again_fired, 5);
}

TEST(wheel_without_timers_has_nothing_to_do)
{
    set_up(5);
    CHECK(gost_wheel_next(&wheel) == GOST_NEVER);
    start(&probes[0], 1ULL << 33);
    gost_timer_stop(&probes[0].timer);
    probes[0].at = GOST_NEVER;
    advance(1ULL << 34);
    CHECK(gost_wheel_next(&wheel) == GOST_NEVER);
    CHECK_INT(probes[0].fired, 0);
}

RUN_TESTS()
