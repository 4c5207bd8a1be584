#include "core/proto/tunnel_int.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/base/list.h"
#include "core/base/map.h"
#include "core/runtime/workers.h"

#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { TTL_MIN_MS = 1000 };

/* Held while looking at anything that workers share: all that is below, save a connector's own. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct gost_list all = {&all, &all}; /* struct gost_tunnels */

struct gost_tunnels {
    struct gost_list link;
    size_t refs;
    char *name;
    struct gost_map by_id; /* UUID -> struct tunnel */
    uint8_t node[GOST_UUID_BYTES];
    char address[GOST_HOSTPORT_MAX]; /* where other hosts reach this one, as configured */
};

/* Lives as long as it has connectors. */
struct tunnel {
    struct gost_list connectors;
    size_t count;
    char *owner; /* of the first; NULL: all may share */
};

/* On its fiber's account: gost_tunnels_carry. */
struct connector {
    struct gost_list link;
    struct gost_relay_id id;
    int worker;
    bool alive; /* its session is */
    /* its worker's alone */
    struct gost_mux *mux; /* NULL once the connection is lost */
    struct gost_fiber *fiber;
    int rc; /* why it was lost */
};

static struct gost_tunnels *find(const char *name)
{
    gost_list_each_safe(link, &all)
    {
        struct gost_tunnels *t = gost_container_of(link, struct gost_tunnels, link);
        if (strcmp(t->name, name) == 0)
            return t;
    }
    return NULL;
}

static struct gost_tunnels *make(const char *name)
{
    struct gost_tunnels *t = calloc(1, sizeof(*t));
    char *copy = strdup(name);
    if (!t || !copy) {
        free(t);
        free(copy);
        return NULL;
    }
    t->name = copy;
    gost_uuid_random(t->node);
    gost_map_create(&t->by_id);
    gost_list_add(&all, &t->link);
    return t;
}

struct gost_tunnels *gost_tunnels_take(const char *name)
{
    pthread_mutex_lock(&lock);
    struct gost_tunnels *t = find(name);
    if (!t)
        t = make(name);
    if (t)
        t->refs++;
    pthread_mutex_unlock(&lock);
    return t;
}

struct gost_tunnels *gost__tunnels_ref(struct gost_tunnels *t)
{
    pthread_mutex_lock(&lock);
    t->refs++;
    pthread_mutex_unlock(&lock);
    return t;
}

void gost_tunnels_give(struct gost_tunnels *t)
{
    if (!t)
        return;
    pthread_mutex_lock(&lock);
    bool last = --t->refs == 0;
    if (last)
        gost_list_remove(&t->link);
    pthread_mutex_unlock(&lock);
    if (!last)
        return;
    gost_map_destroy(&t->by_id, free); /* empty: each connector holds a service, which holds us */
    free(t->name);
    free(t);
}

const uint8_t *gost__tunnels_node(const struct gost_tunnels *t)
{
    return t->node;
}

int gost__tunnels_set_address(struct gost_tunnels *t, const char *address)
{
    if (strlen(address) >= sizeof(t->address))
        return gost_fail(GOST_ECONFIG, "\"%.64s…\" is no address", address);
    pthread_mutex_lock(&lock);
    strcpy(t->address, address);
    pthread_mutex_unlock(&lock);
    return 0;
}

char *gost__tunnels_address(struct gost_tunnels *t, char *out)
{
    pthread_mutex_lock(&lock);
    strcpy(out, t->address);
    pthread_mutex_unlock(&lock);
    return out;
}

static struct tunnel *look_up(const struct gost_tunnels *t, const uint8_t *id)
{
    return gost_map_get(&t->by_id, (const char *)id, GOST_UUID_BYTES);
}

static struct connector *look_up_connector(const struct gost_tunnels *t, const uint8_t *tunnel,
                                           const uint8_t *id)
{
    struct tunnel *found = look_up(t, tunnel);
    if (found)
        gost_list_each_safe(link, &found->connectors)
        {
            struct connector *k = gost_container_of(link, struct connector, link);
            if (memcmp(k->id.uuid, id, GOST_UUID_BYTES) == 0)
                return k;
        }
    return NULL;
}

bool gost__tunnels_has(struct gost_tunnels *t, const uint8_t *tunnel, const uint8_t *connector)
{
    pthread_mutex_lock(&lock);
    bool has = look_up_connector(t, tunnel, connector) != NULL;
    pthread_mutex_unlock(&lock);
    return has;
}

/* --- carrying ------------------------------------------------------------------------------ */

static bool is_same_owner(const struct tunnel *t, const char *owner)
{
    return t->owner && owner ? strcmp(t->owner, owner) == 0 : t->owner == owner;
}

/* Under the lock. */
static int admit(const struct tunnel *t, const char *owner)
{
    if (t && !is_same_owner(t, owner))
        return gost_fail(GOST_EDENIED, "the tunnel is another client's");
    if (t && t->count >= GOST_TUNNEL_CONNECTORS_MAX)
        return gost_fail(GOST_ELIMIT, "the tunnel has %d connectors", GOST_TUNNEL_CONNECTORS_MAX);
    return 0;
}

