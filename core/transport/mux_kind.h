/**
 * Listeners and dialers that multiplex, whatever their carriers are: mtcp, mtls, mws, mwss.
 *
 * A kind embeds struct gost_mux_options in its settings, calls the init function from its own, and
 * puts the others into its table. They use the `state` of the listener or dialer.
 */
#ifndef GOST_TRANSPORT_MUX_KIND_H
#define GOST_TRANSPORT_MUX_KIND_H

#include "core/transport/mux.h"
#include "core/transport/transport.h"

enum { GOST__MUX_HANDSHAKE_MS = 15 * 1000 }; /**< for a client of a listener; GOST waits for ever */

/** The option of a listener beside the group. */
#define GOST_MUX_BACKLOG_OPTION(settings, member)                                                  \
    {                                                                                              \
        .key = "backlog", .type = GOST_OPT_INT, .offset = offsetof(settings, member.backlog),      \
        .def = "128", .min = 1, .max = GOST_MUX_STREAMS_MAX,                                       \
        .help = "streams that a client may open before the first of them are taken"                \
    }

/** Push the layers below the session (TLS, WebSocket) on an accepted connection; must not wait. */
typedef int gost__mux_wrap_fn(struct gost_listener *l, struct gost_stream **io);

/**
 * @param mux   must live as long as the listener
 * @param wrap  what it pushes gets GOST__MUX_HANDSHAKE_MS for its handshake; NULL: sessions run over
 *              the bare socket
 * @return 0, GOST_ECONFIG or GOST_ENOMEM with diag
 */
int gost__mux_listener_init(struct gost_listener *l, const struct gost_mux_options *mux,
                            gost__mux_wrap_fn *wrap);

/** For the slots of the same name in struct gost_listener_kind. */
int gost__mux_listener_start(struct gost_listener *l);
/**
 * Accepts no connections any more; sessions end when they are without a stream, and serve their
 * peers until then, as other connections do.
 */
void gost__mux_listener_stop(struct gost_listener *l);
void gost__mux_listener_destroy(struct gost_listener *l);

/**
 * Make the carrier of a new session: open the node's raw connection and all layers, handshakes
 * done. Suspends. As the `open` of struct gost_dialer_kind.
 */
typedef int gost__mux_connect_fn(struct gost_dialer *d, struct gost_carrier *carrier,
                                 uint64_t deadline, struct gost_stream **out);

/** @param mux  must live as long as the dialer. @return 0, GOST_ECONFIG or GOST_ENOMEM with diag */
int gost__mux_dialer_init(struct gost_dialer *d, const struct gost_mux_options *mux,
                          gost__mux_connect_fn *connect);

/** For the slots of the same name in struct gost_dialer_kind. Simultaneous callers share one dial. */
int gost__mux_dialer_open(struct gost_dialer *d, struct gost_carrier *carrier, uint64_t deadline,
                          struct gost_stream **out);
void gost__mux_dialer_destroy(struct gost_dialer *d);

#endif
