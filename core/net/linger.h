/**
 * The reaper of streams that have said their last word but whose peer may still be sending.
 *
 * Closing a socket with unread input makes the kernel send a reset, which may destroy what was
 * written just before: an error reply, the end of a response. The reaper writes out what the layers
 * hold, ends the outgoing direction, and reads and discards until the peer ends too, before it closes.
 * It runs on events alone: a canceled fiber can hand its stream over as well.
 */
#ifndef GOST_NET_LINGER_H
#define GOST_NET_LINGER_H

#include "core/net/stream.h"

enum {
    GOST_LINGER_MS = 1000,         /**< it closes after so long at the latest … */
    GOST_LINGER_BYTES = 64 * 1024, /**< … or after reading so much */
    GOST_LINGER_MAX = 1024         /**< streams per worker; beyond that they are closed at once */
};

/**
 * Flush, shut down, discard, close. Does not suspend.
 * @param s  owned by the reaper from now on; set to NULL. NULL inside is fine. Its layers may live
 *           on for GOST_LINGER_MS, so they must not borrow from the connection.
 */
void gost_stream_linger(struct gost_stream **s);

/** Like gost_stream_linger, but the layers are closed at once and only the socket at the bottom stays. */
void gost_stream_linger_bare(struct gost_stream **s);

/** @return streams of this thread that still linger */
size_t gost_linger_count(void);

/** Close all lingering streams of this thread at once, before its loop ends. */
void gost_linger_cleanup(void);

#endif
