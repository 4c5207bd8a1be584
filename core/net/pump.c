#include "core/net/pump.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/net/linger.h"
#include "core/net/pipe.h"
#include "core/net/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHUNK_MIN = 16 * 1024,  /* what a quiet direction reads at once, and may have to keep */
    CHUNK_BULK = 64 * 1024, /* a read of this size shows a bulk transfer */
    SPLICE_SMALL = 16 * 1024,
    LOAN_PIECES = 24,
    ROUNDS = 8,               /* reads before other connections get their turn */
    LINGER_MS = 10 * 1000,    /* for an answer that has not begun */
    GOODBYE_MS = 1000,        /* for more of one that came already: most likely that was all */
    KEEPALIVE_MS = 30 * 1000, /* tunnels that last so long are worth the kernel's probing */
};

/* What a slice of work on one flow came to. */
enum outcome { BLOCKED, DONE, BUSY, FAILED };

static int flow_index(const struct gost_pump *p, const struct gost_flow *f)
{
    return (int)(f - p->flow);
}

/* The far side does not listen any more: the rest goes on only while bytes keep coming. */
static void set_linger(struct gost_pump *p, uint64_t ms)
{
    p->last = gost_now();
    if (!p->lingering)
        p->patience = p->idle_ms;
    p->lingering = true;
    p->idle_ms = p->idle_ms && p->idle_ms < ms ? p->idle_ms : ms;
    gost_timer_start(&p->idle, p->last + p->idle_ms);
}

/* The source failed: what it still had to say is lost, and so the pair is. */
static enum outcome fail(struct gost_pump *p, int side, int rc)
{
    if (!p->ended && p->rc == 0)
        p->broken = side;
    gost_pump_stop(p, rc);
    return FAILED;
}

/*
 * The destination of a flow takes no more. What its peer sent before may still wait in the other
 * direction, so that one goes on until its own end.
 */
static enum outcome abandon(struct gost_pump *p, struct gost_flow *f, int rc)
{
    if (p->rc == 0) {
        p->rc = rc;
        p->broken = 1 - flow_index(p, f);
    }
    free(f->kept);
    f->kept = NULL;
    gost_pipe_give(f->pipe);
    f->pipe = NULL;
    f->eof = f->shut = true;
    set_linger(p, LINGER_MS);
    return DONE;
}

static void moved(struct gost_pump *p, struct gost_flow *f, size_t n)
{
    __atomic_store_n(&f->bytes, f->bytes + n, __ATOMIC_RELAXED);
    p->last = gost_now();
    p->answered = flow_index(p, f) == 1;
}

/* Keep what the destination did not take. */
static enum outcome keep(struct gost_pump *p, struct gost_flow *f, const uint8_t *bytes, size_t n)
{
    f->kept = malloc(n);
    if (!f->kept)
        return fail(p, flow_index(p, f), GOST_ENOMEM);
    memcpy(f->kept, bytes, n);
    f->kept_from = 0;
    f->kept_len = (uint32_t)n;
    f->chunk = CHUNK_MIN; /* a slow reader must not make us hold much */
    return BLOCKED;
}

/* Pass on what was kept, and what the layers below hold. */
static enum outcome drain(struct gost_pump *p, struct gost_flow *f)
{
    int i = flow_index(p, f);
    struct gost_stream *to = p->stream[1 - i];
    while (f->kept) {
        ssize_t n = gost_stream_write(to, f->kept + f->kept_from, f->kept_len - f->kept_from);
        if (n < 0)
            return gost_is_want(n) ? BLOCKED : abandon(p, f, (int)n);
        moved(p, f, (size_t)n);
        f->kept_from += (uint32_t)n;
        if (f->kept_from == f->kept_len) {
            free(f->kept);
            f->kept = NULL;
        }
    }
    int rc = gost_stream_flush(to);
    if (rc == 0)
        return DONE;
    return gost_is_want(rc) ? BLOCKED : abandon(p, f, rc);
}

