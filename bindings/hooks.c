/* Hooks of services as Lua functions. */
#include "bindings/lib.h"
#include "bindings/options.h"
#include "bindings/route.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/registry.h"
#include "core/route/session.h"
#include "core/runtime/fiber.h"
#include "core/transport/tls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum hook {
    ACCEPT,
    PREREAD,
    AUTH,
    ROUTE,
    RESOLVE,
    SELECT,
    CONNECT,
    DIAL_ERROR,
    STREAM,
    CLOSE,
    HOOKS
};

static const char *const hook_names[HOOKS] = {"accept",  "preread", "auth",    "route",
                                              "resolve", "select",  "connect", "dial_error",
                                              "stream",  "close"};

/* One hook: a function, and what to do when it fails. */
struct slot {
    int ref;   /* LUA_NOREF: not set */
    bool open; /* fail = "open": go on as if it were not there */
    struct gostL_budget budget;
};

struct script_hooks {
    struct slot slot[HOOKS];
};

static void hooks_drop(void *arg)
{
    struct script_hooks *h = arg;
    for (int i = 0; i < HOOKS; i++)
        gostL_unref(h->slot[i].ref);
    free(h);
}

/* Push the hook's function and the connection. */
static lua_State *begin(struct script_hooks *h, enum hook which, struct gost_conn *c)
{
    lua_State *L = gostL_thread();
    luaL_checkstack(L, 12, "hook");
    lua_rawgeti(L, LUA_REGISTRYINDEX, h->slot[which].ref);
    gostL_push_conn(L, c);
    return L;
}

/* Call it: 0 with one result pushed, 1 when it failed open, or a negative code. */
static int call(struct script_hooks *h, lua_State *L, enum hook which, int nargs)
{
    int rc = gostL_call(L, nargs, 1, hook_names[which], &h->slot[which].budget);
    return rc != 0 && h->slot[which].open ? 1 : rc;
}

static int on_accept(void *arg, struct gost_conn *c)
{
    lua_State *L = begin(arg, ACCEPT, c);
    int rc = call(arg, L, ACCEPT, 1);
    if (rc != 0)
        return rc == 1 ? 0 : rc;
    const char *word = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
    if (lua_isboolean(L, -1) && !lua_toboolean(L, -1))
        rc = gost_fail(GOST_EDENIED, "refused by the accept hook");
    else if (strcmp(word, "reject") == 0)
        rc = gost_fail(-ECONNRESET, "reset by the accept hook");
    lua_pop(L, 1);
    return rc;
}

int gostL_ensure_handler(lua_State *L, struct gost_service *s, const char *name)
{
    const struct gost_handler_kind *kind = gost_handler_kind_find(name);
    struct gost_handler *h;
    void *settings;
    if (gost__service_handler(s, kind ? kind->name : name))
        return 0;
    if (!kind && !(kind = gostL_script_handler(L, name)))
        return gost_fail(GOST_EHOOK, "there is no handler \"%s\"", name);
    lua_pushnil(L);
    int rc = gostL_settings(L, -1, &kind->options, &settings);
    lua_pop(L, 1);
    if (rc == 0)
        rc = gost_handler_new(kind, settings, &h);
    return rc == 0 ? gost_service_add_delegate(s, h) : rc;
}

/* fn(conn, bytes) -> nil, handler's name, or true when more bytes are wanted */
static int on_preread(void *arg, struct gost_conn *c, const void *bytes, size_t n,
                      const char **handler)
{
    static _Thread_local char name[64];
    lua_State *L = begin(arg, PREREAD, c);
    lua_pushlstring(L, bytes, n);
    int rc = call(arg, L, PREREAD, 2);
    if (rc != 0)
        return rc == 1 ? 0 : rc;
    if (lua_type(L, -1) == LUA_TSTRING) {
        strncpy(name, lua_tostring(L, -1), sizeof(name) - 1);
        rc = gostL_ensure_handler(L, gost_session_of(c)->service, name);
        *handler = name;
    } else {
        rc = lua_toboolean(L, -1);
    }
    lua_pop(L, 1);
    return rc;
}

