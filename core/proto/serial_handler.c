/*
 * What comes from a serial port goes to a target of the service or, without one, to whatever is at the
 * end of its chain.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/proto/handshake.h"
#include "core/proto/kinds.h"

#include <stddef.h>
#include <stdlib.h>

struct serial_settings {
    int64_t timeout;
};

static const struct gost_option options[] = {
    {.key = "timeout",
     .aliases = "serial.timeout",
     .type = GOST_OPT_DURATION,
     .offset = offsetof(struct serial_settings, timeout),
     .help = "end a connection after so long without a byte in either direction"},
    GOST_OPTION_END,
};

static int serve(struct gost_handler *h, struct gost_conn *c)
{
    const struct serial_settings *s = h->settings;
    struct gost_request *r = calloc(1, sizeof(*r)); /* too big for a fiber's stack */
    struct gost_stream *up = NULL;
    if (!r)
        return gost_fail_code(GOST_ENOMEM);
    r->network = GOST_TCP;
    c->idle_ms = s->timeout > 0 ? (uint64_t)s->timeout : 0;
    int rc = c->ops->forward(c, r, &up);
    free(r);
    if (rc == 0)
        rc = gost_conn_relay(c, &up);
    gost_stream_close(up);
    return rc;
}

const struct gost_handler_kind gost__serial_handler = {
    .name = "serial",
    .help = "forward a serial port to the service's nodes, or through its chain",
    .options = {options, sizeof(struct serial_settings)},
    .no_auth = true,
    .serve = serve,
};
