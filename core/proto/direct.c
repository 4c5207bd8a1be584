/*
 * A node that is no proxy: targets are connected from here, or refused.
 */
#include "core/proto/direct.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/net/resolve.h"
#include "core/proto/kinds.h"

#include <stdlib.h>
#include <strings.h>

/* --- the dialer: a stream that leads nowhere ---------------------------------------------- */

static ssize_t nowhere_read(struct gost_stream *s, void *buf, size_t n)
{
    (void)s, (void)buf, (void)n;
    return 0;
}

static ssize_t nowhere_writev(struct gost_stream *s, const struct iovec *iov, int count)
{
    (void)s, (void)iov, (void)count;
    return gost_fail(-EPIPE, "the stream leads nowhere");
}

static int nowhere_shutdown(struct gost_stream *s)
{
    (void)s;
    return 0;
}

static void nowhere_destroy(struct gost_stream *s)
{
    free(s);
}

static const struct gost_stream_ops nowhere_ops = {
    .name = "nowhere",
    .open = gost__pass_open,
    .read = nowhere_read,
    .writev = nowhere_writev,
    .flush = gost__pass_flush,
    .shutdown = nowhere_shutdown,
    .set_waker = gost__pass_set_waker,
    .query = gost__pass_query,
    .destroy = nowhere_destroy,
};

static int nowhere_open(struct gost_dialer *d, struct gost_carrier *carrier, uint64_t deadline,
                        struct gost_stream **out)
{
    struct gost_stream *s = calloc(1, sizeof(*s));
    (void)d, (void)carrier, (void)deadline;
    if (!s)
        return gost_fail_code(GOST_ENOMEM);
    gost_stream_create(s, &nowhere_ops, NULL);
    *out = s;
    return 0;
}

const struct gost_dialer_kind gost__direct_dialer = {
    .name = "direct",
    .help = "no node: for the direct connector",
    .open = nowhere_open,
};

const struct gost_dialer_kind gost__virtual_dialer = {
    .name = "virtual",
    .help = "no node: for the virtual connector",
    .open = nowhere_open,
};

/* --- the connector ------------------------------------------------------------------------ */

struct direct_settings {
    int action;
};

enum { ACTION_DIAL, ACTION_REJECT };

static const struct gost_option options[] = {
    {.key = "action",
     .type = GOST_OPT_ENUM,
     .offset = offsetof(struct direct_settings, action),
     .def = "dial",
     .choices = "dial reject",
     .help = "connect to targets from here, or refuse them"},
    GOST_OPTION_END,
};

static int direct_connect(struct gost_connector *c, struct gost_stream **io,
                          const struct gost_request *request, uint64_t deadline)
{
    const struct direct_settings *s = c->settings;
    struct gost_stream *target = NULL;
    if (s->action == ACTION_REJECT)
        return gost_fail(GOST_EDENIED, "rejected by the configuration");
    if (request->network != GOST_TCP)
        return gost_fail(GOST_ENOTSUP, "the direct connector cannot reach %s targets",
                         gost_network_name(request->network));
    int rc = gost_dial_host(request->addr.host, request->addr.port, NULL, NULL, deadline, &target);
    if (rc != 0)
        return rc;
    gost_stream_close(*io);
    *io = target;
    return 0;
}

const struct gost_connector_kind gost__direct_connector = {
    .name = "direct",
    .help = "connect from here",
    .options = {options, sizeof(struct direct_settings)},
    .connect = direct_connect,
};

const struct gost_connector_kind gost__virtual_connector = {
    .name = "virtual",
    .help = "connect from here",
    .options = {options, sizeof(struct direct_settings)},
    .connect = direct_connect,
};
