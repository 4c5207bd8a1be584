/* Lua on fibers: threads, spawn, sleep, the loop. */
#include "bindings/lib.h"
#include "bindings/thread.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/runtime/fiber.h"
#include "core/runtime/loop.h"

#include <stdlib.h>
#include <string.h>

enum { THREADS_KEPT = 32 };

static _Thread_local lua_State *main_state;
static _Thread_local struct gostL_thread *pool;
static _Thread_local int pool_count;

lua_State *gostL_main(void)
{
    return main_state;
}

void gostL_set_main(lua_State *L)
{
    main_state = L;
    if (!L) /* the threads went with the state */
        while (pool) {
            struct gostL_thread *t = pool;
            pool = t->next;
            free(t);
        }
    pool_count = L ? pool_count : 0;
}

static void thread_release(struct gost_fiber *f)
{
    struct gostL_thread *t = f->local;
    f->local = NULL;
    if (pool_count >= THREADS_KEPT || lua_resetthread(t->L) != LUA_OK) {
        gostL_unref(t->ref);
        free(t);
        return;
    }
    lua_settop(t->L, 0);
    t->next = pool;
    pool = t;
    pool_count++;
}

static struct gostL_thread *thread_take(void)
{
    struct gostL_thread *t = pool;
    if (t) {
        pool = t->next;
        pool_count--;
        return t;
    }
    t = calloc(1, sizeof(*t));
    if (!t)
        luaL_error(main_state, "not enough memory");
    luaL_checkstack(main_state, 4, "threads");
    t->L = lua_newthread(main_state);
    t->ref = gostL_ref(main_state);
    return t;
}

struct gostL_thread *gostL_thread_self(void)
{
    struct gost_fiber *f = gost_fiber_self();
    return f ? f->local : NULL;
}

lua_State *gostL_thread(void)
{
    struct gost_fiber *f = gost_fiber_self();
    if (!f)
        return main_state;
    if (!f->local) {
        f->local = thread_take();
        f->local_free = thread_release;
    }
    return ((struct gostL_thread *)f->local)->L;
}

int gostL_traceback(lua_State *L)
{
    const char *msg = lua_tostring(L, 1);
    if (!msg)
        msg = luaL_tolstring(L, 1, NULL);
    luaL_traceback(L, L, msg, 1);
    return 1;
}

/* --- calls that wait --------------------------------------------------------------------------- */

struct errand {
    lua_State *L;
    lua_CFunction body;
    int results; /* of the body, or -1 when it raised */
    bool done;
};

static int errand_call(lua_State *L)
{
    struct errand *e = lua_touserdata(L, 1);
    lua_remove(L, 1);
    return e->body(L);
}

/* Runs on a fiber, but on the Lua stack of the waiting caller; so nothing may be raised across. */
static void errand_main(void *arg)
{
    struct errand *e = arg;
    lua_State *L = e->L;
    lua_pushcfunction(L, errand_call);
    lua_insert(L, 1);
    lua_pushlightuserdata(L, e);
    lua_insert(L, 2);
    int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
    e->results = status == LUA_OK ? lua_gettop(L) : -1;
    e->done = true;
}

int gostL_waiting(lua_State *L, lua_CFunction body)
{
    if (gost_fiber_self()) {
        struct gostL_thread *t = gostL_thread_self();
        gostL_budget_pause(t);
        int results = body(L);
        gostL_budget_resume(t);
        return results;
    }
    struct errand e = {.L = L, .body = body};
    luaL_checkstack(L, 8, "waiting");
    if (!gost_fiber_spawn("main", errand_main, &e))
        return luaL_error(L, "%s", gost_diag_text(GOST_ENOMEM));
    while (!e.done)
        gost_loop_step(gost_loop_self(), -1);
    return e.results >= 0 ? e.results : lua_error(L);
}

/* --- fibers as objects -------------------------------------------------------------------------- */

/* What a new fiber is to run: a function and its arguments, parked on a Lua thread of their own. */
struct job {
    lua_State *co; /* a table for the results, the function, its arguments */
    int ref;
    int nargs;
};

