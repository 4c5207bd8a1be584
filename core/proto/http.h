/**
 * HTTP/1.x, the proxy's side: what the files http_*.c share.
 *
 * One struct gost__http serves one client connection. Heads are parsed where they were read; what a
 * peer sent ahead stays in its reader, so nothing pipelined is lost.
 */
#ifndef GOST_PROTO_HTTP_H
#define GOST_PROTO_HTTP_H

#include "core/base/buf.h"
#include "core/codec/chunked.h"
#include "core/codec/http1_body.h"
#include "core/proto/handler.h"
#include "core/proto/sniffing.h"
#include "core/proto/treatment.h"
#include "core/proto/udp_server.h"
#include "core/transport/tls.h"

/* --- reading (http_reader.c) -------------------------------------------------------------- */

enum {
    GOST__HTTP_READ_MIN = 8 * 1024,  /**< bytes of a reader's first buffer */
    GOST__HTTP_READ_MAX = 64 * 1024, /**< and of its largest: bodies, and the longest heads */
};

/** One side of the conversation: a stream, and bytes that were read from it but not yet used. */
struct gost__http_reader {
    struct gost_stream *s; /**< borrowed */
    uint8_t *base;         /**< NULL while idle */
    size_t cap, from, len; /**< the bytes are base[from .. from + len) */
};

/** Its unused bytes. */
static inline uint8_t *gost__http_bytes(struct gost__http_reader *r)
{
    return r->base + r->from;
}

/** Free the buffer; unused bytes are lost. */
void gost__http_reader_clear(struct gost__http_reader *r);

/** Drop `n` (<= len) bytes at the front. */
void gost__http_take(struct gost__http_reader *r, size_t n);

/** Have the largest buffer, if this one is empty: much is about to come. */
void gost__http_widen(struct gost__http_reader *r);

/**
 * Read once, without waiting. The bytes in the buffer may move.
 * @return bytes, 0 at the end of the stream, GOST_WANT_*, GOST_ELIMIT when the buffer is full, or
 *         another negative code
 */
ssize_t gost__http_fill_now(struct gost__http_reader *r);

/** The same, but wait for bytes; suspends. */
ssize_t gost__http_fill(struct gost__http_reader *r, uint64_t deadline);

/**
 * Read until a head is complete; suspends. The head is left in the buffer (gost__http_take it).
 * @param decode  of codec/http1.h
 * @return bytes of the head, 0 when the stream ended before its first byte, GOST_EOF when it ended
 *         inside, or what `decode` and reading answer
 */
ssize_t gost__http_head(struct gost__http_reader *r,
                        ssize_t (*decode)(struct gost_http1 *out, const uint8_t *p, size_t n),
                        struct gost_http1 *out, uint64_t deadline);

/** Push the unused bytes back onto the stream and free the buffer. @return 0 or GOST_ENOMEM */
int gost__http_give_back(struct gost__http_reader *r);

/* --- bodies (http_body.c) ----------------------------------------------------------------- */

/** How far a body has come. */
struct gost__http_body {
    enum gost_http1_framing framing;
    uint64_t left; /**< of LENGTH */
    struct gost_chunked chunked;
    bool strip; /**< of CHUNKED: pass on the data alone */
    bool done;
};

void gost__http_body_begin(struct gost__http_body *b, struct gost_http1_body is);

/**
 * Follow the body over `n` bytes.
 * @param p        with `strip`, the data is moved together here
 * @param[out] out how many bytes to pass on
 * @return how many belong to the body, or GOST_EPROTO, GOST_ELIMIT
 */
ssize_t gost__http_body_take(struct gost__http_body *b, uint8_t *p, size_t n, size_t *out);

/* --- the conversation --------------------------------------------------------------------- */

struct gost__http_settings {
    int64_t read_timeout, idle_timeout; /**< milliseconds */
    int hash;
    struct gost_strings header; /**< name, value, … */
    bool keepalive;
    char *agent, *realm;
    char *probe;               /**< "type:value" */
    struct gost_strings knock; /**< hosts */
    struct gost__udp_settings udp;
    struct gost__sniffing sniffing; /**< of tunnels */
};

enum gost__http_probe { PROBE_NONE, PROBE_CODE, PROBE_WEB, PROBE_HOST, PROBE_FILE };

/** What is derived from the settings. */
struct gost__http_state {
    enum gost__http_probe probe;
    const char *probe_value;      /**< in the settings */
    struct gost_tls_context *tls; /**< owned; for a decoy over https, else NULL */
};

/** Whom a request is for. */
struct gost__http_where {
    struct gost_addr addr;
    struct gost_slice path; /**< of the request line to send; in the head, or static */
    bool relative;          /**< the client did not speak to a proxy: the host is from Host */
};

struct gost__http {
    struct gost_conn *c;
    const struct gost__http_settings *set;
    const struct gost__http_state *state;
    struct gost__http_reader client, up;
    struct gost_stream *upstream; /**< owned; kept between requests when that is allowed */
    struct gost_addr upstream_addr;
    char *upstream_user;     /**< who it was dialed for, or NULL */
    uint64_t upstream_until; /**< when it is closed for being idle */
    struct gost_http1 head;
    size_t head_len; /**< bytes of the request's head, still in `client` */
    struct gost_buf out;
    char path[512]; /**< for policies */

