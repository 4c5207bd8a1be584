/* gost.Sd: which host carries which tunnel, as a function says. */
#include "bindings/lib.h"
#include "bindings/route.h"
#include "bindings/script.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/policy/sd.h"

#include <stdio.h>
#include <string.h>

static void set_uuid(lua_State *L, const char *key, const uint8_t *id)
{
    char text[GOST_UUID_TEXT];
    lua_pushstring(L, gost_uuid_format(id, text));
    lua_setfield(L, -2, key);
}

static void push_record(lua_State *L, const struct gost_sd_record *r)
{
    lua_createtable(L, 0, 6);
    set_uuid(L, "id", r->id);
    set_uuid(L, "name", r->tunnel);
    set_uuid(L, "node", r->node);
    lua_pushstring(L, r->udp ? "udp" : "tcp");
    lua_setfield(L, -2, "network");
    lua_pushstring(L, r->address);
    lua_setfield(L, -2, "address");
    lua_pushnumber(L, (lua_Number)r->ttl_ms / 1000);
    lua_setfield(L, -2, "ttl");
}

/*
 * Call the function; it answers something, or nil and why not. Leaves the answer on the stack.
 * @return 0, or a negative code with an empty stack
 */
static int call(lua_State *L)
{
    int rc = gostL_call(L, 2, 2, "sd", &gostL_default_budget);
    if (rc != 0)
        return rc;
    if (!lua_toboolean(L, -2) && lua_type(L, -1) == LUA_TSTRING)
        rc = gost_fail(GOST_EHOOK, "sd: %s", lua_tostring(L, -1));
    lua_pop(L, rc == 0 ? 1 : 2);
    return rc;
}

static int script_tell(void *arg, enum gost_sd_word word, const struct gost_sd_record *r)
{
    static const char *const words[] = {"register", "renew", "deregister", "deregister"};
    lua_State *L = gostL_script_push(arg);
    lua_pushstring(L, words[word]);
    push_record(L, r);
    int rc = call(L);
    if (rc == 0)
        lua_pop(L, 1);
    return rc;
}

static bool read_uuid(lua_State *L, const char *key, uint8_t *out)
{
    size_t n = 0;
    gostL_rawfield(L, -1, key);
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &n) : NULL;
    bool ok = text && gost_uuid_parse(text, n, out);
    lua_pop(L, 1);
    return ok;
}

/* The table on top. */
static bool read_record(lua_State *L, const uint8_t *tunnel, struct gost_sd_record *r)
{
    size_t n = 0;
    memset(r, 0, sizeof(*r));
    memcpy(r->tunnel, tunnel, GOST_UUID_BYTES);
    if (lua_type(L, -1) != LUA_TTABLE || !read_uuid(L, "id", r->id) ||
        !read_uuid(L, "node", r->node))
        return false;
    gostL_rawfield(L, -1, "network");
    const char *network = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "tcp";
    r->udp = strcmp(network, "udp") == 0;
    gostL_rawfield(L, -2, "address");
    const char *address = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &n) : NULL;
    bool ok = address && n > 0 && n < sizeof(r->address) && strlen(address) == n;
    if (ok)
        memcpy(r->address, address, n + 1);
    lua_pop(L, 2);
    return ok;
}

static int read_records(lua_State *L, const uint8_t *tunnel, struct gost_sd_record *out, size_t max)
{
    size_t found = 0;
    if (!lua_toboolean(L, -1))
        return 0;
    if (lua_type(L, -1) != LUA_TTABLE)
        return gost_fail(GOST_EHOOK, "sd: get: expected a list of records");
    for (lua_Integer i = 1; found < max && lua_rawgeti(L, -1, i) != LUA_TNIL; i++) {
        bool ok = read_record(L, tunnel, &out[found]);
        lua_pop(L, 1);
        if (!ok)
            return gost_fail(GOST_EHOOK, "sd: get: record %d: expected id, node and address",
                             (int)i);
        found++;
    }
    if (found < max)
        lua_pop(L, 1); /* the nil */
    return (int)found;
}

static int script_find(void *arg, const uint8_t *tunnel, struct gost_sd_record *out, size_t max)
{
    char text[GOST_UUID_TEXT];
    lua_State *L = gostL_script_push(arg);
    int top = lua_gettop(L) - 1;
    lua_pushliteral(L, "get");
    lua_pushstring(L, gost_uuid_format(tunnel, text));
    int rc = call(L);
    if (rc == 0)
        rc = read_records(L, tunnel, out, max);
    lua_settop(L, top);
    return rc;
}

static const struct gost_sd_ops script_ops = {
    .tell = script_tell, .find = script_find, .drop = gostL_script_drop};

/* core.sd(fn) -> Sd. fn(word, record), or fn("get", UUID of a tunnel) -> records */
static int l_sd(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    void **box = gostL_box(L, GOSTL_SD);
    struct gostL_script *s = gostL_script_new(L, 1);
    struct gost_sd *sd;
    if (gost_sd_new(&script_ops, s, &sd) != 0) {
        gostL_script_drop(s);
        return luaL_error(L, "not enough memory");
    }
    *box = sd;
    return 1;
}

static int sd_gc(lua_State *L)
{
    void **box = luaL_checkudata(L, 1, GOSTL_SD);
    gost_sd_unref(*box);
    *box = NULL;
    return 0;
}

void gostL_open_sd(lua_State *L)
{
    static const luaL_Reg methods[] = {{NULL, NULL}};
    static const luaL_Reg meta[] = {{"__gc", sd_gc}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"sd", l_sd}, {NULL, NULL}};
    gostL_class(L, GOSTL_SD, methods, meta);
    luaL_setfuncs(L, functions, 0);
}
