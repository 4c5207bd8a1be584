/**
 * smux frames, versions 1 and 2. The only little-endian format of all.
 */
#ifndef GOST_CODEC_SMUX_H
#define GOST_CODEC_SMUX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum gost_smux_command {
    GOST_SMUX_SYN = 0, /**< open a stream */
    GOST_SMUX_FIN = 1, /**< the whole stream is closed, both ways */
    GOST_SMUX_PSH = 2, /**< data; the only command whose length counts bytes to be read */
    GOST_SMUX_NOP = 3, /**< keepalive; ours may have a stream number, see GOST_SMUX_HALVES */
    GOST_SMUX_UPD = 4, /**< a window report: 8 bytes follow, whatever the length says */
};

/** The head of a frame: version, command, length (2), stream (4). */
struct gost_smux {
    uint8_t version; /**< 1 or 2 */
    uint8_t command;
    uint16_t length; /**< of the payload behind it */
    uint32_t stream;
};
enum { GOST_SMUX_MAX = 8 };

/** @return 8; 0: incomplete; GOST_EPROTO: unknown version or command */
ssize_t gost_smux_decode(struct gost_smux *out, const uint8_t *p, size_t n);

/** @return 8; 0 when it does not fit */
size_t gost_smux_encode(uint8_t *buf, size_t cap, const struct gost_smux *in);

/**
 * smux cannot end one direction of a stream alone. Every peer ignores the stream number of a NOP,
 * which is 0, so among ourselves a NOP with another one says "I send no more on this stream", and
 * whoever gets the first of them answers with this number: "understood".
 */
#define GOST_SMUX_HALVES UINT32_C(0x666c6168)

/** The payload of UPD. */
struct gost_smux_update {
    uint32_t consumed; /**< bytes that its sender has read from the stream so far, modulo 2^32 */
    uint32_t window;   /**< its buffer for one stream */
};
enum { GOST_SMUX_UPDATE_MAX = 8 };

ssize_t gost_smux_update_decode(struct gost_smux_update *out, const uint8_t *p, size_t n);
size_t gost_smux_update_encode(uint8_t *buf, size_t cap, const struct gost_smux_update *in);

#endif
