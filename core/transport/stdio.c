/*
 * One connection: standard input and output, as an ssh ProxyCommand wants it. When it is over, so
 * is the program.
 */
#include "core/transport/stdio.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/runtime/loop.h"
#include "core/transport/kinds.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The one connection, between the start of its listener and the turn of the loop that brings it. */
struct pending {
    struct gost_task task;
    struct gost_listener *l;
    struct gost_stream *stream;
};

/* As if somebody had asked the program to end: other connections get their time. */
static void end_program(void)
{
    kill(getpid(), SIGTERM);
}

static void bring(struct gost_task *t)
{
    struct pending *p = gost_container_of(t, struct pending, task);
    union gost_sockaddr peer;
    struct gost_stream *s = p->stream;
    memset(&peer, 0, sizeof(peer));
    peer.sa.sa_family = AF_UNIX; /* without a name: "@" */
    p->stream = NULL;
    gost__stdio_on_over(s, end_program);
    p->l->on_stream(p->l, &s, &peer);
}

static int stdio_start(struct gost_listener *l)
{
    static atomic_flag taken = ATOMIC_FLAG_INIT;
    if (l->bind)
        return gost_fail(GOST_ECONFIG, "listener stdio: a chain has no place here");
    if (atomic_flag_test_and_set(&taken))
        return gost_fail(-EBUSY, "standard input and output serve another service already");
    struct pending *p = calloc(1, sizeof(*p));
    int rc = p ? gost__stdio_stream(&p->stream) : gost_fail_code(GOST_ENOMEM);
    if (rc != 0) {
        free(p);
        atomic_flag_clear(&taken);
        return rc;
    }
    p->l = l;
    gost_task_create(&p->task, bring);
    gost_task_post(&p->task);
    l->state = p;
    return 0;
}

/* The connection lives on, if it has begun. */
static void stdio_stop(struct gost_listener *l)
{
    struct pending *p = l->state;
    gost_task_cancel(&p->task);
    gost_stream_close(p->stream);
    p->stream = NULL;
}

static void stdio_destroy(struct gost_listener *l)
{
    free(l->state);
}

const struct gost_listener_kind gost__stdio_listener = {
    .name = "stdio",
    .help = "one connection: standard input and output; the program ends with it",
    .remote = true, /* its address is no place on this host */
    .start = stdio_start,
    .stop = stdio_stop,
    .destroy = stdio_destroy,
};
