/*
 * Forwarding: every client is connected to one of the service's nodes, whatever it speaks.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/proxy_header.h"
#include "core/net/io.h"
#include "core/proto/handshake.h"
#include "core/proto/kinds.h"
#include "core/proto/udp_forward.h"

struct forward_settings {
    int64_t idle_timeout;
    int64_t proxy_protocol;
};

static const struct gost_option options[] = {
    {.key = "idleTimeout",
     .type = GOST_OPT_DURATION,
     .offset = offsetof(struct forward_settings, idle_timeout),
     .help = "end a tunnel after so long without a byte"},
    {.key = "proxyProtocol",
     .type = GOST_OPT_INT,
     .offset = offsetof(struct forward_settings, proxy_protocol),
     .min = 0,
     .max = 2,
     .def = "0",
     .help = "tell the node who the client is: PROXY protocol version 1 or 2; 0: do not"},
    GOST_OPTION_END,
};

static int introduce(struct gost_conn *c, struct gost_stream *up, int version)
{
    struct gost_proxy_header header = {.version = (uint8_t)version, .src = c->peer};
    uint8_t bytes[GOST_PROXY_HEADER_ENCODED_MAX];
    if (gost_stream_query(c->client, GOST_QUERY_LOCAL_ADDR, &header.dst) != 0)
        header.dst.sa.sa_family = 0;
    size_t n = gost_proxy_header_encode(bytes, sizeof(bytes), &header);
    return gost_io_write(up, bytes, n, gost_deadline_in(GOST_LAST_WORD_MS));
}

static int serve(struct gost_handler *h, struct gost_conn *c)
{
    const struct forward_settings *s = h->settings;
    struct gost_request request = {.network = GOST_TCP};
    struct gost_stream *up = NULL;
    c->idle_ms = s->idle_timeout > 0 ? (uint64_t)s->idle_timeout : 0;
    if (c->packet)
        return gost__udp_forward(c, false);
    int rc = c->ops->forward(c, &request, &up);
    if (rc == 0 && s->proxy_protocol > 0)
        rc = introduce(c, up, (int)s->proxy_protocol);
    if (rc == 0)
        rc = gost_conn_relay(c, &up);
    gost_stream_close(up);
    return rc;
}

const struct gost_handler_kind gost__tcp_handler = {
    .name = "tcp",
    .help = "forward to the service's nodes",
    .options = {options, sizeof(struct forward_settings)},
    .no_auth = true,
    .packets = true,
    .serve = serve,
};

const struct gost_handler_kind gost__forward_handler = {
    .name = "forward",
    .help = "forward to the service's nodes",
    .options = {options, sizeof(struct forward_settings)},
    .no_auth = true,
    .packets = true,
    .serve = serve,
};

const struct gost_handler_kind gost__rtcp_handler = {
    .name = "rtcp",
    .aliases = "runix",
    .help = "forward what came to a remote listener to the service's nodes",
    .options = {options, sizeof(struct forward_settings)},
    .no_auth = true,
    .serve = serve,
};
