/*
 * Connectors without a protocol: what the node is, it is to whoever connects (a port that forwards).
 */
#include "core/proto/kinds.h"

static int forward_connect(struct gost_connector *c, struct gost_stream **io,
                           const struct gost_request *request, uint64_t deadline)
{
    (void)c, (void)io, (void)request, (void)deadline;
    return 0;
}

const struct gost_connector_kind gost__tcp_connector = {
    .name = "tcp",
    .help = "nothing is asked for: the node leads where it leads",
    .knows_target = true,
    .connect = forward_connect,
};

const struct gost_connector_kind gost__forward_connector = {
    .name = "forward",
    .help = "nothing is asked for: the node leads where it leads",
    .knows_target = true,
    .connect = forward_connect,
};

const struct gost_connector_kind gost__unix_connector = {
    .name = "unix",
    .help = "nothing is asked for: the node leads where it leads",
    .knows_target = true,
    .connect = forward_connect,
};

const struct gost_connector_kind gost__serial_connector = {
    .name = "serial",
    .help = "nothing is asked for: whatever is at the other end of the cable",
    .knows_target = true,
    .connect = forward_connect,
};
