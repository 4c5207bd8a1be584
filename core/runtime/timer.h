/**
 * A hierarchical timer wheel: start and stop cost the same few stores however many timers there are.
 *
 * Ticks are milliseconds. A timer never fires early; it fires in the first turn of the loop after its
 * deadline. The struct lives inside its user's own struct and is never allocated here.
 */
#ifndef GOST_RUNTIME_TIMER_H
#define GOST_RUNTIME_TIMER_H

#include "core/base/list.h"

#include <stdbool.h>
#include <stdint.h>

/** A deadline that never comes. */
#define GOST_NEVER UINT64_MAX

enum { GOST_WHEEL_BITS = 6, GOST_WHEEL_SLOTS = 1 << GOST_WHEEL_BITS, GOST_WHEEL_LEVELS = 6 };

struct gost_timer {
    struct gost_list link;               /**< in a slot; unlinked (self-linked) while stopped */
    uint64_t at;                         /**< absolute, in milliseconds of the loop's clock */
    void (*fn)(struct gost_timer *self); /**< called once, stopped already; may restart or free it */
};

struct gost_wheel {
    uint64_t now;                     /**< all timers due up to this tick have fired */
    uint64_t used[GOST_WHEEL_LEVELS]; /**< a bit per slot that may hold timers */
    struct gost_list slot[GOST_WHEEL_LEVELS][GOST_WHEEL_SLOTS];
};

void gost_wheel_create(struct gost_wheel *w, uint64_t now);

/** Fire everything due at `now`. Callbacks may start and stop any timer. */
void gost_wheel_advance(struct gost_wheel *w, uint64_t now);

/** @return the earliest tick at which gost_wheel_advance could have work, or GOST_NEVER */
uint64_t gost_wheel_next(const struct gost_wheel *w);

/** Prepare a stopped timer. */
void gost_timer_create(struct gost_timer *t, void (*fn)(struct gost_timer *self));

/** Start, or move, a timer on a wheel. GOST_NEVER stops it. */
void gost_wheel_start(struct gost_wheel *w, struct gost_timer *t, uint64_t at);

/** Stop a timer; a stopped one may be stopped again. */
void gost_timer_stop(struct gost_timer *t);

static inline bool gost_timer_active(const struct gost_timer *t)
{
    return !gost_list_empty(&t->link);
}

#endif
