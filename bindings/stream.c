/* gost.Stream: a connection that scripts read and write. */
#include "bindings/stream_int.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/net/io.h"
#include "core/net/pump.h"
#include "core/runtime/fiber.h"
#include "core/runtime/loop.h"

#include <stdlib.h>
#include <string.h>

enum { READ_DEFAULT = 64 * 1024, LINE_MAX_BYTES = 64 * 1024 };

void gostL_push_stream(lua_State *L, struct gost_stream *s)
{
    /* A raise in here would leak the stream; there is no way to tell a full memory politely. */
    void **box = gostL_box(L, GOSTL_STREAM);
    *box = s;
}

/* --- streams in use -------------------------------------------------------------------------- */

static _Thread_local struct gostL_use *uses;

bool gostL_stream_busy(const struct gost_stream *s)
{
    for (struct gostL_use *u = uses; u; u = u->next)
        if (u->stream == s)
            return true;
    return false;
}

void gostL_stream_release(struct gost_stream *s)
{
    if (!s || !gostL_stream_busy(s)) {
        gost_stream_close(s);
        return;
    }
    for (struct gostL_use *u = uses; u; u = u->next)
        if (u->stream == s && !u->closed) {
            u->closed = true;
            u->limit = u->fiber->limit;
            u->fiber->limit = 0; /* its wait is over, whatever it waits for */
            gost_fiber_wake(u->fiber);
        }
}

void gostL_use_begin(lua_State *L, struct gostL_use *u, struct gost_stream *s,
                     enum gostL_use_mode mode)
{
    for (struct gostL_use *other = uses; other; other = other->next)
        if (other->stream == s && other->mode == mode)
            luaL_error(L, "another fiber %s this stream",
                       mode == GOSTL_READING ? "reads" : "writes to");
    *u = (struct gostL_use){.stream = s, .fiber = gost_fiber_self(), .mode = mode, .next = uses};
    uses = u;
}

long gostL_use_end(struct gostL_use *u, long rc)
{
    struct gostL_use **at = &uses;
    while (*at != u)
        at = &(*at)->next;
    *at = u->next;
    if (!u->closed)
        return rc;
    u->fiber->limit = u->limit;
    if (!gostL_stream_busy(u->stream))
        gost_stream_close(u->stream);
    return gost_fail(GOST_ECANCELED, "the stream was closed");
}

/* A conn can stand wherever a stream can: both answer here. Raises when closed. */
static struct gost_stream *check_stream(lua_State *L, int index)
{
    if (luaL_testudata(L, index, GOSTL_CONN))
        return gostL_conn_stream(L, index);
    return gostL_check(L, index, GOSTL_STREAM);
}

/* --- methods --------------------------------------------------------------------------------- */

/* stream:read([n [, seconds]]) -> bytes | "" at the end? no: nil, "eof", "eof" | nil, msg, code */
static int read_body(lua_State *L)
{
    struct gost_stream *s = check_stream(L, 1);
    lua_Integer n = luaL_optinteger(L, 2, READ_DEFAULT);
    uint64_t deadline = gostL_opt_deadline(L, 3);
    luaL_argcheck(L, n > 0 && n <= 16 * 1024 * 1024, 2, "expected 1 to 16777216 bytes");
    luaL_Buffer b;
    char *room = luaL_buffinitsize(L, &b, (size_t)n);
    struct gostL_use use;
    gostL_use_begin(L, &use, s, GOSTL_READING);
    ssize_t got = gostL_use_end(&use, gost_io_read(s, room, (size_t)n, deadline));
    if (got <= 0) {
        luaL_pushresultsize(&b, 0);
        return gostL_fail(L, got == 0 ? gost_fail_code(GOST_EOF) : (int)got);
    }
    luaL_pushresultsize(&b, (size_t)got);
    return 1;
}

static int stream_read(lua_State *L)
{
    return gostL_waiting(L, read_body);
}

/* stream:read_exact(n [, seconds]) -> bytes | nil, message, code */
static int read_exact_body(lua_State *L)
{
    struct gost_stream *s = check_stream(L, 1);
    lua_Integer n = luaL_checkinteger(L, 2);
    uint64_t deadline = gostL_opt_deadline(L, 3);
    luaL_argcheck(L, n > 0 && n <= 64 * 1024 * 1024, 2, "expected 1 to 67108864 bytes");
    luaL_Buffer b;
    char *room = luaL_buffinitsize(L, &b, (size_t)n);
    struct gostL_use use;
    gostL_use_begin(L, &use, s, GOSTL_READING);
    int rc = (int)gostL_use_end(&use, gost_io_read_exact(s, room, (size_t)n, deadline));
    luaL_pushresultsize(&b, rc == 0 ? (size_t)n : 0);
    return rc == 0 ? 1 : gostL_fail(L, rc);
}

