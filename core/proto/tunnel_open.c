/*
 * Ways through tunnels: a stream on a client's session, wherever that lives.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/net/far.h"
#include "core/proto/handshake.h"
#include "core/proto/tunnel_int.h"
#include "core/runtime/workers.h"

#include <stdlib.h>
#include <string.h>

enum { ATTEMPTS = 3, ANNOUNCEMENT_MAX = 640, FAR_MS = 10 * 1000 };

/* What to open, in words that another worker understands. */
struct errand {
    struct gost_far_ask ask;
    struct gost_tunnels *tunnels; /* a reference */
    uint8_t tunnel[GOST_UUID_BYTES];
    uint8_t connector[GOST_UUID_BYTES];
    size_t len;
    uint8_t announcement[ANNOUNCEMENT_MAX];
};

static size_t announce(uint8_t *buf, size_t cap, const struct gost_tunnel_visit *v)
{
    struct gost_relay *m = calloc(1, sizeof(*m));
    struct gost_addr peer = {.host = "0.0.0.0"}; /* a client gives up on what is no IP address */
    char text[GOST_HOSTPORT_MAX];
    if (!m)
        return 0;
    if (v->peer->sa.sa_family == AF_INET || v->peer->sa.sa_family == AF_INET6) {
        strcpy(peer.host, gost_sockaddr_host(v->peer, text));
        peer.port = gost_sockaddr_port(v->peer);
    }
    m->code = GOST_RELAY_OK;
    gost_relay_add_addr(m, &peer);
    gost_relay_add_addr(m, v->host);
    size_t n = gost_relay_encode(buf, cap, m);
    free(m);
    return n;
}

/* On the worker that has the session. */
static int errand_open(struct gost_far_ask *ask, struct gost_stream **out)
{
    struct errand *e = gost_container_of(ask, struct errand, ask);
    return gost__tunnels_open_on(e->tunnels, e->tunnel, e->connector, e->announcement, e->len, out);
}

static void errand_drop(struct gost_far_ask *ask)
{
    struct errand *e = gost_container_of(ask, struct errand, ask);
    gost_tunnels_give(e->tunnels);
    free(e);
}

static struct errand *errand_new(struct gost_tunnels *t, const struct gost_tunnel_visit *v,
                                 const struct gost__tunnel_choice *choice)
{
    struct errand *e = calloc(1, sizeof(*e));
    if (!e)
        return NULL;
    e->ask.open = errand_open;
    e->ask.drop = errand_drop;
    memcpy(e->tunnel, v->tunnel, GOST_UUID_BYTES);
    memcpy(e->connector, choice->id, GOST_UUID_BYTES);
    e->len = announce(e->announcement, sizeof(e->announcement), v);
    if (e->len == 0) {
        free(e);
        return NULL;
    }
    e->tunnels = gost__tunnels_ref(t);
    return e;
}

static int open_once(struct gost_tunnels *t, struct gost_conn *c, const struct gost_tunnel_visit *v,
                     const struct gost__tunnel_choice *choice, struct gost_tunnel_way *out)
{
    struct errand *e = errand_new(t, v, choice);
    if (!e)
        return gost_fail(GOST_ENOMEM, "this visitor cannot be announced");
    if (choice->worker == gost_worker_self()) {
        int rc = errand_open(&e->ask, &out->up);
        errand_drop(&e->ask);
        return rc;
    }
    gost_conn_log(c, GOST_LOG_DEBUG, "the tunnel's client is at worker %d", choice->worker);
    if (v->many || !c->ops->is_movable || !c->ops->is_movable(c))
        return gost_far_bridge(choice->worker, &e->ask, gost_deadline_in(FAR_MS), &out->up);
    return gost_far_open(choice->worker, &e->ask, gost_deadline_in(FAR_MS), &out->far);
}

int gost_tunnels_open(struct gost_tunnels *t, struct gost_conn *c,
                      const struct gost_tunnel_visit *v, struct gost_tunnel_way *out)
{
    struct gost__tunnel_choice choice;
    char text[GOST_UUID_TEXT];
    int rc = GOST_ENONODE;
    *out = (struct gost_tunnel_way){NULL, NULL, false};
    for (int i = 0; i < ATTEMPTS && rc != 0 && rc != GOST_ECANCELED; i++) {
        if (!gost__tunnels_choose(t, v->tunnel, v->udp, &choice))
            break;
        rc = open_once(t, c, v, &choice, out);
    }
    if (rc == GOST_ENONODE) {
        rc = gost__tunnel_host_dial(t, c, v, &out->up);
        if (rc == 0 && v->introduce) {
            rc = gost__introduce(c, out->up, v->introduce);
            if (rc != 0)
                gost_tunnel_way_close(out);
        }
        out->elsewhere = rc == 0;
    }
    return rc == 0 ? 0 : gost_fail_at(rc, "tunnel %s", gost_uuid_format(v->tunnel, text));
}

int gost_tunnel_way_relay(struct gost_conn *c, struct gost_tunnel_way *way)
{
    return way->up ? gost_conn_relay(c, &way->up) : c->ops->relay_far(c, &way->far);
}

void gost_tunnel_way_close(struct gost_tunnel_way *way)
{
    gost_stream_close(way->up);
    gost_far_delete(way->far);
    *way = (struct gost_tunnel_way){NULL, NULL, false};
}
