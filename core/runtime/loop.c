#include "core/runtime/loop.h"

#include "core/base/error.h"
#include "core/base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS_MAX = 256, CLOSE_TURNS = 50, CLOSE_TURN_MS = 10 };

static _Thread_local struct gost_loop *loop_self;

struct gost_loop *gost_loop_self(void)
{
    return loop_self;
}

void gost_loop_enter(struct gost_loop *l)
{
    loop_self = l;
}

static uint64_t clock_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

uint64_t gost_now(void)
{
    return loop_self ? loop_self->now : clock_ms();
}

uint64_t gost_deadline_in(int64_t ms)
{
    return ms <= 0 ? GOST_NEVER : gost_now() + (uint64_t)ms;
}

static void uv_watch_ready(struct gost_watch *w, uint8_t fresh)
{
    (void)fresh;
    gost_container_of(w, struct gost_loop, uv_watch)->uv_touched = true;
}

int gost_loop_create(struct gost_loop *l)
{
    memset(l, 0, sizeof(*l));
    l->epoll_fd = -1;
    int rc = uv_loop_init(&l->uv);
    if (rc != 0)
        return rc;
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    l->events = calloc(EVENTS_MAX, sizeof(struct epoll_event));
    if (l->epoll_fd < 0 || !l->events) {
        rc = l->epoll_fd < 0 ? -errno : GOST_ENOMEM;
        gost_loop_destroy(l);
        return rc;
    }
    l->now = clock_ms();
    gost_wheel_create(&l->wheel, l->now);
    gost_list_create(&l->tasks);
    struct gost_loop *outer = loop_self;
    loop_self = l;
    /* level-triggered: uv drains its own epoll only as far as it likes */
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &l->uv_watch};
    l->uv_watch = (struct gost_watch){.fd = uv_backend_fd(&l->uv), .fn = uv_watch_ready};
    rc = epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->uv_watch.fd, &ev) < 0 ? -errno : 0;
    loop_self = outer;
    l->uv_touched = true;
    return rc;
}

/* What the thread pool still works on ends here, too, if it does not take long: what it holds would be lost. */
static void close_uv(uv_loop_t *uv)
{
    for (int i = 0; i < CLOSE_TURNS && uv_loop_close(uv) == UV_EBUSY; i++) {
        struct pollfd done = {.fd = uv_backend_fd(uv), .events = POLLIN};
        uv_run(uv, UV_RUN_NOWAIT);
        if (uv->active_reqs.count > 0)
            poll(&done, 1, CLOSE_TURN_MS);
    }
}

void gost_loop_destroy(struct gost_loop *l)
{
    for (int i = 0; i < l->scratch_free; i++)
        free(l->scratch[i]);
    l->scratch_free = 0;
    free(l->events);
    l->events = NULL;
    if (l->epoll_fd >= 0)
        close(l->epoll_fd);
    l->epoll_fd = -1;
    close_uv(&l->uv);
    if (loop_self == l)
        loop_self = NULL;
}

uv_loop_t *gost_loop_uv(struct gost_loop *l)
{
    l->uv_touched = true;
    return &l->uv;
}

