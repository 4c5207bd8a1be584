/**
 * The PROXY protocol, versions 1 (a line of text) and 2 (binary): who is really talking, told at
 * the start of a connection by the proxy in between.
 */
#ifndef GOST_CODEC_PROXY_HEADER_H
#define GOST_CODEC_PROXY_HEADER_H

#include "core/base/addr.h"

#include <sys/types.h>

struct gost_proxy_header {
    uint8_t version; /**< 1 or 2 */
    bool local;    /**< LOCAL, UNKNOWN, UNSPEC: it names nobody; the socket's addresses are right */
    bool datagram; /**< version 2: the client speaks UDP (or Unix datagrams) */
    union gost_sockaddr src, dst; /**< set unless `local`; both of the same family */
};

enum {
    GOST_PROXY_HEADER_V1_MAX = 107,
    GOST_PROXY_HEADER_MAX = 4096, /**< of version 2 with its TLVs; longer is GOST_ELIMIT */
    GOST_PROXY_HEADER_ENCODED_MAX = 16 + 216,
};

/** @return 1: this is the start of a header; 0: more bytes are needed to tell; -1: it is none */
int gost_proxy_header_detect(const uint8_t *p, size_t n);

/**
 * Decode a header of either version; TLVs are skipped. Only take it from peers that are trusted.
 * @return bytes consumed; 0: incomplete; GOST_EPROTO (also for bytes that are no header);
 *         GOST_ELIMIT
 */
ssize_t gost_proxy_header_decode(struct gost_proxy_header *out, const uint8_t *p, size_t n);

/**
 * Encode. Mapped IPv4 counts as IPv4. A destination of family 0 is written as zeros. Addresses of
 * two families, and in version 1 anything but TCP over IP, give UNKNOWN or LOCAL.
 * @return bytes written; 0 when they do not fit
 */
size_t gost_proxy_header_encode(uint8_t *buf, size_t cap, const struct gost_proxy_header *in);

#endif
