/**
 * What the files of gost.Stream share: fibers that are inside a call on a stream.
 */
#ifndef GOST_BINDINGS_STREAM_INT_H
#define GOST_BINDINGS_STREAM_INT_H

#include "bindings/lib.h"

enum gostL_use_mode { GOSTL_READING, GOSTL_WRITING };

/** A fiber's stay inside a call on a stream; lies on its C stack. */
struct gostL_use {
    struct gost_stream *stream;
    struct gost_fiber *fiber;
    enum gostL_use_mode mode;
    bool closed;    /**< somebody closed the stream meanwhile; the last user frees it */
    uint64_t limit; /**< of the fiber, to be put back then */
    struct gostL_use *next;
};

/** Raises when another fiber reads (or writes) it already. */
void gostL_use_begin(lua_State *L, struct gostL_use *u, struct gost_stream *s,
                     enum gostL_use_mode mode);

/** @return rc, or GOST_ECANCELED when the stream was closed under the call */
long gostL_use_end(struct gostL_use *u, long rc);

#endif
