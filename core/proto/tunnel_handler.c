/*
 * The tunnel protocol, the server's side: clients register tunnels, visitors with a connector of
 * their own ask for hosts behind them.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/net/io.h"
#include "core/proto/handshake.h"
#include "core/proto/kinds.h"
#include "core/proto/tunnel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct tunnel_settings {
    struct gost_handshake_settings handshake;
    char *entry_id;
    bool direct;
    char *pool;
    struct gost_mux_options mux;
    /* read by the control plane (lua/gost/tunnels.lua) */
    char *entrypoint, *ingress;
    int64_t entry_proxy_protocol;
    int64_t entry_read_timeout;
    bool entry_keepalive;
    int64_t ttl;
    struct gost_strings entrypoints, rules;
};

#define OPTION(name) offsetof(struct tunnel_settings, name)

static const struct gost_option options[] = {
    GOST_HANDSHAKE_OPTIONS(struct tunnel_settings, handshake),
    {.key = "entrypoint",
     .type = GOST_OPT_STRING,
     .offset = OPTION(entrypoint),
     .help = "address of a public entry: visitors by HTTP Host or TLS server name"},
    {.key = "entrypoints",
     .type = GOST_OPT_LIST,
     .offset = OPTION(entrypoints),
     .help = "further entries: addresses, or {addr, ingress}"},
    {.key = "entrypoint.id",
     .type = GOST_OPT_STRING,
     .offset = OPTION(entry_id),
     .help = "the tunnel ID of public visitors that come with a connector of their own"},
    {.key = "entrypoint.ProxyProtocol",
     .type = GOST_OPT_INT,
     .offset = OPTION(entry_proxy_protocol),
     .help = "take PROXY headers at the entry"},
    {.key = "entrypoint.keepalive",
     .type = GOST_OPT_BOOL,
     .offset = OPTION(entry_keepalive),
     .help = "keep a visitor's way through the tunnel for its next request"},
    {.key = "entrypoint.readTimeout",
     .type = GOST_OPT_DURATION,
     .offset = OPTION(entry_read_timeout),
     .def = "15s",
     .help = "how long visitors may take for a request, and those behind tunnels for an answer"},
    {.key = "ingress",
     .type = GOST_OPT_STRING,
     .offset = OPTION(ingress),
     .help = "name of the ingress that says which tunnel a host leads to"},
    {.key = "tunnel",
     .type = GOST_OPT_LIST,
     .offset = OPTION(rules),
     .help = "rules instead of an ingress: host:UUID, …"},
    {.key = "tunnel.direct",
     .type = GOST_OPT_BOOL,
     .offset = OPTION(direct),
     .help = "visitors reach any tunnel whose ID they know, without a rule"},
    {.key = "tunnel.ttl",
     .type = GOST_OPT_DURATION,
     .offset = OPTION(ttl),
     .help = "how long GOST remembers clients that are gone; here they are forgotten at once"},
    {.key = "pool",
     .type = GOST_OPT_STRING,
     .offset = OPTION(pool),
     .help = "services with the same word share their tunnels; not given: the service's name"},
    GOST_TUNNEL_MUX_OPTIONS(struct tunnel_settings, mux),
    GOST_OPTION_END,
};

struct tunnel_state {
    struct gost_tunnels *tunnels;
    uint8_t entry_id[GOST_UUID_BYTES]; /* all zero: none */
};

/* --- messages ---------------------------------------------------------------------------------- */

static ssize_t decode(void *out, const uint8_t *p, size_t n)
{
    return gost_relay_decode(out, p, n);
}

static int receive(struct gost_conn *c, struct gost_relay *m)
{
    void *room = malloc(GOST_RELAY_MAX);
    if (!room)
        return gost_fail_code(GOST_ENOMEM);
    ssize_t n = gost_io_decode(c->client, decode, m, room, GOST_RELAY_MAX, c->deadline);
    m->meta = (struct gost_slice){NULL, 0};
    free(room);
    return n > 0 ? 0 : n == 0 ? gost_fail(GOST_EOF, "the client left without a request") : (int)n;
}

static int refuse(struct gost_conn *c, uint8_t status, int rc)
{
    struct gost_relay m = {.code = status};
    uint8_t bytes[16];
    gost__last_word(c, bytes, gost_relay_encode(bytes, sizeof(bytes), &m));
    return rc;
}

static uint8_t status_of(int rc)
{
    switch (rc) {
    case GOST_EDENIED:
        return GOST_RELAY_FORBIDDEN;
    case GOST_ENONODE:
    case GOST_ELIMIT:
        return GOST_RELAY_UNAVAILABLE;
    default:
        return GOST_RELAY_INTERNAL;
    }
}

static int authenticate(struct gost_conn *c, const struct gost_relay *m)
{
    if (!gost_conn_needs_auth(c))
        return 0;
    return gost_conn_auth(c, m->has_auth ? m->auth.user : NULL, m->auth.password, "tunnel");
}

