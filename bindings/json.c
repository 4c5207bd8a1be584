/*
 * gost.json: JSON text (RFC 8259) to Lua values and back.
 *
 * Lua:  json.decode(text [, {name = "x.json", positions = true}]) -> value [, positions]
 *       or nil, "x.json:3:5: what is wrong"
 *       json.encode(value [, indent]) -> text, or nil and a message
 *       json.null      stands for null
 *       json.array(t)  marks t as a list even when it is empty; decode marks empty lists
 *
 * Whole numbers stay 64-bit integers. With `positions` the text is a configuration: null is left
 * out, a key given twice is refused, and the second result is as that of gost.yaml.
 */
#include <lauxlib.h>
#include <lua.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JSON_BUFFER "gost.json.buffer"
#define JSON_ARRAY "gost.json.array"

enum { JSON_DEPTH_MAX = 100, JSON_BYTES_MAX = 64 * 1024 * 1024, JSON_COLUMN_MAX = 0xffff };

int luaopen_gost_json(lua_State *L);

/* ---- decode ---- */

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
    return reader_fail(r, r->at, lua_pushfstring(r->L, "%s is due here, not '%c'", wanted, *r->at));
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
            luaL_setmetatable(L, JSON_ARRAY);
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
        reader_fail(r, at, lua_pushfstring(L, "key \"%s\" is given twice (first in line %d)",
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

static int json_decode(lua_State *L)
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

/* ---- encode ---- */

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
    size_t len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;
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
    luaL_getmetatable(L, JSON_ARRAY);
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

static int json_encode(lua_State *L)
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

static int json_array(lua_State *L)
{
    if (lua_isnoneornil(L, 1)) {
        lua_settop(L, 0);
        lua_newtable(L);
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    luaL_setmetatable(L, JSON_ARRAY);
    return 1;
}

int luaopen_gost_json(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"decode", json_decode}, {"encode", json_encode}, {"array", json_array}, {NULL, NULL}};

    luaL_newmetatable(L, JSON_ARRAY);
    luaL_newmetatable(L, JSON_BUFFER);
    lua_pushcfunction(L, writer_gc);
    lua_setfield(L, -2, "__gc");
    lua_getglobal(L, "table");
    lua_getfield(L, -1, "sort");
    lua_setfield(L, LUA_REGISTRYINDEX, "gost.json.sort");
    lua_settop(L, 0);
    luaL_newlib(L, functions);
    lua_pushlightuserdata(L, NULL);
    lua_setfield(L, -2, "null");
    return 1;
}
