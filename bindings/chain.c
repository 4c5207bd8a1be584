/* gost.Chain: hops in travel order, and dialing through them. */
#include "bindings/lib.h"
#include "bindings/route.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/runtime/loop.h"

#include <stdlib.h>
#include <string.h>

static void add_hop(void *arg, void *object)
{
    gost_chain_add(arg, object);
}

/* core.chain{name=, hops={Hop…} | group=Hop of nodes that are chains} -> Chain */
static int l_chain(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    void **box = gostL_box(L, GOSTL_CHAIN);
    const char *name = gostL_field_string(L, 1, "name");
    struct gost_chain *c;
    int rc = gost_chain_new(name ? name : "chain", &c);
    if (rc != 0)
        return luaL_error(L, "chain: %s", gost_diag_text(rc));
    *box = c;
    gostL_field_boxes(L, 1, "hops", GOSTL_HOP, add_hop, c);
    lua_getfield(L, 1, "group");
    struct gost_hop *group = gostL_test(L, -1, GOSTL_HOP);
    c->group = group ? gost_hop_ref(group) : NULL;
    lua_pop(L, 1);
    return 1;
}

static void check_request(lua_State *L, int index, struct gost_request *r)
{
    memset(r, 0, sizeof(*r));
    const char *text = luaL_checkstring(L, index);
    if (text[0] == '/' || text[0] == '@') {
        luaL_argcheck(L, strlen(text) < sizeof(r->addr.host), index, "path too long");
        r->network = GOST_UNIX;
        strcpy(r->addr.host, text);
    } else {
        gostL_check_addr(L, index, &r->addr, 80);
    }
}

/* core.dial(addr, chain or nil [, seconds]) -> Stream | nil, message, code. Suspends. */
static int dial_body(lua_State *L)
{
    struct gost_chain *chain = lua_isnoneornil(L, 2) ? NULL : gostL_check(L, 2, GOSTL_CHAIN);
    uint64_t deadline = gostL_opt_deadline(L, 3);
    struct gost_request *r = lua_newuserdatauv(L, sizeof(*r), 0);
    struct gost_stream *s = NULL;
    char *route = NULL;
    int rc;
    check_request(L, 1, r);
    if (deadline == GOST_NEVER)
        deadline = gost_now() + GOST_DIAL_TIMEOUT;
    if (chain) {
        rc = gost_chain_dial(chain, NULL, r, deadline, &s, &route);
    } else {
        struct gost_router direct = {.timeout = (int64_t)(deadline - gost_now())};
        rc = gost_router_dial(&direct, NULL, r, NULL, true, &s, &route);
    }
    free(route);
    if (rc != 0)
        return gostL_fail(L, rc);
    gostL_push_stream(L, s);
    return 1;
}

static int l_dial(lua_State *L)
{
    return gostL_waiting(L, dial_body);
}

/* chain:dial(addr [, seconds]) */
static int chain_dial(lua_State *L)
{
    gostL_check(L, 1, GOSTL_CHAIN);
    lua_settop(L, 3);
    lua_pushvalue(L, 1);
    lua_remove(L, 1);
    lua_insert(L, 2); /* addr, chain, seconds */
    return gostL_waiting(L, dial_body);
}

static int chain_tostring(lua_State *L)
{
    struct gost_chain *c = gostL_test(L, 1, GOSTL_CHAIN);
    if (!c)
        lua_pushliteral(L, "gost.Chain (closed)");
    else
        lua_pushfstring(L, "gost.Chain %s (%d hops)", c->name, (int)c->count);
    return 1;
}

static int chain_gc(lua_State *L)
{
    void **box = luaL_checkudata(L, 1, GOSTL_CHAIN);
    gost_chain_unref(*box);
    *box = NULL;
    return 0;
}

void gostL_open_chain(lua_State *L)
{
    static const luaL_Reg methods[] = {{"dial", chain_dial}, {NULL, NULL}};
    static const luaL_Reg meta[] = {{"__gc", chain_gc}, {"__tostring", chain_tostring}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"chain", l_chain}, {"dial", l_dial}, {NULL, NULL}};
    gostL_class(L, GOSTL_CHAIN, methods, meta);
    luaL_setfuncs(L, functions, 0);
}
