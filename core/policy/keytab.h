/**
 * Buckets found by key, in a table of fixed size that workers share: a flood of keys costs no
 * memory. Where room is short the bucket that is closest to full makes way; a full one loses
 * nothing by being forgotten. Zeroed memory is an empty table.
 */
#ifndef GOST_POLICY_KEYTAB_H
#define GOST_POLICY_KEYTAB_H

#include "core/policy/bucket.h"

#include <stddef.h>

enum {
    GOST_KEYTAB_WAYS = 8,
    GOST_KEYTAB_SETS = 2048, /**< a power of two */
};

struct gost_keytab_slot {
    _Atomic uint64_t tag; /**< hash of the key; 0: free */
    struct gost_bucket bucket[2];
};

struct gost_keytab {
    struct gost_keytab_slot slot[GOST_KEYTAB_SETS][GOST_KEYTAB_WAYS];
};

/** @return the tag of a key: a keyed hash, never 0 */
uint64_t gost_keytab_tag(const void *key, size_t n);

/**
 * Find, or make, the pair of buckets of a key. Look it up each time: the slot of a key that was
 * quiet for a while may belong to another one.
 * @return never NULL; valid for the next few calls on it
 */
struct gost_bucket *gost_keytab_find(struct gost_keytab *t, uint64_t tag);

#endif
