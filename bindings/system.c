/* The rest of the world for scripts: name lookup, signals, processes. */
#include "bindings/lib.h"
#include "bindings/options.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/net/resolve.h"
#include "core/runtime/command.h"
#include "core/runtime/fiber.h"
#include "core/runtime/loop.h"
#include "core/transport/tls.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* --- names -------------------------------------------------------------------------------------- */

/* core.lookup(name [, family [, resolver [, seconds]]]) -> {addresses} | nil, message, code */
static int lookup_body(lua_State *L)
{
    static const char *const families[] = {"any", "ipv4", "ipv6", NULL};
    const char *name = luaL_checkstring(L, 1);
    enum gost_family family = (enum gost_family)luaL_checkoption(L, 2, "any", families);
    struct gost_resolver *r = lua_isnoneornil(L, 3) ? NULL : gostL_check(L, 3, GOSTL_RESOLVER);
    uint64_t deadline = gostL_opt_deadline(L, 4);
    struct gost_addrs list = {0};
    char text[GOST_HOSTPORT_MAX];
    int rc = gost_resolver_lookup(r, name, 0, family, deadline, &list);
    if (rc != 0)
        return gostL_fail(L, rc);
    lua_createtable(L, (int)list.count, 0);
    for (size_t i = 0; i < list.count; i++) {
        lua_pushstring(L, gost_sockaddr_host(&list.addr[i], text));
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    gost_addrs_destroy(&list);
    return 1;
}

static int l_lookup(lua_State *L)
{
    return gostL_waiting(L, lookup_body);
}

static enum gost_family family_of(const char *word)
{
    if (!word)
        return GOST_FAMILY_ANY;
    if (strcmp(word, "ipv6") == 0 || strcmp(word, "ip6") == 0)
        return GOST_FAMILY_V6;
    return strcmp(word, "ipv4") == 0 || strcmp(word, "ip4") == 0 ? GOST_FAMILY_V4 : GOST_FAMILY_ANY;
}

/* core.command({"program", "argument"…}, seconds) -> exit status | nil, message, code. Suspends. */
static int command_body(lua_State *L)
{
    enum { ARGUMENTS_MAX = 256 };
    luaL_checktype(L, 1, LUA_TTABLE);
    uint64_t deadline = gostL_opt_deadline(L, 2);
    lua_Integer n = luaL_len(L, 1);
    luaL_argcheck(L, n > 0 && n < ARGUMENTS_MAX, 1, "expected some words");
    const char **argv = lua_newuserdatauv(L, ((size_t)n + 1) * sizeof(*argv), 0);
    luaL_checkstack(L, (int)n, "command");
    for (lua_Integer i = 0; i < n; i++) {
        lua_rawgeti(L, 1, i + 1);
        argv[i] = luaL_checkstring(L, -1);
    }
    argv[n] = NULL;
    int rc = gost_command_run(argv, NULL, deadline);
    if (rc < 0)
        return gostL_fail(L, rc);
    lua_pushinteger(L, rc);
    return 1;
}

static int l_command(lua_State *L)
{
    return gostL_waiting(L, command_body);
}

/* core.resolver{{addr=, prefer=, only=, ttl_ms=, timeout_ms=}…} -> Resolver */
static int l_resolver(lua_State *L)
{
    struct gost_nameserver servers[GOST_RESOLVER_SERVERS_MAX];
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_Integer n = luaL_len(L, 1);
    luaL_argcheck(L, n <= GOST_RESOLVER_SERVERS_MAX, 1, "at most 16 name servers");
    luaL_checkstack(L, (int)n + 4, "name servers");
    void **box = gostL_box(L, GOSTL_RESOLVER);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, 1, i);
        luaL_checktype(L, -1, LUA_TTABLE);
        servers[i - 1] = (struct gost_nameserver){
            .addr = gostL_field_string(L, -1, "addr"),
            .prefer = family_of(gostL_field_string(L, -1, "prefer")),
            .only = family_of(gostL_field_string(L, -1, "only")),
            .ttl_ms = gostL_field_int(L, -1, "ttl_ms", 0),
            .timeout_ms = gostL_field_int(L, -1, "timeout_ms", 0),
            .async = gostL_field_bool(L, -1, "async", false),
        };
    }
    struct gost_resolver *r;
    int rc = gost_resolver_new(servers, (size_t)n, &r);
    if (rc != 0)
        return luaL_error(L, "resolver: %s", gost_diag_text(rc));
    *box = r;
    lua_settop(L, 2);
    return 1;
}

static int resolver_gc(lua_State *L)
{
    void **box = luaL_checkudata(L, 1, GOSTL_RESOLVER);
    gost_resolver_unref(*box);
    *box = NULL;
    return 0;
}

/* --- signals ------------------------------------------------------------------------------------- */

struct signal_hook {
    uv_signal_t handle;
    int ref;
    struct signal_hook *next;
};

static _Thread_local struct signal_hook *signal_hooks;

