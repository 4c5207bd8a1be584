/*
 * GOST's relay protocol, the client's side.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/relay.h"
#include "core/net/io.h"
#include "core/proto/handshake.h"
#include "core/proto/kinds.h"
#include "core/proto/relay_bind.h"
#include "core/proto/relay_stream.h"
#include "core/proto/udp_framed.h"

#include <stdlib.h>
#include <string.h>

struct relay_settings {
    int64_t timeout;
    bool nodelay;
    struct gost_mux_options mux;
};

static const struct gost_option options[] = {
    {.key = "connectTimeout",
     .type = GOST_OPT_DURATION,
     .offset = offsetof(struct relay_settings, timeout),
     .help = "how long the node may take to answer"},
    {.key = "nodelay",
     .type = GOST_OPT_BOOL,
     .offset = offsetof(struct relay_settings, nodelay),
     .help = "send the request at once and wait for the response, instead of sending it with the "
             "first bytes (or after 5 ms)"},
    GOST_MUX_OPTIONS(struct relay_settings, mux, "1", NULL),
    GOST_OPTION_END,
};

enum { REQUEST_MAX = 2048 }; /* credentials, an address and a network fit with ease */

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

/* @return bytes of the request, or a negative code */
static int encode(struct gost_connector *c, const struct gost_request *request, uint8_t *bytes)
{
    struct gost_relay m = {.code = GOST_RELAY_CONNECT};
    int rc = add_credentials(c, &m);
    if (rc != 0)
        return rc;
    if (request->network != GOST_TCP) {
        m.has_network = true;
        m.network = request->network == GOST_UDP ? GOST_RELAY_UDP : GOST_RELAY_UNIX;
        m.code |= request->network == GOST_UDP ? GOST_RELAY_FLAG_UDP : 0;
    }
    if (request->addr.host[0] || request->addr.port) /* none: the node forwards as it likes */
        gost_relay_add_addr(&m, &request->addr);
    size_t n = gost_relay_encode(bytes, REQUEST_MAX, &m);
    explicit_bzero(&m.auth, sizeof(m.auth));
    return n > 0 ? (int)n : gost_fail(GOST_EPROTO, "relay cannot name this target");
}

static ssize_t decode(void *out, const uint8_t *p, size_t n)
{
    return gost_relay_decode(out, p, n);
}

static int ask(struct gost_stream *io, const uint8_t *bytes, size_t n, uint64_t deadline)
{
    struct gost_relay m;
    int rc = gost_io_write(io, bytes, n, deadline);
    void *room = rc == 0 ? malloc(GOST_RELAY_MAX) : NULL;
    if (!room)
        return rc != 0 ? rc : gost_fail_code(GOST_ENOMEM);
    ssize_t got = gost_io_decode(io, decode, &m, room, GOST_RELAY_MAX, deadline);
    free(room);
    if (got <= 0)
        return got == 0 ? gost_fail(GOST_EOF, "the node closed without an answer") : (int)got;
    return gost__relay_verdict(m.code);
}

static int relay_connect(struct gost_connector *c, struct gost_stream **io,
                         const struct gost_request *request, uint64_t deadline)
{
    const struct relay_settings *s = c->settings;
    uint8_t bytes[REQUEST_MAX];
    if (request->network == GOST_UDP)
        return gost_fail(GOST_ENOTSUP, "the relay connector cannot reach udp targets");
    int n = encode(c, request, bytes);
    int rc = n;
    if (n > 0 && s->nodelay)
        rc = ask(*io, bytes, (size_t)n, gost__deadline_within(deadline, s->timeout));
    else if (n > 0)
        rc = gost__relay_stream_push(io, bytes, (size_t)n);
    explicit_bzero(bytes, sizeof(bytes));
    return rc;
}

