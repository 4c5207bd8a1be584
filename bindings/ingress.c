/* gost.Ingress: which tunnel a host name leads to. */
#include "bindings/lib.h"
#include "bindings/route.h"
#include "bindings/script.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/policy/ingress.h"

#include <string.h>

static int read_endpoint(lua_State *L, struct gost_endpoint *out)
{
    size_t n;
    if (!lua_toboolean(L, -1))
        return 0;
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &n) : NULL;
    return text && gost_endpoint_parse(text, n, out)
               ? 1
               : gost_fail(GOST_EHOOK, "expected the UUID of a tunnel, or $ and one");
}

/* fn(conn, host) -> "UUID" | "$UUID" | nil */
static int script_ask(void *arg, const char *host, struct gost_endpoint *out)
{
    lua_State *L = gostL_script_begin(arg);
    lua_pushstring(L, host);
    int rc = gostL_call(L, 2, 1, "ingress", &gostL_default_budget);
    if (rc != 0)
        return rc;
    rc = read_endpoint(L, out);
    lua_pop(L, 1);
    return rc;
}

static void take_script(lua_State *L, struct gost_ingress *i)
{
    if (lua_getfield(L, 1, "fn") == LUA_TFUNCTION) {
        i->hook_arg = gostL_script_new(L, -1);
        i->hook = script_ask;
        i->hook_drop = gostL_script_drop;
    }
    lua_pop(L, 1);
}

static void take_rules(lua_State *L, struct gost_ingress *i)
{
    if (lua_getfield(L, 1, "rules") == LUA_TTABLE)
        for (lua_Integer at = 1, n = luaL_len(L, -1); at <= n; at++) {
            lua_rawgeti(L, -1, at);
            luaL_checktype(L, -1, LUA_TTABLE);
            const char *host = gostL_field_string(L, -1, "hostname");
            const char *endpoint = gostL_field_string(L, -1, "endpoint");
            int rc = gost_ingress_add(i, host ? host : "", host ? strlen(host) : 0,
                                      endpoint ? endpoint : "", endpoint ? strlen(endpoint) : 0);
            if (rc != 0)
                luaL_error(L, "ingress: %s", gost_diag_text(rc));
            lua_pop(L, 1);
        }
    lua_pop(L, 1);
}

/* core.ingress{rules={{hostname=,endpoint=}…}, lines=text, fn=} -> Ingress */
static int l_ingress(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    void **box = gostL_box(L, GOSTL_INGRESS);
    struct gost_ingress *i;
    int rc = gost_ingress_new(&i);
    if (rc != 0)
        return luaL_error(L, "ingress: %s", gost_diag_text(rc));
    *box = i;
    take_rules(L, i);
    const char *lines = gostL_field_string(L, 1, "lines");
    if (lines && (rc = gost_ingress_load(i, lines, strlen(lines))) != 0)
        return luaL_error(L, "ingress: %s", gost_diag_text(rc));
    take_script(L, i);
    return 1;
}

/* ingress:find(host) -> "UUID" or "$UUID", nil. Suspends if its function does. */
static int ingress_find(lua_State *L)
{
    struct gost_ingress *i = gostL_check(L, 1, GOSTL_INGRESS);
    struct gost_endpoint found;
    char text[1 + GOST_UUID_TEXT] = "$";
    int rc = gost_ingress_find(i, luaL_checkstring(L, 2), &found);
    if (rc < 0)
        return gostL_fail(L, rc);
    if (rc == 0)
        return 0;
    gost_uuid_format(found.id, text + 1);
    lua_pushstring(L, found.is_private ? text : text + 1);
    return 1;
}

static int ingress_gc(lua_State *L)
{
    void **box = luaL_checkudata(L, 1, GOSTL_INGRESS);
    gost_ingress_unref(*box);
    *box = NULL;
    return 0;
}

void gostL_open_ingress(lua_State *L)
{
    static const luaL_Reg methods[] = {{"find", ingress_find}, {NULL, NULL}};
    static const luaL_Reg meta[] = {{"__gc", ingress_gc}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"ingress", l_ingress}, {NULL, NULL}};
    gostL_class(L, GOSTL_INGRESS, methods, meta);
    luaL_setfuncs(L, functions, 0);
}
