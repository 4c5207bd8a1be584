/* Destinations as scripts see them, and what their functions decide about them. */
#include "bindings/lib.h"
#include "bindings/route.h"

#include "core/base/diag.h"
#include "core/base/error.h"

#include <string.h>

static int target_tostring(lua_State *L)
{
    lua_getfield(L, 1, "host");
    lua_getfield(L, 1, "port");
    const char *host = luaL_optstring(L, -2, "");
    bool v6 = strchr(host, ':') != NULL;
    lua_pushfstring(L, v6 ? "[%s]:%d" : "%s:%d", host, (int)luaL_optinteger(L, -1, 0));
    return 1;
}

static int error_tostring(lua_State *L)
{
    lua_getfield(L, 1, "message");
    luaL_tolstring(L, -1, NULL);
    return 1;
}

/* Give the table on top a __tostring. */
static void printable(lua_State *L, const char *class, lua_CFunction tostring)
{
    if (luaL_newmetatable(L, class)) {
        lua_pushcfunction(L, tostring);
        lua_setfield(L, -2, "__tostring");
    }
    lua_setmetatable(L, -2);
}

/* The destination of a request: {host, port, network, protocol, path}. */
void gostL_push_target(lua_State *L, const struct gost_request *r)
{
    lua_createtable(L, 0, 5);
    printable(L, "gost.Target", target_tostring);
    lua_pushstring(L, r->addr.host);
    lua_setfield(L, -2, "host");
    lua_pushinteger(L, r->addr.port);
    lua_setfield(L, -2, "port");
    lua_pushstring(L, gost_network_name(r->network));
    lua_setfield(L, -2, "network");
    lua_pushstring(L, r->protocol);
    lua_setfield(L, -2, "protocol");
    lua_pushstring(L, r->path);
    lua_setfield(L, -2, "path");
}

void gostL_push_dial_error(lua_State *L, const char *message, int rc)
{
    lua_createtable(L, 0, 2);
    printable(L, "gost.DialError", error_tostring);
    lua_pushstring(L, message);
    lua_setfield(L, -2, "message");
    lua_pushstring(L, gost_error_code(rc));
    lua_setfield(L, -2, "code");
}

/* A chain from a Chain, Hop or Node; with a reference. NULL with diag otherwise. */
static struct gost_chain *chain_of(lua_State *L, int index)
{
    struct gost_chain *chain = gostL_test(L, index, GOSTL_CHAIN);
    struct gost_hop *hop = gostL_test(L, index, GOSTL_HOP);
    struct gost_node *node = gostL_test(L, index, GOSTL_NODE);
    if (chain)
        return gost_chain_ref(chain);
    if (!hop && !node) {
        gost_fail(GOST_EHOOK,
                  "route: expected a chain, hop, node, \"direct\", \"deny\" or a table");
        return NULL;
    }
    struct gost_hop *made = NULL;
    if (node && gost_hop_new(node->name, &made) == 0 && gost_hop_add(made, node) == 0)
        hop = made;
    if (hop && gost_chain_new(hop->name, &chain) == 0 && gost_chain_add(chain, hop) != 0) {
        gost_chain_unref(chain);
        chain = NULL;
    }
    gost_hop_unref(made);
    return chain;
}

/* The keys of a decision in a table; others raise no error but deny: nothing is ignored. */
static int check_keys(lua_State *L)
{
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "a number";
        if (strcmp(key, "addr") != 0 && strcmp(key, "chain") != 0)
            return gost_fail(GOST_EHOOK, "route: unknown key \"%s\", expected addr or chain", key);
    }
    return 0;
}

/* {chain=, addr=}: the parts of a decision in a table */
static int decision_table(lua_State *L, struct gost_decision *d)
{
    int rc = check_keys(L);
    if (rc != 0)
        return rc;
    if (gostL_rawfield(L, -1, "addr") != LUA_TNIL) {
        const char *addr = lua_tostring(L, -1);
        rc = addr ? gost_addr_parse(&d->addr, addr, strlen(addr), 0)
                  : gost_fail(GOST_EHOOK, "route: addr: expected a string, got a %s",
                              luaL_typename(L, -1));
    }
    lua_pop(L, 1);
    if (rc == 0 && gostL_rawfield(L, -1, "chain") != LUA_TNIL)
        rc = gostL_decision(L, d);
    return rc; /* the caller cleans the stack */
}

/* Whether the value on top is one of the words, or true, false or nil, that stand for a decision. */
static bool decision_word(lua_State *L, struct gost_decision *d)
{
    const char *word = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
    bool off = lua_isboolean(L, -1) && !lua_toboolean(L, -1);
    if (off || strcmp(word, "deny") == 0)
        d->kind = GOST_ROUTE_DENY;
    else if (strcmp(word, "direct") == 0)
        d->kind = GOST_ROUTE_DIRECT;
    else
        return lua_isnil(L, -1) || lua_isboolean(L, -1);
    return true;
}

int gostL_decision(lua_State *L, struct gost_decision *d)
{
    if (decision_word(L, d))
        return 0;
    int rc = gostL_unwrap(L);
    if (rc != 0)
        return rc;
    if (lua_istable(L, -1))
        return decision_table(L, d);
    d->chain = chain_of(L, -1);
    d->kind = GOST_ROUTE_CHAIN;
    return d->chain ? 0 : GOST_EHOOK;
}
