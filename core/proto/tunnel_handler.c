/*
 * The tunnel protocol, the server's side: clients register tunnels, visitors with a connector of
 * their own ask for hosts behind them.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/net/io.h"
#include "core/proto/handshake.h"
#include "core/proto/kinds.h"
#include "core/proto/tunnel_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct tunnel_settings {
    struct gost_handshake_settings handshake;
    char *entry_id;
    bool direct;
    char *pool;
    struct gost_mux_options mux;
    int64_t ttl;
    bool shared;
    char *sd_addr;
    int64_t introduce;
    /* read by the control plane (lua/gost/tunnels.lua) */
    char *entrypoint, *ingress;
    int64_t entry_proxy_protocol;
    int64_t entry_read_timeout;
    bool entry_keepalive;
    char *sd;
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
     .def = "15s",
     .help = "how often other hosts are told by service discovery which clients are here"},
    {.key = "tunnel.shared",
     .type = GOST_OPT_BOOL,
     .offset = OPTION(shared),
     .help =
         "users may carry the same tunnel; else it is its first one's, while that is connected"},
    {.key = "sd",
     .type = GOST_OPT_STRING,
     .offset = OPTION(sd),
     .help = "name of the service discovery by which hosts find each other's tunnels"},
    {.key = "sd.proxyProtocol",
     .type = GOST_OPT_INT,
     .offset = OPTION(introduce),
     .min = 0,
     .max = 2,
     .help = "tell other hosts who a visitor is by PROXY headers of this version; their entries "
             "take them"},
    {.key = "sd.addr",
     .type = GOST_OPT_STRING,
     .offset = OPTION(sd_addr),
     .help = "address of this host's entry for other hosts; not given: that of the entrypoint"},
    {.key = "pool",
     .type = GOST_OPT_STRING,
     .offset = OPTION(pool),
     .help = "services with the same word share their tunnels; not given: the service's name"},
    GOST_TUNNEL_MUX_OPTIONS(struct tunnel_settings, mux),
    GOST_OPTION_END,
};

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

static void note(struct gost_conn *c, const uint8_t *tunnel, const struct gost_addr *where)
{
    char id[GOST_UUID_TEXT], text[GOST_HOSTPORT_MAX];
    gost_uuid_format(tunnel, id);
    if (!c->client_id)
        c->client_id = strdup(id);
    gost_conn_log(c, GOST_LOG_INFO, "carries tunnel %s as %s", id, gost_addr_format(where, text));
}

/* Where other hosts reach us: an entry that listens everywhere is at the address the client came to. */
static void name_entry(struct gost_conn *c, const char *given, char *out)
{
    struct gost_addr addr;
    union gost_sockaddr local;
    char text[GOST_HOSTPORT_MAX];
    snprintf(out, GOST_HOSTPORT_MAX, "%s", given ? given : "");
    if (!out[0] || gost_addr_parse(&addr, out, strlen(out), 0) != 0 || !is_anywhere(addr.host) ||
        gost_stream_query(c->client, GOST_QUERY_LOCAL_ADDR, &local) != 0)
        return;
    gost_sockaddr_unmap(&local);
    if (local.sa.sa_family != AF_INET && local.sa.sa_family != AF_INET6)
        return;
    strcpy(addr.host, gost_sockaddr_host(&local, text));
    gost_addr_format(&addr, out);
}

enum { OWNER_MAX = 256 };

/* A client that carries a tunnel from now on: what is known of it. */
struct carrier {
    struct gost_tunnel_connector who;
    char owner[OWNER_MAX];
    char address[GOST_HOSTPORT_MAX];
    struct gost_addr where; /* what the client is told to be reached at */
};

static struct carrier *carrier_new(const struct tunnel_settings *s, struct gost_conn *c,
                                   const struct gost_relay *m)
{
    struct carrier *k = calloc(1, sizeof(*k));
    if (!k)
        return NULL;
    snprintf(k->owner, sizeof(k->owner), "%s",
             c->client_id ? c->client_id
             : c->user    ? c->user
                          : "");
    name_entry(c, s->sd_addr, k->address);
    memcpy(k->who.tunnel, m->id.uuid, GOST_UUID_BYTES);
    gost_uuid_random(k->who.id.uuid);
    k->who.id.weight = m->id.weight;
    k->who.id.flags = gost_relay_is_udp(m) ? GOST_RELAY_ID_UDP : 0;
    k->who.owner = s->shared ? NULL : k->owner;
    k->who.address = k->address;
    k->who.ttl_ms = s->ttl;
    return k;
}

