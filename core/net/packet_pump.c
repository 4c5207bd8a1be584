#include "core/net/packet_pump.h"

#include "core/base/error.h"

#include <stdlib.h>

enum {
    ROUNDS = 4,             /* batches before other connections get their turn */
    KEEP_BYTES = 512 * 1024 /* of one batch that the destination did not take */
};

/* What a slice of work on one flow came to. */
enum outcome { BLOCKED, BUSY, ENDED };

static int flow_index(const struct gost_packet_pump *p, const struct gost_packet_flow *f)
{
    return (int)(f - p->flow);
}

static enum outcome end(struct gost_packet_pump *p, int side, int rc)
{
    if (!p->ended && rc != 0)
        p->broken = side;
    gost_packet_pump_stop(p, rc);
    return ENDED;
}

/* Copy what cannot go now. */
static enum outcome keep(struct gost_packet_flow *f, const struct gost_datagram *d, int count,
                         bool waiting)
{
    int copied;
    f->kept = gost_kept_new(d, count, KEEP_BYTES, &copied);
    f->dropped += (uint64_t)(count - copied);
    f->waiting = waiting && f->kept;
    return f->kept ? BLOCKED : BUSY;
}

/* What the limiter says of the first datagram that it did not let pass. */
enum verdict { ALL_PASS, WAIT, DROP };

/* @return how many of the datagrams may pass, up to the first that may not */
static int granted(struct gost_packet_pump *p, struct gost_packet_flow *f,
                   const struct gost_datagram *d, int count, enum verdict *verdict)
{
    *verdict = ALL_PASS;
    if (!p->rules || !p->rules->grant)
        return count;
    for (int n = 0; n < count; n++) {
        uint64_t when = GOST_NEVER;
        if (p->rules->grant(p->rules_arg, flow_index(p, f), d[n].len, &when))
            continue;
        *verdict = when == GOST_NEVER ? DROP : WAIT;
        if (*verdict == WAIT && (!gost_timer_active(&p->resume) || when < p->resume.at))
            gost_timer_start(&p->resume, when);
        return n;
    }
    return count;
}

static void moved(struct gost_packet_pump *p, struct gost_packet_flow *f,
                  const struct gost_datagram *d, int count)
{
    for (int i = 0; i < count; i++)
        f->bytes += d[i].len;
    f->datagrams += (uint64_t)count;
    p->last = gost_now();
}

/*
 * Send as much as may go and fits.
 * @param[out] waiting  the rest waits for the limiter, not for the destination
 * @return how many are done with, or a negative code
 */
static int send_some(struct gost_packet_pump *p, struct gost_packet_flow *f,
                     const struct gost_datagram *d, int count, bool *waiting)
{
    int done = 0;
    *waiting = false;
    while (done < count) {
        enum verdict verdict;
        int may = granted(p, f, d + done, count - done, &verdict);
        int n = may > 0 ? gost_packet_send(p->end[1 - flow_index(p, f)], d + done, may) : 0;
        if (n < 0)
            return gost_is_want(n) ? done : n;
        if (n > 0)
            moved(p, f, d + done, n);
        done += n;
        if (n < may)
            return done; /* what the limiter granted for the rest is lost, which is little */
        if (verdict == DROP) {
            f->dropped++;
            done++;
        } else if (verdict == WAIT) {
            *waiting = true;
            return done;
        }
    }
    return done;
}

/* Every question was answered, and that was all there was to do. */
static bool is_over(const struct gost_packet_pump *p)
{
    return p->once && p->flow[1].datagrams >= p->flow[0].datagrams;
}

/* Pass on what was kept. */
static enum outcome drain(struct gost_packet_pump *p, struct gost_packet_flow *f)
{
    struct gost_kept *k = f->kept;
    int i = flow_index(p, f);
    if (!k)
        return BUSY;
    int n = send_some(p, f, k->d + k->from, k->count - k->from, &f->waiting);
    if (n < 0)
        return end(p, 1 - i, n);
    k->from += n;
    if (k->from < k->count)
        return BLOCKED;
    free(k);
    f->kept = NULL;
    return BUSY;
}

/* One batch. */
static enum outcome move_batch(struct gost_packet_pump *p, struct gost_packet_flow *f,
                               struct gost_batch *b)
{
    int i = flow_index(p, f);
    bool waiting = false;
    int n = gost_packet_recv(p->end[i], b);
    if (n <= 0)
        return gost_is_want(n) ? BLOCKED : end(p, i, n);
    int sent = send_some(p, f, b->d, n, &waiting);
    if (sent < 0)
        return end(p, 1 - i, sent);
    if (i == 1 && is_over(p))
        return end(p, 1, 0);
    return sent < n ? keep(f, b->d + sent, n - sent, waiting) : BUSY;
}

