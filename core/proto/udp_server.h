/**
 * Datagrams as the proxies' handlers serve them: SOCKS5 UDP ASSOCIATE, GOST's UDP tunnel, relay.
 */
#ifndef GOST_PROTO_UDP_SERVER_H
#define GOST_PROTO_UDP_SERVER_H

#include "core/base/option.h"
#include "core/codec/socks5.h"
#include "core/proto/conn.h"
#include "core/proto/udp_framed.h"

/** The options of a handler that relays datagrams. */
struct gost__udp_settings {
    bool udp;
    bool resolve;   /**< accepted: names are always looked up where the datagrams leave */
    int64_t buffer; /**< accepted: datagrams of any size pass */
    int64_t min_port, max_port; /**< of the sockets that UDP ASSOCIATE opens; 0: any */
};

#define GOST_UDP_OPTION(settings, member)                                                          \
    {                                                                                              \
        .key = "udp", .type = GOST_OPT_BOOL, .offset = offsetof(settings, member.udp),             \
        .help = "relay datagrams too"                                                              \
    }

#define GOST_UDP_BUFFER_OPTION(settings, member)                                                   \
    {                                                                                              \
        .key = "udp.bufferSize", .aliases = "udpBufferSize", .type = GOST_OPT_INT,                 \
        .offset = offsetof(settings, member.buffer), .def = "65535", .min = 1, .max = INT32_MAX,   \
        .help = "accepted for GOST's configurations: datagrams of any size pass"                   \
    }

#define GOST_SOCKS5_UDP_OPTIONS(settings, member)                                                  \
    GOST_UDP_OPTION(settings, member), GOST_UDP_BUFFER_OPTION(settings, member),                   \
        {.key = "udp.resolveDomain",                                                               \
         .aliases = "udpResolveDomain",                                                            \
         .type = GOST_OPT_BOOL,                                                                    \
         .offset = offsetof(settings, member.resolve),                                             \
         .help = "accepted for GOST's configurations: names are always looked up where the "       \
                 "datagrams leave"},                                                               \
        {.key = "udp.bindRange.min",                                                               \
         .aliases = "udp.minPort",                                                                 \
         .type = GOST_OPT_INT,                                                                     \
         .offset = offsetof(settings, member.min_port),                                            \
         .def = "0",                                                                               \
         .max = 65535,                                                                             \
         .help = "lowest port of the sockets that UDP ASSOCIATE opens"},                           \
    {                                                                                              \
        .key = "udp.bindRange.max", .aliases = "udp.maxPort", .type = GOST_OPT_INT,                \
        .offset = offsetof(settings, member.max_port), .def = "0", .max = 65535,                   \
        .help = "highest port of the sockets that UDP ASSOCIATE opens; 0: any port"                \
    }

/** @return 0 or GOST_ECONFIG with diag */
int gost__udp_settings_check(const struct gost__udp_settings *s);

/**
 * Make a packet of the client's stream and hand it to the pump with `*up`; the client has its
 * answer.
 * @param up  NULL on success
 * @return 0 or a negative code with diag
 */
int gost__udp_serve_framed(struct gost_conn *c, enum gost__udp_framing framing,
                           struct gost_packet **up);

/**
 * Serve UDP ASSOCIATE or the UDP tunnel of a SOCKS5 client, replies included; suspends.
 * @param bind         may the tunnel name the port to be bound?
 * @param public_addr  the IP address to announce; NULL, or no IP address: the one the client came
 * to
 * @return 0 or a negative code with diag
 */
int gost__socks5_serve_udp(struct gost_conn *c, const struct gost_socks5_request *request,
                           const struct gost__udp_settings *s, bool bind, const char *public_addr);

#endif
