/* The C module: everything of bindings/ under one roof. */
#include "bindings/lib.h"
#include "bindings/worker.h"

#include "core/base/diag.h"

/* The names that GOST's builds have. */
#if defined(__x86_64__)
#define GOST_ARCH "amd64"
#elif defined(__aarch64__)
#define GOST_ARCH "arm64"
#elif defined(__i386__)
#define GOST_ARCH "386"
#elif defined(__arm__)
#define GOST_ARCH "arm"
#elif defined(__riscv)
#define GOST_ARCH "riscv64"
#else
#define GOST_ARCH "unknown"
#endif

#ifndef GOST_VERSION
#define GOST_VERSION "0.0.0"
#endif

int luaopen_gost_core(lua_State *L)
{
    int rc = gostL_worker_enter(L);
    if (rc != 0)
        return luaL_error(L, "gost: %s", gost_diag_text(rc));
    lua_newtable(L);
    gostL_open_fiber(L);
    gostL_open_stream(L);
    gostL_open_conn(L);
    gostL_open_policy(L);
    gostL_open_ingress(L);
    gostL_open_sd(L);
    gostL_open_limits(L);
    gostL_open_node(L);
    gostL_open_hop(L);
    gostL_open_chain(L);
    gostL_open_service(L);
    gostL_open_options(L);
    gostL_open_kinds(L);
    gostL_open_shared(L);
    gostL_open_system(L);
    gostL_open_log(L);
    gostL_open_process(L);
    gostL_open_worker(L);
    gostL_open_budget(L);
    gostL_open_bucket(L);
    gostL_open_sets(L);
    gostL_open_file(L);
    gostL_open_shape(L);
    gostL_open_hash(L);
    gostL_open_stream_tls(L);
    gostL_open_redis(L);
    gostL_open_policy_load(L);
    lua_pushliteral(L, GOST_VERSION);
    lua_setfield(L, -2, "version");
    lua_pushliteral(L, "linux/" GOST_ARCH);
    lua_setfield(L, -2, "platform");
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushcfunction(L, luaopen_gost_yaml);
    lua_setfield(L, -2, "gost.yaml");
    lua_pushcfunction(L, luaopen_gost_json);
    lua_setfield(L, -2, "gost.json");
    lua_pop(L, 1);
    return 1;
}

void gostL_preload(lua_State *L)
{
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    lua_pushcfunction(L, luaopen_gost_core);
    lua_setfield(L, -2, "gost.core");
    lua_pushcfunction(L, luaopen_gost_yaml);
    lua_setfield(L, -2, "gost.yaml");
    lua_pushcfunction(L, luaopen_gost_json);
    lua_setfield(L, -2, "gost.json");
    lua_pop(L, 1);
}
