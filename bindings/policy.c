/* gost.Bypass, gost.Admission, gost.Auther, gost.Hosts: policies from lists and Lua functions. */
#include "bindings/lib.h"
#include "bindings/route.h"
#include "bindings/script.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/policy/admission.h"
#include "core/policy/auth.h"
#include "core/policy/bypass.h"
#include "core/policy/hosts.h"

#include <stdio.h>
#include <string.h>

/* Call, and turn the answer into 1, 0 or a negative code. */
static int script_verdict(lua_State *L, int nargs, const char *what)
{
    int rc = gostL_call(L, nargs, 1, what, &gostL_default_budget);
    if (rc != 0)
        return rc;
    int yes = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return yes;
}

/* Add the strings of the list in field `key`; raises on what is none or is refused. */
static void add_patterns(lua_State *L, const char *key, int (*add)(void *o, const char *, size_t),
                         void *object)
{
    if (lua_getfield(L, 1, key) != LUA_TNIL) {
        luaL_checktype(L, -1, LUA_TTABLE);
        for (lua_Integer i = 1, n = luaL_len(L, -1); i <= n; i++) {
            size_t len;
            lua_rawgeti(L, -1, i);
            const char *text = lua_tolstring(L, -1, &len);
            int rc = text ? add(object, text, len) : GOST_ECONFIG;
            if (rc < 0)
                luaL_error(L, "%s[%d]: %s", key, (int)i,
                           text ? gost_diag_text(rc) : "expected a string");
            lua_pop(L, 1);
        }
    }
    lua_pop(L, 1);
}

/* --- bypass --------------------------------------------------------------------------------------- */

static int bypass_hook(void *arg, const struct gost_addr *addr, const char *network)
{
    char text[GOST_HOSTPORT_MAX];
    lua_State *L = gostL_script_begin(arg);
    lua_pushstring(L, gost_addr_format(addr, text));
    lua_pushstring(L, network);
    return script_verdict(L, 3, "bypass");
}

static int add_bypass(void *b, const char *p, size_t n)
{
    return gost_bypass_add(b, p, n);
}

/* core.bypass{whitelist=, network=, matchers={…}, fn=} -> Bypass */
static int l_bypass(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    void **box = gostL_box(L, GOSTL_BYPASS);
    struct gost_bypass *b;
    int rc = gost_bypass_new(&b, gostL_field_bool(L, 1, "whitelist", false),
                             gostL_field_string(L, 1, "network"));
    if (rc != 0)
        return luaL_error(L, "bypass: %s", gost_diag_text(rc));
    *box = b;
    add_patterns(L, "matchers", add_bypass, b);
    if (lua_getfield(L, 1, "fn") == LUA_TFUNCTION) {
        b->hook_arg = gostL_script_new(L, -1);
        b->hook = bypass_hook;
        b->hook_drop = gostL_script_drop;
    }
    lua_pop(L, 1);
    return 1;
}

/* bypass:contains("host:port" [, network]) -> boolean. Suspends if its function does. */
static int bypass_contains(lua_State *L)
{
    struct gost_addr addr;
    struct gost_bypass *b = gostL_check(L, 1, GOSTL_BYPASS);
    gostL_check_addr(L, 2, &addr, 0);
    int rc = gost_bypass_contains(b, luaL_optstring(L, 3, "tcp"), &addr, NULL);
    if (rc < 0)
        return gostL_fail(L, rc);
    lua_pushboolean(L, rc);
    return 1;
}

static int bypass_gc(lua_State *L)
{
    void **box = luaL_checkudata(L, 1, GOSTL_BYPASS);
    gost_bypass_unref(*box);
    *box = NULL;
    return 0;
}

/* --- admission ------------------------------------------------------------------------------------ */

static int admission_hook(void *arg, const union gost_sockaddr *client)
{
    char text[GOST_HOSTPORT_MAX];
    lua_State *L = gostL_script_begin(arg);
    lua_pushstring(L, gost_sockaddr_format(client, text));
    return script_verdict(L, 2, "admission");
}

