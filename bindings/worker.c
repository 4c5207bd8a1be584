#include "bindings/worker.h"

#include "bindings/lib.h"
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/net/far.h"
#include "core/net/linger.h"
#include "core/net/packet.h"
#include "core/net/pipe.h"
#include "core/net/resolve.h"
#include "core/route/service.h"
#include "core/runtime/fiber.h"
#include "core/runtime/loop.h"
#include "core/runtime/workers.h"
#include "core/transport/mux.h"

#include <lualib.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORKERS_MAX = GOST_WORKERS_MAX, UNWIND_TURNS = 1000, UNWIND_STEP_MS = 10 };

struct worker {
    int id;
    pthread_t thread;
    struct gost_loop *loop;
    lua_State *L;
    char *entry;       /* Lua module whose function runs on it */
    _Atomic int state; /* 0 starting, 1 running, 2 ended */
};

static struct worker workers[WORKERS_MAX];
static _Atomic int worker_count = 1; /* the first is the thread that started */
static _Thread_local struct worker *self;
static char lua_dir[4096];

void gostL__close_signals(void);

int gostL_worker_enter(lua_State *L)
{
    if (gost_loop_self())
        return 0;
    struct gost_loop *l = malloc(sizeof(*l));
    int rc = l ? gost_loop_create(l) : GOST_ENOMEM;
    if (rc != 0) {
        free(l);
        return rc;
    }
    signal(SIGPIPE, SIG_IGN); /* splice(2) to a closed peer raises it */
    gost_loop_enter(l);
    gost_log_gather(true);
    gostL_set_main(L);
    if (!self)
        self = &workers[0];
    self->L = L;
    self->loop = l;
    rc = gost_worker_open(self->id);
    atomic_store(&self->state, 1);
    return rc;
}

static bool is_busy(void)
{
    return gost_session_count() > 0 || gost_fiber_count() > 0 || gost_far_count() > 0;
}

void gostL_worker_leave(void)
{
    struct gost_loop *l = gost_loop_self();
    if (!l)
        return;
    gost_session_kill_all();
    gost_fiber_cancel_all();
    gost_far_stop_all();
    for (int i = 0; i < UNWIND_TURNS && is_busy(); i++) {
        gost_loop_step(l, UNWIND_STEP_MS);
        gost_fiber_cancel_all(); /* those that were born meanwhile */
        gost_far_stop_all();
    }
    gostL__close_signals();
    gost_mux_cleanup();
    gost_linger_cleanup();
    gost_resolve_cleanup();
    gost_worker_close();
    for (int i = 0; i < 3; i++)
        gost_loop_step(l, 0);
}

void gostL_worker_dispose(void)
{
    struct gost_loop *l = gost_loop_self();
    gostL_set_main(NULL);
    if (!l)
        return;
    gost_mux_cleanup(); /* closing the Lua state let go of nodes and their sessions */
    gost_linger_cleanup();
    gost_pipe_drain();
    gost_batch_cleanup();
    gost_fiber_cleanup();
    gost_log_gather(false);
    gost_loop_destroy(l);
    free(l);
}

void gostL_set_lua_dir(const char *dir)
{
    snprintf(lua_dir, sizeof(lua_dir), "%s", dir);
}

static void add_path(lua_State *L)
{
    if (!lua_dir[0])
        return;
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "path");
    lua_pushfstring(L, "%s/?.lua;%s/?/init.lua;%s", lua_dir, lua_dir, lua_tostring(L, -1));
    lua_setfield(L, -3, "path");
    lua_pop(L, 2);
}

lua_State *gostL_new_state(void)
{
    lua_State *L = luaL_newstate();
    if (!L)
        return NULL;
    luaL_openlibs(L);
    lua_gc(L, LUA_GCGEN, 0, 0);
    add_path(L);
    gostL_preload(L);
    return L;
}

/* --- further workers ------------------------------------------------------------------------------- */

