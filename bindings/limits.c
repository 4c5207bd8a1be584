/* gost.Traffic, gost.ConnLimit, gost.RateLimit: limiters for services. */
#include "bindings/lib.h"
#include "bindings/script.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/policy/conn_limit.h"
#include "core/policy/rate_limit.h"
#include "core/policy/traffic.h"

#include <string.h>

/* Add the rules of field "limits"; raises on a bad one. */
static void add_rules(lua_State *L, int (*add)(void *o, const char *rule, size_t n), void *object)
{
    if (lua_getfield(L, 1, "limits") == LUA_TTABLE)
        for (lua_Integer i = 1, n = luaL_len(L, -1); i <= n; i++) {
            size_t len;
            lua_rawgeti(L, -1, i);
            const char *rule = luaL_checklstring(L, -1, &len);
            int rc = add(object, rule, len);
            if (rc != 0)
                luaL_error(L, "limits[%d]: %s", (int)i, gost_diag_text(rc));
            lua_pop(L, 1);
        }
    lua_pop(L, 1);
}

static int add_traffic(void *o, const char *rule, size_t n)
{
    return gost_traffic_add(o, rule, n);
}

static int add_conns(void *o, const char *rule, size_t n)
{
    return gost_conn_limit_add(o, rule, n);
}

static int add_rate(void *o, const char *rule, size_t n)
{
    return gost_rate_limit_add(o, rule, n);
}

/* fn(conn, scope) -> bytes per second in, out */
static uint64_t rate_at(lua_State *L, int index)
{
    double rate = lua_tonumber(L, index);
    return rate >= 1 && rate < 1e18 ? (uint64_t)rate : 0;
}

static void traffic_hook(void *arg, unsigned scope, uint64_t rate[2])
{
    lua_State *L = gostL_script_begin(arg);
    lua_pushstring(L, scope == GOST_SCOPE_SERVICE ? "service"
                      : scope == GOST_SCOPE_CONN  ? "conn"
                                                  : "client");
    if (gostL_call(L, 2, 2, "limiter", &gostL_default_budget) != 0)
        return; /* it has been logged */
    rate[GOST_LIMIT_IN] = rate_at(L, -2);
    rate[GOST_LIMIT_OUT] = rate_at(L, -1);
    lua_pop(L, 2);
}

/* Field "fn" as a script, or NULL. */
static struct gostL_script *take_script(lua_State *L)
{
    bool given = lua_getfield(L, 1, "fn") == LUA_TFUNCTION;
    struct gostL_script *s = given ? gostL_script_new(L, -1) : NULL;
    lua_pop(L, 1);
    return s;
}

/* fn(conn, ip) -> how many or how much, of the client and in all; two numbers are on the stack then */
static int ask_both(struct gostL_script *s, const union gost_sockaddr *peer, const char *what,
                    double out[2])
{
    char host[GOST_HOSTPORT_MAX] = "";
    lua_State *L = gostL_script_begin(s);
    if (peer)
        gost_sockaddr_host(peer, host);
    lua_pushstring(L, host);
    int rc = gostL_call(L, 2, 2, what, &gostL_default_budget);
    if (rc != 0)
        return rc;
    for (int i = 0; i < 2; i++) {
        int index = i - 2;
        if (lua_toboolean(L, index) && !lua_isnumber(L, index))
            rc = gost_fail(GOST_EHOOK, "%s: expected a number, got a %s", what,
                           luaL_typename(L, index));
        out[i] = lua_tonumber(L, index);
    }
    lua_pop(L, 2);
    return rc;
}

static int conns_hook(void *arg, const union gost_sockaddr *peer, uint32_t most[GOST_ANSWERS])
{
    double number[GOST_ANSWERS];
    int rc = ask_both(arg, peer, "climiter", number);
    for (int i = 0; i < GOST_ANSWERS && rc == 0; i++)
        if (number[i] > 0)
            most[i] = number[i] < 1                ? 1
                      : number[i] < GOST_CONNS_MAX ? (uint32_t)number[i]
                                                   : GOST_CONNS_MAX;
    return rc;
}

