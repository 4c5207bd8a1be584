/**
 * What the two ends of SOCKS5 share.
 */
#ifndef GOST_PROTO_SOCKS5_H
#define GOST_PROTO_SOCKS5_H

#include "core/net/io.h"
#include "core/transport/tls.h"

/** The reply code that tells a client of this failure to dial. */
uint8_t gost__socks5_code(int rc);

/**
 * The context for GOST's TLS methods, made when the first peer asks for it: the default certificate
 * on the server's side, nothing verified on the client's.
 * @param slot  where it is kept between calls; freed by the owner
 * @return it, borrowed; NULL with diag
 */
struct gost_tls_context *gost__socks5_tls(void **slot, bool server);

/** As gost_io_decode, but the end of the stream is an error. @return 0 or a negative code */
int gost__socks5_receive(struct gost_stream *io, gost_decode_fn decode, void *out, void *room,
                         size_t max, uint64_t deadline);

#endif
