#include "core/net/packet.h"

#include <stdlib.h>
#include <string.h>

enum { POOL_MAX = 4 };

static _Thread_local struct gost_batch *pool;
static _Thread_local int pooled;

struct gost_batch *gost_batch_take(void)
{
    struct gost_batch *b = pool;
    if (b) {
        pool = b->next;
        pooled--;
        return b;
    }
    b = malloc(sizeof(*b)); /* of its pages only those are touched that datagrams come to lie in */
    if (!b)
        abort(); /* a worker without its first buffers cannot serve anybody */
    b->io = NULL;
    b->name = NULL;
    return b;
}

static void batch_free(struct gost_batch *b)
{
    free(b->io);
    free(b->name);
    free(b);
}

void gost_batch_give(struct gost_batch *b)
{
    if (pooled >= POOL_MAX) {
        batch_free(b);
        return;
    }
    b->next = pool;
    pool = b;
    pooled++;
}

void gost_batch_cleanup(void)
{
    while (pool) {
        struct gost_batch *b = pool;
        pool = b->next;
        batch_free(b);
    }
    pooled = 0;
}

void gost_packet_close(struct gost_packet *p)
{
    if (p)
        p->ops->destroy(p);
}

static size_t kept_size(const struct gost_datagram *d)
{
    return sizeof(*d) + d->len + (d->addr ? sizeof(*d->addr) : 0) + (d->name ? sizeof(*d->name) : 0);
}

struct gost_kept *gost_kept_new(const struct gost_datagram *d, int count, size_t max, int *copied)
{
    size_t size = 0;
    int n = 0;
    while (n < count && size + kept_size(&d[n]) <= max)
        size += kept_size(&d[n++]);
    struct gost_kept *k = n > 0 ? malloc(sizeof(*k) + size) : NULL;
    *copied = k ? n : 0;
    if (!k)
        return NULL;
    k->from = 0;
    k->count = n;
    memset(k->d, 0, (size_t)n * sizeof(*k->d));
    struct gost_addr *name = (struct gost_addr *)(void *)(k->d + n);
    union gost_sockaddr *addr = (union gost_sockaddr *)(void *)name; /* what needs alignment first */
    for (int i = 0; i < n; i++)
        if (d[i].addr)
            k->d[i].addr = memcpy(addr++, d[i].addr, sizeof(*addr));
    name = (struct gost_addr *)(void *)addr;
    for (int i = 0; i < n; i++)
        if (d[i].name)
            k->d[i].name = memcpy(name++, d[i].name, sizeof(*name));
    uint8_t *data = (uint8_t *)name;
    for (int i = 0; i < n; i++) {
        k->d[i].len = d[i].len;
        k->d[i].data = data;
        if (d[i].len > 0)
            memcpy(data, d[i].data, d[i].len);
        data += d[i].len;
    }
    return k;
}
