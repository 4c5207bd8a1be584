/**
 * What the two ends of SOCKS5 share.
 */
#ifndef GOST_PROTO_SOCKS5_H
#define GOST_PROTO_SOCKS5_H

#include <stdint.h>

/** The reply code that tells a client of this failure to dial. */
uint8_t gost__socks5_code(int rc);

#endif
