/* gost.dict and gost.counter: what scripts of all workers share. */
#include "bindings/lib.h"

#include "core/base/map.h"
#include "core/runtime/loop.h"
#include "core/runtime/shared.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DICT_DEFAULT = 10000, SWEEP = 16 };

/* A value: text, number or boolean, and when it goes stale. */
struct item {
    uint64_t expires; /* GOST_NEVER: never */
    int type;         /* LUA_TSTRING, LUA_TNUMBER, LUA_TBOOLEAN */
    bool integer;
    union {
        lua_Integer i;
        lua_Number n;
        int b;
    } u;
    size_t len;
    char text[];
};

/* In shared memory; the map's strings are on the common heap, under the lock. */
struct dict {
    pthread_mutex_t lock;
    bool ready;
    struct gost_map map;
    size_t max;
    size_t sweep; /* where the search for stale items goes on */
};

static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;

static struct item *item_new(lua_State *L, int index, double ttl)
{
    size_t len = 0;
    int type = lua_type(L, index);
    const char *text = type == LUA_TSTRING ? lua_tolstring(L, index, &len) : NULL;
    struct item *it = malloc(sizeof(*it) + len + 1);
    if (!it)
        return NULL;
    it->type = type;
    it->len = len;
    it->expires = ttl > 0 ? gost_now() + (uint64_t)(ttl * 1000) : GOST_NEVER;
    it->integer = lua_isinteger(L, index);
    if (text)
        memcpy(it->text, text, len + 1);
    else if (type == LUA_TBOOLEAN)
        it->u.b = lua_toboolean(L, index);
    else if (it->integer)
        it->u.i = lua_tointeger(L, index);
    else
        it->u.n = lua_tonumber(L, index);
    return it;
}

static void item_push(lua_State *L, const struct item *it)
{
    if (!it)
        lua_pushnil(L);
    else if (it->type == LUA_TSTRING)
        lua_pushlstring(L, it->text, it->len);
    else if (it->type == LUA_TBOOLEAN)
        lua_pushboolean(L, it->u.b);
    else if (it->integer)
        lua_pushinteger(L, it->u.i);
    else
        lua_pushnumber(L, it->u.n);
}

/* The living item of a key, or NULL; a stale one is removed. Under the lock. */
static struct item *find(struct dict *d, const char *key, size_t n)
{
    struct item *it = gost_map_get(&d->map, key, n);
    if (it && it->expires <= gost_now()) {
        free(gost_map_del(&d->map, key, n));
        it = NULL;
    }
    return it;
}

/* Make room by dropping stale items, a few at a time. Under the lock. */
static void sweep(struct dict *d)
{
    for (int i = 0; i < SWEEP; i++) {
        const struct gost_map_slot *slot = gost_map_each(&d->map, &d->sweep);
        if (!slot) {
            d->sweep = 0;
            return;
        }
        struct item *it = slot->value;
        if (it->expires <= gost_now()) {
            free(gost_map_del(&d->map, slot->key, slot->len));
            d->sweep = 0; /* the table may have moved */
        }
    }
}

/* Put an item in. Takes it over. Under the lock. @return false when the dict is full */
static bool put(struct dict *d, const char *key, size_t n, struct item *it)
{
    void *old = NULL;
    if (d->map.count >= d->max && !gost_map_get(&d->map, key, n))
        sweep(d);
    if ((d->map.count >= d->max && !gost_map_get(&d->map, key, n)) ||
        gost_map_set(&d->map, key, n, it, &old) != 0) {
        free(it);
        return false;
    }
    free(old);
    return true;
}

/* core.dict(name [, {size=}]) -> Dict. `size` counts keys; the first caller sets it. */
static int l_dict(lua_State *L)
{
    char key[256];
    const char *name = luaL_checkstring(L, 1);
    int64_t max = lua_istable(L, 2) ? gostL_field_int(L, 2, "size", DICT_DEFAULT) : DICT_DEFAULT;
    luaL_argcheck(L, max > 0 && max <= 100000000, 2, "size: expected 1 to 100000000 keys");
    luaL_argcheck(L, strlen(name) < sizeof(key) - 8, 1, "name too long");
    void **box = gostL_box(L, GOSTL_DICT);
    snprintf(key, sizeof(key), "dict:%s", name);
    pthread_mutex_lock(&making);
    struct dict *d = gost_shared_take(key, sizeof(*d), NULL);
    if (d && !d->ready) {
        pthread_mutex_init(&d->lock, NULL);
        gost_map_create(&d->map);
        d->max = (size_t)max;
        d->ready = true;
        gost_shared_take(key, sizeof(*d), NULL); /* a dict lives as long as the process */
    }
    pthread_mutex_unlock(&making);
    if (!d)
        return luaL_error(L, "not enough memory");
    *box = d;
    return 1;
}

