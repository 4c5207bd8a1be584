/*
 * gost.yaml: YAML text to Lua tables, with the place of every key.
 *
 * Lua:  yaml.decode(text [, {name = "gost.yml"}]) -> value, positions
 *       or nil, "gost.yml:3:5: what is wrong"
 *
 * `positions[t]` tells where the keys of table `t` stand: positions[t][key] is line << 16 | column
 * of the key (of the item, in a list), and positions[t][0] that of the table itself. A key whose
 * value is null is absent from the table but known to `positions`; null items of a list are
 * skipped.
 *
 * Aliases give the same table again, never a copy; what they stand for counts towards the limit
 * of nodes, so that a small file cannot describe a huge tree. Only the first document is read.
 */
#include "bindings/yaml.h"

#include <lauxlib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define YAML_STATE "gost.yaml.state"

enum {
    YAML_DEPTH_MAX = 64,
    YAML_NODES_MAX = 5 * 1000 * 1000,
    YAML_BYTES_MAX = 64 * 1024 * 1024,
    YAML_COLUMN_MAX = 0xffff,
};

int luaopen_gost_yaml(lua_State *L);

/** One open collection; its table and the table of its positions lie on the Lua stack. */
struct yaml_frame {
    int table;         /**< index of the table */
    int place;         /**< index of its positions */
    int merges;        /**< index of the list of what "<<" brings; nil there: none so far */
    lua_Integer items; /**< of a list: how many there are */
    uint64_t nodes;    /**< nodes inside, aliases counted in full */
    bool mapping;
    bool have_key;  /**< the key waits on top of the Lua stack */
    bool merge_key; /**< that key is "<<" */
    char *anchor;   /**< to be completed when the collection ends */
};

struct yaml_state {
    yaml_parser_t parser;
    yaml_event_t event;
    bool parser_live, event_live;
    const char *name;
    const char *text;
    size_t text_len;
    int positions; /**< Lua index: table -> positions of its keys */
    int values;    /**< Lua index: anchor -> value */
    int sizes;     /**< Lua index: anchor -> nodes, -1 while its collection is open */
    int depth;
    struct yaml_frame frame[YAML_DEPTH_MAX];
    bool done; /**< the root value is complete */
};

static void event_drop(struct yaml_state *y)
{
    if (y->event_live)
        yaml_event_delete(&y->event);
    y->event_live = false;
}

static int state_gc(lua_State *L)
{
    struct yaml_state *y = luaL_checkudata(L, 1, YAML_STATE);

    event_drop(y);
    if (y->parser_live)
        yaml_parser_delete(&y->parser);
    y->parser_live = false;
    for (int i = 0; i < YAML_DEPTH_MAX; i++) {
        free(y->frame[i].anchor);
        y->frame[i].anchor = NULL;
    }
    return 0;
}

/** Leave decode() with a message: an error value that decode() catches and returns. */
static int fail_mark(lua_State *L, struct yaml_state *y, yaml_mark_t mark, const char *message)
{
    lua_pushfstring(L, "%s:%d:%d: %s", y->name, (int)mark.line + 1, (int)mark.column + 1, message);
    return lua_error(L);
}

static int fail_event(lua_State *L, struct yaml_state *y, const char *message)
{
    return fail_mark(L, y, y->event.start_mark, message);
}

/** What libyaml says, with the line; the reader knows only a byte offset. */
static int fail_parser(lua_State *L, struct yaml_state *y)
{
    const yaml_parser_t *p = &y->parser;
    const char *problem = p->problem != NULL ? p->problem : "not enough memory";
    yaml_mark_t mark = p->problem_mark;

    if (p->error == YAML_READER_ERROR) {
        memset(&mark, 0, sizeof mark);
        for (size_t i = 0; i < p->problem_offset && i < y->text_len; i++) {
            mark.column++;
            if (y->text[i] == '\n') {
                mark.line++;
                mark.column = 0;
            }
        }
    }
    if (p->context != NULL)
        problem = lua_pushfstring(L, "%s %s (line %d)", problem, p->context,
                                  (int)p->context_mark.line + 1);
    return fail_mark(L, y, mark, problem);
}

static lua_Integer pack_mark(yaml_mark_t mark)
{
    size_t column = mark.column + 1;

    if (column > YAML_COLUMN_MAX)
        column = YAML_COLUMN_MAX;
    return (lua_Integer)((mark.line + 1) << 16 | column);
}