void gostL_refuse_slowly(lua_State *L)
{
    double delay = 0;
    if (lua_istable(L, -1)) {
        gostL_rawfield(L, -1, "delay");
        delay = lua_tonumber(L, -1);
        lua_pop(L, 1);
    }
    if (delay > 0)
        gost_fiber_sleep((uint64_t)((delay < 60 ? delay : 60) * 1000));
}

/* fn(conn, {user, password, scheme}) -> a client id, true, or nil, false, {delay=} */
static int on_auth(void *arg, struct gost_conn *c, const char *user, const char *password,
                   const char *scheme, char **id)
{
    lua_State *L = begin(arg, AUTH, c);
    lua_createtable(L, 0, 3);
    lua_pushstring(L, user);
    lua_setfield(L, -2, "user");
    lua_pushstring(L, password);
    lua_setfield(L, -2, "password");
    lua_pushstring(L, scheme);
    lua_setfield(L, -2, "scheme");
    int rc = call(arg, L, AUTH, 2);
    if (rc != 0)
        return rc == 1 ? 1 : gost_fail_at(GOST_EAUTH, "auth hook failed");
    rc = gost_fail(GOST_EAUTH, "authentication failed%s%.64s%s", user ? " for user \"" : "",
                   user ? user : "", user ? "\"" : ": no credentials");
    if (lua_type(L, -1) == LUA_TSTRING) {
        *id = strdup(lua_tostring(L, -1));
        rc = 0;
    } else if (lua_isboolean(L, -1) && lua_toboolean(L, -1)) {
        *id = user ? strdup(user) : NULL;
        rc = 0;
    } else {
        gostL_refuse_slowly(L);
    }
    lua_pop(L, 1);
    return rc;
}

static int on_route(void *arg, struct gost_conn *c, const struct gost_request *r,
                    struct gost_decision *d)
{
    lua_State *L = begin(arg, ROUTE, c);
    int base = lua_gettop(L) - 2;
    gostL_push_target(L, r);
    int rc = call(arg, L, ROUTE, 2);
    if (rc == 0 && (rc = gostL_decision(L, d)) != 0) {
        gost_log(GOST_LOG_ERROR, "script: %s", gost_diag_text(rc));
        if (((struct script_hooks *)arg)->slot[ROUTE].open) {
            gost_chain_unref(d->chain);
            *d = (struct gost_decision){.kind = GOST_ROUTE_FOLLOW};
            rc = 0;
        }
    }
    lua_settop(L, base);
    return rc == 1 ? 0 : rc;
}

/* The IP addresses of a string or of a list of strings. @return their number, GOST_EHOOK for others */
static int take_addresses(lua_State *L, uint16_t port, union gost_sockaddr *out, size_t max)
{
    size_t count = 0;
    if (lua_type(L, -1) == LUA_TSTRING)
        return gost_ip_parse(lua_tostring(L, -1), port, &out[0]) != 0 ? 1 : GOST_EHOOK;
    if (!lua_istable(L, -1))
        return GOST_EHOOK;
    for (lua_Integer i = 1; count < max && lua_rawgeti(L, -1, i) != LUA_TNIL; i++, lua_pop(L, 1)) {
        const char *text = lua_tostring(L, -1);
        if (!text || gost_ip_parse(text, port, &out[count++]) == 0)
            return GOST_EHOOK; /* the caller cleans the stack */
    }
    return (int)count;
}

