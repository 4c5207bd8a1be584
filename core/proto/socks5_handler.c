/*
 * SOCKS5, the proxy's side (RFC 1928, RFC 1929).
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/socks5.h"
#include "core/net/io.h"
#include "core/proto/handshake.h"
#include "core/proto/kinds.h"
#include "core/proto/sniffing.h"
#include "core/proto/socks5.h"
#include "core/proto/socks5_bind.h"
#include "core/proto/udp_server.h"

#include <string.h>

struct socks5_settings {
    struct gost_handshake_settings handshake;
    struct gost__sniffing sniffing;
    bool notls;
    bool bind;
    bool comp;
    char *public_addr;
    struct gost__udp_settings udp;
    struct gost_mux_options mux;
};

static const struct gost_option options[] = {
    GOST_HANDSHAKE_OPTIONS(struct socks5_settings, handshake),
    GOST_SNIFFING_OPTIONS(struct socks5_settings, sniffing, GOST_SNIFFING_NAMES),
    {.key = "notls",
     .type = GOST_OPT_BOOL,
     .offset = offsetof(struct socks5_settings, notls),
     .help = "do not accept GOST's TLS inside of SOCKS5"},
    {.key = "bind",
     .type = GOST_OPT_BOOL,
     .offset = offsetof(struct socks5_settings, bind),
     .help = "let clients listen on this host (BIND)"},
    {.key = "comp",
     .type = GOST_OPT_BOOL,
     .offset = offsetof(struct socks5_settings, comp),
     .help = "for clients of GOST 2 that listen: do not tell them who visits (clients of GOST 3 "
             "need to be told)"},
    {.key = "socks.publicAddr",
     .aliases = "publicAddr",
     .type = GOST_OPT_STRING,
     .offset = offsetof(struct socks5_settings, public_addr),
     .help =
         "the host that clients are told for BIND, and for UDP ASSOCIATE if it is an IP address; "
         "not given: the address they reached"},
    GOST_SOCKS5_UDP_OPTIONS(struct socks5_settings, udp),
    GOST_MUX_OPTIONS(struct socks5_settings, mux, "1", NULL),
    GOST_OPTION_END,
};

/* Which of the client's methods to use; TLS goes before clear text. The client's order means
 * nothing. */
static uint8_t choose_method(struct gost_handler *h, struct gost_conn *c,
                             const struct gost_socks5_hello *hello)
{
    static const uint8_t with_auth[] = {GOST_SOCKS5_TLS_USERPASS, GOST_SOCKS5_USERPASS};
    static const uint8_t without[] = {GOST_SOCKS5_TLS, GOST_SOCKS5_NO_AUTH};
    const struct socks5_settings *s = h->settings;
    const uint8_t *method = gost_conn_needs_auth(c) ? with_auth : without;
    if (!s->notls && gost_socks5_hello_has(hello, method[0]) && gost__socks5_tls(&h->state, true))
        return method[0];
    return gost_socks5_hello_has(hello, method[1]) ? method[1] : GOST_SOCKS5_NO_METHOD;
}

static int receive(struct gost_conn *c, gost_decode_fn decode, void *out, void *room, size_t max)
{
    return gost__socks5_receive(c->client, decode, out, room, max, c->deadline);
}

static ssize_t decode_hello(void *out, const uint8_t *p, size_t n)
{
    return gost_socks5_hello_decode(out, p, n);
}

static ssize_t decode_auth(void *out, const uint8_t *p, size_t n)
{
    return gost_socks5_auth_decode(out, p, n);
}

static ssize_t decode_request(void *out, const uint8_t *p, size_t n)
{
    return gost_socks5_request_decode(out, p, n);
}

static int check_password(struct gost_conn *c)
{
    struct gost_userpass given;
    uint8_t room[GOST_SOCKS5_AUTH_MAX], reply[GOST_SOCKS5_AUTH_REPLY_MAX];
    int rc = receive(c, decode_auth, &given, room, sizeof(room));
    if (rc != 0)
        return rc;
    rc = gost_conn_auth(c, given.user, given.password, "socks5");
    explicit_bzero(&given, sizeof(given));
    explicit_bzero(room, sizeof(room));
    struct gost_socks5_auth_reply answer = {.status = rc != 0};
    size_t n = gost_socks5_auth_reply_encode(reply, sizeof(reply), &answer);
    if (rc == 0)
        return gost_io_write(c->client, reply, n, c->deadline);
    gost__last_word(c, reply, n);
    return rc;
}

