/*
 * The protocol of Redis (RESP2), by hiredis: commands to bytes, bytes to Lua values. No I/O happens here; lua/gost/redis.lua
 * moves the bytes over our own streams.
 */
#include "bindings/lib.h"

#include "core/base/diag.h"
#include "core/base/error.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

#define READER "gost.RedisReader"

enum {
    REPLY_MAX = 16 * 1024 * 1024, /* bytes of one reply, unless the caller says otherwise */
    LINE_MAX_BYTES =
        64 * 1024, /* of a status, an error or a number: hiredis scans it anew with each feed */
    COMMAND_WORDS_MAX = 1024 * 1024,
    UV_VALUES =
        1, /* the reader's table: under way [1] … [9] the arrays, by depth; [0] the whole reply */
};

struct reader {
    redisReader *r; /* NULL: closed, or broken by bytes that make no sense */
    lua_State *L;   /* of the call in progress; its stack has the table on top */
    size_t max, pending;
};

/* --- replies become Lua values ---------------------------------------------------------------- */

/* How many arrays a value lies in. */
static int depth_of(const redisReadTask *task)
{
    int depth = 0;
    for (const redisReadTask *t = task->parent; t; t = t->parent)
        depth++;
    return depth;
}

/* Put the value on top where it belongs: into the array around it, or the whole reply. */
static void *place(const redisReadTask *task, int as)
{
    lua_State *L = ((struct reader *)task->privdata)->L;
    int depth = depth_of(task);
    if (depth == 0) {
        lua_rawseti(L, -2, 0);
    } else {
        lua_rawgeti(L, -2, depth);
        lua_insert(L, -2);
        lua_rawseti(L, -2, task->idx + 1);
        lua_pop(L, 1);
    }
    return (void *)(intptr_t)as; /* hiredis hands it back as the type of the whole reply; never NULL */
}

static void *on_string(const redisReadTask *task, char *p, size_t n)
{
    lua_State *L = ((struct reader *)task->privdata)->L;
    bool error = task->type == REDIS_REPLY_ERROR;
    if (error && task->parent) { /* one of several, as in the answer to EXEC */
        lua_createtable(L, 0, 1);
        lua_pushlstring(L, p, n);
        lua_setfield(L, -2, "error");
    } else {
        lua_pushlstring(L, p, n);
    }
    return place(task, error ? REDIS_REPLY_ERROR : REDIS_REPLY_STRING);
}

static void *on_array(const redisReadTask *task, int elements)
{
    lua_State *L = ((struct reader *)task->privdata)->L;
    /* A peer may announce millions and send none: room comes with the elements. */
    lua_createtable(L, elements < 64 ? elements : 64, 0);
    lua_pushvalue(L, -1);
    lua_rawseti(L, -3, depth_of(task) + 1);
    return place(task, REDIS_REPLY_ARRAY);
}

static void *on_integer(const redisReadTask *task, long long value)
{
    lua_pushinteger(((struct reader *)task->privdata)->L, value);
    return place(task, REDIS_REPLY_INTEGER);
}

static void *on_nil(const redisReadTask *task)
{
    lua_State *L = ((struct reader *)task->privdata)->L;
    if (task->parent)
        lua_pushboolean(L, 0);
    else
        lua_pushnil(L);
    return place(task, REDIS_REPLY_NIL);
}

static void on_free(void *object)
{
    (void)object; /* Lua's collector does */
}

static redisReplyObjectFunctions functions = {.createString = on_string,
                                              .createArray = on_array,
                                              .createInteger = on_integer,
                                              .createNil = on_nil,
                                              .freeObject = on_free};

/* --- the reader ------------------------------------------------------------------------------- */

/* core.redis_reader([max]) -> RedisReader, for replies of up to so many bytes */
static int l_reader(lua_State *L)
{
    lua_Integer max = luaL_optinteger(L, 1, REPLY_MAX);
    luaL_argcheck(L, max > 0, 1, "expected bytes, 1 or more");
    struct reader *reader = lua_newuserdatauv(L, sizeof(*reader), 1);
    *reader = (struct reader){.max = (size_t)max};
    luaL_setmetatable(L, READER);
    lua_newtable(L);
    lua_setiuservalue(L, -2, UV_VALUES);
    reader->r = redisReaderCreateWithFunctions(&functions);
    if (!reader->r)
        return luaL_error(L, "not enough memory");
    reader->r->privdata = reader;
    return 1;
}

static void reader_free(struct reader *reader)
{
    if (reader->r)
        redisReaderFree(reader->r);
    reader->r = NULL;
}

static int reader_gc(lua_State *L)
{
    reader_free(luaL_checkudata(L, 1, READER));
    return 0;
}

static int refuse(lua_State *L, struct reader *reader, int rc, const char *why)
{
    rc = gost_fail(rc, "redis: %s", why); /* `why` may lie in the reader */
    reader_free(reader);
    return gostL_fail(L, rc);
}

