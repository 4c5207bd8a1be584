#include "core/net/far.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/base/list.h"
#include "core/net/pump.h"
#include "core/net/socket.h"
#include "core/runtime/workers.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STORY_MAX = 200 };

/* Its first message goes to and fro; who holds it may touch what is not said to be one side's. */
struct gost_far {
    struct gost_message message;
    struct gost_message stop; /* the owner's word, while the first one is over there */
    _Atomic uint32_t refs;    /* of the owner, of each message that is under way or held there */
    int here, there;
    struct gost_far_ask *ask; /* until it was asked */
    int rc;                   /* of the asking */
    char story[STORY_MAX];
    bool bridged;
    int fd;                     /* of a bridge's near end, or -1 */
    struct gost_stream *client; /* on its way there, detached */
    uint64_t idle_ms;
    _Atomic bool moving; /* the pump may be looked at */

    /* the owner's */
    struct gost_fiber *waiter; /* while it waits for the answer */
    bool answered, abandoned, pumping, stopping;
    int stop_rc;
    void (*on_done)(struct gost_far *f, void *user);
    void *user;

    /* the other worker's */
    struct gost_list link; /* in `guests`, while there is a way */
    struct gost_stream *way;
    bool running;
    struct gost_pump pump;
};

/* A pump between a way and the socketpair that leads to its user. */
struct bridge {
    struct gost_list link;
    struct gost_pump pump;
};

static _Thread_local struct gost_list guests, bridges;
static _Thread_local size_t count;

static void enter(struct gost_list *list, struct gost_list *link)
{
    if (!list->next)
        gost_list_create(list);
    gost_list_add(list, link);
    count++;
}

static void leave(struct gost_list *link)
{
    gost_list_remove(link);
    count--;
}

size_t gost_far_count(void)
{
    return count;
}

static void unref(struct gost_far *f)
{
    if (atomic_fetch_sub(&f->refs, 1) != 1)
        return;
    if (f->ask)
        f->ask->drop(f->ask);
    if (f->fd >= 0)
        close(f->fd);
    free(f);
}

/* Send it on its way. @return false: nobody is there; it is as before */
static bool post(struct gost_far *f, int to, void (*fn)(struct gost_message *m))
{
    f->message.fn = fn;
    return gost_worker_post(to, &f->message);
}

static struct gost_far *far_of(struct gost_message *m)
{
    return gost_container_of(m, struct gost_far, message);
}

/* --- over there: opening ---------------------------------------------------------------------- */

static void close_way(struct gost_far *f)
{
    if (!f->way)
        return;
    leave(&f->link);
    gost_stream_close(f->way);
    f->way = NULL;
}

static void on_bridge_done(struct gost_pump *p)
{
    struct bridge *b = gost_container_of(p, struct bridge, pump);
    leave(&b->link);
    free(b);
}

/* Join the way with one end of a socketpair. @return the other end, or a negative code */
static int bridge(struct gost_stream **way)
{
    int pair[2];
    struct gost_stream *near = NULL;
    struct bridge *b = calloc(1, sizeof(*b));
    if (!b)
        return gost_fail_code(GOST_ENOMEM);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0) {
        free(b);
        return gost_fail_code(-errno);
    }
    int rc = gost_socket_wrap(pair[0], &near);
    if (rc != 0) {
        close(pair[1]);
        free(b);
        return rc;
    }
    enter(&bridges, &b->link);
    gost_pump_start(&b->pump, &near, way, NULL, NULL, on_bridge_done);
    return pair[1];
}

static void answer_ask(struct gost_far *f)
{
    if (gost_worker_self() < 0)
        f->rc = gost_fail(GOST_ENONODE, "the worker is ending");
    else
        f->rc = f->ask->open(f->ask, &f->way);
    if (f->rc == 0 && f->bridged) {
        f->fd = bridge(&f->way);
        f->rc = f->fd < 0 ? f->fd : 0;
        gost_stream_close(f->way); /* NULL when it is bridged */
        f->way = NULL;
    } else if (f->rc == 0) {
        enter(&guests, &f->link);
    }
    if (f->rc != 0)
        snprintf(f->story, sizeof(f->story), "%s", gost_diag_text(f->rc));
    f->ask->drop(f->ask);
    f->ask = NULL;
}

static void on_answer(struct gost_message *m);

static void on_ask(struct gost_message *m)
{
    struct gost_far *f = far_of(m);
    answer_ask(f);
    if (!post(f, f->here, on_answer)) {
        close_way(f);
        unref(f);
    }
}

static void on_drop(struct gost_message *m)
{
    struct gost_far *f = far_of(m);
    close_way(f);
    unref(f);
}

/* --- over there: pumping ---------------------------------------------------------------------- */

static void on_over(struct gost_message *m);

static void tell_end(struct gost_far *f)
{
    if (!post(f, f->here, on_over))
        unref(f); /* the owner's worker is gone, and it with that */
}

static void on_pump_done(struct gost_pump *p)
{
    struct gost_far *f = gost_container_of(p, struct gost_far, pump);
    f->running = false;
    leave(&f->link);
    tell_end(f);
}

static void on_go(struct gost_message *m)
{
    struct gost_far *f = far_of(m);
    int rc = f->way && gost_worker_self() >= 0 ? gost_stream_attach(f->client) : GOST_ECANCELED;
    if (rc != 0) {
        close_way(f);
        gost_stream_close(f->client);
        f->client = NULL;
        f->pump.rc = rc;
        f->pump.broken = -1;
        tell_end(f);
        return;
    }
    f->running = true;
    gost_pump_start(&f->pump, &f->client, &f->way, NULL, NULL, on_pump_done);
    if (f->idle_ms)
        gost_pump_set_idle(&f->pump, f->idle_ms);
    atomic_store_explicit(&f->moving, true, memory_order_release);
}

