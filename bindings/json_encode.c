/* Lua values to JSON text. */
#include "bindings/json.h"

#include <lauxlib.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JSON_BUFFER "gost.json.buffer"

enum { JSON_DEPTH_MAX = 100 };

/** A growing text that the collector frees when an error cuts the work short. */
struct json_writer {
    char *text;
    size_t len, size;
    int indent; /**< blanks per level; negative: everything on one line */
    int depth;
};

static int writer_gc(lua_State *L)
{
    struct json_writer *w = luaL_checkudata(L, 1, JSON_BUFFER);

    free(w->text);
    w->text = NULL;
    return 0;
}

static void put(lua_State *L, struct json_writer *w, const char *s, size_t n)
{
    if (n > w->size - w->len) {
        size_t size = w->size * 2 + n + 256;
        char *text = realloc(w->text, size);
        if (text == NULL)
            luaL_error(L, "not enough memory");
        w->text = text;
        w->size = size;
    }
    memcpy(w->text + w->len, s, n);
    w->len += n;
}

static void put_newline(lua_State *L, struct json_writer *w)
{
    if (w->indent < 0)
        return;
    put(L, w, "\n", 1);
    for (int i = 0; i < w->depth * w->indent; i++)
        put(L, w, " ", 1);
}

/** @return length of the valid UTF-8 sequence at s, 0 when there is none */
static size_t utf8_length(const unsigned char *s, size_t n)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = s[0] < 0x80   ? 1
                 : s[0] < 0xc2 ? 0
                 : s[0] < 0xe0 ? 2
                 : s[0] < 0xf0 ? 3
                 : s[0] < 0xf5 ? 4
                               : 0;
    uint32_t c = len > 1 ? s[0] & (0x7fu >> len) : s[0];

    if (len == 0 || len > n)
        return 0;
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (s[i] & 0x3f);
    }
    if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return 0;
    return len;
}

static void put_escaped(lua_State *L, struct json_writer *w, unsigned char c)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *found = c != 0 ? strchr(from, c) : NULL;
    char text[8];

    if (found != NULL)
        snprintf(text, sizeof text, "\\%c", to[found - from]);
    else
        snprintf(text, sizeof text, "\\u%04x", c);
    put(L, w, text, strlen(text));
}

static void put_string(lua_State *L, struct json_writer *w, int index)
{
    size_t n;
    const unsigned char *s = (const unsigned char *)lua_tolstring(L, index, &n);

    put(L, w, "\"", 1);
    while (n > 0) {
        size_t len = utf8_length(s, n);
        if (len == 0)
            put(L, w, "\xef\xbf\xbd", 3);
        else if (*s < 0x20 || *s == '"' || *s == '\\' || *s == 0x7f)
            put_escaped(L, w, *s);
        else
            put(L, w, (const char *)s, len);
        len += len == 0;
        s += len;
        n -= len;
    }
    put(L, w, "\"", 1);
}

static void put_number(lua_State *L, struct json_writer *w, int index)
{
    char text[40];

    if (lua_isinteger(L, index)) {
        snprintf(text, sizeof text, "%lld", (long long)lua_tointeger(L, index));
    } else {
        lua_Number n = lua_tonumber(L, index);
        if (!isfinite(n))
            luaL_error(L, "JSON has no %s", isnan(n) ? "NaN" : "infinity");
        if (n == floor(n) && fabs(n) < 1e15)
            snprintf(text, sizeof text, "%.0f", n);
        else
            snprintf(text, sizeof text, "%.15g", n);
        if (strtod(text, NULL) != n)
            snprintf(text, sizeof text, "%.17g", n);
    }
    put(L, w, text, strlen(text));
}

static void put_value(lua_State *L, struct json_writer *w, int index);

static bool is_array(lua_State *L, int index)
{
    bool marked;

    if (lua_rawlen(L, index) > 0)
        return true;
    if (!lua_getmetatable(L, index))
        return false;
    luaL_getmetatable(L, GOSTL_JSON_ARRAY);
    marked = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return marked;
}

