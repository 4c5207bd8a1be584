#include "core/base/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct unit {
    const char *name;
    double factor;
};

/* Reads "<number><unit>" pairs and sums them; a bare number counts `bare` each. */
static bool parse_units(const char *text, const struct unit *units, double bare, double *sum)
{
    const char *p = text;
    int pairs = 0;
    *sum = 0;
    while (*p) {
        if (!isdigit((unsigned char)*p) && *p != '.')
            return false;
        char *end;
        double value = strtod(p, &end);
        size_t n =
            strspn(end, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ\xc2\xb5\xce\xbc");
        if (end == p)
            return false;
        if (n == 0) {
            if (pairs > 0 || *end != '\0')
                return false;
            *sum = value * bare;
            return true;
        }
        const struct unit *u = units;
        while (u->name && (strlen(u->name) != n || strncmp(u->name, end, n) != 0))
            u++;
        if (!u->name)
            return false;
        *sum += value * u->factor;
        p = end + n;
        pairs++;
    }
    return pairs > 0;
}

bool gost_parse_duration(const char *text, int64_t *ns)
{
    static const struct unit units[] = {{"ns", 1},          {"us", 1e3},   {"\xc2\xb5s", 1e3},
                                        {"\xce\xbcs", 1e3}, {"ms", 1e6},   {"s", 1e9},
                                        {"m", 60e9},        {"h", 3600e9}, {NULL, 0}};
    double sum;
    bool negative = text[0] == '-';
    if (text[0] == '-' || text[0] == '+')
        text++;
    /* strtod also reads hexadecimal and exponents, which Go does not */
    if (strpbrk(text, "xXeEpP") || !parse_units(text, units, 1e9, &sum) || sum > 9.2e18)
        return false;
    *ns = (int64_t)(negative ? -sum : sum);
    return true;
}

bool gost_parse_size(const char *text, uint64_t *bytes)
{
    static const struct unit units[] = {{"B", 1},
                                        {"KB", 1024},
                                        {"KiB", 1024},
                                        {"MB", 1048576},
                                        {"MiB", 1048576},
                                        {"GB", 1073741824},
                                        {"GiB", 1073741824},
                                        {"TB", 1099511627776.0},
                                        {"TiB", 1099511627776.0},
                                        {"PB", 1125899906842624.0},
                                        {"PiB", 1125899906842624.0},
                                        {"EB", 1152921504606846976.0},
                                        {"EiB", 1152921504606846976.0},
                                        {NULL, 0}};
    double sum;
    if (strpbrk(text, "xXep") || !parse_units(text, units, 1, &sum) || sum >= 1.8e19)
        return false;
    *bytes = (uint64_t)sum;
    return true;
}

bool gost_parse_int(const char *text, int64_t *value)
{
    char *end;
    if (*text == '\0' || isspace((unsigned char)*text))
        return false;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (errno || *end != '\0')
        return false;
    *value = v;
    return true;
}

bool gost_parse_bool(const char *text, bool *value)
{
    static const char *const yes[] = {"1", "t", "true", "yes", "y", "on", NULL};
    static const char *const no[] = {"0", "f", "false", "no", "n", "off", NULL};
    for (int i = 0; yes[i]; i++)
        if (strcasecmp(text, yes[i]) == 0)
            return *value = true, true;
    for (int i = 0; no[i]; i++)
        if (strcasecmp(text, no[i]) == 0)
            return *value = false, true;
    return false;
}

bool gost_secret_equal(const char *given, size_t given_len, const char *secret, size_t secret_len)
{
    /* The loop runs over what the peer gave, so its time tells nothing about the secret. */
    unsigned diff = given_len != secret_len;
    for (size_t i = 0; i < given_len; i++)
        diff |= (unsigned char)given[i] ^ (unsigned char)(secret_len ? secret[i % secret_len] : 0);
    return diff == 0;
}

static const char base64_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t gost_base64_encode(char *out, const void *data, size_t n)
{
    const uint8_t *p = data;
    char *o = out;
    for (size_t i = 0; i < n; i += 3) {
        uint32_t v = (uint32_t)p[i] << 16;
        if (i + 1 < n)
            v |= (uint32_t)p[i + 1] << 8;
        if (i + 2 < n)
            v |= p[i + 2];
        *o++ = base64_alphabet[v >> 18];
        *o++ = base64_alphabet[v >> 12 & 63];
        *o++ = i + 1 < n ? base64_alphabet[v >> 6 & 63] : '=';
        *o++ = i + 2 < n ? base64_alphabet[v & 63] : '=';
    }
    *o = '\0';
    return (size_t)(o - out);
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

long gost_base64_decode(void *out, const char *text, size_t n)
{
    uint8_t *o = out;
    uint32_t acc = 0;
    int bits = 0;
    for (int pads = 0; n > 0 && pads < 2 && text[n - 1] == '='; pads++)
        n--;
    if (n % 4 == 1)
        return -1;
    for (size_t i = 0; i < n; i++) {
        int d = base64_digit(text[i]);
        if (d < 0)
            return -1;
        acc = acc << 6 | (uint32_t)d;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            *o++ = (uint8_t)(acc >> bits);
        }
    }
    return o - (uint8_t *)out;
}
