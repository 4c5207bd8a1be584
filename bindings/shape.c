/*
 * core.shape(value, lists, passed_over) -> text, refs: what a definition says, as text that stays the same while the
 * definition does, with the age of the files that it names; and which entries of lists it names. In C because
 * thousands of services are written at every start. What the words mean, lua/gost/fingerprint.lua knows:
 *
 * lists        key -> list: text under this key is the name of an entry of that list
 * passed_over  key -> true: what stands under this key does not matter
 * refs         {list, name, list, name …}
 */
#include "bindings/lib.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SHAPE_TEXT "gost.shape.text"

enum { SHAPE_DEPTH_MAX = 110 }; /* more than JSON and YAML may have */

/** A growing text that the collector frees when an error cuts the work short. */
struct shape {
    char *text;
    size_t len, size;
    int depth;
};

/** Lua indices of the arguments and results. */
enum { AT_VALUE = 1, AT_LISTS, AT_PASSED_OVER, AT_REFS };

/** A key outside of the list part of a table. */
struct shape_key {
    const char *text; /**< held by the table, or by the Lua stack */
    size_t len;
    int slot; /**< where the key lies when it is no text; else 0 */
};

static int shape_gc(lua_State *L)
{
    struct shape *s = luaL_checkudata(L, 1, SHAPE_TEXT);
    free(s->text);
    s->text = NULL;
    return 0;
}

static void put(lua_State *L, struct shape *s, const char *text, size_t n)
{
    if (n > s->size - s->len) {
        size_t size = s->size * 2 + n + 256;
        char *more = realloc(s->text, size);
        if (!more)
            luaL_error(L, "not enough memory");
        s->text = more;
        s->size = size;
    }
    memcpy(s->text + s->len, text, n);
    s->len += n;
}

/* refs gets a list and a name; the name is on top of the stack and stays. */
static void note_reference(lua_State *L, const char *list)
{
    lua_Integer n = (lua_Integer)lua_rawlen(L, AT_REFS);
    lua_pushstring(L, list);
    lua_rawseti(L, AT_REFS, n + 1);
    lua_pushvalue(L, -1);
    lua_rawseti(L, AT_REFS, n + 2);
}

/* Is a key the name of a file: certFile, keyFile …? Lists of policies (`file: {path: …}`) change in place. */
static bool names_file(const char *key)
{
    size_t n = strlen(key);
    return n >= 4 && strcasecmp(key + n - 4, "file") == 0;
}

