/**
 * A ClientHello with a decoy for its server name, as GOST's sni connector makes it: the real name
 * travels encoded (proto/sni_name.h) in an extension of its own, the last one.
 */
#ifndef GOST_CODEC_HELLO_DECOY_H
#define GOST_CODEC_HELLO_DECOY_H

#include "core/codec/slice.h"

#include <stdint.h>
#include <sys/types.h>

enum {
    GOST_HELLO_DECOY_EXTENSION = 0xfffe,
    GOST_HELLO_DECOY_MAX = 24 * 1024, /**< bytes of a new hello at most, with its records' heads */
};

/**
 * Show another name, and append the extension.
 * @param p, n    one whole hello, as gost_client_hello_decode found it
 * @param name    the decoy, up to 255 bytes
 * @param hidden  the extension's body
 * @param[out] out  GOST_HELLO_DECOY_MAX bytes
 * @return bytes written, or GOST_EPROTO: there is no name to replace, or the hello does not end where a
 *         record does
 */
ssize_t gost_hello_disguise(const uint8_t *p, size_t n, struct gost_slice name,
                            struct gost_slice hidden, uint8_t *out);

/** The extension's body; p == NULL when there is none. `room` (GOST_HELLO_DECOY_MAX) keeps it. */
struct gost_slice gost_hello_hidden(const uint8_t *p, size_t n, uint8_t *room);

/**
 * Undo it: show `name`, and take the extension away.
 * @return as gost_hello_disguise. Without its records' heads this is the hello as it was
 */
ssize_t gost_hello_reveal(const uint8_t *p, size_t n, struct gost_slice name, uint8_t *out);

#endif
