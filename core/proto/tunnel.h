/**
 * Reverse tunnels by ID, the server's side: which clients carry visitors of which tunnel.
 *
 * A client (a connector, in GOST's words) stays connected; each visitor travels as a stream of the
 * multiplexer on that connection, behind an announcement that names the visitor and whom it asked
 * for. Several clients may carry one tunnel and share its visitors by weight.
 *
 * All workers share the tunnels of a name; the session of a client lives on the worker that accepted
 * it. A visitor that another worker accepted goes over to that one (net/far.h). Hosts that share
 * service discovery pass on visitors of tunnels that another one carries.
 */
#ifndef GOST_PROTO_TUNNEL_H
#define GOST_PROTO_TUNNEL_H

#include "core/base/sd_record.h"
#include "core/codec/relay.h"
#include "core/proto/conn.h"
#include "core/transport/mux.h"

enum {
    GOST_TUNNEL_WEIGHT_ONLY = 255,   /**< while such a connector lives, no other one is used */
    GOST_TUNNEL_ENDPOINT = 17,       /**< bytes of an endpoint's name with its NUL */
    GOST_TUNNEL_CONNECTORS_MAX = 256 /**< of one tunnel; more are refused */
};

/** The option group of both sides: smux version 2 with windows of 1 MiB is what GOST has here. */
#define GOST_TUNNEL_MUX_OPTIONS(settings, member) GOST_MUX_OPTIONS(settings, member, "2", "1048576")

/** The tunnels that services of one name share, in all workers. */
struct gost_tunnels;

/** Find or make them. @return NULL without memory */
struct gost_tunnels *gost_tunnels_take(const char *name);
void gost_tunnels_give(struct gost_tunnels *t); /**< NULL is fine */

/** One client that carries visitors of a tunnel. */
struct gost_tunnel_connector {
    uint8_t tunnel[GOST_UUID_BYTES];
    struct gost_relay_id id; /**< its own, with flags and weight */
    const char *owner;   /**< who it is, as authenticated; "": nobody asked. NULL: all may share */
    const char *address; /**< of this host's entry, for other hosts; "": not told */
    int64_t ttl_ms;      /**< other hosts are told so often */
};

/**
 * Let the client of `c` carry visitors until its connection ends, without this fiber; suspends until
 * other hosts were told. Takes the client's stream over.
 * @param answer  writes the answer to its request, once visitors may come
 * @return 0 (the connection rests, see gost_conn_ops.rest), or a negative code
 */
int gost_tunnels_carry(struct gost_tunnels *t, struct gost_conn *c,
                       const struct gost_tunnel_connector *who, const struct gost_mux_options *mux,
                       int (*answer)(struct gost_conn *c, void *arg), void *arg);

/**
 * May one more connector of that tunnel come?
 * @return 0; GOST_ELIMIT; GOST_EDENIED when the tunnel is another owner's; with diag
 */
int gost_tunnels_admit(struct gost_tunnels *t, const struct gost_tunnel_connector *who);

/** Who comes, and for what. */
struct gost_tunnel_visit {
    const uint8_t *tunnel;
    bool udp;
    int introduce; /**< tell another host who comes, by a PROXY header of this version; 0: no */
    bool many;     /**< the visitor's connection has other uses, so it stays where it is */
    const union gost_sockaddr *peer;
    const struct gost_addr *host; /**< as the visitor named it */
};

/** A way to a client of a tunnel. */
struct gost_tunnel_way {
    struct gost_stream *up; /**< here; its bytes are the visitor's. Or NULL: */
    struct gost_far *far;   /**< at another worker */
    bool elsewhere; /**< `up` is another host's entry, to be told all that the visitor said so far */
};

/**
 * Open a way through a tunnel. Suspends.
 * @param[out] out  see gost_tunnel_way_close; with `many` always a stream
 * @return 0, GOST_ENONODE when nobody carries the tunnel, or another negative code, with diag
 */
int gost_tunnels_open(struct gost_tunnels *t, struct gost_conn *c,
                      const struct gost_tunnel_visit *v, struct gost_tunnel_way *out);

/** Let the pump move the visitor's bytes; the way is gone then. @return 0 or a negative code */
int gost_tunnel_way_relay(struct gost_conn *c, struct gost_tunnel_way *way);

/** One that was not used, or nothing. */
void gost_tunnel_way_close(struct gost_tunnel_way *way);

/** The name that a tunnel has of itself: 16 hex digits of a digest over its ID. @return `out` */
char *gost_tunnel_endpoint(const uint8_t id[GOST_UUID_BYTES], char out[GOST_TUNNEL_ENDPOINT]);

#endif
