/*
 * Serial ports: one connection, and when it is over the next one.
 */
#include "core/transport/serial.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/runtime/loop.h"
#include "core/transport/kinds.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { REOPEN_MS = 1000 };

struct serial_settings {
    int64_t timeout; /* milliseconds */
};

static const struct gost_option options[] = {
    {.key = "timeout",
     .aliases = "serial.timeout listener.serial.timeout",
     .type = GOST_OPT_DURATION,
     .offset = offsetof(struct serial_settings, timeout),
     .help = "a connection ends when the port was silent for so long; by default never"},
    GOST_OPTION_END,
};

/* A listener's own; outlives it while its connection does. */
struct room {
    uint32_t refs;            /* one of the listener, one of the connection */
    struct gost_listener *l;  /* NULL once that has stopped */
    struct gost_stream *port; /* open, but not given away yet; or NULL */
    struct gost_timer timer;  /* brings the connection, or opens the port again */
    bool complained;          /* the log was told that the port cannot be opened */
};

static void unref(struct room *r)
{
    if (--r->refs > 0)
        return;
    gost_timer_stop(&r->timer);
    gost_stream_close(r->port);
    free(r);
}

static int open_port(struct room *r)
{
    const struct serial_settings *s = r->l->settings;
    uint64_t silence = s->timeout > 0 ? (uint64_t)s->timeout : 0;
    return gost__serial_open(r->l->addr.un.sun_path, silence, &r->port);
}

/* The connection is over. */
static void on_close(void *arg)
{
    struct room *r = arg;
    if (r->l)
        gost_timer_start(&r->timer, gost_now() + REOPEN_MS);
    unref(r);
}

static void bring(struct room *r)
{
    struct gost_stream *s = r->port;
    union gost_sockaddr peer = r->l->addr;
    r->port = NULL;
    r->refs++;
    gost__serial_on_close(s, on_close, r);
    r->l->on_stream(r->l, &s, &peer);
}

static void on_timer(struct gost_timer *t)
{
    struct room *r = gost_container_of(t, struct room, timer);
    int rc = r->port ? 0 : open_port(r);
    if (rc == 0) {
        r->complained = false;
        bring(r);
        return;
    }
    if (!r->complained)
        gost_log(GOST_LOG_WARN, "serial listener: %s; tried again each second", gost_diag_text(rc));
    r->complained = true;
    gost_timer_start(t, gost_now() + REOPEN_MS);
}

static int serial_start(struct gost_listener *l)
{
    struct room *r = calloc(1, sizeof(*r));
    if (!r)
        return gost_fail_code(GOST_ENOMEM);
    r->refs = 1;
    r->l = l;
    gost_timer_create(&r->timer, on_timer);
    int rc = open_port(r);
    if (rc != 0) {
        unref(r);
        return rc;
    }
    l->state = r;
    gost_timer_start(&r->timer, gost_now()); /* in the next turn of the loop */
    return 0;
}

/* The connection lives on, if it has begun. */
static void serial_stop(struct gost_listener *l)
{
    struct room *r = l->state;
    if (!r)
        return;
    l->state = NULL;
    r->l = NULL;
    gost_timer_stop(&r->timer);
    gost_stream_close(r->port);
    r->port = NULL;
    unref(r);
}

/* The port passes on: its connection goes on as it began, the next one is the successor's. */
static int serial_inherit(struct gost_listener *l, struct gost_listener *old)
{
    struct room *r = old->state;
    if (strcmp(l->addr.un.sun_path, old->addr.un.sun_path) != 0)
        return GOST_ENOTSUP;
    old->state = NULL;
    old->listening = false;
    r->l = l;
    l->state = r;
    l->listening = true;
    return 0;
}

const struct gost_listener_kind gost__serial_listener = {
    .name = "serial",
    .help = "a serial port: one connection at a time",
    .options = {options, sizeof(struct serial_settings)},
    .unix_path = true, /* port[,baud[,parity]] */
    .start = serial_start,
    .stop = serial_stop,
    .inherit = serial_inherit,
};

/* --- dialing ---------------------------------------------------------------------------------- */

static int serial_open(struct gost_dialer *d, struct gost_carrier *carrier, uint64_t deadline,
                       struct gost_stream **out)
{
    (void)d, (void)deadline;
    return gost__serial_open(carrier->host, 0, out);
}

const struct gost_dialer_kind gost__serial_dialer = {
    .name = "serial",
    .help = "a serial port of this host: port[,baud[,parity]]",
    .unix_path = true,
    .open = serial_open,
};
