/* Messages between threads. */
#include "core/runtime/mailbox.h"

#include "spec/c/net_support.h"

#include <pthread.h>

enum { THREADS = 4, EACH = 5000 };

struct note {
    struct gost_message msg;
    int from, number;
};

static struct gost_mailbox box;
static int received, last_of[THREADS], disorder;

static void on_note(struct gost_message *m)
{
    struct note *n = gost_container_of(m, struct note, msg);
    if (n->number != last_of[n->from] + 1)
        disorder++;
    last_of[n->from] = n->number;
    received++;
    free(n);
}

static void post(struct gost_mailbox *to, int from, int number)
{
    struct note *n = malloc(sizeof(*n));
    *n = (struct note){.msg = {.fn = on_note}, .from = from, .number = number};
    gost_mailbox_post(to, &n->msg);
}

static void *sender(void *arg)
{
    int from = (int)(intptr_t)arg;
    for (int i = 1; i <= EACH; i++)
        post(&box, from, i);
    return NULL;
}

NET_TEST(messages_of_four_threads_arrive_in_each_ones_order)
{
    pthread_t thread[THREADS];
    received = disorder = 0;
    memset(last_of, 0, sizeof(last_of));
    CHECK_INT(gost_mailbox_create(&box), 0);
    for (intptr_t i = 0; i < THREADS; i++)
        pthread_create(&thread[i], NULL, sender, (void *)i);
    uint64_t until = net_clock() + NET_PATIENCE_MS;
    while (received < THREADS * EACH && net_clock() < until)
        gost_loop_step(&net_loop, 1000); /* only the bell wakes us */
    CHECK_INT(received, THREADS * EACH);
    CHECK_INT(disorder, 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    gost_mailbox_destroy(&box);
}

NET_TEST(what_is_left_is_run_at_the_end)
{
    received = disorder = 0;
    last_of[0] = 0;
    CHECK_INT(gost_mailbox_create(&box), 0);
    for (int i = 1; i <= 10; i++)
        post(&box, 0, i);
    CHECK_INT(received, 0);
    gost_mailbox_destroy(&box);
    CHECK_INT(received, 10);
    CHECK_INT(disorder, 0);
}

/* --- two workers play ping-pong ------------------------------------------------------------------
 */

struct worker {
    struct gost_loop loop;
    struct gost_mailbox box;
    struct worker *other;
    int count;
};

struct ball {
    struct gost_message msg;
    struct worker *at;
    int left;
};

static void on_ball(struct gost_message *m)
{
    struct ball *b = gost_container_of(m, struct ball, msg);
    struct worker *here = b->at;
    here->count++;
    if (b->left-- <= 0) {
        gost_loop_stop(&here->loop);
        if (b->left < -1) {
            free(b);
            return;
        }
    }
    b->at = here->other;
    gost_mailbox_post(&b->at->box, &b->msg);
}

static void *worker_run(void *arg)
{
    struct worker *w = arg;
    gost_loop_enter(&w->loop);
    gost_loop_run(&w->loop);
    return NULL;
}

TEST(two_loops_pass_a_ball)
{
    struct worker w[2];
    pthread_t thread[2];
    for (int i = 0; i < 2; i++) {
        gost_loop_create(&w[i].loop);
        gost_loop_enter(&w[i].loop);
        gost_mailbox_create(&w[i].box);
        w[i].other = &w[1 - i];
        w[i].count = 0;
    }
    struct ball *b = calloc(1, sizeof(*b));
    *b = (struct ball){.msg = {.fn = on_ball}, .at = &w[0], .left = 2000};
    gost_mailbox_post(&w[0].box, &b->msg);
    for (int i = 0; i < 2; i++)
        pthread_create(&thread[i], NULL, worker_run, &w[i]);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    CHECK_INT(w[0].count + w[1].count, 2002);
    for (int i = 0; i < 2; i++) {
        gost_loop_enter(&w[i].loop);
        gost_mailbox_destroy(&w[i].box);
        gost_loop_destroy(&w[i].loop);
    }
}

/* --- fibers on several threads --- */

static void nap(void *arg)
{
    gost_fail(GOST_EPROTO, "mine");
    gost_fiber_yield();
    if (strcmp(gost_diag_text(GOST_EPROTO), "mine") == 0)
        ++*(int *)arg;
    gost_fiber_sleep(1);
}

static void *fibers_of_a_thread(void *arg)
{
    struct gost_loop loop;
    gost_loop_create(&loop);
    gost_loop_enter(&loop);
    for (int i = 0; i < 200; i++)
        gost_fiber_spawn("nap", nap, arg);
    while (gost_fiber_count() > 0)
        gost_loop_step(&loop, 100);
    gost_fiber_cleanup();
    gost_loop_destroy(&loop);
    return NULL;
}

TEST(threads_have_fibers_of_their_own)
{
    pthread_t thread[THREADS];
    int woke[THREADS] = {0};
    for (int i = 0; i < THREADS; i++)
        pthread_create(&thread[i], NULL, fibers_of_a_thread, &woke[i]);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
        CHECK_INT(woke[i], 200);
    }
}

RUN_TESTS()
