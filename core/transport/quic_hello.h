/**
 * The ClientHello in a client's first QUIC datagrams (RFC 9000, RFC 9001 section 5, RFC 9369), read
 * without taking part: Initial packets are encrypted with keys that everybody on the way can derive.
 */
#ifndef GOST_TRANSPORT_QUIC_HELLO_H
#define GOST_TRANSPORT_QUIC_HELLO_H

#include "core/codec/client_hello.h"

enum { GOST__QUIC_HELLO_MAX = 8192 }; /**< bytes of a hello; longer ones are not understood */

/** What came of the hello so far, in any order; zeroed: nothing. Too big for a fiber's stack. */
struct gost__quic_hello {
    uint8_t bytes[5 + GOST__QUIC_HELLO_MAX]; /**< behind room for a record's head */
    uint8_t have[GOST__QUIC_HELLO_MAX / 8];  /**< a bit for each byte that is there */
};

/**
 * Take one datagram of the client: QUIC version 1, 2 or draft 29.
 * @param[out] out  set when all of the hello is there
 * @return 1: it is; 0: more datagrams are needed; GOST_EPROTO (with diag): this is not the beginning of
 *         a QUIC connection, or none that can be understood; GOST_ENOMEM
 */
int gost__quic_hello_take(struct gost__quic_hello *h, const uint8_t *p, size_t n,
                          struct gost_client_hello *out);

#endif
