/*
 * gost.Conn: a client's connection as hooks and handlers in Lua see it. It is a view: the connection
 * belongs to its session, and the object goes blank when that ends.
 */
#include "bindings/lib.h"
#include "bindings/route.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/route/session.h"
#include "core/runtime/fiber.h"

#include <stdio.h>
#include <string.h>

/* The objects, by session: what a script sets on a connection stays as long as the connection. */
static const char conns_key;

static void conn_drop(struct gost_session *s)
{
    lua_State *L = gostL_main();
    void **box = s->script;
    *box = NULL;
    s->script = NULL;
    if (s->conn.client && gostL_stream_busy(s->conn.client)) {
        gostL_stream_release(s->conn.client); /* a fiber that the script spawned is still in a call */
        s->conn.client = NULL;
    }
    if (!L)
        return;
    luaL_checkstack(L, 4, "conn");
    lua_rawgetp(L, LUA_REGISTRYINDEX, &conns_key);
    lua_pushnil(L);
    lua_rawsetp(L, -2, s);
    lua_pop(L, 1);
}

void gostL_push_conn(lua_State *L, struct gost_conn *c)
{
    struct gost_session *s = gost_session_of(c);
    luaL_checkstack(L, 6, "conn");
    lua_rawgetp(L, LUA_REGISTRYINDEX, &conns_key);
    if (lua_rawgetp(L, -1, s) != LUA_TUSERDATA) {
        lua_pop(L, 1);
        void **box = gostL_box(L, GOSTL_CONN);
        lua_pushvalue(L, -1);
        lua_rawsetp(L, -3, s);
        *box = s;
        s->script = box;
        s->script_drop = conn_drop;
    }
    lua_remove(L, -2);
}

static struct gost_session *check_conn(lua_State *L)
{
    return gostL_check(L, 1, GOSTL_CONN);
}

static const char own_key; /* in the values of a conn: a script's handler serves it */

void gostL_conn_own(lua_State *L, bool own)
{
    if (lua_getiuservalue(L, -1, 1) != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_setiuservalue(L, -3, 1);
    }
    lua_pushboolean(L, own);
    lua_rawsetp(L, -2, &own_key);
    lua_pop(L, 1);
}

static bool is_own(lua_State *L, int index)
{
    lua_getiuservalue(L, index, 1);
    bool own = false;
    if (lua_istable(L, -1)) {
        lua_rawgetp(L, -1, &own_key);
        own = lua_toboolean(L, -1);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return own;
}

/* A script may read and write the client's stream in its handler, or in a hook while nobody else does. */
struct gost_stream *gostL_conn_stream(lua_State *L, int index)
{
    struct gost_session *s = gostL_check(L, index, GOSTL_CONN);
    if (!s->conn.client)
        luaL_argerror(L, index, "the connection's stream was handed over or closed");
    if (s->fiber != gost_fiber_self() && !is_own(L, index))
        luaL_argerror(L, index,
                      "only the connection's own hooks and its handler may use its stream");
    return s->conn.client;
}

/* For calls that need the session until they return: no other fiber keeps it alive. */
static struct gost_session *check_own_fiber(lua_State *L)
{
    struct gost_session *s = gostL_check(L, 1, GOSTL_CONN);
    if (!s->fiber || s->fiber != gost_fiber_self())
        luaL_argerror(L, 1, "this works on the connection's own fiber only");
    return s;
}

static int push_text(lua_State *L, const char *text)
{
    lua_pushstring(L, text);
    return 1;
}

static int get_client(lua_State *L, struct gost_session *s)
{
    char text[GOST_HOSTPORT_MAX];
    return push_text(L, gost_sockaddr_format(&s->conn.peer, text));
}

static int get_client_ip(lua_State *L, struct gost_session *s)
{
    char text[GOST_HOSTPORT_MAX];
    return push_text(L, gost_sockaddr_host(&s->conn.peer, text));
}

static int get_local(lua_State *L, struct gost_session *s)
{
    union gost_sockaddr addr;
    char text[GOST_HOSTPORT_MAX];
    if (!s->conn.client || gost_stream_query(s->conn.client, GOST_QUERY_LOCAL_ADDR, &addr) != 0)
        return push_text(L, gost_sockaddr_format(&s->service->listener->addr, text));
    return push_text(L, gost_sockaddr_format(&addr, text));
}

static int get_id(lua_State *L, struct gost_session *s)
{
    lua_pushinteger(L, (lua_Integer)s->conn.id);
    return 1;
}

static int get_service(lua_State *L, struct gost_session *s)
{
    return push_text(L, s->service->name);
}

static int get_handler(lua_State *L, struct gost_session *s)
{
    return push_text(L, s->conn.handler);
}

static int get_user(lua_State *L, struct gost_session *s)
{
    return push_text(L, s->conn.user);
}

static int get_client_id(lua_State *L, struct gost_session *s)
{
    return push_text(L, s->conn.client_id);
}

static int get_target(lua_State *L, struct gost_session *s)
{
    return push_text(L, s->conn.target);
}

static int get_sniffed(lua_State *L, struct gost_session *s)
{
    return push_text(L, s->conn.sniffed);
}

static int get_route(lua_State *L, struct gost_session *s)
{
    return push_text(L, s->conn.route);
}

static int get_bytes(lua_State *L, struct gost_session *s, bool in)
{
    uint64_t received, sent;
    gost_session_bytes(s, &received, &sent);
    lua_pushinteger(L, (lua_Integer)(in ? received : sent));
    return 1;
}

static int get_bytes_in(lua_State *L, struct gost_session *s)
{
    return get_bytes(L, s, true);
}

static int get_bytes_out(lua_State *L, struct gost_session *s)
{
    return get_bytes(L, s, false);
}

/* The table behind conn:set and conn:get, and the `tags`. */
static void push_values(lua_State *L)
{
    if (lua_getiuservalue(L, 1, 1) == LUA_TTABLE)
        return;
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, 1, 1);
}