static void count_nodes(lua_State *L, struct yaml_state *y, uint64_t n)
{
    struct yaml_frame *f = y->depth > 0 ? &y->frame[y->depth - 1] : NULL;

    if (f == NULL)
        return;
    f->nodes += n;
    if (f->nodes > YAML_NODES_MAX)
        fail_event(L, y, "too many values (limit 5000000, aliases counted in full)");
}

/* ---- scalars ---- */

static bool push_scalar(lua_State *L, struct yaml_state *y)
{
    const yaml_char_t *tag = y->event.data.scalar.tag;
    const char *s = (const char *)y->event.data.scalar.value;
    size_t len = y->event.data.scalar.length;
    static const char *const typed[] = {YAML_INT_TAG, YAML_FLOAT_TAG, YAML_BOOL_TAG, YAML_NULL_TAG,
                                        NULL};

    if (tag == NULL && y->event.data.scalar.plain_implicit)
        return gostL_yaml_plain(L, s, len);
    if (tag != NULL && gostL_yaml_one_of((const char *)tag, typed))
        return gostL_yaml_plain(L, s, len);
    if (tag != NULL && strcmp((const char *)tag, YAML_STR_TAG) != 0 &&
        strcmp((const char *)tag, "!") != 0)
        fail_event(L, y, lua_pushfstring(L, "tag %s is not supported", (const char *)tag));
    lua_pushlstring(L, s, len);
    return true;
}

/* ---- putting values in their place ---- */

/** positions[place][key on top] = mark; refuses the second time. The key stays. */
static void note_key(lua_State *L, struct yaml_state *y, struct yaml_frame *f)
{
    lua_pushvalue(L, -1);
    lua_rawget(L, f->place);
    if (!lua_isnil(L, -1)) {
        int first = (int)(lua_tointeger(L, -1) >> 16);
        const char *key = lua_tostring(L, -2);
        fail_event(L, y,
                   lua_pushfstring(L, "key \"%s\" is given twice (first in line %d)", key, first));
    }
    lua_pop(L, 1);
    lua_pushvalue(L, -1);
    lua_pushinteger(L, pack_mark(y->event.start_mark));
    lua_rawset(L, f->place);
}

/** A scalar where a key is due: its text, whatever it looks like. */
static void take_key(lua_State *L, struct yaml_state *y, struct yaml_frame *f)
{
    const char *s = (const char *)y->event.data.scalar.value;

    lua_pushlstring(L, s, y->event.data.scalar.length);
    f->have_key = true;
    f->merge_key = y->event.data.scalar.plain_implicit && strcmp(s, "<<") == 0;
    note_key(L, y, f);
}

/** Remember the value on top for the end of the mapping, when all of its own keys are known. */
static void keep_merge(lua_State *L, struct yaml_state *y, struct yaml_frame *f)
{
    if (!lua_istable(L, -1))
        fail_event(L, y, "\"<<\" needs a mapping or a list of mappings");
    if (lua_isnil(L, f->merges)) {
        lua_newtable(L);
        lua_replace(L, f->merges);
    }
    lua_rawseti(L, f->merges, luaL_len(L, f->merges) + 1);
}

/**
 * Put a value into the innermost open collection.
 * @param present  the value is on top of the stack; false: it is null and nothing is there
 * @param mark     where it began
 */
static void attach(lua_State *L, struct yaml_state *y, bool present, yaml_mark_t mark)
{
    struct yaml_frame *f = y->depth > 0 ? &y->frame[y->depth - 1] : NULL;

    if (f == NULL) {
        if (!present)
            lua_pushnil(L);
        y->done = true; /* the root stays on top of the stack */
    } else if (!f->mapping) {
        if (present) {
            lua_rawseti(L, f->table, ++f->items);
            lua_pushinteger(L, pack_mark(mark));
            lua_rawseti(L, f->place, f->items);
        }
    } else if (f->merge_key && present) {
        keep_merge(L, y, f);
        lua_pop(L, 1); /* the key */
    } else if (present) {
        lua_rawset(L, f->table); /* key and value */
    } else {
        lua_pop(L, 1);
    }
    if (f != NULL)
        f->have_key = f->merge_key = false;
}

/* ---- anchors ---- */

