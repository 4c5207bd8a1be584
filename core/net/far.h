/**
 * Ways that another worker has: a stream tied to its loop (of a multiplexer's session, say), for a
 * connection of this worker.
 *
 * Either the connection's own stream goes over there, where a pump joins the two as any other, or,
 * where it cannot, the way is brought here through a socketpair. What belongs to the connection (its
 * counters, limits, hooks, its end) stays here in both cases.
 *
 * A far belongs to the thread that asked; messages take it to the other worker and back.
 */
#ifndef GOST_NET_FAR_H
#define GOST_NET_FAR_H

#include "core/net/stream.h"

struct gost_far;

/** What to do over there. The first member of its own allocation, made with malloc. */
struct gost_far_ask {
    /**
     * Runs on the other worker's loop; must not suspend.
     * @param[out] out  its own stream
     * @return 0 or a negative code with diag
     */
    int (*open)(struct gost_far_ask *ask, struct gost_stream **out);
    void (*drop)(struct gost_far_ask *ask); /**< frees it; on any thread, exactly once */
};

/**
 * Let worker `there` open a way. Suspends.
 * @param ask       owned from now on, also on failure
 * @param deadline  absolute
 * @param[out] out  the way, to be pumped with or deleted
 * @return 0, GOST_ENONODE when that worker is gone, or another negative code, with diag
 */
int gost_far_open(int there, struct gost_far_ask *ask, uint64_t deadline, struct gost_far **out);

/** The same, with the way brought here. @param[out] out  an ordinary stream */
int gost_far_bridge(int there, struct gost_far_ask *ask, uint64_t deadline,
                    struct gost_stream **out);

/**
 * Let the other worker pump between `*client` and the way.
 * @param client   movable (gost_stream_is_movable), nobody waits on it; owned over there from now on,
 *                 and set to NULL; on failure detached, and still the caller's to close
 * @param idle_ms  end it after so long without a byte; 0: never
 * @param on_done  called here, from the loop, once; may delete the far
 * @return 0, or GOST_ENONODE when that worker is gone (on_done is not called)
 */
int gost_far_pump(struct gost_far *f, struct gost_stream **client, uint64_t idle_ms,
                  void (*on_done)(struct gost_far *f, void *user), void *user);

/** End its pump soon; `rc` is what it will say. */
void gost_far_stop(struct gost_far *f, int rc);

/** Bytes so far: from the client, to it. */
void gost_far_bytes(const struct gost_far *f, uint64_t *in, uint64_t *out);

/** After its end: why, and which side broke (see gost_pump). */
int gost_far_result(const struct gost_far *f, int *broken);

/** Let go of it, not while it is pumping. A way that nobody used is closed. NULL is fine. */
void gost_far_delete(struct gost_far *f);

/** What other workers have on this thread: pumps, bridges and ways that wait. */
size_t gost_far_count(void);

/** End all of these, before the loop ends. */
void gost_far_stop_all(void);

#endif
