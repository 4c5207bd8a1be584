/**
 * The packet pump: moves datagrams between two packets on events alone, until one ends, the other
 * fails, or both are silent for too long. Addresses pass through as they are.
 *
 * It keeps what one side could not take of one batch, and does not receive from the other
 * meanwhile; whoever is behind loses datagrams where they come in, never in the middle.
 */
#ifndef GOST_NET_PACKET_PUMP_H
#define GOST_NET_PACKET_PUMP_H

#include "core/net/packet.h"
#include "core/runtime/loop.h"

struct gost_packet_pump;

/** A direction: from end[i] to end[1 - i]. */
struct gost_packet_flow {
    struct gost_waker waker; /**< reader of the source, writer of the destination */
    struct gost_kept *kept;  /**< datagrams that are still to be sent, or NULL */
    bool waiting;            /**< they wait for the limiter's leave, not for the destination */
    bool running;            /**< inside its step */
    uint64_t bytes;          /**< sent so far, without what adapters add */
    uint64_t datagrams;
    uint64_t dropped; /**< lost here: too large for the limiter, or memory was out */
};

/** What governs a pump; shared by many, must outlive them. All zero: no limits. */
struct gost_packet_rules {
    /**
     * May a datagram of `n` bytes pass now?
     * @param arg        gost_packet_pump.rules_arg
     * @param flow       0 or 1
     * @param[out] when  if not: when to ask again, absolute; GOST_NEVER: drop it
     */
    bool (*grant)(void *arg, int flow, size_t n, uint64_t *when);
};

struct gost_packet_pump {
    struct gost_packet *end[2];
    struct gost_packet_flow flow[2];
    const struct gost_packet_rules *rules;
    void *rules_arg;
    struct gost_timer idle;   /**< coarse: restarted when it fires, not on every datagram */
    struct gost_timer resume; /**< the limiter's word */
    struct gost_task task;    /**< the next slice of a busy pump, or its end */
    uint64_t last;            /**< when a datagram last moved */
    uint64_t idle_ms;         /**< end after so long without one; 0: never */
    bool once;                /**< see gost_packet_pump_start */
    int rc;                   /**< why it ended: 0 or a negative code; silence is GOST_ETIMEDOUT */
    int broken;               /**< which end failed, 0 or 1; -1: none */
    bool ended;
    /**
     * Called once, from the loop, outside of any packet's code; both are closed already. May free
     * the pump.
     */
    void (*on_done)(struct gost_packet_pump *self);
};

/**
 * Start to move datagrams.
 * @param p      the caller's memory; must live until on_done
 * @param a, b   owned by the pump from now on; both pointers are set to NULL
 * @param rules  or NULL
 * @param idle_ms  end after so long without a datagram; 0: never
 * @param once     end as soon as as many datagrams went to `a` as came from it
 */
void gost_packet_pump_start(struct gost_packet_pump *p, struct gost_packet **a,
                            struct gost_packet **b, const struct gost_packet_rules *rules,
                            void *rules_arg, uint64_t idle_ms, bool once,
                            void (*on_done)(struct gost_packet_pump *self));

/** End it: `rc` becomes p->rc, on_done follows in the next turn. Once ended, more calls do nothing.
 */
void gost_packet_pump_stop(struct gost_packet_pump *p, int rc);

#endif
