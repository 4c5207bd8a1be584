/* What scripts may spend: time, instructions without a pause, memory. */
#include "bindings/lib.h"
#include "bindings/thread.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/runtime/fiber.h"
#include "core/runtime/loop.h"

#include <dlfcn.h>
#include <stdlib.h>

enum { COUNT_STEP = 10000, CALLS_PER_TURN = 64 };

_Thread_local struct gostL_budget gostL_default_budget = {.wall_ms = 30000,
                                                          .instructions = 50 * 1000 * 1000};

/* --- instructions and time ----------------------------------------------------------------------- */

/* Once overrun, each instruction raises: a script that catches the error does not get away with it. */
static void overrun(lua_State *L, struct gostL_thread *t, const char *what)
{
    t->overrun = true;
    lua_sethook(L, lua_gethook(L), LUA_MASKCOUNT, 1);
    luaL_error(L, "%s budget of the hook overrun", what);
}

static void on_count(lua_State *L, lua_Debug *ar)
{
    (void)ar;
    struct gostL_thread *t = gostL_thread_self();
    if (!t || !t->counted)
        return;
    t->limited = true; /* Lua runs, whatever a raised error has jumped over */
    t->left -= COUNT_STEP;
    if (t->left < 0 || t->overrun)
        overrun(L, t, "instruction");
    if (t->until != GOST_NEVER && uv_hrtime() / 1000000 >= t->until)
        overrun(L, t, "time");
}

void gostL_budget_begin(struct gostL_spending *s, const struct gostL_budget *b)
{
    struct gost_fiber *f = gost_fiber_self();
    struct gostL_thread *t = gostL_thread_self();
    *s = (struct gostL_spending){.thread = t, .until = GOST_NEVER};
    if (!f)
        return;
    s->until = b->wall_ms ? gost_now() + b->wall_ms : GOST_NEVER;
    s->fiber_limit = gost_fiber_set_limit(gost_deadline_min(s->until, f->limit));
    if (!t)
        return;
    s->limited = t->limited;
    s->outermost = !t->counted;
    t->limited = true;
    if (!s->outermost || (b->instructions <= 0 && s->until == GOST_NEVER))
        return;
    t->refill = t->left = b->instructions > 0 ? b->instructions : INT64_MAX;
    t->until = s->until;
    t->counted = true;
    t->overrun = false;
    lua_sethook(t->L, on_count, LUA_MASKCOUNT, COUNT_STEP);
}

void gostL_budget_end(struct gostL_spending *s)
{
    struct gostL_thread *t = s->thread;
    if (gost_fiber_self())
        gost_fiber_set_limit(s->fiber_limit);
    if (!t)
        return;
    t->limited = s->limited;
    if (!s->outermost || !t->counted)
        return;
    lua_sethook(t->L, NULL, 0, 0);
    t->counted = false;
}

void gostL_budget_pause(struct gostL_thread *t)
{
    if (!t)
        return;
    t->limited = false;
    if (++t->calls % CALLS_PER_TURN == 0)
        gost_fiber_pause(); /* one that always finds bytes ready would keep the others waiting */
}

void gostL_budget_resume(struct gostL_thread *t)
{
    if (!t)
        return;
    t->limited = true;
    t->left = t->refill;
}

/* --- memory -------------------------------------------------------------------------------------- */

struct memory {
    lua_Alloc next;
    void *next_arg;
    size_t used, max;
};

static _Thread_local struct memory *memory;

/* Only Lua code in a protected call is refused: the core's own steps in between must not fail. */
static bool may_refuse(void)
{
    struct gostL_thread *t = gostL_thread_self();
    return t && t->limited;
}

static void *bounded_alloc(void *arg, void *block, size_t old, size_t size)
{
    struct memory *m = arg;
    size_t had = block ? old : 0;
    if (size > had && m->used + (size - had) > m->max && may_refuse())
        return NULL;
    void *p = m->next(m->next_arg, block, old, size);
    if (p || size == 0)
        m->used += size - had;
    return p;
}

