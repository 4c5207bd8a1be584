/*
 * BIND over SOCKS5 (RFC 1928 section 6) and GOST's form of it with many visitors: both sides.
 */
#include "core/proto/socks5_bind.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/socks5.h"
#include "core/proto/handshake.h"

#include <string.h>

static ssize_t decode_reply(void *out, const uint8_t *p, size_t n)
{
    return gost_socks5_reply_decode(out, p, n);
}

static size_t encode_peer(uint8_t *buf, size_t cap, const union gost_sockaddr *peer)
{
    struct gost_socks5_reply reply = {.code = GOST_SOCKS5_OK};
    reply.addr.port = gost_sockaddr_port(peer);
    if (peer->sa.sa_family != AF_UNIX)
        gost_sockaddr_host(peer, reply.addr.host);
    return gost_socks5_reply_encode(buf, cap, &reply);
}

static int receive_peer(struct gost_stream *s, union gost_sockaddr *peer, uint64_t deadline)
{
    struct gost_socks5_reply reply;
    uint8_t room[GOST_SOCKS5_REPLY_MAX];
    int rc = gost__socks5_receive(s, decode_reply, &reply, room, sizeof(room), deadline);
    if (rc == 0 && reply.code != GOST_SOCKS5_OK)
        rc = gost_fail(GOST_EUPSTREAM, "SOCKS5: %s", gost_socks5_code_text(reply.code));
    if (rc == 0)
        gost_ip_parse(reply.addr.host, reply.addr.port, peer);
    return rc;
}

static const struct gost_announcement announcement = {
    .receive = receive_peer,
    .encode = encode_peer,
};

/* Clients of GOST 2 do not want to hear who it is. */
static const struct gost_announcement silence = {.receive = receive_peer};

int gost__socks5_remote(struct gost_stream **io, const struct gost_addr *where,
                        const struct gost_mux_options *mux, struct gost_remote **out)
{
    return gost__remote_new(io, mux, &announcement, where, out);
}

/* --- the proxy's side ------------------------------------------------------------------------ */

static int answer(struct gost_conn *c, uint8_t code, const struct gost_addr *addr)
{
    struct gost_socks5_reply reply = {.code = code};
    uint8_t bytes[GOST_SOCKS5_REPLY_MAX];
    if (addr)
        reply.addr = *addr;
    size_t n = gost_socks5_reply_encode(bytes, sizeof(bytes), &reply);
    if (code == GOST_SOCKS5_OK)
        return gost_io_write(c->client, bytes, n, gost_deadline_in(GOST_LAST_WORD_MS));
    gost__last_word(c, bytes, n);
    return 0;
}

/* The address that a client can use to reach what we listen at. */
static void public_address(struct gost_conn *c, const struct gost_publication *p,
                           const char *public_addr, struct gost_addr *out)
{
    union gost_sockaddr local;
    char text[GOST_HOSTPORT_MAX];
    out->port = gost_sockaddr_port(gost__publication_addr(p));
    out->host[0] = '\0';
    if (public_addr && *public_addr)
        strncpy(out->host, public_addr, sizeof(out->host) - 1);
    else if (gost_stream_query(c->client, GOST_QUERY_LOCAL_ADDR, &local) == 0)
        memcpy(out->host, gost_sockaddr_host(&local, text), sizeof(out->host) - 1);
    out->host[sizeof(out->host) - 1] = '\0';
}

static int begin(struct gost_conn *c, const struct gost_addr *at, const char *public_addr,
                 struct gost_publication **p)
{
    struct gost_addr where = {.host = ""};
    int rc = gost__publication_new(at, GOST_TCP, p);
    if (rc != 0) {
        answer(c, GOST_SOCKS5_FAILURE, NULL);
        return gost_fail_at(rc, "bind");
    }
    public_address(c, *p, public_addr, &where);
    rc = answer(c, GOST_SOCKS5_OK, &where);
    if (rc != 0)
        gost__publication_delete(*p);
    return rc;
}

int gost__socks5_serve_mux_bind(struct gost_conn *c, const struct gost_addr *at,
                                const char *public_addr, const struct gost_mux_options *mux,
                                bool silent)
{
    struct gost_publication *p;
    int rc = begin(c, at, public_addr, &p);
    return rc == 0 ? gost__publish(c, p, mux, silent ? &silence : &announcement) : rc;
}

int gost__socks5_serve_bind(struct gost_conn *c, const struct gost_addr *at, const char *public_addr)
{
    struct gost_publication *p;
    struct gost_stream *visitor = NULL;
    union gost_sockaddr peer;
    uint8_t bytes[GOST_SOCKS5_REPLY_MAX];
    int rc = begin(c, at, public_addr, &p);
    if (rc != 0)
        return rc;
    rc = gost__publication_accept(c, p, GOST_NEVER, &visitor, &peer);
    gost__publication_delete(p);
    if (rc != 0)
        return rc == GOST_EOF ? 0 : rc;
    size_t n = encode_peer(bytes, sizeof(bytes), &peer);
    rc = gost_io_write(c->client, bytes, n, gost_deadline_in(GOST_LAST_WORD_MS));
    if (rc == 0)
        rc = gost_conn_relay(c, &visitor);
    gost_stream_close(visitor);
    return rc;
}
