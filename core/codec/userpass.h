/**
 * A user name and a password as the wire carries them: "01 ulen user plen pass" in RFC 1929, the
 * same without the first byte in relay, base64 of "user:pass" in HTTP (RFC 7617).
 */
#ifndef GOST_CODEC_USERPASS_H
#define GOST_CODEC_USERPASS_H

#include "core/codec/slice.h"

#include <stdint.h>
#include <sys/types.h>

enum { GOST_USERPASS_MAX = 1 + 255 + 1 + 255 };

/** Both may be empty. A NUL inside of either is refused by the decoders. */
struct gost_userpass {
    char user[256];
    char password[256];
};

/**
 * Decode "ulen user plen pass".
 * @return bytes consumed; 0: incomplete; GOST_EPROTO: a NUL inside
 */
ssize_t gost_userpass_decode(struct gost_userpass *out, const uint8_t *p, size_t n);

/** @return bytes written, 0 when they do not fit */
size_t gost_userpass_encode(uint8_t *buf, size_t cap, const struct gost_userpass *in);

/**
 * Decode the value of an Authorization or Proxy-Authorization header. The word "Basic" is taken in
 * any case.
 * @return 0; GOST_EAUTH when the scheme is another one, the base64 is broken, there is no colon, or
 *         a part is over 255 bytes or has a NUL
 */
int gost_userpass_from_basic(struct gost_userpass *out, struct gost_slice value);

enum { GOST_BASIC_MAX = 6 + (255 + 1 + 255 + 2) / 3 * 4 + 1 };

/**
 * Write "Basic <base64>".
 * @param buf  at least GOST_BASIC_MAX bytes; NUL-terminated
 * @return length of the text
 */
size_t gost_userpass_to_basic(char *buf, const struct gost_userpass *in);

#endif
