/*
 * GOST's relay protocol, the proxy's side.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/relay.h"
#include "core/net/io.h"
#include "core/proto/handshake.h"
#include "core/proto/kinds.h"
#include "core/proto/relay_bind.h"
#include "core/proto/sniffing.h"
#include "core/proto/udp_server.h"

#include <stdlib.h>
#include <string.h>

struct relay_settings {
    struct gost_handshake_settings handshake;
    struct gost__sniffing sniffing;
    bool nodelay;
    bool unix_targets;
    bool bind;
    struct gost__udp_settings udp;
    struct gost_mux_options mux;
};

static const struct gost_option options[] = {
    GOST_HANDSHAKE_OPTIONS(struct relay_settings, handshake),
    GOST_SNIFFING_OPTIONS(struct relay_settings, sniffing, GOST_SNIFFING_NAMES),
    {.key = "nodelay",
     .type = GOST_OPT_BOOL,
     .offset = offsetof(struct relay_settings, nodelay),
     .help = "answer as soon as the target is connected; so it is always, the word is for GOST's "
             "configurations"},
    {.key = "unix",
     .type = GOST_OPT_BOOL,
     .offset = offsetof(struct relay_settings, unix_targets),
     .help = "let clients connect to Unix sockets of this host"},
    {.key = "bind",
     .type = GOST_OPT_BOOL,
     .offset = offsetof(struct relay_settings, bind),
     .help = "let clients listen on this host, for reverse tunnels; and associate for datagrams"},
    GOST_UDP_BUFFER_OPTION(struct relay_settings, udp),
    GOST_MUX_OPTIONS(struct relay_settings, mux, "1", NULL),
    GOST_OPTION_END,
};

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
    m->meta = (struct gost_slice){NULL, 0}; /* it lies in the room, and we do not look at it */
    free(room);
    if (n == 0)
        return gost_fail(GOST_EOF, "the client left without a request");
    return n > 0 ? 0 : (int)n;
}

static size_t encode(uint8_t *bytes, size_t cap, uint8_t status)
{
    struct gost_relay m = {.code = status};
    return gost_relay_encode(bytes, cap, &m);
}

static int refuse(struct gost_conn *c, uint8_t status, int rc)
{
    uint8_t bytes[16];
    gost__last_word(c, bytes, encode(bytes, sizeof(bytes), status));
    return rc;
}

static uint8_t status_of(int rc, bool forwarding)
{
    switch (rc) {
    case GOST_EDENIED:
        return GOST_RELAY_FORBIDDEN;
    case GOST_ETIMEDOUT:
        return GOST_RELAY_TIMEOUT;
    case GOST_ENONODE:
    case -EMFILE:
    case -ENFILE:
        return GOST_RELAY_UNAVAILABLE;
    case GOST_EDNS:
    case -ECONNREFUSED:
    case -EHOSTUNREACH:
    case -EHOSTDOWN:
        return GOST_RELAY_HOST_UNREACHABLE;
    default:
        return forwarding ? GOST_RELAY_HOST_UNREACHABLE : GOST_RELAY_NET_UNREACHABLE;
    }
}

static int authenticate(struct gost_conn *c, struct gost_relay *m)
{
    if (!gost_conn_needs_auth(c))
        return 0;
    int rc = gost_conn_auth(c, m->has_auth ? m->auth.user : NULL, m->auth.password, "relay");
    explicit_bzero(&m->auth, sizeof(m->auth));
    return rc;
}

/* What the request is about, if it is something that we do. */
static int check(struct gost_handler *h, struct gost_conn *c, const struct gost_relay *m,
                 struct gost_request *request)
{
    const struct relay_settings *s = h->settings;
    const struct gost_addr *addr = gost_relay_addr(m);
    uint8_t command = m->code & GOST_RELAY_COMMAND_MASK;
    bool is_unix = m->has_network && m->network == GOST_RELAY_UNIX;
    bool other = m->has_network && (m->network == GOST_RELAY_IP || m->network == GOST_RELAY_SERIAL);
    *request = gost__handshake_request(&s->handshake, addr ? addr : &(struct gost_addr){{0}, 0});
    request->network = gost_relay_is_udp(m) ? GOST_UDP : is_unix ? GOST_UNIX : GOST_TCP;
    if (other)
        return refuse(c, GOST_RELAY_UNAVAILABLE, gost_fail(GOST_ENOTSUP, "relay: network"));
    if (c->ops->has_forwarder(c))
        return 0;
    if (command == GOST_RELAY_BIND)
        return s->bind ? 0
                       : refuse(c, GOST_RELAY_FORBIDDEN,
                                gost_fail(GOST_EDENIED, "relay: BIND needs bind=true"));
    if (command > GOST_RELAY_CONNECT)
        return refuse(c, GOST_RELAY_BAD_REQUEST,
                      gost_fail(GOST_EPROTO, "relay: command %u", command));
    if (!addr || !addr->host[0])
        return refuse(c, GOST_RELAY_BAD_REQUEST, gost_fail(GOST_EPROTO, "relay: no target"));
    if (request->network == GOST_UNIX && !s->unix_targets)
        return refuse(c, GOST_RELAY_FORBIDDEN, gost_fail(GOST_EDENIED, "relay: Unix sockets"));
    return 0;
}

