/*
 * The tunnel protocol, the clients' side: those who carry a tunnel (bind), and visitors with a
 * connector of their own (connect).
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/net/io.h"
#include "core/proto/handshake.h"
#include "core/proto/kinds.h"
#include "core/proto/relay_bind.h"
#include "core/proto/tunnel.h"
#include "core/proto/udp_framed.h"

#include <stdlib.h>
#include <string.h>

struct tunnel_settings {
    int64_t timeout;
    char *id;
    int64_t weight;
    char *record_mode;
    struct gost_mux_options mux;
};

static const struct gost_option options[] = {
    {.key = "connectTimeout",
     .type = GOST_OPT_DURATION,
     .offset = offsetof(struct tunnel_settings, timeout),
     .help = "how long the node may take to answer"},
    {.key = "tunnel.id",
     .aliases = "tunnelID",
     .type = GOST_OPT_STRING,
     .offset = offsetof(struct tunnel_settings, id),
     .help = "UUID of the tunnel; not given: a random one"},
    {.key = "tunnel.weight",
     .type = GOST_OPT_INT,
     .offset = offsetof(struct tunnel_settings, weight),
     .min = 0,
     .max = 255,
     .help =
         "share of the visitors where several clients carry a tunnel; 255: all, while it lives"},
    {.key = "record.mode",
     .type = GOST_OPT_STRING,
     .offset = offsetof(struct tunnel_settings, record_mode),
     .help = "passed on to the tunnel's server in its requests, for the recorders of a GOST there"},
    GOST_TUNNEL_MUX_OPTIONS(struct tunnel_settings, mux),
    GOST_OPTION_END,
};

struct tunnel_state {
    uint8_t id[GOST_UUID_BYTES];
    uint8_t meta[4 + 255 + 255]; /* what goes along with every request */
    size_t meta_len;
};

static int add_credentials(struct gost_connector *c, struct gost_relay *m)
{
    if (!c->user)
        return 0;
    m->has_auth = true;
    if (gost_slice_copy(gost_slice(c->user), m->auth.user, sizeof(m->auth.user)) &&
        gost_slice_copy(gost_slice(c->password ? c->password : ""), m->auth.password,
                        sizeof(m->auth.password)))
        return 0;
    return gost_fail(GOST_EAUTH, "user or password over 255 bytes");
}

/* Who asks: the client that we serve, else this end of the connection. */
static void add_source(struct gost_stream *io, struct gost_relay *m)
{
    const struct gost_conn *conn = gost_fiber_self() ? gost_fiber_self()->conn : NULL;
    union gost_sockaddr from;
    struct gost_addr source = {.host = "0.0.0.0"};
    char text[GOST_HOSTPORT_MAX];
    bool known = conn != NULL;
    if (conn)
        from = conn->peer;
    if (!known || (from.sa.sa_family != AF_INET && from.sa.sa_family != AF_INET6))
        known = gost_stream_query(io, GOST_QUERY_LOCAL_ADDR, &from) == 0;
    if (known && (from.sa.sa_family == AF_INET || from.sa.sa_family == AF_INET6)) {
        strcpy(source.host, gost_sockaddr_host(&from, text));
        source.port = gost_sockaddr_port(&from);
    }
    gost_relay_add_addr(m, &source);
}

/* A request; freed with delete_request. NULL with diag on failure */
static struct gost_relay *new_request(struct gost_connector *c, struct gost_stream *io,
                                      uint8_t code, const struct gost_request *request)
{
    const struct tunnel_settings *s = c->settings;
    const struct tunnel_state *state = c->state;
    struct gost_relay *m = calloc(1, sizeof(*m));
    struct gost_addr to = request->addr;
    if (!m) {
        gost_fail_code(GOST_ENOMEM);
        return NULL;
    }
    m->code = code;
    if (request->network == GOST_UDP) {
        m->code |= GOST_RELAY_FLAG_UDP;
        m->has_network = true;
        m->network = GOST_RELAY_UDP;
    }
    if (!to.host[0])
        strcpy(to.host, "0.0.0.0");
    add_source(io, m);
    gost_relay_add_addr(m, &to);
    m->has_id = true;
    memcpy(m->id.uuid, state->id, GOST_UUID_BYTES);
    m->meta = (struct gost_slice){(const char *)state->meta, state->meta_len};
    m->id.weight = code == GOST_RELAY_BIND ? (uint8_t)s->weight : 0;
    if (add_credentials(c, m) == 0)
        return m;
    free(m);
    return NULL;
}

static void delete_request(struct gost_relay *m)
{
    explicit_bzero(&m->auth, sizeof(m->auth));
    free(m);
}

