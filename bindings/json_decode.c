/* JSON text to Lua values: a recursive reader that knows the line of every key. */
#include "bindings/json.h"

#include <lauxlib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JSON_DEPTH_MAX = 100, JSON_BYTES_MAX = 64 * 1024 * 1024, JSON_COLUMN_MAX = 0xffff };

struct json_reader {
    lua_State *L;
    const char *name;
    const char *start, *at, *end;
    const char *line_start; /**< of the line that holds `at` when it was last asked */
    const char *line_seen;  /**< newlines up to here are counted in `line` */
    int line;
    int positions; /**< Lua index, 0: not wanted */
    int depth;
};

static lua_Integer reader_mark(struct json_reader *r, const char *at)
{
    ptrdiff_t column;

    while (r->line_seen < at) {
        const char *newline = memchr(r->line_seen, '\n', (size_t)(at - r->line_seen));
        if (newline == NULL)
            break;
        r->line++;
        r->line_seen = r->line_start = newline + 1;
    }
    column = at - r->line_start + 1;
    return (lua_Integer)r->line << 16 | (column > JSON_COLUMN_MAX ? JSON_COLUMN_MAX : column);
}

static int reader_fail(struct json_reader *r, const char *at, const char *message)
{
    lua_Integer mark = reader_mark(r, at);

    lua_pushfstring(r->L, "%s:%d:%d: %s", r->name, (int)(mark >> 16), (int)(mark & JSON_COLUMN_MAX),
                    message);
    return lua_error(r->L);
}

static char reader_skip(struct json_reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r'))
        r->at++;
    return r->at < r->end ? *r->at : '\0';
}

static int unexpected(struct json_reader *r, const char *wanted)
{
    if (r->at >= r->end)
        return reader_fail(r, r->at, lua_pushfstring(r->L, "the text ends where %s is due", wanted));
    unsigned char c = (unsigned char)*r->at;
    char shown[16];
    snprintf(shown, sizeof shown, c > 0x20 && c < 0x7f ? "'%c'" : "byte 0x%02x", c);
    return reader_fail(r, r->at, lua_pushfstring(r->L, "%s is due here, not %s", wanted, shown));
}

static uint32_t read_hex4(struct json_reader *r, const char *at)
{
    uint32_t value = 0;

    for (int i = 0; i < 4; i++) {
        char c = at + i < r->end ? at[i] : '\0';
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                                : 16;
        if (digit == 16)
            reader_fail(r, at, "four hexadecimal digits are due after \\u");
        value = value << 4 | digit;
    }
    return value;
}

static void add_utf8(luaL_Buffer *b, uint32_t c)
{
    if (c < 0x80) {
        luaL_addchar(b, (char)c);
    } else if (c < 0x800) {
        luaL_addchar(b, (char)(0xc0 | c >> 6));
        luaL_addchar(b, (char)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        luaL_addchar(b, (char)(0xe0 | c >> 12));
        luaL_addchar(b, (char)(0x80 | (c >> 6 & 0x3f)));
        luaL_addchar(b, (char)(0x80 | (c & 0x3f)));
    } else {
        luaL_addchar(b, (char)(0xf0 | c >> 18));
        luaL_addchar(b, (char)(0x80 | (c >> 12 & 0x3f)));
        luaL_addchar(b, (char)(0x80 | (c >> 6 & 0x3f)));
        luaL_addchar(b, (char)(0x80 | (c & 0x3f)));
    }
}

/** "\uXXXX" with `at` on the u; a lone half of a surrogate pair becomes U+FFFD. */
static void read_unicode(struct json_reader *r, luaL_Buffer *b)
{
    uint32_t c = read_hex4(r, r->at + 1);

    r->at += 5;
    if (c >= 0xd800 && c < 0xdc00 && r->end - r->at >= 6 && r->at[0] == '\\' && r->at[1] == 'u') {
        uint32_t low = read_hex4(r, r->at + 2);
        if (low >= 0xdc00 && low < 0xe000) {
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
            r->at += 6;
        }
    }
    add_utf8(b, c >= 0xd800 && c < 0xe000 ? 0xfffd : c);
}

static void read_escape(struct json_reader *r, luaL_Buffer *b)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *found;

    if (r->at >= r->end)
        unexpected(r, "an escaped character");
    if (*r->at == 'u') {
        read_unicode(r, b);
        return;
    }
    found = *r->at != '\0' ? strchr(from, *r->at) : NULL;
    if (found == NULL)
        reader_fail(r, r->at - 1, "unknown escape in a string");
    luaL_addchar(b, to[found - from]);
    r->at++;
}

