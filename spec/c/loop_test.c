/* The loop: turns, watches, tasks, the libuv loop inside. */
#include "core/runtime/loop.h"

#include "spec/c/net_support.h"

#include <sys/socket.h>

static int fired;

static void on_timer(struct gost_timer *t)
{
    (void)t;
    fired++;
}

NET_TEST(idle_loop_sleeps_until_the_next_timer)
{
    struct gost_timer t;
    uint64_t at = gost_now() + 100;
    int turns = 0;
    fired = 0;
    gost_timer_create(&t, on_timer);
    gost_timer_start(&t, at);
    for (; !fired && turns < 1000; turns++)
        gost_loop_step(&net_loop, -1);
    CHECK(turns < 10); /* it does not spin */
    CHECK(gost_now() >= at);
}

/* --- watches --- */

struct ear {
    struct gost_watch watch;
    int calls;
    uint8_t fresh;
    struct ear *kills;
};

static void on_ready(struct gost_watch *w, uint8_t fresh)
{
    struct ear *e = gost_container_of(w, struct ear, watch);
    e->calls++;
    e->fresh |= fresh;
    if (e->kills) {
        gost_watch_stop(&e->kills->watch, true);
        memset(e->kills, 0xee, sizeof(*e->kills)); /* as if freed */
        free(e->kills);
        e->kills = NULL;
    }
}

static struct ear *ear_new(int fd)
{
    struct ear *e = calloc(1, sizeof(*e));
    CHECK_INT(gost_watch_start(&e->watch, fd, on_ready), 0);
    return e;
}

static void ear_free(struct ear *e)
{
    gost_watch_stop(&e->watch, true);
    gost_watch_stop(&e->watch, true); /* twice is fine */
    free(e);
}

NET_TEST(watch_tells_each_edge_once)
{
    int fd[2];
    net_tcp_pair(fd);
    struct ear *e = ear_new(fd[0]);
    NET_UNTIL(e->fresh & GOST_WRITABLE);
    int calls = e->calls;
    gost_loop_step(&net_loop, 0);
    CHECK_INT(e->calls, calls);
    CHECK(!(e->watch.ready & GOST_READABLE));
    CHECK(write(fd[1], "x", 1) == 1);
    NET_UNTIL(e->watch.ready & GOST_READABLE);
    CHECK(!(e->watch.ready & GOST_HANGUP));
    close(fd[1]);
    NET_UNTIL(e->watch.ready & GOST_HANGUP);
    ear_free(e);
}

NET_TEST(watch_stopped_inside_anothers_event_hears_nothing)
{
    for (int swap = 0; swap < 2; swap++) {
        int a[2], b[2];
        CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, a), 0);
        CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, b), 0);
        struct ear *one = ear_new(a[0]), *two = ear_new(b[0]);
        NET_UNTIL(one->calls && two->calls);
        one->calls = two->calls = 0;
        struct ear *killer = swap ? two : one, *victim = swap ? one : two;
        killer->kills = victim;
        CHECK(write(a[1], "x", 1) == 1 && write(b[1], "x", 1) == 1); /* both in one batch */
        if (swap) { /* whichever order the kernel gives: nobody touches the dead */
            CHECK(write(a[1], "x", 1) == 1);
        }
        NET_UNTIL(killer->calls > 0);
        gost_loop_step(&net_loop, 0);
        CHECK_INT(net_loop.watches, 1);
        ear_free(killer);
        close(a[1]);
        close(b[1]);
    }
}

NET_TEST(watch_without_close_leaves_the_descriptor_alone)
{
    int fd[2];
    net_tcp_pair(fd);
    struct gost_watch w;
    CHECK_INT(gost_watch_start(&w, fd[0], on_ready), 0);
    gost_watch_stop(&w, false);
    CHECK_INT(net_loop.watches, 0);
    CHECK(write(fd[0], "x", 1) == 1);
    CHECK_INT(gost_watch_start(&w, -1, on_ready), -EBADF);
    CHECK_INT(w.fd, -1);
    gost_watch_stop(&w, true);
    close(fd[0]);
    close(fd[1]);
}

/* --- tasks --- */

static struct gost_task first, second, self_poster;
static int ran;

static void on_first(struct gost_task *t)
{
    (void)t;
    ran++;
    gost_task_cancel(&second);
}

static void on_count(struct gost_task *t)
{
    (void)t;
    ran += 10;
}

static void on_self(struct gost_task *t)
{
    ran++;
    gost_task_post(t);
}

