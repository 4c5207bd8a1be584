/**
 * A way through a chain: a node of each hop, chosen for one attempt.
 */
#ifndef GOST_ROUTE_WAY_H
#define GOST_ROUTE_WAY_H

#include "core/route/hop.h"
#include "core/route/race.h"

enum { GOST__WAY_MAX = 32 }; /**< hops */

/** Nodes of one hop that are tried side by side. */
struct gost__rivals {
    size_t count;
    struct gost_node *node[GOST_RACE_MAX]; /**< with references */
};

/** The nodes chosen for one attempt. Large: it belongs on the heap, zeroed but for `request` and `conn`. */
struct gost__way {
    struct gost_node *node[GOST__WAY_MAX]; /**< with references */
    struct gost_hop *hop[GOST__WAY_MAX];   /**< borrowed from the chain */
    /** Of whom one becomes the node; NULL: the node is certain. */
    struct gost__rivals *rivals[GOST__WAY_MAX];
    size_t count;
    const struct gost_request *request;
    struct gost_conn *conn; /**< whose way it is, or NULL */
    bool blamed;            /**< one of its nodes took the blame for a failure */
};

/**
 * Choose a node of each hop; a hop whose bypass matches ends the way there, so it may be empty.
 * @param c  whose way it is, or NULL
 * @return 0 or a negative code with diag
 */
int gost__way_choose(struct gost__way *w, struct gost_chain *chain, struct gost_conn *c);

/** Give back what it refers to; the way itself stays the caller's. */
void gost__way_free(struct gost__way *w);

/** "node-0@1.2.3.4:80 > node-1@…", for logs. @return malloc'ed, or NULL when empty or out of memory */
char *gost__way_text(const struct gost__way *w);

/** The node at `index` failed: it takes the blame. */
void gost__way_failed(struct gost__way *w, size_t index);

/**
 * Open a stream that speaks to node `index`, its dialer's handshakes done. Suspends. Where nodes race,
 * the winner takes its place in the way.
 * @return 0 or a negative code with diag
 */
int gost__way_open(struct gost__way *w, size_t index, uint64_t deadline, struct gost_stream **out);

/**
 * Ask node `index`, at the far end of `*io`, for a way for datagrams. Suspends.
 * @param io  taken over, and set to NULL, as the connector's connect_packet does
 * @return 0, GOST_ENOTSUP when its protocol carries none, or another negative code with diag
 */
int gost__way_open_packet(struct gost__way *w, size_t index, const struct gost_request *request,
                          struct gost_stream **io, uint64_t deadline, struct gost_packet **out);

#endif
