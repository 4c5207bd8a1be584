#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/net/io.h"
#include "core/route/session.h"

#include <errno.h>
#include <stdlib.h>

enum { CHUNK = 32 * 1024 };

/* A tunnel whose bytes pass through a script: a fiber for each direction. */
struct copy {
    struct gost_session *session;
    struct gost_stream *up;
    struct gost_fiber *fiber[2]; /* with references; [0] is the session's own */
    bool done[2];
    int rc;
};

static int copy_chunks(struct copy *c, int direction, void *room)
{
    struct gost_session *s = c->session;
    struct gost_hooks *h = &s->service->hooks;
    struct gost_stream *from = direction == 0 ? s->conn.client : c->up;
    struct gost_stream *to = direction == 0 ? c->up : s->conn.client;
    for (;;) {
        uint64_t deadline = gost_deadline_in((int64_t)s->conn.idle_ms);
        ssize_t got = gost_io_read(from, room, CHUNK, deadline);
        if (got <= 0)
            return got == 0 ? gost_io_shutdown(to, deadline) : (int)got;
        const void *p = room;
        size_t n = (size_t)got;
        int rc = h->stream(h->arg, &s->conn, direction, &p, &n);
        if (rc == 0 && n > 0)
            rc = gost_io_write(to, p, n, deadline);
        if (rc != 0)
            return rc;
        *(direction == 0 ? &s->in : &s->out) += n;
    }
}

static void copy_direction(struct copy *c, int direction)
{
    void *room = malloc(CHUNK);
    gost_fiber_self()->conn = &c->session->conn;
    int rc = room ? copy_chunks(c, direction, room) : GOST_ENOMEM;
    free(room);
    c->done[direction] = true;
    if (rc != 0 && rc != GOST_ENOTSUP && c->rc == 0) {
        c->rc = rc;
        if (!c->done[1 - direction])
            gost_fiber_cancel(c->fiber[1 - direction]);
    }
}

static void copy_back(void *arg)
{
    copy_direction(arg, 1);
}

int gost__session_copy(struct gost_session *s, struct gost_stream **up)
{
    struct copy *c = calloc(1, sizeof(*c));
    if (!c)
        return gost_fail_code(GOST_ENOMEM);
    c->session = s;
    c->up = *up;
    *up = NULL;
    c->fiber[0] = gost_fiber_self();
    c->fiber[1] = gost_fiber_spawn("copy", copy_back, c);
    if (c->fiber[1]) {
        struct gost_fiber *back = c->fiber[1];
        gost_fiber_ref(back);
        copy_direction(c, 0);
        if (gost_fiber_join(back, GOST_NEVER) != 0) {
            gost_fiber_cancel(back); /* this fiber was cancelled and cannot wait; but that one uses */
            while (!c->done[1] && !back->done)
                gost_fiber_pause(); /* our memory until it has unwound */
        }
        gost_fiber_unref(back);
    }
    int rc = c->fiber[1] ? c->rc : GOST_ENOMEM;
    gost_stream_close(c->up);
    free(c);
    return rc == -ECONNRESET || rc == -EPIPE ? 0 : rc;
}
