#include "core/proto/sni_name.h"

#include "core/base/text.h"
#include "core/codec/bytes.h"

#include <stdint.h>

static uint32_t crc32_of(const void *p, size_t n)
{
    uint32_t crc = 0xffffffff;
    for (const uint8_t *c = p; n > 0; c++, n--) {
        crc ^= *c;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0xedb88320 & -(crc & 1));
    }
    return ~crc;
}

/* The URL alphabet, without padding. */
static size_t base64url(char *out, const void *data, size_t n)
{
    size_t len = gost_base64_encode(out, data, n);
    while (len > 0 && out[len - 1] == '=')
        len--;
    out[len] = 0;
    for (size_t i = 0; i < len; i++)
        out[i] = out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i];
    return len;
}

size_t gost__sni_name_encode(char *buf, size_t cap, struct gost_slice name)
{
    uint8_t inner[4 + 344];
    if (name.n == 0 || name.n > 255 || cap < GOST__SNI_NAME_MAX)
        return 0;
    gost__put32(inner, crc32_of(name.p, name.n));
    size_t n = base64url((char *)inner + 4, name.p, name.n);
    return base64url(buf, inner, 4 + n);
}

bool gost__sni_name_decode(char *buf, size_t cap, struct gost_slice text)
{
    char inner[GOST__SNI_NAME_MAX], name[GOST__SNI_NAME_MAX];
    if (text.n >= GOST__SNI_NAME_MAX)
        return false;
    long n = gost_base64_decode(inner, text.p, text.n);
    if (n <= 4)
        return false;
    long len = gost_base64_decode(name, inner + 4, (size_t)n - 4);
    if (len <= 0 || crc32_of(name, (size_t)len) != gost__get32((uint8_t *)inner))
        return false;
    return gost_slice_copy((struct gost_slice){name, (size_t)len}, buf, cap);
}
