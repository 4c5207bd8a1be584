/**
 * Connectors: how a client asks a proxy node to connect further. The other end of a handler.
 */
#ifndef GOST_PROTO_CONNECTOR_H
#define GOST_PROTO_CONNECTOR_H

#include "core/base/option.h"
#include "core/proto/conn.h"

struct gost_connector;
struct gost_remote;

/**
 * How a connector gets a way for datagrams beside its stream, for nodes that relay datagrams as such:
 * the same way that the stream took, directly or through the nodes before.
 */
struct gost_packet_carrier {
    /**
     * Suspends.
     * @param to  an empty or unspecified host (0.0.0.0, ::) is the node's own
     * @return 0 and a packet connected to `to`, or a negative code with diag
     */
    int (*open)(struct gost_packet_carrier *self, const struct gost_addr *to, uint64_t deadline,
                struct gost_packet **out);
};

struct gost_connector_kind {
    const char *name;
    const char *aliases;
    const char *help;
    struct gost_options options;
    bool knows_target; /**< the node may know the target itself: requests may be `unnamed` */
    /** Check the settings and derive state; NULL: nothing to do. @return 0 or GOST_ECONFIG with diag */
    int (*init)(struct gost_connector *c);
    /**
     * Ask the node at the far end of `*io` to connect to `request`; suspends.
     * @param io  an open stream to the node. On success it carries the target's bytes; a layer may
     *            have been pushed. On failure the caller closes it.
     * @return 0, GOST_EAUTH (the node wants other credentials), GOST_EDENIED, GOST_EUPSTREAM (it could
     *         not reach the target), GOST_EPROTO, GOST_ETIMEDOUT …, with diag
     */
    int (*connect)(struct gost_connector *c, struct gost_stream **io,
                   const struct gost_request *request, uint64_t deadline);
    /**
     * Ask the node for a way for datagrams; suspends. NULL: it has none.
     * @param io       on success it belongs to `*out` and is NULL; on failure the caller closes it
     * @param request  of GOST_UDP. With an empty host and port 0: to any destination, and datagrams
     *                 carry addresses (names too, which the node looks up)
     * @return as connect
     */
    int (*connect_packet)(struct gost_connector *c, struct gost_stream **io,
                          const struct gost_request *request, struct gost_packet_carrier *carrier,
                          uint64_t deadline, struct gost_packet **out);
    /**
     * Ask the node to listen at `request`'s address and to carry visitors here; suspends. NULL: it
     * cannot.
     * @param io  on success it belongs to `*out` and is NULL; on failure the caller closes it
     * @return as connect
     */
    int (*bind)(struct gost_connector *c, struct gost_stream **io,
                const struct gost_request *request, uint64_t deadline, struct gost_remote **out);
    void (*destroy)(struct gost_connector *c);
};

struct gost_connector {
    const struct gost_connector_kind *kind;
    void *settings;
    void *state;
    char *user; /**< credentials for the node, or NULL */
    char *password;
};

/**
 * @param settings  owned by the connector from now on, freed on failure too
 * @param user, password  copied; may be NULL
 * @return 0 or GOST_ECONFIG
 */
int gost_connector_new(const struct gost_connector_kind *kind, void *settings, const char *user,
                       const char *password, struct gost_connector **out);
void gost_connector_delete(struct gost_connector *c);

#endif
