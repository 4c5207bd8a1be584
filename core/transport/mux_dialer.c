#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/runtime/fiber.h"
#include "core/transport/mux_kind.h"

#include <stdlib.h>

/* A dialer's own: its session, and those who wait for it. */
struct cache {
    const struct gost_dialer_kind *kind;
    const struct gost_mux_options *mux;
    gost__mux_connect_fn *connect;
    struct gost_mux *session; /* or NULL */
    struct gost_list waiters; /* struct waiter */
    bool dialing;             /* one fiber is at it */
    uint32_t dials;           /* that ended */
    struct gost_diag failure; /* of the last one; code 0 when it worked */
};

/* A fiber in gost__mux_dialer_open that waits for another's dial. */
struct waiter {
    struct gost_list link;
    struct gost_fiber *fiber;
};

static void on_end(struct gost_mux *m)
{
    struct cache *c = gost_mux_user(m);
    gost_log(gost_mux_count(m) > 0 ? GOST_LOG_WARN : GOST_LOG_DEBUG,
             "%s dialer: %zu streams lost: %s", c->kind->name, gost_mux_count(m),
             gost_diag_text(gost_mux_error(m)));
    if (c->session == m)
        c->session = NULL;
    gost_mux_release(m);
}

static const struct gost_mux_events events = {.on_end = on_end};

/* The session takes no more streams, but those that it has go on. */
static void let_go(struct cache *c)
{
    struct gost_mux *m = c->session;
    c->session = NULL;
    if (m)
        gost_mux_release(m);
}

static void wake_all(struct cache *c)
{
    gost_list_each(link, &c->waiters)
        gost_fiber_wake(gost_container_of(link, struct waiter, link)->fiber);
}

/* Make a new session, for all who wait. */
static int dial(struct gost_dialer *d, struct gost_carrier *carrier, uint64_t deadline)
{
    struct cache *c = d->state;
    struct gost_stream *io = NULL;
    c->dialing = true;
    int rc = c->connect(d, carrier, deadline, &io);
    if (rc == 0)
        rc = gost_mux_new(&io, c->mux, true, &events, c, &c->session);
    gost_stream_close(io);
    c->dialing = false;
    c->dials++;
    c->failure.code = 0;
    if (rc != 0)
        c->failure = *gost__diag_self;
    wake_all(c);
    return rc;
}

/* Its owner's own end says nothing about the node. */
static bool is_shared(int rc)
{
    return rc != 0 && rc != GOST_ECANCELED && rc != GOST_ETIMEDOUT;
}

/* Another fiber dials: wait for it. @return 0 to look again, or its failure or ours */
static int wait_for_dial(struct cache *c, uint64_t deadline)
{
    struct waiter w = {.fiber = gost_fiber_self()};
    uint32_t dials = c->dials;
    int rc = 0;
    gost_list_add(&c->waiters, &w.link);
    while (rc == 0 && c->dialing && c->dials == dials)
        rc = gost_fiber_wait(deadline);
    gost_list_remove(&w.link);
    if (rc != 0 || c->dials == dials || !is_shared(c->failure.code))
        return rc;
    *gost__diag_self = c->failure;
    return c->failure.code;
}

int gost__mux_dialer_open(struct gost_dialer *d, struct gost_carrier *carrier, uint64_t deadline,
                          struct gost_stream **out)
{
    struct cache *c = d->state;
    int rc = 0;
    for (;;) {
        if (c->session && gost_mux_open(c->session, out) == 0)
            return 0;
        let_go(c);
        if (!c->dialing)
            break;
        if ((rc = wait_for_dial(c, deadline)) != 0)
            return rc;
    }
    rc = dial(d, carrier, deadline);
    return rc != 0 ? rc : gost_mux_open(c->session, out);
}

int gost__mux_dialer_init(struct gost_dialer *d, const struct gost_mux_options *mux,
                          gost__mux_connect_fn *connect)
{
    int rc = gost_mux_options_check(mux);
    if (rc != 0)
        return rc;
    struct cache *c = d->state = calloc(1, sizeof(*c));
    if (!c)
        return gost_fail_code(GOST_ENOMEM);
    c->kind = d->kind;
    c->mux = mux;
    c->connect = connect;
    gost_list_create(&c->waiters);
    return 0;
}

void gost__mux_dialer_destroy(struct gost_dialer *d)
{
    if (d->state)
        let_go(d->state);
    free(d->state);
}