static struct dict *check_dict(lua_State *L, const char **key, size_t *n)
{
    struct dict *d = gostL_check(L, 1, GOSTL_DICT);
    *key = luaL_checklstring(L, 2, n);
    return d;
}

/* Copy of the living item, or NULL: Lua must not be entered under the lock, it may raise. */
static struct item *copy_of(struct dict *d, const char *key, size_t n)
{
    pthread_mutex_lock(&d->lock);
    struct item *it = find(d, key, n), *copy = NULL;
    if (it && (copy = malloc(sizeof(*it) + it->len + 1)))
        memcpy(copy, it, sizeof(*it) + it->len + 1);
    pthread_mutex_unlock(&d->lock);
    return copy;
}

/* dict:get(key) -> value or nil */
static int dict_get(lua_State *L)
{
    size_t n;
    const char *key;
    struct dict *d = check_dict(L, &key, &n);
    struct item *it = copy_of(d, key, n);
    item_push(L, it);
    free(it);
    return 1;
}

static void check_value(lua_State *L, int index)
{
    int type = lua_type(L, index);
    if (type != LUA_TSTRING && type != LUA_TNUMBER && type != LUA_TBOOLEAN)
        luaL_argerror(L, index, "expected a string, number or boolean");
}

static int answer(lua_State *L, bool ok)
{
    if (ok) {
        lua_pushboolean(L, 1);
        return 1;
    }
    lua_pushnil(L);
    lua_pushliteral(L, "the dict is full");
    lua_pushliteral(L, "limit");
    return 3;
}

/* dict:set(key, value or nil [, seconds]) -> true | nil, message, code */
static int dict_set(lua_State *L)
{
    size_t n;
    const char *key;
    struct dict *d = check_dict(L, &key, &n);
    bool remove = lua_isnil(L, 3);
    double ttl = luaL_optnumber(L, 4, 0);
    if (!remove)
        check_value(L, 3);
    struct item *it = remove ? NULL : item_new(L, 3, ttl);
    if (!remove && !it)
        return luaL_error(L, "not enough memory");
    pthread_mutex_lock(&d->lock);
    if (remove)
        free(gost_map_del(&d->map, key, n));
    bool ok = remove || put(d, key, n, it);
    pthread_mutex_unlock(&d->lock);
    return answer(L, ok);
}

/* dict:add(key, value [, seconds]) -> true if it was absent | nil, message, code */
static int dict_add(lua_State *L)
{
    size_t n;
    const char *key;
    struct dict *d = check_dict(L, &key, &n);
    check_value(L, 3);
    struct item *it = item_new(L, 3, luaL_optnumber(L, 4, 0));
    if (!it)
        return luaL_error(L, "not enough memory");
    pthread_mutex_lock(&d->lock);
    bool absent = find(d, key, n) == NULL, ok = absent && put(d, key, n, it);
    pthread_mutex_unlock(&d->lock);
    if (!absent) {
        free(it);
        lua_pushboolean(L, 0);
        return 1;
    }
    return answer(L, ok);
}

/* dict:incr(key [, by [, seconds]]) -> new value (an absent key counts as 0) | nil, message, code */
static int dict_incr(lua_State *L)
{
    size_t n;
    const char *key;
    struct dict *d = check_dict(L, &key, &n);
    lua_Integer by = luaL_optinteger(L, 3, 1), value = by;
    double ttl = luaL_optnumber(L, 4, 0);
    lua_pushinteger(L, by);
    struct item *fresh = item_new(L, -1, ttl);
    if (!fresh)
        return luaL_error(L, "not enough memory");
    pthread_mutex_lock(&d->lock);
    struct item *it = find(d, key, n);
    bool number = !it || (it->type == LUA_TNUMBER && it->integer), ok = true;
    if (it && number)
        value = it->u.i = (lua_Integer)((lua_Unsigned)it->u.i + (lua_Unsigned)by);
    else if (!it)
        ok = put(d, key, n, fresh);
    pthread_mutex_unlock(&d->lock);
    if (it)
        free(fresh);
    if (!number)
        return luaL_error(L, "incr: the value is no integer");
    if (!ok)
        return answer(L, false);
    lua_pushinteger(L, value);
    return 1;
}

static bool item_equal(lua_State *L, int index, const struct item *it)
{
    if (!it)
        return lua_isnil(L, index);
    if (lua_type(L, index) != it->type)
        return false;
    if (it->type == LUA_TBOOLEAN)
        return lua_toboolean(L, index) == it->u.b;
    if (it->type == LUA_TNUMBER)
        return lua_tonumber(L, index) == (it->integer ? (lua_Number)it->u.i : it->u.n);
    size_t n;
    const char *text = lua_tolstring(L, index, &n);
    return n == it->len && memcmp(text, it->text, n) == 0;
}

