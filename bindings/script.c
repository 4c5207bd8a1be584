#include "bindings/script.h"

#include "bindings/lib.h"

#include "core/runtime/fiber.h"

#include <stdlib.h>

enum { ROOM = 12 }; /* of the stack: arguments and what they are made of */

struct gostL_script *gostL_script_new(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    struct gostL_script *s = malloc(sizeof(*s));
    if (!s)
        luaL_error(L, "not enough memory");
    lua_pushvalue(L, index);
    s->ref = gostL_ref(L);
    return s;
}

void gostL_script_drop(void *arg)
{
    struct gostL_script *s = arg;
    gostL_unref(s->ref);
    free(s);
}

lua_State *gostL_script_push(const struct gostL_script *s)
{
    lua_State *L = gostL_thread();
    luaL_checkstack(L, ROOM, "a function that is asked");
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->ref);
    return L;
}

lua_State *gostL_script_begin(const struct gostL_script *s)
{
    struct gost_fiber *f = gost_fiber_self();
    lua_State *L = gostL_script_push(s);
    if (f && f->conn)
        gostL_push_conn(L, f->conn);
    else
        lua_pushnil(L);
    return L;
}
