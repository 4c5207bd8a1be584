/**
 * Stream multiplexers: many streams over one, by smux (versions 1 and 2) or yamux.
 *
 * A session takes over an open stream, its carrier, and needs no fiber: it wakes with the carrier,
 * parses frames in scratch memory, hands the bytes to whoever reads the streams and keeps only what
 * nobody took. Both ends may open streams. The ends must agree on backend and version beforehand;
 * nothing is negotiated.
 *
 * Sending: the streams that wait for a slow carrier take turns, each of what the carrier passes in
 * a few milliseconds and a frame at least; one with little to say goes ahead. Small writes of one
 * turn of the loop leave together. flush on a stream is free: the session sends what it has taken
 * by itself, in this turn or the next.
 *
 * Receiving: smux 2 and yamux bound what a peer may send to a stream that nobody reads; one that
 * sends more loses that stream. smux 1 has no such bound: all streams share `maxReceiveBuffer`, and
 * when that is full nothing more is read, for no stream (smux 2 counts against it as well). So that
 * one stalled reader does not stop the others for ever, the stream that holds most of a full buffer
 * is closed once its reader has taken nothing for GOST_MUX_STALL_MS.
 *
 * Ends: smux has no half-close. Its FIN says "this stream is over", peers drop what they still had
 * to send, so only closing a stream sends FIN; a stream that got one reads what came before and then
 * the end, its writes fail with -EPIPE, and GOST_QUERY_GONE is true. Two of us half-close all the
 * same, see GOST_SMUX_HALVES: shutdown tells the peer, and answers GOST_ENOTSUP until the peer has
 * said, once in a session, that it understands. yamux half-closes.
 * Closing a stream never disturbs the session. When a session dies, its streams give what they hold
 * and then fail with the story of its death.
 */
#ifndef GOST_TRANSPORT_MUX_H
#define GOST_TRANSPORT_MUX_H

#include "core/base/option.h"
#include "core/net/stream.h"

enum gost_mux_type { GOST_MUX_SMUX, GOST_MUX_YAMUX };

enum {
    GOST_MUX_STALL_MS = 5 * 1000, /**< see above */
    GOST_MUX_BACKLOG = 128,       /**< new streams taken in one turn of the loop */
    GOST_MUX_FIRST_MAX = 4096,    /**< bytes that a stream may begin with at once */
    GOST_MUX_STREAMS_MAX = 65536, /**< open at a time in one session; more are refused */
};

/** What both ends agree on, and limits. All zero is smux 1 with the defaults. */
struct gost_mux_options {
    int type;                   /**< enum gost_mux_type */
    int64_t version;            /**< smux: 1 or 2 */
    bool keepalive_disabled;    /**< neither send signs of life nor miss them */
    int64_t keepalive_interval; /**< milliseconds; 10 s, yamux 30 s */
    int64_t keepalive_timeout;  /**< milliseconds of silence that end the session; smux: 30 s, and
                                   yamux: 10 s for the answer to a ping, always */
    int64_t max_frame;          /**< smux: bytes of data in a frame that is sent; 32768 */
    int64_t max_receive;        /**< smux: bytes that all streams hold unread; 4 MiB */
    int64_t max_stream; /**< smux 2: window of a stream; 64 KiB, up to 1 MiB while it is read */
    int64_t max_window; /**< yamux: the same; 256 KiB, up to 1 MiB */
    int64_t backlog;    /**< GOST_MUX_BACKLOG; not in the table below */
};

/**
 * The option group of everything that multiplexes.
 * @param smux_version   the default as text: "1" or "2"
 * @param stream_buffer  the default of maxStreamBuffer as text, or NULL
 */
