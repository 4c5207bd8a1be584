#include "core/proto/tunnel.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/base/list.h"
#include "core/base/map.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { ATTEMPTS = 3, ANNOUNCEMENT_MAX = 640 };

struct gost_tunnels {
    struct gost_list link; /* in the thread's list */
    size_t refs;
    char *name;
    struct gost_map by_id; /* UUID -> struct tunnel */
};

/* Lives as long as it has connectors. */
struct tunnel {
    struct gost_list connectors;
    size_t count;
};

/* On its fiber's account: gost_tunnels_carry. */
struct connector {
    struct gost_list link;
    struct gost_mux *mux; /* NULL once the connection is lost */
    struct gost_fiber *fiber;
    struct gost_relay_id id;
    int rc; /* why it was lost */
};

static _Thread_local struct gost_list all;

static struct gost_tunnels *find(const char *name)
{
    if (!all.next)
        gost_list_create(&all);
    gost_list_each_safe(link, &all)
    {
        struct gost_tunnels *t = gost_container_of(link, struct gost_tunnels, link);
        if (strcmp(t->name, name) == 0)
            return t;
    }
    return NULL;
}

struct gost_tunnels *gost_tunnels_take(const char *name)
{
    struct gost_tunnels *t = find(name);
    if (t) {
        t->refs++;
        return t;
    }
    t = calloc(1, sizeof(*t));
    char *copy = strdup(name);
    if (!t || !copy) {
        free(t);
        free(copy);
        return NULL;
    }
    t->refs = 1;
    t->name = copy;
    gost_map_create(&t->by_id);
    gost_list_add(&all, &t->link);
    return t;
}

void gost_tunnels_give(struct gost_tunnels *t)
{
    if (!t || --t->refs > 0)
        return;
    gost_list_remove(&t->link);
    gost_map_destroy(&t->by_id,
                     free); /* it is empty: each connector holds a service, which holds us */
    free(t->name);
    free(t);
}

static struct tunnel *look_up(const struct gost_tunnels *t, const uint8_t *id)
{
    return gost_map_get(&t->by_id, (const char *)id, GOST_UUID_BYTES);
}

/* --- carrying ------------------------------------------------------------------------------ */

int gost_tunnels_room(const struct gost_tunnels *t, const uint8_t id[GOST_UUID_BYTES])
{
    const struct tunnel *tunnel = look_up(t, id);
    return tunnel && tunnel->count >= GOST_TUNNEL_CONNECTORS_MAX
               ? gost_fail(GOST_ELIMIT, "the tunnel has %d connectors", GOST_TUNNEL_CONNECTORS_MAX)
               : 0;
}

static int enter(struct gost_tunnels *t, const uint8_t *id, struct connector *k)
{
    struct tunnel *tunnel = look_up(t, id);
    if (!tunnel) {
        tunnel = calloc(1, sizeof(*tunnel));
        if (!tunnel ||
            gost_map_set(&t->by_id, (const char *)id, GOST_UUID_BYTES, tunnel, NULL) != 0) {
            free(tunnel);
            return gost_fail_code(GOST_ENOMEM);
        }
        gost_list_create(&tunnel->connectors);
    }
    gost_list_add(&tunnel->connectors, &k->link);
    tunnel->count++;
    return 0;
}

static void leave(struct gost_tunnels *t, const uint8_t *id, struct connector *k)
{
    struct tunnel *tunnel = look_up(t, id);
    gost_list_remove(&k->link);
    if (--tunnel->count == 0)
        free(gost_map_del(&t->by_id, (const char *)id, GOST_UUID_BYTES));
}

static void on_end(struct gost_mux *m)
{
    struct connector *k = gost_mux_user(m);
    k->rc = gost_mux_error(m);
    gost_mux_release(m);
    k->mux = NULL;
    gost_fiber_wake(k->fiber);
}

/* Without on_stream: only we open streams. */
static const struct gost_mux_events events = {.on_end = on_end};

static int wait_end(struct connector *k)
{
    int rc = 0;
    while (k->mux && rc == 0)
        rc = gost_fiber_wait(GOST_NEVER);
    if (k->mux)
        gost_mux_close(k->mux);
    k->mux = NULL;
    bool left = k->rc == GOST_EOF || k->rc == -ECONNRESET || k->rc == -EPIPE;
    return rc != 0 || left ? rc : k->rc;
}

