/*
 * The public entry of tunnels: a visitor says where it wants to go by HTTP's Host or TLS's server
 * name, and the ingress says which tunnel leads there. Where hosts share service discovery, one that
 * speaks the tunnel protocol may come over another host's tunnel service.
 *
 * HTTP is served by the proxy's own machinery, request by request; only its way out is another: in
 * place of dialing, a stream through a tunnel is opened.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/client_hello.h"
#include "core/codec/http1_body.h"
#include "core/codec/sniff.h"
#include "core/proto/handshake.h"
#include "core/proto/http.h"
#include "core/proto/kinds.h"
#include "core/proto/tunnel_int.h"

#include <stdlib.h>
#include <string.h>

struct entry_settings {
    int64_t read_timeout, idle_timeout; /* milliseconds */
    bool keepalive;
    char *pool;
    char *ingress; /* read by the control plane, as is the next one */
    struct gost_strings rules;
    char *entry_id, *sd;
    int64_t introduce;
    bool direct;
};

#define OPTION(name) offsetof(struct entry_settings, name)

static const struct gost_option options[] = {
    {.key = "readTimeout",
     .type = GOST_OPT_DURATION,
     .offset = OPTION(read_timeout),
     .def = "15s",
     .help = "how long a visitor may take for a request, and its answer's head may take"},
    {.key = "idleTimeout",
     .type = GOST_OPT_DURATION,
     .offset = OPTION(idle_timeout),
     .help = "end a connection after so long without a byte"},
    {.key = "keepalive",
     .type = GOST_OPT_BOOL,
     .offset = OPTION(keepalive),
     .help = "keep a visitor's way through the tunnel for its next request"},
    {.key = "pool",
     .type = GOST_OPT_STRING,
     .offset = OPTION(pool),
     .help = "the tunnel service (its name, or its pool) that visitors are for"},
    {.key = "ingress",
     .type = GOST_OPT_STRING,
     .offset = OPTION(ingress),
     .help = "name of the ingress that says which tunnel a host leads to"},
    {.key = "tunnel",
     .type = GOST_OPT_LIST,
     .offset = OPTION(rules),
     .help = "rules instead of an ingress: host:UUID, …"},
    {.key = "entrypoint.id",
     .type = GOST_OPT_STRING,
     .offset = OPTION(entry_id),
     .help = "as of the tunnel service"},
    {.key = "tunnel.direct",
     .type = GOST_OPT_BOOL,
     .offset = OPTION(direct),
     .help = "as of the tunnel service"},
    {.key = "sd.proxyProtocol",
     .type = GOST_OPT_INT,
     .offset = OPTION(introduce),
     .min = 0,
     .max = 2,
     .help = "as of the tunnel service"},
    {.key = "sd", .type = GOST_OPT_STRING, .offset = OPTION(sd), .help = "as of the tunnel service"},
    GOST_OPTION_END,
};

struct entry_state {
    struct gost__tunnel_rules rules;
    bool has_hosts; /* other hosts pass on visitors */
    struct gost__http_settings http;
    struct gost__http_state http_state;
};

/* A visitor's connection, with another way out. */
struct visitor {
    struct gost_conn_ops ops; /* in place of those below */
    const struct gost_conn_ops *below;
    struct entry_state *entry;
};

/* --- the way out -------------------------------------------------------------------------------- */

static struct visitor *visitor_of(struct gost_conn *c)
{
    return gost_container_of((struct gost_conn_ops *)c->ops, struct visitor, ops);
}

/* Which tunnel is for everybody and leads there? */
static int find(struct gost_conn *c, const struct gost_request *request, struct gost_addr *host,
                uint8_t *tunnel)
{
    struct gost_request copy = *request;
    struct gost_endpoint found;
    int rc = visitor_of(c)->below->lead(c, &copy, &found);
    *host = copy.addr;
    if (rc < 0 && rc != GOST_ENOTSUP)
        return rc;
    if (rc != 1 || found.is_private)
        return gost_fail(GOST_EPROTO, "no public tunnel for %s", copy.addr.host);
    memcpy(tunnel, found.id, GOST_UUID_BYTES);
    return 0;
}

