/**
 * Proxy URLs and the absolute form of HTTP targets:
 * scheme://user:password@host:port/path?query#fragment
 */
#ifndef GOST_CODEC_URL_H
#define GOST_CODEC_URL_H

#include "core/codec/slice.h"
#include "core/codec/userpass.h"

#include <sys/types.h>

/** The parts as written: borrowed, still percent-encoded. Parts that are absent have p == NULL. */
struct gost_url {
    struct gost_slice scheme;   /**< "socks5", "http+tls"; absent in "host:port" */
    struct gost_slice user;     /**< before the first ':' in front of the last '@' */
    struct gost_slice password; /**< behind it */
    struct gost_slice host;     /**< "host:port" as written, for gost_addr_parse; may be empty */
    struct gost_slice path;     /**< with its '/' */
    struct gost_slice query;    /**< without the '?' */
    struct gost_slice fragment; /**< without the '#' */
};

/**
 * Take a URL apart. The scheme and its "://" may be missing.
 * @return 0, or GOST_ECONFIG (with diag): a scheme with wrong characters; blanks, controls anywhere
 */
int gost_url_parse(struct gost_url *out, const char *text, size_t n);

/**
 * Undo percent-encoding of user and password; absent ones become "".
 * @return 0, or GOST_ECONFIG: a broken escape, over 255 bytes, a NUL
 */
int gost_url_userpass(struct gost_userpass *out, const struct gost_url *url);

/**
 * Take the next "key=value" off a query, which starts as a copy of gost_url.query. Both stay
 * encoded; a key alone has an absent value. Empty pieces ("&&") are passed over.
 * @return false when there is none left
 */
bool gost_url_next_param(struct gost_slice *query, struct gost_slice *key, struct gost_slice *value);

enum gost_url_part {
    GOST_URL_PLAIN, /**< '+' is a plus */
    GOST_URL_QUERY, /**< '+' is a blank */
};

/**
 * Undo percent-encoding.
 * @param buf  gets the text and a NUL; s.n + 1 bytes are always enough; may not overlap `s`
 * @return length of the text, which may have NULs inside; -1: a broken escape; does not fit
 */
ssize_t gost_url_unescape(char *buf, size_t cap, struct gost_slice s, enum gost_url_part part);

/**
 * Escape everything but letters, digits and "-._~", good for any part.
 * @param buf  gets the text and a NUL; 3 * s.n + 1 bytes are always enough
 * @return length of the text, -1 when it does not fit
 */
ssize_t gost_url_escape(char *buf, size_t cap, struct gost_slice s);

#endif
