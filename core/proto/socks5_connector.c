/*
 * SOCKS5, the client's side (RFC 1928, RFC 1929).
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/socks5.h"
#include "core/net/io.h"
#include "core/proto/handshake.h"
#include "core/proto/kinds.h"

#include <string.h>

struct socks5_settings {
    int64_t timeout;
};

static const struct gost_option options[] = {
    {.key = "timeout",
     .type = GOST_OPT_DURATION,
     .offset = offsetof(struct socks5_settings, timeout),
     .help = "how long the node may take for the handshake"},
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

/* As gost_io_decode, but the end of the stream is an error too. */
static int receive(struct gost_stream *io, gost_decode_fn decode, void *out, void *room, size_t max,
                   uint64_t deadline)
{
    ssize_t n = gost_io_decode(io, decode, out, room, max, deadline);
    if (n <= 0)
        return n == 0 ? gost_fail(GOST_EOF, "the node closed in the SOCKS5 handshake") : (int)n;
    return 0;
}

static int send_hello(struct gost_connector *c, struct gost_stream *io, uint64_t deadline)
{
    struct gost_socks5_hello hello = {.count = 1, .method = {GOST_SOCKS5_NO_AUTH}};
    uint8_t bytes[GOST_SOCKS5_HELLO_MAX];
    if (c->user)
        hello.method[hello.count++] = GOST_SOCKS5_USERPASS;
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
        rc = receive(io, decode_auth_reply, &reply, bytes, sizeof(bytes), deadline);
    if (rc == 0 && reply.status != 0)
        rc = gost_fail(GOST_EAUTH, "SOCKS5: user or password refused");
    return rc;
}

static int negotiate(struct gost_connector *c, struct gost_stream **io, uint64_t deadline)
{
    struct gost_socks5_choice choice;
    uint8_t room[GOST_SOCKS5_CHOICE_MAX];
    int rc = send_hello(c, *io, deadline);
    if (rc == 0)
        rc = receive(*io, decode_choice, &choice, room, sizeof(room), deadline);
    if (rc != 0)
        return rc;
    switch (choice.method) {
    case GOST_SOCKS5_NO_AUTH:
        return 0;
    case GOST_SOCKS5_USERPASS:
        if (c->user)
            return send_password(c, *io, deadline);
        break;
    case GOST_SOCKS5_NO_METHOD:
        return gost_fail(GOST_EAUTH, "SOCKS5: none of our methods is acceptable%s",
                         c->user ? "" : " (the node wants a password?)");
    }
    return gost_fail(GOST_EPROTO, "SOCKS5: method 0x%02x was not offered", choice.method);
}

/* What the node's refusal is to our own clients. */
static int refusal(uint8_t code)
{
    int rc = code == GOST_SOCKS5_NOT_ALLOWED ? GOST_EDENIED : GOST_EUPSTREAM;
    return gost_fail(rc, "SOCKS5: %s", gost_socks5_code_text(code));
}

static int socks5_connect(struct gost_connector *c, struct gost_stream **io,
                          const struct gost_request *request, uint64_t deadline)
{
    const struct socks5_settings *s = c->settings;
    struct gost_socks5_request wanted = {.command = GOST_SOCKS5_CONNECT, .addr = request->addr};
    struct gost_socks5_reply reply;
    uint8_t bytes[GOST_SOCKS5_REQUEST_MAX];
    if (request->network != GOST_TCP)
        return gost_fail(GOST_ENOTSUP, "the socks5 connector cannot reach %s targets",
                         gost_network_name(request->network));
    if (!wanted.addr.host[0]) /* "this host", as the node sees it */
        strcpy(wanted.addr.host, "127.0.0.1");
    deadline = gost__deadline_within(deadline, s->timeout);
    int rc = negotiate(c, io, deadline);
    size_t n = gost_socks5_request_encode(bytes, sizeof(bytes), &wanted);
    if (rc == 0)
        rc = gost_io_write(*io, bytes, n, deadline);
    if (rc == 0)
        rc = receive(*io, decode_reply, &reply, bytes, sizeof(bytes), deadline);
    return rc == 0 && reply.code != GOST_SOCKS5_OK ? refusal(reply.code) : rc;
}

const struct gost_connector_kind gost__socks5_connector = {
    .name = "socks5",
    .aliases = "socks",
    .help = "SOCKS5 proxy",
    .options = {options, sizeof(struct socks5_settings)},
    .connect = socks5_connect,
};
