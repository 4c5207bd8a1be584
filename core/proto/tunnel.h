/**
 * Reverse tunnels by ID, the server's side: which clients carry visitors of which tunnel.
 *
 * A client (a connector, in GOST's words) stays connected; each visitor travels as a stream of the
 * multiplexer on that connection, behind an announcement that names the visitor and whom it asked
 * for. Several clients may carry one tunnel and share its visitors by weight.
 *
 * Tunnels belong to one worker's thread: services that serve tunnels run on one worker.
 */
#ifndef GOST_PROTO_TUNNEL_H
#define GOST_PROTO_TUNNEL_H

#include "core/base/uuid.h"
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

/** The tunnels that services of one name share. */
struct gost_tunnels;

/** Find or make them, for this thread. @return NULL without memory */
struct gost_tunnels *gost_tunnels_take(const char *name);
void gost_tunnels_give(struct gost_tunnels *t); /**< NULL is fine */

/** One client that carries visitors of a tunnel. */
struct gost_tunnel_connector {
    uint8_t tunnel[GOST_UUID_BYTES];
    struct gost_relay_id id; /**< its own, with flags and weight */
};

/**
 * Let the client of `c` carry visitors until its connection ends; suspends. Takes the client's
 * stream over. The answer to its request was written before.
 * @return 0 or a negative code
 */
int gost_tunnels_carry(struct gost_tunnels *t, struct gost_conn *c,
                       const struct gost_tunnel_connector *who, const struct gost_mux_options *mux);

/** May one more connector of that tunnel come? @return 0 or GOST_ELIMIT with diag */
int gost_tunnels_room(const struct gost_tunnels *t, const uint8_t id[GOST_UUID_BYTES]);

/** Who comes, and for what. */
struct gost_tunnel_visit {
    const uint8_t *tunnel;
    bool udp;
    const union gost_sockaddr *peer;
    const struct gost_addr *host; /**< as the visitor named it */
};

/**
 * Open a way through a tunnel. Does not suspend.
 * @param[out] out  its bytes are the visitor's
 * @return 0, GOST_ENONODE when nobody carries the tunnel, or another negative code, with diag
 */
int gost_tunnels_open(struct gost_tunnels *t, const struct gost_tunnel_visit *v,
                      struct gost_stream **out);

/** The name that a tunnel has of itself: 16 hex digits of a digest over its ID. @return `out` */
char *gost_tunnel_endpoint(const uint8_t id[GOST_UUID_BYTES], char out[GOST_TUNNEL_ENDPOINT]);

#endif
