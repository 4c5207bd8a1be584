/**
 * What follows an HTTP/1.x head: how the body is framed (RFC 9112 section 6), whether the
 * connection outlives it (section 9.3), and whom a request's target means (section 3.2).
 */
#ifndef GOST_CODEC_HTTP1_BODY_H
#define GOST_CODEC_HTTP1_BODY_H

#include "core/codec/http1.h"

enum gost_http1_framing {
    GOST_HTTP1_NO_BODY,
    GOST_HTTP1_LENGTH,      /**< `length` bytes, more than 0 */
    GOST_HTTP1_CHUNKED,     /**< see chunked.h */
    GOST_HTTP1_UNTIL_CLOSE, /**< responses only: until the stream ends */
};

struct gost_http1_body {
    enum gost_http1_framing framing;
    uint64_t length; /**< for LENGTH, else 0 */
};

struct gost_http1_body gost_http1_request_body(const struct gost_http1 *request);

/**
 * @param method  of the request that is answered: HEAD has no body, a CONNECT that succeeded is no
 *                HTTP any more (NO_BODY, as is 101)
 */
struct gost_http1_body gost_http1_response_body(const struct gost_http1 *response,
                                                struct gost_slice method);

/**
 * May the connection carry another message after this one? By version and Connection, or
 * Proxy-Connection where there is no Connection. A body until close rules it out as well; the
 * caller knows that.
 */
bool gost_http1_keepalive(const struct gost_http1 *h);

/** Whom a request is for. */
struct gost_http1_target {
    struct gost_slice scheme; /**< absolute form only, else absent */
    struct gost_addr addr;    /**< host without brackets */
    struct gost_slice path;   /**< path and query, borrowed; may be empty, or begin with '?' */
};

/**
 * Take the absolute form apart: "http://user@host:port/path?query". User info is passed over, a
 * fragment cut off.
 * @param default_port  used when the target has none; 0: 443 for https and wss, else 80
 * @return 0 or GOST_EPROTO: no scheme, no host, a malformed port
 */
int gost_http1_absolute(struct gost_http1_target *out, struct gost_slice target,
                        uint16_t default_port);

/**
 * Parse "host:port", the authority form and the value of Host.
 * @return 0 or GOST_EPROTO: empty, a malformed port, characters that no host has ("/?#@", blanks)
 */
int gost_http1_authority(struct gost_addr *out, struct gost_slice text, uint16_t default_port);

#endif
