#include "core/net/udp_table.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/base/map.h"

#include <stdlib.h>
#include <string.h>

enum { CAP_MIN = 64 };

void gost_udp_table_create(struct gost_udp_table *t)
{
    *t = (struct gost_udp_table){0};
}

void gost_udp_table_destroy(struct gost_udp_table *t)
{
    free(t->slot);
    *t = (struct gost_udp_table){0};
}

uint64_t gost_udp_hash(const union gost_sockaddr *addr)
{
    struct {
        uint8_t ip[16];
        uint32_t port, scope;
    } key = {.port = gost_sockaddr_port(addr)};
    if (addr->sa.sa_family == AF_INET) {
        memcpy(key.ip, &addr->v4.sin_addr, 4);
    } else {
        memcpy(key.ip, &addr->v6.sin6_addr, 16);
        key.scope = addr->v6.sin6_scope_id;
    }
    return gost_hash(&key, sizeof(key));
}

bool gost_udp_same(const union gost_sockaddr *a, const union gost_sockaddr *b)
{
    if (a->sa.sa_family != b->sa.sa_family)
        return false;
    if (a->sa.sa_family == AF_INET)
        return a->v4.sin_port == b->v4.sin_port && a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
    return a->v6.sin6_port == b->v6.sin6_port && a->v6.sin6_scope_id == b->v6.sin6_scope_id &&
           memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, 16) == 0;
}

struct gost_udp_entry *gost_udp_table_get(const struct gost_udp_table *t, uint64_t hash,
                                          const union gost_sockaddr *addr)
{
    if (t->cap == 0)
        return NULL;
    for (size_t i = hash & (t->cap - 1); t->slot[i]; i = (i + 1) & (t->cap - 1))
        if (t->slot[i]->hash == hash && gost_udp_same(&t->slot[i]->addr, addr))
            return t->slot[i];
    return NULL;
}

static void place(struct gost_udp_entry **slot, size_t cap, struct gost_udp_entry *e)
{
    size_t i = e->hash & (cap - 1);
    while (slot[i])
        i = (i + 1) & (cap - 1);
    slot[i] = e;
}

static int grow(struct gost_udp_table *t)
{
    size_t cap = t->cap ? t->cap * 2 : CAP_MIN;
    struct gost_udp_entry **slot = calloc(cap, sizeof(*slot));
    if (!slot)
        return gost_fail_code(GOST_ENOMEM);
    for (size_t i = 0; i < t->cap; i++)
        if (t->slot[i])
            place(slot, cap, t->slot[i]);
    free(t->slot);
    t->slot = slot;
    t->cap = cap;
    return 0;
}

int gost_udp_table_add(struct gost_udp_table *t, struct gost_udp_entry *e)
{
    int rc = (t->count + 1) * 2 > t->cap ? grow(t) : 0;
    if (rc != 0)
        return rc;
    place(t->slot, t->cap, e);
    t->count++;
    return 0;
}

void gost_udp_table_remove(struct gost_udp_table *t, struct gost_udp_entry *e)
{
    size_t mask = t->cap - 1, i = e->hash & mask;
    while (t->slot[i] != e)
        i = (i + 1) & mask;
    t->count--;
    for (size_t next = (i + 1) & mask; t->slot[next]; next = (next + 1) & mask) {
        size_t home = t->slot[next]->hash & mask;
        if (((next - home) & mask) >= ((next - i) & mask)) { /* it may stand in the gap */
            t->slot[i] = t->slot[next];
            i = next;
        }
    }
    t->slot[i] = NULL;
}