static int run_entry(lua_State *L)
{
    struct worker *w = lua_touserdata(L, 1);
    lua_getglobal(L, "require");
    lua_pushstring(L, w->entry);
    lua_call(L, 1, 1);
    lua_pushinteger(L, w->id);
    lua_call(L, 1, 0);
    return 0;
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL); /* the first worker hears of signals */
    self = w;
    w->L = gostL_new_state();
    int rc = w->L ? gostL_worker_enter(w->L) : GOST_ENOMEM;
    if (rc == 0) {
        lua_pushcfunction(w->L, gostL_traceback);
        lua_pushcfunction(w->L, run_entry);
        lua_pushlightuserdata(w->L, w);
        if (lua_pcall(w->L, 1, 0, 1) != LUA_OK)
            gost_log(GOST_LOG_ERROR, "worker %d: %s", w->id, lua_tostring(w->L, -1));
        gostL_worker_leave();
        lua_close(w->L);
        gostL_worker_dispose();
    }
    atomic_store(&w->state, 2);
    return NULL;
}

/* core.start_workers(n, module): threads 1 to n-1 call require(module)(id) */
static int l_start_workers(lua_State *L)
{
    lua_Integer n = luaL_checkinteger(L, 1);
    const char *entry = luaL_checkstring(L, 2);
    luaL_argcheck(L, n >= 1 && n <= WORKERS_MAX, 1, "expected 1 to 256 workers");
    for (int i = 1; i < n; i++) {
        struct worker *w = &workers[i];
        w->id = i;
        w->entry = strdup(entry);
        atomic_store(&w->state, 0);
        int rc = w->entry ? pthread_create(&w->thread, NULL, worker_main, w) : GOST_ENOMEM;
        if (rc != 0)
            return luaL_error(L, "worker %d: cannot start a thread", i);
        atomic_store(&worker_count, i + 1);
    }
    return 0;
}

/* --- messages --------------------------------------------------------------------------------------- */

struct command {
    struct gost_message base;
    size_t len;
    char text[];
};

static const char commands_key;

static void run_command(void *arg)
{
    static const struct gostL_budget unbounded;
    struct command *c = arg;
    lua_State *L = gostL_thread();
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &commands_key) == LUA_TFUNCTION) {
        lua_pushlstring(L, c->text, c->len);
        gostL_call(L, 1, 0, "command", &unbounded);
    } else {
        lua_pop(L, 1);
    }
    free(c);
}

static void on_command(struct gost_message *m)
{
    struct command *c = gost_container_of(m, struct command, base);
    if (!gost_fiber_spawn("command", run_command, c))
        free(c);
}

/* core.tell(worker id, text): its command function is called with the text */
static int l_tell(lua_State *L)
{
    size_t n;
    lua_Integer id = luaL_checkinteger(L, 1);
    const char *text = luaL_checklstring(L, 2, &n);
    luaL_argcheck(L, id >= 0 && id < atomic_load(&worker_count), 1, "no such worker");
    if (atomic_load(&workers[id].state) != 1)
        return 0;
    struct command *c = malloc(sizeof(*c) + n + 1);
    if (!c)
        return luaL_error(L, "not enough memory");
    c->base.fn = on_command;
    c->len = n;
    memcpy(c->text, text, n + 1);
    if (!gost_worker_post((int)id, &c->base))
        free(c);
    return 0;
}

/* core.on_command(fn) */
static int l_on_command(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &commands_key);
    return 0;
}

/* core.worker() -> id of this worker, number of workers */
static int l_worker(lua_State *L)
{
    lua_pushinteger(L, self ? self->id : 0);
    lua_pushinteger(L, atomic_load(&worker_count));
    return 2;
}

/* core.worker_state(id) -> "starting", "running" or "ended" */
static int l_worker_state(lua_State *L)
{
    static const char *const words[] = {"starting", "running", "ended"};
    lua_Integer id = luaL_checkinteger(L, 1);
    luaL_argcheck(L, id >= 0 && id < WORKERS_MAX, 1, "no such worker");
    lua_pushstring(L, words[atomic_load(&workers[id].state)]);
    return 1;
}

void gostL_join_workers(void)
{
    int n = atomic_load(&worker_count);
    for (int i = 1; i < n; i++) {
        pthread_join(workers[i].thread, NULL);
        free(workers[i].entry);
        workers[i].entry = NULL;
    }
    atomic_store(&worker_count, 1);
}

static int l_join_workers(lua_State *L)
{
    (void)L;
    gostL_join_workers();
    return 0;
}

void gostL_open_worker(lua_State *L)
{
    static const luaL_Reg functions[] = {{"start_workers", l_start_workers},
                                         {"join_workers", l_join_workers},
                                         {"worker_state", l_worker_state},
                                         {"worker", l_worker},
                                         {"tell", l_tell},
                                         {"on_command", l_on_command},
                                         {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
