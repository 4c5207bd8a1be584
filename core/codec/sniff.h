/**
 * Which protocol do the first bytes of a connection speak?
 */
#ifndef GOST_CODEC_SNIFF_H
#define GOST_CODEC_SNIFF_H

#include <stddef.h>
#include <stdint.h>

enum gost_sniff {
    GOST_SNIFF_MORE,    /**< cannot tell yet; never with GOST_SNIFF_MAX bytes or more */
    GOST_SNIFF_UNKNOWN, /**< none of these */
    GOST_SNIFF_HTTP,    /**< a request of HTTP/1, or the preface of HTTP/2 */
    GOST_SNIFF_TLS,     /**< a handshake record; client_hello.h tells more */
    GOST_SNIFF_SSH,
    GOST_SNIFF_REDIS,
    GOST_SNIFF_SOCKS4,
    GOST_SNIFF_SOCKS5,
};

enum { GOST_SNIFF_MAX = 5 };

enum gost_sniff gost_sniff(const uint8_t *p, size_t n);

/** "http", "tls" …; "" for MORE and UNKNOWN. Static. */
const char *gost_sniff_name(enum gost_sniff protocol);

#endif