    /* of a forwarding service (http_reverse.c) */
    bool reverse;                           /**< it is one: we are the origin, to the client */
    int introduce;                          /**< PROXY protocol version for the nodes, or 0 */
    bool fresh;                             /**< the upstream was dialed for this request */
    const struct gost_request *request;     /**< the one that is served */
    const struct gost_treatment *treatment; /**< the node's; or NULL */
    char *host;                             /**< whom the upstream was chosen for */

    /* of the request that is served */
    uint8_t minor;
    bool is_head;                 /**< HEAD: the answer has no body */
    bool idempotent;              /**< may be sent twice */
    bool upgrade;                 /**< the client asks to change the protocol */
    bool again;                   /**< the client may send one more request */
    bool reused;                  /**< the upstream connection served an earlier one */
    bool answered;                /**< the upstream has begun to answer */
    bool aborted;                 /**< the answer came before the request's body was sent whole */
    bool broke_off;               /**< the client did not send its body, or sent a wrong one */
    struct gost__http_body *rest; /**< with `aborted`: the body that goes on, or NULL */
    size_t unsent;                /**< bytes of it at the front of `client` */
};

/** Milliseconds as configured, as a deadline: 0 is the default, a negative value none. */
uint64_t gost__http_read_deadline(const struct gost__http *x);

/** Wait for one of: bytes from the client, bytes from upstream, room towards it; suspends. */
int gost__http_wait(struct gost__http *x, bool client, bool up, bool up_room, uint64_t deadline);

/**
 * Serve a client of HTTP as a forwarding service whose nodes have their wishes (http_reverse.c); suspends.
 * @param introduce  PROXY protocol version for the nodes, or 0
 */
int gost__http_reverse(struct gost_conn *c, const struct gost__http_settings *set, int introduce);

/** Of a forwarding service: have a connection to the request's node. @return 0 or a negative code */
int gost__http_reverse_reach(struct gost__http *x);

/** The node has answered: by its treatment, has it worked? */
void gost__http_reverse_judge(struct gost__http *x);

/** Find out whom the request is for (http_where.c). @return 0 or GOST_EPROTO */
int gost__http_where(const struct gost_http1 *head, struct gost__http_where *out);

/** What a failure is to the client: an HTTP status (http_reply.c). */
int gost__http_status(int rc);

/** The same for a failed dial: nonsense is then a proxy's on the way, not the client's. */
int gost__http_dial_status(int rc);

/**
 * Answer with a status and no body, as the last word; suspends.
 * @param extra  further fields, each with CRLF, or NULL
 * @param rc     returned, with its story kept
 */
int gost__http_refuse(struct gost__http *x, int status, const char *extra, int rc);

/** Answer a client that did not authenticate: 407, or what probe resistance says (http_probe.c). */
int gost__http_challenge(struct gost__http *x, const struct gost__http_where *w, int rc);

/** Check the settings. @return 0 or GOST_ECONFIG; state->tls may be set in either case */
int gost__http_probe_init(struct gost__http_state *state, const struct gost__http_settings *s);

/** Forward a plain request and its answer (http_forward.c). @return 0 or a negative code */
int gost__http_forward(struct gost__http *x, const struct gost__http_where *w);

/** Send an answer that was read as x->head to the client, with its body (http_answer.c). */
int gost__http_answer(struct gost__http *x, size_t head_len);

/** Write x->out to the client. @return 0 or a negative code */
int gost__http_send_out(struct gost__http *x);

/** Pass an interim answer (1xx) in x->head on to the client, not to one of HTTP/1.0. */
int gost__http_interim(struct gost__http *x, size_t head_len);

/**
 * Write to the origin (http_upload.c), until it begins to answer: that sets x->aborted, and
 * x->unsent to what is left of `n`.
 * @return 0 or a negative code
 */
int gost__http_push(struct gost__http *x, const uint8_t *p, size_t n);

/** Send the request's body; likewise. With x->broke_off a failure is the client's. */
int gost__http_upload(struct gost__http *x, struct gost__http_body *body);

/**
 * Send x->rest up and the body of the answer down, side by side, until both are complete or the
 * origin takes no more (http_both.c).
 */
int gost__http_both(struct gost__http *x, struct gost__http_body *answer);

/** Close the upstream connection. */
void gost__http_drop_upstream(struct gost__http *x);

/* --- heads (http_head.c) ------------------------------------------------------------------ */

/** Write the request as the origin is to see it into x->out. @return 0 or GOST_ELIMIT */
int gost__http_put_request(struct gost__http *x, const struct gost__http_where *w);

/**
 * Write the answer in x->head as the client is to see it into x->out.
 * @param body   how its body will be passed on
 * @param close  say that the connection ends after it
 */
int gost__http_put_answer(struct gost__http *x, const struct gost__http_body *body, bool close);

/** Does the request carry our own mark: has it been here before? */
bool gost__http_is_loop(const struct gost_http1 *head);

#endif
