/**
 * The heads of smux, yamux and WebSocket frames: the first byte picks one.
 */
#include "core/codec/smux.h"
#include "core/codec/ws_frame.h"
#include "core/codec/yamux.h"
#include "fuzz.h"

/** Unmasking in two pieces gives the text back. */
static void mask(const uint8_t *p, size_t n)
{
    if (n < 6)
        return;
    size_t len = n - 5, cut = p[4] % (len + 1);
    uint8_t *text = malloc(len);
    gost_ws_mask(text, p + 5, len, p, 0);
    gost_ws_mask(text, text, cut, p, 0);
    gost_ws_mask(text + cut, text + cut, len - cut, p, cut);
    REQUIRE(memcmp(text, p + 5, len) == 0);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const uint8_t *p = data + 1;
    size_t n = size - 1;
    switch (data[0] % 5) {
    case 0:
        FUZZ_BOTH(struct gost_smux, gost_smux, p, n, GOST_SMUX_MAX);
        break;
    case 1:
        FUZZ_BOTH(struct gost_smux_update, gost_smux_update, p, n, GOST_SMUX_UPDATE_MAX);
        break;
    case 2:
        FUZZ_BOTH(struct gost_yamux, gost_yamux, p, n, GOST_YAMUX_MAX);
        break;
    case 3:
        FUZZ_BOTH(struct gost_ws_frame, gost_ws_frame, p, n, GOST_WS_FRAME_MAX);
        break;
    default:
        mask(p, n);
    }
    return 0;
}
