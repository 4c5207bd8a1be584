/**
 * Sniffing in proxies: the target is known, and the first bytes of the client say what they are for. The
 * name in them is put to the service's bypass and told to logs and scripts; nothing of it is changed.
 */
#ifndef GOST_PROTO_SNIFFING_H
#define GOST_PROTO_SNIFFING_H

#include "core/base/option.h"
#include "core/proto/forward_look.h"

/** What GOST_SNIFFING_OPTIONS fill in. */
struct gost__sniffing {
    bool on;
    int64_t timeout; /**< milliseconds; 0 or less: for ever */
};

#define GOST_SNIFFING_OPTIONS(settings, member, what)                                              \
    {.key = "sniffing",                                                                            \
     .type = GOST_OPT_BOOL,                                                                        \
     .offset = offsetof(settings, member.on),                                                      \
     .help = what},                                                                                \
    {                                                                                              \
        .key = "sniffing.timeout", .type = GOST_OPT_DURATION,                                      \
        .offset = offsetof(settings, member.timeout), .def = "500ms",                              \
        .help = "how long a client that says nothing is waited for; 0: for ever"                   \
    }

/** `what` of the handlers that know the target before they look. */
#define GOST_SNIFFING_NAMES                                                                        \
    "read the server's name in TLS and HTTP, for the service's bypass, logs and scripts"

/**
 * Look at what a client says first; suspends. Whatever cannot be understood is left to the target: that
 * is no failure.
 * @param up        where the answers come from: when the server speaks first there is nothing to wait
 *                  for; or NULL
 * @param patience  milliseconds for a head that has begun: the handler's readTimeout
 * @return 0, GOST_ECANCELED or GOST_ENOMEM
 */
int gost__sniff(struct gost_conn *c, const struct gost__sniffing *s, struct gost_stream *up,
                int64_t patience, struct gost__forward_look *look);

/**
 * gost_conn_relay for a tunnel to `request`, with a look first where that is on; suspends then.
 * @param up  set to NULL when the pump has it
 * @return 0; GOST_EDENIED when the bypass refuses the name; or another negative code
 */
int gost__sniffing_relay(struct gost_conn *c, const struct gost__sniffing *s, int64_t patience,
                         const struct gost_request *request, struct gost_stream **up);

#endif
