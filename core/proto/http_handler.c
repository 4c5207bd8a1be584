/*
 * HTTP proxy: CONNECT tunnels, and plain requests over connections that are kept.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/userpass.h"
#include "core/net/io.h"
#include "core/net/linger.h"
#include "core/proto/handshake.h"
#include "core/proto/http.h"
#include "core/proto/kinds.h"
#include "core/runtime/loop.h"

#include <stdlib.h>

enum {
    REST_MS = 1000,              /* between requests, before buffers are given back */
    CLIENT_IDLE_MS = 120 * 1000, /* and before the connection ends, where idleTimeout says nothing */
};

#define OPTION(name) offsetof(struct gost__http_settings, name)

static const struct gost_option options[] = {
    {.key = "readTimeout",
     .type = GOST_OPT_DURATION,
     .offset = OPTION(read_timeout),
     .def = "15s",
     .help = "how long a client may take for its first request, and an origin for the head of its "
             "answer; negative: no limit"},
    {.key = "idleTimeout",
     .type = GOST_OPT_DURATION,
     .offset = OPTION(idle_timeout),
     .help = "end a tunnel, or an unused connection, after so long without a byte"},
    {.key = "header",
     .aliases = "http.header",
     .type = GOST_OPT_MAP,
     .offset = OPTION(header),
     .help = "further headers of the proxy's own error replies"},
    {.key = "keepalive",
     .aliases = "http.keepalive",
     .type = GOST_OPT_BOOL,
     .offset = OPTION(keepalive),
     .help = "keep the connection to the origin for the client's next request"},
    {.key = "proxyAgent",
     .aliases = "http.proxyAgent",
     .type = GOST_OPT_STRING,
     .offset = OPTION(agent),
     .def = "gost/3.0",
     .help = "value of Proxy-Agent"},
    {.key = "authBasicRealm",
     .type = GOST_OPT_STRING,
     .offset = OPTION(realm),
     .def = "gost",
     .help = "realm that clients are asked for"},
    {.key = "probeResist",
     .aliases = "probe_resist",
     .type = GOST_OPT_STRING,
     .offset = OPTION(probe),
     .help = "what clients without credentials see: code:404, web:http://host/, host:addr:port, "
             "file:/path"},
    {.key = "knock",
     .type = GOST_OPT_LIST,
     .offset = OPTION(knock),
     .help = "hosts whose requests get a proper 407 in spite of probeResist"},
    GOST_UDP_OPTION(struct gost__http_settings, udp),
    GOST_UDP_BUFFER_OPTION(struct gost__http_settings, udp),
    GOST_SNIFFING_OPTIONS(struct gost__http_settings, sniffing, GOST_SNIFFING_NAMES),
    {.key = "hash",
     .type = GOST_OPT_ENUM,
     .offset = OPTION(hash),
     .def = "client",
     .choices = "client host",
     .help = "what the hash strategy goes by: the client, or the target's host"},
    GOST_OPTION_END,
};

uint64_t gost__http_read_deadline(const struct gost__http *x)
{
    int64_t ms = x->set->read_timeout;
    return gost_deadline_in(ms == 0 ? GOST_READ_TIMEOUT : ms);
}

/* --- one request -------------------------------------------------------------------------- */

static int authenticate(struct gost__http *x)
{
    struct gost_userpass given;
    struct gost_slice value = gost_http1_get(&x->head, "Proxy-Authorization");
    if (!gost_conn_needs_auth(x->c))
        return 0;
    if (!value.p || gost_userpass_from_basic(&given, value) != 0)
        return gost_conn_auth(x->c, NULL, NULL, "basic");
    int rc = gost_conn_auth(x->c, given.user, given.password, "basic");
    explicit_bzero(&given, sizeof(given));
    return rc;
}

/* Write the answer in x->out; the client's bytes behind the request are the tunnel's. */
static int begin_tunnel(struct gost__http *x, int rc)
{
    gost__http_take(&x->client, x->head_len);
    x->c->ops->count(x->c, 0, x->out.len);
    if (rc == 0)
        rc = gost__http_give_back(&x->client);
    if (rc == 0)
        rc = gost_io_write(x->c->client, x->out.data, x->out.len,
                           gost_deadline_in(GOST_LAST_WORD_MS));
    return rc;
}

