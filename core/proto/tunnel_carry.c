/*
 * Clients that carry tunnels. Once its session is there a client needs no fiber: thousands of them
 * wait for visitors.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/proto/tunnel_int.h"
#include "core/runtime/workers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { TTL_MIN_MS = 1000 };

static void free_carrier(struct gost__tunnel_carrier *k)
{
    gost_timer_stop(&k->renew);
    gost_task_cancel(&k->end);
    free(k->address);
    free(k->story);
    free(k);
}

static struct gost_tunnel_connector who_of(const struct gost__tunnel_carrier *k)
{
    struct gost_tunnel_connector who = {
        .id = k->id, .owner = "", .address = k->address ? k->address : "", .ttl_ms = k->ttl_ms};
    memcpy(who.tunnel, k->tunnel, GOST_UUID_BYTES);
    return who;
}

static void tell(struct gost__tunnel_carrier *k, enum gost_sd_word word)
{
    struct gost_tunnel_connector who = who_of(k);
    gost__tunnel_tell(k->tunnels, k->conn, word, &who);
}

/* --- its end ----------------------------------------------------------------------------------- */

static void on_end(struct gost_task *task)
{
    struct gost__tunnel_carrier *k = gost_container_of(task, struct gost__tunnel_carrier, end);
    struct gost_conn *c = k->conn;
    bool left = k->rc == GOST_EOF || k->rc == -ECONNRESET || k->rc == -EPIPE;
    int rc = left ? 0 : k->rc;
    if (k->telling)
        return; /* that fiber needs the connection, and comes here when it is done */
    gost__tunnels_leave(k->tunnels, k);
    tell(k, GOST_SD_DEREGISTER);
    c->ops->rested(c, rc, k->story ? k->story : gost_strerror(rc));
    free_carrier(k);
}

static void on_mux_end(struct gost_mux *m)
{
    struct gost__tunnel_carrier *k = gost_mux_user(m);
    k->rc = gost_mux_error(m);
    k->story = strdup(gost_diag_text(k->rc));
    gost_mux_release(m);
    k->mux = NULL;
    gost__tunnels_lose(k);
    if (k->resting)
        gost_task_post(&k->end);
}

/* Without on_stream: only we open streams. */
static const struct gost_mux_events events = {.on_end = on_mux_end};

static void close_session(struct gost__tunnel_carrier *k)
{
    if (!k->mux)
        return;
    gost__tunnels_lose(k);
    gost_mux_close(k->mux);
    k->mux = NULL;
}

/* The service ends it. */
static void on_stop(void *arg, int rc)
{
    struct gost__tunnel_carrier *k = arg;
    if (k->mux)
        k->rc = rc;
    close_session(k);
    gost_task_post(&k->end);
}

/* --- telling other hosts ----------------------------------------------------------------------- */

static void start_renewal(struct gost__tunnel_carrier *k)
{
    if (k->address)
        gost_timer_start(&k->renew, gost_now() + (uint64_t)k->ttl_ms);
}

static void renew_main(void *arg)
{
    struct gost__tunnel_carrier *k = arg;
    gost_fiber_self()->conn = k->conn;
    tell(k, GOST_SD_RENEW);
    k->telling = false;
    if (k->mux)
        start_renewal(k);
    else
        gost_task_post(&k->end);
}

static void on_renew(struct gost_timer *t)
{
    struct gost__tunnel_carrier *k = gost_container_of(t, struct gost__tunnel_carrier, renew);
    if (!k->mux)
        return;
    k->telling = true;
    if (gost_fiber_spawn("renew", renew_main, k))
        return;
    k->telling = false;
    start_renewal(k);
}

/* --- its beginning ----------------------------------------------------------------------------- */

static struct gost__tunnel_carrier *carrier_new(struct gost_tunnels *t, struct gost_conn *c,
                                                const struct gost_tunnel_connector *who)
{
    struct gost__tunnel_carrier *k = calloc(1, sizeof(*k));
    if (!k)
        return NULL;
    k->tunnels = t;
    k->conn = c;
    k->id = who->id;
    memcpy(k->tunnel, who->tunnel, GOST_UUID_BYTES);
    k->worker = gost_worker_self();
    k->ttl_ms = who->ttl_ms > TTL_MIN_MS ? who->ttl_ms : TTL_MIN_MS;
    k->address = who->address[0] ? strdup(who->address) : NULL;
    gost_timer_create(&k->renew, on_renew);
    gost_task_create(&k->end, on_end);
    return k;
}

int gost_tunnels_carry(struct gost_tunnels *t, struct gost_conn *c,
                       const struct gost_tunnel_connector *who, const struct gost_mux_options *mux,
                       int (*answer)(struct gost_conn *c, void *arg), void *arg)
{
    struct gost__tunnel_carrier *k = carrier_new(t, c, who);
    if (!k)
        return gost_fail_code(GOST_ENOMEM);
    /* Visitors of other workers may come as soon as the client has its answer: they find it entered,
     * and their errands get here when this fiber rests. */
    int rc = gost__tunnels_enter(t, who, k);
    if (rc != 0) {
        free_carrier(k);
        return rc;
    }
    rc = answer(c, arg);
    if (rc == 0)
        rc = gost_mux_new(&c->client, mux, true, &events, k, &k->mux);
    if (rc != 0) {
        gost__tunnels_leave(t, k);
        free_carrier(k);
        return rc;
    }
    tell(k, GOST_SD_REGISTER);
    k->resting = true;
    c->ops->rest(c, on_stop, k);
    if (gost_fiber_is_canceled())
        on_stop(k, GOST_ECANCELED);
    else if (!k->mux)
        gost_task_post(&k->end); /* it was lost meanwhile */
    else
        start_renewal(k);
    return 0;
}