/* The source ended and all its bytes are passed on: tell the destination. */
static enum outcome finish(struct gost_pump *p, struct gost_flow *f)
{
    int i = flow_index(p, f);
    if (f->shut)
        return DONE;
    if (p->flow[1 - i].shut && gost_stream_is_socket(p->stream[1 - i])) {
        f->shut = true; /* both directions are over: the close that follows says so */
        return DONE;
    }
    int rc = gost_stream_shutdown(p->stream[1 - i]);
    if (gost_is_want(rc))
        return BLOCKED;
    if (rc != 0 && rc != GOST_ENOTSUP)
        return abandon(p, f, rc);
    f->shut = true;
    if (rc == GOST_ENOTSUP && i == 1)
        gost_pump_stop(p, 0); /* the target has said all: only a close can tell the client so */
    else if (rc == GOST_ENOTSUP && !p->flow[1].eof) {
        f->untold = true;
        set_linger(p, p->answered ? GOODBYE_MS : LINGER_MS); /* the client has */
    }
    return DONE;
}

static enum outcome end_of_input(struct gost_pump *p, struct gost_flow *f)
{
    f->eof = true;
    return finish(p, f);
}

/* How much may be read now: the limiter's word, or all that is wanted. */
static size_t granted(struct gost_pump *p, struct gost_flow *f, size_t want)
{
    if (!p->rules || !p->rules->grant)
        return want;
    uint64_t when = GOST_NEVER;
    size_t n = p->rules->grant(p->rules_arg, flow_index(p, f), want, &when);
    if (n == 0 && (!gost_timer_active(&p->resume) || when < p->resume.at))
        gost_timer_start(&p->resume, when);
    return n;
}

static void give_back(struct gost_pump *p, struct gost_flow *f, size_t n)
{
    if (n > 0 && p->rules && p->rules->give_back)
        p->rules->give_back(p->rules_arg, flow_index(p, f), n);
}

static bool can_splice(struct gost_pump *p)
{
    int fd;
    if (!gost_pipe_wanted())
        return false;
    for (int i = 0; i < 2; i++) {
        const struct gost_stream *s = p->stream[i];
        if (gost_stream_query(p->stream[i], GOST_QUERY_FD, &fd) != 0)
            return false;
        while (s->next)
            s = s->next;
        if (!gost_stream_is_socket(s))
            return false;
    }
    return true;
}

/* How much to read: no more than the destination is known to take, so that nothing has to be kept. */
static size_t room_for(struct gost_pump *p, struct gost_flow *f, size_t want)
{
    size_t room = want;
    if (!f->blind && gost_stream_query(p->stream[1 - flow_index(p, f)], GOST_QUERY_ROOM, &room) != 0)
        f->blind = true;
    return room < want && !f->blind ? room : want;
}

/* `n` bytes of a list at most. @return its entries */
static int cut(struct iovec *iov, int count, size_t n)
{
    int i = 0;
    while (i < count && n > 0) {
        iov[i].iov_len = iov[i].iov_len < n ? iov[i].iov_len : n;
        n -= iov[i++].iov_len;
    }
    return i;
}

/*
 * Bytes that the source has in memory go on from there, and what the destination does not take stays.
 * @return BLOCKED, with *none set, when there are none
 */
static enum outcome pass_loan(struct gost_pump *p, struct gost_flow *f, bool *none)
{
    int i = flow_index(p, f);
    struct iovec iov[LOAN_PIECES];
    int count = gost_stream_peek(p->stream[i], iov, LOAN_PIECES);
    f->no_loan = count == GOST_ENOTSUP;
    *none = count <= 0;
    if (*none)
        return BLOCKED;
    size_t room = room_for(p, f, GOST_SCRATCH_SIZE), all = 0;
    size_t want = room > 0 ? granted(p, f, room) : 0;
    count = cut(iov, count, want);
    for (int k = 0; k < count; k++)
        all += iov[k].iov_len;
    ssize_t put = all > 0 ? gost_stream_writev(p->stream[1 - i], iov, count) : GOST_WANT_WRITE;
    give_back(p, f, put > 0 ? want - (size_t)put : want);
    if (put < 0)
        return gost_is_want(put) ? BLOCKED : abandon(p, f, (int)put);
    moved(p, f, (size_t)put);
    gost_stream_skip(p->stream[i], (size_t)put);
    return BUSY;
}