static void on_stop(struct gost_message *m)
{
    struct gost_far *f = gost_container_of(m, struct gost_far, stop);
    if (f->running)
        gost_pump_stop(&f->pump, f->stop_rc);
    unref(f);
}

void gost_far_stop_all(void)
{
    if (guests.next) {
        gost_list_each_safe(link, &guests)
        {
            struct gost_far *f = gost_container_of(link, struct gost_far, link);
            if (f->running)
                gost_pump_stop(&f->pump, GOST_ECANCELED);
            else
                close_way(f); /* the word to go finds none */
        }
    }
    if (bridges.next)
        gost_list_each_safe(link, &bridges)
            gost_pump_stop(&gost_container_of(link, struct bridge, link)->pump, GOST_ECANCELED);
}

/* --- here -------------------------------------------------------------------------------------- */

/* The way is not wanted: have it closed, unless it is here. Takes a reference along. */
static void give_up(struct gost_far *f)
{
    if (f->rc == 0 && !f->bridged && post(f, f->there, on_drop))
        return;
    unref(f); /* a worker that is gone closed it as it ended */
}

static void on_answer(struct gost_message *m)
{
    struct gost_far *f = far_of(m);
    f->answered = true;
    if (f->abandoned) {
        give_up(f);
        return;
    }
    gost_fiber_wake(f->waiter);
    unref(f);
}

static void on_over(struct gost_message *m)
{
    struct gost_far *f = far_of(m);
    f->pumping = false;
    f->on_done(f, f->user);
    unref(f);
}

static int begin(int there, struct gost_far_ask *ask, bool bridged, struct gost_far **out)
{
    struct gost_far *f = calloc(1, sizeof(*f));
    if (!f) {
        ask->drop(ask);
        return gost_fail_code(GOST_ENOMEM);
    }
    f->refs = 2;
    f->here = gost_worker_self();
    f->there = there;
    f->ask = ask;
    f->fd = -1;
    f->bridged = bridged;
    f->waiter = gost_fiber_self();
    if (!post(f, there, on_ask)) {
        f->refs = 1;
        unref(f);
        return gost_fail(GOST_ENONODE, "worker %d has ended", there);
    }
    *out = f;
    return 0;
}

/* Wait for the answer. On failure the far is let go of. */
static int wait_answer(struct gost_far *f, uint64_t deadline)
{
    int rc = 0;
    while (!f->answered && rc == 0)
        rc = gost_fiber_wait(deadline);
    if (f->answered && rc != 0) {
        give_up(f);
        return rc;
    }
    if (!f->answered) {
        f->abandoned = true;
        unref(f);
        return rc;
    }
    if (f->rc != 0) {
        rc = gost_fail(f->rc, "%s", f->story);
        unref(f);
    }
    return rc;
}

int gost_far_open(int there, struct gost_far_ask *ask, uint64_t deadline, struct gost_far **out)
{
    struct gost_far *f = NULL;
    int rc = begin(there, ask, false, &f);
    if (rc == 0)
        rc = wait_answer(f, deadline);
    *out = rc == 0 ? f : NULL;
    return rc;
}

int gost_far_bridge(int there, struct gost_far_ask *ask, uint64_t deadline, struct gost_stream **out)
{
    struct gost_far *f = NULL;
    *out = NULL;
    int rc = begin(there, ask, true, &f);
    if (rc == 0)
        rc = wait_answer(f, deadline);
    if (rc != 0)
        return rc;
    rc = gost_socket_wrap(f->fd, out);
    f->fd = -1;
    unref(f);
    return rc;
}

int gost_far_pump(struct gost_far *f, struct gost_stream **client, uint64_t idle_ms,
                  void (*on_done)(struct gost_far *f, void *user), void *user)
{
    gost_stream_detach(*client);
    f->client = *client;
    f->idle_ms = idle_ms;
    f->on_done = on_done;
    f->user = user;
    f->pumping = true;
    atomic_fetch_add(&f->refs, 1);
    *client = NULL;
    if (post(f, f->there, on_go))
        return 0;
    *client = f->client;
    f->client = NULL;
    f->pumping = false;
    f->rc = GOST_ENONODE; /* there is no way any more */
    unref(f);
    return gost_fail(GOST_ENONODE, "worker %d has ended", f->there);
}

void gost_far_stop(struct gost_far *f, int rc)
{
    if (!f->pumping || f->stopping)
        return;
    f->stopping = true;
    f->stop_rc = rc;
    f->stop.fn = on_stop;
    atomic_fetch_add(&f->refs, 1);
    if (!gost_worker_post(f->there, &f->stop))
        unref(f); /* it ended, and its last message is on the way */
}

void gost_far_bytes(const struct gost_far *f, uint64_t *in, uint64_t *out)
{
    *in = *out = 0;
    if (!atomic_load_explicit(&f->moving, memory_order_acquire))
        return;
    *in = gost_flow_bytes(&f->pump.flow[0]);
    *out = gost_flow_bytes(&f->pump.flow[1]);
}

int gost_far_result(const struct gost_far *f, int *broken)
{
    *broken = f->pump.broken;
    return f->pump.rc;
}

void gost_far_delete(struct gost_far *f)
{
    if (!f)
        return;
    if (f->on_done && !f->pumping)
        unref(f); /* it is over, and the way is closed */
    else
        give_up(f);
}