static int get_tags(lua_State *L, struct gost_session *s)
{
    (void)s;
    push_values(L);
    if (lua_getfield(L, -1, "tags") != LUA_TTABLE) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_setfield(L, -3, "tags");
    }
    return 1;
}

static const struct {
    const char *name;
    int (*get)(lua_State *L, struct gost_session *s);
} getters[] = {
    {"id", get_id},
    {"client", get_client},
    {"client_ip", get_client_ip},
    {"local_addr", get_local},
    {"service", get_service},
    {"handler", get_handler},
    {"user", get_user},
    {"client_id", get_client_id},
    {"target", get_target},
    {"route", get_route},
    {"sniffed", get_sniffed},
    {"bytes_in", get_bytes_in},
    {"bytes_out", get_bytes_out},
    {"tags", get_tags},
};

static int conn_index(lua_State *L)
{
    const char *key = luaL_checkstring(L, 2);
    luaL_getmetatable(L, GOSTL_CONN);
    lua_getfield(L, -1, "methods");
    if (lua_getfield(L, -1, key) != LUA_TNIL)
        return 1;
    if (strcmp(key, "local") == 0)
        return get_local(L, check_conn(L));
    for (size_t i = 0; i < sizeof(getters) / sizeof(getters[0]); i++)
        if (strcmp(key, getters[i].name) == 0)
            return getters[i].get(L, check_conn(L));
    return 0;
}

static int conn_set(lua_State *L)
{
    check_conn(L);
    luaL_checkstring(L, 2);
    luaL_checkany(L, 3);
    push_values(L);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 3);
    lua_settable(L, -3);
    return 0;
}

static int conn_get(lua_State *L)
{
    luaL_checkudata(L, 1, GOSTL_CONN);
    push_values(L);
    lua_pushvalue(L, 2);
    lua_gettable(L, -2);
    return 1;
}

/* conn:kill(): end it, whatever it does */
static int conn_kill(lua_State *L)
{
    struct gost_session *s = gostL_test(L, 1, GOSTL_CONN);
    if (s)
        gost_session_kill(s);
    return 0;
}

/* conn:close(): close the client's stream; for handlers */
static int conn_close(lua_State *L)
{
    struct gost_session *s = gostL_test(L, 1, GOSTL_CONN);
    if (!s)
        return 0;
    if (s->pumping || !is_own(L, 1)) {
        gost_session_kill(s); /* somebody else serves it */
        return 0;
    }
    struct gost_stream *client = s->conn.client;
    s->conn.client = NULL;
    gostL_stream_release(client);
    return 0;
}

static void request_of(lua_State *L, int index, struct gost_request *r)
{
    memset(r, 0, sizeof(*r));
    gostL_check_addr(L, index, &r->addr, 80);
}