static int negotiate(struct gost_handler *h, struct gost_conn *c)
{
    struct gost_socks5_hello hello;
    uint8_t room[GOST_SOCKS5_HELLO_MAX], reply[GOST_SOCKS5_CHOICE_MAX];
    int rc = receive(c, decode_hello, &hello, room, sizeof(room));
    if (rc != 0)
        return rc;
    struct gost_socks5_choice choice = {.method = choose_method(h, c, &hello)};
    size_t n = gost_socks5_choice_encode(reply, sizeof(reply), &choice);
    if (choice.method == GOST_SOCKS5_NO_METHOD) {
        gost__last_word(c, reply, n);
        return gost_conn_needs_auth(c)
                   ? gost_fail(GOST_EAUTH, "the client offers no password")
                   : gost_fail(GOST_EPROTO, "the client offers no known method");
    }
    rc = gost_io_write(c->client, reply, n, c->deadline);
    bool tls = choice.method == GOST_SOCKS5_TLS || choice.method == GOST_SOCKS5_TLS_USERPASS;
    if (rc == 0 && tls)
        rc = gost_tls_server(h->state, &c->client);
    if (rc == 0 && tls)
        rc = gost_io_open(c->client, c->deadline);
    return rc == 0 && gost_conn_needs_auth(c) ? check_password(c) : rc;
}

/* Tell the client how it went; `up` is the target's stream when it went well. */
static int answer(struct gost_conn *c, uint8_t code, struct gost_stream *up)
{
    struct gost_socks5_reply reply = {.code = code};
    union gost_sockaddr local;
    uint8_t bytes[GOST_SOCKS5_REPLY_MAX];
    if (up && gost_stream_query(up, GOST_QUERY_LOCAL_ADDR, &local) == 0 &&
        local.sa.sa_family != AF_UNIX) {
        gost_sockaddr_host(&local, reply.addr.host);
        reply.addr.port = gost_sockaddr_port(&local);
    }
    size_t n = gost_socks5_reply_encode(bytes, sizeof(bytes), &reply);
    if (code == GOST_SOCKS5_OK)
        return gost_io_write(c->client, bytes, n, c->deadline);
    gost__last_word(c, bytes, n);
    return 0;
}

static int serve_connect(struct gost_handler *h, struct gost_conn *c, const struct gost_addr *addr)
{
    const struct socks5_settings *s = h->settings;
    struct gost_request request = gost__handshake_request(&s->handshake, addr);
    struct gost_stream *up = NULL;
    int rc = gost_conn_dial(c, &request, &up);
    if (rc != 0) {
        answer(c, gost__socks5_code(rc), NULL);
        return rc;
    }
    c->deadline = gost_deadline_in(GOST_LAST_WORD_MS);
    rc = answer(c, GOST_SOCKS5_OK, up);
    if (rc == 0) {
        gost__settle(c);
        rc = gost__sniffing_relay(c, &s->sniffing, s->handshake.read_timeout, &request, &up);
    }
    gost_stream_close(up);
    return rc;
}

static int serve_bind(struct gost_handler *h, struct gost_conn *c,
                      const struct gost_socks5_request *request)
{
    const struct socks5_settings *s = h->settings;
    if (!s->bind) {
        answer(c, GOST_SOCKS5_NOT_ALLOWED, NULL);
        return gost_fail(GOST_EDENIED, "SOCKS5: BIND needs bind=true");
    }
    if (request->command == GOST_SOCKS5_BIND)
        return gost__socks5_serve_bind(c, &request->addr, s->public_addr);
    return gost__socks5_serve_mux_bind(c, &request->addr, s->public_addr, &s->mux, s->comp);
}

static int init(struct gost_handler *h)
{
    const struct socks5_settings *s = h->settings;
    int rc = gost__udp_settings_check(&s->udp);
    return rc == 0 ? gost_mux_options_check(&s->mux) : rc;
}

static int serve(struct gost_handler *h, struct gost_conn *c)
{
    const struct socks5_settings *s = h->settings;
    struct gost_socks5_request request;
    uint8_t room[GOST_SOCKS5_REQUEST_MAX];
    gost__handshake_begin(c, &s->handshake);
    int rc = negotiate(h, c);
    if (rc == 0)
        rc = receive(c, decode_request, &request, room, sizeof(room));
    if (rc != 0)
        return rc;
    if (request.command == GOST_SOCKS5_CONNECT)
        return serve_connect(h, c, &request.addr);
    if (request.command == GOST_SOCKS5_BIND || request.command == GOST_SOCKS5_MUX_BIND)
        return serve_bind(h, c, &request);
    if (request.command == GOST_SOCKS5_ASSOCIATE || request.command == GOST_SOCKS5_UDP_TUNNEL)
        return gost__socks5_serve_udp(c, &request, &s->udp, s->bind, s->public_addr);
    answer(c, GOST_SOCKS5_BAD_COMMAND, NULL);
    return gost_fail(GOST_ENOTSUP, "SOCKS5 command 0x%02x", request.command);
}

static void destroy(struct gost_handler *h)
{
    gost_tls_context_unref(h->state);
}

const struct gost_handler_kind gost__socks5_handler = {
    .name = "socks5",
    .aliases = "socks",
    .help = "SOCKS5 proxy",
    .options = {options, sizeof(struct socks5_settings)},
    .init = init,
    .serve = serve,
    .destroy = destroy,
};