NET_TEST(task_may_cancel_the_next_one)
{
    ran = 0;
    gost_task_create(&first, on_first);
    gost_task_create(&second, on_count);
    gost_task_post(&first);
    gost_task_post(&first); /* once is enough */
    gost_task_post(&second);
    gost_loop_step(&net_loop, -1); /* does not wait while tasks are there */
    CHECK_INT(ran, 1);
    gost_task_post(&second);
    gost_loop_step(&net_loop, -1);
    CHECK_INT(ran, 11);
}

NET_TEST(task_that_posts_itself_runs_once_a_turn)
{
    ran = 0;
    gost_task_create(&self_poster, on_self);
    gost_task_post(&self_poster);
    for (int i = 0; i < 5; i++)
        gost_loop_step(&net_loop, -1);
    CHECK_INT(ran, 5);
    gost_task_cancel(&self_poster);
}

static void on_stop(struct gost_timer *t)
{
    (void)t;
    gost_loop_stop(&net_loop);
}

NET_TEST(loop_runs_until_it_is_stopped)
{
    struct gost_timer t;
    gost_timer_create(&t, on_stop);
    gost_timer_start(&t, gost_now() + 10);
    gost_loop_run(&net_loop);
    CHECK(!gost_timer_active(&t));
}

/* --- libuv inside --- */

static int worked, uv_fired, uv_closed;

static void uv_work(uv_work_t *req)
{
    *(int *)req->data = 42;
}

static void uv_worked(uv_work_t *req, int status)
{
    (void)req;
    worked = status == 0;
}

NET_TEST(libuv_thread_pool_work_comes_back)
{
    int result = 0;
    uv_work_t req = {.data = &result};
    worked = 0;
    CHECK_INT(uv_queue_work(gost_loop_uv(&net_loop), &req, uv_work, uv_worked), 0);
    uint64_t until = net_clock() + NET_PATIENCE_MS;
    while (!worked && net_clock() < until)
        gost_loop_step(&net_loop, -1); /* no limit: its descriptor must wake us */
    CHECK_INT(result, 42);
}

static void uv_on_close(uv_handle_t *h)
{
    (void)h;
    uv_closed++;
}

static void uv_on_timer(uv_timer_t *t)
{
    if (++uv_fired == 3)
        uv_close((uv_handle_t *)t, uv_on_close);
}

NET_TEST(libuv_timers_fire)
{
    uv_timer_t t;
    int turns = 0;
    uv_fired = uv_closed = 0;
    uv_timer_init(gost_loop_uv(&net_loop), &t);
    uv_timer_start(&t, uv_on_timer, 20, 20);
    for (; !uv_closed && turns < 1000; turns++)
        gost_loop_step(&net_loop, -1);
    CHECK_INT(uv_fired, 3);
    CHECK(turns < 30);
}

static void uv_on_async(uv_async_t *a)
{
    uv_fired++;
    uv_close((uv_handle_t *)a, uv_on_close);
}

NET_TEST(libuv_async_wakes_the_loop)
{
    uv_async_t a;
    uv_fired = uv_closed = 0;
    uv_async_init(gost_loop_uv(&net_loop), &a, uv_on_async);
    gost_loop_step(&net_loop, 0);
    gost_loop_step(&net_loop, 0);
    int turns = 0;
    uv_async_send(&a);
    for (; !uv_closed && turns < 100; turns++)
        gost_loop_step(&net_loop, -1);
    CHECK_INT(uv_fired, 1);
}

/* --- the rest -----------------------------------------------------------------------------------
 */

NET_TEST(scratch_memory_nests)
{
    void *p[12];
    for (int i = 0; i < 12; i++) {
        p[i] = gost_scratch_take();
        memset(p[i], i, GOST_SCRATCH_SIZE);
    }
    for (int i = 0; i < 12; i++)
        CHECK_INT(((uint8_t *)p[i])[GOST_SCRATCH_SIZE - 1], i);
    for (int i = 11; i >= 0; i--)
        gost_scratch_give(p[i]);
    void *again = gost_scratch_take();
    CHECK(again == p[4]); /* the eighth that was given back; the pool keeps no more */
    gost_scratch_give(again);
}

NET_TEST(deadlines)
{
    CHECK(gost_deadline_in(0) == GOST_NEVER && gost_deadline_in(-1) == GOST_NEVER);
    CHECK(gost_deadline_in(5) == gost_now() + 5);
    CHECK_INT(gost_deadline_min(3, GOST_NEVER), 3);
    CHECK(gost_loop_self() == &net_loop);
}

RUN_TESTS()
