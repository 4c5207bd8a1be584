/**
 * HTTP/1.x heads (RFC 9112): the first line and the fields, up to the empty line.
 *
 * The parser is strict wherever two parsers could see two different messages in the same bytes
 * (request smuggling). It refuses: a lone CR or LF, NUL and other controls, folded lines, blanks in
 * front of a colon, a field without a name, several Host fields in a request, Content-Length that
 * is malformed or repeated with another value, Content-Length together with Transfer-Encoding,
 * "chunked" anywhere but once at the end, Transfer-Encoding in HTTP/1.0.
 */
#ifndef GOST_CODEC_HTTP1_H
#define GOST_CODEC_HTTP1_H

#include "core/base/addr.h"
#include "core/codec/slice.h"

#include <stdint.h>
#include <sys/types.h>

enum {
    GOST_HTTP1_MAX = 65535,     /**< bytes of a head with its empty line; longer is GOST_ELIMIT */
    GOST_HTTP1_FIELDS = 128,    /**< fields of a head; more is GOST_ELIMIT */
    GOST_HTTP1_METHOD_MAX = 32, /**< bytes of a method; longer is GOST_EPROTO */
};

/** Where name and value of a field are, counted from the head's first byte. */
struct gost_http1_field {
    uint16_t name, name_len, value, value_len;
};

/** A parsed head. Everything is borrowed from the input: keep it in place while this is in use. */
struct gost_http1 {
    const char *base;
    struct gost_slice method; /**< requests only */
    struct gost_slice target; /**< requests only, as sent; empty in GOST's "CONNECT  HTTP/1.1" */
    struct gost_slice reason; /**< responses only, may be empty */
    uint16_t status;          /**< 100 to 999; 0 in a request */
    uint8_t minor;            /**< of the version 1.x */
    bool chunked;             /**< Transfer-Encoding ends with "chunked" */
    bool coded;               /**< there is a Transfer-Encoding */
    int64_t content_length;   /**< -1: none */
    uint16_t count;
    struct gost_http1_field field[GOST_HTTP1_FIELDS];
};

/**
 * Parse a head from its first byte on. An empty line in front of a request is skipped.
 * @return bytes consumed with the empty line; 0: incomplete, call again with more; GOST_EPROTO;
 *         GOST_ELIMIT: a limit above; GOST_ENOTSUP: a version other than 1.x
 */
ssize_t gost_http1_request_decode(struct gost_http1 *out, const uint8_t *p, size_t n);
ssize_t gost_http1_response_decode(struct gost_http1 *out, const uint8_t *p, size_t n);

/** Name and value of field `i` (< count); the value without blanks around. */
struct gost_slice gost_http1_name(const struct gost_http1 *h, size_t i);
struct gost_slice gost_http1_value(const struct gost_http1 *h, size_t i);

/**
 * Find a field by name, without case.
 * @param from  index to begin with: 0, or one behind the last find
 * @return its index, or -1
 */
int gost_http1_find(const struct gost_http1 *h, const char *name, size_t from);

/** @return the value of the first field with that name; p == NULL when there is none */
struct gost_slice gost_http1_get(const struct gost_http1 *h, const char *name);

/**
 * Take the next token off a comma-separated list; empty ones are passed over, blanks trimmed.
 * @return false when there is none left
 */
bool gost_http1_next_token(struct gost_slice *list, struct gost_slice *token);

/** Do the fields called `name` list `token` (without case)? */
bool gost_http1_has_token(const struct gost_http1 *h, const char *name, const char *token);

/** Only token characters (RFC 9110 section 5.6.2), at least one: fit for a field name? */
bool gost_http1_is_token(struct gost_slice s);

/** Nothing that could end the line or confuse a reader: fit for a field value? */
bool gost_http1_is_value(struct gost_slice s);

/** Words for a status: "Bad Gateway"; "Status" for one that is not known. Static, never NULL. */
const char *gost_http1_reason(int status);

#endif
