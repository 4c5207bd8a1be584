/**
 * How GOST hides a host name behind a decoy: base64url of (CRC-32 of the name, base64url of the
 * name).
 */
#ifndef GOST_PROTO_SNI_NAME_H
#define GOST_PROTO_SNI_NAME_H

#include "core/codec/slice.h"

enum { GOST__SNI_NAME_MAX = 512 }; /**< bytes of an encoded name of up to 255 bytes, with its NUL */

/**
 * @param buf  gets the encoded name and a NUL
 * @return its length, 0 when the name is over 255 bytes or does not fit
 */
size_t gost__sni_name_encode(char *buf, size_t cap, struct gost_slice name);

/** @return true, with the name in `buf`; false when it is malformed or its checksum is wrong */
bool gost__sni_name_decode(char *buf, size_t cap, struct gost_slice text);

#endif