/* What is there of an item that is not complete: does it promise too much, or not end? */
static const char *hopeless(const struct reader *reader, int *rc)
{
    const redisReader *r = reader->r; /* the type's byte of the item has been taken already */
    bool bulk = r->ridx >= 0 && r->rstack[r->ridx].type == REDIS_REPLY_STRING;
    size_t left = r->len - r->pos;
    const char *p = r->buf + r->pos;
    *rc = GOST_ELIMIT;
    if (bulk && left > 0 && memchr(p, '\r', left) && strtoll(p, NULL, 10) > (long long)reader->max)
        return "the reply is too large";
    if (!bulk && left > LINE_MAX_BYTES) {
        *rc = GOST_EPROTO;
        return "a line without end";
    }
    return reader->pending > reader->max ? "the reply is too large" : NULL;
}

/*
 * reader:reply([bytes]) -> "value", value | "error", text | false when more bytes are needed | nil, message, code.
 * `bytes` are what came since.
 */
static int reader_reply(lua_State *L)
{
    struct reader *reader = luaL_checkudata(L, 1, READER);
    size_t n = 0;
    const char *bytes = luaL_optlstring(L, 2, "", &n);
    void *kind = NULL;
    if (!reader->r)
        return luaL_argerror(L, 1, "closed");
    lua_settop(L, 2);
    lua_getiuservalue(L, 1, UV_VALUES);
    reader->L = L;
    reader->pending += n;
    if (n > 0 && redisReaderFeed(reader->r, bytes, n) != REDIS_OK)
        return refuse(L, reader, GOST_ENOMEM, reader->r->errstr);
    if (redisReaderGetReply(reader->r, &kind) != REDIS_OK)
        return refuse(L, reader, GOST_EPROTO, reader->r->errstr);
    if (!kind) {
        int rc;
        const char *why = hopeless(reader, &rc);
        if (why)
            return refuse(L, reader, rc, why);
        lua_pushboolean(L, 0);
        return 1;
    }
    reader->pending = reader->r->len - reader->r->pos;
    lua_pushstring(L, (intptr_t)kind == REDIS_REPLY_ERROR ? "error" : "value");
    lua_rawgeti(L, 3, 0);
    for (int i = 0; i <= 9; i++) { /* the values belong to the caller now */
        lua_pushnil(L);
        lua_rawseti(L, 3, i);
    }
    return 2;
}

/* --- commands --------------------------------------------------------------------------------- */

static int command_fail(lua_State *L, int i)
{
    return luaL_error(L, "argument %d: expected a string, a number or a boolean, got a %s", i,
                      luaL_typename(L, -1));
}

/* Turn the words of the list at 1 into strings that the table at `texts` holds. */
static void take_words(lua_State *L, int texts, int count, const char **argv, size_t *lengths)
{
    for (int i = 1; i <= count; i++) {
        int type = lua_rawgeti(L, 1, i);
        if (type == LUA_TBOOLEAN) {
            const char *text = lua_toboolean(L, -1) ? "1" : "0";
            lua_pop(L, 1);
            lua_pushstring(L, text);
        } else if (type != LUA_TSTRING && type != LUA_TNUMBER) {
            command_fail(L, i);
        }
        argv[i - 1] = lua_tolstring(L, -1, &lengths[i - 1]);
        lua_rawseti(L, texts, i);
    }
}

/* core.redis_command({"SET", key, value}) -> its bytes */
static int l_command(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    size_t count = lua_rawlen(L, 1);
    if (count == 0 || count > COMMAND_WORDS_MAX)
        return luaL_error(L, "expected a command and its arguments");
    lua_settop(L, 1);
    lua_newtable(L);
    const char **argv = lua_newuserdatauv(L, count * sizeof(*argv), 0);
    size_t *lengths = lua_newuserdatauv(L, count * sizeof(*lengths), 0);
    take_words(L, 2, (int)count, argv, lengths);
    char *text = NULL;
    int n = redisFormatCommandArgv(&text, (int)count, argv, lengths);
    if (n < 0)
        return luaL_error(L, "not enough memory");
    lua_pushlstring(L, text, (size_t)n); /* leaks `text` if memory is out for good */
    redisFreeCommand(text);
    return 1;
}

void gostL_open_redis(lua_State *L)
{
    static const luaL_Reg methods[] = {{"reply", reader_reply}, {NULL, NULL}};
    static const luaL_Reg meta[] = {{"__gc", reader_gc}, {NULL, NULL}};
    static const luaL_Reg module[] = {
        {"redis_reader", l_reader}, {"redis_command", l_command}, {NULL, NULL}};
    gostL_class(L, READER, methods, meta);
    luaL_setfuncs(L, module, 0);
}
