/** What the files of the multiplexer share among themselves. */
#ifndef GOST_TRANSPORT_MUX_INT_H
#define GOST_TRANSPORT_MUX_INT_H

#include "core/base/buf.h"
#include "core/runtime/loop.h"
#include "core/transport/mux.h"

enum {
    GOST__MUX_HEAD_MAX = 16,             /**< the longest head: smux UPD with its payload */
    GOST__MUX_READ_MAX = 504 * 1024,     /**< read from the carrier at once */
    GOST__MUX_WINDOW = 256 * 1024,       /**< what both protocols start with */
    GOST__MUX_GATHER = 256 * 1024,       /**< gathered in one turn before it is sent */
    GOST__MUX_QUOTA_MAX = 512 * 1024,    /**< of a stream's turn, on a fast carrier */
    GOST__MUX_OUT_MAX = 4 * 1024 * 1024, /**< waiting, control frames included: the session dies */
    GOST__MUX_REPLY_MAX = 512 * 1024,    /**< waiting, before a flood of nonsense gets no replies */
    GOST__MUX_UNANSWERED = 256,          /**< yamux: openings before the first is acknowledged */
    GOST__MUX_LATE_MAX = 64 * 1024, /**< bytes for a closed stream that may have been under way … */
    GOST__MUX_LATE_MS = 1000,       /**< … and until when */
    GOST__MUX_FAULT_MS = 10 * 1000,    /**< between log lines on what the peer does wrong */
    GOST__MUX_FAREWELL_MS = 60 * 1000, /**< for a peer to take our last bytes, or to end its side */
};

struct gost__mux_stream {
    struct gost_stream base;
    struct gost_mux *mux;
    struct gost__mux_stream *next; /**< in the same bucket of the session's table */
    struct gost_waker *waker[2];   /**< the user's, by enum gost_side */
    struct gost_list wait; /**< in mux->waiters or ->ahead; before its time ->accepted, ->unopened */
    struct gost_list due;  /**< in mux->due: to be woken when the batch is parsed */
    struct gost_buf in;    /**< received, not read; no memory while it is empty */
    int64_t credit;        /**< bytes that we may still send */
    int64_t allow;         /**< bytes that the peer may still send */
    uint64_t touched;      /**< when the reader last took something, or the first byte came */
    uint32_t id;
    uint32_t window;             /**< that we announce */
    uint32_t sent;               /**< bytes, modulo 2^32 */
    uint32_t consumed, reported; /**< bytes read by the user; so far, as reported; modulo 2^32 */
    uint32_t fresh_first, fresh_last; /**< places of pieces in mux->batch; 0: none */
    uint32_t fresh_from;              /**< bytes of the first that were read */
    uint32_t fresh_len;               /**< bytes of all */
    uint32_t quota;                   /**< may send so much before the others that wait: its turn */
    uint32_t dropped;                 /**< bytes that came after the user had closed it */
    uint32_t round, served;           /**< session's counts as of its last turn */
    uint8_t *first; /**< while it is `unopened`: the bytes to begin with, or NULL */
    uint32_t first_len;
    int rc;                     /**< why the stream alone failed, or 0 */
    const char *why;            /**< the words for that, static */
    bool wake_read, wake_write; /**< while in mux->due */
    bool asked;                 /**< the writer asks for room before it takes a turn */
    bool starved;               /**< a writer waits for credit */
    bool fin_in, fin_out;       /**< ended by the peer, by us (or no goodbye is due any more) */
    bool half_out;              /**< smux: our direction is ended, for a peer that understands */
    bool gone;                  /**< smux: the peer has forgotten the stream */
    bool unopened;              /**< in mux->unopened: the peer does not know of it yet */
    bool unanswered;            /**< yamux: we opened it, and wait for the acknowledgement */
    bool closed;                /**< yamux: the user is gone, the peer has not ended its side yet */
};

