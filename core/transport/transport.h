/**
 * Transports: how bytes reach a peer. Each room has a listener and a dialer; both are kinds that
 * configurations name.
 */
#ifndef GOST_TRANSPORT_TRANSPORT_H
#define GOST_TRANSPORT_TRANSPORT_H

#include "core/base/option.h"
#include "core/net/packet.h"
#include "core/net/socket.h"

struct gost_tls_context;
struct gost_remote;
struct gost_request;
struct gost_listener;
struct gost_dialer;

/* --- listening ---------------------------------------------------------------------------- */

struct gost_listener_kind {
    const char *name;
    const char *aliases;
    const char *help;
    struct gost_options options;
    bool tls;       /**< speaks TLS: gets a context */
    bool unix_path; /**< its address is a path */
    bool remote;    /**< listens at the far end of the service's chain, at l->where */
    bool takes_proxy; /**< with `start` of its own: pushes gost_proxy_receive itself where that is asked */
    bool packets; /**< brings sessions of datagrams: on_packet instead of on_stream */
    /** Check the settings; NULL: nothing to do. @return 0 or GOST_ECONFIG with diag */
    int (*init)(struct gost_listener *l);
    /**
     * Bind and accept. NULL: a stream socket (TCP, or Unix for a path), each accepted connection
     * passed through `wrap` (gost__listener_listen).
     */
    int (*start)(struct gost_listener *l);
    /** Stop accepting. NULL: close the acceptor's socket, which a successor may inherit. */
    void (*stop)(struct gost_listener *l);
    /** gost_listener_inherit for a kind with its own `stop`; NULL: it cannot. */
    int (*inherit)(struct gost_listener *l, struct gost_listener *old);
    /** Push this transport's layers on an accepted stream; must not wait. NULL: none. */
    int (*wrap)(struct gost_listener *l, struct gost_stream **io);
    void (*destroy)(struct gost_listener *l);
};

struct gost_listener {
    const struct gost_listener_kind *kind;
    void *settings;
    void *state;
    struct gost_tls_context *tls; /**< owned reference, or NULL */
    struct gost_socket_options socket;
    union gost_sockaddr addr; /**< where to listen; after the start, where it listens */
    struct gost_acceptor acceptor;
    bool listening;
    char *netns;         /**< owned: what socket.netns points to; or NULL */
    bool proxy_protocol; /**< connections may begin with a PROXY header, which names the client */
    /**
     * A client came. The callee owns `*s`; handshakes of layers are still to be done
     * (gost_io_open).
     */
    void (*on_stream)(struct gost_listener *l, struct gost_stream **s,
                      const union gost_sockaddr *peer);
    /** A client came that speaks in datagrams. The callee owns `*p`. */
    void (*on_packet)(struct gost_listener *l, struct gost_packet **p,
                      const union gost_sockaddr *peer);
    struct gost_addr where; /**< of a remote kind: what to listen at over there; runix: a path */
    char *way; /**< owned; of a remote kind: the text of its chain, so that a successor knows its own */
    /**
     * Of a remote kind: listen there, through the service's chain; suspends. NULL: there is no chain,
     * so listen here.
     */
    int (*bind)(struct gost_listener *l, const struct gost_request *request, uint64_t deadline,
                struct gost_remote **out);
    void *user;
};

/**
 * @param settings  owned from now on, freed on failure too
 * @param tls       a reference that is owned from now on, or NULL
 */
int gost_listener_new(const struct gost_listener_kind *kind, void *settings,
                      struct gost_tls_context *tls, struct gost_listener **out);

/** Stops too. */
void gost_listener_delete(struct gost_listener *l);

/** @return 0 or a negative code with diag; l->addr tells the port that was picked */
int gost_listener_start(struct gost_listener *l);

/**
 * Take over the listening socket of another listener that is about to go: clients in its backlog are
 * not lost. For stream sockets with the same address and options.
 * @return 0 (this one listens now, the old one no longer), or GOST_ENOTSUP when it cannot be
 */
int gost_listener_inherit(struct gost_listener *l, struct gost_listener *old);

/** Stop accepting; streams that were accepted live on. */
void gost_listener_stop(struct gost_listener *l);

/** What start and stop of most kinds are: listen on a stream socket; close it, and unlink its path. */
int gost__listener_listen(struct gost_listener *l);
void gost__listener_close(struct gost_listener *l);

typedef void gost__accept_fn(struct gost_acceptor *a, int fd, const union gost_sockaddr *peer);