/* @param many  more requests may follow on this connection, for other tunnels */
static int open_way(struct gost_conn *c, const struct gost_request *request, bool many,
                    struct gost_tunnel_way *way)
{
    uint8_t tunnel[GOST_UUID_BYTES];
    struct gost_addr host;
    char text[GOST_HOSTPORT_MAX];
    free(c->target);
    c->target = strdup(gost_addr_format(&request->addr, text));
    int rc = find(c, request, &host, tunnel);
    const struct gost__tunnel_rules *rules = &visitor_of(c)->entry->rules;
    struct gost_tunnel_visit visit = {.tunnel = tunnel,
                                      .many = many,
                                      .introduce = rules->introduce,
                                      .peer = &c->peer,
                                      .host = &host};
    return rc == 0 ? gost_tunnels_open(rules->tunnels, c, &visit, way) : rc;
}

static int entry_dial(struct gost_conn *c, const struct gost_request *request,
                      struct gost_stream **up)
{
    struct gost_tunnel_way way;
    *up = NULL;
    if (!request->protocol) /* CONNECT: an entry is no proxy */
        return gost_fail(GOST_EDENIED, "visitors cannot CONNECT");
    int rc = open_way(c, request, true, &way);
    if (rc == 0)
        *up = way.up;
    return rc;
}

/* Every request asks anew; that is cheap, and rules may change. */
static int entry_allow(struct gost_conn *c, const struct gost_request *request)
{
    uint8_t tunnel[GOST_UUID_BYTES];
    struct gost_addr host;
    return find(c, request, &host, tunnel);
}

static bool entry_needs_auth(struct gost_conn *c)
{
    (void)c;
    return false;
}

/* --- TLS ---------------------------------------------------------------------------------------- */

static ssize_t find_name(struct gost_request *r, const uint8_t *p, size_t n)
{
    struct gost_client_hello *hello = malloc(sizeof(*hello));
    if (!hello)
        return gost_fail_code(GOST_ENOMEM);
    ssize_t rc = gost_client_hello_decode(hello, p, n);
    if (rc > 0 && !hello->sni[0])
        rc = gost_fail(GOST_EPROTO, "the TLS client names no server");
    if (rc > 0 && gost_http1_authority(&r->addr, gost_slice(hello->sni), 443) != 0)
        rc = GOST_EPROTO;
    free(hello);
    return rc;
}

static int serve_tls(struct gost_conn *c, struct gost__http_reader *reader)
{
    struct gost_request request = {.network = GOST_TCP, .protocol = "tls"};
    struct gost_tunnel_way way = {NULL, NULL, false};
    ssize_t rc = 0;
    while ((rc = find_name(&request, gost__http_bytes(reader), reader->len)) == 0) {
        ssize_t n = gost__http_fill(reader, c->deadline);
        if (n <= 0)
            return n == 0 ? gost_fail(GOST_EOF, "the visitor left inside its hello") : (int)n;
    }
    if (rc > 0)
        rc = gost__http_give_back(reader);
    if (rc == 0)
        rc = open_way(c, &request, false, &way);
    if (rc == 0)
        rc = gost_tunnel_way_relay(c, &way);
    gost_tunnel_way_close(&way);
    return (int)rc;
}

/* --- the tunnel protocol ------------------------------------------------------------------------ */

/* A visitor of another host, which passes on what it asked there; it is asked the same here. */
static int serve_tunnel(struct gost_conn *c, struct entry_state *state)
{
    struct gost_relay *m = calloc(1, sizeof(*m));
    struct gost_buf raw = {.max = GOST_RELAY_MAX};
    if (!m)
        return gost_fail_code(GOST_ENOMEM);
    int rc = gost__tunnel_receive(c, m, &raw);
    if (rc == 0)
        rc = gost__tunnel_authenticate(c, m);
    if (rc == 0 && (m->code & GOST_RELAY_COMMAND_MASK) > GOST_RELAY_CONNECT)
        rc = gost__tunnel_refuse(c, GOST_RELAY_BAD_REQUEST,
                                 gost_fail(GOST_EPROTO, "entry: only visitors come here"));
    else if (rc == 0)
        rc = gost__tunnel_connect(&state->rules, c, m, &raw);
    gost__tunnel_forget(m, &raw);
    free(m);
    return rc;
}

