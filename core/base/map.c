#include "core/base/map.h"

#include "core/base/error.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define ROTL(x, b) (((x) << (b)) | ((x) >> (64 - (b))))

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = ROTL(v[1], 13) ^ v[0];
    v[0] = ROTL(v[0], 32);
    v[2] += v[3];
    v[3] = ROTL(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = ROTL(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = ROTL(v[1], 17) ^ v[2];
    v[2] = ROTL(v[2], 32);
}

static inline uint64_t load_le64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof(v));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

uint64_t gost_siphash(const uint64_t key[2], const void *data, size_t n)
{
    const uint8_t *p = data;
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du,
                     key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u};
    uint64_t last = (uint64_t)n << 56;
    for (; n >= 8; p += 8, n -= 8) {
        uint64_t m = load_le64(p);
        v[3] ^= m;
        sip_round(v);
        v[0] ^= m;
    }
    for (size_t i = 0; i < n; i++)
        last |= (uint64_t)p[i] << (8 * i);
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static uint64_t process_key[2];
static pthread_once_t process_key_once = PTHREAD_ONCE_INIT;

static void process_key_make(void)
{
    if (getrandom(process_key, sizeof(process_key), GRND_NONBLOCK) == sizeof(process_key))
        return;
    /* No entropy yet, early in the boot: time and address layout are the best there is. */
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    process_key[0] = (uint64_t)t.tv_nsec * 0x9e3779b97f4a7c15u ^ (uint64_t)t.tv_sec;
    process_key[1] = (uint64_t)(uintptr_t)&t ^ (uint64_t)(uintptr_t)&process_key << 17;
}

uint64_t gost_hash(const void *data, size_t n)
{
    pthread_once(&process_key_once, process_key_make);
    return gost_siphash(process_key, data, n);
}

void gost_map_create(struct gost_map *m)
{
    *m = (struct gost_map){0};
}

void gost_map_destroy(struct gost_map *m, void (*drop)(void *value))
{
    for (size_t i = 0; i < m->cap; i++) {
        if (!m->slots[i].key)
            continue;
        free(m->slots[i].key);
        if (drop)
            drop(m->slots[i].value);
    }
    free(m->slots);
    gost_map_create(m);
}

struct gost_map *gost_map_new(void)
{
    return calloc(1, sizeof(struct gost_map));
}

void gost_map_delete(struct gost_map *m, void (*drop)(void *value))
{
    if (!m)
        return;
    gost_map_destroy(m, drop);
    free(m);
}

/* The slot of the key, or the free slot where it would go; the table is never full. */
static struct gost_map_slot *find(const struct gost_map *m, uint64_t hash, const char *key, size_t n)
{
    size_t i = hash & (m->cap - 1);
    for (;; i = (i + 1) & (m->cap - 1)) {
        struct gost_map_slot *s = &m->slots[i];
        if (!s->key || (s->hash == hash && s->len == n && memcmp(s->key, key, n) == 0))
            return s;
    }
}

void *gost_map_get(const struct gost_map *m, const char *key, size_t n)
{
    if (m->count == 0)
        return NULL;
    struct gost_map_slot *s = find(m, gost_hash(key, n), key, n);
    return s->key ? s->value : NULL;
}

static int grow(struct gost_map *m)
{
    struct gost_map bigger = {.cap = m->cap ? m->cap * 2 : 8, .count = m->count};
    bigger.slots = calloc(bigger.cap, sizeof(*bigger.slots));
    if (!bigger.slots)
        return GOST_ENOMEM;
    for (size_t i = 0; i < m->cap; i++) {
        struct gost_map_slot *s = &m->slots[i];
        if (s->key)
            *find(&bigger, s->hash, s->key, s->len) = *s;
    }
    free(m->slots);
    *m = bigger;
    return 0;
}

int gost_map_set(struct gost_map *m, const char *key, size_t n, void *value, void **old)
{
    uint64_t hash = gost_hash(key, n);
    if (old)
        *old = NULL;
    if (m->count + 1 > m->cap / 3 * 2 && grow(m) != 0)
        return GOST_ENOMEM;
    struct gost_map_slot *s = find(m, hash, key, n);
    if (s->key) {
        if (old)
            *old = s->value;
        s->value = value;
        return 0;
    }
    char *copy = malloc(n + 1);
    if (!copy)
        return GOST_ENOMEM;
    memcpy(copy, key, n);
    copy[n] = '\0';
    *s = (struct gost_map_slot){.hash = hash, .key = copy, .len = n, .value = value};
    m->count++;
    return 0;
}

/* Close the gap at `hole`: pull back what was pushed past it, so that no tombstone is needed. */
static void close_gap(struct gost_map *m, size_t hole)
{
    size_t mask = m->cap - 1;
    for (size_t i = (hole + 1) & mask; m->slots[i].key; i = (i + 1) & mask) {
        size_t home = m->slots[i].hash & mask;
        if (((i - home) & mask) < ((i - hole) & mask))
            continue; /* its home lies after the hole */
        m->slots[hole] = m->slots[i];
        hole = i;
    }
    m->slots[hole] = (struct gost_map_slot){0};
}

void *gost_map_del(struct gost_map *m, const char *key, size_t n)
{
    if (m->count == 0)
        return NULL;
    struct gost_map_slot *s = find(m, gost_hash(key, n), key, n);
    if (!s->key)
        return NULL;
    void *value = s->value;
    free(s->key);
    close_gap(m, (size_t)(s - m->slots));
    m->count--;
    return value;
}

const struct gost_map_slot *gost_map_each(const struct gost_map *m, size_t *pos)
{
    while (*pos < m->cap) {
        const struct gost_map_slot *s = &m->slots[(*pos)++];
        if (s->key)
            return s;
    }
    return NULL;
}
