/**
 * What a TLS ClientHello says about its sender and its goal (RFC 8446 section 4.1.2), read from the
 * first bytes of a connection without taking part in the handshake. The hello may be spread over
 * several records.
 */
#ifndef GOST_CODEC_CLIENT_HELLO_H
#define GOST_CODEC_CLIENT_HELLO_H

#include "core/codec/slice.h"

#include <stdint.h>
#include <sys/types.h>

enum {
    GOST_CLIENT_HELLO_MAX = 20480, /**< bytes with the records' heads; longer is GOST_ELIMIT */
    GOST_CLIENT_HELLO_BODY_MAX = 16384,
    GOST_CLIENT_HELLO_CIPHERS = 64,
    GOST_CLIENT_HELLO_VERSIONS = 8,
};

/** All of it copied; lists longer than their array are cut, with the front kept. */
struct gost_client_hello {
    char sni[256];           /**< the server's name as sent; "" when there is none */
    uint16_t legacy_version; /**< the hello's own version field, 0x0303 since TLS 1.2 */
    uint8_t nversions, nciphers;
    uint16_t versions[GOST_CLIENT_HELLO_VERSIONS]; /**< supported_versions, else legacy_version */
    uint16_t ciphers[GOST_CLIENT_HELLO_CIPHERS];
    uint16_t alpn_len;
    uint8_t alpn[256]; /**< length (1), name, … of whole names; see gost_client_hello_next_alpn */
};

/**
 * Decode the first records of a connection.
 * @return bytes up to the end of the hello; 0: incomplete; GOST_EPROTO: this is no ClientHello, or
 *         a malformed one, or a server name with control characters; GOST_ELIMIT
 */
ssize_t gost_client_hello_decode(struct gost_client_hello *out, const uint8_t *p, size_t n);

/**
 * Walk the protocols that ALPN offers.
 * @param at  0 to begin with; moved on
 * @return false when there is none left
 */
bool gost_client_hello_next_alpn(const struct gost_client_hello *h, size_t *at,
                                 struct gost_slice *name);

#endif