static int add_admission(void *a, const char *p, size_t n)
{
    int rc = gost_admission_add(a, p, n);
    return rc > 0 ? gost_fail(GOST_ECONFIG, "\"%.*s\" is no address or network", (int)n, p) : rc;
}

/* core.admission{whitelist=, matchers={…}, fn=} -> Admission */
static int l_admission(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    void **box = gostL_box(L, GOSTL_ADMISSION);
    struct gost_admission *a;
    int rc = gost_admission_new(&a, gostL_field_bool(L, 1, "whitelist", false));
    if (rc != 0)
        return luaL_error(L, "admission: %s", gost_diag_text(rc));
    *box = a;
    add_patterns(L, "matchers", add_admission, a);
    if (lua_getfield(L, 1, "fn") == LUA_TFUNCTION) {
        a->hook_arg = gostL_script_new(L, -1);
        a->hook = admission_hook;
        a->hook_drop = gostL_script_drop;
    }
    lua_pop(L, 1);
    return 1;
}

static int admission_gc(lua_State *L)
{
    void **box = luaL_checkudata(L, 1, GOSTL_ADMISSION);
    gost_admission_unref(*box);
    *box = NULL;
    return 0;
}

/* --- auther --------------------------------------------------------------------------------------- */

/* fn(conn, user, password, scheme) -> id | true | nil */
static int auther_hook(void *arg, const struct gost_cred *cred, char *id)
{
    lua_State *L = gostL_script_begin(arg);
    lua_pushlstring(L, cred->user, cred->user_len);
    lua_pushlstring(L, cred->password, cred->password_len);
    lua_pushstring(L, cred->scheme);
    int rc = gostL_call(L, 4, 1, "auther", &gostL_default_budget);
    if (rc != 0)
        return rc;
    if (lua_type(L, -1) == LUA_TSTRING)
        snprintf(id, GOST_CLIENT_ID_MAX, "%s", lua_tostring(L, -1));
    int yes = lua_toboolean(L, -1) && !lua_istable(L, -1);
    gostL_refuse_slowly(L);
    lua_pop(L, 1);
    return yes;
}

static void add_users(lua_State *L, struct gost_auther *a)
{
    if (lua_getfield(L, 1, "users") != LUA_TNIL) {
        luaL_checktype(L, -1, LUA_TTABLE);
        for (lua_Integer i = 1, n = luaL_len(L, -1); i <= n; i++) {
            lua_rawgeti(L, -1, i);
            luaL_checktype(L, -1, LUA_TTABLE);
            const char *user = gostL_field_string(L, -1, "username");
            const char *password = gostL_field_string(L, -1, "password");
            int rc = gost_auther_add(a, user ? user : "", user ? strlen(user) : 0,
                                     password ? password : "", password ? strlen(password) : 0);
            if (rc != 0)
                luaL_error(L, "users[%d]: %s", (int)i, gost_diag_text(rc));
            lua_pop(L, 1);
        }
    }
    lua_pop(L, 1);
}

/* core.auther{users={{username=,password=}…}, lines=text, fn=} -> Auther */
static int l_auther(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    void **box = gostL_box(L, GOSTL_AUTHER);
    struct gost_auther *a;
    int rc = gost_auther_new(&a);
    if (rc != 0)
        return luaL_error(L, "auther: %s", gost_diag_text(rc));
    *box = a;
    add_users(L, a);
    const char *lines = gostL_field_string(L, 1, "lines");
    if (lines && (rc = gost_auther_load(a, lines, strlen(lines))) != 0)
        return luaL_error(L, "auther: %s", gost_diag_text(rc));
    if (lua_getfield(L, 1, "fn") == LUA_TFUNCTION) {
        a->hook_arg = gostL_script_new(L, -1);
        a->hook = auther_hook;
        a->hook_drop = gostL_script_drop;
    }
    lua_pop(L, 1);
    return 1;
}

static int auther_gc(lua_State *L)
{
    void **box = luaL_checkudata(L, 1, GOSTL_AUTHER);
    gost_auther_unref(*box);
    *box = NULL;
    return 0;
}

/* --- hosts ---------------------------------------------------------------------------------------- */

