/**
 * What the tests of the multiplexer share: a session that collects its streams, two of them over
 * some carrier, and one against bytes written by hand.
 */
#ifndef GOST_SPEC_MUX_SUPPORT_H
#define GOST_SPEC_MUX_SUPPORT_H

#include "core/transport/mux.h"
#include "core/transport/mux_int.h"
#include "spec/c/net_support.h"

enum { MUX_STREAMS = 70000 };

/* One side: its session and what it heard. */
struct mux_side {
    struct gost_mux *mux;
    struct gost_stream *stream[MUX_STREAMS]; /* those that the peer opened, in order */
    size_t streams;
    unsigned idle, ended;
    int rc;
    char story[GOST_DIAG_MAX];
};

static NET_UNUSED void mux_on_stream(struct gost_mux *m, struct gost_stream **s)
{
    struct mux_side *side = gost_mux_user(m);
    side->stream[side->streams++] = *s;
    *s = NULL;
}

static NET_UNUSED void mux_on_idle(struct gost_mux *m)
{
    ((struct mux_side *)gost_mux_user(m))->idle++;
}

static NET_UNUSED void mux_on_end(struct gost_mux *m)
{
    struct mux_side *side = gost_mux_user(m);
    side->ended++;
    side->rc = gost_mux_error(m);
    strcpy(side->story, gost_diag_text(side->rc));
    side->mux = NULL;
    gost_mux_close(m);
}

static const struct gost_mux_events mux_events = {mux_on_stream, mux_on_idle, mux_on_end};

static const struct gost_mux_options mux_smux1 = {.version = 1}, mux_smux2 = {.version = 2},
                                     mux_yamux = {.type = GOST_MUX_YAMUX};

/* Too large for a fiber's stack. */
static NET_UNUSED struct mux_side *mux_side_new(struct gost_stream *io,
                                                const struct gost_mux_options *o, bool client)
{
    struct mux_side *side = calloc(1, sizeof(*side));
    CHECK_INT(gost_mux_new(&io, o, client, &mux_events, side, &side->mux), 0);
    CHECK(io == NULL);
    return side;
}

/* Close the session and the streams that the test did not take. */
static NET_UNUSED void mux_side_delete(struct mux_side *side)
{
    for (size_t i = 0; i < side->streams; i++)
        gost_stream_close(side->stream[i]);
    if (side->mux)
        gost_mux_close(side->mux);
    free(side);
}

/* Take a stream that the peer opened. */
static NET_UNUSED struct gost_stream *mux_taken(struct mux_side *side, size_t i)
{
    struct gost_stream *s = side->stream[i];
    side->stream[i] = NULL;
    return s;
}

static NET_UNUSED struct gost_stream *mux_opened(struct mux_side *side)
{
    struct gost_stream *s = NULL;
    CHECK_INT(gost_mux_open(side->mux, &s), 0);
    return s;
}

/* A pair of sockets as streams. */
static NET_UNUSED void mux_tcp_pair(struct gost_stream **a, struct gost_stream **b)
{
    int fd[2];
    net_tcp_pair(fd);
    CHECK_INT(gost_socket_wrap(fd[0], a), 0);
    CHECK_INT(gost_socket_wrap(fd[1], b), 0);
}

/* --- bytes by hand ------------------------------------------------------------------------ */

/* Hex digits to bytes; blanks are skipped. @return how many */
static NET_UNUSED size_t mux_hex(const char *hex, uint8_t *to)
{
    size_t n = 0;
    unsigned byte;
    for (; *hex; hex++) {
        if (*hex == ' ')
            continue;
        CHECK_INT(sscanf(hex, "%2x", &byte), 1);
        to[n++] = (uint8_t)byte;
        hex++;
    }
    return n;
}

static NET_UNUSED void mux_feed(struct gost_stream *raw, const char *hex)
{
    uint8_t bytes[512];
    size_t n = mux_hex(hex, bytes);
    CHECK_INT(gost_io_write(raw, bytes, n, gost_now() + NET_PATIENCE_MS), 0);
}

static NET_UNUSED bool mux_reads(struct gost_stream *raw, const char *hex)
{
    uint8_t want[512], got[512];
    size_t n = mux_hex(hex, want);
    int rc = gost_io_read_exact(raw, got, n, gost_now() + NET_PATIENCE_MS);
    bool same = rc == 0 && memcmp(want, got, n) == 0;
    if (rc != 0)
        fprintf(stderr, "%s\n", gost_diag_text(rc));
    for (size_t i = 0; rc == 0 && !same && i < n; i++)
        fprintf(stderr, "%02x%s", got[i], i + 1 < n ? "" : " came\n");
    return same;
}

/* The very next bytes must be these. */
#define MUX_EXPECT(raw, hex) CHECK(mux_reads(raw, hex))

/* Nothing more may come: the loop turns a few times. */
static NET_UNUSED void mux_silent(struct gost_stream *raw)
{
    uint8_t byte;
    for (int i = 0; i < 5; i++)
        gost_fiber_sleep(1);
    CHECK_INT(gost_stream_read(raw, &byte, 1), GOST_WANT_READ);
}

static NET_UNUSED struct gost__mux_stream *mux_inside(struct gost_stream *s)
{
    return gost_container_of(s, struct gost__mux_stream, base);
}

#endif