/** One of smux and yamux. All run inside the session's code and never call its users. */
struct gost__mux_protocol {
    const char *name;
    uint8_t head;         /**< bytes before data */
    bool half_close;      /**< each direction has an end, and a stream lives until it has both */
    uint32_t first_id[2]; /**< of the server's, the client's streams */
    /**
     * Take one frame's head (and a control frame's payload).
     * @return bytes taken; 0: incomplete; a negative code with diag: the session is over
     */
    ssize_t (*input)(struct gost_mux *m, const uint8_t *p, size_t n);
    /** Write the head of `n` bytes of data. */
    void (*data_head)(const struct gost__mux_stream *s, uint8_t *head, uint32_t n);
    void (*open)(struct gost__mux_stream *s);   /**< tell the peer */
    void (*accept)(struct gost__mux_stream *s); /**< acknowledge; NULL: nothing to say */
    /** End our direction only. @return 0 or GOST_ENOTSUP */
    int (*shutdown)(struct gost__mux_stream *s);
    void (*fin)(struct gost__mux_stream *s);
    void (*refuse)(struct gost_mux *m, uint32_t id); /**< a stream, or what is left of it */
    void (*consumed)(struct gost__mux_stream *s);    /**< the user has read: give window back */
    void (*ping)(struct gost_mux *m);
    void (*farewell)(struct gost_mux *m); /**< no more streams, please; NULL: cannot be said */
};

extern const struct gost__mux_protocol gost__mux_smux, gost__mux_yamux;

struct gost_mux {
    struct gost_stream *io; /**< NULL once dead */
    const struct gost__mux_protocol *protocol;
    const struct gost_mux_events *events; /**< NULL once the owner let go */
    void *user;
    struct gost_list all;       /**< in the thread's list of sessions */
    struct gost_task task;      /**< all the work */
    struct gost_timer timer;    /**< the earliest of what on_timer looks after */
    struct gost_waker below[2]; /**< ours, installed in the carrier */
    int rc;                     /**< what it died of, or 0 */
    char *story;                /**< and how that is told; NULL: the code's own text */
    bool busy;                  /**< inside the task or the timer: not to be freed */
    bool buried;                /**< dead, and all were told */
    bool owned;
    bool idle_due; /**< the last stream was closed */

    /* settings */
    uint8_t version;
    bool client, keepalive;
    bool grow;   /**< the window of a stream may grow */
    bool strict; /**< max_receive was set, so it is a hard limit */
    uint32_t max_frame, window, backlog;
    uint64_t max_receive;
    uint64_t interval, timeout; /**< milliseconds */

    /* streams (mux_table.c) */
    struct gost__mux_stream **bucket;
    uint32_t bucket_bits;      /**< of the table's size, if there is one */
    uint64_t key;              /**< of the hash */
    uint32_t count;            /**< in the table */
    uint32_t live;             /**< of these: not `closed`, and known to a user */
    uint32_t next_id;          /**< 0: used up */
    uint32_t unanswered;       /**< yamux: streams that are */
    struct gost_list unopened; /**< ours that wait until fewer are */
    bool peer_is_done;         /**< yamux: the peer wants no new streams */

    /* receiving (mux_read.c) */
    struct gost_list accepted; /**< streams of the peer that nobody knows of yet */
    uint32_t accepted_count;
    struct gost_list due;
    struct gost__mux_stream *waking;  /**< its wakers run; set to NULL if that closes it */
    uint8_t *batch;                   /**< scratch memory, while its bytes are handed out */
    uint8_t head[GOST__MUX_HEAD_MAX]; /**< an incomplete head */
    uint8_t head_len;
    bool rx_due;         /**< the carrier may have bytes */
    bool rx_wants_write; /**< it must be able to write before it can be read */
    bool paused;         /**< nothing is read: too much is unread already */
    uint64_t paused_at;
    uint64_t heard_at;                  /**< when bytes last came */
    uint64_t watch_at;                  /**< when to look whether the carrier gets through */
    unsigned retries;                   /**< its kernel's, without an answer, when we last looked */
    uint64_t held;                      /**< bytes in all streams' `in` */
    int64_t grown;                      /**< by how much all windows exceed `window` */
    struct gost__mux_stream *rx_stream; /**< whose data is coming; NULL: nobody's */
    uint32_t rx_left;                   /**< bytes of it */

