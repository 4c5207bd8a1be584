#include "core/base/uuid.h"

#include <string.h>
#include <strings.h>
#include <sys/random.h>

static int digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

bool gost_uuid_parse(const char *text, size_t n, uint8_t out[GOST_UUID_BYTES])
{
    static const char urn[] = "urn:uuid:";
    if (n == 45 && strncasecmp(text, urn, 9) == 0) {
        text += 9;
        n -= 9;
    } else if (n == 38 && text[0] == '{' && text[37] == '}') {
        text++;
        n -= 2;
    }
    if (n != 36 && n != 32)
        return false;
    for (size_t i = 0, at = 0; i < GOST_UUID_BYTES; i++, at += 2) {
        bool dash = n == 36 && (i == 4 || i == 6 || i == 8 || i == 10);
        if (dash && text[at++] != '-')
            return false;
        int high = digit(text[at]), low = digit(text[at + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

char *gost_uuid_format(const uint8_t id[GOST_UUID_BYTES], char out[GOST_UUID_TEXT])
{
    static const char hex[] = "0123456789abcdef";
    char *p = out;
    for (size_t i = 0; i < GOST_UUID_BYTES; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = hex[id[i] >> 4];
        *p++ = hex[id[i] & 15];
    }
    *p = '\0';
    return out;
}

void gost_uuid_random(uint8_t out[GOST_UUID_BYTES])
{
    size_t have = 0;
    while (have < GOST_UUID_BYTES) { /* cannot fail for so few bytes, but may be interrupted */
        ssize_t n = getrandom(out + have, GOST_UUID_BYTES - have, 0);
        have += n > 0 ? (size_t)n : 0;
    }
    out[6] = (uint8_t)((out[6] & 0x0f) | 0x40);
    out[8] = (uint8_t)((out[8] & 0x3f) | 0x80);
}

bool gost_uuid_is_nil(const uint8_t id[GOST_UUID_BYTES])
{
    static const uint8_t nil[GOST_UUID_BYTES];
    return memcmp(id, nil, sizeof(nil)) == 0;
}

bool gost_endpoint_parse(const char *text, size_t n, struct gost_endpoint *out)
{
    out->is_private = n > 0 && text[0] == '$';
    return gost_uuid_parse(text + out->is_private, n - out->is_private, out->id) &&
           !gost_uuid_is_nil(out->id);
}