static void loop_dispatch(struct gost_loop *l)
{
    struct epoll_event *events = l->events;
    while (l->events_next < l->events_count) {
        struct epoll_event *ev = &events[l->events_next++];
        struct gost_watch *w = ev->data.ptr;
        if (!w) /* stopped by an earlier event of this batch */
            continue;
        uint8_t fresh = 0;
        if (ev->events & EPOLLIN)
            fresh |= GOST_READABLE;
        if (ev->events & EPOLLOUT)
            fresh |= GOST_WRITABLE;
        if (ev->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
            fresh |= GOST_READABLE | GOST_HANGUP;
        if (ev->events & (EPOLLHUP | EPOLLERR)) /* a Unix peer that closed hangs up */
            fresh |= GOST_WRITABLE | GOST_FAILED;
        w->ready |= fresh;
        w->fn(w, fresh);
    }
    l->events_next = l->events_count = 0;
}

static void loop_run_tasks(struct gost_loop *l)
{
    struct gost_list due, *link;
    gost_list_create(&due);
    gost_list_splice(&due, &l->tasks); /* tasks posted meanwhile wait for the next turn */
    while ((link = gost_list_shift(&due))) {
        struct gost_task *t = gost_container_of(link, struct gost_task, link);
        t->fn(t);
    }
}

static int loop_timeout(struct gost_loop *l, int limit)
{
    if (!gost_list_empty(&l->tasks) || l->uv_touched)
        return 0;
    uint64_t next = gost_wheel_next(&l->wheel);
    int64_t ms = next == GOST_NEVER ? INT32_MAX : next <= l->now ? 0 : (int64_t)(next - l->now);
    int uv_ms = uv_loop_alive(&l->uv) ? uv_backend_timeout(&l->uv) : -1; /* an idle one answers 0 */
    if (uv_ms >= 0 && uv_ms < ms)
        ms = uv_ms;
    if (limit >= 0 && limit < ms)
        ms = limit;
    return ms >= INT32_MAX ? -1 : (int)ms;
}

static bool uv_due(struct gost_loop *l)
{
    if (!uv_loop_alive(&l->uv))
        return false;
    uv_update_time(&l->uv); /* else its timers never seem to come nearer */
    return uv_backend_timeout(&l->uv) == 0;
}

static void loop_run_uv(struct gost_loop *l)
{
    /* A handle started by a callback needs one more round to reach the kernel. */
    for (int i = 0; i < 2 && (l->uv_touched || uv_due(l)); i++) {
        l->uv_touched = false;
        uv_run(&l->uv, UV_RUN_NOWAIT);
    }
}

void gost_loop_step(struct gost_loop *l, int timeout_ms)
{
    gost_log_flush();
    int n = epoll_wait(l->epoll_fd, l->events, EVENTS_MAX, loop_timeout(l, timeout_ms));
    l->now = clock_ms();
    l->events_next = 0;
    l->events_count = n > 0 ? n : 0;
    loop_dispatch(l);
    gost_wheel_advance(&l->wheel, l->now);
    loop_run_tasks(l);
    loop_run_uv(l);
}

void gost_loop_run(struct gost_loop *l)
{
    l->stopped = false;
    while (!l->stopped)
        gost_loop_step(l, -1);
    gost_log_flush();
}

void gost_loop_stop(struct gost_loop *l)
{
    l->stopped = true;
}

static uint32_t epoll_events(uint8_t events)
{
    return EPOLLRDHUP | EPOLLET | (events & GOST_READABLE ? EPOLLIN : 0) |
           (events & GOST_WRITABLE ? EPOLLOUT : 0);
}

int gost_watch_start(struct gost_watch *w, int fd,
                     void (*fn)(struct gost_watch *self, uint8_t fresh))
{
    return gost_watch_start_for(w, fd, GOST_READABLE | GOST_WRITABLE, fn);
}

int gost_watch_change(struct gost_watch *w, uint8_t events)
{
    struct epoll_event ev = {.events = epoll_events(events), .data.ptr = w};
    return epoll_ctl(loop_self->epoll_fd, EPOLL_CTL_MOD, w->fd, &ev) < 0 ? -errno : 0;
}

int gost_watch_start_for(struct gost_watch *w, int fd, uint8_t events,
                         void (*fn)(struct gost_watch *self, uint8_t fresh))
{
    struct gost_loop *l = loop_self;
    *w = (struct gost_watch){.fd = fd, .fn = fn};
    struct epoll_event ev = {.events = epoll_events(events), .data.ptr = w};
    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0) {
        w->fd = -1;
        return -errno;
    }
    l->watches++;
    return 0;
}

void gost_watch_stop(struct gost_watch *w, bool close_fd)
{
    struct gost_loop *l = loop_self;
    if (w->fd < 0)
        return;
    struct epoll_event *events = l->events;
    for (int i = l->events_next; i < l->events_count; i++)
        if (events[i].data.ptr == w)
            events[i].data.ptr = NULL;
    if (close_fd)
        close(w->fd); /* the last reference, so the kernel drops it from the epoll as well */
    else
        epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
    w->fd = -1;
    l->watches--;
}

void gost_timer_start(struct gost_timer *t, uint64_t at)
{
    gost_wheel_start(&loop_self->wheel, t, at);
}

void gost_task_create(struct gost_task *t, void (*fn)(struct gost_task *self))
{
    gost_list_create(&t->link);
    t->fn = fn;
}

void gost_task_post(struct gost_task *t)
{
    if (gost_list_empty(&t->link))
        gost_list_add(&loop_self->tasks, &t->link);
}

void gost_task_cancel(struct gost_task *t)
{
    gost_list_remove(&t->link);
}

void *gost_scratch_take(void)
{
    struct gost_loop *l = loop_self;
    if (l->scratch_free > 0)
        return l->scratch[--l->scratch_free];
    void *p = malloc(GOST_SCRATCH_SIZE);
    if (!p)
        abort(); /* a worker without its first buffers cannot serve anybody */
    return p;
}

void gost_scratch_give(void *p)
{
    struct gost_loop *l = loop_self;
    if (l->scratch_free < (int)(sizeof(l->scratch) / sizeof(l->scratch[0])))
        l->scratch[l->scratch_free++] = p;
    else
        free(p);
}
