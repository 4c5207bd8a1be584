#include "bindings/lib.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/runtime/loop.h"

#include <string.h>

void **gostL_box(lua_State *L, const char *class)
{
    void **box = lua_newuserdatauv(L, sizeof(*box), 1);
    *box = NULL;
    luaL_setmetatable(L, class);
    return box;
}

void *gostL_check(lua_State *L, int index, const char *class)
{
    void **box = luaL_checkudata(L, index, class);
    if (!*box)
        luaL_argerror(L, index, "closed");
    return *box;
}

void *gostL_test(lua_State *L, int index, const char *class)
{
    void **box = luaL_testudata(L, index, class);
    return box ? *box : NULL;
}

void gostL_class(lua_State *L, const char *class, const luaL_Reg *methods, const luaL_Reg *meta)
{
    luaL_newmetatable(L, class);
    luaL_setfuncs(L, meta, 0);
    if (lua_getfield(L, -1, "__index") == LUA_TNIL) {
        lua_newtable(L);
        luaL_setfuncs(L, methods, 0);
        lua_setfield(L, -3, "__index");
    } else { /* __index is a function: the methods lie beside it */
        lua_newtable(L);
        luaL_setfuncs(L, methods, 0);
        lua_setfield(L, -3, "methods");
    }
    lua_pop(L, 2);
}

int gostL_fail(lua_State *L, int rc)
{
    lua_pushnil(L);
    lua_pushstring(L, gost_diag_text(rc));
    lua_pushstring(L, gost_error_code(rc));
    return 3;
}

const char *gostL_field_string(lua_State *L, int index, const char *key)
{
    int type = lua_getfield(L, index, key);
    const char *text = lua_tostring(L, -1);
    if (type != LUA_TNIL && type != LUA_TSTRING && type != LUA_TNUMBER)
        luaL_error(L, "%s: expected a string, got a %s", key, lua_typename(L, type));
    lua_pop(L, 1);
    return type == LUA_TNIL ? NULL : text;
}

double gostL_field_number(lua_State *L, int index, const char *key, double otherwise)
{
    int ok, type = lua_getfield(L, index, key);
    double value = lua_tonumberx(L, -1, &ok);
    if (type != LUA_TNIL && !ok)
        luaL_error(L, "%s: expected a number, got a %s", key, lua_typename(L, type));
    lua_pop(L, 1);
    return type == LUA_TNIL ? otherwise : value;
}

int64_t gostL_field_int(lua_State *L, int index, const char *key, int64_t otherwise)
{
    return (int64_t)gostL_field_number(L, index, key, (double)otherwise);
}

bool gostL_field_bool(lua_State *L, int index, const char *key, bool otherwise)
{
    bool value = lua_getfield(L, index, key) == LUA_TNIL ? otherwise : lua_toboolean(L, -1);
    lua_pop(L, 1);
    return value;
}

size_t gostL_field_boxes(lua_State *L, int index, const char *key, const char *class,
                         void (*each)(void *arg, void *object), void *arg)
{
    size_t count = 0;
    index = lua_absindex(L, index);
    if (lua_getfield(L, index, key) != LUA_TNIL) {
        luaL_checktype(L, -1, LUA_TTABLE);
        count = (size_t)lua_rawlen(L, -1);
        for (size_t i = 1; i <= count; i++) {
            lua_rawgeti(L, -1, (lua_Integer)i);
            void *object = gostL_test(L, -1, class);
            if (!object)
                luaL_error(L, "%s[%d]: expected a %s, got a %s", key, (int)i, class,
                           luaL_typename(L, -1));
            if (each)
                each(arg, object);
            lua_pop(L, 1);
        }
    }
    lua_pop(L, 1);
    return count;
}

int gostL_rawfield(lua_State *L, int index, const char *key)
{
    index = lua_absindex(L, index);
    lua_pushstring(L, key);
    return lua_rawget(L, index);
}

int gostL_unwrap(lua_State *L)
{
    /* luaL_getmetafield is raw: only our own tables are asked, whose metamethods do not raise */
    if (!lua_istable(L, -1) || luaL_getmetafield(L, -1, "__name") == LUA_TNIL)
        return 0;
    const char *name = lua_tostring(L, -1);
    bool ours = name && strncmp(name, "gost.", 5) == 0;
    lua_pop(L, 1);
    if (!ours)
        return 0;
    if (lua_getfield(L, -1, "object") != LUA_TFUNCTION) {
        lua_pop(L, 1);
        return 0;
    }
    lua_insert(L, -2); /* the method, the table */
    if (lua_pcall(L, 1, 1, 0) == LUA_OK)
        return 0;
    return gost_fail(GOST_EHOOK, "%s", lua_isstring(L, -1) ? lua_tostring(L, -1) : "no object");
}

void gostL_check_addr(lua_State *L, int index, struct gost_addr *out, uint16_t default_port)
{
    size_t n;
    const char *text = luaL_checklstring(L, index, &n);
    if (gost_addr_parse(out, text, n, default_port) != 0)
        luaL_argerror(L, index, gost_diag_text(GOST_ECONFIG));
}

uint64_t gostL_opt_deadline(lua_State *L, int index)
{
    if (lua_isnoneornil(L, index))
        return GOST_NEVER;
    double s = luaL_checknumber(L, index);
    if (s >= 1e12)
        return GOST_NEVER;
    return gost_now() + (s > 0 ? (uint64_t)(s * 1000) : 0);
}

int gostL_ref(lua_State *L)
{
    return luaL_ref(L, LUA_REGISTRYINDEX);
}

void gostL_unref(int ref)
{
    lua_State *L = gostL_main();
    if (L)
        luaL_unref(L, LUA_REGISTRYINDEX, ref);
}