/** A string with `at` on its first quote; pushes it. */
static void read_string(struct json_reader *r)
{
    const char *begin = r->at++, *run = r->at;
    luaL_Buffer b;

    luaL_buffinit(r->L, &b);
    for (;;) {
        if (r->at >= r->end)
            reader_fail(r, begin, "this string has no end");
        if ((unsigned char)*r->at < 0x20)
            reader_fail(r, r->at, "control character in a string");
        if (*r->at != '"' && *r->at != '\\') {
            r->at++;
            continue;
        }
        luaL_addlstring(&b, run, (size_t)(r->at - run));
        if (*r->at++ == '"')
            break;
        read_escape(r, &b);
        run = r->at;
    }
    luaL_pushresult(&b);
}

static bool scan_number(const char *s, const char **end, bool *whole)
{
    const char *digits = *s == '-' ? s + 1 : s;
    size_t n = strspn(digits, "0123456789");

    *whole = true;
    if (n == 0 || (n > 1 && *digits == '0'))
        return false;
    s = digits + n;
    if (*s == '.') {
        n = strspn(s + 1, "0123456789");
        if (n == 0)
            return false;
        s += n + 1;
        *whole = false;
    }
    if (*s == 'e' || *s == 'E') {
        const char *e = s + 1 + (s[1] == '+' || s[1] == '-');
        n = strspn(e, "0123456789");
        if (n == 0)
            return false;
        s = e + n;
        *whole = false;
    }
    *end = s;
    return true;
}

/** The text has a final NUL (Lua strings do), so scanning stops there. */
static void read_number(struct json_reader *r)
{
    const char *begin = r->at;
    bool whole;

    if (!scan_number(begin, &r->at, &whole))
        unexpected(r, "a value");
    if (whole) {
        char text[32];
        size_t n = (size_t)(r->at - begin);
        if (n < sizeof text) {
            memcpy(text, begin, n);
            text[n] = '\0';
            if (lua_stringtonumber(r->L, text) != 0)
                return;
        }
    }
    lua_pushnumber(r->L, strtod(begin, NULL));
}

static void read_value(struct json_reader *r);

static bool is_null(struct json_reader *r)
{
    return lua_islightuserdata(r->L, -1) && lua_touserdata(r->L, -1) == NULL;
}

/** positions[table] = {[0] = mark}; pushes that table when positions are wanted. */
static void open_positions(struct json_reader *r, int table, const char *at)
{
    if (r->positions == 0)
        return;
    lua_newtable(r->L);
    lua_pushinteger(r->L, reader_mark(r, at));
    lua_rawseti(r->L, -2, 0);
    lua_pushvalue(r->L, table);
    lua_pushvalue(r->L, -2);
    lua_rawset(r->L, r->positions);
}

static void read_array(struct json_reader *r)
{
    lua_State *L = r->L;
    lua_Integer n = 0;
    const char *begin = r->at++;
    int table;

    lua_newtable(L);
    table = lua_gettop(L);
    open_positions(r, table, begin);
    if (reader_skip(r) == ']') {
        r->at++;
        lua_settop(L, table);
        if (r->positions == 0)
            luaL_setmetatable(L, GOSTL_JSON_ARRAY);
        return;
    }
    for (;;) {
        const char *item;
        reader_skip(r);
        item = r->at;
        read_value(r);
        if (r->positions != 0 && is_null(r)) {
            lua_pop(L, 1);
        } else {
            lua_rawseti(L, table, ++n);
            if (r->positions != 0) {
                lua_pushinteger(L, reader_mark(r, item));
                lua_rawseti(L, table + 1, n);
            }
        }
        if (reader_skip(r) == ']')
            break;
        if (r->at >= r->end || *r->at++ != ',') {
            r->at -= r->at < r->end;
            unexpected(r, "',' or ']'");
        }
    }
    r->at++;
    lua_settop(L, table);
}

