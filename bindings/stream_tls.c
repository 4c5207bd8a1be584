/* TLS on a stream that a script has dialed: the client's side. */
#include "bindings/options.h"
#include "bindings/stream_int.h"

#include "core/base/diag.h"
#include "core/net/io.h"
#include "core/transport/tls.h"

#define CONTEXT "gost.TlsContext"

/* core.tls_context{secure=, caFile=, serverName=, …} -> TlsContext | nil, message, code. Reads files, so keep it. */
static int l_tls_context(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    void **box = gostL_box(L, CONTEXT);
    struct gost_tls_context *context;
    int rc = gostL_tls_context(L, 1, false, &context);
    if (rc != 0)
        return gostL_fail(L, rc);
    *box = context;
    return 1;
}

static int context_gc(lua_State *L)
{
    void **box = luaL_checkudata(L, 1, CONTEXT);
    gost_tls_context_unref(*box);
    *box = NULL;
    return 0;
}

/* core.start_tls(stream, context, host [, seconds]) -> true | nil, message, code; close the stream then. Suspends. */
static int start_body(lua_State *L)
{
    gostL_check(L, 1, GOSTL_STREAM);
    struct gost_tls_context *context = gostL_check(L, 2, CONTEXT);
    const char *host = luaL_optstring(L, 3, "");
    uint64_t deadline = gostL_opt_deadline(L, 4);
    struct gost_stream **box = lua_touserdata(L, 1);
    luaL_argcheck(L, !gostL_stream_busy(*box), 1, "another fiber uses this stream");
    int rc = gost_tls_client(context, host, box);
    if (rc == 0) {
        struct gostL_use use;
        gostL_use_begin(L, &use, *box, GOSTL_READING);
        rc = (int)gostL_use_end(&use, gost_io_open(*box, deadline));
    }
    if (rc != 0)
        return gostL_fail(L, rc);
    lua_pushboolean(L, 1);
    return 1;
}

static int l_start_tls(lua_State *L)
{
    return gostL_waiting(L, start_body);
}

void gostL_open_stream_tls(lua_State *L)
{
    static const luaL_Reg methods[] = {{NULL, NULL}};
    static const luaL_Reg meta[] = {{"__gc", context_gc}, {NULL, NULL}};
    static const luaL_Reg module[] = {
        {"tls_context", l_tls_context}, {"start_tls", l_start_tls}, {NULL, NULL}};
    gostL_class(L, CONTEXT, methods, meta);
    luaL_setfuncs(L, module, 0);
}
