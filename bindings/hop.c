/* gost.Hop: nodes to choose from. */
#include "bindings/lib.h"
#include "bindings/route.h"

#include "core/base/diag.h"
#include "core/base/error.h"

#include <stdlib.h>
#include <string.h>

/* A selector written in Lua: fn(conn, candidates, request) -> index, node's name or nil. */
struct script_select {
    int ref;
};

static void select_drop(void *arg)
{
    struct script_select *s = arg;
    gostL_unref(s->ref);
    free(s);
}

static void push_candidate(lua_State *L, struct gost_node *n)
{
    char text[GOST_HOSTPORT_MAX];
    lua_createtable(L, 0, 4);
    lua_pushstring(L, n->name);
    lua_setfield(L, -2, "name");
    lua_pushstring(L, gost_addr_format(&n->addr, text));
    lua_setfield(L, -2, "addr");
    lua_pushinteger(L, n->weight);
    lua_setfield(L, -2, "weight");
    lua_pushinteger(L, gost_failmark_count(n->mark));
    lua_setfield(L, -2, "failures");
}

/* What the function answered, as an index from 0; or -1. */
static int chosen(lua_State *L, struct gost_node *const *candidates, size_t count)
{
    int index = -1;
    if (lua_isinteger(L, -1))
        index = (int)lua_tointeger(L, -1) - 1;
    else if (lua_istable(L, -1))
        gostL_rawfield(L, -1, "name"), lua_replace(L, -2);
    if (index < 0 && lua_type(L, -1) == LUA_TSTRING)
        for (size_t i = 0; i < count; i++)
            if (strcmp(lua_tostring(L, -1), candidates[i]->name) == 0)
                index = (int)i;
    return index >= 0 && (size_t)index < count ? index : -1;
}

int gostL_select(int ref, const struct gostL_budget *budget, struct gost_conn *c,
                 const struct gost_request *r, struct gost_node *const *candidates, size_t count)
{
    lua_State *L = gostL_thread();
    luaL_checkstack(L, 10, "select");
    lua_rawgeti(L, LUA_REGISTRYINDEX, ref);
    if (c)
        gostL_push_conn(L, c);
    else
        lua_pushnil(L);
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        push_candidate(L, candidates[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    gostL_push_target(L, r);
    int rc = gostL_call(L, 3, 1, "select", budget);
    if (rc != 0)
        return rc;
    bool none = lua_isnil(L, -1);
    int index = chosen(L, candidates, count);
    lua_pop(L, 1);
    if (index < 0 && !none)
        return gost_fail(GOST_EHOOK, "the select function chose what is no candidate");
    return none ? (int)count : index;
}

static int select_hook(void *arg, struct gost_conn *c, const struct gost_request *r,
                       struct gost_node *const *candidates, size_t count)
{
    struct script_select *s = arg;
    return gostL_select(s->ref, &gostL_default_budget, c, r, candidates, count);
}

static void add_node(void *arg, void *object)
{
    gost_hop_add(arg, object);
}

/* core.hop{name=, nodes={Node…}, strategy=, max_fails=, fail_timeout_ms=, max_latency_ms=, bypasses={…}, select=,
 * group=} */
static int l_hop(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    void **box = gostL_box(L, GOSTL_HOP);
    const char *name = gostL_field_string(L, 1, "name");
    const char *strategy = gostL_field_string(L, 1, "strategy");
    struct gost_hop *h;
    int rc = gost_hop_new(name ? name : "hop", &h);
    if (rc != 0)
        return luaL_error(L, "hop: %s", gost_diag_text(rc));
    *box = h;
    enum gost_strategy kind = GOST_STRATEGY_ROUND;
    if (strategy && !gost_strategy_parse(strategy, &kind))
        return luaL_error(L, "hop %s: unknown strategy \"%s\"", h->name, strategy);
    const char *scope = gostL_field_string(L, 1, "scope");
    if ((rc = gost_hop_set_strategy(h, kind, gostL_field_int(L, 1, "max_latency_ms", 0),
                                    scope ? scope : "")) != 0)
        return luaL_error(L, "hop %s: %s", h->name, gost_diag_text(rc));
    h->group = gostL_field_bool(L, 1, "group", false);
    h->max_fails = (int)gostL_field_int(L, 1, "max_fails", 0);
    h->fail_timeout = gostL_field_int(L, 1, "fail_timeout_ms", 0);
    gostL_field_boxes(L, 1, "nodes", GOSTL_NODE, add_node, h);
    gostL_take_bypasses(L, 1, &h->bypass, &h->bypass_count);
    if (lua_getfield(L, 1, "select") == LUA_TFUNCTION) {
        struct script_select *s = malloc(sizeof(*s));
        if (!s)
            return luaL_error(L, "not enough memory");
        s->ref = gostL_ref(L);
        h->select_arg = s;
        h->select = select_hook;
        h->select_drop = select_drop;
    }
    lua_settop(L, 2);
    return 1;
}

static void collect_node(void *arg, void *object)
{
    struct gost_node ***at = arg;
    *(*at)++ = object;
}

/* hop:set_nodes{nodes = {Node…}}: in the place of those it has */
static int hop_set_nodes(lua_State *L)
{
    struct gost_hop *h = gostL_check(L, 1, GOSTL_HOP);
    luaL_checktype(L, 2, LUA_TTABLE);
    size_t count = gostL_field_boxes(L, 2, "nodes", GOSTL_NODE, NULL, NULL);
    struct gost_node **nodes = lua_newuserdatauv(L, (count + 1) * sizeof(*nodes), 0), **at = nodes;
    gostL_field_boxes(L, 2, "nodes", GOSTL_NODE, collect_node, &at);
    int rc = gost_hop_set_nodes(h, nodes, count);
    if (rc != 0)
        return luaL_error(L, "hop %s: %s", h->name, gost_diag_text(rc));
    return 0;
}

static int hop_tostring(lua_State *L)
{
    struct gost_hop *h = gostL_test(L, 1, GOSTL_HOP);
    if (!h)
        lua_pushliteral(L, "gost.Hop (closed)");
    else
        lua_pushfstring(L, "gost.Hop %s (%d nodes)", h->name, (int)h->count);
    return 1;
}

static int hop_gc(lua_State *L)
{
    void **box = luaL_checkudata(L, 1, GOSTL_HOP);
    gost_hop_unref(*box);
    *box = NULL;
    return 0;
}

void gostL_open_hop(lua_State *L)
{
    static const luaL_Reg methods[] = {{"set_nodes", hop_set_nodes}, {NULL, NULL}};
    static const luaL_Reg meta[] = {{"__gc", hop_gc}, {"__tostring", hop_tostring}, {NULL, NULL}};
    gostL_class(L, GOSTL_HOP, methods, meta);
    lua_pushcfunction(L, l_hop);
    lua_setfield(L, -2, "hop");
}
