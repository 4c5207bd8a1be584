/**
 * What the bindings of nodes, hops, chains and services share.
 */
#ifndef GOST_BINDINGS_ROUTE_H
#define GOST_BINDINGS_ROUTE_H

#include "core/route/service.h"

#include <lua.h>

struct gostL_budget;

/** Append the bypasses of the list in field "bypasses" of the table at `index`, with references. */
void gostL_take_bypasses(lua_State *L, int index, struct gost_bypass ***list, size_t *count);

/** Socket options of a table: interface, mark, netns. `*interface` and `*netns` become owned memory. */
void gostL_take_socket(lua_State *L, int index, struct gost_socket_options *o, char **interface,
                       char **netns);

/** Build the hooks from the table in field "on" (or nil) of the table at `index`. */
void gostL_take_hooks(lua_State *L, int index, struct gost_hooks *hooks);

/**
 * A script names a handler: one that the service does not have yet joins it, with its defaults.
 * @return 0, GOST_EHOOK when there is none of that name
 */
int gostL_ensure_handler(lua_State *L, struct gost_service *s, const char *name);

/**
 * Call a function that chooses: fn(conn, candidates, {host, port, network}) -> index, name or candidate.
 * @return an index from 0; `count` when it chose none; or GOST_EHOOK
 */
int gostL_select(int ref, const struct gostL_budget *budget, struct gost_conn *c,
                 const struct gost_request *r, struct gost_node *const *candidates, size_t count);

/** Push {host, port, network, protocol, path}, which tostring shows as "host:port". */
void gostL_push_target(lua_State *L, const struct gost_request *r);

/** Push {message, code}, which tostring shows as the message. */
void gostL_push_dial_error(lua_State *L, const char *message, int rc);

/**
 * Understand what a route function answered: the value on top of the stack, which may change.
 * @param[in,out] d  all zero before; its chain is a reference
 * @return 0, or GOST_EHOOK and the like with diag
 */
int gostL_decision(lua_State *L, struct gost_decision *d);

/** The answer of an auth function is on top; {delay = seconds} makes a guesser wait. Suspends. */
void gostL_refuse_slowly(lua_State *L);

/** Which handlers and connectors were registered by scripts; NULL when none has that name. */
const struct gost_handler_kind *gostL_script_handler(lua_State *L, const char *name);
const struct gost_connector_kind *gostL_script_connector(lua_State *L, const char *name);

#endif
