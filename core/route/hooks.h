/**
 * Hooks: the places in a connection's life where a script may step in. An unset slot costs one test.
 *
 * All may suspend unless said otherwise. They run on the connection's fiber; gost_fiber_self()->conn
 * is the connection. A script's mistake is the binding's to report; it answers by the hook's policy.
 */
#ifndef GOST_ROUTE_HOOKS_H
#define GOST_ROUTE_HOOKS_H

#include "core/route/router.h"

/** What a finished connection came to. */
struct gost_conn_stats {
    uint64_t in;  /**< bytes received from the client */
    uint64_t out; /**< bytes sent to it */
    uint64_t duration_ms;
    int rc;            /**< 0, or why it failed */
    const char *error; /**< the story, or NULL */
};

struct gost_hooks {
    void *arg;
    void (*drop)(void *arg); /**< with the service */
    /** @return 0 go on, GOST_EDENIED close, -ECONNRESET reset */
    int (*accept)(void *arg, struct gost_conn *c);
    /**
     * The first bytes came.
     * @param[out] handler  kind to serve with; stays NULL to go on as configured
     * @return 0; 1 when more bytes are wanted; or a negative code
     */
    int (*preread)(void *arg, struct gost_conn *c, const void *bytes, size_t n,
                   const char **handler);
    /**
     * @param[out] id  the client's id, malloc'ed, when accepted
     * @return 0 accepted, GOST_EAUTH refused, 1 go on as configured
     */
    int (*auth)(void *arg, struct gost_conn *c, const char *user, const char *password,
                const char *scheme, char **id);
    /** @return 0 with a decision, or a negative code */
    int (*route)(void *arg, struct gost_conn *c, const struct gost_request *r,
                 struct gost_decision *d);
    /**
     * @param[out] out  room for `max` addresses
     * @return how many; 0 to go on as configured; or a negative code
     */
    int (*resolve)(void *arg, struct gost_conn *c, const struct gost_addr *addr,
                   union gost_sockaddr *out, size_t max);
    /**
     * A hop of the way is to be chosen from; asked where the hop has no function of its own.
     * @return an index; `count` to go on as configured; or a negative code
     */
    int (*select)(void *arg, struct gost_conn *c, const struct gost_request *r,
                  struct gost_node *const *candidates, size_t count);
    /** The target is connected. @param up  NULL: by datagrams */
    void (*connect)(void *arg, struct gost_conn *c, struct gost_stream *up);
    /** A dial failed. @return 0 give up, 1 try once more */
    int (*dial_error)(void *arg, struct gost_conn *c, const struct gost_request *r, int rc);
    /**
     * A chunk of the tunnel; opt-in, bytes pass through the script.
     * @param direction  0 from the client, 1 to it
     * @param[in,out] p, n  the chunk; may be replaced by bytes that live until the next call
     * @return 0, or a negative code to cut the tunnel
     */
    int (*stream)(void *arg, struct gost_conn *c, int direction, const void **p, size_t *n);
    /** The connection is over. Called on a fiber of its own or outside of any; must copy what it needs. */
    void (*close)(void *arg, struct gost_conn *c, const struct gost_conn_stats *stats);
};

#endif