/** values[anchor] = value on top (kept there), sizes[anchor] = nodes */
static void set_anchor(lua_State *L, struct yaml_state *y, const char *anchor, bool present,
                       lua_Integer nodes)
{
    if (anchor == NULL)
        return;
    if (present) {
        lua_pushvalue(L, -1);
        lua_setfield(L, y->values, anchor);
    } else {
        lua_pushnil(L);
        lua_setfield(L, y->values, anchor);
    }
    lua_pushinteger(L, nodes);
    lua_setfield(L, y->sizes, anchor);
}

static void on_alias(lua_State *L, struct yaml_state *y)
{
    const char *name = (const char *)y->event.data.alias.anchor;
    struct yaml_frame *f = y->depth > 0 ? &y->frame[y->depth - 1] : NULL;
    lua_Integer nodes;

    if (f != NULL && f->mapping && !f->have_key)
        fail_event(L, y, "an alias cannot be a key");
    lua_getfield(L, y->sizes, name);
    if (lua_isnil(L, -1))
        fail_event(L, y, lua_pushfstring(L, "alias *%s names nothing before it", name));
    nodes = lua_tointeger(L, -1);
    lua_pop(L, 1);
    if (nodes < 0)
        fail_event(L, y, lua_pushfstring(L, "alias *%s stands inside of what it names", name));
    count_nodes(L, y, (uint64_t)nodes);
    if (lua_getfield(L, y->values, name) == LUA_TNIL) {
        lua_pop(L, 1);
        attach(L, y, false, y->event.start_mark);
    } else {
        attach(L, y, true, y->event.start_mark);
    }
}

/* ---- collections ---- */

static void on_scalar(lua_State *L, struct yaml_state *y)
{
    struct yaml_frame *f = y->depth > 0 ? &y->frame[y->depth - 1] : NULL;
    bool present;

    count_nodes(L, y, 1);
    if (f != NULL && f->mapping && !f->have_key) {
        if (y->event.data.scalar.anchor != NULL)
            fail_event(L, y, "a key cannot have an anchor");
        take_key(L, y, f);
        return;
    }
    present = push_scalar(L, y);
    set_anchor(L, y, (const char *)y->event.data.scalar.anchor, present, 1);
    attach(L, y, present, y->event.start_mark);
}

static void on_start(lua_State *L, struct yaml_state *y, bool mapping, const yaml_char_t *anchor)
{
    struct yaml_frame *f = y->depth > 0 ? &y->frame[y->depth - 1] : NULL;

    if (f != NULL && f->mapping && !f->have_key)
        fail_event(L, y, "a key must be a plain word");
    if (y->depth == YAML_DEPTH_MAX)
        fail_event(L, y, "nested too deeply (limit 64)");
    luaL_checkstack(L, 12, "yaml");
    f = &y->frame[y->depth];
    memset(f, 0, sizeof *f);
    f->mapping = mapping;
    lua_newtable(L);
    f->table = lua_gettop(L);
    lua_newtable(L);
    f->place = lua_gettop(L);
    lua_pushnil(L);
    f->merges = lua_gettop(L);
    lua_pushinteger(L, pack_mark(y->event.start_mark));
    lua_rawseti(L, f->place, 0);
    lua_pushvalue(L, f->table);
    lua_pushvalue(L, f->place);
    lua_rawset(L, y->positions);
    if (anchor != NULL) {
        lua_pushinteger(L, -1);
        lua_setfield(L, y->sizes, (const char *)anchor);
        f->anchor = strdup((const char *)anchor);
    }
    y->depth++;
}

/** Add to the mapping what the table on top has and the mapping has not. */
static void merge_one(lua_State *L, struct yaml_state *y, struct yaml_frame *f)
{
    int from = lua_gettop(L);

    if (!lua_istable(L, from))
        fail_event(L, y, "\"<<\" needs a mapping or a list of mappings");
    lua_pushnil(L);
    while (lua_next(L, from) != 0) {
        if (lua_type(L, -2) != LUA_TSTRING)
            fail_event(L, y, "\"<<\" needs a mapping or a list of mappings");
        lua_pushvalue(L, -2);
        if (lua_rawget(L, f->place) == LUA_TNIL) {
            lua_pushvalue(L, -3);
            lua_pushvalue(L, -3);
            lua_rawset(L, f->table);
            lua_pushvalue(L, -3);
            lua_pushinteger(L, pack_mark(y->event.start_mark));
            lua_rawset(L, f->place);
            f->nodes += 2;
        }
        lua_pop(L, 2);
    }
}