/* conn:dial("host:port") -> stream | nil, message, code: as the service's rules say */
static int dial_body(lua_State *L)
{
    struct gost_session *s = check_own_fiber(L);
    struct gost_request *r = lua_newuserdatauv(L, sizeof(*r), 0);
    struct gost_stream *up = NULL;
    request_of(L, 2, r);
    int rc = gost_conn_dial(&s->conn, r, &up);
    if (rc != 0)
        return gostL_fail(L, rc);
    gostL_push_stream(L, up);
    return 1;
}

static int conn_dial(lua_State *L)
{
    return gostL_waiting(L, dial_body);
}

/* conn:auth(user, password [, scheme]) -> client id | nil, message, code */
static int auth_body(lua_State *L)
{
    struct gost_session *s = check_own_fiber(L);
    int rc =
        gost_conn_auth(&s->conn, luaL_optstring(L, 2, NULL), luaL_optstring(L, 3, NULL), "script");
    if (rc != 0)
        return gostL_fail(L, rc);
    lua_pushstring(L, s->conn.client_id ? s->conn.client_id : "");
    return 1;
}

static int conn_auth(lua_State *L)
{
    return gostL_waiting(L, auth_body);
}

/*
 * conn:pipe(stream) -> true | nil, message, code: hand both to the pump; the handler may return at once.
 * Suspends only where a stream hook looks at the bytes.
 */
static int pipe_body(lua_State *L)
{
    struct gost_session *s = check_own_fiber(L);
    void **box = luaL_checkudata(L, 2, GOSTL_STREAM);
    struct gost_stream *up = gostL_check(L, 2, GOSTL_STREAM);
    luaL_argcheck(L, !gostL_stream_busy(gostL_conn_stream(L, 1)), 1,
                  "another fiber uses this stream");
    luaL_argcheck(L, !gostL_stream_busy(up), 2, "another fiber uses this stream");
    *box = NULL;
    int rc = gost_conn_relay(&s->conn, &up);
    if (rc != 0)
        return gostL_fail(L, rc);
    lua_pushboolean(L, 1);
    return 1;
}

static int conn_pipe(lua_State *L)
{
    return gostL_waiting(L, pipe_body);
}

/* conn:serve_as("http") -> true | nil, message, code */
static int serve_as_body(lua_State *L)
{
    struct gost_session *s = check_own_fiber(L);
    const char *kind = luaL_checkstring(L, 2);
    luaL_argcheck(L, !gostL_stream_busy(gostL_conn_stream(L, 1)), 1,
                  "another fiber uses this stream");
    lua_pushvalue(L, 1);
    gostL_conn_own(L, false);
    int rc = gostL_ensure_handler(L, s->service, kind);
    if (rc == 0)
        rc = s->conn.ops->serve_as(&s->conn, kind);
    if (rc != 0)
        return gostL_fail(L, rc);
    lua_pushboolean(L, 1);
    return 1;
}

static int conn_serve_as(lua_State *L)
{
    return gostL_waiting(L, serve_as_body);
}

static int conn_tostring(lua_State *L)
{
    struct gost_session *s = gostL_test(L, 1, GOSTL_CONN);
    char text[GOST_HOSTPORT_MAX];
    if (!s)
        lua_pushliteral(L, "gost.Conn (closed)");
    else
        lua_pushfstring(L, "gost.Conn %d (%s at %s)", (int)s->conn.id,
                        gost_sockaddr_format(&s->conn.peer, text), s->service->name);
    return 1;
}

static int conn_gc(lua_State *L)
{
    void **box = luaL_checkudata(L, 1, GOSTL_CONN);
    struct gost_session *s = *box;
    if (s && s->script == box)
        s->script = NULL;
    *box = NULL;
    return 0;
}

void gostL_open_conn(lua_State *L)
{
    extern const luaL_Reg gostL__stream_methods[];
    static const luaL_Reg methods[] = {
        {"set", conn_set},     {"get", conn_get},           {"kill", conn_kill},
        {"close", conn_close}, {"dial", conn_dial},         {"auth", conn_auth},
        {"pipe", conn_pipe},   {"serve_as", conn_serve_as}, {NULL, NULL}};
    static const luaL_Reg meta[] = {
        {"__index", conn_index}, {"__tostring", conn_tostring}, {"__gc", conn_gc}, {NULL, NULL}};
    gostL_class(L, GOSTL_CONN, methods, meta);
    luaL_getmetatable(L, GOSTL_CONN);
    lua_getfield(L, -1, "methods");
    luaL_setfuncs(L, gostL__stream_methods, 0);
    lua_pop(L, 2);
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &conns_key);
}
