/**
 * Workers: threads that each have a loop, a Lua state and the whole configuration.
 */
#ifndef GOST_BINDINGS_WORKER_H
#define GOST_BINDINGS_WORKER_H

#include <lua.h>

/**
 * Make this thread a worker: loop, main state. For the module and the program alike.
 * @return 0 or a negative code
 */
int gostL_worker_enter(lua_State *L);

/** Undo gostL_worker_enter; cancels what is left and waits for it, a bounded time. */
void gostL_worker_leave(void);

/** The last steps, after the Lua state, and with it all objects, is closed. */
void gostL_worker_dispose(void);

/** A fresh Lua state with the standard libraries and our modules preloaded; NULL without memory. */
lua_State *gostL_new_state(void);

/** Register everything of bindings/ in package.preload. */
void gostL_preload(lua_State *L);

/** Where the program keeps its Lua files; added to package.path of each state. */
void gostL_set_lua_dir(const char *dir);

/** Tell all workers to stop, and wait for them. */
void gostL_join_workers(void);

int luaopen_gost_core(lua_State *L);

#endif