/* May it? Else it is refused. @return 0 or a negative code */
static int admit(const struct gost__tunnel_rules *rules, struct gost_conn *c,
                 const struct gost_relay *m, struct carrier *k)
{
    char id[GOST_UUID_TEXT];
    if (m->naddrs < 2)
        return gost__tunnel_refuse(c, GOST_RELAY_BAD_REQUEST,
                                   gost_fail(GOST_EPROTO, "tunnel: no address to bind"));
    int rc = gost_tunnels_admit(rules->tunnels, &k->who);
    if (rc != 0)
        rc = gost_fail_at(rc, "tunnel %s", gost_uuid_format(m->id.uuid, id));
    if (rc == 0)
        rc = name_endpoint(c, m, &k->where);
    return rc == 0 ? 0 : gost__tunnel_refuse(c, gost__tunnel_status(rc), rc);
}

static int welcome(struct gost_conn *c, void *arg)
{
    struct carrier *k = arg;
    int rc = answer_bind(c, &k->where, &k->who.id);
    if (rc == 0)
        note(c, k->who.tunnel, &k->where);
    return rc;
}

/* --- the handler ------------------------------------------------------------------------------- */

/* What the client wants. @param[out] k  it wants to carry a tunnel, and may */
static int serve_request(struct gost_handler *h, struct gost_conn *c, struct gost_relay *m,
                         struct gost_buf *raw, struct carrier **k)
{
    uint8_t command = m->code & GOST_RELAY_COMMAND_MASK;
    int rc = gost__tunnel_authenticate(c, m);
    if (rc != 0)
        return rc;
    if (command <= GOST_RELAY_CONNECT)
        return gost__tunnel_connect(h->state, c, m, raw);
    if (command != GOST_RELAY_BIND)
        return gost__tunnel_refuse(c, GOST_RELAY_BAD_REQUEST,
                                   gost_fail(GOST_EPROTO, "tunnel: command %u", command));
    *k = carrier_new(h->settings, c, m);
    return *k ? admit(h->state, c, m, *k) : gost_fail_code(GOST_ENOMEM);
}

static int serve(struct gost_handler *h, struct gost_conn *c)
{
    const struct tunnel_settings *s = h->settings;
    const struct gost__tunnel_rules *rules = h->state;
    struct gost_relay *m = calloc(1, sizeof(*m)); /* too big for a fiber's stack */
    struct gost_buf raw = {.max = GOST_RELAY_MAX};
    struct carrier *k = NULL;
    if (!m)
        return gost_fail_code(GOST_ENOMEM);
    gost__handshake_begin(c, &s->handshake);
    int rc = gost__tunnel_receive(c, m, &raw);
    if (rc == 0)
        rc = serve_request(h, c, m, &raw, &k);
    gost__tunnel_forget(m, &raw);
    free(m);
    if (rc == 0 && k)
        rc = gost_tunnels_carry(rules->tunnels, c, &k->who, &s->mux, welcome, k);
    free(k);
    return rc;
}

static int init(struct gost_handler *h)
{
    const struct tunnel_settings *s = h->settings;
    int rc = gost_mux_options_check(&s->mux);
    if (rc != 0)
        return rc;
    struct gost__tunnel_rules *rules = h->state = calloc(1, sizeof(*rules));
    if (!rules)
        return gost_fail_code(GOST_ENOMEM);
    rc = gost__tunnel_rules_init(rules, s->entry_id, s->direct, s->pool);
    rules->introduce = (int)s->introduce;
    if (rc == 0 && s->sd_addr)
        rc = gost__tunnels_set_address(rules->tunnels, s->sd_addr);
    return rc;
}

static void destroy(struct gost_handler *h)
{
    struct gost__tunnel_rules *rules = h->state;
    if (rules)
        gost_tunnels_give(rules->tunnels);
    free(rules);
}

const struct gost_handler_kind gost__tunnel_handler = {
    .name = "tunnel",
    .help = "reverse tunnels by ID: clients carry visitors of hosts",
    .options = {options, sizeof(struct tunnel_settings)},
    .init = init,
    .serve = serve,
    .destroy = destroy,
};
