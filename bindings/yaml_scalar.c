/* Plain scalars of YAML: null, booleans, whole numbers, reals, and everything else as text. */
#include "bindings/yaml.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

bool gostL_yaml_one_of(const char *text, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strcmp(text, *words) == 0)
            return true;
    return false;
}

/** Digits of `base` with optional underscores between; false on anything else or on overflow. */
static bool parse_digits(const char *s, int base, bool negative, lua_Integer *out)
{
    uint64_t value = 0, limit = negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX;
    bool any = false;

    for (; *s != '\0'; s++) {
        int digit = *s >= '0' && *s <= '9'   ? *s - '0'
                    : *s >= 'a' && *s <= 'f' ? *s - 'a' + 10
                    : *s >= 'A' && *s <= 'F' ? *s - 'A' + 10
                                             : 99;
        if (*s == '_' && any)
            continue;
        if (digit >= base || value > (limit - (uint64_t)digit) / (uint64_t)base)
            return false;
        value = value * (uint64_t)base + (uint64_t)digit;
        any = true;
    }
    *out = negative ? (lua_Integer)(0 - value) : (lua_Integer)value;
    return any;
}

/** YAML's whole numbers: decimal, 0x, 0o, 0b, and the older 0777 for octal. */
static bool parse_whole(const char *s, lua_Integer *out)
{
    bool negative = *s == '-';

    if (*s == '-' || *s == '+')
        s++;
    if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
        return parse_digits(s + 2, 16, negative, out);
    if (s[0] == '0' && (s[1] == 'b' || s[1] == 'B'))
        return parse_digits(s + 2, 2, negative, out);
    if (s[0] == '0' && (s[1] == 'o' || s[1] == 'O'))
        return parse_digits(s + 2, 8, negative, out);
    if (s[0] == '0' && s[1] != '\0' && parse_digits(s + 1, 8, negative, out))
        return true;
    if (*s < '0' || *s > '9')
        return false;
    return parse_digits(s, 10, negative, out);
}

/** The form [-+]?(digits.digits?|.digits)([eE][-+]?digits)? and the words for infinity and NaN. */
static bool parse_real(const char *s, lua_Number *out)
{
    static const char *const inf[] = {".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", NULL};
    static const char *const ninf[] = {"-.inf", "-.Inf", "-.INF", NULL};
    static const char *const nan_[] = {".nan", ".NaN", ".NAN", NULL};
    const char *p = s + strspn(s, "+-");
    size_t whole, fraction = 0;
    char *end;

    if (gostL_yaml_one_of(s, inf) || gostL_yaml_one_of(s, ninf) || gostL_yaml_one_of(s, nan_)) {
        *out = gostL_yaml_one_of(s, nan_) ? (lua_Number)NAN : s[0] == '-' ? -HUGE_VAL : HUGE_VAL;
        return true;
    }
    if (p - s > 1)
        return false;
    whole = strspn(p, "0123456789");
    if (p[whole] == '.')
        fraction = strspn(p + whole + 1, "0123456789");
    if (whole + fraction == 0 || strspn(p, "0123456789.eE+-") != strlen(p))
        return false;
    *out = strtod(s, &end);
    return *end == '\0';
}

bool gostL_yaml_plain(lua_State *L, const char *s, size_t len)
{
    static const char *const null[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const yes[] = {"true", "True", "TRUE", NULL};
    static const char *const no[] = {"false", "False", "FALSE", NULL};
    lua_Integer whole;
    lua_Number real;

    if (strlen(s) != len || len > 64)
        lua_pushlstring(L, s, len);
    else if (gostL_yaml_one_of(s, null))
        return false;
    else if (gostL_yaml_one_of(s, yes) || gostL_yaml_one_of(s, no))
        lua_pushboolean(L, gostL_yaml_one_of(s, yes));
    else if (parse_whole(s, &whole))
        lua_pushinteger(L, whole);
    else if (strpbrk(s, ".eE") != NULL && parse_real(s, &real))
        lua_pushnumber(L, real);
    else
        lua_pushlstring(L, s, len); /* also whole numbers beyond 64 bits: their text is kept */
    return true;
}