/** The key is on top; refuse it when the mapping has it already, else note where it stands. */
static void note_key(struct json_reader *r, int place, const char *at)
{
    lua_State *L = r->L;

    lua_pushvalue(L, -1);
    if (lua_rawget(L, place) != LUA_TNIL) {
        int first = (int)(lua_tointeger(L, -1) >> 16);
        reader_fail(r, at,
                    lua_pushfstring(L, "key \"%s\" is given twice (first in line %d)",
                                    lua_tostring(L, -2), first));
    }
    lua_pop(L, 1);
    lua_pushvalue(L, -1);
    lua_pushinteger(L, reader_mark(r, at));
    lua_rawset(L, place);
}

static void read_member(struct json_reader *r, int table)
{
    lua_State *L = r->L;
    const char *key = r->at;

    if (reader_skip(r) != '"')
        unexpected(r, "a key in quotes");
    key = r->at;
    read_string(r);
    if (r->positions != 0)
        note_key(r, table + 1, key);
    if (reader_skip(r) != ':')
        unexpected(r, "':'");
    r->at++;
    reader_skip(r);
    read_value(r);
    if (r->positions != 0 && is_null(r))
        lua_pop(L, 2);
    else
        lua_rawset(L, table);
}

static void read_object(struct json_reader *r)
{
    lua_State *L = r->L;
    const char *begin = r->at++;
    int table;

    lua_newtable(L);
    table = lua_gettop(L);
    open_positions(r, table, begin);
    if (reader_skip(r) == '}') {
        r->at++;
        lua_settop(L, table);
        return;
    }
    for (;;) {
        read_member(r, table);
        if (reader_skip(r) == '}')
            break;
        if (*r->at != ',' || r->at >= r->end)
            unexpected(r, "',' or '}'");
        r->at++;
        reader_skip(r);
    }
    r->at++;
    lua_settop(L, table);
}

static bool read_word(struct json_reader *r, const char *word)
{
    size_t n = strlen(word);

    if ((size_t)(r->end - r->at) < n || memcmp(r->at, word, n) != 0)
        return false;
    r->at += n;
    return true;
}

static void read_value(struct json_reader *r)
{
    char c = reader_skip(r);

    if (++r->depth > JSON_DEPTH_MAX)
        reader_fail(r, r->at, "nested too deeply (limit 100)");
    luaL_checkstack(r->L, 8, "json");
    if (c == '{')
        read_object(r);
    else if (c == '[')
        read_array(r);
    else if (c == '"')
        read_string(r);
    else if (c == 't' && read_word(r, "true"))
        lua_pushboolean(r->L, 1);
    else if (c == 'f' && read_word(r, "false"))
        lua_pushboolean(r->L, 0);
    else if (c == 'n' && read_word(r, "null"))
        lua_pushlightuserdata(r->L, NULL);
    else if (c == '-' || (c >= '0' && c <= '9'))
        read_number(r);
    else
        unexpected(r, "a value");
    r->depth--;
}

/** (text, name or nil, positions wanted) -> value, positions or nil */
static int decode_body(lua_State *L)
{
    struct json_reader r = {.L = L, .name = luaL_optstring(L, 2, "json"), .line = 1};
    size_t len;

    r.start = r.at = r.line_start = r.line_seen = lua_tolstring(L, 1, &len);
    r.end = r.start + len;
    if (len > JSON_BYTES_MAX)
        return luaL_error(L, "%s: too large (limit 64 MiB)", r.name);
    if (len >= 3 && memcmp(r.at, "\xef\xbb\xbf", 3) == 0)
        r.at += 3;
    if (lua_toboolean(L, 3)) {
        lua_newtable(L);
        r.positions = lua_gettop(L);
    }
    read_value(&r);
    reader_skip(&r);
    if (r.at < r.end)
        unexpected(&r, "the end of the text");
    if (r.positions == 0)
        return 1;
    if (is_null(&r)) {
        lua_pop(L, 1);
        lua_pushnil(L);
    }
    lua_pushvalue(L, r.positions);
    return 2;
}

int gostL_json_decode(lua_State *L)
{
    bool positions = false;

    luaL_checktype(L, 1, LUA_TSTRING);
    lua_settop(L, 2);
    lua_pushcfunction(L, decode_body);
    lua_pushvalue(L, 1);
    if (lua_istable(L, 2)) {
        lua_getfield(L, 2, "positions");
        positions = lua_toboolean(L, -1);
        lua_pop(L, 1);
        lua_getfield(L, 2, "name");
    } else {
        lua_pushnil(L);
    }
    lua_pushboolean(L, positions);
    if (lua_pcall(L, 3, positions ? 2 : 1, 0) == LUA_OK)
        return positions ? 2 : 1;
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
}