static void add_name(lua_State *L, struct gost_hosts *h, const char *ip, const char *name)
{
    int rc = gost_hosts_add(h, ip, strlen(ip), name, strlen(name));
    if (rc != 0)
        luaL_error(L, "hosts: %s", gost_diag_text(rc));
}

static void add_mapping(lua_State *L, struct gost_hosts *h)
{
    luaL_checktype(L, -1, LUA_TTABLE);
    const char *ip = gostL_field_string(L, -1, "ip");
    const char *name = gostL_field_string(L, -1, "hostname");
    if (!ip || !name)
        luaL_error(L, "hosts: a mapping needs ip and hostname");
    add_name(L, h, ip, name);
    if (lua_getfield(L, -1, "aliases") == LUA_TTABLE)
        for (lua_Integer i = 1, n = luaL_len(L, -1); i <= n; i++) {
            lua_rawgeti(L, -1, i);
            add_name(L, h, ip, luaL_checkstring(L, -1));
            lua_pop(L, 1);
        }
    lua_pop(L, 1);
}

/* core.hosts{mappings={{ip=,hostname=,aliases={…}}…}, lines=text} -> Hosts */
static int l_hosts(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    void **box = gostL_box(L, GOSTL_HOSTS);
    struct gost_hosts *h;
    int rc = gost_hosts_new(&h);
    if (rc != 0)
        return luaL_error(L, "hosts: %s", gost_diag_text(rc));
    *box = h;
    if (lua_getfield(L, 1, "mappings") == LUA_TTABLE)
        for (lua_Integer i = 1, n = luaL_len(L, -1); i <= n; i++) {
            lua_rawgeti(L, -1, i);
            add_mapping(L, h);
            lua_pop(L, 1);
        }
    lua_pop(L, 1);
    const char *lines = gostL_field_string(L, 1, "lines");
    if (lines)
        gost_hosts_load(h, lines, strlen(lines)); /* bad lines are passed over, as in /etc/hosts */
    return 1;
}

/* hosts:find(name) -> list of addresses; empty when there is none */
static int hosts_find(lua_State *L)
{
    size_t n;
    union gost_sockaddr found[8];
    char text[GOST_HOSTPORT_MAX];
    struct gost_hosts *h = gostL_check(L, 1, GOSTL_HOSTS);
    const char *name = luaL_checklstring(L, 2, &n);
    size_t count = gost_hosts_find(h, name, n, AF_UNSPEC, 0, found, 8);
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        lua_pushstring(L, gost_sockaddr_host(&found[i], text));
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    return 1;
}

static int hosts_gc(lua_State *L)
{
    void **box = luaL_checkudata(L, 1, GOSTL_HOSTS);
    gost_hosts_unref(*box);
    *box = NULL;
    return 0;
}

void gostL_open_policy(lua_State *L)
{
    static const luaL_Reg none[] = {{NULL, NULL}};
    static const luaL_Reg hosts_methods[] = {{"find", hosts_find}, {NULL, NULL}};
    static const luaL_Reg bypass_methods[] = {{"contains", bypass_contains}, {NULL, NULL}};
    static const luaL_Reg bypass_meta[] = {{"__gc", bypass_gc}, {NULL, NULL}};
    static const luaL_Reg admission_meta[] = {{"__gc", admission_gc}, {NULL, NULL}};
    static const luaL_Reg auther_meta[] = {{"__gc", auther_gc}, {NULL, NULL}};
    static const luaL_Reg hosts_meta[] = {{"__gc", hosts_gc}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"bypass", l_bypass},
                                         {"admission", l_admission},
                                         {"auther", l_auther},
                                         {"hosts", l_hosts},
                                         {NULL, NULL}};
    gostL_class(L, GOSTL_BYPASS, bypass_methods, bypass_meta);
    gostL_class(L, GOSTL_ADMISSION, none, admission_meta);
    gostL_class(L, GOSTL_AUTHER, none, auther_meta);
    gostL_class(L, GOSTL_HOSTS, hosts_methods, hosts_meta);
    luaL_setfuncs(L, functions, 0);
}