    /* sending (mux_write.c) */
    struct gost_buf out;      /**< frames, in order; no memory while it is empty */
    struct gost_list waiters; /**< streams that wait for their turn */
    struct gost_list ahead;   /**< and those that come first */
    uint32_t turns;           /**< given in this round and not used yet */
    uint32_t round, served;   /**< rounds so far, turns so far */
    uint32_t quota;           /**< of a turn: what the carrier takes in a few milliseconds */
    uint32_t passed;          /**< bytes that the carrier took … */
    uint64_t measured_at;     /**< … since then */
    bool blocked;             /**< the carrier takes nothing until its waker fires */
    bool tx_wants_read;       /**< the carrier must be able to read before it can be written */
    bool below_holds;         /**< the carrier took bytes that it has not passed on */
    uint64_t ping_at;         /**< when the next sign of life is due */
    uint64_t pinged;          /**< yamux: when the last one was sent, 0: never */
    uint32_t ping_count;      /**< yamux */
    bool halves;          /**< smux: the peer understands that one direction alone has ended … */
    bool told_halves;     /**< … and knows that we do */
    uint64_t late_at;     /**< when to reset closed streams whose peers wait for window; 0: none */
    uint32_t faults;      /**< of the peer's, that did not end the session */
    uint64_t fault_at;    /**< when the next one may be logged */
    uint64_t sweep_at;    /**< when to look at streams that are `closed` */
    uint64_t farewell_at; /**< without owner and streams: when to give up on the last bytes */
};

/* --- the session (mux.c) ------------------------------------------------------------------ */

/** Take over the settings. */
void gost__mux_apply(struct gost_mux *m, const struct gost_mux_options *o);

/** Let the task run. */
void gost__mux_post(struct gost_mux *m);

/** The session is over, as the diag at hand tells. The rest follows in the task. @return rc */
int gost__mux_die(struct gost_mux *m, int rc);

/** The user of a stream is gone, and its peer has not ended its side: keep it for a while. */
void gost__mux_closed(struct gost__mux_stream *s);

void gost__mux_on_timer(struct gost_timer *t);

/** The kernel gets nothing through to the peer: no new streams, for now. */
bool gost__mux_is_suspect(const struct gost_mux *m);

/** A stream is opened: if it has been quiet, look soon whether the peer is still there. */
void gost__mux_watch_quiet(struct gost_mux *m);

/** The session is not needed any more. */
void gost__mux_finish(struct gost_mux *m);

/** Set the timer to the next thing that is due. */
void gost__mux_arm(struct gost_mux *m);

/** Open streams that waited, as far as the peer has answered. */
void gost__mux_open_waiting(struct gost_mux *m);

/** A stream's memory was given back: free the session when it was the last thing of it. */
void gost__mux_settle_up(struct gost_mux *m);

/* --- streams (mux_stream.c, mux_table.c) -------------------------------------------------- */

/** A new stream, in the table. @return NULL with diag without memory */
struct gost__mux_stream *gost__mux_stream_new(struct gost_mux *m, uint32_t id);

/** Take it out of everything and free it. */
void gost__mux_stream_free(struct gost__mux_stream *s);

/** The stream alone has failed. @param why  static text */
void gost__mux_stream_fail(struct gost__mux_stream *s, int rc, const char *why);

/** Wake its reader, its writer when the batch at hand is parsed, or soon. */
void gost__mux_stream_wake(struct gost__mux_stream *s, bool read, bool write);

struct gost__mux_stream *gost__mux_find(struct gost_mux *m, uint32_t id);
int gost__mux_insert(struct gost_mux *m, struct gost__mux_stream *s);
void gost__mux_remove(struct gost_mux *m, struct gost__mux_stream *s);

