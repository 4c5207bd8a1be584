#include "core/codec/sniff.h"

#include <string.h>

/** Compare with the first bytes of `word`; five of them are telling. */
static enum gost_sniff match(const uint8_t *p, size_t n, const char *word, enum gost_sniff yes)
{
    size_t len = strlen(word);
    if (len > GOST_SNIFF_MAX)
        len = GOST_SNIFF_MAX;
    if (memcmp(p, word, n < len ? n : len) != 0)
        return GOST_SNIFF_UNKNOWN;
    return n < len ? GOST_SNIFF_MORE : yes;
}

static enum gost_sniff sniff_words(const uint8_t *p, size_t n)
{
    static const char *const words[] = {
        "GET ",   "POST ", "PUT ",     "DELETE ", "OPTIONS ",
        "PATCH ", "HEAD ", "CONNECT ", "TRACE ",  "PRI * ",
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        enum gost_sniff found = match(p, n, words[i], GOST_SNIFF_HTTP);
        if (found != GOST_SNIFF_UNKNOWN)
            return found;
    }
    return match(p, n, "SSH-", GOST_SNIFF_SSH);
}

static enum gost_sniff sniff_tls(const uint8_t *p, size_t n)
{
    if (n > 1 && p[1] != 3)
        return GOST_SNIFF_UNKNOWN;
    if (n < 3)
        return GOST_SNIFF_MORE;
    return p[2] >= 1 && p[2] <= 4 ? GOST_SNIFF_TLS : GOST_SNIFF_UNKNOWN;
}

enum gost_sniff gost_sniff(const uint8_t *p, size_t n)
{
    if (n == 0)
        return GOST_SNIFF_MORE;
    switch (p[0]) {
    case '*':
    case '+':
    case '-':
    case ':':
    case '$':
        return GOST_SNIFF_REDIS;
    case 4:
        return GOST_SNIFF_SOCKS4;
    case 5:
        return GOST_SNIFF_SOCKS5;
    case 0x16:
        return sniff_tls(p, n);
    default:
        return sniff_words(p, n);
    }
}

const char *gost_sniff_name(enum gost_sniff protocol)
{
    static const char *const names[] = {
        [GOST_SNIFF_MORE] = "",         [GOST_SNIFF_UNKNOWN] = "",
        [GOST_SNIFF_HTTP] = "http",     [GOST_SNIFF_TLS] = "tls",
        [GOST_SNIFF_SSH] = "ssh",       [GOST_SNIFF_REDIS] = "redis",
        [GOST_SNIFF_SOCKS4] = "socks4", [GOST_SNIFF_SOCKS5] = "socks5",
    };
    return names[protocol];
}