static int stream_read_exact(lua_State *L)
{
    return gostL_waiting(L, read_exact_body);
}

static ssize_t decode_line(void *out, const uint8_t *p, size_t n)
{
    const uint8_t *end = memchr(p, '\n', n);
    (void)out;
    return end ? end - p + 1 : 0;
}

/* stream:readline([seconds]) -> line without its end | nil, message, code */
static int readline_body(lua_State *L)
{
    struct gost_stream *s = check_stream(L, 1);
    uint64_t deadline = gostL_opt_deadline(L, 2);
    char *room = lua_newuserdatauv(L, LINE_MAX_BYTES, 0);
    struct gostL_use use;
    gostL_use_begin(L, &use, s, GOSTL_READING);
    ssize_t n =
        gostL_use_end(&use, gost_io_decode(s, decode_line, NULL, room, LINE_MAX_BYTES, deadline));
    if (n <= 0)
        return gostL_fail(L, n == 0 ? gost_fail_code(GOST_EOF) : (int)n);
    n--;
    if (n > 0 && room[n - 1] == '\r')
        n--;
    lua_pushlstring(L, room, (size_t)n);
    return 1;
}

static int stream_readline(lua_State *L)
{
    return gostL_waiting(L, readline_body);
}

/* stream:peek([n [, seconds]]) -> bytes that stay to be read | nil, message, code */
static int peek_body(lua_State *L)
{
    struct gost_stream *s = check_stream(L, 1);
    lua_Integer n = luaL_optinteger(L, 2, 1024);
    luaL_argcheck(L, n > 0 && n <= LINE_MAX_BYTES, 2, "expected 1 to 65536 bytes");
    uint64_t deadline = gostL_opt_deadline(L, 3);
    char *room = lua_newuserdatauv(L, (size_t)n, 0);
    struct gostL_use use;
    gostL_use_begin(L, &use, s, GOSTL_READING);
    ssize_t got = gostL_use_end(&use, gost_io_peek(s, room, (size_t)n, deadline));
    if (got <= 0)
        return gostL_fail(L, got == 0 ? gost_fail_code(GOST_EOF) : (int)got);
    lua_pushlstring(L, room, (size_t)got);
    return 1;
}

static int stream_peek(lua_State *L)
{
    return gostL_waiting(L, peek_body);
}

/* stream:write(bytes [, seconds]) -> true | nil, message, code */
static int write_body(lua_State *L)
{
    struct gost_stream *s = check_stream(L, 1);
    size_t n;
    const char *bytes = luaL_checklstring(L, 2, &n);
    uint64_t deadline = gostL_opt_deadline(L, 3);
    struct gostL_use use;
    gostL_use_begin(L, &use, s, GOSTL_WRITING);
    int rc = (int)gostL_use_end(&use, gost_io_write(s, bytes, n, deadline));
    if (rc != 0)
        return gostL_fail(L, rc);
    lua_pushboolean(L, 1);
    return 1;
}

static int stream_write(lua_State *L)
{
    return gostL_waiting(L, write_body);
}

/* stream:shutdown([seconds]) -> true | nil, message, code: end the outgoing direction */
static int shutdown_body(lua_State *L)
{
    struct gost_stream *s = check_stream(L, 1);
    uint64_t deadline = gostL_opt_deadline(L, 2);
    struct gostL_use use;
    gostL_use_begin(L, &use, s, GOSTL_WRITING);
    int rc = (int)gostL_use_end(&use, gost_io_shutdown(s, deadline));
    if (rc != 0)
        return gostL_fail(L, rc);
    lua_pushboolean(L, 1);
    return 1;
}

static int stream_shutdown(lua_State *L)
{
    return gostL_waiting(L, shutdown_body);
}

/* stream:unread(bytes): give bytes back, to be read again */
static int stream_unread(lua_State *L)
{
    struct gost_stream *s = check_stream(L, 1);
    size_t n;
    const char *bytes = luaL_checklstring(L, 2, &n);
    if (gost_stream_unread(s, bytes, n) != 0)
        return luaL_error(L, "not enough memory");
    return 0;
}