int gost_tunnels_admit(struct gost_tunnels *t, const struct gost_tunnel_connector *who)
{
    pthread_mutex_lock(&lock);
    int rc = admit(look_up(t, who->tunnel), who->owner);
    pthread_mutex_unlock(&lock);
    return rc;
}

static struct tunnel *tunnel_new(struct gost_tunnels *t, const struct gost_tunnel_connector *who)
{
    struct tunnel *tunnel = calloc(1, sizeof(*tunnel));
    char *owner = who->owner ? strdup(who->owner) : NULL;
    if (!tunnel || (who->owner && !owner) ||
        gost_map_set(&t->by_id, (const char *)who->tunnel, GOST_UUID_BYTES, tunnel, NULL) != 0) {
        free(tunnel);
        free(owner);
        return NULL;
    }
    tunnel->owner = owner;
    gost_list_create(&tunnel->connectors);
    return tunnel;
}

static int enter(struct gost_tunnels *t, const struct gost_tunnel_connector *who,
                 struct connector *k)
{
    pthread_mutex_lock(&lock);
    struct tunnel *tunnel = look_up(t, who->tunnel);
    int rc = admit(tunnel, who->owner);
    if (rc == 0 && !tunnel && !(tunnel = tunnel_new(t, who)))
        rc = gost_fail_code(GOST_ENOMEM);
    if (rc == 0) {
        k->alive = true;
        gost_list_add(&tunnel->connectors, &k->link);
        tunnel->count++;
    }
    pthread_mutex_unlock(&lock);
    return rc;
}

static void leave(struct gost_tunnels *t, const uint8_t *id, struct connector *k)
{
    pthread_mutex_lock(&lock);
    struct tunnel *tunnel = look_up(t, id);
    gost_list_remove(&k->link);
    if (--tunnel->count == 0) {
        gost_map_del(&t->by_id, (const char *)id, GOST_UUID_BYTES);
        free(tunnel->owner);
        free(tunnel);
    }
    pthread_mutex_unlock(&lock);
}

static void mark_dead(struct connector *k)
{
    pthread_mutex_lock(&lock);
    k->alive = false;
    pthread_mutex_unlock(&lock);
}

static void on_end(struct gost_mux *m)
{
    struct connector *k = gost_mux_user(m);
    k->rc = gost_mux_error(m);
    gost_mux_release(m);
    k->mux = NULL;
    mark_dead(k);
    gost_fiber_wake(k->fiber);
}

/* Without on_stream: only we open streams. */
static const struct gost_mux_events events = {.on_end = on_end};

/* Until the session or the fiber is ended; meanwhile other hosts are told that it lives. */
static int wait_end(struct gost_tunnels *t, struct gost_conn *c,
                    const struct gost_tunnel_connector *who, struct connector *k)
{
    int64_t ttl = who->ttl_ms > TTL_MIN_MS ? who->ttl_ms : TTL_MIN_MS;
    uint64_t renew = who->address[0] ? gost_deadline_in(ttl) : GOST_NEVER;
    int rc = 0;
    while (k->mux && rc == 0) {
        rc = gost_fiber_wait(renew);
        if (rc == GOST_ETIMEDOUT && gost_now() >= renew) {
            gost__tunnel_tell(t, c, GOST_SD_RENEW, who);
            renew = gost_deadline_in(ttl);
            rc = 0;
        }
    }
    if (k->mux) {
        mark_dead(k);
        gost_mux_close(k->mux);
    }
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
    k->worker = gost_worker_self();
    k->fiber = gost_fiber_self();
    int rc = gost_mux_new(&c->client, mux, true, &events, k, &k->mux);
    if (rc == 0) {
        rc = enter(t, who, k);
        if (rc == 0) {
            gost__tunnel_tell(t, c, GOST_SD_REGISTER, who);
            rc = wait_end(t, c, who, k);
            leave(t, who->tunnel, k);
            gost__tunnel_tell(t, c, GOST_SD_DEREGISTER, who);
        } else if (k->mux) {
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
    return k->alive && (t->count == 1 || is_udp(k) == udp);
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

bool gost__tunnels_choose(struct gost_tunnels *t, const uint8_t *tunnel, bool udp,
                          struct gost__tunnel_choice *out)
{
    pthread_mutex_lock(&lock);
    struct tunnel *found = look_up(t, tunnel);
    struct connector *k = found ? choose(found, udp) : NULL;
    if (k) {
        memcpy(out->id, k->id.uuid, GOST_UUID_BYTES);
        out->worker = k->worker;
    }
    pthread_mutex_unlock(&lock);
    return k != NULL;
}

int gost__tunnels_open_on(struct gost_tunnels *t, const uint8_t *tunnel, const uint8_t *connector,
                          struct gost_stream **out)
{
    pthread_mutex_lock(&lock);
    struct connector *k = look_up_connector(t, tunnel, connector);
    pthread_mutex_unlock(&lock);
    /* It is this thread that would free it. */
    if (!k || k->worker != gost_worker_self() || !k->mux)
        return gost_fail(GOST_ENONODE, "the client has just left");
    return gost_mux_open(k->mux, out);
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
