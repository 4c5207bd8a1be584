/**
 * Hosts: names that are looked up in a table before any resolver is asked.
 */
#ifndef GOST_POLICY_HOSTS_H
#define GOST_POLICY_HOSTS_H

#include "core/base/addr.h"
#include "core/base/map.h"

#include <stddef.h>

struct gost_hosts {
    int refs;
    struct gost_map names; /**< "x", ".x" or "." -> struct hosts_entry */
};

/** @param[out] out  with one reference. @return 0 or GOST_ENOMEM */
int gost_hosts_new(struct gost_hosts **out);

/** @return h */
struct gost_hosts *gost_hosts_ref(struct gost_hosts *h);

/** NULL is fine. */
void gost_hosts_unref(struct gost_hosts *h);

/**
 * Add an address to a name; call it for the hostname and for each alias of a mapping. Addresses of
 * a name keep their order, duplicates are dropped.
 * @param ip    an IP literal
 * @param name  "x", ".x" (x and everything below) or "." (everything); in any case
 * @return 0, GOST_ECONFIG with diag for a bad address or name, or GOST_ENOMEM
 */
int gost_hosts_add(struct gost_hosts *h, const char *ip, size_t ip_len, const char *name,
                   size_t name_len);

/**
 * Add the mappings of a file: "ip name [name …]" a line, "#" comments.
 * @return as gost_lines_load: good lines are added
 */
int gost_hosts_load(struct gost_hosts *h, const char *text, size_t n);

/** Exchange the names of two tables. */
void gost_hosts_swap(struct gost_hosts *a, struct gost_hosts *b);

/**
 * Look a name up: the name itself, ".name", then its parents from the longest to the shortest, then
 * ".". The first entry found is the answer, whatever its families.
 * @param family    AF_INET, AF_INET6, or AF_UNSPEC for both
 * @param port      put into the addresses
 * @param[out] out  room for `max` addresses
 * @return how many were written; 0 when there is none
 */
size_t gost_hosts_find(const struct gost_hosts *h, const char *name, size_t n, int family,
                       uint16_t port, union gost_sockaddr *out, size_t max);

#endif
