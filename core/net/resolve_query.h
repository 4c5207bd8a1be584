/**
 * One lookup on its way: the servers of a resolver are asked in order, both families at once.
 */
#ifndef GOST_NET_RESOLVE_QUERY_H
#define GOST_NET_RESOLVE_QUERY_H

#include "core/base/list.h"
#include "core/base/map.h"
#include "core/net/resolve.h"
#include "core/net/resolve_cache.h"
#include "core/net/resolve_channel.h"

enum {
    GOST__QUERIES_MAX = 4096,     /**< open ones per resolver */
    GOST__NAME_KEY_MAX = 256 + 2, /**< "a:" and a name */
};

struct gost__server {
    struct gost_nameserver conf; /**< its text is not kept */
    char *addr;                  /**< "1.2.3.4:53"; NULL: those of resolv.conf */
    bool tcp;
    struct gost__channel *channel; /**< NULL until it is needed */
};

struct gost_resolver {
    unsigned refs;
    bool system;  /**< also reads the hosts file, and resolv.conf */
    bool closing; /**< queries end, ask nobody */
    struct gost__answers cache;
    struct gost_map open; /**< to struct gost__query, by key */
    struct gost__channel *hosts;
    uint64_t check_at; /**< when to look whether resolv.conf changed */
    struct {
        int64_t sec, nsec;
        uint64_t inode;
    } conf_mark; /**< what tells that it changed */
    size_t count;
    struct gost__server server[];
};

struct gost__query {
    struct gost_resolver *resolver;
    struct gost_list waiters; /**< struct waiter */
    unsigned refs;            /**< one while it is open, one per waiter */
    enum gost_family family;
    size_t server; /**< the one being asked */
    int open;      /**< its answers that are still to come */
    bool again;    /**< it vanished meanwhile: ask it once more */
    bool done;
    bool failed;            /**< a family got neither addresses nor a clear "none" */
    uint64_t first_at;      /**< when the first addresses came */
    int64_t ttl;            /**< the least of the records, seconds */
    enum gost_family first; /**< comes first when sorted */
    struct gost_addrs found;
    int rc;          /**< why there are none */
    const char *why; /**< static words for it */
    char key[GOST__NAME_KEY_MAX];
};

/** The channel to a server, made at need. @return it, or NULL with diag */
struct gost__channel *gost__server_channel(struct gost_resolver *r, struct gost__server *s);

/**
 * Find the open query for a key or start one.
 * @return it, with a reference for the caller; or NULL with diag
 */
struct gost__query *gost__query_take(struct gost_resolver *r, const char *key,
                                     enum gost_family family);

void gost__query_unref(struct gost__query *q);

/**
 * Suspend until it is done, or has addresses and waited for the other family long enough.
 * @param whole  wait for the other family until the deadline
 * @return 0 or a code with diag
 */
int gost__query_wait(struct gost__query *q, uint64_t deadline, bool whole);

/** As gost_resolver_lookup; `whole` as above. */
int gost__resolver_lookup(struct gost_resolver *r, const char *host, uint16_t port,
                          enum gost_family family, uint64_t deadline, bool whole,
                          struct gost_addrs *out);

#endif