#define GOST_MUX_OPTIONS(settings, member, smux_version, stream_buffer)                            \
    {.key = "mux.type",                                                                            \
     .type = GOST_OPT_ENUM,                                                                        \
     .offset = offsetof(settings, member.type),                                                    \
     .def = "smux",                                                                                \
     .choices = "smux yamux",                                                                      \
     .help = "the multiplexer; both ends must have the same"},                                     \
        {.key = "mux.version",                                                                     \
         .type = GOST_OPT_INT,                                                                     \
         .offset = offsetof(settings, member.version),                                             \
         .def = smux_version,                                                                      \
         .help = "of smux, 1 or 2; both ends must have the same"},                                 \
        {.key = "mux.keepaliveDisabled",                                                           \
         .type = GOST_OPT_BOOL,                                                                    \
         .offset = offsetof(settings, member.keepalive_disabled),                                  \
         .help = "neither send signs of life nor miss them"},                                      \
        {.key = "mux.keepaliveInterval",                                                           \
         .type = GOST_OPT_DURATION,                                                                \
         .offset = offsetof(settings, member.keepalive_interval),                                  \
         .help = "time between signs of life; not given: 10s, yamux 30s"},                         \
        {.key = "mux.keepaliveTimeout",                                                            \
         .type = GOST_OPT_DURATION,                                                                \
         .offset = offsetof(settings, member.keepalive_timeout),                                   \
         .help = "smux: silence that ends the session; not given: 30s"},                           \
        {.key = "mux.maxFrameSize",                                                                \
         .type = GOST_OPT_INT,                                                                     \
         .offset = offsetof(settings, member.max_frame),                                           \
         .help = "smux: most bytes of data in a frame; not given: 32768"},                         \
        {.key = "mux.maxReceiveBuffer",                                                            \
         .type = GOST_OPT_INT,                                                                     \
         .offset = offsetof(settings, member.max_receive),                                         \
         .help = "smux: most bytes that the streams hold unread together; not given: 4194304"},    \
        {.key = "mux.maxStreamBuffer",                                                             \
         .type = GOST_OPT_INT,                                                                     \
         .offset = offsetof(settings, member.max_stream),                                          \
         .def = stream_buffer,                                                                     \
         .help = "smux 2: window of a stream; without a default: 65536, more while it is read "    \
                 "as fast as it fills"},                                                           \
    {                                                                                              \
        .key = "mux.maxStreamWindow", .type = GOST_OPT_INT,                                        \
        .offset = offsetof(settings, member.max_window),                                           \
        .help = "yamux: window of a stream, at least 262144; not given: that, more while it is "   \
                "read as fast as it fills"                                                         \
    }

/** @return 0, or GOST_ECONFIG with a diag that names the option; values <= 0 mean "the default" */
int gost_mux_options_check(const struct gost_mux_options *o);

struct gost_mux;

/** What the owner of a session hears. Called from the loop; each may be NULL. */
struct gost_mux_events {
    /**
     * The peer opened a stream, owned by the callee. Data may be there already. NULL: the peer may
     * not open any (they are closed at once).
     */
    void (*on_stream)(struct gost_mux *m, struct gost_stream **s);
    /** The last stream was closed. */
    void (*on_idle)(struct gost_mux *m);
    /**
     * The session died; gost_mux_error tells why. Called once, not after gost_mux_close or
     * gost_mux_release. Let go of it now.
     */
    void (*on_end)(struct gost_mux *m);
};

/**
 * Start a session over an open stream; bytes pushed back onto it are the first frames. Nothing is
 * sent yet.
 * @param[in,out] io  the carrier, owned by the session from now on and set to NULL; unchanged on
 *                    failure
 * @param client      decides the numbers of our streams only; the ends must differ
 * @param events      static; with `user` for gost_mux_user
 * @return 0, GOST_ECONFIG or GOST_ENOMEM
 */
int gost_mux_new(struct gost_stream **io, const struct gost_mux_options *o, bool client,
                 const struct gost_mux_events *events, void *user, struct gost_mux **out);

void *gost_mux_user(const struct gost_mux *m);

/**
 * Open a stream. Does not suspend: no answer is awaited, data may be written at once.
 * @param[out] out  owned by the caller; may outlive the owner's hold on the session
 * @return 0, the code of a dead session, GOST_ELIMIT (numbers or streams are used up), GOST_EOF
 *         (yamux: the peer wants no more), with diag. yamux: while 256 openings are unanswered, more
 *         are held back; their writers wait
 */
int gost_mux_open(struct gost_mux *m, struct gost_stream **out);

/**
 * The same, and write the first bytes, which nothing holds back: neither a carrier that is full nor
 * other streams that wait for it.
 * @param n  at most GOST_MUX_FIRST_MAX
 * @return as gost_mux_open; GOST_ELIMIT also when too much waits for the peer already
 */
int gost_mux_open_with(struct gost_mux *m, const void *first, size_t n, struct gost_stream **out);

/** @return 0 while the session lives, else the code it died of, with its story as diag */
int gost_mux_error(const struct gost_mux *m);

/** @return streams that are open */
size_t gost_mux_count(const struct gost_mux *m);

/** Ask the carrier (addresses, TLS). @return as gost_stream_query */
int gost_mux_query(struct gost_mux *m, enum gost_query what, void *out);

/**
 * End the session now and let go of it: what waits to be sent is tried once, streams fail with
 * GOST_ECANCELED.
 */
void gost_mux_close(struct gost_mux *m);

/** Let go of the session: it ends by itself after its last stream; the peer can open no more. */
void gost_mux_release(struct gost_mux *m);

/** End the sessions of this thread that were released and still live, before its loop ends. */
void gost_mux_cleanup(void);

#endif