/* The allocator is called until the very end of lua_close, when a plain Lua has unloaded its modules. */
static void stay_loaded(void)
{
    static const char here;
    Dl_info info;
    if (dladdr(&here, &info) && info.dli_fname)
        dlopen(info.dli_fname, RTLD_NOW | RTLD_NODELETE | RTLD_NOLOAD);
}

void gostL_budget_memory(lua_State *L, size_t bytes)
{
    if (!memory) {
        struct memory *m = calloc(1, sizeof(*m)); /* lives as long as the state, which outlives us */
        if (!m)
            luaL_error(L, "not enough memory");
        stay_loaded();
        m->used = (size_t)lua_gc(L, LUA_GCCOUNT) * 1024 + (size_t)lua_gc(L, LUA_GCCOUNTB);
        m->max = SIZE_MAX / 2;
        m->next = lua_getallocf(L, &m->next_arg);
        memory = m;
        lua_setallocf(L, bounded_alloc, m);
    }
    memory->max = bytes ? bytes : SIZE_MAX / 2;
}

/* --- calls --------------------------------------------------------------------------------------- */

int gostL_call(lua_State *L, int nargs, int nresults, const char *what,
               const struct gostL_budget *budget)
{
    struct gostL_spending spending;
    int base = lua_gettop(L) - nargs;
    lua_pushcfunction(L, gostL_traceback);
    lua_insert(L, base);
    gostL_budget_begin(&spending, budget);
    int status = lua_pcall(L, nargs, nresults, base);
    gostL_budget_end(&spending);
    lua_remove(L, base);
    int rc = 0;
    if (status != LUA_OK) {
        rc = gost_fail(GOST_EHOOK, "%s: %s", what, lua_tostring(L, -1));
        gost_log(GOST_LOG_ERROR, "script: %s: %s", what, lua_tostring(L, -1));
        lua_pop(L, 1);
    } else if (spending.until <= gost_now()) {
        lua_settop(L, base - 1);
        rc = gost_fail(GOST_EHOOK, "%s: time budget of %llu ms overrun", what,
                       (unsigned long long)budget->wall_ms);
        gost_log(GOST_LOG_ERROR, "script: %s", gost_diag_text(rc));
    }
    return rc;
}

/* core.budget{wall=seconds, instructions=, memory=bytes} -> what is in force now */
static int l_budget(lua_State *L)
{
    struct gostL_budget *b = &gostL_default_budget;
    if (!lua_isnoneornil(L, 1)) {
        luaL_checktype(L, 1, LUA_TTABLE);
        double wall = gostL_field_number(L, 1, "wall", (double)b->wall_ms / 1000);
        luaL_argcheck(L, wall >= 0 && wall < 1e9, 1, "wall: expected seconds, 0 or more");
        b->wall_ms = (uint64_t)(wall * 1000);
        b->instructions = gostL_field_int(L, 1, "instructions", b->instructions);
        int64_t bytes = gostL_field_int(L, 1, "memory", (int64_t)b->memory);
        luaL_argcheck(L, bytes >= 0, 1, "memory: expected bytes, 0 or more");
        if ((size_t)bytes != b->memory)
            gostL_budget_memory(L, (size_t)bytes);
        b->memory = (size_t)bytes;
    }
    lua_createtable(L, 0, 3);
    lua_pushnumber(L, (double)b->wall_ms / 1000);
    lua_setfield(L, -2, "wall");
    lua_pushinteger(L, (lua_Integer)b->instructions);
    lua_setfield(L, -2, "instructions");
    lua_pushinteger(L, (lua_Integer)b->memory);
    lua_setfield(L, -2, "memory");
    return 1;
}

void gostL_open_budget(lua_State *L)
{
    lua_pushcfunction(L, l_budget);
    lua_setfield(L, -2, "budget");
}