/* One read and its write, through scratch memory. */
static enum outcome copy_once(struct gost_pump *p, struct gost_flow *f, uint8_t *scratch)
{
    int i = flow_index(p, f);
    bool none = true;
    enum outcome lent = f->no_loan ? BLOCKED : pass_loan(p, f, &none);
    if (!none)
        return lent;
    size_t want = room_for(p, f, f->chunk);
    if (want > 0)
        want = granted(p, f, want);
    if (want == 0)
        return BLOCKED;
    ssize_t n = gost_stream_read(p->stream[i], scratch, want);
    if (n <= 0) {
        give_back(p, f, want);
        if (n == 0)
            return end_of_input(p, f);
        return gost_is_want(n) ? BLOCKED : fail(p, i, (int)n);
    }
    give_back(p, f, want - (size_t)n);
    for (size_t done = 0; done < (size_t)n;) {
        ssize_t put = gost_stream_write(p->stream[1 - i], scratch + done, (size_t)n - done);
        if (put < 0)
            return gost_is_want(put) ? keep(p, f, scratch + done, (size_t)n - done)
                                     : abandon(p, f, (int)put);
        moved(p, f, (size_t)put);
        done += (size_t)put;
    }
    if ((size_t)n == f->chunk) {
        if (f->chunk >= CHUNK_BULK && can_splice(p))
            f->splice = true;
        else if (f->chunk < GOST_SCRATCH_SIZE)
            f->chunk *= 2;
    }
    return BUSY;
}

static enum outcome flow_copy(struct gost_pump *p, struct gost_flow *f)
{
    uint8_t *scratch = gost_scratch_take();
    enum outcome out = BUSY;
    for (int round = 0; round < ROUNDS && out == BUSY && !f->splice; round++) {
        out = copy_once(p, f, scratch);
        if (out == BUSY) {
            enum outcome drained = drain(p, f); /* a layer may hold some of it */
            out = drained == DONE && !f->shut ? BUSY : drained;
        }
    }
    gost_scratch_give(scratch);
    return out;
}

