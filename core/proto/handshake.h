/**
 * What the handlers of all protocols do alike: time limits, and the last word to a client.
 */
#ifndef GOST_PROTO_HANDSHAKE_H
#define GOST_PROTO_HANDSHAKE_H

#include "core/base/option.h"
#include "core/proto/conn.h"
#include "core/runtime/loop.h"

enum {
    GOST_READ_TIMEOUT = 15 * 1000, /**< milliseconds, where readTimeout is 0 */
    GOST_LAST_WORD_MS = 5 * 1000,  /**< how long an error reply may take to be written */
    GOST__SETTLE_MS = 10           /**< how long the target's first bytes stay behind a reply */
};

/** The options that every handler has. */
struct gost_handshake_settings {
    int64_t read_timeout, idle_timeout; /**< milliseconds */
    int hash;                           /**< 0: by the client, 1: by the target's host */
};

#define GOST_HANDSHAKE_OPTIONS(settings, member)                                                   \
    {.key = "readTimeout",                                                                         \
     .type = GOST_OPT_DURATION,                                                                    \
     .offset = offsetof(settings, member.read_timeout),                                            \
     .def = "15s",                                                                                 \
     .help = "how long a client may take for its handshake"},                                      \
        {.key = "idleTimeout",                                                                     \
         .type = GOST_OPT_DURATION,                                                                \
         .offset = offsetof(settings, member.idle_timeout),                                        \
         .help = "end a tunnel after so long without a byte"},                                     \
    {                                                                                              \
        .key = "hash", .type = GOST_OPT_ENUM, .offset = offsetof(settings, member.hash),           \
        .def = "client", .choices = "client host",                                                 \
        .help = "what the hash strategy goes by: the client, or the target's host"                 \
    }

/** Set the connection's deadline and idle limit. A readTimeout of 0 or less means the default. */
void gost__handshake_begin(struct gost_conn *c, const struct gost_handshake_settings *s);

/** A request for a stream to `addr`, with what the settings say about it. */
struct gost_request gost__handshake_request(const struct gost_handshake_settings *s,
                                            const struct gost_addr *addr);

/**
 * Write `n` bytes and let the client's stream linger, so that the words arrive although the client
 * may have sent bytes that nobody read; suspends. c->client is NULL afterwards, the story (diag) is
 * kept.
 */
void gost__last_word(struct gost_conn *c, const void *p, size_t n);

/**
 * Tell whoever is at the other end of `up` who the client is; suspends.
 * @param version  of the PROXY protocol
 * @return 0 or a negative code
 */
int gost__introduce(struct gost_conn *c, struct gost_stream *up, int version);

/**
 * After a reply, before the target's bytes follow it: a client of GOST 3.3 throws away what it reads
 * together with the reply. Waits until the client has said something, which shows that it has the
 * reply, or GOST__SETTLE_MS; suspends. Streams that keep writes apart by themselves (TLS records,
 * frames of multiplexers) are not waited for.
 */
void gost__settle(struct gost_conn *c);

/** The earlier of `deadline` and now + `ms`; 0 or less: just `deadline`. */
uint64_t gost__deadline_within(uint64_t deadline, int64_t ms);

#endif
