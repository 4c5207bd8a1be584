/**
 * SOCKS4 and 4a messages. Decoders: bytes consumed, 0 incomplete, GOST_EPROTO. Encoders: bytes
 * written, 0 when they do not fit.
 */
#ifndef GOST_CODEC_SOCKS4_H
#define GOST_CODEC_SOCKS4_H

#include "core/base/addr.h"

#include <sys/types.h>

enum gost_socks4_command {
    GOST_SOCKS4_CONNECT = 1,
    GOST_SOCKS4_BIND = 2,
};

enum gost_socks4_code {
    GOST_SOCKS4_GRANTED = 90,
    GOST_SOCKS4_FAILED = 91,
    GOST_SOCKS4_REJECTED = 92,
    GOST_SOCKS4_BAD_USER = 93,
};

/** 04 command port address userid 00; with address 0.0.0.x a host name and another 00 follow. */
struct gost_socks4_request {
    uint8_t command;       /**< CONNECT or BIND; others are refused by the decoder */
    struct gost_addr addr; /**< an IPv4 literal, or the name that a 4a request carries */
    char user[256];
};
enum { GOST_SOCKS4_REQUEST_MAX = 8 + 256 + 256 };

ssize_t gost_socks4_request_decode(struct gost_socks4_request *out, const uint8_t *p, size_t n);

/** An IPv4 literal goes out in the plain form, anything else in the 4a form. */
size_t gost_socks4_request_encode(uint8_t *buf, size_t cap, const struct gost_socks4_request *in);

/** 00 code, port and address (both ignored when decoded, zero when encoded). */
struct gost_socks4_reply {
    uint8_t code;
};
enum { GOST_SOCKS4_REPLY_MAX = 8 };

ssize_t gost_socks4_reply_decode(struct gost_socks4_reply *out, const uint8_t *p, size_t n);
size_t gost_socks4_reply_encode(uint8_t *buf, size_t cap, const struct gost_socks4_reply *in);

#endif
