/**
 * Dialing with TLS: what the dialers that speak it share.
 */
#ifndef GOST_TRANSPORT_TLS_DIAL_H
#define GOST_TRANSPORT_TLS_DIAL_H

#include "core/transport/transport.h"

/** Part of a dialer's settings. */
struct gost_tls_dialing {
    struct gost_keepalive keepalive;
    int64_t handshake_timeout; /**< milliseconds; 0: as long as the dial may take */
};

/** Its option group. */
#define GOST_TLS_DIAL_OPTIONS(settings, member)                                                    \
    GOST_KEEPALIVE_OPTIONS(settings, member.keepalive),                                            \
    {                                                                                              \
        .key = "handshakeTimeout", .type = GOST_OPT_DURATION,                                      \
        .offset = offsetof(settings, member.handshake_timeout),                                    \
        .help = "how long the TLS handshake may take"                                              \
    }

/**
 * Open the carrier and make the handshake on it; suspends.
 * @param[out] out  the caller's
 * @return 0 or a negative code with diag
 */
int gost__tls_dial(struct gost_dialer *d, const struct gost_tls_dialing *s,
                   struct gost_carrier *carrier, uint64_t deadline, struct gost_stream **out);

#endif