static void apply_merges(lua_State *L, struct yaml_state *y, struct yaml_frame *f)
{
    lua_Integer n = lua_isnil(L, f->merges) ? 0 : luaL_len(L, f->merges);

    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, f->merges, i);
        if (lua_rawlen(L, -1) > 0) {
            lua_Integer m = luaL_len(L, -1);
            for (lua_Integer j = 1; j <= m; j++) {
                lua_rawgeti(L, -1, j);
                merge_one(L, y, f);
                lua_pop(L, 1);
            }
        } else {
            merge_one(L, y, f);
        }
        lua_pop(L, 1);
    }
}

static void on_end(lua_State *L, struct yaml_state *y)
{
    struct yaml_frame *f = &y->frame[y->depth - 1];
    uint64_t nodes;
    lua_Integer first;
    yaml_mark_t mark = y->event.start_mark;

    if (f->mapping)
        apply_merges(L, y, f);
    nodes = f->nodes + 1;
    lua_rawgeti(L, f->place, 0);
    first = lua_tointeger(L, -1);
    mark.line = (size_t)(first >> 16) - 1;
    mark.column = (size_t)(first & YAML_COLUMN_MAX) - 1;
    lua_settop(L, f->table);
    set_anchor(L, y, f->anchor, true, (lua_Integer)nodes);
    free(f->anchor);
    f->anchor = NULL;
    y->depth--;
    count_nodes(L, y, nodes);
    attach(L, y, true, mark);
}

/** Handle one event. @return false at the end of the first document */
static bool on_event(lua_State *L, struct yaml_state *y)
{
    switch (y->event.type) {
    case YAML_SCALAR_EVENT:
        on_scalar(L, y);
        break;
    case YAML_ALIAS_EVENT:
        on_alias(L, y);
        break;
    case YAML_SEQUENCE_START_EVENT:
        on_start(L, y, false, y->event.data.sequence_start.anchor);
        break;
    case YAML_MAPPING_START_EVENT:
        on_start(L, y, true, y->event.data.mapping_start.anchor);
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        on_end(L, y);
        break;
    case YAML_DOCUMENT_END_EVENT:
    case YAML_STREAM_END_EVENT:
        return false;
    default:
        break;
    }
    return true;
}

/** The part of decode() that may raise: (state, text) -> value, positions. */
static int decode_body(lua_State *L)
{
    struct yaml_state *y = luaL_checkudata(L, 1, YAML_STATE);
    bool more = true;

    luaL_checkstack(L, 4 * YAML_DEPTH_MAX + 32, "yaml");
    lua_newtable(L);
    y->positions = lua_gettop(L);
    lua_newtable(L);
    y->values = lua_gettop(L);
    lua_newtable(L);
    y->sizes = lua_gettop(L);
    if (y->text_len > YAML_BYTES_MAX)
        return luaL_error(L, "%s: too large (limit 64 MiB)", y->name);
    if (!yaml_parser_initialize(&y->parser))
        return luaL_error(L, "%s: not enough memory", y->name);
    y->parser_live = true;
    yaml_parser_set_input_string(&y->parser, (const unsigned char *)y->text, y->text_len);
    while (more) {
        if (!yaml_parser_parse(&y->parser, &y->event))
            return fail_parser(L, y);
        y->event_live = true;
        more = on_event(L, y);
        event_drop(y);
    }
    if (!y->done)
        lua_pushnil(L);
    lua_pushvalue(L, y->positions);
    return 2;
}

static int yaml_decode(lua_State *L)
{
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    const char *name = "yaml";
    struct yaml_state *y;

    if (lua_istable(L, 2) && lua_getfield(L, 2, "name") == LUA_TSTRING)
        name = lua_tostring(L, -1);
    lua_pushcfunction(L, decode_body);
    y = lua_newuserdatauv(L, sizeof *y, 0);
    memset(y, 0, sizeof *y);
    y->name = name;
    y->text = text;
    y->text_len = len;
    luaL_setmetatable(L, YAML_STATE);
    if (lua_pcall(L, 1, 2, 0) == LUA_OK)
        return 2;
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
}

int luaopen_gost_yaml(lua_State *L)
{
    static const luaL_Reg functions[] = {{"decode", yaml_decode}, {NULL, NULL}};

    luaL_newmetatable(L, YAML_STATE);
    lua_pushcfunction(L, state_gc);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
    luaL_newlib(L, functions);
    return 1;
}