/* As GOST's clients say it, and others that Go's library speaks for. */
static bool is_go(const struct gost__http *x)
{
    static const char agent[] = "Go-http-client/";
    struct gost_slice s = gost_http1_get(&x->head, "User-Agent");
    return s.p && s.n >= sizeof(agent) - 1 && memcmp(s.p, agent, sizeof(agent) - 1) == 0;
}

static int tunnel(struct gost__http *x, const struct gost_request *request, struct gost_stream **up)
{
    bool settle = is_go(x); /* asked now: the head is gone with what follows */
    gost_buf_consume(&x->out, x->out.len);
    int rc = gost_buf_printf(
        &x->out, "HTTP/1.1 200 Connection established\r\nProxy-Agent: %s\r\n\r\n", x->set->agent);
    rc = begin_tunnel(x, rc);
    if (rc == 0 && settle)
        gost__settle(x->c);
    if (rc == 0)
        rc = gost__sniffing_relay(x->c, &x->set->sniffing, x->set->read_timeout, request, up);
    return rc;
}

static int serve_connect(struct gost__http *x, const struct gost__http_where *w)
{
    struct gost_request request = {
        .network = GOST_TCP, .addr = w->addr, .hash_host = x->set->hash == 1};
    struct gost_stream *up = NULL;
    x->again = false;
    if (x->head.coded || x->head.content_length > 0)
        return gost__http_refuse(x, 400, NULL, gost_fail(GOST_EPROTO, "CONNECT with a body"));
    gost__http_drop_upstream(x);
    int rc = gost_conn_dial(x->c, &request, &up);
    if (rc != 0)
        return gost__http_refuse(x, gost__http_dial_status(rc), NULL, rc);
    rc = tunnel(x, &request, &up);
    gost_stream_close(up);
    return rc;
}

static bool wants_udp(const struct gost_http1 *head)
{
    return gost_slice_is(gost_http1_get(head, "X-Gost-Protocol"), "udp");
}

/* GOST's UDP tunnel; the request's target does not matter, each datagram names its own. */
static int serve_udp(struct gost__http *x)
{
    struct gost_packet *up = NULL;
    const struct gost_strings *header = &x->set->header;
    x->again = false;
    if (!x->set->udp.udp)
        return gost__http_refuse(x, 403, NULL, gost_fail(GOST_EDENIED, "datagrams need udp=true"));
    gost__http_drop_upstream(x);
    int rc = x->c->ops->associate(x->c, NULL, &up);
    if (rc != 0)
        return gost__http_refuse(x, gost__http_status(rc), NULL, rc);
    gost_buf_consume(&x->out, x->out.len);
    gost_buf_printf(&x->out, "HTTP/1.1 200 OK\r\n");
    for (size_t i = 0; i + 1 < header->count; i += 2)
        gost_buf_printf(&x->out, "%s: %s\r\n", header->item[i], header->item[i + 1]);
    rc = begin_tunnel(x, gost_buf_printf(&x->out, "Content-Length: 0\r\n\r\n"));
    if (rc == 0)
        rc = gost__udp_serve_framed(x->c, GOST__UDP_TUNNEL, &up);
    gost_packet_close(up);
    return rc;
}

static int serve_request(struct gost__http *x)
{
    struct gost__http_where w;
    int where = gost__http_where(&x->head, &w);
    struct gost_diag story = *gost__diag_self;
    int rc = authenticate(x);
    if (rc != 0)
        return gost__http_challenge(x, &w, rc);
    if (wants_udp(&x->head))
        return serve_udp(x);
    if (where != 0) {
        *gost__diag_self = story;
        return gost__http_refuse(x, 400, NULL, where);
    }
    if (gost_slice_is(x->head.method, "CONNECT"))
        return serve_connect(x, &w);
    return gost__http_forward(x, &w);
}

/* --- the connection ----------------------------------------------------------------------- */

/* Does it look like a request at all? Others get no answer. */
static bool is_http(const struct gost__http_reader *r)
{
    size_t n = 0;
    const uint8_t *p = r->base + r->from;
    while (n < r->len && n <= GOST_HTTP1_METHOD_MAX && p[n] >= 'A' && p[n] <= 'Z')
        n++;
    return n > 0 && n < r->len && p[n] == ' ';
}

