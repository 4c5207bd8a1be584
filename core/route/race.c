#include "core/route/race.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/runtime/fiber.h"

#include <stdio.h>
#include <stdlib.h>

enum { LENIENCE_MS = 200 };

struct race;

struct runner {
    struct race *race;
    struct gost_fiber *fiber; /* with a reference; NULL when it could not be started */
    struct gost_stream *io;
};

struct race {
    struct gost_fiber *waiter;
    gost_attempt_fn *attempt;
    void *arg;
    uint64_t deadline;
    size_t running;
    struct runner *winner;
    int rc; /* of the last failure, and its story */
    char why[512];
    struct runner runner[GOST_RACE_MAX];
};

static void note_failure(struct race *r, int rc)
{
    if (r->winner || (rc == GOST_ECANCELED && r->rc != 0))
        return;
    r->rc = rc;
    snprintf(r->why, sizeof(r->why), "%s", gost_diag_text(rc));
}

static void run(void *arg)
{
    struct runner *me = arg;
    struct race *r = me->race;
    int rc = r->attempt(r->arg, (size_t)(me - r->runner), r->deadline, &me->io);
    if (rc != 0) {
        note_failure(r, rc);
    } else if (!r->winner) {
        r->winner = me;
    } else {
        gost_stream_close(me->io);
        me->io = NULL;
    }
    r->running--;
    gost_fiber_wake(r->waiter);
}

static void start(struct race *r, size_t count)
{
    for (size_t i = 0; i < count && !r->winner; i++) {
        struct runner *one = &r->runner[i];
        one->race = r;
        r->running++;
        one->fiber = gost_fiber_spawn("rival", run, one);
        if (one->fiber) {
            gost_fiber_ref(one->fiber);
        } else {
            r->running--;
            note_failure(r, GOST_ENOMEM);
        }
    }
}

/* The losers end before what they work with is gone, also when we were cancelled ourselves. */
static void finish(struct race *r)
{
    for (size_t i = 0; i < GOST_RACE_MAX; i++)
        if (r->runner[i].fiber && &r->runner[i] != r->winner)
            gost_fiber_cancel(r->runner[i].fiber);
    while (r->running > 0)
        gost_fiber_pause();
    for (size_t i = 0; i < GOST_RACE_MAX; i++)
        if (r->runner[i].fiber)
            gost_fiber_unref(r->runner[i].fiber);
}

int gost__race(size_t count, gost_attempt_fn *attempt, void *arg, uint64_t deadline,
               struct gost_stream **out, size_t *winner)
{
    struct race *r = calloc(1, sizeof(*r));
    int rc = 0;
    if (!r)
        return gost_fail_code(GOST_ENOMEM);
    r->waiter = gost_fiber_self();
    r->attempt = attempt;
    r->arg = arg;
    r->deadline = deadline;
    start(r, count < GOST_RACE_MAX ? count : GOST_RACE_MAX);
    while (rc == 0 && !r->winner && r->running > 0) /* each ends at its deadline, with its story */
        rc = gost_fiber_wait(deadline == GOST_NEVER ? GOST_NEVER : deadline + LENIENCE_MS);
    if (rc != 0 && !r->winner)
        note_failure(r, rc);
    finish(r);
    if (r->winner) {
        *out = r->winner->io;
        *winner = (size_t)(r->winner - r->runner);
        rc = 0;
    } else {
        rc = gost_fail(r->rc, "%s", r->why);
    }
    free(r);
    return rc;
}
