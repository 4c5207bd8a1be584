/*
 * Visitors that speak the tunnel protocol: at a tunnel service, and at public entries, where those
 * come that another host passes on.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/net/io.h"
#include "core/proto/handshake.h"
#include "core/proto/tunnel_int.h"

#include <stdlib.h>
#include <string.h>

int gost__tunnel_rules_init(struct gost__tunnel_rules *r, const char *id, bool direct,
                            const char *pool)
{
    struct gost_endpoint entry;
    r->direct = direct;
    if (id && id[0]) {
        if (!gost_endpoint_parse(id, strlen(id), &entry))
            return gost_fail(GOST_ECONFIG, "entrypoint.id: \"%s\" is no UUID", id);
        memcpy(r->entry_id, entry.id, GOST_UUID_BYTES);
    }
    r->tunnels = gost_tunnels_take(pool ? pool : "");
    return r->tunnels ? 0 : gost_fail_code(GOST_ENOMEM);
}

/* --- messages ---------------------------------------------------------------------------------- */

static ssize_t decode(void *out, const uint8_t *p, size_t n)
{
    return gost_relay_decode(out, p, n);
}

int gost__tunnel_receive(struct gost_conn *c, struct gost_relay *m, struct gost_buf *raw)
{
    void *room = malloc(GOST_RELAY_MAX);
    if (!room)
        return gost_fail_code(GOST_ENOMEM);
    ssize_t n = gost_io_decode(c->client, decode, m, room, GOST_RELAY_MAX, c->deadline);
    int rc = n > 0 ? gost_buf_append(raw, room, (size_t)n) : 0;
    m->meta = (struct gost_slice){NULL, 0};
    if (n > 0)
        explicit_bzero(room, (size_t)n);
    free(room);
    if (n > 0)
        return rc;
    return n == 0 ? gost_fail(GOST_EOF, "the client left without a request") : (int)n;
}

void gost__tunnel_forget(struct gost_relay *m, struct gost_buf *raw)
{
    explicit_bzero(&m->auth, sizeof(m->auth));
    if (raw->len > 0)
        explicit_bzero(raw->data, raw->len);
    gost_buf_destroy(raw);
}

int gost__tunnel_refuse(struct gost_conn *c, uint8_t status, int rc)
{
    struct gost_relay *m = calloc(1, sizeof(*m));
    uint8_t bytes[16];
    if (!m)
        return rc;
    m->code = status;
    gost__last_word(c, bytes, gost_relay_encode(bytes, sizeof(bytes), m));
    free(m);
    return rc;
}

uint8_t gost__tunnel_status(int rc)
{
    switch (rc) {
    case GOST_EDENIED:
        return GOST_RELAY_FORBIDDEN;
    case GOST_ENONODE:
    case GOST_ELIMIT:
        return GOST_RELAY_UNAVAILABLE;
    default:
        return GOST_RELAY_INTERNAL;
    }
}

int gost__tunnel_authenticate(struct gost_conn *c, struct gost_relay *m)
{
    if (!m->has_id || gost_uuid_is_nil(m->id.uuid))
        return gost__tunnel_refuse(c, GOST_RELAY_BAD_REQUEST,
                                   gost_fail(GOST_EPROTO, "tunnel: no tunnel ID"));
    if (!gost_conn_needs_auth(c))
        return 0;
    int rc = gost_conn_auth(c, m->has_auth ? m->auth.user : NULL, m->auth.password, "tunnel");
    return rc == 0 ? 0 : gost__tunnel_refuse(c, GOST_RELAY_UNAUTHORIZED, rc);
}

/* --- a visitor --------------------------------------------------------------------------------- */

/* Which tunnel the visitor may use. @return 0, or a code with the status to answer */
static int find_tunnel(const struct gost__tunnel_rules *r, struct gost_conn *c,
                       const struct gost_relay *m, uint8_t *tunnel, uint8_t *status)
{
    struct gost_request request = {.network = gost_relay_is_udp(m) ? GOST_UDP : GOST_TCP,
                                   .addr = *gost_relay_addr(m)};
    struct gost_endpoint found;
    bool is_public =
        !gost_uuid_is_nil(r->entry_id) && memcmp(m->id.uuid, r->entry_id, GOST_UUID_BYTES) == 0;
    int rc = c->ops->lead(c, &request, &found);
    if (rc < 0 && rc != GOST_ENOTSUP) {
        *status = gost__tunnel_status(rc);
        return rc;
    }
    *status = is_public && rc != 1 ? GOST_RELAY_NET_UNREACHABLE : GOST_RELAY_HOST_UNREACHABLE;
    memcpy(tunnel, m->id.uuid, GOST_UUID_BYTES);
    if (!is_public && r->direct)
        return 0;
    if (rc != 1)
        return gost_fail(GOST_EDENIED, "no ingress rule for %s", request.addr.host);
    if (is_public ? found.is_private : memcmp(found.id, m->id.uuid, GOST_UUID_BYTES) != 0)
        return gost_fail(GOST_EDENIED, "%s is not for this visitor", request.addr.host);
    memcpy(tunnel, found.id, GOST_UUID_BYTES);
    return 0;
}

static int open_tunnel(const struct gost__tunnel_rules *r, struct gost_conn *c,
                       const struct gost_relay *m, struct gost_tunnel_way *way)
{
    uint8_t tunnel[GOST_UUID_BYTES], status;
    char text[GOST_HOSTPORT_MAX];
    free(c->target);
    c->target = strdup(gost_addr_format(gost_relay_addr(m), text));
    int rc = find_tunnel(r, c, m, tunnel, &status);
    if (rc != 0)
        return gost__tunnel_refuse(c, status, rc);
    struct gost_tunnel_visit visit = {.tunnel = tunnel,
                                      .udp = gost_relay_is_udp(m),
                                      .introduce = r->introduce,
                                      .peer = &c->peer,
                                      .host = gost_relay_addr(m)};
    rc = gost_tunnels_open(r->tunnels, c, &visit, way);
    return rc == 0 ? 0 : gost__tunnel_refuse(c, GOST_RELAY_UNAVAILABLE, rc);
}

/* The visitor hears that it is through; another host is told what it asked, and answers itself. */
static int greet(struct gost_conn *c, const struct gost_tunnel_way *way, const struct gost_buf *raw)
{
    static const uint8_t fine[] = {1, GOST_RELAY_OK, 0, 0};
    uint64_t deadline = gost_deadline_in(GOST_LAST_WORD_MS);
    if (way->elsewhere)
        return gost_io_write(way->up, raw->data, raw->len, deadline);
    return gost_io_write(c->client, fine, sizeof(fine), deadline);
}

int gost__tunnel_connect(const struct gost__tunnel_rules *r, struct gost_conn *c,
                         struct gost_relay *m, struct gost_buf *raw)
{
    struct gost_tunnel_way way = {NULL, NULL, false};
    if (m->naddrs < 1 || !gost_relay_addr(m)->host[0])
        return gost__tunnel_refuse(c, GOST_RELAY_BAD_REQUEST,
                                   gost_fail(GOST_EPROTO, "tunnel: no target"));
    int rc = open_tunnel(r, c, m, &way);
    if (rc == 0)
        rc = greet(c, &way, raw);
    gost__tunnel_forget(m, raw);
    if (rc == 0)
        rc = gost_tunnel_way_relay(c, &way);
    gost_tunnel_way_close(&way);
    return rc;
}