/* Empty the pipe into the destination. */
static enum outcome splice_out(struct gost_pump *p, struct gost_flow *f)
{
    int i = flow_index(p, f);
    struct gost_watch *to = gost__socket_watch(p->stream[1 - i]);
    while (f->pipe && f->pipe->held > 0) {
        if (!(to->ready & GOST_WRITABLE))
            return BLOCKED;
        ssize_t n = splice(f->pipe->out, NULL, to->fd, NULL, f->pipe->held,
                           SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
        if (n < 0 && errno == EAGAIN) {
            to->ready &= (uint8_t)~GOST_WRITABLE;
            return BLOCKED;
        }
        if (n <= 0)
            return abandon(p, f, n < 0 ? -errno : -EPIPE);
        f->pipe->held -= (size_t)n;
        moved(p, f, (size_t)n);
    }
    return DONE;
}

/* Back to copying: the direction fell quiet, or pipes are out. */
static void stop_splice(struct gost_flow *f)
{
    gost_pipe_give(f->pipe);
    f->pipe = NULL;
    f->splice = false;
    f->small = 0;
    f->chunk = CHUNK_MIN;
}

/* Fill the pipe once from the source. */
static enum outcome splice_in(struct gost_pump *p, struct gost_flow *f)
{
    int i = flow_index(p, f);
    struct gost_watch *from = gost__socket_watch(p->stream[i]);
    if (!(from->ready & GOST_READABLE))
        return BLOCKED;
    size_t want = granted(p, f, f->pipe->size);
    if (want == 0)
        return BLOCKED;
    ssize_t n = splice(from->fd, NULL, f->pipe->in, NULL, want, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    give_back(p, f, n > 0 ? want - (size_t)n : want);
    if (n > 0) {
        f->pipe->held = (size_t)n;
        f->small = n < SPLICE_SMALL ? f->small + 1 : 0;
        return BUSY;
    }
    if (n == 0)
        return end_of_input(p, f);
    if (errno != EAGAIN)
        return fail(p, i, -errno);
    from->ready &= (uint8_t)~GOST_READABLE;
    return BLOCKED;
}

static enum outcome flow_splice(struct gost_pump *p, struct gost_flow *f)
{
    enum outcome out = BUSY;
    if (!f->pipe && !(f->pipe = gost_pipe_take())) {
        stop_splice(f);
        f->chunk = GOST_SCRATCH_SIZE / 2; /* bulk all the same */
        return flow_copy(p, f);
    }
    for (int round = 0; round < ROUNDS && out == BUSY; round++) {
        out = splice_out(p, f);
        if (out != DONE || f->shut)
            return out;
        if (f->small >= 4) {
            stop_splice(f);
            return BUSY;
        }
        out = splice_in(p, f);
    }
    if (out != BUSY && f->pipe && f->pipe->held == 0) { /* quiet for now: others may want the pipe */
        gost_pipe_give(f->pipe);
        f->pipe = NULL;
    }
    return out;
}

static enum outcome flow_step(struct gost_pump *p, struct gost_flow *f)
{
    enum outcome out = f->pipe ? splice_out(p, f) : drain(p, f);
    if (out != DONE)
        return out;
    if (f->eof)
        return finish(p, f);
    return f->splice ? flow_splice(p, f) : flow_copy(p, f);
}

/*
 * Was the connection reset, or the stream closed over there? With nothing to write and its input
 * ended, nobody else would notice.
 */
static bool is_dead(struct gost_stream *s, int *rc)
{
    bool gone = false;
    while (s->next)
        s = s->next;
    if (gost_stream_is_socket(s)) {
        *rc = -ECONNRESET;
        return gost__socket_watch(s)->ready & GOST_FAILED;
    }
    *rc = 0; /* that is how it ends its streams */
    return gost_stream_query(s, GOST_QUERY_GONE, &gone) == 0 && gone;
}

static void pump_run(struct gost_pump *p, struct gost_flow *f)
{
    if (p->ended)
        return;
    if (f->running) { /* woken from inside its own step, which would mix up the order of bytes */
        gost_task_post(&p->task);
        return;
    }
    f->running = true;
    enum outcome out = flow_step(p, f);
    int rc;
    if (out == BLOCKED && !f->shut && is_dead(p->stream[1 - flow_index(p, f)], &rc))
        out = abandon(p, f, rc);
    f->running = false;
    if (out == BUSY)
        gost_task_post(&p->task);
    else if (out == DONE && p->flow[0].shut && p->flow[1].shut)
        gost_pump_stop(p, 0);
}

static void pump_finish(struct gost_pump *p)
{
    gost_timer_stop(&p->idle);
    gost_timer_stop(&p->resume);
    for (int i = 0; i < 2; i++) {
        gost_pipe_give(p->flow[i].pipe);
        free(p->flow[i].kept);
        if (p->broken == 1 - i) /* bytes on their way to it must not be lost to its unread ones */
            gost_stream_linger_bare(&p->stream[i]);
        gost_stream_close(p->stream[i]);
        p->stream[i] = NULL;
    }
    p->on_done(p);
}

static void on_task(struct gost_task *t)
{
    struct gost_pump *p = gost_container_of(t, struct gost_pump, task);
    if (!p->ended)
        pump_run(p, &p->flow[0]);
    if (!p->ended)
        pump_run(p, &p->flow[1]);
    if (p->ended) {
        gost_task_cancel(&p->task);
        pump_finish(p);
    }
}

static void on_flow0(struct gost_waker *w)
{
    struct gost_flow *f = gost_container_of(w, struct gost_flow, waker);
    pump_run(gost_container_of(f, struct gost_pump, flow[0]), f);
}

static void on_flow1(struct gost_waker *w)
{
    struct gost_flow *f = gost_container_of(w, struct gost_flow, waker);
    pump_run(gost_container_of(f, struct gost_pump, flow[1]), f);
}

static void on_resume(struct gost_timer *t)
{
    struct gost_pump *p = gost_container_of(t, struct gost_pump, resume);
    gost_task_post(&p->task);
}

static void probe_silent_peers(struct gost_pump *p)
{
    int fd;
    for (int i = 0; i < 2; i++)
        if (gost_stream_query(p->stream[i], GOST_QUERY_CARRIER, &fd) == 0)
            gost_socket_keepalive(fd);
    p->probing = true;
}

/* When to look at a silent tunnel again. */
static uint64_t next_look(const struct gost_pump *p)
{
    uint64_t idle = p->idle_ms ? p->last + p->idle_ms : GOST_NEVER;
    return p->probing ? idle : gost_deadline_min(idle, p->born + KEEPALIVE_MS);
}

/* Has the far side learned of half-closes since? Then it knows, and its silence means nothing. */
static bool is_told(struct gost_pump *p)
{
    if (!p->flow[0].untold || gost_stream_shutdown(p->stream[1]) != 0)
        return false;
    p->flow[0].untold = p->lingering = false;
    p->idle_ms = p->patience;
    return true;
}

static void on_idle(struct gost_timer *t)
{
    struct gost_pump *p = gost_container_of(t, struct gost_pump, idle);
    if (!p->probing && gost_now() >= p->born + KEEPALIVE_MS)
        probe_silent_peers(p);
    if (p->idle_ms && gost_now() - p->last >= p->idle_ms && !is_told(p))
        gost_pump_stop(p, p->lingering ? 0 : GOST_ETIMEDOUT);
    else
        gost_timer_start(&p->idle, next_look(p));
}

void gost_pump_set_idle(struct gost_pump *p, uint64_t idle_ms)
{
    p->idle_ms = idle_ms;
    gost_timer_start(&p->idle, next_look(p));
}

void gost_pump_stop(struct gost_pump *p, int rc)
{
    if (p->ended)
        return;
    p->ended = true;
    if (p->rc == 0)
        p->rc = rc;
    for (int i = 0; i < 2; i++) {
        gost_stream_set_waker(p->stream[i], GOST_READER, NULL);
        gost_stream_set_waker(p->stream[i], GOST_WRITER, NULL);
    }
    gost_task_post(&p->task);
}

void gost_pump_start(struct gost_pump *p, struct gost_stream **a, struct gost_stream **b,
                     const struct gost_pump_rules *rules, void *rules_arg,
                     void (*on_done)(struct gost_pump *self))
{
    *p = (struct gost_pump){.stream = {*a, *b},
                            .rules = rules,
                            .rules_arg = rules_arg,
                            .last = gost_now(),
                            .born = gost_now(),
                            .idle_ms = rules ? rules->idle_ms : 0,
                            .broken = -1,
                            .on_done = on_done};
    *a = *b = NULL;
    p->flow[0].waker.fn = on_flow0;
    p->flow[1].waker.fn = on_flow1;
    for (int i = 0; i < 2; i++) {
        p->flow[i].chunk = CHUNK_MIN;
        gost_stream_set_waker(p->stream[i], GOST_READER, &p->flow[i].waker);
        gost_stream_set_waker(p->stream[i], GOST_WRITER, &p->flow[1 - i].waker);
    }
    gost_timer_create(&p->idle, on_idle);
    gost_timer_create(&p->resume, on_resume);
    gost_task_create(&p->task, on_task);
    gost_timer_start(&p->idle, next_look(p));
    pump_run(p, &p->flow[0]);
    pump_run(p, &p->flow[1]);
}