int gost_tunnels_carry(struct gost_tunnels *t, struct gost_conn *c,
                       const struct gost_tunnel_connector *who, const struct gost_mux_options *mux)
{
    struct connector *k = calloc(1, sizeof(*k));
    if (!k)
        return gost_fail_code(GOST_ENOMEM);
    k->id = who->id;
    k->fiber = gost_fiber_self();
    int rc = gost_mux_new(&c->client, mux, true, &events, k, &k->mux);
    if (rc == 0) {
        rc = enter(t, who->tunnel, k);
        if (rc == 0) {
            rc = wait_end(k);
            leave(t, who->tunnel, k);
        } else {
            gost_mux_close(k->mux);
        }
    }
    free(k);
    return rc;
}

/* --- visiting -------------------------------------------------------------------------------- */

static unsigned weight_of(const struct connector *k, bool only)
{
    if (only)
        return k->id.weight == GOST_TUNNEL_WEIGHT_ONLY;
    return k->id.weight == 0 ? 1 : k->id.weight;
}

static bool is_udp(const struct connector *k)
{
    return (k->id.flags & GOST_RELAY_ID_UDP) != 0;
}

/* Of a single connector nobody asks whether it is for datagrams; so GOST has it. */
static bool fits(const struct tunnel *t, const struct connector *k, bool udp)
{
    return k->mux && gost_mux_error(k->mux) == 0 && (t->count == 1 || is_udp(k) == udp);
}

static uint32_t roll(uint32_t range)
{
    static _Thread_local uint64_t state;
    if (!state && getrandom(&state, sizeof(state), 0) != sizeof(state))
        state = (uintptr_t)&state;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(((state >> 32) * range) >> 32);
}

static struct connector *choose(struct tunnel *t, bool udp)
{
    uint32_t total = 0;
    bool only = false;
    gost_list_each_safe(link, &t->connectors)
    {
        struct connector *k = gost_container_of(link, struct connector, link);
        if (!fits(t, k, udp))
            continue;
        if (!only && k->id.weight == GOST_TUNNEL_WEIGHT_ONLY) {
            only = true;
            total = 0;
        }
        total += weight_of(k, only);
    }
    uint32_t at = total > 0 ? roll(total) : 0;
    gost_list_each_safe(link, &t->connectors)
    {
        struct connector *k = gost_container_of(link, struct connector, link);
        unsigned weight = fits(t, k, udp) ? weight_of(k, only) : 0;
        if (at < weight)
            return k;
        at -= weight;
    }
    return NULL;
}

static size_t announcement(uint8_t *buf, size_t cap, const struct gost_tunnel_visit *v)
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

static int open_on(struct connector *k, const struct gost_tunnel_visit *v, struct gost_stream **out)
{
    uint8_t bytes[ANNOUNCEMENT_MAX];
    int rc = gost_mux_open(k->mux, out);
    if (rc != 0)
        return rc;
    size_t n = announcement(bytes, sizeof(bytes), v);
    if (n > 0 && gost_stream_write(*out, bytes, n) == (ssize_t)n)
        return 0;
    gost_stream_close(*out);
    *out = NULL;
    return gost_fail(GOST_ELIMIT, "the tunnel's connection is congested");
}

int gost_tunnels_open(struct gost_tunnels *t, const struct gost_tunnel_visit *v,
                      struct gost_stream **out)
{
    struct tunnel *tunnel = look_up(t, v->tunnel);
    char text[GOST_UUID_TEXT];
    int rc = GOST_ENONODE;
    *out = NULL;
    for (int i = 0; i < ATTEMPTS && tunnel && rc != 0; i++) {
        struct connector *k = choose(tunnel, v->udp);
        if (!k)
            break;
        rc = open_on(k, v, out);
    }
    if (rc == GOST_ENONODE)
        gost_fail(rc, "nobody is connected");
    return rc == 0 ? 0 : gost_fail_at(rc, "tunnel %s", gost_uuid_format(v->tunnel, text));
}

char *gost_tunnel_endpoint(const uint8_t id[GOST_UUID_BYTES], char out[GOST_TUNNEL_ENDPOINT])
{
    static const char hex[] = "0123456789abcdef";
    char text[GOST_UUID_TEXT];
    uint8_t digest[EVP_MAX_MD_SIZE] = {0};
    gost_uuid_format(id, text); /* the digest is over the text, so that GOST finds the same name */
    if (EVP_Digest(text, GOST_UUID_TEXT - 1, digest, NULL, EVP_md5(), NULL) != 1)
        memcpy(digest, id, GOST_UUID_BYTES); /* a library without MD5: any name of its own will do */
    for (size_t i = 0; i < 8; i++) {
        out[2 * i] = hex[digest[i] >> 4];
        out[2 * i + 1] = hex[digest[i] & 15];
    }
    out[16] = '\0';
    return out;
}
