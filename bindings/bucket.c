/* gost.Bucket: a token bucket by name, shared between workers. */
#include "bindings/lib.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/policy/bucket.h"
#include "core/runtime/fiber.h"
#include "core/runtime/loop.h"
#include "core/runtime/shared.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bucket {
    struct gost_bucket *tokens; /* shared memory */
    struct gost_rate rate;
};

/* core.bucket(key, rate [, burst]) -> Bucket: `rate` tokens a second, at most `burst` of them kept */
static int l_bucket(lua_State *L)
{
    char key[256];
    const char *name = luaL_checkstring(L, 1);
    lua_Number rate = luaL_checknumber(L, 2), burst = luaL_optnumber(L, 3, 0);
    luaL_argcheck(L, strlen(name) < sizeof(key) - 16, 1, "key too long");
    luaL_argcheck(L, rate >= 1 && rate <= 1e15, 2, "expected 1 token a second or more");
    luaL_argcheck(L, burst >= 0 && burst <= 1e15, 3, "expected tokens, 0 or more");
    void **box = gostL_box(L, GOSTL_BUCKET);
    struct bucket *b = malloc(sizeof(*b));
    bool created;
    snprintf(key, sizeof(key), "script-bucket:%s", name);
    if (b && !(b->tokens = gost_shared_take(key, sizeof(*b->tokens), &created))) {
        free(b);
        b = NULL;
    }
    if (!b)
        return luaL_error(L, "not enough memory");
    if (created)
        gost_shared_take(key, sizeof(*b->tokens), NULL); /* it lives as long as the process */
    b->rate = (struct gost_rate){.rate = (uint64_t)rate, .burst = (uint64_t)burst};
    *box = b;
    return 1;
}

static uint64_t check_tokens(lua_State *L)
{
    lua_Integer n = luaL_optinteger(L, 2, 1);
    luaL_argcheck(L, n >= 1, 2, "expected 1 token or more");
    return (uint64_t)n;
}

/* bucket:take([n]) -> true | false, seconds until it can be tried again (nil: never, n is too much) */
static int bucket_take(lua_State *L)
{
    uint64_t retry = 0;
    struct bucket *b = gostL_check(L, 1, GOSTL_BUCKET);
    bool ok = gost_bucket_take_all(b->tokens, b->rate, check_tokens(L), gost_now(), &retry);
    lua_pushboolean(L, ok);
    if (ok)
        return 1;
    if (retry == GOST_BUCKET_NEVER)
        lua_pushnil(L);
    else
        lua_pushnumber(L, retry > gost_now() ? (double)(retry - gost_now()) / 1000 : 0);
    return 2;
}

/* bucket:wait([n [, seconds]]) -> true | nil, message, code: take, when they are there. Suspends. */
static int wait_body(lua_State *L)
{
    uint64_t retry = 0, n = check_tokens(L), deadline = gostL_opt_deadline(L, 3);
    struct bucket *b = gostL_check(L, 1, GOSTL_BUCKET);
    while (!gost_bucket_take_all(b->tokens, b->rate, n, gost_now(), &retry)) {
        if (retry == GOST_BUCKET_NEVER)
            return gostL_fail(L, gost_fail(GOST_ELIMIT, "the bucket never holds so many tokens"));
        if (retry > deadline)
            return gostL_fail(L, gost_fail_code(GOST_ETIMEDOUT));
        int rc = gost_fiber_sleep(retry > gost_now() ? retry - gost_now() : 1);
        if (rc != 0)
            return gostL_fail(L, rc);
    }
    lua_pushboolean(L, 1);
    return 1;
}

static int bucket_wait(lua_State *L)
{
    return gostL_waiting(L, wait_body);
}

/* bucket:give(n): put tokens back that were not used */
static int bucket_give(lua_State *L)
{
    struct bucket *b = gostL_check(L, 1, GOSTL_BUCKET);
    gost_bucket_give(b->tokens, b->rate, check_tokens(L));
    return 0;
}

static int bucket_gc(lua_State *L)
{
    void **box = luaL_checkudata(L, 1, GOSTL_BUCKET);
    struct bucket *b = *box;
    if (b)
        gost_shared_give(b->tokens);
    free(b);
    *box = NULL;
    return 0;
}

void gostL_open_bucket(lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"take", bucket_take}, {"wait", bucket_wait}, {"give", bucket_give}, {NULL, NULL}};
    static const luaL_Reg meta[] = {{"__gc", bucket_gc}, {NULL, NULL}};
    gostL_class(L, GOSTL_BUCKET, methods, meta);
    lua_pushcfunction(L, l_bucket);
    lua_setfield(L, -2, "bucket");
}