static int stream_close(lua_State *L)
{
    void **box = luaL_checkudata(L, 1, GOSTL_STREAM);
    struct gost_stream *s = *box;
    *box = NULL;
    gostL_stream_release(s);
    return 0;
}

/* A pump that a script waits for. */
struct script_pump {
    struct gost_pump pump;
    struct gost_fiber *waiter; /* with a reference; NULL once it gave up */
    bool done;
};

static void script_pump_done(struct gost_pump *p)
{
    struct script_pump *sp = gost_container_of(p, struct script_pump, pump);
    sp->done = true;
    if (sp->waiter)
        gost_fiber_wake(sp->waiter);
    else
        free(sp);
}

/* stream:pipe(other) -> bytes there, bytes back | nil, message, code. Both are closed at the end. */
static int pipe_body(lua_State *L)
{
    void **a = luaL_checkudata(L, 1, GOSTL_STREAM), **b = luaL_checkudata(L, 2, GOSTL_STREAM);
    gostL_check(L, 1, GOSTL_STREAM);
    gostL_check(L, 2, GOSTL_STREAM);
    luaL_argcheck(L, *a != *b, 2, "a stream cannot be piped into itself");
    luaL_argcheck(L, !gostL_stream_busy(*a), 1, "another fiber uses this stream");
    luaL_argcheck(L, !gostL_stream_busy(*b), 2, "another fiber uses this stream");
    struct script_pump *sp = calloc(1, sizeof(*sp));
    if (!sp)
        return luaL_error(L, "not enough memory");
    sp->waiter = gost_fiber_self();
    struct gost_stream *one = *a, *two = *b;
    *a = *b = NULL;
    gost_pump_start(&sp->pump, &one, &two, NULL, NULL, script_pump_done);
    int rc = 0;
    while (!sp->done && rc == 0)
        rc = gost_fiber_wait(GOST_NEVER);
    if (!sp->done) { /* cancelled: the pump cleans up by itself */
        sp->waiter = NULL;
        gost_pump_stop(&sp->pump, rc);
        return gostL_fail(L, rc);
    }
    uint64_t there = sp->pump.flow[0].bytes, back = sp->pump.flow[1].bytes;
    rc = sp->pump.rc;
    free(sp);
    if (rc != 0 && rc != -ECONNRESET && rc != -EPIPE)
        return gostL_fail(L, rc);
    lua_pushinteger(L, (lua_Integer)there);
    lua_pushinteger(L, (lua_Integer)back);
    return 2;
}

static int stream_pipe(lua_State *L)
{
    return gostL_waiting(L, pipe_body);
}

static int push_addr(lua_State *L, enum gost_query what)
{
    union gost_sockaddr addr;
    char text[GOST_HOSTPORT_MAX];
    if (gost_stream_query(check_stream(L, 1), what, &addr) != 0)
        return 0;
    lua_pushstring(L, gost_sockaddr_format(&addr, text));
    return 1;
}

static int stream_local(lua_State *L)
{
    return push_addr(L, GOST_QUERY_LOCAL_ADDR);
}

static int stream_peer(lua_State *L)
{
    return push_addr(L, GOST_QUERY_PEER_ADDR);
}

static int stream_tostring(lua_State *L)
{
    struct gost_stream *s = gostL_test(L, 1, GOSTL_STREAM);
    lua_pushfstring(L, "gost.Stream (%s)", s ? s->ops->name : "closed");
    return 1;
}

/* The methods that a conn shares, see conn.c. */
const luaL_Reg gostL__stream_methods[] = {
    {"read", stream_read},         {"read_exact", stream_read_exact},
    {"readline", stream_readline}, {"peek", stream_peek},
    {"write", stream_write},       {"shutdown", stream_shutdown},
    {"unread", stream_unread},     {NULL, NULL}};

void gostL_open_stream(lua_State *L)
{
    static const luaL_Reg methods[] = {{"close", stream_close},
                                       {"pipe", stream_pipe},
                                       {"local_addr", stream_local},
                                       {"peer_addr", stream_peer},
                                       {NULL, NULL}};
    static const luaL_Reg meta[] = {{"__gc", stream_close},
                                    {"__close", stream_close},
                                    {"__tostring", stream_tostring},
                                    {NULL, NULL}};
    gostL_class(L, GOSTL_STREAM, methods, meta);
    luaL_getmetatable(L, GOSTL_STREAM);
    lua_getfield(L, -1, "__index");
    luaL_setfuncs(L, gostL__stream_methods, 0);
    lua_pop(L, 2);
}
