/**
 * Helpers of the fuzz targets.
 */
#ifndef GOST_SPEC_FUZZ_H
#define GOST_SPEC_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** Stop with the condition when it does not hold; the fuzzer then keeps the input. */
#define REQUIRE(cond)                                                                              \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: REQUIRE(%s)\n", __FILE__, __LINE__, #cond);                    \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

typedef ssize_t fuzz_decoder(void *out, const uint8_t *p, size_t n);
typedef size_t fuzz_encoder(uint8_t *buf, size_t cap, const void *in);

/**
 * What holds for every decoder: it consumes no more than there is, a prefix is incomplete unless it
 * is wrong, and a wrong prefix stays wrong. One prefix a run is tried, which the input chooses.
 */
static inline ssize_t fuzz_decode(fuzz_decoder *decode, void *out, void *spare, const uint8_t *p,
                                  size_t n)
{
    ssize_t rc = decode(out, p, n);
    REQUIRE(rc <= (ssize_t)n);
    size_t whole = rc > 0 ? (size_t)rc : n;
    size_t cut = whole == 0 ? 0 : (p[n / 2] * 131u + p[n - 1]) % whole;
    uint8_t *prefix = malloc(cut + 1);
    memcpy(prefix, p, cut);
    ssize_t early = decode(spare, prefix, cut);
    free(prefix);
    REQUIRE(early <= 0);
    REQUIRE(early == 0 || rc < 0);
    return rc;
}

/**
 * Encode what was decoded, decode and encode that again: both encodings must be the same. (The
 * first need not equal the input, because decoders accept more than encoders write.)
 * @param max  bytes that any encoding fits in
 */
static inline void fuzz_round_trip(fuzz_decoder *decode, fuzz_encoder *encode, const void *decoded,
                                   void *spare, size_t max)
{
    uint8_t *first = malloc(max), *second = malloc(max);
    size_t n = encode(first, max, decoded);
    REQUIRE(n > 0 && n <= max);
    REQUIRE(decode(spare, first, n) == (ssize_t)n);
    REQUIRE(encode(second, max, spare) == n);
    REQUIRE(memcmp(first, second, n) == 0);
    REQUIRE(encode(second, n - 1, spare) == 0);
    free(first);
    free(second);
}

#define FUZZ_DECODE(fn, out, spare, p, n)                                                          \
    fuzz_decode((fuzz_decoder *)(void *)(fn), (out), (spare), (p), (n))
#define FUZZ_ROUND_TRIP(dec, enc, decoded, spare, max)                                             \
    fuzz_round_trip((fuzz_decoder *)(void *)(dec), (fuzz_encoder *)(void *)(enc), (decoded),       \
                    (spare), (max))

/** Decode, and when something was decoded take it through a round trip. */
#define FUZZ_BOTH(type, name, p, n, max)                                                           \
    do {                                                                                           \
        static type out_, spare_;                                                                  \
        if (FUZZ_DECODE(name##_decode, &out_, &spare_, (p), (n)) > 0)                              \
            FUZZ_ROUND_TRIP(name##_decode, name##_encode, &out_, &spare_, (max));                  \
    } while (0)

#endif