/** The same for kinds that take accepted sockets themselves; the acceptor's `user` is the listener. */
int gost__listener_accept(struct gost_listener *l, gost__accept_fn *accept);

/** Is a socket bound there what it wants? Port 0 wants any. */
bool gost__listener_wants(const struct gost_listener *l, const union gost_sockaddr *bound);

/* --- dialing ------------------------------------------------------------------------------ */

/** How a dialer gets a raw connection to its node: directly, or through the nodes before it. */
struct gost_carrier {
    /** Suspends. @return 0 and a stream that the caller owns, or a negative code with diag */
    int (*open)(struct gost_carrier *self, uint64_t deadline, struct gost_stream **out);
    const char *host; /**< of the node, for SNI and Host headers; borrowed */
};

struct gost_dialer_kind {
    const char *name;
    const char *aliases;
    const char *help;
    struct gost_options options;
    bool tls;
    bool unix_path;
    /** Many streams share one connection: `open` asks the carrier only when it needs a new one. */
    bool multiplex;
    int (*init)(struct gost_dialer *d);
    /**
     * Open a stream to the node, handshakes done; suspends. NULL: the carrier's stream as it is.
     * @return 0 and a stream that the caller owns, or a negative code with diag
     */
    int (*open)(struct gost_dialer *d, struct gost_carrier *carrier, uint64_t deadline,
                struct gost_stream **out);
    void (*destroy)(struct gost_dialer *d);
};

struct gost_dialer {
    const struct gost_dialer_kind *kind;
    void *settings;
    void *state;
    struct gost_tls_context *tls; /**< owned reference, or NULL */
    char *server_name;            /**< for TLS; NULL: the node's host */
};

int gost_dialer_new(const struct gost_dialer_kind *kind, void *settings,
                    struct gost_tls_context *tls, const char *server_name, struct gost_dialer **out);
void gost_dialer_delete(struct gost_dialer *d);

/** Open a stream through the dialer; suspends. As gost_dialer_kind.open. */
int gost_dialer_open(struct gost_dialer *d, struct gost_carrier *carrier, uint64_t deadline,
                     struct gost_stream **out);

/** The option group that every TCP based kind shares: keepalive and its three values. */
#define GOST_KEEPALIVE_OPTIONS(settings, member)                                                   \
    {.key = "keepalive",                                                                           \
     .type = GOST_OPT_BOOL,                                                                        \
     .offset = offsetof(settings, member.keepalive),                                               \
     .help = "set explicit TCP keep-alive parameters"},                                            \
        {.key = "keepalive.idle",                                                                  \
         .type = GOST_OPT_DURATION,                                                                \
         .offset = offsetof(settings, member.idle),                                                \
         .def = "15s",                                                                             \
         .help = "silence before the first keep-alive probe"},                                     \
        {.key = "keepalive.interval",                                                              \
         .type = GOST_OPT_DURATION,                                                                \
         .offset = offsetof(settings, member.interval),                                            \
         .def = "15s",                                                                             \
         .help = "time between keep-alive probes"},                                                \
    {                                                                                              \
        .key = "keepalive.count", .type = GOST_OPT_INT,                                            \
        .offset = offsetof(settings, member.count), .def = "9", .min = 0, .max = 127,              \
        .help = "probes without answer before the peer is given up"                                \
    }

struct gost_keepalive {
    bool keepalive;
    int64_t idle, interval; /**< milliseconds */
    int64_t count;
};

/** Put the group's values into socket options. */
void gost_keepalive_apply(const struct gost_keepalive *k, struct gost_socket_options *o);

/** The option group of every kind that listens for TCP. */
#define GOST_TCP_LISTEN_OPTIONS(settings, member)                                                  \
    GOST_KEEPALIVE_OPTIONS(settings, member.keepalive),                                            \
        {.key = "reuseport",                                                                       \
         .type = GOST_OPT_BOOL,                                                                    \
         .offset = offsetof(settings, member.reuseport),                                           \
         .help = "let other sockets listen on the same port"},                                     \
    {                                                                                              \
        .key = "mptcp", .type = GOST_OPT_BOOL, .offset = offsetof(settings, member.mptcp),         \
        .help = "take multipath TCP as well, where the kernel has it"                              \
    }

struct gost_tcp_listening {
    struct gost_keepalive keepalive;
    bool reuseport, mptcp;
};

/** Put the group's values into socket options; what is set there already stays set. */
void gost_tcp_listening_apply(const struct gost_tcp_listening *t, struct gost_socket_options *o);

#endif
