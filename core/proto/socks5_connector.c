/*
 * SOCKS5, the client's side (RFC 1928, RFC 1929).
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/socks5.h"
#include "core/net/io.h"
#include "core/proto/handshake.h"
#include "core/proto/kinds.h"
#include "core/proto/socks5.h"
#include "core/proto/socks5_bind.h"
#include "core/proto/udp_framed.h"
#include "core/proto/udp_socks.h"

#include <string.h>

struct socks5_settings {
    int64_t timeout;
    bool notls;
    int relay; /* enum relay */
    int64_t udp_buffer, udp_timeout;
    struct gost_mux_options mux;
};

/* How datagrams reach the node. */
enum relay { RELAY_TUNNEL, RELAY_UDP };

static const struct gost_option options[] = {
    {.key = "timeout",
     .type = GOST_OPT_DURATION,
     .offset = offsetof(struct socks5_settings, timeout),
     .help = "how long the node may take for the handshake"},
    {.key = "notls",
     .type = GOST_OPT_BOOL,
     .offset = offsetof(struct socks5_settings, notls),
     .help = "do not offer GOST's TLS inside of SOCKS5"},
    {.key = "relay",
     .type = GOST_OPT_ENUM,
     .offset = offsetof(struct socks5_settings, relay),
     .def = "tcp",
     .choices = "tcp udp",
     .help = "how datagrams go: inside of the connection (GOST's UDP tunnel), or as datagrams (UDP "
             "ASSOCIATE, for nodes other than GOST)"},
    {.key = "udp.timeout",
     .type = GOST_OPT_DURATION,
     .offset = offsetof(struct socks5_settings, udp_timeout),
     .help = "with relay=udp: end after so long without a datagram from the node"},
    {.key = "udp.bufferSize",
     .aliases = "udpBufferSize",
     .type = GOST_OPT_INT,
     .offset = offsetof(struct socks5_settings, udp_buffer),
     .def = "65535",
     .min = 1,
     .max = INT32_MAX,
     .help = "accepted for GOST's configurations: datagrams of any size pass"},
    GOST_MUX_OPTIONS(struct socks5_settings, mux, "1", NULL),
    GOST_OPTION_END,
};

static ssize_t decode_choice(void *out, const uint8_t *p, size_t n)
{
    return gost_socks5_choice_decode(out, p, n);
}

static ssize_t decode_auth_reply(void *out, const uint8_t *p, size_t n)
{
    return gost_socks5_auth_reply_decode(out, p, n);
}

static ssize_t decode_reply(void *out, const uint8_t *p, size_t n)
{
    return gost_socks5_reply_decode(out, p, n);
}

static int send_hello(struct gost_connector *c, struct gost_stream *io, uint64_t deadline)
{
    struct gost_socks5_hello hello = {.count = 1, .method = {GOST_SOCKS5_NO_AUTH}};
    const struct socks5_settings *s = c->settings;
    uint8_t bytes[GOST_SOCKS5_HELLO_MAX];
    if (c->user)
        hello.method[hello.count++] = GOST_SOCKS5_USERPASS;
    if (!s->notls)
        hello.method[hello.count++] = GOST_SOCKS5_TLS;
    if (!s->notls && c->user)
        hello.method[hello.count++] = GOST_SOCKS5_TLS_USERPASS;
    return gost_io_write(io, bytes, gost_socks5_hello_encode(bytes, sizeof(bytes), &hello),
                         deadline);
}