/* What the function returned goes into the table that the Fiber object keeps, see fiber_join. */
static void job_main(void *arg)
{
    static const struct gostL_budget unbounded;
    struct job job = *(struct job *)arg;
    lua_State *L = gostL_thread();
    free(arg);
    luaL_checkstack(L, job.nargs + 8, "spawn");
    lua_xmove(job.co, L, job.nargs + 2);
    gostL_unref(job.ref);
    int table = lua_gettop(L) - job.nargs - 1;
    int rc = gostL_call(L, job.nargs, LUA_MULTRET, "spawned function", &unbounded);
    if (rc == 0) {
        lua_Integer n = lua_gettop(L) - table;
        for (lua_Integer i = n; i >= 1; i--)
            lua_rawseti(L, table, i);
        lua_pushinteger(L, n);
        lua_setfield(L, table, "n");
    } else {
        lua_pushstring(L, gost_diag_text(rc));
        lua_setfield(L, table, "message");
    }
}

/* gost.spawn(fn, ...) -> Fiber */
static int l_spawn(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    int nargs = lua_gettop(L) - 1;
    void **box = gostL_box(L, GOSTL_FIBER);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, -3, 1);
    lua_insert(L, 1);
    lua_insert(L, 1); /* box, table, function, arguments */
    struct job *job = malloc(sizeof(*job));
    if (!job)
        return luaL_error(L, "not enough memory");
    lua_State *co = lua_newthread(L);
    *job = (struct job){.co = co, .ref = gostL_ref(L), .nargs = nargs};
    lua_xmove(L, co, nargs + 2);
    struct gost_fiber *f = gost_fiber_spawn("spawn", job_main, job);
    if (!f) {
        gostL_unref(job->ref);
        free(job);
        return luaL_error(L, "%s", gost_diag_text(GOST_ENOMEM));
    }
    gost_fiber_ref(f);
    *box = f;
    return 1;
}

static int fiber_cancel(lua_State *L)
{
    gost_fiber_cancel(gostL_check(L, 1, GOSTL_FIBER));
    return 0;
}

/* What the function of a fiber that has ended returned; nil, message, "hook" when it raised. */
static int push_results(lua_State *L)
{
    lua_getiuservalue(L, 1, 1);
    int table = lua_gettop(L);
    if (lua_getfield(L, table, "n") == LUA_TNIL) {
        lua_getfield(L, table, "message");
        if (lua_isnil(L, -1))
            return gostL_fail(L, gost_fail_code(GOST_ECANCELED));
        lua_pushliteral(L, "hook");
        return 3;
    }
    lua_Integer n = lua_tointeger(L, -1);
    luaL_checkstack(L, (int)n + 2, "join");
    lua_pushboolean(L, 1);
    for (lua_Integer i = 1; i <= n; i++)
        lua_rawgeti(L, table, i);
    return (int)n + 1;
}

/* fiber:join([seconds]) -> true, results of its function … | nil, message, code. Suspends. */
static int fiber_join_body(lua_State *L)
{
    struct gost_fiber *f = gostL_check(L, 1, GOSTL_FIBER);
    int rc = gost_fiber_join(f, gostL_opt_deadline(L, 2));
    return rc != 0 ? gostL_fail(L, rc) : push_results(L);
}

static int fiber_join(lua_State *L)
{
    return gostL_waiting(L, fiber_join_body);
}

/* fiber:done() -> has its function ended? */
static int fiber_done(lua_State *L)
{
    struct gost_fiber *f = gostL_check(L, 1, GOSTL_FIBER);
    lua_pushboolean(L, f->done);
    return 1;
}

/* fiber:wake(): end its core.park */
static int fiber_wake(lua_State *L)
{
    gost_fiber_wake(gostL_check(L, 1, GOSTL_FIBER));
    return 0;
}

static int fiber_tostring(lua_State *L)
{
    struct gost_fiber *f = gostL_check(L, 1, GOSTL_FIBER);
    lua_pushfstring(L, "gost.Fiber %d (%s)", (int)f->id, f->done ? "ended" : "running");
    return 1;
}

/* core.self() -> the running Fiber, or nil outside of fibers */
static int l_self(lua_State *L)
{
    struct gost_fiber *f = gost_fiber_self();
    if (!f)
        return 0;
    void **box = gostL_box(L, GOSTL_FIBER);
    gost_fiber_ref(f);
    *box = f;
    return 1;
}