/* --- the handler --------------------------------------------------------------------------------- */

static int serve_http(struct gost_conn *c, struct entry_state *state)
{
    struct gost_handler http = {
        .kind = &gost__http_handler, .settings = &state->http, .state = &state->http_state};
    return gost__http_handler.serve(&http, c);
}

enum { SNIFF_TUNNEL = 100 /* beside enum gost_sniff */ };

/* What do the first bytes speak? @return enum gost_sniff, SNIFF_TUNNEL, or a negative code */
static int look(struct gost_conn *c, struct gost__http_reader *reader)
{
    for (;;) {
        ssize_t n = gost__http_fill(reader, c->deadline);
        if (n <= 0)
            return n == 0 ? gost_fail(GOST_EOF, "the visitor left") : (int)n;
        if (gost__http_bytes(reader)[0] == 1)
            return SNIFF_TUNNEL;
        enum gost_sniff what = gost_sniff(gost__http_bytes(reader), reader->len);
        if (what != GOST_SNIFF_MORE)
            return (int)what;
    }
}

static int serve_visitor(struct gost_conn *c, struct entry_state *state)
{
    struct gost__http_reader reader = {.s = c->client};
    int rc = look(c, &reader);
    if (rc == GOST_SNIFF_TLS) {
        rc = serve_tls(c, &reader);
    } else if (rc == GOST_SNIFF_HTTP) {
        rc = gost__http_give_back(&reader);
        rc = rc == 0 ? serve_http(c, state) : rc;
    } else if (rc == SNIFF_TUNNEL && state->has_hosts) {
        rc = gost__http_give_back(&reader);
        c->ops = visitor_of(c)->below; /* as at the tunnel service, credentials are asked for */
        rc = rc == 0 ? serve_tunnel(c, state) : rc;
    } else if (rc >= 0) {
        rc = gost_fail(GOST_EPROTO, "neither TLS nor HTTP");
    }
    gost__http_reader_clear(&reader);
    return rc;
}

static int serve(struct gost_handler *h, struct gost_conn *c)
{
    const struct entry_settings *s = h->settings;
    struct visitor *v = malloc(sizeof(*v));
    if (!v)
        return gost_fail_code(GOST_ENOMEM);
    v->below = c->ops;
    v->ops = *c->ops;
    v->ops.dial = entry_dial;
    v->ops.allow = entry_allow;
    v->ops.needs_auth = entry_needs_auth;
    v->entry = h->state;
    c->ops = &v->ops;
    gost__handshake_begin(c, &(struct gost_handshake_settings){.read_timeout = s->read_timeout,
                                                               .idle_timeout = s->idle_timeout});
    int rc = serve_visitor(c, h->state);
    c->ops = v->below;
    free(v);
    return rc;
}

static int init(struct gost_handler *h)
{
    static char agent[] = "gost";
    const struct entry_settings *s = h->settings;
    struct entry_state *state = calloc(1, sizeof(*state));
    if (!state)
        return gost_fail_code(GOST_ENOMEM);
    h->state = state;
    state->http.read_timeout = s->read_timeout;
    state->http.idle_timeout = s->idle_timeout;
    state->http.keepalive = s->keepalive;
    state->http.agent = state->http.realm = agent;
    state->rules.introduce = (int)s->introduce;
    state->has_hosts = s->sd && s->sd[0];
    return gost__tunnel_rules_init(&state->rules, s->entry_id, s->direct, s->pool);
}

static void destroy(struct gost_handler *h)
{
    struct entry_state *state = h->state;
    if (state)
        gost_tunnels_give(state->rules.tunnels);
    free(state);
}

const struct gost_handler_kind gost__tunnel_entry_handler = {
    .name = "entrypoint",
    .help = "public entry of tunnels: visitors by HTTP Host or TLS server name",
    .options = {options, sizeof(struct entry_settings)},
    .no_auth = true,
    .init = init,
    .serve = serve,
    .destroy = destroy,
};
