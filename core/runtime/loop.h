/**
 * The event loop of one worker: readiness of sockets, timers, deferred tasks, and a libuv loop inside.
 *
 * Sockets of the data path sit in an edge-triggered epoll of our own: one epoll_ctl for the life of a
 * socket, none when interest changes (libuv's uv_poll takes up to five). The libuv loop serves what is
 * rare (files, signals, child processes, the thread pool); its backend descriptor is one more member
 * of that epoll, as its documentation offers to embedders.
 *
 * Everything here belongs to the thread that created the loop.
 */
#ifndef GOST_RUNTIME_LOOP_H
#define GOST_RUNTIME_LOOP_H

#include "core/base/list.h"
#include "core/runtime/timer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

/** What a watch is ready for; a bit stays set until its user met "would block" and cleared it. */
enum gost_ready {
    GOST_READABLE = 1, /**< read may yield bytes, the end of the stream or an error */
    GOST_WRITABLE = 2,
    GOST_HANGUP = 4, /**< the peer ended its side, or the socket failed: read on until 0 or error */
    GOST_FAILED =
        8, /**< the socket failed or its peer is all gone: nothing can be written any more */
};

/** A descriptor in the loop's epoll. Embedded in its user; `fn` may stop and free it. */
struct gost_watch {
    int fd;
    uint8_t ready; /**< enum gost_ready, the loop only sets bits */
    void (*fn)(struct gost_watch *self, uint8_t fresh); /**< called after bits were set */
};

/** Something to run in the next turn of the loop. Embedded in its user. */
struct gost_task {
    struct gost_list link;
    void (*fn)(struct gost_task *self);
};

struct gost_loop {
    int epoll_fd;
    uint64_t now; /**< milliseconds of CLOCK_MONOTONIC, read once a turn */
    struct gost_wheel wheel;
    struct gost_list tasks; /**< struct gost_task, to run in the next turn */
    uv_loop_t uv;
    struct gost_watch uv_watch;
    bool uv_touched; /**< somebody started a handle since uv_run ran last */
    bool stopped;
    void *events;     /**< the batch being dispatched */
    int events_count; /**< its size */
    int events_next;  /**< index of the first event not dispatched yet */
    size_t watches;   /**< descriptors registered, for leak checks */
    void *scratch[8]; /**< pool of gost_scratch_take */
    int scratch_free;
};

/** @return 0 or a libuv code */
int gost_loop_create(struct gost_loop *l);

/** Close the loop. Watches, timers and handles must be gone. */
void gost_loop_destroy(struct gost_loop *l);

/** The loop of this thread, or NULL on a foreign thread. */
struct gost_loop *gost_loop_self(void);

/** Make `l` the loop of this thread. */
void gost_loop_enter(struct gost_loop *l);

/** Milliseconds of CLOCK_MONOTONIC, as of this turn of the loop. Deadlines are given on this clock. */
uint64_t gost_now(void);

/** @param ms  0 or less means no deadline. @return gost_now() + ms, or GOST_NEVER */
uint64_t gost_deadline_in(int64_t ms);

/** The earlier of two deadlines. */
static inline uint64_t gost_deadline_min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/**
 * One turn: wait for events until the first timer or for `timeout_ms` at most (-1: no limit), and
 * dispatch them.
 */
void gost_loop_step(struct gost_loop *l, int timeout_ms);

/** Turn until gost_loop_stop. */
void gost_loop_run(struct gost_loop *l);
void gost_loop_stop(struct gost_loop *l);

/** The libuv loop, for whoever is about to start a handle or a request on it. */
uv_loop_t *gost_loop_uv(struct gost_loop *l);

/** Register `w->fd` for all events, edge-triggered. @return 0 or a libuv code */
int gost_watch_start(struct gost_watch *w, int fd,
                     void (*fn)(struct gost_watch *self, uint8_t fresh));

/**
 * The same for `events` (enum gost_ready) alone. A datagram socket tells of room after every datagram
 * that its peer read, so it asks for GOST_WRITABLE only while it waits for it (gost_watch_change).
 */
int gost_watch_start_for(struct gost_watch *w, int fd, uint8_t events,
                         void (*fn)(struct gost_watch *self, uint8_t fresh));

/** Ask for other events from now on. @return 0 or a libuv code */
int gost_watch_change(struct gost_watch *w, uint8_t events);

/**
 * Forget the descriptor. Events already fetched are dropped, so the struct may be freed at once.
 * @param close_fd  close it too (which saves the epoll_ctl)
 */
void gost_watch_stop(struct gost_watch *w, bool close_fd);

/** Start a timer of this thread's loop, see timer.h. */
void gost_timer_start(struct gost_timer *t, uint64_t at);

/** Run `t->fn` in the next turn; a task already queued stays queued once. */
void gost_task_post(struct gost_task *t);
void gost_task_create(struct gost_task *t, void (*fn)(struct gost_task *self));
void gost_task_cancel(struct gost_task *t);

enum { GOST_SCRATCH_SIZE = 512 * 1024 };

/**
 * A large buffer for the length of one call chain that does not suspend. Nested layers take one each,
 * so idle streams need none.
 * @return GOST_SCRATCH_SIZE bytes; never NULL (aborts when memory is out at the first use)
 */
void *gost_scratch_take(void);
void gost_scratch_give(void *p);

#endif
