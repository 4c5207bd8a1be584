/**
 * A hash table of objects by socket address: open addressing, keyed hashing, so that whoever
 * chooses ports cannot choose collisions.
 */
#ifndef GOST_NET_UDP_TABLE_H
#define GOST_NET_UDP_TABLE_H

#include "core/base/addr.h"

#include <stddef.h>
#include <stdint.h>

/** Embedded in the object. */
struct gost_udp_entry {
    uint64_t hash;
    union gost_sockaddr addr; /**< AF_INET or AF_INET6 */
};

struct gost_udp_table {
    struct gost_udp_entry **slot; /**< NULL: free */
    size_t cap;                   /**< a power of two, or 0 */
    size_t count;
};

void gost_udp_table_create(struct gost_udp_table *t);

/** Free the table; the objects are their owners' matter. */
void gost_udp_table_destroy(struct gost_udp_table *t);

uint64_t gost_udp_hash(const union gost_sockaddr *addr);

/** Do both name the same far end (family, address, port and scope)? */
bool gost_udp_same(const union gost_sockaddr *a, const union gost_sockaddr *b);

/** @param hash  gost_udp_hash(addr). @return the object's entry, or NULL */
struct gost_udp_entry *gost_udp_table_get(const struct gost_udp_table *t, uint64_t hash,
                                          const union gost_sockaddr *addr);

/**
 * Add an object whose address is not in the table yet.
 * @param e  hash and address are set. @return 0 or GOST_ENOMEM
 */
int gost_udp_table_add(struct gost_udp_table *t, struct gost_udp_entry *e);

/** Remove an object that is in the table. */
void gost_udp_table_remove(struct gost_udp_table *t, struct gost_udp_entry *e);

#endif