static int refuse_head(struct gost__http *x, int rc)
{
    bool wrong = rc == GOST_EPROTO || rc == GOST_ELIMIT || rc == GOST_ENOTSUP;
    x->again = false;
    if (!wrong || !is_http(&x->client))
        return rc;
    return gost__http_refuse(x, rc == GOST_ELIMIT ? 431 : 400, NULL, rc);
}

/* Nothing has come for a while: give memory back, and then the upstream connection. */
static int rest(struct gost__http *x, uint64_t end)
{
    gost__http_reader_clear(&x->client);
    gost__http_reader_clear(&x->up);
    gost_buf_destroy(&x->out);
    int rc = GOST_ETIMEDOUT;
    if (x->upstream) {
        rc = gost_io_wait_readable(x->client.s, gost_deadline_min(x->upstream_until, end));
        if (rc == GOST_ETIMEDOUT)
            gost__http_drop_upstream(x);
    }
    return rc == GOST_ETIMEDOUT ? gost_io_wait_readable(x->client.s, end) : rc;
}

/* Wait for the next request on a kept connection. @return 1: it begins, 0: the end, or a code */
static int wait_next(struct gost__http *x)
{
    if (x->client.len > 0)
        return 1;
    int64_t idle = x->set->idle_timeout > 0 ? x->set->idle_timeout : CLIENT_IDLE_MS;
    uint64_t end = gost_deadline_in(idle);
    ssize_t n = gost__http_fill(&x->client, gost_deadline_min(end, gost_now() + REST_MS));
    if (n == GOST_ETIMEDOUT)
        n = rest(x, end);
    if (n == GOST_ETIMEDOUT || n == -ECONNRESET) /* an unused connection ends like this */
        return 0;
    return n > 0 ? 1 : (int)n;
}

static int serve_all(struct gost__http *x)
{
    int rc = 1;
    while (rc > 0) {
        ssize_t n = gost__http_head(&x->client, gost_http1_request_decode, &x->head,
                                    gost__http_read_deadline(x));
        if (n <= 0)
            return n == 0 ? 0 : refuse_head(x, (int)n);
        x->head_len = (size_t)n;
        x->c->ops->count(x->c, x->head_len, 0);
        x->again = false;
        rc = serve_request(x);
        if (rc != 0 || !x->again)
            return rc;
        rc = wait_next(x);
    }
    return rc;
}

static int serve(struct gost_handler *h, struct gost_conn *c)
{
    struct gost__http *x = calloc(1, sizeof(*x));
    if (!x)
        return gost_fail_code(GOST_ENOMEM);
    x->c = c;
    x->set = h->settings;
    x->state = h->state;
    x->client.s = c->client;
    gost_buf_create(&x->out, 4 * GOST__HTTP_READ_MAX);
    c->idle_ms = x->set->idle_timeout > 0 ? (uint64_t)x->set->idle_timeout : 0;
    c->deadline = gost__http_read_deadline(x);
    int rc = serve_all(x);
    if (c->client &&
        rc == 0) /* it may have sent what we did not read: that must not cost it the end */
        gost_stream_linger(&c->client);
    gost__http_drop_upstream(x);
    gost__http_reader_clear(&x->client);
    gost__http_reader_clear(&x->up);
    gost_buf_destroy(&x->out);
    free(x);
    return rc;
}

static int init(struct gost_handler *h)
{
    struct gost__http_state *state = calloc(1, sizeof(*state));
    if (!state)
        return gost_fail_code(GOST_ENOMEM);
    h->state = state;
    return gost__http_probe_init(state, h->settings);
}

static void destroy(struct gost_handler *h)
{
    struct gost__http_state *state = h->state;
    if (state)
        gost_tls_context_unref(state->tls);
    free(state);
}

const struct gost_handler_kind gost__http_handler = {
    .name = "http",
    .help = "HTTP proxy",
    .options = {options, sizeof(struct gost__http_settings)},
    .init = init,
    .serve = serve,
    .destroy = destroy,
};