/* fn(conn, name, family) -> list of addresses, one address, false: there is none, nil: as configured */
static int on_resolve(void *arg, struct gost_conn *c, const struct gost_addr *addr,
                      union gost_sockaddr *out, size_t max)
{
    struct script_hooks *h = arg;
    lua_State *L = begin(h, RESOLVE, c);
    int base = lua_gettop(L) - 2;
    lua_pushstring(L, addr->host);
    lua_pushliteral(L, "any");
    int rc = call(h, L, RESOLVE, 3);
    if (rc != 0)
        return rc == 1 ? 0 : rc;
    if (lua_isboolean(L, -1) && !lua_toboolean(L, -1))
        rc = gost_fail(GOST_EDNS, "lookup %s: refused by the resolve hook", addr->host);
    else if (!lua_isnil(L, -1) && (rc = take_addresses(L, addr->port, out, max)) < 0)
        rc = h->slot[RESOLVE].open ? 0 : gost_fail(rc, "the hook gave no IP address");
    lua_settop(L, base);
    return rc;
}

/* fn(conn, candidates, target) -> a candidate, its index or name; nil: as configured */
static int on_select(void *arg, struct gost_conn *c, const struct gost_request *r,
                     struct gost_node *const *candidates, size_t count)
{
    struct slot *slot = &((struct script_hooks *)arg)->slot[SELECT];
    int rc = gostL_select(slot->ref, &slot->budget, c, r, candidates, count);
    return rc < 0 && slot->open ? (int)count : rc;
}

static void on_connect(void *arg, struct gost_conn *c, struct gost_stream *up)
{
    union gost_sockaddr peer;
    char text[GOST_HOSTPORT_MAX];
    lua_State *L = begin(arg, CONNECT, c);
    lua_createtable(L, 0, 2);
    if (up && gost_stream_query(up, GOST_QUERY_PEER_ADDR, &peer) == 0) {
        lua_pushstring(L, gost_sockaddr_format(&peer, text));
        lua_setfield(L, -2, "addr");
    }
    lua_pushstring(L, c->route);
    lua_setfield(L, -2, "route");
    if (call(arg, L, CONNECT, 2) == 0)
        lua_pop(L, 1);
}

/* fn(conn, target, {message, code}) -> true or "retry" to try again */
static int on_dial_error(void *arg, struct gost_conn *c, const struct gost_request *r, int rc)
{
    char message[GOST_DIAG_MAX];
    strcpy(message, gost_diag_text(rc));
    lua_State *L = begin(arg, DIAL_ERROR, c);
    gostL_push_target(L, r);
    gostL_push_dial_error(L, message, rc);
    if (call(arg, L, DIAL_ERROR, 3) != 0)
        return 0;
    int again = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return again;
}

/* fn(conn, "in" or "out", chunk) -> chunk, nil (unchanged) or false (cut) */
static int on_stream(void *arg, struct gost_conn *c, int direction, const void **p, size_t *n)
{
    struct script_hooks *h = arg;
    lua_State *L = gostL_thread();
    if (lua_gettop(L) == 0)
        lua_pushnil(L); /* the slot for a replaced chunk */
    begin(h, STREAM, c);
    lua_pushstring(L, direction == 0 ? "in" : "out");
    lua_pushlstring(L, *p, *n);
    int rc = call(h, L, STREAM, 3);
    if (rc != 0)
        return rc == 1 ? 0 : rc;
    if (lua_type(L, -1) == LUA_TSTRING) {
        *p = lua_tolstring(L, -1, n);
        lua_replace(
            L, 1); /* each direction has a fiber, whose thread keeps the bytes until the next chunk */
        return 0;
    }
    if (lua_isboolean(L, -1) && !lua_toboolean(L, -1))
        rc = gost_fail(GOST_EDENIED, "cut by the stream hook");
    else if (!lua_isnil(L, -1) && !lua_isboolean(L, -1) && !h->slot[STREAM].open)
        rc = gost_fail(GOST_EHOOK, "stream: expected a string, false or nil, got a %s",
                       luaL_typename(L, -1));
    lua_pop(L, 1);
    return rc;
}

