/*
 * SOCKS4 and 4a, the client's side.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/slice.h"
#include "core/codec/socks4.h"
#include "core/net/io.h"
#include "core/net/resolve.h"
#include "core/proto/handshake.h"
#include "core/proto/kinds.h"

struct socks4_settings {
    int64_t timeout;
    bool disable4a;
};

static const struct gost_option options[] = {
    {.key = "timeout",
     .type = GOST_OPT_DURATION,
     .offset = offsetof(struct socks4_settings, timeout),
     .help = "how long the node may take to answer"},
    {.key = "disable4a",
     .type = GOST_OPT_BOOL,
     .offset = offsetof(struct socks4_settings, disable4a),
     .help = "look names up here, and send addresses only"},
    GOST_OPTION_END,
};

static ssize_t decode_reply(void *out, const uint8_t *p, size_t n)
{
    return gost_socks4_reply_decode(out, p, n);
}

/* SOCKS4 without the "a" knows IPv4 addresses alone. */
static int look_up(struct gost_addr *addr, uint64_t deadline)
{
    struct gost_addrs found = {0};
    char text[GOST_HOSTPORT_MAX];
    if (gost_ip_parse(addr->host, 0, NULL) == AF_INET)
        return 0;
    int rc = gost_resolve(addr->host, addr->port, GOST_FAMILY_V4, deadline, &found);
    if (rc != 0)
        return rc;
    gost_slice_copy(gost_slice(gost_sockaddr_host(&found.addr[0], text)), addr->host,
                    sizeof(addr->host));
    gost_addrs_destroy(&found);
    return 0;
}

static int verdict(uint8_t code)
{
    switch (code) {
    case GOST_SOCKS4_GRANTED:
        return 0;
    case GOST_SOCKS4_BAD_USER:
        return gost_fail(GOST_EAUTH, "SOCKS4: the user id was refused");
    case GOST_SOCKS4_REJECTED:
        return gost_fail(GOST_EDENIED, "SOCKS4: the request was rejected");
    default:
        return gost_fail(GOST_EUPSTREAM, "SOCKS4: the request failed (code %u)", code);
    }
}

static int socks4_connect(struct gost_connector *c, struct gost_stream **io,
                          const struct gost_request *request, uint64_t deadline)
{
    const struct socks4_settings *s = c->settings;
    struct gost_socks4_request wanted = {.command = GOST_SOCKS4_CONNECT, .addr = request->addr};
    struct gost_socks4_reply reply;
    uint8_t bytes[GOST_SOCKS4_REQUEST_MAX];
    if (request->network != GOST_TCP)
        return gost_fail(GOST_ENOTSUP, "the socks4 connector cannot reach %s targets",
                         gost_network_name(request->network));
    if (!gost_slice_copy(gost_slice(c->user ? c->user : ""), wanted.user, sizeof(wanted.user)))
        return gost_fail(GOST_EAUTH, "user over 255 bytes");
    deadline = gost__deadline_within(deadline, s->timeout);
    int rc = s->disable4a ? look_up(&wanted.addr, deadline) : 0;
    size_t n = rc == 0 ? gost_socks4_request_encode(bytes, sizeof(bytes), &wanted) : 0;
    if (rc == 0 && n == 0)
        return gost_fail(GOST_EPROTO, "SOCKS4 cannot name this target");
    if (rc == 0)
        rc = gost_io_write(*io, bytes, n, deadline);
    if (rc != 0)
        return rc;
    ssize_t got = gost_io_decode(*io, decode_reply, &reply, bytes, sizeof(bytes), deadline);
    if (got <= 0)
        return got == 0 ? gost_fail(GOST_EOF, "the node closed without an answer") : (int)got;
    return verdict(reply.code);
}

const struct gost_connector_kind gost__socks4_connector = {
    .name = "socks4",
    .aliases = "socks4a",
    .help = "SOCKS4 and SOCKS4a proxy",
    .options = {options, sizeof(struct socks4_settings)},
    .connect = socks4_connect,
};
