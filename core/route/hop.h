/**
 * A hop: nodes of which one is chosen for each connection; and a chain: hops in travel order.
 *
 * A group is a hop, too, whose nodes stand for chains or for hops (node.chain, node.hop): the same
 * rules, strategies and fail marks choose among them.
 */
#ifndef GOST_ROUTE_HOP_H
#define GOST_ROUTE_HOP_H

#include "core/policy/select.h"
#include "core/route/node.h"

struct gost_hop {
    uint32_t refs;
    char *name;
    struct gost_node **node; /**< owned references */
    size_t count;
    struct gost_selector selector; /**< strategy and its state */
    struct gost_selector_state *turn; /**< the state, shared by the hop's copies on all workers; or NULL */
    int max_fails;                    /**< 0: one */
    int64_t fail_timeout;             /**< milliseconds; 0: ten seconds */
    struct gost_bypass **bypass; /**< owned references: destinations that skip this hop and later ones */
    size_t bypass_count;
    bool treats, rules; /**< of its own nodes, see gost_hop_traits */
    bool group; /**< the nodes are members, of which the service's select hook is not told */
    /**
     * A script chooses instead of the strategy; NULL: none. May suspend.
     * @param candidates  the nodes that fit and have not failed
     * @return index of the chosen one, or a negative code
     */
    int (*select)(void *arg, struct gost_conn *c, const struct gost_request *r,
                  struct gost_node *const *candidates, size_t count);
    void *select_arg;
    void (*select_drop)(void *arg);
    void *script; /**< for the bindings */
    void (*script_drop)(struct gost_hop *h);
};

int gost_hop_new(const char *name, struct gost_hop **out);
struct gost_hop *gost_hop_ref(struct gost_hop *h);
void gost_hop_unref(struct gost_hop *h);

/**
 * Choose by a strategy, taking turns with the hop's copies on other workers.
 * @param max_latency  milliseconds: nodes that a probe found slower are left out; 0: no limit
 * @param scope  what tells this hop from others of the same name
 */
int gost_hop_set_strategy(struct gost_hop *h, enum gost_strategy strategy, int64_t max_latency,
                          const char *scope);

/** Append a node; the hop takes a reference of its own. @return 0 or GOST_ENOMEM */
int gost_hop_add(struct gost_hop *h, struct gost_node *n);

/**
 * Put other nodes in the place of those that the hop has; the hop takes references of its own. A choice that is
 * being made goes on among the old ones.
 * @return 0 or GOST_ENOMEM, with the hop as it was
 */
int gost_hop_set_nodes(struct gost_hop *h, struct gost_node *const *nodes, size_t count);

/**
 * What has to be known of requests before a node is chosen.
 * @param[out] treats  some node treats HTTP
 * @param[out] rules   some nodes are for certain requests only
 */
void gost_hop_traits(const struct gost_hop *h, bool *treats, bool *rules);

/**
 * Choose a node for a request. Suspends if a bypass or a script does.
 * @param[out] out  with a reference for the caller; NULL when the hop's bypass says to skip it
 * @return 0, GOST_ENONODE with diag, or a script's negative code
 */
int gost_hop_pick(struct gost_hop *h, struct gost_conn *c, const struct gost_request *r,
                  struct gost_node **out);

/**
 * Choose the nodes that are to be tried side by side: several where the strategy is parallel, else one.
 * @param[out] out    with references for the caller; room for `max`
 * @param[out] count  how many; 0 when the hop's bypass says to skip it
 * @return as gost_hop_pick
 */
int gost_hop_pick_some(struct gost_hop *h, struct gost_conn *c, const struct gost_request *r,
                       struct gost_node **out, size_t max, size_t *count);

struct gost_chain {
    uint32_t refs;
    char *name;
    struct gost_hop **hop; /**< owned references */
    size_t count;
    struct gost_hop *group; /**< owned reference: it has no hops but is one of these chains; or NULL */
    void *script;
    void (*script_drop)(struct gost_chain *c);
};

int gost_chain_new(const char *name, struct gost_chain **out);
struct gost_chain *gost_chain_ref(struct gost_chain *c);
void gost_chain_unref(struct gost_chain *c);

/** Append a hop; the chain takes a reference of its own. @return 0 or GOST_ENOMEM */
int gost_chain_add(struct gost_chain *c, struct gost_hop *h);

#endif
