/*
 * An origin that answers while the request's body is still on its way: an echo, results as they
 * come (RFC 9110 section 7.5 lets it). Stopping either direction for the other would hang such a
 * pair, so both go on side by side until both are complete.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/proto/http.h"
#include "core/runtime/loop.h"

enum { BODY_SILENCE_MS = 120 * 1000 }; /* of a client that has its answer, but sends on */

/* One direction. `ready` bytes at the front of the reader are to be written; `behind` them lie some
 * that belong to the body's framing and are dropped. */
struct flow {
    struct gost__http_reader *from;
    struct gost_stream *to;
    struct gost__http_body *body;
    size_t ready, behind;
    bool wants_room; /* what stopped it: the writer, else the reader */
    bool ended;      /* nothing more to do */
    uint64_t taken;  /* bytes of the body so far */
};

/* Find out how much of what has come, or comes now, belongs to the body. */
static int take_in(struct flow *f)
{
    if (f->from->len == 0) {
        ssize_t n = gost__http_fill_now(f->from);
        if (n < 0)
            return (int)n;
        if (n == 0) {
            f->ended = f->body->framing == GOST_HTTP1_UNTIL_CLOSE;
            return f->ended ? 0 : gost_fail(GOST_EOF, "a body without its end");
        }
    }
    ssize_t used = gost__http_body_take(f->body, gost__http_bytes(f->from), f->from->len, &f->ready);
    if (used < 0)
        return (int)used;
    f->behind = (size_t)used - f->ready;
    f->taken += (uint64_t)used;
    return 0;
}

static int write_out(struct flow *f)
{
    ssize_t put = gost_stream_write(f->to, gost__http_bytes(f->from), f->ready);
    if (put < 0)
        return (int)put;
    gost__http_take(f->from, (size_t)put);
    f->ready -= (size_t)put;
    return 0;
}

/* Carry what can be carried now. @return bytes, GOST_WANT_* or another negative code */
static ssize_t carry(struct flow *f)
{
    size_t before = f->ready;
    int rc = 0;
    f->wants_room = f->ready > 0 || f->body->done;
    if (f->ready == 0 && !f->body->done) {
        rc = take_in(f);
        before = f->ready;
    }
    if (rc == 0 && f->ready > 0) {
        f->wants_room = true;
        rc = write_out(f);
    }
    if (rc == 0 && f->ready == 0 && f->behind > 0) {
        gost__http_take(f->from, f->behind);
        f->behind = 0;
    }
    if (rc == 0 && f->ready == 0 && f->body->done) {
        f->wants_room = true;
        rc = gost_stream_flush(f->to);
        f->ended = rc == 0;
    }
    return rc != 0 ? rc : (ssize_t)(before - f->ready);
}

/* @return 1: it moved, 0: it waits or has ended, or a negative code */
static int step(struct flow *f)
{
    if (f->ended)
        return 0;
    ssize_t n = carry(f);
    return n >= 0 ? 1 : gost_is_want(n) ? 0 : (int)n;
}

static int wait_for_any(struct gost__http *x, const struct flow *up, const struct flow *down)
{
    struct gost_waker *w = &gost_fiber_self()->waker;
    int64_t idle = x->set->idle_timeout;
    if (idle <= 0)
        idle = down->ended ? BODY_SILENCE_MS : 0;
    const struct flow *flows[] = {up, down};
    for (int i = 0; i < 2; i++) {
        const struct flow *f = flows[i];
        if (!f->ended)
            gost_stream_set_waker(f->wants_room ? f->to : f->from->s,
                                  f->wants_room ? GOST_WRITER : GOST_READER, w);
    }
    int rc = gost_fiber_wait(idle > 0 ? gost_deadline_in(idle) : GOST_NEVER);
    for (int i = 0; i < 2; i++) {
        gost_stream_set_waker(flows[i]->from->s, GOST_READER, NULL);
        gost_stream_set_waker(flows[i]->to, GOST_WRITER, NULL);
    }
    return rc;
}

/* An origin need not read all of the body; a client that breaks off gets no more of the answer. */
static int step_up(struct gost__http *x, struct flow *up)
{
    int rc = step(up);
    if (rc < 0 && !up->wants_room) {
        x->broke_off = true;
        return rc;
    }
    up->ended |= rc < 0;
    return rc < 0 ? 1 : rc;
}

int gost__http_both(struct gost__http *x, struct gost__http_body *answer)
{
    struct flow up = {&x->client, x->upstream, x->rest, .ready = x->unsent};
    struct flow down = {&x->up, x->client.s, answer};
    gost__http_widen(&x->up);
    while (!down.ended || !up.ended) {
        int above = step_up(x, &up);
        int below = above < 0 ? above : step(&down);
        x->c->ops->count(x->c, up.taken, down.taken);
        if (below < 0)
            return below;
        int rc = gost_conn_pace(x->c, up.taken, down.taken);
        up.taken = down.taken = 0;
        if (rc == 0 && above == 0 && below == 0)
            rc = wait_for_any(x, &up, &down);
        if (rc != 0)
            return rc;
    }
    return 0;
}
