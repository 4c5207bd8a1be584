/**
 * The YAML decoder: whatever it is given, it answers with a value and positions or with one line of text, in bounded
 * depth, and leaves the Lua stack as it was. What it made holds together: every table has a position.
 */
#include "fuzz.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdbool.h>

int luaopen_gost_yaml(lua_State *L);

enum { DEPTH_MAX = 64, VISITS_MAX = 100000 };

static int visits;

/** A decoded value lies on top: look through it. `places` is the index of the positions. */
static void walk(lua_State *L, int places, int depth)
{
    REQUIRE(depth <= DEPTH_MAX);
    luaL_checkstack(L, 8, "walk");
    if (!lua_istable(L, -1) || ++visits > VISITS_MAX)
        return;
    lua_pushvalue(L, -1);
    REQUIRE(lua_rawget(L, places) == LUA_TTABLE);
    REQUIRE(lua_rawgeti(L, -1, 0) == LUA_TNUMBER);
    REQUIRE(lua_tointeger(L, -1) >> 16 >= 1);
    lua_pop(L, 2);
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        int key = lua_type(L, -2);
        REQUIRE(key == LUA_TSTRING || key == LUA_TNUMBER);
        walk(L, places, depth + 1);
        lua_pop(L, 1);
    }
}

static lua_State *state(void)
{
    static lua_State *L;
    static unsigned runs;
    if (L != NULL && ++runs % 4096 == 0) { /* nothing piles up */
        lua_close(L);
        L = NULL;
    }
    if (L == NULL) {
        L = luaL_newstate();
        REQUIRE(L != NULL);
        luaL_openlibs(L);
        luaL_requiref(L, "gost.yaml", luaopen_gost_yaml, 0);
        lua_setglobal(L, "yaml");
    }
    return L;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lua_State *L = state();
    int top = lua_gettop(L);
    lua_getglobal(L, "yaml");
    lua_getfield(L, -1, "decode");
    lua_pushlstring(L, (const char *)data, size);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "f.yml");
    lua_setfield(L, -2, "name");
    REQUIRE(lua_pcall(L, 2, 2, 0) == LUA_OK);
    if (lua_isstring(L, -1)) {
        REQUIRE(lua_isnil(L, -2));
        REQUIRE(strncmp(lua_tostring(L, -1), "f.yml:", 6) == 0);
    } else {
        REQUIRE(lua_istable(L, -1));
        int places = lua_gettop(L);
        lua_pushvalue(L, -2);
        visits = 0;
        walk(L, places, 0);
    }
    lua_settop(L, top);
    return 0;
}
