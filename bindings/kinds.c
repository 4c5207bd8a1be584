/* Handlers and connectors written in Lua: gost.handler(name, fn), gost.connector(name, fn). */
#include "bindings/lib.h"
#include "bindings/route.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/runtime/fiber.h"

#include <stdlib.h>
#include <string.h>

/* A registered kind lives as long as its Lua state; `ref` is the function. */
struct handler_kind {
    struct gost_handler_kind base;
    int ref;
};

struct connector_kind {
    struct gost_connector_kind base;
    int ref;
};

static const char handlers_key, connectors_key;

/* fn(conn) may read, write, dial and pipe; what it returns does not matter. */
static int serve(struct gost_handler *h, struct gost_conn *c)
{
    const struct handler_kind *k = gost_container_of(h->kind, struct handler_kind, base);
    struct gostL_budget budget = gostL_default_budget;
    lua_State *L = gostL_thread();
    budget.wall_ms = 0; /* a handler lasts as long as its connection */
    luaL_checkstack(L, 6, "handler");
    lua_rawgeti(L, LUA_REGISTRYINDEX, k->ref);
    gostL_push_conn(L, c);
    gostL_conn_own(L, true);
    return gostL_call(L, 1, 0, k->base.name, &budget);
}

/* fn(stream, {host, port, network}, {user, password}) -> true, or nil and a message */
static int connector_connect(struct gost_connector *c, struct gost_stream **io,
                             const struct gost_request *r, uint64_t deadline)
{
    const struct connector_kind *k = gost_container_of(c->kind, struct connector_kind, base);
    lua_State *L = gostL_thread();
    int base = lua_gettop(L);
    uint64_t before = gost_fiber_set_limit(deadline);
    luaL_checkstack(L, 12, "connector");
    lua_rawgeti(L, LUA_REGISTRYINDEX, k->ref);
    gostL_push_stream(L, *io);
    void **box = lua_touserdata(L, -1);
    lua_pushvalue(L, -1);
    lua_insert(L, base + 1); /* keep the box while the function runs */
    gostL_push_target(L, r);
    lua_createtable(L, 0, 2);
    lua_pushstring(L, c->user);
    lua_setfield(L, -2, "user");
    lua_pushstring(L, c->password);
    lua_setfield(L, -2, "password");
    int rc = gostL_call(L, 3, 2, k->base.name, &gostL_default_budget);
    *io = *box; /* the function may have closed it */
    *box = NULL;
    if (*io && gostL_stream_busy(*io)) { /* in a fiber that it spawned */
        gostL_stream_release(*io);
        *io = NULL;
    }
    if (rc == 0 && !lua_toboolean(L, -2))
        rc = gost_fail(GOST_EUPSTREAM, "%s: %s", k->base.name,
                       lua_isstring(L, -1) ? lua_tostring(L, -1) : "refused");
    if (rc == 0 && !*io)
        rc = gost_fail(GOST_EHOOK, "%s: the function closed the stream", k->base.name);
    gost_fiber_set_limit(before);
    lua_settop(L, base);
    return rc;
}

/* core.handler(name, fn [, help]) */
static int l_handler(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &handlers_key);
    struct handler_kind *k = lua_newuserdatauv(L, sizeof(*k), 1);
    lua_pushvalue(L, -1);
    gostL_ref(L); /* what runs keeps the kind that it began with, also when the name is taken again */
    memset(k, 0, sizeof(*k));
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1); /* the name's text lives as long as the kind */
    k->base.name = name;
    k->base.serve = serve;
    lua_pushvalue(L, 2);
    k->ref = gostL_ref(L);
    lua_setfield(L, -2, name);
    return 0;
}

/* core.connector(name, fn) */
static int l_connector(lua_State *L)
{
    const char *name = luaL_checkstring(L, 1);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &connectors_key);
    struct connector_kind *k = lua_newuserdatauv(L, sizeof(*k), 1);
    lua_pushvalue(L, -1);
    gostL_ref(L); /* what runs keeps the kind that it began with, also when the name is taken again */
    memset(k, 0, sizeof(*k));
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    k->base.name = name;
    k->base.connect = connector_connect;
    lua_pushvalue(L, 2);
    k->ref = gostL_ref(L);
    lua_setfield(L, -2, name);
    return 0;
}

static void *find(lua_State *L, const void *key, const char *name)
{
    if (!name)
        return NULL;
    lua_rawgetp(L, LUA_REGISTRYINDEX, key);
    lua_getfield(L, -1, name);
    void *kind = lua_touserdata(L, -1);
    lua_pop(L, 2);
    return kind;
}

const struct gost_handler_kind *gostL_script_handler(lua_State *L, const char *name)
{
    struct handler_kind *k = find(L, &handlers_key, name);
    return k ? &k->base : NULL;
}

const struct gost_connector_kind *gostL_script_connector(lua_State *L, const char *name)
{
    struct connector_kind *k = find(L, &connectors_key, name);
    return k ? &k->base : NULL;
}

void gostL_open_kinds(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"handler", l_handler}, {"connector", l_connector}, {NULL, NULL}};
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &handlers_key);
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &connectors_key);
    luaL_setfuncs(L, functions, 0);
}
