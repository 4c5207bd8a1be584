/*
 * Forwarding of datagrams: each session of a client is connected to one of the service's nodes.
 */
#include "core/base/error.h"
#include "core/proto/handshake.h"
#include "core/proto/kinds.h"
#include "core/proto/udp_forward.h"

#include <stddef.h>

struct udp_settings {
    int64_t idle_timeout, read_timeout; /* milliseconds */
    int64_t buffer;
    bool stateless;
};

static const struct gost_option options[] = {
    {.key = "idleTimeout",
     .type = GOST_OPT_DURATION,
     .offset = offsetof(struct udp_settings, idle_timeout),
     .help = "end a session after so long without a datagram; by default as the listener says"},
    {.key = "stateless",
     .type = GOST_OPT_BOOL,
     .offset = offsetof(struct udp_settings, stateless),
     .help = "end a session as soon as each of its datagrams was answered"},
    {.key = "readTimeout",
     .type = GOST_OPT_DURATION,
     .offset = offsetof(struct udp_settings, read_timeout),
     .def = "15s",
     .help = "how long an answer may take when the sessions are stateless"},
    {.key = "bufferSize",
     .aliases = "readBufferSize udp.bufferSize",
     .type = GOST_OPT_INT,
     .offset = offsetof(struct udp_settings, buffer),
     .def = "65535",
     .min = 1,
     .max = INT32_MAX,
     .help = "accepted for GOST's configurations: answers of any size pass"},
    GOST_OPTION_END,
};

int gost__udp_forward(struct gost_conn *c, bool once)
{
    struct gost_request request = {.network = GOST_UDP};
    struct gost_packet *up = NULL;
    int rc = c->ops->forward_packet(c, &request, &up);
    if (rc == 0)
        rc = c->ops->relay_packet(c, &up, once);
    gost_packet_close(up);
    return rc;
}

static int serve(struct gost_handler *h, struct gost_conn *c)
{
    const struct udp_settings *s = h->settings;
    struct gost_request request = {.network = GOST_TCP};
    struct gost_stream *up = NULL;
    c->idle_ms = s->idle_timeout > 0 ? (uint64_t)s->idle_timeout : 0;
    if (c->packet && s->stateless)
        c->idle_ms = s->read_timeout > 0 ? (uint64_t)s->read_timeout : GOST_READ_TIMEOUT;
    if (c->packet)
        return gost__udp_forward(c, s->stateless);
    int rc = c->ops->forward(c, &request, &up); /* behind a listener of streams */
    if (rc == 0)
        rc = gost_conn_relay(c, &up);
    gost_stream_close(up);
    return rc;
}

const struct gost_handler_kind gost__udp_handler = {
    .name = "udp",
    .aliases = "rudp",
    .help = "forward datagrams to the service's nodes",
    .options = {options, sizeof(struct udp_settings)},
    .no_auth = true,
    .packets = true,
    .serve = serve,
};
