#include "core/proto/udp_server.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/net/io.h"
#include "core/net/udp.h"
#include "core/proto/handshake.h"
#include "core/proto/socks5.h"
#include "core/proto/udp_socks.h"

#include <string.h>
#include <sys/random.h>

enum { PORT_TRIES = 64 };

int gost__udp_settings_check(const struct gost__udp_settings *s)
{
    if (s->max_port > 0 && s->min_port > s->max_port)
        return gost_fail(GOST_ECONFIG, "udp.bindRange.min is above udp.bindRange.max");
    if (s->min_port > 0 && s->max_port == 0)
        return gost_fail(GOST_ECONFIG, "udp.bindRange.min needs udp.bindRange.max");
    return 0;
}

int gost__udp_serve_framed(struct gost_conn *c, enum gost__udp_framing framing,
                           struct gost_packet **up)
{
    int rc = gost__udp_framed_new(&c->client, framing, NULL, &c->packet);
    return rc == 0 ? c->ops->relay_packet(c, up, false) : rc;
}

/* --- SOCKS5 ----------------------------------------------------------------------------------- */

static int refuse(struct gost_conn *c, uint8_t code, int rc)
{
    struct gost_socks5_reply reply = {.code = code};
    uint8_t bytes[GOST_SOCKS5_REPLY_MAX];
    gost__last_word(c, bytes, gost_socks5_reply_encode(bytes, sizeof(bytes), &reply));
    return rc;
}

/* @param host  announce this instead; or NULL */
static int accept_at(struct gost_conn *c, const union gost_sockaddr *local, const char *host)
{
    struct gost_socks5_reply reply = {.code = GOST_SOCKS5_OK};
    uint8_t bytes[GOST_SOCKS5_REPLY_MAX];
    union gost_sockaddr addr = *local;
    gost_sockaddr_unmap(&addr);
    gost_sockaddr_host(&addr, reply.addr.host);
    reply.addr.port = gost_sockaddr_port(&addr);
    if (host)
        snprintf(reply.addr.host, sizeof(reply.addr.host), "%s", host);
    size_t n = gost_socks5_reply_encode(bytes, sizeof(bytes), &reply);
    return gost_io_write(c->client, bytes, n, gost_deadline_in(GOST_LAST_WORD_MS));
}

static int serve_tunnel(struct gost_conn *c, const struct gost_addr *addr, bool bind)
{
    struct gost_packet *up = NULL;
    union gost_sockaddr local;
    bool wants_port = addr->port != 0;
    if (wants_port && !bind)
        return refuse(c, GOST_SOCKS5_NOT_ALLOWED,
                      gost_fail(GOST_EDENIED, "SOCKS5: a UDP tunnel with a port needs bind=true"));
    int rc = c->ops->associate(c, wants_port ? addr : NULL, &up);
    if (rc != 0)
        return refuse(c, wants_port ? GOST_SOCKS5_FAILURE : gost__socks5_code(rc), rc);
    if (gost_packet_query(up, GOST_QUERY_LOCAL_ADDR, &local) != 0 || local.sa.sa_family == AF_UNIX)
        gost_ip_parse("0.0.0.0", 0, &local);
    rc = accept_at(c, &local, NULL);
    if (rc == 0)
        rc = gost__udp_serve_framed(c, GOST__UDP_TUNNEL, &up);
    gost_packet_close(up);
    return rc;
}

/* Where the client reached us, which is where its datagrams are to go. */
static void own_address(struct gost_conn *c, union gost_sockaddr *local)
{
    memset(local, 0, sizeof(*local));
    if (gost_stream_query(c->client, GOST_QUERY_LOCAL_ADDR, local) != 0 ||
        local->sa.sa_family == AF_UNIX)
        gost_ip_parse("127.0.0.1", 0, local);
    gost_sockaddr_unmap(local);
}

static void set_port(union gost_sockaddr *addr, uint16_t port)
{
    if (addr->sa.sa_family == AF_INET6)
        addr->v6.sin6_port = htons(port);
    else
        addr->v4.sin_port = htons(port);
}

static int open_relay(union gost_sockaddr *local, const struct gost__udp_settings *s,
                      struct gost_packet **out)
{
    uint32_t start = 0, span = (uint32_t)(s->max_port - s->min_port + 1);
    int rc = 0;
    set_port(local, 0);
    if (s->max_port == 0)
        return gost_udp_open(local, NULL, out);
    if (getrandom(&start, sizeof(start), 0) < 0)
        start = 0;
    for (uint32_t i = 0; i < span && i < PORT_TRIES; i++) {
        set_port(local, (uint16_t)(s->min_port + (start % span + i) % span));
        rc = gost_udp_open(local, NULL, out);
        if (rc == 0 || rc != -EADDRINUSE)
            return rc;
    }
    return gost_fail_at(rc, "no port of udp.bindRange is free");
}

static const char *announced(const char *public_addr)
{
    return public_addr && gost_ip_parse(public_addr, 0, NULL) != 0 ? public_addr : NULL;
}

static int serve_associate(struct gost_conn *c, const struct gost__udp_settings *s,
                           const char *public_addr)
{
    struct gost_packet *up = NULL, *relay = NULL;
    union gost_sockaddr local, client = c->peer;
    int rc = c->ops->associate(c, NULL, &up);
    own_address(c, &local);
    if (client.sa.sa_family == AF_UNIX)
        client = local;
    if (rc == 0)
        rc = open_relay(&local, s, &relay);
    if (rc == 0)
        rc = gost_packet_query(relay, GOST_QUERY_LOCAL_ADDR, &local);
    if (rc != 0) {
        gost_packet_close(up);
        gost_packet_close(relay);
        return refuse(c, gost__socks5_code(rc), rc);
    }
    rc = accept_at(c, &local, announced(public_addr));
    if (rc == 0)
        rc = gost__udp_socks_server(&c->client, &relay, &client, &c->packet);
    if (rc == 0)
        rc = c->ops->relay_packet(c, &up, false);
    gost_packet_close(up);
    gost_packet_close(relay);
    return rc;
}

int gost__socks5_serve_udp(struct gost_conn *c, const struct gost_socks5_request *request,
                           const struct gost__udp_settings *s, bool bind, const char *public_addr)
{
    bool is_tunnel = request->command == GOST_SOCKS5_UDP_TUNNEL;
    if (!s->udp && !(is_tunnel && bind && request->addr.port != 0))
        return refuse(c, GOST_SOCKS5_NOT_ALLOWED,
                      gost_fail(GOST_EDENIED, "SOCKS5: datagrams need udp=true"));
    return is_tunnel ? serve_tunnel(c, &request->addr, bind) : serve_associate(c, s, public_addr);
}
