/**
 * From Lua tables to the settings structs of components, by their option tables.
 */
#ifndef GOST_BINDINGS_OPTIONS_H
#define GOST_BINDINGS_OPTIONS_H

#include "core/base/option.h"
#include "core/transport/transport.h"

#include <lua.h>

/**
 * Fill a settings struct from the table at `index` (nil: defaults only). Keys are matched without
 * case; the first alias in the table's order wins; keys that no option has are passed over (the
 * schema has spoken of them).
 * @return 0, or GOST_ECONFIG with a diag that names the key
 */
int gostL_settings(lua_State *L, int index, const struct gost_options *o, void **out);

/**
 * A TLS context from the table at `index` (nil: defaults).
 * @param server  which end
 */
int gostL_tls_context(lua_State *L, int index, bool server, struct gost_tls_context **out);

#endif