static int send_password(struct gost_connector *c, struct gost_stream *io, uint64_t deadline)
{
    struct gost_userpass mine;
    struct gost_socks5_auth_reply reply;
    uint8_t bytes[GOST_SOCKS5_AUTH_MAX];
    if (!gost_slice_copy(gost_slice(c->user), mine.user, sizeof(mine.user)) ||
        !gost_slice_copy(gost_slice(c->password ? c->password : ""), mine.password,
                         sizeof(mine.password)))
        return gost_fail(GOST_EAUTH, "user or password over 255 bytes");
    size_t n = gost_socks5_auth_encode(bytes, sizeof(bytes), &mine);
    int rc = gost_io_write(io, bytes, n, deadline);
    explicit_bzero(&mine, sizeof(mine));
    explicit_bzero(bytes, sizeof(bytes));
    if (rc == 0)
        rc = gost__socks5_receive(io, decode_auth_reply, &reply, bytes, sizeof(bytes), deadline);
    if (rc == 0 && reply.status != 0)
        rc = gost_fail(GOST_EAUTH, "SOCKS5: user or password refused");
    return rc;
}

static int start_tls(struct gost_connector *c, struct gost_stream **io, uint64_t deadline)
{
    struct gost_tls_context *context = gost__socks5_tls(&c->state, false);
    int rc = context ? gost_tls_client(context, NULL, io) : gost__diag_self->code;
    return rc == 0 ? gost_io_open(*io, deadline) : rc;
}

static int negotiate(struct gost_connector *c, struct gost_stream **io, uint64_t deadline)
{
    struct gost_socks5_choice choice;
    uint8_t room[GOST_SOCKS5_CHOICE_MAX];
    int rc = send_hello(c, *io, deadline);
    if (rc == 0)
        rc = gost__socks5_receive(*io, decode_choice, &choice, room, sizeof(room), deadline);
    if (rc != 0)
        return rc;
    const struct socks5_settings *s = c->settings;
    bool tls = choice.method == GOST_SOCKS5_TLS || choice.method == GOST_SOCKS5_TLS_USERPASS;
    bool auth = choice.method == GOST_SOCKS5_USERPASS || choice.method == GOST_SOCKS5_TLS_USERPASS;
    if (choice.method == GOST_SOCKS5_NO_METHOD)
        return gost_fail(GOST_EAUTH, "SOCKS5: none of our methods is acceptable%s",
                         c->user ? "" : " (the node wants a password?)");
    if ((!tls && !auth && choice.method != GOST_SOCKS5_NO_AUTH) || (tls && s->notls) ||
        (auth && !c->user))
        return gost_fail(GOST_EPROTO, "SOCKS5: method 0x%02x was not offered", choice.method);
    if (tls)
        rc = start_tls(c, io, deadline);
    return rc == 0 && auth ? send_password(c, *io, deadline) : rc;
}

/* What the node's refusal is to our own clients. */
static int refusal(uint8_t code)
{
    int rc = code == GOST_SOCKS5_NOT_ALLOWED ? GOST_EDENIED : GOST_EUPSTREAM;
    return gost_fail(rc, "SOCKS5: %s", gost_socks5_code_text(code));
}

/* Negotiate, send one request and read the reply to it. */
static int ask(struct gost_connector *c, struct gost_stream **io,
               const struct gost_socks5_request *wanted, struct gost_socks5_reply *reply,
               uint64_t deadline)
{
    uint8_t bytes[GOST_SOCKS5_REQUEST_MAX];
    int rc = negotiate(c, io, deadline);
    size_t n = gost_socks5_request_encode(bytes, sizeof(bytes), wanted);
    if (rc == 0)
        rc = gost_io_write(*io, bytes, n, deadline);
    if (rc == 0)
        rc = gost__socks5_receive(*io, decode_reply, reply, bytes, sizeof(bytes), deadline);
    return rc == 0 && reply->code != GOST_SOCKS5_OK ? refusal(reply->code) : rc;
}