static ssize_t decode(void *out, const uint8_t *p, size_t n)
{
    return gost_relay_decode(out, p, n);
}

/* Send the request and wait for its answer, which takes its place in `m`. */
static int ask(struct gost_stream *io, struct gost_relay *m, uint64_t deadline)
{
    uint8_t *room = malloc(GOST_RELAY_MAX);
    if (!room)
        return gost_fail_code(GOST_ENOMEM);
    size_t n = gost_relay_encode(room, GOST_RELAY_MAX, m);
    int rc = n > 0 ? gost_io_write(io, room, n, deadline)
                   : gost_fail(GOST_EPROTO, "a tunnel's request cannot name this target");
    explicit_bzero(room, n);
    ssize_t got = rc == 0 ? gost_io_decode(io, decode, m, room, GOST_RELAY_MAX, deadline) : rc;
    m->meta = (struct gost_slice){NULL, 0};
    free(room);
    if (got <= 0)
        return got == 0 ? gost_fail(GOST_EOF, "the node closed without an answer") : (int)got;
    return gost__relay_verdict(m->code);
}

static int connect_to(struct gost_connector *c, struct gost_stream *io,
                      const struct gost_request *request, uint64_t deadline)
{
    const struct tunnel_settings *s = c->settings;
    struct gost_relay *m = new_request(c, io, GOST_RELAY_CONNECT, request);
    if (!m)
        return GOST_EAUTH;
    int rc = ask(io, m, gost__deadline_within(deadline, s->timeout));
    delete_request(m);
    return rc;
}

static int tunnel_connect(struct gost_connector *c, struct gost_stream **io,
                          const struct gost_request *request, uint64_t deadline)
{
    if (request->network != GOST_TCP)
        return gost_fail(GOST_ENOTSUP, "tunnels lead to no %s targets",
                         gost_network_name(request->network));
    return connect_to(c, *io, request, deadline);
}

/* Datagrams follow, each with its length; nobody on the way looks at them. */
static int tunnel_connect_packet(struct gost_connector *c, struct gost_stream **io,
                                 const struct gost_request *request,
                                 struct gost_packet_carrier *carrier, uint64_t deadline,
                                 struct gost_packet **out)
{
    (void)carrier;
    if (!request->addr.host[0] && !request->unnamed)
        return gost_fail(GOST_ENOTSUP, "a tunnel leads to one host");
    int rc = connect_to(c, *io, request, deadline);
    return rc == 0 ? gost__udp_framed_new(io, GOST__UDP_RELAY, NULL, out) : rc;
}

static int tunnel_bind(struct gost_connector *c, struct gost_stream **io,
                       const struct gost_request *request, uint64_t deadline,
                       struct gost_remote **out)
{
    const struct tunnel_settings *s = c->settings;
    if (request->network == GOST_UNIX)
        return gost_fail(GOST_ENOTSUP, "the tunnel connector cannot listen at Unix sockets");
    struct gost_relay *m = new_request(c, *io, GOST_RELAY_BIND, request);
    if (!m)
        return GOST_EAUTH;
    int rc = gost__relay_bind(io, m, &s->mux, gost__deadline_within(deadline, s->timeout), out);
    delete_request(m);
    return rc;
}

static int init(struct gost_connector *c)
{
    const struct tunnel_settings *s = c->settings;
    struct tunnel_state *state = calloc(1, sizeof(*state));
    if (!state)
        return gost_fail_code(GOST_ENOMEM);
    c->state = state;
    if (!s->id || !s->id[0])
        gost_uuid_random(state->id);
    else if (!gost_uuid_parse(s->id, strlen(s->id), state->id) || gost_uuid_is_nil(state->id))
        return gost_fail(GOST_ECONFIG, "tunnel.id: \"%s\" is no UUID", s->id);
    if (s->record_mode && s->record_mode[0]) {
        state->meta_len = gost_relay_put_meta(state->meta, sizeof(state->meta), 0,
                                              gost_slice("record.mode"), gost_slice(s->record_mode));
        if (state->meta_len == 0)
            return gost_fail(GOST_ECONFIG, "record.mode: over 255 bytes");
    }
    return gost_mux_options_check(&s->mux);
}

static void destroy(struct gost_connector *c)
{
    free(c->state);
}

const struct gost_connector_kind gost__tunnel_connector = {
    .name = "tunnel",
    .help = "reverse tunnels by ID: carry one (rtcp), or visit one",
    .options = {options, sizeof(struct tunnel_settings)},
    .knows_target = true, /* with tunnel.direct */
    .init = init,
    .connect = tunnel_connect,
    .connect_packet = tunnel_connect_packet,
    .bind = tunnel_bind,
    .destroy = destroy,
};
