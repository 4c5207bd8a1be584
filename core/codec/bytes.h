/**
 * Numbers in wire order, for the codecs. Pointers need no alignment.
 */
#ifndef GOST_CODEC_BYTES_H
#define GOST_CODEC_BYTES_H

#include <stdint.h>
#include <string.h>

static inline uint16_t gost__get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t gost__get24(const uint8_t *p)
{
    return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static inline uint32_t gost__get32(const uint8_t *p)
{
    return (uint32_t)gost__get16(p) << 16 | gost__get16(p + 2);
}

static inline uint64_t gost__get64(const uint8_t *p)
{
    return (uint64_t)gost__get32(p) << 32 | gost__get32(p + 4);
}

static inline void gost__put16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void gost__put32(uint8_t *p, uint32_t v)
{
    gost__put16(p, (uint16_t)(v >> 16));
    gost__put16(p + 2, (uint16_t)v);
}

static inline void gost__put64(uint8_t *p, uint64_t v)
{
    gost__put32(p, (uint32_t)(v >> 32));
    gost__put32(p + 4, (uint32_t)v);
}

/* smux alone counts from the little end */

static inline uint16_t gost__get16le(const uint8_t *p)
{
    return (uint16_t)(p[1] << 8 | p[0]);
}

static inline uint32_t gost__get32le(const uint8_t *p)
{
    return (uint32_t)gost__get16le(p + 2) << 16 | gost__get16le(p);
}

static inline void gost__put16le(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static inline void gost__put32le(uint8_t *p, uint32_t v)
{
    gost__put16le(p, (uint16_t)v);
    gost__put16le(p + 2, (uint16_t)(v >> 16));
}

#endif