/**
 * Walk over all streams; the one returned may be freed meanwhile, nothing else may change.
 * @param[in,out] at    0 at first, then left alone
 * @param[in,out] next  NULL at first, then left alone
 */
struct gost__mux_stream *gost__mux_each(struct gost_mux *m, uint32_t *at,
                                        struct gost__mux_stream **next);

/* --- receiving (mux_read.c) --------------------------------------------------------------- */

/** Read, parse, hand out. */
void gost__mux_receive(struct gost_mux *m);

/** Give streams of the peer to the owner, a backlog's worth. */
void gost__mux_deliver(struct gost_mux *m);

/** Wake all that are due, and keep what they left in the batch. */
void gost__mux_wake_due(struct gost_mux *m);

/** Bytes of a stream that are in memory, unread. */
static inline size_t gost__mux_queued(const struct gost__mux_stream *s)
{
    return s->in.len + s->fresh_len;
}

/** The bytes that are to be read next, where they lie. @return entries of iov, 0..max */
int gost__mux_peek(const struct gost__mux_stream *s, struct iovec *iov, int max);

/** @param buf  NULL: only drop them. @return bytes, 0 when there are none */
size_t gost__mux_take(struct gost__mux_stream *s, uint8_t *buf, size_t n);

/** Forget what a stream has not read. */
void gost__mux_drop_input(struct gost__mux_stream *s);

/**
 * For the protocols, before a report: a stream that is read as fast as it fills gets a larger
 * window, so that a long way does not slow it down and more bytes move at once; with more streams
 * the windows shrink again. All of a thread together stay within 64 MiB (beyond what they began
 * with), those of a session whose maxReceiveBuffer was set within half of that.
 */
void gost__mux_grow_window(struct gost__mux_stream *s);

/** Back to what it began with; before the stream is freed. */
void gost__mux_shrink_window(struct gost__mux_stream *s);

/** `n` streams more (less) are known to a user. */
void gost__mux_count_live(struct gost_mux *m, int n);

/** The peer did what it must not; the session goes on. Counted, and logged once in a while. */
void gost__mux_fault(struct gost_mux *m, uint32_t id, const char *what);

/** For the protocols: the peer opened a stream. @return it, or NULL when it was refused */
struct gost__mux_stream *gost__mux_peer_opens(struct gost_mux *m, uint32_t id);

/** For the protocols: `n` bytes of data follow; `s` NULL: for nobody. */
void gost__mux_payload(struct gost_mux *m, struct gost__mux_stream *s, uint32_t n);

/** For the protocols: the peer sends no more on this stream. */
void gost__mux_peer_ends(struct gost__mux_stream *s);

/** For the protocols: more may be sent. */
void gost__mux_set_credit(struct gost__mux_stream *s, int64_t credit);

/** Close streams whose readers stalled while the buffer is full. */
void gost__mux_evict(struct gost_mux *m);

/* --- sending (mux_write.c) ---------------------------------------------------------------- */

/**
 * Room for a control frame, behind all that waits.
 * @param n  bytes, all of which must be written now
 * @return NULL: the session is dead
 */
uint8_t *gost__mux_control(struct gost_mux *m, size_t n);

/** Send what waits, as far as the carrier takes it. */
void gost__mux_flush(struct gost_mux *m);

/** Let those that wait write, each in its turn. */
void gost__mux_serve(struct gost_mux *m);

/**
 * How much a stream may send now. 0: nothing, and its writer is woken when that changes. A session
 * that is dead has room for anything.
 */
size_t gost__mux_room(struct gost__mux_stream *s);

/** Send data of a stream. @return bytes (> 0), GOST_WANT_WRITE, or a negative code with diag */
ssize_t gost__mux_send(struct gost__mux_stream *s, const struct iovec *iov, int count);

/** Send the first data of a stream ahead of all that waits. Failures show in the session. */
void gost__mux_send_first(struct gost__mux_stream *s, const void *p, size_t n);

/** It gives back its turn, if it has one. */
void gost__mux_yield_turn(struct gost__mux_stream *s);

#endif