/* dict:cas(key, expected or nil, value [, seconds]) -> whether it was swapped */
static int dict_cas(lua_State *L)
{
    size_t n;
    const char *key;
    struct dict *d = check_dict(L, &key, &n);
    check_value(L, 4);
    struct item *it = item_new(L, 4, luaL_optnumber(L, 5, 0));
    if (!it)
        return luaL_error(L, "not enough memory");
    pthread_mutex_lock(&d->lock);
    bool same = item_equal(L, 3, find(d, key, n)), ok = same && put(d, key, n, it);
    pthread_mutex_unlock(&d->lock);
    if (!same)
        free(it);
    lua_pushboolean(L, ok);
    return 1;
}

/* dict:expire(key, seconds) -> whether the key is there */
static int dict_expire(lua_State *L)
{
    size_t n;
    const char *key;
    struct dict *d = check_dict(L, &key, &n);
    double ttl = luaL_checknumber(L, 3);
    pthread_mutex_lock(&d->lock);
    struct item *it = find(d, key, n);
    if (it)
        it->expires = gost_now() + (ttl > 0 ? (uint64_t)(ttl * 1000) : 0);
    pthread_mutex_unlock(&d->lock);
    lua_pushboolean(L, it != NULL);
    return 1;
}

static int dict_count(lua_State *L)
{
    struct dict *d = gostL_check(L, 1, GOSTL_DICT);
    pthread_mutex_lock(&d->lock);
    size_t n = d->map.count;
    pthread_mutex_unlock(&d->lock);
    lua_pushinteger(L, (lua_Integer)n);
    return 1;
}

static int dict_gc(lua_State *L)
{
    void **box = luaL_checkudata(L, 1, GOSTL_DICT);
    gost_shared_give(*box);
    *box = NULL;
    return 0;
}

/* core.counter(name) -> Counter */
static int l_counter(lua_State *L)
{
    char key[256];
    const char *name = luaL_checkstring(L, 1);
    luaL_argcheck(L, strlen(name) < sizeof(key) - 16, 1, "name too long");
    void **box = gostL_box(L, GOSTL_COUNTER);
    bool created;
    snprintf(key, sizeof(key), "counter:%s", name);
    *box = gost_shared_take(key, sizeof(_Atomic int64_t), &created);
    if (created && *box)
        gost_shared_take(key, sizeof(_Atomic int64_t), NULL); /* it lives as long as the process */
    return *box ? 1 : luaL_error(L, "not enough memory");
}

/* counter:add([n]) -> new value */
static int counter_add(lua_State *L)
{
    _Atomic int64_t *c = gostL_check(L, 1, GOSTL_COUNTER);
    int64_t n = luaL_optinteger(L, 2, 1);
    lua_pushinteger(L, (lua_Integer)(atomic_fetch_add(c, n) + n));
    return 1;
}

static int counter_get(lua_State *L)
{
    _Atomic int64_t *c = gostL_check(L, 1, GOSTL_COUNTER);
    lua_pushinteger(L, (lua_Integer)atomic_load(c));
    return 1;
}

/* counter:set(n) -> old value */
static int counter_set(lua_State *L)
{
    _Atomic int64_t *c = gostL_check(L, 1, GOSTL_COUNTER);
    lua_pushinteger(L, (lua_Integer)atomic_exchange(c, luaL_checkinteger(L, 2)));
    return 1;
}

static int counter_gc(lua_State *L)
{
    void **box = luaL_checkudata(L, 1, GOSTL_COUNTER);
    gost_shared_give(*box);
    *box = NULL;
    return 0;
}

void gostL_open_shared(lua_State *L)
{
    static const luaL_Reg dict_methods[] = {
        {"get", dict_get}, {"set", dict_set},       {"add", dict_add},     {"incr", dict_incr},
        {"cas", dict_cas}, {"expire", dict_expire}, {"count", dict_count}, {NULL, NULL}};
    static const luaL_Reg dict_meta[] = {{"__gc", dict_gc}, {NULL, NULL}};
    static const luaL_Reg counter_methods[] = {
        {"add", counter_add}, {"get", counter_get}, {"set", counter_set}, {NULL, NULL}};
    static const luaL_Reg counter_meta[] = {{"__gc", counter_gc}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"dict", l_dict}, {"counter", l_counter}, {NULL, NULL}};
    gostL_class(L, GOSTL_DICT, dict_methods, dict_meta);
    gostL_class(L, GOSTL_COUNTER, counter_methods, counter_meta);
    luaL_setfuncs(L, functions, 0);
}
