/**
 * A client's connection as a handler sees it: whose it is, and what the service lets it do.
 *
 * Handlers live below the router, so what they need from above (authentication, dialing through
 * chains, the pump) stands behind a table of operations that the service fills in.
 */
#ifndef GOST_PROTO_CONN_H
#define GOST_PROTO_CONN_H

#include "core/base/addr.h"
#include "core/base/log.h"
#include "core/base/sd_record.h"
#include "core/net/packet.h"

struct gost_treatment;
struct gost_http1;
struct gost_far; /* net/far.h */

enum gost_network { GOST_TCP, GOST_UDP, GOST_UNIX };

/** "tcp", "udp", "unix". */
const char *gost_network_name(enum gost_network n);

/** What a client wants to reach. */
struct gost_request {
    enum gost_network network;
    struct gost_addr addr; /**< as the client named it; for GOST_UNIX the host is the path */
    const char *protocol; /**< what the bytes speak ("http", "tls" …), when a handler knows; or NULL */
    const char *path;              /**< the HTTP path, when a handler knows; or NULL */
    const char *method;            /**< the HTTP method, when a handler knows; or NULL */
    const struct gost_http1 *head; /**< the HTTP request, when a handler knows; or NULL */
    bool unnamed; /**< `addr` is empty because the last node knows the target, not for an association */
    int family; /**< AF_INET or AF_INET6: addresses of it alone, where none is written out; 0: any */
    bool hash_host; /**< the hash strategy goes by the target's host, not by the client */
    int introduce;  /**< forward tells the node who the client is: PROXY protocol version, or 0 */
};

/** What a service's forwarder nodes ask for. */
enum {
    GOST_FORWARD_TREATS = 1, /**< some treat HTTP: conn.treatment */
    GOST_FORWARD_RULES = 2,  /**< which one it is depends on the request */
};

struct gost_conn;
struct gost_endpoint; /* base/uuid.h */

struct gost_conn_ops {
    /** Does the service want credentials from this client? */
    bool (*needs_auth)(struct gost_conn *c);
    /**
     * Check credentials; suspends (a script or a plugin may be asked). On success the connection
     * carries user and client id.
     * @param user      NULL: none were given
     * @param password  may be NULL
     * @param scheme    "basic", "socks5", "socks4", "relay" …; static text
     * @return 0, or GOST_EAUTH with diag
     */
    int (*auth)(struct gost_conn *c, const char *user, const char *password, const char *scheme);
    /**
     * Connect to where the client wants to go, as policies and chains say; suspends. The service's own
     * time limits apply.
     * @param[out] up  an open stream that the caller owns
     * @return 0, GOST_EDENIED (bypass, script), GOST_ENONODE, GOST_EDNS, GOST_ETIMEDOUT or another
     *         negative code, with the whole story
     */
    int (*dial)(struct gost_conn *c, const struct gost_request *request, struct gost_stream **up);
    /**
     * Would dial still let the client go there? Asked before an open upstream connection carries one
     * more request: the policies alone, nothing is connected; suspends. NULL: as dial said.
     * @return 0; GOST_EDENIED with diag; or another negative code: dial anew
     */
    int (*allow)(struct gost_conn *c, const struct gost_request *request);
    /**
     * Connect to one of the service's forwarder nodes; suspends. Like dial.
     * @param request  what is known of the target; its host may be empty
     */
    int (*forward)(struct gost_conn *c, const struct gost_request *request, struct gost_stream **up);
    /**
     * As dial and forward, for datagrams: `request` is of GOST_UDP.
     * @param[out] up  a packet whose one far end is the target; the caller owns it
     */
    int (*dial_packet)(struct gost_conn *c, const struct gost_request *request,
                       struct gost_packet **up);
    int (*forward_packet)(struct gost_conn *c, const struct gost_request *request,
                          struct gost_packet **up);
    /**
     * Open a way for datagrams to any destination; suspends. Each destination is looked up and put to
     * the service's policies when the first datagram for it comes: what they deny is dropped.
     * @param local    the address to bind on this host, without any chain; NULL: as the service dials
     * @param[out] up  its datagrams carry addresses; the caller owns it
     */
    int (*associate)(struct gost_conn *c, const struct gost_addr *local, struct gost_packet **up);
    /**
     * Which tunnel does a host lead to, by the service's ingress? Its route hook and bypasses are asked
     * first; suspends.
     * @param request  its address may be replaced
     * @return 1 found, 0 there is no rule, GOST_ENOTSUP (no diag) when the service has no ingress, or
     *         another negative code with diag
     */
    int (*lead)(struct gost_conn *c, struct gost_request *request, struct gost_endpoint *out);
    /** GOST_FORWARD_* of the service's forwarder nodes; NULL: none. */
    unsigned (*forward_traits)(struct gost_conn *c);
    /** How the node of the last `forward` did, where its treatment judges by answers. */
    void (*forward_judge)(struct gost_conn *c, bool worked);
    /**
     * Tell the service's discovery of a client that carries a tunnel; suspends, but not to deregister,
     * which is seen to behind our back (to forget waits for it). NULL: there is none.
     * @return 0, GOST_ENOTSUP (no diag) when the service has none, or another negative code with diag
     */
    int (*sd_tell)(struct gost_conn *c, enum gost_sd_word word, const struct gost_sd_record *r);
    /** Ask it which hosts carry a tunnel; suspends. @return how many, or as sd_tell */
    int (*sd_find)(struct gost_conn *c, const uint8_t *tunnel, struct gost_sd_record *out,
                   size_t max);
    /**
     * A handler found in the client's bytes whom they are for: conn.sniffed, and the service's bypass is
     * asked; suspends.
     * @param found  protocol and address, with the protocol's usual port where the bytes name none
     * @param port   that the connection leads to, asked about as well; 0: not known
     * @return 0; GOST_EDENIED or another negative code with diag
     */
    int (*sniffed)(struct gost_conn *c, const struct gost_request *found, uint16_t port);
    /** Does the service have forwarder nodes? */
    bool (*has_forwarder)(struct gost_conn *c);
    /**
     * Hand the client's stream and `*up` to the pump; the connection lives on without its fiber.
     * @param up  set to NULL
     * @return 0 (always: both streams are gone from here)
     */
    int (*relay)(struct gost_conn *c, struct gost_stream **up);
    /**
     * May the client's stream go over to another worker? Not while something here has to see its
     * bytes. NULL: no.
     */
    bool (*is_movable)(struct gost_conn *c);
    /**
     * Like relay, at the worker that has the way; for a movable client.
     * @param far  set to NULL on success
     * @return 0, or GOST_ENONODE (the client can only be closed then)
     */
    int (*relay_far)(struct gost_conn *c, struct gost_far **far);
    /**
     * The same for datagrams: c->packet and `*up` go to the packet pump.
     * @param once  end as soon as every datagram of the client has its answer
     * @return 0, or a negative code (and both are still here)
     */
    int (*relay_packet)(struct gost_conn *c, struct gost_packet **up, bool once);
    /**
     * The connection lives on without its fiber, until `rested`.
     * @param stop  called when it is to end; `rested` follows, from the loop
     */
    void (*rest)(struct gost_conn *c, void (*stop)(void *arg, int rc), void *arg);
    /** It is over, and the conn gone from here. @param story  of rc, copied */
    void (*rested)(struct gost_conn *c, int rc, const char *story);
    /** Serve the rest with another handler by name, as the auto handler does; suspends. */
    int (*serve_as)(struct gost_conn *c, const char *handler);
    /** Count bytes that a handler moves itself; the pump's are counted already. */
    void (*count)(struct gost_conn *c, uint64_t in, uint64_t out);
    /**
     * Wait until the service's limiter lets bytes pass that a handler moves itself; suspends.
     * NULL: nothing limits them.
     * @return 0 or GOST_ECANCELED
     */
    int (*pace)(struct gost_conn *c, uint64_t in, uint64_t out);
};