static int serve_connect(struct gost_handler *h, struct gost_conn *c,
                         const struct gost_request *request)
{
    const struct relay_settings *s = h->settings;
    struct gost_stream *up = NULL;
    uint8_t bytes[16];
    bool forwarding = c->ops->has_forwarder(c);
    int rc = forwarding ? c->ops->forward(c, request, &up) : gost_conn_dial(c, request, &up);
    if (rc != 0)
        return refuse(c, status_of(rc, forwarding), rc);
    size_t n = encode(bytes, sizeof(bytes), GOST_RELAY_OK);
    rc = gost_io_write(c->client, bytes, n, gost_deadline_in(GOST_LAST_WORD_MS));
    if (rc == 0)
        rc = gost__sniffing_relay(c, &s->sniffing, s->handshake.read_timeout, request, &up);
    gost_stream_close(up);
    return rc;
}

static int serve_bind(struct gost_handler *h, struct gost_conn *c,
                      const struct gost_request *request)
{
    const struct relay_settings *s = h->settings;
    struct gost_publication *p;
    uint8_t bytes[512];
    int rc = gost__publication_new(&request->addr, request->network, &p);
    if (rc != 0)
        return refuse(c, GOST_RELAY_UNAVAILABLE, gost_fail_at(rc, "bind"));
    size_t n = gost__relay_bind_reply(bytes, sizeof(bytes), gost__publication_addr(p));
    rc = gost_io_write(c->client, bytes, n, gost_deadline_in(GOST_LAST_WORD_MS));
    if (rc == 0)
        return gost__publish(c, p, &s->mux, &gost__relay_announcement);
    gost__publication_delete(p);
    return rc;
}

/* Does it ask for no port in particular: for an association? */
static bool is_anywhere(const struct gost_addr *a)
{
    return a->port == 0 &&
           (!a->host[0] || strcmp(a->host, "0.0.0.0") == 0 || strcmp(a->host, "::") == 0);
}

static int serve_udp(struct gost_conn *c, const struct gost_request *request, bool bind)
{
    struct gost_packet *up = NULL;
    union gost_sockaddr local;
    uint8_t bytes[512];
    bool forwarding = c->ops->has_forwarder(c);
    int rc = bind ? c->ops->associate(c, is_anywhere(&request->addr) ? NULL : &request->addr, &up)
             : forwarding ? c->ops->forward_packet(c, request, &up)
                          : c->ops->dial_packet(c, request, &up);
    if (rc != 0)
        return refuse(c, bind ? GOST_RELAY_UNAVAILABLE : status_of(rc, forwarding), rc);
    if (gost_packet_query(up, GOST_QUERY_LOCAL_ADDR, &local) != 0 || local.sa.sa_family == AF_UNIX)
        gost_ip_parse("0.0.0.0", 0, &local);
    size_t n = bind ? gost__relay_bind_reply(bytes, sizeof(bytes), &local)
                    : encode(bytes, sizeof(bytes), GOST_RELAY_OK);
    rc = gost_io_write(c->client, bytes, n, gost_deadline_in(GOST_LAST_WORD_MS));
    if (rc == 0)
        rc = gost__udp_serve_framed(c, bind ? GOST__UDP_TUNNEL : GOST__UDP_RELAY, &up);
    gost_packet_close(up);
    return rc;
}

static int init(struct gost_handler *h)
{
    const struct relay_settings *s = h->settings;
    return gost_mux_options_check(&s->mux);
}

static int serve(struct gost_handler *h, struct gost_conn *c)
{
    const struct relay_settings *s = h->settings;
    struct gost_relay m;
    struct gost_request request;
    gost__handshake_begin(c, &s->handshake);
    int rc = receive(c, &m);
    if (rc != 0)
        return rc;
    rc = authenticate(c, &m);
    if (rc != 0)
        return refuse(c, GOST_RELAY_UNAUTHORIZED, rc);
    rc = check(h, c, &m, &request);
    if (rc != 0)
        return rc;
    bool bind = (m.code & GOST_RELAY_COMMAND_MASK) == GOST_RELAY_BIND && !c->ops->has_forwarder(c);
    if (request.network == GOST_UDP)
        return serve_udp(c, &request, bind);
    return bind ? serve_bind(h, c, &request) : serve_connect(h, c, &request);
}

const struct gost_handler_kind gost__relay_handler = {
    .name = "relay",
    .help = "GOST's relay protocol",
    .options = {options, sizeof(struct relay_settings)},
    .init = init,
    .serve = serve,
};
