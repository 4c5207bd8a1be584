/*
 * Forwarding: every client is connected to one of the service's nodes, whatever it speaks. With
 * sniffing, what it speaks and whom it means help to choose the node.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/proto/forward_look.h"
#include "core/proto/handshake.h"
#include "core/proto/http.h"
#include "core/proto/kinds.h"
#include "core/proto/sniffing.h"
#include "core/proto/udp_forward.h"

#include <stdio.h>
#include <stdlib.h>

struct forward_settings {
    int64_t idle_timeout;
    int64_t proxy_protocol;
    struct gost__sniffing sniffing;
    bool keepalive;
    int64_t read_timeout; /* milliseconds */
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
    GOST_SNIFFING_OPTIONS(
        struct forward_settings, sniffing,
        "choose the node by what the client speaks: protocol, HTTP host and path, TLS name"),
    {.key = "readTimeout",
     .type = GOST_OPT_DURATION,
     .offset = offsetof(struct forward_settings, read_timeout),
     .def = "15s",
     .help = "how long a client may take for a head that it has begun, with sniffing"},
    {.key = "http.keepalive",
     .type = GOST_OPT_BOOL,
     .offset = offsetof(struct forward_settings, keepalive),
     .def = "true",
     .help = "keep connections for further requests where a node has http settings"},
    GOST_OPTION_END,
};

/* Without nodes, whoever the client means is the target. */
static int dial(struct gost_conn *c, const struct gost_request *request, struct gost_stream **up)
{
    if (c->ops->has_forwarder(c) || !request->addr.host[0])
        return c->ops->forward(c, request, up);
    int rc = gost_conn_dial(c, request, up);
    return rc == 0 && request->introduce > 0 ? gost__introduce(c, *up, request->introduce) : rc;
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

static unsigned traits(struct gost_conn *c)
{
    return c->ops->forward_traits ? c->ops->forward_traits(c) : 0;
}

/* Some nodes treat HTTP, so each request is looked at. */
static int serve_http(const struct forward_settings *s, struct gost_conn *c)
{
    struct gost__http_settings http = {
        .read_timeout = s->read_timeout,
        .idle_timeout = s->idle_timeout,
        .keepalive = s->keepalive,
    };
    return gost__http_reverse(c, &http, (int)s->proxy_protocol);
}

/* `*up` stays NULL where the client was served as one of HTTP. */
static int dial_sniffed(const struct forward_settings *s, struct gost_conn *c,
                        struct gost_stream **up)
{
    struct gost__forward_look *look = calloc(1, sizeof(*look)); /* fiber stacks are small */
    int64_t patience = s->read_timeout > 0 ? s->read_timeout : GOST_READ_TIMEOUT;
    if (!look)
        return gost_fail_code(GOST_ENOMEM);
    look->request.network = GOST_TCP;
    look->request.introduce = (int)s->proxy_protocol;
    int rc = gost__forward_look(c, look, NULL, s->sniffing.timeout, patience);
    bool treat = rc == 0 && look->http1 && traits(c) & GOST_FORWARD_TREATS;
    if (rc == 0 && !treat)
        rc = dial(c, &look->request, up);
    if (rc != 0 && rc != GOST_ECANCELED && look->http1)
        apologize(c, rc);
    gost__forward_look_delete(look);
    return treat ? serve_http(s, c) : rc;
}

static int dial_blind(const struct forward_settings *s, struct gost_conn *c, struct gost_stream **up)
{
    struct gost_request request = {.network = GOST_TCP, .introduce = (int)s->proxy_protocol};
    return c->ops->forward(c, &request, up);
}

static int serve(struct gost_handler *h, struct gost_conn *c)
{
    const struct forward_settings *s = h->settings;
    struct gost_stream *up = NULL;
    c->idle_ms = s->idle_timeout > 0 ? (uint64_t)s->idle_timeout : 0;
    if (c->packet)
        return gost__udp_forward(c, false);
    bool looks = s->sniffing.on || traits(c) & GOST_FORWARD_TREATS;
    int rc = looks ? dial_sniffed(s, c, &up) : dial_blind(s, c, &up);
    if (rc == 0 && up)
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

const struct gost_handler_kind gost__unix_handler = {
    .name = "unix",
    .help = "forward what came to a Unix socket to the service's nodes",
    .options = {options, sizeof(struct forward_settings)},
    .no_auth = true,
    .serve = serve,
};