/* --- a client registers its tunnel ------------------------------------------------------------ */

static bool is_anywhere(const char *host)
{
    return !host[0] || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

/*
 * What the client is told to be reached at: the host that it asked for, unless that is another's or
 * nobody could tell.
 */
static int name_endpoint(struct gost_conn *c, const struct gost_relay *m, struct gost_addr *out)
{
    struct gost_request request = {.network = GOST_TCP, .addr = m->addr[1]};
    struct gost_endpoint found;
    int rc = is_anywhere(request.addr.host) ? GOST_ENOTSUP : c->ops->lead(c, &request, &found);
    *out = request.addr;
    if (rc < 0 && rc != GOST_ENOTSUP)
        return rc;
    if (rc == GOST_ENOTSUP || (rc == 1 && memcmp(found.id, m->id.uuid, GOST_UUID_BYTES) != 0))
        gost_tunnel_endpoint(m->id.uuid, out->host);
    return 0;
}

static int answer_bind(struct gost_conn *c, const struct gost_addr *where,
                       const struct gost_relay_id *id)
{
    enum { ANSWER_MAX = 512 };
    struct gost_relay *m = calloc(1, sizeof(*m));
    uint8_t bytes[ANSWER_MAX];
    if (!m)
        return gost_fail_code(GOST_ENOMEM);
    m->code = GOST_RELAY_OK;
    m->has_id = true;
    m->id = *id;
    gost_relay_add_addr(m, where);
    size_t n = gost_relay_encode(bytes, sizeof(bytes), m);
    free(m);
    return n > 0 ? gost_io_write(c->client, bytes, n, gost_deadline_in(GOST_LAST_WORD_MS))
                 : gost_fail(GOST_EPROTO, "this host cannot be named in an answer");
}

static void note(struct gost_conn *c, const struct gost_relay *m, const struct gost_addr *where)
{
    char id[GOST_UUID_TEXT], text[GOST_HOSTPORT_MAX];
    gost_uuid_format(m->id.uuid, id);
    if (!c->client_id)
        c->client_id = strdup(id);
    gost_conn_log(c, GOST_LOG_INFO, "carries tunnel %s as %s", id, gost_addr_format(where, text));
}

static int serve_bind(struct gost_handler *h, struct gost_conn *c, const struct gost_relay *m)
{
    const struct tunnel_settings *s = h->settings;
    struct tunnel_state *state = h->state;
    struct gost_tunnel_connector who = {.id = {.weight = m->id.weight}};
    struct gost_addr where;
    if (m->naddrs < 2)
        return refuse(c, GOST_RELAY_BAD_REQUEST,
                      gost_fail(GOST_EPROTO, "tunnel: no address to bind"));
    int rc = gost_tunnels_room(state->tunnels, m->id.uuid);
    if (rc == 0)
        rc = name_endpoint(c, m, &where);
    if (rc != 0)
        return refuse(c, status_of(rc), rc);
    memcpy(who.tunnel, m->id.uuid, GOST_UUID_BYTES);
    gost_uuid_random(who.id.uuid);
    who.id.flags = gost_relay_is_udp(m) ? GOST_RELAY_ID_UDP : 0;
    rc = answer_bind(c, &where, &who.id);
    if (rc != 0)
        return rc;
    note(c, m, &where);
    return gost_tunnels_carry(state->tunnels, c, &who, &s->mux);
}

/* --- a visitor --------------------------------------------------------------------------------- */

/* Which tunnel the visitor may use. @return 0, or a code with the status to answer */
static int find_tunnel(struct gost_handler *h, struct gost_conn *c, const struct gost_relay *m,
                       uint8_t *tunnel, uint8_t *status)
{
    const struct tunnel_settings *s = h->settings;
    const struct tunnel_state *state = h->state;
    struct gost_request request = {.network = gost_relay_is_udp(m) ? GOST_UDP : GOST_TCP,
                                   .addr = *gost_relay_addr(m)};
    struct gost_endpoint found;
    bool is_public = !gost_uuid_is_nil(state->entry_id) &&
                     memcmp(m->id.uuid, state->entry_id, GOST_UUID_BYTES) == 0;
    int rc = c->ops->lead(c, &request, &found);
    if (rc < 0 && rc != GOST_ENOTSUP) {
        *status = status_of(rc);
        return rc;
    }
    *status = is_public && rc != 1 ? GOST_RELAY_NET_UNREACHABLE : GOST_RELAY_HOST_UNREACHABLE;
    memcpy(tunnel, m->id.uuid, GOST_UUID_BYTES);
    if (!is_public && s->direct)
        return 0;
    if (rc != 1)
        return gost_fail(GOST_EDENIED, "no ingress rule for %s", request.addr.host);
    if (is_public ? found.is_private : memcmp(found.id, m->id.uuid, GOST_UUID_BYTES) != 0)
        return gost_fail(GOST_EDENIED, "%s is not for this visitor", request.addr.host);
    memcpy(tunnel, found.id, GOST_UUID_BYTES);
    return 0;
}

static int open_tunnel(struct gost_handler *h, struct gost_conn *c, const struct gost_relay *m,
                       struct gost_stream **up)
{
    struct tunnel_state *state = h->state;
    uint8_t tunnel[GOST_UUID_BYTES], status;
    char text[GOST_HOSTPORT_MAX];
    free(c->target);
    c->target = strdup(gost_addr_format(gost_relay_addr(m), text));
    int rc = find_tunnel(h, c, m, tunnel, &status);
    if (rc != 0)
        return refuse(c, status, rc);
    struct gost_tunnel_visit visit = {
        .tunnel = tunnel, .udp = gost_relay_is_udp(m), .peer = &c->peer, .host = gost_relay_addr(m)};
    rc = gost_tunnels_open(state->tunnels, &visit, up);
    return rc == 0 ? 0 : refuse(c, GOST_RELAY_UNAVAILABLE, rc);
}

static int serve_connect(struct gost_handler *h, struct gost_conn *c, const struct gost_relay *m)
{
    struct gost_relay answer = {.code = GOST_RELAY_OK};
    struct gost_stream *up = NULL;
    uint8_t bytes[16];
    if (m->naddrs < 1 || !gost_relay_addr(m)->host[0])
        return refuse(c, GOST_RELAY_BAD_REQUEST, gost_fail(GOST_EPROTO, "tunnel: no target"));
    int rc = open_tunnel(h, c, m, &up);
    if (rc != 0)
        return rc;
    size_t n = gost_relay_encode(bytes, sizeof(bytes), &answer);
    rc = gost_io_write(c->client, bytes, n, gost_deadline_in(GOST_LAST_WORD_MS));
    if (rc == 0)
        rc = gost_conn_relay(c, &up);
    gost_stream_close(up);
    return rc;
}

/* --- the handler ------------------------------------------------------------------------------- */

static int serve_request(struct gost_handler *h, struct gost_conn *c, struct gost_relay *m)
{
    uint8_t command = m->code & GOST_RELAY_COMMAND_MASK;
    if (!m->has_id || gost_uuid_is_nil(m->id.uuid))
        return refuse(c, GOST_RELAY_BAD_REQUEST, gost_fail(GOST_EPROTO, "tunnel: no tunnel ID"));
    int rc = authenticate(c, m);
    explicit_bzero(m->auth.password, sizeof(m->auth.password)); /* the message may live for days */
    if (rc != 0)
        return refuse(c, GOST_RELAY_UNAUTHORIZED, rc);
    if (command == GOST_RELAY_BIND)
        return serve_bind(h, c, m);
    if (command <= GOST_RELAY_CONNECT)
        return serve_connect(h, c, m);
    return refuse(c, GOST_RELAY_BAD_REQUEST, gost_fail(GOST_EPROTO, "tunnel: command %u", command));
}

static int serve(struct gost_handler *h, struct gost_conn *c)
{
    const struct tunnel_settings *s = h->settings;
    struct gost_relay *m = calloc(1, sizeof(*m)); /* big, and it lives as long as the client */
    if (!m)
        return gost_fail_code(GOST_ENOMEM);
    gost__handshake_begin(c, &s->handshake);
    int rc = receive(c, m);
    if (rc == 0)
        rc = serve_request(h, c, m);
    explicit_bzero(m, sizeof(*m));
    free(m);
    return rc;
}

static int init(struct gost_handler *h)
{
    const struct tunnel_settings *s = h->settings;
    struct gost_endpoint entry;
    int rc = gost_mux_options_check(&s->mux);
    if (rc != 0)
        return rc;
    struct tunnel_state *state = calloc(1, sizeof(*state));
    if (!state)
        return gost_fail_code(GOST_ENOMEM);
    h->state = state;
    if (s->entry_id && s->entry_id[0]) {
        if (!gost_endpoint_parse(s->entry_id, strlen(s->entry_id), &entry))
            return gost_fail(GOST_ECONFIG, "entrypoint.id: \"%s\" is no UUID", s->entry_id);
        memcpy(state->entry_id, entry.id, GOST_UUID_BYTES);
    }
    state->tunnels = gost_tunnels_take(s->pool ? s->pool : "");
    return state->tunnels ? 0 : gost_fail_code(GOST_ENOMEM);
}

static void destroy(struct gost_handler *h)
{
    struct tunnel_state *state = h->state;
    if (state)
        gost_tunnels_give(state->tunnels);
    free(state);
}

const struct gost_handler_kind gost__tunnel_handler = {
    .name = "tunnel",
    .help = "reverse tunnels by ID: clients carry visitors of hosts",
    .options = {options, sizeof(struct tunnel_settings)},
    .init = init,
    .serve = serve,
    .destroy = destroy,
};