/* core.park([seconds]) -> true after a wake-up, which is only a hint | nil, message, code. On fibers only. */
static int park_body(lua_State *L)
{
    int rc = gost_fiber_wait(gostL_opt_deadline(L, 1));
    if (rc != 0)
        return gostL_fail(L, rc);
    lua_pushboolean(L, 1);
    return 1;
}

static int l_park(lua_State *L)
{
    if (!gost_fiber_self())
        return luaL_error(L, "this can only wait on a fiber: call it in a hook or in gost.spawn");
    return gostL_waiting(L, park_body);
}

static int fiber_gc(lua_State *L)
{
    void **box = luaL_checkudata(L, 1, GOSTL_FIBER);
    if (*box)
        gost_fiber_unref(*box);
    *box = NULL;
    return 0;
}

/* gost.sleep(seconds) -> true | nil, message, code. Suspends. */
static int sleep_body(lua_State *L)
{
    double s = luaL_checknumber(L, 1);
    luaL_argcheck(L, s >= 0 && s < 1e10, 1, "expected seconds, 0 or more");
    int rc = gost_fiber_sleep((uint64_t)(s * 1000));
    if (rc != 0)
        return gostL_fail(L, rc);
    lua_pushboolean(L, 1);
    return 1;
}

static int l_sleep(lua_State *L)
{
    return gostL_waiting(L, sleep_body);
}

/* gost.yield(): let others run. Suspends. */
static int yield_body(lua_State *L)
{
    int rc = gost_fiber_yield();
    return rc == 0 ? 0 : gostL_fail(L, rc);
}

static int l_yield(lua_State *L)
{
    return gostL_waiting(L, yield_body);
}

/* --- the loop ----------------------------------------------------------------------------------- */

/* core.step([seconds]): one turn of the loop; waits at most so long (nil: until something happens). */
static int l_step(lua_State *L)
{
    if (gost_fiber_self())
        return luaL_error(L, "gost.step cannot be called on a fiber");
    double s = luaL_optnumber(L, 1, -1);
    gost_loop_step(gost_loop_self(), s < 0 || s > 2e6 ? -1 : (int)(s * 1000));
    return 0;
}

/* core.loop(): turn until core.stop(). */
static int l_loop(lua_State *L)
{
    if (gost_fiber_self())
        return luaL_error(L, "the loop runs already");
    gost_loop_run(gost_loop_self());
    return 0;
}

static int l_stop(lua_State *L)
{
    (void)L;
    gost_loop_stop(gost_loop_self());
    return 0;
}

/* core.now() -> seconds on the loop's monotonic clock */
static int l_now(lua_State *L)
{
    lua_pushnumber(L, (double)gost_now() / 1000);
    return 1;
}

static int l_on_fiber(lua_State *L)
{
    lua_pushboolean(L, gost_fiber_self() != NULL);
    return 1;
}

static int l_fiber_count(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)gost_fiber_count());
    return 1;
}

static int l_cancel_all(lua_State *L)
{
    (void)L;
    gost_fiber_cancel_all();
    return 0;
}

void gostL_open_fiber(lua_State *L)
{
    static const luaL_Reg methods[] = {{"cancel", fiber_cancel},
                                       {"join", fiber_join},
                                       {"done", fiber_done},
                                       {"wake", fiber_wake},
                                       {NULL, NULL}};
    static const luaL_Reg meta[] = {{"__gc", fiber_gc}, {"__tostring", fiber_tostring}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"spawn", l_spawn},
                                         {"sleep", l_sleep},
                                         {"yield", l_yield},
                                         {"step", l_step},
                                         {"loop", l_loop},
                                         {"stop", l_stop},
                                         {"now", l_now},
                                         {"on_fiber", l_on_fiber},
                                         {"fiber_count", l_fiber_count},
                                         {"cancel_all", l_cancel_all},
                                         {"self", l_self},
                                         {"park", l_park},
                                         {NULL, NULL}};
    gostL_class(L, GOSTL_FIBER, methods, meta);
    luaL_setfuncs(L, functions, 0);
}