static enum outcome flow_step(struct gost_packet_pump *p, struct gost_packet_flow *f)
{
    enum outcome out = drain(p, f);
    if (out != BUSY)
        return out;
    struct gost_batch *b = gost_batch_take();
    for (int round = 0; round < ROUNDS && out == BUSY; round++)
        out = move_batch(p, f, b);
    gost_batch_give(b);
    return out;
}

static void run(struct gost_packet_pump *p, struct gost_packet_flow *f)
{
    if (p->ended || (f->waiting && gost_timer_active(&p->resume)))
        return;
    if (f->running) { /* woken from inside its own step, which would mix up the order */
        gost_task_post(&p->task);
        return;
    }
    f->running = true;
    enum outcome out = flow_step(p, f);
    f->running = false;
    if (out == BUSY)
        gost_task_post(&p->task);
}

static void finish(struct gost_packet_pump *p)
{
    gost_timer_stop(&p->idle);
    gost_timer_stop(&p->resume);
    for (int i = 0; i < 2; i++) {
        free(p->flow[i].kept);
        gost_packet_close(p->end[i]);
        p->end[i] = NULL;
    }
    p->on_done(p);
}

static void on_task(struct gost_task *t)
{
    struct gost_packet_pump *p = gost_container_of(t, struct gost_packet_pump, task);
    run(p, &p->flow[0]);
    run(p, &p->flow[1]);
    if (p->ended) {
        gost_task_cancel(&p->task);
        finish(p);
    }
}

static void on_flow0(struct gost_waker *w)
{
    struct gost_packet_flow *f = gost_container_of(w, struct gost_packet_flow, waker);
    run(gost_container_of(f, struct gost_packet_pump, flow[0]), f);
}

static void on_flow1(struct gost_waker *w)
{
    struct gost_packet_flow *f = gost_container_of(w, struct gost_packet_flow, waker);
    run(gost_container_of(f, struct gost_packet_pump, flow[1]), f);
}

static void on_resume(struct gost_timer *t)
{
    gost_task_post(&gost_container_of(t, struct gost_packet_pump, resume)->task);
}

static void on_idle(struct gost_timer *t)
{
    struct gost_packet_pump *p = gost_container_of(t, struct gost_packet_pump, idle);
    if (gost_now() - p->last >= p->idle_ms)
        gost_packet_pump_stop(p, GOST_ETIMEDOUT);
    else
        gost_timer_start(&p->idle, p->last + p->idle_ms);
}

void gost_packet_pump_stop(struct gost_packet_pump *p, int rc)
{
    if (p->ended)
        return;
    p->ended = true;
    p->rc = rc;
    for (int i = 0; i < 2; i++) {
        gost_packet_set_waker(p->end[i], GOST_READER, NULL);
        gost_packet_set_waker(p->end[i], GOST_WRITER, NULL);
    }
    gost_task_post(&p->task);
}

void gost_packet_pump_start(struct gost_packet_pump *p, struct gost_packet **a,
                            struct gost_packet **b, const struct gost_packet_rules *rules,
                            void *rules_arg, uint64_t idle_ms, bool once,
                            void (*on_done)(struct gost_packet_pump *self))
{
    *p = (struct gost_packet_pump){.end = {*a, *b},
                                   .rules = rules,
                                   .rules_arg = rules_arg,
                                   .last = gost_now(),
                                   .idle_ms = idle_ms,
                                   .once = once,
                                   .broken = -1,
                                   .on_done = on_done};
    *a = *b = NULL;
    p->flow[0].waker.fn = on_flow0;
    p->flow[1].waker.fn = on_flow1;
    for (int i = 0; i < 2; i++) {
        gost_packet_set_waker(p->end[i], GOST_READER, &p->flow[i].waker);
        gost_packet_set_waker(p->end[i], GOST_WRITER, &p->flow[1 - i].waker);
    }
    gost_timer_create(&p->idle, on_idle);
    gost_timer_create(&p->resume, on_resume);
    gost_task_create(&p->task, on_task);
    if (idle_ms)
        gost_timer_start(&p->idle, p->last + idle_ms);
    run(p, &p->flow[0]);
    run(p, &p->flow[1]);
}