static void push_stats(lua_State *L, const struct gost_conn_stats *st)
{
    lua_createtable(L, 0, 6);
    lua_pushinteger(L, (lua_Integer)st->in);
    lua_setfield(L, -2, "bytes_in");
    lua_pushinteger(L, (lua_Integer)st->out);
    lua_setfield(L, -2, "bytes_out");
    lua_pushnumber(L, (double)st->duration_ms / 1000);
    lua_setfield(L, -2, "duration");
    lua_pushstring(L, st->error);
    lua_setfield(L, -2, "error");
    if (st->rc != 0) {
        lua_pushstring(L, gost_error_code(st->rc));
        lua_setfield(L, -2, "code");
    }
}

static void on_close(void *arg, struct gost_conn *c, const struct gost_conn_stats *stats)
{
    lua_State *L = begin(arg, CLOSE, c);
    push_stats(L, stats);
    if (call(arg, L, CLOSE, 2) == 0)
        lua_pop(L, 1);
}

/* A slot's value: a function, or {fn, fail=, timeout=, instructions=}. */
static void take_slot(lua_State *L, struct slot *slot, const char *name)
{
    slot->budget = gostL_default_budget;
    if (lua_istable(L, -1)) {
        const char *fail = gostL_field_string(L, -1, "fail");
        if (fail && strcmp(fail, "open") != 0 && strcmp(fail, "closed") != 0)
            luaL_error(L, "on.%s.fail: expected \"open\" or \"closed\", got \"%s\"", name, fail);
        slot->open = fail && strcmp(fail, "open") == 0;
        slot->budget.wall_ms =
            (uint64_t)(gostL_field_number(L, -1, "timeout", (double)slot->budget.wall_ms / 1000) *
                       1000);
        slot->budget.instructions =
            gostL_field_int(L, -1, "instructions", slot->budget.instructions);
        lua_rawgeti(L, -1, 1);
    } else {
        lua_pushvalue(L, -1);
    }
    luaL_checktype(L, -1, LUA_TFUNCTION);
    slot->ref = gostL_ref(L);
}

static void connect_slots(struct gost_hooks *out, const struct script_hooks *h)
{
#define HAS(which) (h->slot[which].ref != LUA_NOREF)
    out->accept = HAS(ACCEPT) ? on_accept : NULL;
    out->preread = HAS(PREREAD) ? on_preread : NULL;
    out->auth = HAS(AUTH) ? on_auth : NULL;
    out->route = HAS(ROUTE) ? on_route : NULL;
    out->resolve = HAS(RESOLVE) ? on_resolve : NULL;
    out->select = HAS(SELECT) ? on_select : NULL;
    out->connect = HAS(CONNECT) ? on_connect : NULL;
    out->dial_error = HAS(DIAL_ERROR) ? on_dial_error : NULL;
    out->stream = HAS(STREAM) ? on_stream : NULL;
    out->close = HAS(CLOSE) ? on_close : NULL;
#undef HAS
}

void gostL_take_hooks(lua_State *L, int index, struct gost_hooks *hooks)
{
    index = lua_absindex(L, index);
    if (lua_getfield(L, index, "on") != LUA_TTABLE) {
        lua_pop(L, 1);
        return;
    }
    struct script_hooks *h = calloc(1, sizeof(*h));
    if (!h)
        luaL_error(L, "not enough memory");
    for (int i = 0; i < HOOKS; i++)
        h->slot[i].ref = LUA_NOREF;
    hooks->arg = h; /* the service frees it from here on, also when something below raises */
    hooks->drop = hooks_drop;
    for (int i = 0; i < HOOKS; i++) {
        if (lua_getfield(L, -1, hook_names[i]) != LUA_TNIL)
            take_slot(L, &h->slot[i], hook_names[i]);
        lua_pop(L, 1);
    }
    connect_slots(hooks, h);
    lua_pop(L, 1);
}