static int socks5_bind(struct gost_connector *c, struct gost_stream **io,
                       const struct gost_request *request, uint64_t deadline,
                       struct gost_remote **out)
{
    const struct socks5_settings *s = c->settings;
    struct gost_socks5_request wanted = {.command = GOST_SOCKS5_MUX_BIND, .addr = request->addr};
    struct gost_socks5_reply reply;
    bool udp = request->network == GOST_UDP;
    if (request->network == GOST_UNIX)
        return gost_fail(GOST_ENOTSUP, "the socks5 connector cannot listen at Unix sockets");
    if (udp)
        wanted.command = GOST_SOCKS5_UDP_TUNNEL;
    if (!wanted.addr.host[0])
        strcpy(wanted.addr.host, "0.0.0.0");
    int rc = ask(c, io, &wanted, &reply, gost__deadline_within(deadline, s->timeout));
    if (rc == 0 && udp)
        return gost__remote_new_framed(io, &reply.addr, out);
    return rc == 0 ? gost__socks5_remote(io, &reply.addr, &s->mux, out) : gost_fail_at(rc, "bind");
}

static int socks5_init(struct gost_connector *c)
{
    const struct socks5_settings *s = c->settings;
    return gost_mux_options_check(&s->mux);
}

static int socks5_connect(struct gost_connector *c, struct gost_stream **io,
                          const struct gost_request *request, uint64_t deadline)
{
    const struct socks5_settings *s = c->settings;
    struct gost_socks5_request wanted = {.command = GOST_SOCKS5_CONNECT, .addr = request->addr};
    struct gost_socks5_reply reply;
    if (request->network != GOST_TCP)
        return gost_fail(GOST_ENOTSUP, "the socks5 connector cannot reach %s targets",
                         gost_network_name(request->network));
    if (!wanted.addr.host[0]) /* "this host", as the node sees it */
        strcpy(wanted.addr.host, "127.0.0.1");
    return ask(c, io, &wanted, &reply, gost__deadline_within(deadline, s->timeout));
}

static int associate(struct gost_connector *c, struct gost_stream **io,
                     const struct gost_addr *target, struct gost_packet_carrier *carrier,
                     uint64_t deadline, struct gost_packet **out)
{
    const struct socks5_settings *s = c->settings;
    struct gost_socks5_request wanted = {.command = GOST_SOCKS5_ASSOCIATE, .addr.host = "0.0.0.0"};
    struct gost_socks5_reply reply;
    struct gost_packet *socket = NULL;
    int rc = ask(c, io, &wanted, &reply, deadline);
    if (rc != 0)
        return rc;
    rc = carrier->open(carrier, &reply.addr, deadline, &socket);
    if (rc == 0)
        rc = gost__udp_socks_client(io, &socket, target,
                                    s->udp_timeout > 0 ? (uint64_t)s->udp_timeout : 0, out);
    gost_packet_close(socket);
    return rc == 0 ? 0 : gost_fail_at(rc, "SOCKS5: UDP ASSOCIATE");
}

static int socks5_connect_packet(struct gost_connector *c, struct gost_stream **io,
                                 const struct gost_request *request,
                                 struct gost_packet_carrier *carrier, uint64_t deadline,
                                 struct gost_packet **out)
{
    const struct socks5_settings *s = c->settings;
    struct gost_socks5_request wanted = {.command = GOST_SOCKS5_UDP_TUNNEL, .addr.host = "0.0.0.0"};
    struct gost_socks5_reply reply;
    bool any = !request->addr.host[0] && request->addr.port == 0;
    const struct gost_addr *target = any ? NULL : &request->addr;
    deadline = gost__deadline_within(deadline, s->timeout);
    if (s->relay == RELAY_UDP)
        return associate(c, io, target, carrier, deadline, out);
    int rc = ask(c, io, &wanted, &reply, deadline);
    return rc == 0 ? gost__udp_framed_new(io, GOST__UDP_TUNNEL, target, out) : rc;
}

static void destroy(struct gost_connector *c)
{
    gost_tls_context_unref(c->state);
}

const struct gost_connector_kind gost__socks5_connector = {
    .name = "socks5",
    .aliases = "socks",
    .help = "SOCKS5 proxy",
    .options = {options, sizeof(struct socks5_settings)},
    .init = socks5_init,
    .connect = socks5_connect,
    .connect_packet = socks5_connect_packet,
    .bind = socks5_bind,
    .destroy = destroy,
};
