/**
 * The two halves of gost.json; see json.c for what Lua sees.
 */
#ifndef GOST_BINDINGS_JSON_H
#define GOST_BINDINGS_JSON_H

#include <lua.h>

/** Metatable that marks a table as a list even when it is empty. */
#define GOSTL_JSON_ARRAY "gost.json.array"

/** json.decode(text [, {name=, positions=}]) */
int gostL_json_decode(lua_State *L);

/** json.encode(value [, indent]) */
int gostL_json_encode(lua_State *L);

/** Register what encode needs; once for each Lua state. */
void gostL_json_encode_open(lua_State *L);

#endif
