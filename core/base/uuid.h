/**
 * UUIDs (RFC 9562) as text and as bytes, and where a tunnel's rule leads.
 */
#ifndef GOST_BASE_UUID_H
#define GOST_BASE_UUID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GOST_UUID_BYTES = 16, GOST_UUID_TEXT = 37 /**< with its NUL */ };

/**
 * Parse the four forms that people write: 8-4-4-4-12 hex digits, the same in braces or behind
 * "urn:uuid:", and 32 hex digits. @return whether it is one
 */
bool gost_uuid_parse(const char *text, size_t n, uint8_t out[GOST_UUID_BYTES]);

/** Write 8-4-4-4-12 lower-case hex digits. @return `out` */
char *gost_uuid_format(const uint8_t id[GOST_UUID_BYTES], char out[GOST_UUID_TEXT]);

/** Make a random one (version 4). */
void gost_uuid_random(uint8_t out[GOST_UUID_BYTES]);

/** Is it all zero: "none"? */
bool gost_uuid_is_nil(const uint8_t id[GOST_UUID_BYTES]);

/** Where a host name leads, by an ingress. */
struct gost_endpoint {
    uint8_t id[GOST_UUID_BYTES]; /**< of the tunnel */
    bool is_private;             /**< not for public visitors */
};

/** Parse "UUID" or "$UUID" (private). @return whether it is one */
bool gost_endpoint_parse(const char *text, size_t n, struct gost_endpoint *out);

#endif