/* To one target: its datagrams follow the request, each with its length. */
static int packet_connect(struct gost_connector *c, struct gost_stream **io,
                          const struct gost_request *request, uint64_t deadline,
                          struct gost_packet **out)
{
    const struct relay_settings *s = c->settings;
    uint8_t bytes[REQUEST_MAX];
    int n = encode(c, request, bytes);
    int rc = n > 0 ? 0 : n;
    if (rc == 0 && s->nodelay)
        rc = ask(*io, bytes, (size_t)n, deadline);
    else if (rc == 0)
        rc = gost__relay_stream_push(io, bytes, (size_t)n);
    explicit_bzero(bytes, sizeof(bytes));
    return rc == 0 ? gost__udp_framed_new(io, GOST__UDP_RELAY, NULL, out) : rc;
}

/* To any target: BIND without a port, and every datagram carries its address. */
static int packet_associate(struct gost_connector *c, struct gost_stream **io, uint64_t deadline,
                            struct gost_packet **out)
{
    struct gost_relay m = {.code = GOST_RELAY_BIND | GOST_RELAY_FLAG_UDP,
                           .has_network = true,
                           .network = GOST_RELAY_UDP};
    struct gost_addr anywhere = {.host = "0.0.0.0"};
    uint8_t bytes[REQUEST_MAX];
    gost_relay_add_addr(&m, &anywhere);
    int rc = add_credentials(c, &m);
    size_t n = rc == 0 ? gost_relay_encode(bytes, sizeof(bytes), &m) : 0;
    explicit_bzero(&m.auth, sizeof(m.auth));
    if (rc == 0)
        rc = ask(*io, bytes, n, deadline);
    explicit_bzero(bytes, sizeof(bytes));
    return rc == 0 ? gost__udp_framed_new(io, GOST__UDP_TUNNEL, NULL, out) : rc;
}

static int relay_connect_packet(struct gost_connector *c, struct gost_stream **io,
                                const struct gost_request *request,
                                struct gost_packet_carrier *carrier, uint64_t deadline,
                                struct gost_packet **out)
{
    const struct relay_settings *s = c->settings;
    (void)carrier;
    deadline = gost__deadline_within(deadline, s->timeout);
    if (!request->addr.host[0] && request->addr.port == 0 && !request->unnamed)
        return packet_associate(c, io, deadline, out);
    return packet_connect(c, io, request, deadline, out);
}

static int relay_bind(struct gost_connector *c, struct gost_stream **io,
                      const struct gost_request *request, uint64_t deadline,
                      struct gost_remote **out)
{
    const struct relay_settings *s = c->settings;
    struct gost_relay m = {.code = GOST_RELAY_BIND, .has_network = true};
    struct gost_addr addr = request->addr;
    bool udp = request->network == GOST_UDP;
    m.code |= udp ? GOST_RELAY_FLAG_UDP : 0;
    m.network = udp                             ? GOST_RELAY_UDP
                : request->network == GOST_UNIX ? GOST_RELAY_UNIX
                                                : GOST_RELAY_TCP;
    if (!addr.host[0]) /* GOST 3.3 garbles ":port"; this is what it understands */
        strcpy(addr.host, "0.0.0.0");
    gost_relay_add_addr(&m, &addr);
    int rc = add_credentials(c, &m);
    deadline = gost__deadline_within(deadline, s->timeout);
    if (rc == 0 && udp)
        rc = gost__relay_bind_packet(io, &m, deadline, out);
    else if (rc == 0)
        rc = gost__relay_bind(io, &m, &s->mux, deadline, out);
    explicit_bzero(&m.auth, sizeof(m.auth));
    return rc;
}

static int relay_init(struct gost_connector *c)
{
    const struct relay_settings *s = c->settings;
    return gost_mux_options_check(&s->mux);
}

const struct gost_connector_kind gost__relay_connector = {
    .name = "relay",
    .help = "GOST's relay protocol",
    .options = {options, sizeof(struct relay_settings)},
    .knows_target = true,
    .init = relay_init,
    .connect = relay_connect,
    .connect_packet = relay_connect_packet,
    .bind = relay_bind,
};
