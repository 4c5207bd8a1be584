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
#include "bindings/json.h"

#include <lauxlib.h>

int luaopen_gost_json(lua_State *L);

static int json_array(lua_State *L)
{
    if (lua_isnoneornil(L, 1)) {
        lua_settop(L, 0);
        lua_newtable(L);
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    luaL_setmetatable(L, GOSTL_JSON_ARRAY);
    return 1;
}

int luaopen_gost_json(lua_State *L)
{
    static const luaL_Reg functions[] = {{"decode", gostL_json_decode},
                                         {"encode", gostL_json_encode},
                                         {"array", json_array},
                                         {NULL, NULL}};

    luaL_newmetatable(L, GOSTL_JSON_ARRAY);
    gostL_json_encode_open(L);
    lua_settop(L, 0);
    luaL_newlib(L, functions);
    lua_pushlightuserdata(L, NULL);
    lua_setfield(L, -2, "null");
    return 1;
}