static int rate_hook(void *arg, const union gost_sockaddr *peer, double rate[2])
{
    return ask_both(arg, peer, "rlimiter", rate);
}

/* core.traffic_limiter{name=, limits={"$ in out"…}, fn=} -> Traffic */
static int l_traffic(lua_State *L)
{
    struct gost_traffic *t;
    luaL_checktype(L, 1, LUA_TTABLE);
    void **box = gostL_box(L, GOSTL_TRAFFIC);
    int rc = gost_traffic_new(&t, gostL_field_string(L, 1, "name"));
    if (rc != 0)
        return luaL_error(L, "limiter: %s", gost_diag_text(rc));
    *box = t;
    add_rules(L, add_traffic, t);
    if ((t->hook_arg = take_script(L))) {
        t->hook = traffic_hook;
        t->hook_drop = gostL_script_drop;
    }
    return 1;
}

/* core.conn_limiter{name=, limits={"$ n"…}, fn=} -> ConnLimit */
static int l_conns(lua_State *L)
{
    struct gost_conn_limit *c;
    luaL_checktype(L, 1, LUA_TTABLE);
    void **box = gostL_box(L, GOSTL_CONN_LIMIT);
    int rc = gost_conn_limit_new(&c, gostL_field_string(L, 1, "name"));
    if (rc != 0)
        return luaL_error(L, "climiter: %s", gost_diag_text(rc));
    *box = c;
    add_rules(L, add_conns, c);
    if ((c->hook_arg = take_script(L))) {
        c->hook = conns_hook;
        c->hook_drop = gostL_script_drop;
        if ((rc = gost_conn_limit_hooked(c)) != 0)
            return luaL_error(L, "climiter: %s", gost_diag_text(rc));
    }
    return 1;
}

/* core.rate_limiter{name=, limits={"$ r"…}, fn=} -> RateLimit */
static int l_rate(lua_State *L)
{
    struct gost_rate_limit *r;
    luaL_checktype(L, 1, LUA_TTABLE);
    void **box = gostL_box(L, GOSTL_RATE_LIMIT);
    int rc = gost_rate_limit_new(&r, gostL_field_string(L, 1, "name"));
    if (rc != 0)
        return luaL_error(L, "rlimiter: %s", gost_diag_text(rc));
    *box = r;
    add_rules(L, add_rate, r);
    if ((r->hook_arg = take_script(L))) {
        r->hook = rate_hook;
        r->hook_drop = gostL_script_drop;
        if ((rc = gost_rate_limit_hooked(r)) != 0)
            return luaL_error(L, "rlimiter: %s", gost_diag_text(rc));
    }
    return 1;
}

static int traffic_gc(lua_State *L)
{
    void **box = luaL_checkudata(L, 1, GOSTL_TRAFFIC);
    gost_traffic_unref(*box);
    *box = NULL;
    return 0;
}

static int conns_gc(lua_State *L)
{
    void **box = luaL_checkudata(L, 1, GOSTL_CONN_LIMIT);
    gost_conn_limit_unref(*box);
    *box = NULL;
    return 0;
}

static int rate_gc(lua_State *L)
{
    void **box = luaL_checkudata(L, 1, GOSTL_RATE_LIMIT);
    gost_rate_limit_unref(*box);
    *box = NULL;
    return 0;
}

void gostL_open_limits(lua_State *L)
{
    static const luaL_Reg none[] = {{NULL, NULL}};
    static const luaL_Reg traffic_meta[] = {{"__gc", traffic_gc}, {NULL, NULL}};
    static const luaL_Reg conns_meta[] = {{"__gc", conns_gc}, {NULL, NULL}};
    static const luaL_Reg rate_meta[] = {{"__gc", rate_gc}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"traffic_limiter", l_traffic},
                                         {"conn_limiter", l_conns},
                                         {"rate_limiter", l_rate},
                                         {NULL, NULL}};
    gostL_class(L, GOSTL_TRAFFIC, none, traffic_meta);
    gostL_class(L, GOSTL_CONN_LIMIT, none, conns_meta);
    gostL_class(L, GOSTL_RATE_LIMIT, none, rate_meta);
    luaL_setfuncs(L, functions, 0);
}
