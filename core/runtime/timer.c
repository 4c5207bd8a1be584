#include "core/runtime/timer.h"

enum { SLOT_MASK = GOST_WHEEL_SLOTS - 1 };

void gost_wheel_create(struct gost_wheel *w, uint64_t now)
{
    w->now = now;
    for (int level = 0; level < GOST_WHEEL_LEVELS; level++) {
        w->used[level] = 0;
        for (int i = 0; i < GOST_WHEEL_SLOTS; i++)
            gost_list_create(&w->slot[level][i]);
    }
}

void gost_timer_create(struct gost_timer *t, void (*fn)(struct gost_timer *self))
{
    gost_list_create(&t->link);
    t->at = GOST_NEVER;
    t->fn = fn;
}

void gost_timer_stop(struct gost_timer *t)
{
    gost_list_remove(&t->link); /* the slot's bit may stay set: it only costs an empty visit */
}

static void wheel_put(struct gost_wheel *w, struct gost_timer *t)
{
    uint64_t at = t->at > w->now ? t->at : w->now + 1;
    /* The highest bit in which `at` differs from now names the level. */
    int level = (63 - __builtin_clzll(at ^ w->now)) / GOST_WHEEL_BITS;
    if (level >= GOST_WHEEL_LEVELS) { /* beyond the horizon: wait there and be sorted again */
        level = GOST_WHEEL_LEVELS - 1;
        uint64_t horizon = w->now + ((uint64_t)SLOT_MASK << (level * GOST_WHEEL_BITS));
        at = at < horizon ? at : horizon; /* it may be near, across the last level's turn */
    }
    int slot = (int)(at >> (level * GOST_WHEEL_BITS)) & SLOT_MASK;
    gost_list_add(&w->slot[level][slot], &t->link);
    w->used[level] |= 1ULL << slot;
}

void gost_wheel_start(struct gost_wheel *w, struct gost_timer *t, uint64_t at)
{
    gost_list_remove(&t->link);
    t->at = at;
    if (at != GOST_NEVER)
        wheel_put(w, t);
}

/* Sort the timers of a higher level's slot, whose time has come near, into the lower levels. */
static void wheel_cascade(struct gost_wheel *w, int level, struct gost_list *due)
{
    int slot = (int)(w->now >> (level * GOST_WHEEL_BITS)) & SLOT_MASK;
    struct gost_list moved, *link;
    gost_list_create(&moved);
    w->used[level] &= ~(1ULL << slot);
    gost_list_splice(&moved, &w->slot[level][slot]);
    while ((link = gost_list_shift(&moved))) {
        struct gost_timer *t = gost_container_of(link, struct gost_timer, link);
        if (t->at <= w->now)
            gost_list_add(due, link);
        else
            wheel_put(w, t);
    }
}

uint64_t gost_wheel_next(const struct gost_wheel *w)
{
    for (int level = 0; level < GOST_WHEEL_LEVELS; level++) {
        if (!w->used[level])
            continue;
        int shift = level * GOST_WHEEL_BITS;
        uint64_t turn = w->now >> shift;
        int at = (int)turn & SLOT_MASK;
        uint64_t later = at == SLOT_MASK ? 0 : w->used[level] & (~0ULL << (at + 1));
        uint64_t base = turn - (uint64_t)at;
        if (!later) {
            /* Timers lie behind the current slot, so the bits in front of it belong to slots that
             * were emptied by a stop. Only the last level is used as a ring. */
            if (level < GOST_WHEEL_LEVELS - 1)
                continue;
            later = w->used[level];
            base += GOST_WHEEL_SLOTS;
        }
        return (base + (uint64_t)__builtin_ctzll(later)) << shift;
    }
    return GOST_NEVER;
}

static void wheel_fire(struct gost_list *due)
{
    struct gost_list *link;
    while ((link = gost_list_shift(due))) {
        struct gost_timer *t = gost_container_of(link, struct gost_timer, link);
        t->fn(t);
    }
}

void gost_wheel_advance(struct gost_wheel *w, uint64_t now)
{
    while (w->now < now) {
        uint64_t next = gost_wheel_next(w);
        if (next > now) {
            w->now = now;
            return;
        }
        struct gost_list due;
        gost_list_create(&due);
        w->now = next;
        for (int level = GOST_WHEEL_LEVELS - 1; level >= 0; level--) {
            int shift = level * GOST_WHEEL_BITS;
            if ((next & ((1ULL << shift) - 1)) == 0)
                wheel_cascade(w, level, &due);
        }
        wheel_fire(&due);
    }
}