/* A value that is no table lies on top of the stack. */
static void write_plain(lua_State *L, struct shape *s, const char *under)
{
    size_t n;
    bool is_text = lua_type(L, -1) == LUA_TSTRING;
    put(L, s, luaL_typename(L, -1), 1);
    const char *text = luaL_tolstring(L, -1, &n);
    put(L, s, text, n);
    put(L, s, "\1", 1);
    if (is_text && under) {
        char stamp[GOSTL_STAMP_MAX];
        if (lua_getfield(L, AT_LISTS, under) == LUA_TSTRING) {
            const char *list = lua_tostring(L, -1);
            lua_pushvalue(L, -2);
            note_reference(L, list);
            lua_pop(L, 1);
        } else if (names_file(under)) {
            if (gostL_file_stamp(text, stamp))
                put(L, s, stamp, strlen(stamp));
            put(L, s, "\1", 1);
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static int by_text(const void *a, const void *b)
{
    const struct shape_key *x = a, *y = b;
    int order = memcmp(x->text, y->text, x->len < y->len ? x->len : y->len);
    return order ? order : (x->len > y->len) - (x->len < y->len);
}

/* Is the key at the top one of the list part, or of no matter? */
static bool is_skipped(lua_State *L, lua_Integer length)
{
    if (lua_isinteger(L, -1)) {
        lua_Integer i = lua_tointeger(L, -1);
        return i >= 1 && i <= length;
    }
    lua_pushvalue(L, -1);
    bool skipped = lua_rawget(L, AT_PASSED_OVER) == LUA_TBOOLEAN;
    lua_pop(L, 1);
    return skipped;
}

/**
 * The keys of the table at `index` but those of its list part and those that do not matter, sorted. They, and what
 * holds their text, are pushed.
 */
static struct shape_key *sorted_keys(lua_State *L, int index, lua_Integer length, size_t count,
                                     size_t *found)
{
    struct shape_key *keys = lua_newuserdatauv(L, (count + 1) * sizeof(*keys), 0);
    size_t n = 0;
    for (lua_pushnil(L); lua_next(L, index);) {
        lua_pop(L, 1);
        if (is_skipped(L, length))
            continue;
        keys[n].slot = 0;
        if (lua_type(L, -1) == LUA_TSTRING) {
            keys[n].text = lua_tolstring(L, -1, &keys[n].len);
        } else {
            luaL_checkstack(L, 8, "shape");
            lua_pushvalue(L, -1);
            keys[n].text = luaL_tolstring(L, -1, &keys[n].len);
            lua_rotate(L, -3, 2); /* the key that lua_next goes on from stays on top */
            keys[n].slot = lua_gettop(L) - 2;
        }
        n++;
    }
    qsort(keys, n, sizeof(*keys), by_text);
    *found = n;
    return keys;
}

static size_t count_keys(lua_State *L, int index)
{
    size_t n = 0;
    for (lua_pushnil(L); lua_next(L, index); n++)
        lua_pop(L, 1);
    return n;
}

static void write_value(lua_State *L, struct shape *s, const char *under);

static void write_keys(lua_State *L, struct shape *s, int index, lua_Integer length, size_t count,
                       const char *under)
{
    size_t n;
    int top = lua_gettop(L);
    struct shape_key *keys = sorted_keys(L, index, length, count, &n);
    for (size_t i = 0; i < n; i++) {
        put(L, s, keys[i].text, keys[i].len);
        put(L, s, "=\1", 2);
        if (keys[i].slot)
            lua_pushvalue(L, keys[i].slot);
        else
            lua_pushlstring(L, keys[i].text, keys[i].len);
        lua_rawget(L, index);
        write_value(L, s, keys[i].slot ? under : keys[i].text);
        lua_pop(L, 1);
    }
    lua_settop(L, top);
}

/* A hop inside a chain that has only a name stands for an entry of the list. */
static void note_hop(lua_State *L, int index)
{
    lua_pushliteral(L, "name");
    if (lua_rawget(L, index) == LUA_TSTRING) {
        if (lua_getfield(L, index, "nodes") == LUA_TNIL) {
            lua_pushvalue(L, -2);
            note_reference(L, "hops");
            lua_pop(L, 1);
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* The value on top of the stack, which stays; `under` is the key that it stands under, NULL at the top. */
static void write_value(lua_State *L, struct shape *s, const char *under)
{
    if (lua_type(L, -1) != LUA_TTABLE) {
        write_plain(L, s, under);
        return;
    }
    if (++s->depth > SHAPE_DEPTH_MAX)
        luaL_error(L, "nested too deeply (limit %d)", SHAPE_DEPTH_MAX);
    luaL_checkstack(L, 16, "shape");
    int index = lua_gettop(L);
    lua_Integer length = (lua_Integer)lua_rawlen(L, index);
    put(L, s, "{\1", 2);
    for (lua_Integer i = 1; i <= length; i++) {
        lua_rawgeti(L, index, i);
        write_value(L, s, under);
        lua_pop(L, 1);
    }
    size_t count = count_keys(L, index);
    if (count != (size_t)length)
        write_keys(L, s, index, length, count, under);
    put(L, s, "}\1", 2);
    if (count == 1 && length == 0)
        note_hop(L, index);
    s->depth--;
}

static int l_shape(lua_State *L)
{
    luaL_checktype(L, AT_LISTS, LUA_TTABLE);
    luaL_checktype(L, AT_PASSED_OVER, LUA_TTABLE);
    lua_settop(L, AT_PASSED_OVER);
    lua_newtable(L);
    struct shape *s = lua_newuserdatauv(L, sizeof(*s), 0);
    memset(s, 0, sizeof(*s));
    luaL_setmetatable(L, SHAPE_TEXT);
    lua_pushvalue(L, AT_VALUE);
    write_value(L, s, NULL);
    lua_pushlstring(L, s->text, s->len);
    lua_pushvalue(L, AT_REFS);
    return 2;
}

void gostL_open_shape(lua_State *L)
{
    luaL_newmetatable(L, SHAPE_TEXT);
    lua_pushcfunction(L, shape_gc);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
    lua_pushcfunction(L, l_shape);
    lua_setfield(L, -2, "shape");
}
