/**
 * A node: one proxy (or, for a forwarder, one target) that a hop can choose.
 *
 * Objects of this room belong to one worker; their fail marks are shared by all.
 */
#ifndef GOST_ROUTE_NODE_H
#define GOST_ROUTE_NODE_H

#include "core/net/resolve.h"
#include "core/policy/bypass.h"
#include "core/policy/failmark.h"
#include "core/policy/hosts.h"
#include "core/policy/rule.h"
#include "core/proto/connector.h"
#include "core/proto/treatment.h"
#include "core/transport/transport.h"

struct gost_chain;
struct gost_hop;
struct gost_probe;

struct gost_node {
    uint32_t refs;
    char *name;
    struct gost_addr addr;            /**< for a Unix socket the host is its path */
    enum gost_network network;        /**< GOST_UNIX: the address is a path */
    bool network_set;                 /**< the network is fixed, whatever the request's */
    struct gost_connector *connector; /**< owned; NULL for a forwarder's node */
    struct gost_dialer *dialer;       /**< owned; NULL for a forwarder's node */
    struct gost_socket_options socket;
    char *interface;             /**< what socket.interface points to */
    char *netns;                 /**< what socket.netns points to */
    struct gost_failmark *mark;  /**< shared memory */
    int weight;                  /**< >= 1 */
    int proxy_protocol;          /**< version of the PROXY header that it is sent; 0: none */
    bool backup;                 /**< only when no other is left */
    int max_fails;               /**< 0: the hop's */
    int64_t fail_timeout;        /**< milliseconds; 0: the hop's */
    struct gost_bypass **bypass; /**< owned references */
    size_t bypass_count;
    struct gost_hosts *hosts;       /**< owned reference or NULL: where its own name is looked up */
    struct gost_resolver *resolver; /**< owned reference or NULL */
    struct gost_rule *rule;         /**< owned: only for requests of which it holds; or NULL */
    int32_t priority;               /**< nodes with a higher one are asked first; usually 0 */
    char *filter_host;              /**< only for this host (".x": and below), or NULL */
    char *filter_protocol;          /**< only for this protocol, or NULL */
    char *filter_path;              /**< only for paths with this prefix, or NULL */
    struct gost_treatment *treatment; /**< owned: of a target, what is done to HTTP; or NULL */
    struct gost_tls_context *tls;     /**< owned reference: TLS is spoken to this target; or NULL */
    char *tls_name;                   /**< for TLS; NULL: its host */
    struct gost_chain *chain; /**< owned reference: a member of a group of chains; or NULL */
    struct gost_hop *hop;     /**< owned reference: a member of a group of hops; or NULL */
    struct gost_probe *probe; /**< owned: what looks after it; or NULL */
    void *script;             /**< for the bindings */
    void (*script_drop)(struct gost_node *n);
};

/**
 * @param scope  name of the hop (and chain) it lives in, which makes its fail mark its own
 * @return 0 or GOST_ENOMEM
 */
int gost_node_new(const char *scope, const char *name, const struct gost_addr *addr,
                  struct gost_node **out);
struct gost_node *gost_node_ref(struct gost_node *n);
void gost_node_unref(struct gost_node *n); /**< NULL is fine */

/**
 * Does the node serve this request, as its rule (or, without one, its filters) and its bypass say?
 * Suspends if a bypass hook does.
 * @param c  whose request; NULL for one of our own
 */
bool gost_node_fits(struct gost_node *n, const struct gost_conn *c, const struct gost_request *r);

/** Connect to its address, without any proxy: its own resolver, interface and so on; suspends. */
int gost__node_connect(struct gost_node *n, uint64_t deadline, struct gost_stream **out);

/** Note that the node failed or worked, and log when that changes its state. */
void gost_node_failed(struct gost_node *n, int max_fails);
void gost_node_worked(struct gost_node *n);

#endif
