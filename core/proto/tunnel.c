#include "core/proto/tunnel_int.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/base/list.h"
#include "core/base/map.h"
#include "core/runtime/workers.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

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

static struct gost__tunnel_carrier *look_up_connector(const struct gost_tunnels *t,
                                                      const uint8_t *tunnel, const uint8_t *id)
{
    struct tunnel *found = look_up(t, tunnel);
    if (found)
        gost_list_each_safe(link, &found->connectors)
        {
            struct gost__tunnel_carrier *k =
                gost_container_of(link, struct gost__tunnel_carrier, link);
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

int gost__tunnels_enter(struct gost_tunnels *t, const struct gost_tunnel_connector *who,
                        struct gost__tunnel_carrier *k)
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

void gost__tunnels_leave(struct gost_tunnels *t, struct gost__tunnel_carrier *k)
{
    const uint8_t *id = k->tunnel;
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

void gost__tunnels_lose(struct gost__tunnel_carrier *k)
{
    pthread_mutex_lock(&lock);
    k->alive = false;
    pthread_mutex_unlock(&lock);
}

/* --- visiting -------------------------------------------------------------------------------- */

static unsigned weight_of(const struct gost__tunnel_carrier *k, bool only)
{
    if (only)
        return k->id.weight == GOST_TUNNEL_WEIGHT_ONLY;
    return k->id.weight == 0 ? 1 : k->id.weight;
}

static bool is_udp(const struct gost__tunnel_carrier *k)
{
    return (k->id.flags & GOST_RELAY_ID_UDP) != 0;
}

/* Of a single connector nobody asks whether it is for datagrams; so GOST has it. */
static bool fits(const struct tunnel *t, const struct gost__tunnel_carrier *k, bool udp)
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

static struct gost__tunnel_carrier *choose(struct tunnel *t, bool udp)
{
    uint32_t total = 0;
    bool only = false;
    gost_list_each_safe(link, &t->connectors)
    {
        struct gost__tunnel_carrier *k = gost_container_of(link, struct gost__tunnel_carrier, link);
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
        struct gost__tunnel_carrier *k = gost_container_of(link, struct gost__tunnel_carrier, link);
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
    struct gost__tunnel_carrier *k = found ? choose(found, udp) : NULL;
    if (k) {
        memcpy(out->id, k->id.uuid, GOST_UUID_BYTES);
        out->worker = k->worker;
    }
    pthread_mutex_unlock(&lock);
    return k != NULL;
}

int gost__tunnels_open_on(struct gost_tunnels *t, const uint8_t *tunnel, const uint8_t *connector,
                          const void *first, size_t n, struct gost_stream **out)
{
    pthread_mutex_lock(&lock);
    struct gost__tunnel_carrier *k = look_up_connector(t, tunnel, connector);
    pthread_mutex_unlock(&lock);
    /* It is this thread that would free it. */
    if (!k || k->worker != gost_worker_self() || !k->mux)
        return gost_fail(GOST_ENONODE, "the client has just left");
    return gost_mux_open_with(k->mux, first, n, out);
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