static void put_array(lua_State *L, struct json_writer *w, int index)
{
    lua_Integer n = (lua_Integer)lua_rawlen(L, index);

    put(L, w, "[", 1);
    w->depth++;
    for (lua_Integer i = 1; i <= n; i++) {
        if (i > 1)
            put(L, w, ",", 1);
        put_newline(L, w);
        lua_rawgeti(L, index, i);
        put_value(L, w, lua_gettop(L));
        lua_pop(L, 1);
    }
    w->depth--;
    if (n > 0)
        put_newline(L, w);
    put(L, w, "]", 1);
}

/** Push the list of the keys of a table, sorted, so that equal tables give equal texts. */
static lua_Integer push_keys(lua_State *L, int index)
{
    lua_Integer n = 0;

    lua_newtable(L);
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        lua_pop(L, 1);
        if (lua_type(L, -1) != LUA_TSTRING)
            luaL_error(L, "a key of an object must be a string, not a %s", luaL_typename(L, -1));
        lua_pushvalue(L, -1);
        lua_rawseti(L, -3, ++n);
    }
    lua_getfield(L, LUA_REGISTRYINDEX, "gost.json.sort");
    lua_pushvalue(L, -2);
    lua_call(L, 1, 0);
    return n;
}

static void put_object(lua_State *L, struct json_writer *w, int index)
{
    lua_Integer n = push_keys(L, index);
    int keys = lua_gettop(L);

    put(L, w, "{", 1);
    w->depth++;
    for (lua_Integer i = 1; i <= n; i++) {
        if (i > 1)
            put(L, w, ",", 1);
        put_newline(L, w);
        lua_rawgeti(L, keys, i);
        put_string(L, w, -1);
        put(L, w, ": ", w->indent < 0 ? 1 : 2);
        lua_rawget(L, index);
        put_value(L, w, lua_gettop(L));
        lua_pop(L, 1);
    }
    w->depth--;
    if (n > 0)
        put_newline(L, w);
    put(L, w, "}", 1);
    lua_pop(L, 1);
}

static void put_value(lua_State *L, struct json_writer *w, int index)
{
    luaL_checkstack(L, 12, "json");
    if (w->depth > JSON_DEPTH_MAX)
        luaL_error(L, "nested too deeply (limit 100), or a table that contains itself");
    switch (lua_type(L, index)) {
    case LUA_TSTRING:
        put_string(L, w, index);
        break;
    case LUA_TNUMBER:
        put_number(L, w, index);
        break;
    case LUA_TBOOLEAN:
        put(L, w, lua_toboolean(L, index) ? "true" : "false", lua_toboolean(L, index) ? 4 : 5);
        break;
    case LUA_TNIL:
        put(L, w, "null", 4);
        break;
    case LUA_TTABLE:
        if (is_array(L, index))
            put_array(L, w, index);
        else
            put_object(L, w, index);
        break;
    default:
        if (!lua_islightuserdata(L, index) || lua_touserdata(L, index) != NULL)
            luaL_error(L, "JSON has no %s", luaL_typename(L, index));
        put(L, w, "null", 4);
    }
}

/** (value, indent, writer) -> text */
static int encode_body(lua_State *L)
{
    struct json_writer *w = luaL_checkudata(L, 3, JSON_BUFFER);

    w->indent = (int)luaL_optinteger(L, 2, -1);
    put_value(L, w, 1);
    lua_pushlstring(L, w->text, w->len);
    return 1;
}

int gostL_json_encode(lua_State *L)
{
    struct json_writer *w;
    int rc;

    luaL_checkany(L, 1);
    lua_settop(L, 2);
    lua_pushcfunction(L, encode_body);
    lua_insert(L, 1);
    w = lua_newuserdatauv(L, sizeof *w, 0);
    memset(w, 0, sizeof *w);
    luaL_setmetatable(L, JSON_BUFFER);
    rc = lua_pcall(L, 3, 1, 0);
    if (rc == LUA_OK)
        return 1;
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
}

void gostL_json_encode_open(lua_State *L)
{
    luaL_newmetatable(L, JSON_BUFFER);
    lua_pushcfunction(L, writer_gc);
    lua_setfield(L, -2, "__gc");
    lua_getglobal(L, "table");
    lua_getfield(L, -1, "sort");
    lua_setfield(L, LUA_REGISTRYINDEX, "gost.json.sort");
    lua_pop(L, 2);
}
