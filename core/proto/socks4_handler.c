/*
 * SOCKS4 and 4a, the proxy's side.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/socks4.h"
#include "core/net/io.h"
#include "core/proto/handshake.h"
#include "core/proto/kinds.h"
#include "core/proto/sniffing.h"

struct socks4_settings {
    struct gost_handshake_settings handshake;
    struct gost__sniffing sniffing;
};

static const struct gost_option options[] = {
    GOST_HANDSHAKE_OPTIONS(struct socks4_settings, handshake),
    GOST_SNIFFING_OPTIONS(struct socks4_settings, sniffing, GOST_SNIFFING_NAMES),
    GOST_OPTION_END,
};

static ssize_t decode_request(void *out, const uint8_t *p, size_t n)
{
    return gost_socks4_request_decode(out, p, n);
}

static size_t encode_reply(uint8_t *bytes, size_t cap, uint8_t code)
{
    struct gost_socks4_reply reply = {.code = code};
    return gost_socks4_reply_encode(bytes, cap, &reply);
}

static int refuse(struct gost_conn *c, uint8_t code, int rc)
{
    uint8_t bytes[GOST_SOCKS4_REPLY_MAX];
    gost__last_word(c, bytes, encode_reply(bytes, sizeof(bytes), code));
    return rc;
}

/* The user id is all that a client can show. */
static int authenticate(struct gost_conn *c, const struct gost_socks4_request *r)
{
    if (!gost_conn_needs_auth(c))
        return 0;
    return gost_conn_auth(c, r->user[0] ? r->user : NULL, "", "socks4");
}

static int serve_connect(struct gost_handler *h, struct gost_conn *c, const struct gost_addr *addr)
{
    const struct socks4_settings *s = h->settings;
    struct gost_request request = gost__handshake_request(&s->handshake, addr);
    struct gost_stream *up = NULL;
    uint8_t bytes[GOST_SOCKS4_REPLY_MAX];
    int rc = gost_conn_dial(c, &request, &up);
    if (rc != 0)
        return refuse(c, rc == GOST_EDENIED ? GOST_SOCKS4_REJECTED : GOST_SOCKS4_FAILED, rc);
    size_t n = encode_reply(bytes, sizeof(bytes), GOST_SOCKS4_GRANTED);
    rc = gost_io_write(c->client, bytes, n, gost_deadline_in(GOST_LAST_WORD_MS));
    if (rc == 0)
        rc = gost__sniffing_relay(c, &s->sniffing, s->handshake.read_timeout, &request, &up);
    gost_stream_close(up);
    return rc;
}

static int serve(struct gost_handler *h, struct gost_conn *c)
{
    const struct socks4_settings *s = h->settings;
    struct gost_socks4_request request;
    uint8_t room[GOST_SOCKS4_REQUEST_MAX];
    gost__handshake_begin(c, &s->handshake);
    ssize_t n = gost_io_decode(c->client, decode_request, &request, room, sizeof(room), c->deadline);
    if (n <= 0)
        return (int)n;
    int rc = authenticate(c, &request);
    if (rc != 0)
        return refuse(c, GOST_SOCKS4_BAD_USER, rc);
    if (request.command != GOST_SOCKS4_CONNECT)
        return refuse(c, GOST_SOCKS4_FAILED, gost_fail(GOST_ENOTSUP, "SOCKS4 BIND"));
    return serve_connect(h, c, &request.addr);
}

const struct gost_handler_kind gost__socks4_handler = {
    .name = "socks4",
    .aliases = "socks4a",
    .help = "SOCKS4 and SOCKS4a proxy",
    .options = {options, sizeof(struct socks4_settings)},
    .serve = serve,
};
