/**
 * A Lua function that the core asks: the `hook_arg` of policies, limiters, ingresses and service
 * discovery.
 */
#ifndef GOST_BINDINGS_SCRIPT_H
#define GOST_BINDINGS_SCRIPT_H

#include <lua.h>

struct gostL_script {
    int ref; /**< of the function */
};

/** Keep the function at `index`. Raises without memory. @return owned; let go by gostL_script_drop */
struct gostL_script *gostL_script_new(lua_State *L, int index);

/** @param arg  a struct gostL_script; fits the `drop` of whoever keeps one */
void gostL_script_drop(void *arg);

/** Push the function. @return the state of the running fiber, with room for some arguments */
lua_State *gostL_script_push(const struct gostL_script *s);

/** The same, and the connection that is being served (or nil), the first argument. */
lua_State *gostL_script_begin(const struct gostL_script *s);

#endif
