/*
 * Forwarding: every client is connected to one of the service's nodes, whatever it speaks. With
 * sniffing, what it speaks and whom it means help to choose the node.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/proxy_header.h"
#include "core/net/io.h"
#include "core/proto/forward_look.h"
#include "core/proto/handshake.h"
#include "core/proto/http.h"
#include "core/proto/kinds.h"
#include "core/proto/udp_forward.h"

#include <stdio.h>
#include <stdlib.h>

struct forward_settings {
    int64_t idle_timeout;
    int64_t proxy_protocol;
    bool sniffing;
    int64_t sniff_timeout, read_timeout; /* milliseconds */
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
    {.key = "sniffing",
     .type = GOST_OPT_BOOL,
     .offset = offsetof(struct forward_settings, sniffing),
     .help = "choose the node by what the client speaks: protocol, HTTP host and path, TLS name"},
    {.key = "sniffing.timeout",
     .type = GOST_OPT_DURATION,
     .offset = offsetof(struct forward_settings, sniff_timeout),
     .def = "500ms",
     .help = "how long a silent client is waited for, as the server may speak first; 0: for ever"},
    {.key = "readTimeout",
     .type = GOST_OPT_DURATION,
     .offset = offsetof(struct forward_settings, read_timeout),
     .def = "15s",
     .help = "how long a client may take for a head that it has begun, with sniffing"},
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

/* Without nodes, whoever the client means is the target. */
static int dial(struct gost_conn *c, const struct gost_request *request, struct gost_stream **up)
{
    if (c->ops->has_forwarder(c) || !request->addr.host[0])
        return c->ops->forward(c, request, up);
    return gost_conn_dial(c, request, up);
}

/* Tell a client of HTTP what went wrong; the others see the end of the connection. */
static void apologize(struct gost_conn *c, int rc)
{
    char text[128];
    int status = rc == GOST_ENONODE   ? 502
                 : rc == GOST_EPROTO  ? 400
                 : rc == GOST_EDENIED ? 403
                 : rc == GOST_ELIMIT  ? 431
                                      : 503;
    int n = snprintf(text, sizeof(text),
                     "HTTP/1.1 %d %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status,
                     gost_http1_reason(status));
    gost__last_word(c, text, (size_t)n);
}

static int dial_sniffed(const struct forward_settings *s, struct gost_conn *c,
                        struct gost_stream **up)
{
    struct gost__forward_look *look = calloc(1, sizeof(*look)); /* fiber stacks are small */
    int64_t patience = s->read_timeout > 0 ? s->read_timeout : GOST_READ_TIMEOUT;
    if (!look)
        return gost_fail_code(GOST_ENOMEM);
    look->request.network = GOST_TCP;
    int rc = gost__forward_look(c, look, s->sniff_timeout, patience);
    if (rc == 0)
        rc = dial(c, &look->request, up);
    if (rc != 0 && rc != GOST_ECANCELED && look->http1)
        apologize(c, rc);
    gost__forward_look_delete(look);
    return rc;
}

static int dial_blind(struct gost_conn *c, struct gost_stream **up)
{
    struct gost_request request = {.network = GOST_TCP};
    return c->ops->forward(c, &request, up);
}

static int serve(struct gost_handler *h, struct gost_conn *c)
{
    const struct forward_settings *s = h->settings;
    struct gost_stream *up = NULL;
    c->idle_ms = s->idle_timeout > 0 ? (uint64_t)s->idle_timeout : 0;
    if (c->packet)
        return gost__udp_forward(c, false);
    int rc = s->sniffing ? dial_sniffed(s, c, &up) : dial_blind(c, &up);
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