struct gost_conn {
    const struct gost_conn_ops *ops;
    struct gost_stream *client; /**< owned; NULL once handed to the pump */
    struct gost_packet *packet; /**< owned; set when the client speaks in datagrams, also after a
                                   handler made it of `client`; NULL once handed to the pump */
    union gost_sockaddr peer;   /**< the client, as announced by PROXY protocol where that is on */
    uint64_t id;
    uint64_t started; /**< gost_now() at accept */
    uint64_t deadline; /**< until when the handshake must be done; handlers set it from readTimeout */
    uint64_t idle_ms; /**< end the tunnel after so long without a byte; 0: never */
    char *user;       /**< authenticated name, or NULL */
    char *client_id;  /**< what the authenticator calls the client; NULL when anonymous */
    char *target;     /**< "host:port" of the last dial, or NULL */
    char *sniffed; /**< the host that the client's bytes are for, where they were looked at; or NULL */
    char *route;         /**< "node-0@1.2.3.4:80 > …" of the last dial, or NULL when direct */
    const char *handler; /**< kind that serves it; static */
    /** What the node of the last `forward` wants done to HTTP; borrowed until the next, or NULL */
    const struct gost_treatment *treatment;
};

static inline bool gost_conn_needs_auth(struct gost_conn *c)
{
    return c->ops->needs_auth(c);
}

static inline int gost_conn_auth(struct gost_conn *c, const char *user, const char *password,
                                 const char *scheme)
{
    return c->ops->auth(c, user, password, scheme);
}

static inline int gost_conn_dial(struct gost_conn *c, const struct gost_request *request,
                                 struct gost_stream **up)
{
    return c->ops->dial(c, request, up);
}

static inline int gost_conn_pace(struct gost_conn *c, uint64_t in, uint64_t out)
{
    return c->ops->pace ? c->ops->pace(c, in, out) : 0;
}

static inline int gost_conn_relay(struct gost_conn *c, struct gost_stream **up)
{
    return c->ops->relay(c, up);
}

/** The logger and the common fields of a connection's lines: use GOST_CONN_LOG. */
void gost_conn_log(struct gost_conn *c, enum gost_log_level level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