static void run_signal(void *arg)
{
    static const struct gostL_budget unbounded;
    struct signal_hook *s = arg;
    lua_State *L = gostL_thread();
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->ref);
    gostL_call(L, 0, 0, "signal", &unbounded);
}

static void on_signal(uv_signal_t *handle, int number)
{
    (void)number;
    gost_fiber_spawn("signal", run_signal, gost_container_of(handle, struct signal_hook, handle));
}

/* core.on_signal("HUP"|"TERM"|"INT"|"USR1"|"USR2", fn): fn runs on a fiber of this worker */
static int l_on_signal(lua_State *L)
{
    static const char *const names[] = {"HUP", "TERM", "INT", "USR1", "USR2", NULL};
    static const int numbers[] = {SIGHUP, SIGTERM, SIGINT, SIGUSR1, SIGUSR2};
    int number = numbers[luaL_checkoption(L, 1, NULL, names)];
    luaL_checktype(L, 2, LUA_TFUNCTION);
    struct signal_hook *s = calloc(1, sizeof(*s));
    if (!s)
        return luaL_error(L, "not enough memory");
    lua_pushvalue(L, 2);
    s->ref = gostL_ref(L);
    s->next = signal_hooks;
    signal_hooks = s;
    uv_loop_t *uv = gost_loop_uv(gost_loop_self());
    uv_signal_init(uv, &s->handle);
    uv_signal_start(&s->handle, on_signal, number);
    return 0;
}

static void signal_closed(uv_handle_t *handle)
{
    free(gost_container_of(handle, struct signal_hook, handle));
}

/* Before the loop ends. */
void gostL__close_signals(void);
void gostL__close_signals(void)
{
    while (signal_hooks) {
        struct signal_hook *s = signal_hooks;
        signal_hooks = s->next;
        gost_loop_uv(gost_loop_self());
        uv_close((uv_handle_t *)&s->handle, signal_closed);
    }
}

/* --- processes and the machine --------------------------------------------------------------------- */

static int l_cores(lua_State *L)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
    lua_pushinteger(L, n > 0 ? n : 1);
    return 1;
}

/* core.raise_nofile() -> the limit now: a proxy needs many descriptors */
static int l_raise_nofile(lua_State *L)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
        r.rlim_cur = r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
    }
    getrlimit(RLIMIT_NOFILE, &r);
    lua_pushinteger(L, (lua_Integer)r.rlim_cur);
    return 1;
}

static int l_pid(lua_State *L)
{
    lua_pushinteger(L, getpid());
    return 1;
}

static int l_setenv(lua_State *L)
{
    setenv(luaL_checkstring(L, 1), luaL_checkstring(L, 2), 1);
    return 0;
}

/* core.tls_check{certFile=, keyFile=, caFile=} -> true | nil, message: would a listener take these? */
static int l_tls_check(lua_State *L)
{
    struct gost_tls_context *c;
    luaL_checktype(L, 1, LUA_TTABLE);
    int rc = gostL_tls_context(L, 1, gostL_field_bool(L, 1, "server", false), &c);
    if (rc != 0)
        return gostL_fail(L, rc);
    gost_tls_context_unref(c);
    lua_pushboolean(L, 1);
    return 1;
}

static int l_base64_encode(lua_State *L)
{
    size_t n;
    const char *p = luaL_checklstring(L, 1, &n);
    luaL_Buffer b;
    char *room = luaL_buffinitsize(L, &b, (n + 2) / 3 * 4 + 1);
    luaL_pushresultsize(&b, gost_base64_encode(room, p, n));
    return 1;
}

static int l_base64_decode(lua_State *L)
{
    size_t n;
    const char *p = luaL_checklstring(L, 1, &n);
    luaL_Buffer b;
    char *room = luaL_buffinitsize(L, &b, n / 4 * 3 + 3);
    long len = gost_base64_decode(room, p, n);
    luaL_pushresultsize(&b, len < 0 ? 0 : (size_t)len);
    if (len >= 0)
        return 1;
    lua_pushnil(L);
    lua_pushliteral(L, "invalid base64");
    lua_pushliteral(L, "protocol");
    return 3;
}

void gostL_open_system(lua_State *L)
{
    static const luaL_Reg none[] = {{NULL, NULL}};
    static const luaL_Reg resolver_meta[] = {{"__gc", resolver_gc}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"lookup", l_lookup},
                                         {"command", l_command},
                                         {"resolver", l_resolver},
                                         {"on_signal", l_on_signal},
                                         {"cores", l_cores},
                                         {"raise_nofile", l_raise_nofile},
                                         {"pid", l_pid},
                                         {"setenv", l_setenv},
                                         {"tls_check", l_tls_check},
                                         {"base64_encode", l_base64_encode},
                                         {"base64_decode", l_base64_decode},
                                         {NULL, NULL}};
    gostL_class(L, GOSTL_RESOLVER, none, resolver_meta);
    luaL_setfuncs(L, functions, 0);
}
