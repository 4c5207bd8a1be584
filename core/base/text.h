/**
 * Small helpers on text: durations, sizes, base64, constant-time comparison.
 */
#ifndef GOST_BASE_TEXT_H
#define GOST_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * Parse a duration in Go notation: "300ms", "1h30m", "1.5s" (units ns us ms s m h); a bare number
 * counts seconds.
 * @param[out] ns  nanoseconds, may be negative
 * @return true, or false when `text` is none
 */
bool gost_parse_duration(const char *text, int64_t *ns);

/**
 * Parse a size: "64KB", "1.5MiB", "1MB512KB" (B KB MB GB TB PB EB, with or without i; powers of
 * 1024) or a bare number of bytes.
 */
bool gost_parse_size(const char *text, uint64_t *bytes);

/** Parse a whole decimal number with optional sign; false on anything else or on overflow. */
bool gost_parse_int(const char *text, int64_t *value);

/** Go's words for booleans, and yes/no/on/off: true, 1, t, yes, on … in any case. */
bool gost_parse_bool(const char *text, bool *value);

/**
 * Compare secrets in time that depends on the length of `given` only.
 * @return true when both are equal
 */
bool gost_secret_equal(const char *given, size_t given_len, const char *secret, size_t secret_len);

/**
 * Encode with padding (RFC 4648 section 4).
 * @param out  at least (n + 2) / 3 * 4 + 1 bytes; NUL-terminated
 * @return length of the text
 */
size_t gost_base64_encode(char *out, const void *data, size_t n);

/**
 * Decode the standard or the URL alphabet, padded or not.
 * @param out  at least n / 4 * 3 + 3 bytes
 * @return bytes written, or -1 when the text is no base64
 */
long gost_base64_decode(void *out, const char *text, size_t n);

#endif
