/**
 * A hash map from strings to pointers: open addressing, keyed hashing, so that whoever chooses the
 * keys cannot choose collisions. Keys are copied and compared byte by byte (case matters, NUL bytes
 * are data). One thread at a time.
 */
#ifndef GOST_BASE_MAP_H
#define GOST_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gost_map_slot {
    uint64_t hash;
    char *key; /**< owned, NUL-terminated for convenience; NULL: the slot is free */
    size_t len;
    void *value;
};

struct gost_map {
    struct gost_map_slot *slots; /**< NULL while nothing was ever set */
    size_t cap;                  /**< a power of two, or 0 */
    size_t count;                /**< keys inside */
};

void gost_map_create(struct gost_map *m);

/** Free keys and table. @param drop  called for each value; NULL when the map does not own them */
void gost_map_destroy(struct gost_map *m, void (*drop)(void *value));

/** @return a map on the heap, or NULL without memory */
struct gost_map *gost_map_new(void);

/** Destroy and free; NULL is fine. */
void gost_map_delete(struct gost_map *m, void (*drop)(void *value));

/** @return the value, or NULL when the key is absent */
void *gost_map_get(const struct gost_map *m, const char *key, size_t n);

/**
 * Set or replace a value.
 * @param value    not NULL
 * @param[out] old the value that was replaced, or NULL; may itself be NULL when it does not matter
 * @return 0 or GOST_ENOMEM (the map is unchanged then)
 */
int gost_map_set(struct gost_map *m, const char *key, size_t n, void *value, void **old);

/** Remove a key. @return its value, or NULL when it was absent */
void *gost_map_del(struct gost_map *m, const char *key, size_t n);

/**
 * Walk over all keys, in no particular order; the map must not change meanwhile.
 * @param[in,out] pos  0 at first, then left alone
 * @return the next slot (borrowed), or NULL at the end
 */
const struct gost_map_slot *gost_map_each(const struct gost_map *m, size_t *pos);

/** SipHash-1-3 with a given key. */
uint64_t gost_siphash(const uint64_t key[2], const void *data, size_t n);

/** SipHash-1-3 with a random key that all threads of this process share. */
uint64_t gost_hash(const void *data, size_t n);

#endif
