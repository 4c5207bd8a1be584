/**
 * The pump: moves bytes between two connected streams on events alone, until both directions ended.
 *
 * No fiber is needed. Each direction copies through scratch memory and keeps only what the other side
 * could not take. When a direction between two sockets turns out to be bulk, it changes to splice(2)
 * through a pooled pipe, and gives the pipe back when it falls quiet.
 *
 * Half-close is kept: the end of one direction is passed on and the other goes on. Where the protocol
 * on the far side has no half-close, the end of stream[1] (the target) ends both, and after the end of
 * stream[0] (the client) the rest may go on only while bytes keep coming. (Before it gives up it asks
 * once more: the far side may have turned out to have half-closes.) A far side that is closed as a
 * whole (GOST_QUERY_GONE) ends both as soon as what it sent is passed on.
 */
#ifndef GOST_NET_PUMP_H
#define GOST_NET_PUMP_H

#include "core/net/stream.h"
#include "core/runtime/loop.h"

struct gost_pump;

/** A direction: from stream[i] to stream[1 - i]. */
struct gost_flow {
    struct gost_waker waker; /**< reader of the source, writer of the destination */
    struct gost_pipe *pipe;  /**< holds spliced bytes, or NULL */
    uint8_t *kept;           /**< bytes that the destination could not take yet, or NULL */
    uint32_t kept_from, kept_len;
    uint32_t chunk; /**< how much to read at once; grows while both sides keep up */
    uint8_t small;  /**< spliced reads in a row that were not worth it */
    bool untold;    /**< … or not, because it has no half-close */
    bool no_loan;   /**< the source cannot lend what it holds */
    bool blind;     /**< the destination cannot tell what it has room for */
    bool splice;    /**< bulk between sockets: move by splice */
    bool eof;       /**< the source ended */
    bool shut;      /**< and the destination was told */
    bool running;   /**< inside its step */
    uint64_t bytes; /**< moved so far, counted when the destination took them: gost_flow_bytes */
};

/** Bytes that a direction has moved so far; other threads may ask as well. */
static inline uint64_t gost_flow_bytes(const struct gost_flow *f)
{
    return __atomic_load_n(&f->bytes, __ATOMIC_RELAXED);
}

/** What governs a pump; shared by many, must outlive them. All zero: no limits. */
struct gost_pump_rules {
    uint64_t idle_ms; /**< end the pump after so long without a byte in either direction; 0: never */
    /**
     * Ask how much may be moved now, before each read; NULL: no limit.
     * @param arg       gost_pump.rules_arg
     * @param flow      0 or 1
     * @param want      bytes
     * @param[out] when if 0 is granted: when to ask again, absolute
     * @return bytes granted, 0..want
     */
    size_t (*grant)(void *arg, int flow, size_t want, uint64_t *when);
    /** Give back what was granted and not used. */
    void (*give_back)(void *arg, int flow, size_t n);
};

struct gost_pump {
    struct gost_stream *stream[2];
    struct gost_flow flow[2];
    const struct gost_pump_rules *rules;
    void *rules_arg;
    struct gost_timer idle;   /**< coarse: restarted when it fires, not on every byte */
    struct gost_timer resume; /**< a limiter's word */
    struct gost_task task;    /**< the next slice of a busy pump, or its end */
    uint64_t born;            /**< when it started */
    uint64_t last;            /**< when bytes last moved */
    uint64_t idle_ms;         /**< the limit of silence now; 0: none */
    uint64_t patience;        /**< and what it was before `lingering` */
    int rc;                   /**< why it ended: 0 or a negative code */
    int broken;               /**< which side failed, 0 or 1; -1: none */
    bool probing;             /**< the kernel probes silent peers */
    bool answered;            /**< the last bytes went from the target to the client */
    bool lingering;           /**< one side ended and the other cannot be told */
    bool ended;
    /**
     * Both streams are closed, or one failed; called once, from the loop, outside of any stream's
     * code. The streams are closed already (the
     * socket of one whose peer failed may linger, see net/linger.h). May free the pump.
     */
    void (*on_done)(struct gost_pump *self);
};

/**
 * Start to move bytes.
 * @param p      the caller's memory; must live until on_done
 * @param a, b   owned by the pump from now on; both pointers are set to NULL
 * @param rules  or NULL
 */
void gost_pump_start(struct gost_pump *p, struct gost_stream **a, struct gost_stream **b,
                     const struct gost_pump_rules *rules, void *rules_arg,
                     void (*on_done)(struct gost_pump *self));

/** Change the limit of silence of a running pump, in milliseconds; 0: none. */
void gost_pump_set_idle(struct gost_pump *p, uint64_t idle_ms);

/** End it: `rc` becomes p->rc, on_done follows in the next turn. Once ended, more calls do nothing. */
void gost_pump_stop(struct gost_pump *p, int rc);

#endif
