#include "bindings/options.h"

#include "bindings/lib.h"
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/registry.h"
#include "core/transport/cert.h"
#include "core/transport/tls.h"

#include <string.h>
#include <strings.h>

enum { OPTIONS_MAX = 128 };

/* Which of an option's names is it? 0 is the key itself, then the aliases in order; -1 none. */
static int name_rank(const struct gost_option *o, const char *name)
{
    size_t n = strlen(name);
    int rank = 1;
    if (strcasecmp(o->key, name) == 0)
        return 0;
    for (const char *p = o->aliases; p && *p; rank++) {
        size_t len = strcspn(p, " ");
        if (len == n && strncasecmp(p, name, n) == 0)
            return rank;
        p += len;
        p += strspn(p, " ");
    }
    return -1;
}

static int append_item(lua_State *L, int index, void *settings, const struct gost_option *o)
{
    lua_pushvalue(L, index);
    const char *text =
        lua_isboolean(L, -1) ? (lua_toboolean(L, -1) ? "true" : "false") : lua_tostring(L, -1);
    int rc = text ? gost_option_append(settings, o, text)
                  : gost_fail(GOST_ECONFIG, "expected text, got a %s", luaL_typename(L, -1));
    lua_pop(L, 1);
    return rc;
}

static int set_table(lua_State *L, int index, void *settings, const struct gost_option *o)
{
    int rc = 0;
    index = lua_absindex(L, index);
    if (o->type == GOST_OPT_LIST) {
        for (lua_Integer i = 1, n = luaL_len(L, index); i <= n && rc == 0; i++) {
            lua_rawgeti(L, index, i);
            rc = append_item(L, -1, settings, o);
            lua_pop(L, 1);
        }
        return rc;
    }
    if (o->type != GOST_OPT_MAP)
        return gost_fail(GOST_ECONFIG, "expected a %s, got a table", gost_option_type_name(o->type));
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        if (rc == 0)
            rc = append_item(L, -2, settings, o);
        if (rc == 0)
            rc = append_item(L, lua_gettop(L), settings, o);
    }
    return rc;
}

static int set_value(lua_State *L, int index, void *settings, const struct gost_option *o)
{
    switch (lua_type(L, index)) {
    case LUA_TBOOLEAN:
        return gost_option_set(settings, o, lua_toboolean(L, index) ? "true" : "false");
    case LUA_TNUMBER:
        if (o->type == GOST_OPT_STRING || o->type == GOST_OPT_PATH || o->type == GOST_OPT_LIST ||
            o->type == GOST_OPT_ENUM) {
            lua_pushvalue(L, index);
            int rc = gost_option_set(settings, o, lua_tostring(L, -1));
            lua_pop(L, 1);
            return rc;
        }
        return gost_option_set_number(settings, o, lua_tonumber(L, index));
    case LUA_TSTRING:
        return gost_option_set(settings, o, lua_tostring(L, index));
    case LUA_TTABLE:
        return set_table(L, index, settings, o);
    default:
        return gost_fail(GOST_ECONFIG, "expected a %s, got a %s", gost_option_type_name(o->type),
                         luaL_typename(L, index));
    }
}

/* One pass over the table for the option: the best-ranked name that is there. */
static int set_option(lua_State *L, int index, void *settings, const struct gost_option *o)
{
    int best = OPTIONS_MAX, rc = 0;
    lua_pushnil(L); /* room for the value */
    int slot = lua_gettop(L);
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        int rank = lua_type(L, -2) == LUA_TSTRING ? name_rank(o, lua_tostring(L, -2)) : -1;
        if (rank >= 0 && rank < best) {
            best = rank;
            lua_pushvalue(L, -1);
            lua_replace(L, slot);
        }
    }
    if (best < OPTIONS_MAX && (rc = set_value(L, slot, settings, o)) != 0)
        gost_fail_at(rc, "%s", o->key);
    lua_settop(L, slot - 1);
    return rc;
}

int gostL_settings(lua_State *L, int index, const struct gost_options *o, void **out)
{
    index = lua_absindex(L, index);
    void *settings = gost_options_new(o);
    if (!settings)
        return gost_fail_code(GOST_ENOMEM);
    int rc = 0;
    if (lua_istable(L, index))
        for (const struct gost_option *opt = o->table; opt && opt->key && rc == 0; opt++)
            rc = set_option(L, index, settings, opt);
    if (rc != 0) {
        gost_options_delete(o, settings);
        return rc;
    }
    *out = settings;
    return 0;
}

int gostL_tls_context(lua_State *L, int index, bool server, struct gost_tls_context **out)
{
    void *settings;
    int rc = gostL_settings(L, index, &gost_tls_options, &settings);
    if (rc != 0)
        return gost_fail_at(rc, "tls");
    rc = gost_tls_context_new(settings, server, out);
    gost_options_delete(&gost_tls_options, settings);
    return rc;
}

/* core.tls_default{certFile=, keyFile=, caFile=, validity=, …} -> true | nil, message, code: the
 * certificate of servers that have none of their own */
static int l_tls_default(lua_State *L)
{
    void *settings;
    luaL_checktype(L, 1, LUA_TTABLE);
    int rc = gostL_settings(L, 1, &gost_cert_options, &settings);
    if (rc == 0) {
        rc = gost_cert_default_set(settings);
        gost_options_delete(&gost_cert_options, settings);
    }
    if (rc != 0)
        return gostL_fail(L, gost_fail_at(rc, "tls"));
    lua_pushboolean(L, 1);
    return 1;
}

/* core.tls_pretend(): a default certificate for those who only try what would be made */
static int l_tls_pretend(lua_State *L)
{
    (void)L;
    gost_cert_default_pretend();
    return 0;
}

/* --- describing components to the schema --------------------------------------------------------- */

static void push_words(lua_State *L, const char *words)
{
    lua_newtable(L);
    for (int i = 1; words && *words; i++) {
        size_t n = strcspn(words, " ");
        lua_pushlstring(L, words, n);
        lua_rawseti(L, -2, i);
        words += n;
        words += strspn(words, " ");
    }
}

static void set_text(lua_State *L, const char *key, const char *text)
{
    if (text) {
        lua_pushstring(L, text);
        lua_setfield(L, -2, key);
    }
}

static void push_option(lua_State *L, const struct gost_option *o)
{
    lua_newtable(L);
    set_text(L, "key", o->key);
    set_text(L, "type", gost_option_type_name(o->type));
    set_text(L, "default", o->def);
    set_text(L, "help", o->help);
    push_words(L, o->aliases);
    lua_setfield(L, -2, "aliases");
    if (o->choices) {
        push_words(L, o->choices);
        lua_setfield(L, -2, "choices");
    }
    if (o->min || o->max) {
        lua_pushinteger(L, o->min);
        lua_setfield(L, -2, "min");
        lua_pushinteger(L, o->max);
        lua_setfield(L, -2, "max");
    }
}

static void push_options(lua_State *L, const struct gost_options *o)
{
    int i = 1;
    lua_newtable(L);
    for (const struct gost_option *opt = o->table; opt && opt->key; opt++) {
        push_option(L, opt);
        lua_rawseti(L, -2, i++);
    }
}

/* Put one kind into the table on top of the stack. */
static void put_kind(lua_State *L, const char *name, const char *aliases, const char *help,
                     const struct gost_options *o)
{
    lua_newtable(L);
    set_text(L, "name", name);
    set_text(L, "help", help);
    push_words(L, aliases);
    lua_setfield(L, -2, "aliases");
    push_options(L, o);
    lua_setfield(L, -2, "options");
    lua_setfield(L, -2, name);
}

static void set_flag(lua_State *L, const char *kind, const char *flag, bool on)
{
    lua_getfield(L, -1, kind);
    lua_pushboolean(L, on);
    lua_setfield(L, -2, flag);
    lua_pop(L, 1);
}

static void push_handlers(lua_State *L)
{
    lua_newtable(L);
    for (const struct gost_handler_kind *const *k = gost_handler_kinds; *k; k++) {
        put_kind(L, (*k)->name, (*k)->aliases, (*k)->help, &(*k)->options);
        lua_getfield(L, -1, (*k)->name);
        push_words(L, (*k)->delegates);
        lua_setfield(L, -2, "delegates");
        lua_pop(L, 1);
        set_flag(L, (*k)->name, "no_auth", (*k)->no_auth);
    }
}

/* core.components() -> { handler = {…}, connector = {…}, listener = {…}, dialer = {…}, tls = options } */
static int l_components(lua_State *L)
{
    lua_newtable(L);
    push_handlers(L);
    lua_setfield(L, -2, "handler");
    lua_newtable(L);
    for (const struct gost_connector_kind *const *k = gost_connector_kinds; *k; k++)
        put_kind(L, (*k)->name, (*k)->aliases, (*k)->help, &(*k)->options);
    lua_setfield(L, -2, "connector");
    lua_newtable(L);
    for (const struct gost_listener_kind *const *k = gost_listener_kinds; *k; k++) {
        put_kind(L, (*k)->name, (*k)->aliases, (*k)->help, &(*k)->options);
        set_flag(L, (*k)->name, "tls", (*k)->tls);
    }
    lua_setfield(L, -2, "listener");
    lua_newtable(L);
    for (const struct gost_dialer_kind *const *k = gost_dialer_kinds; *k; k++) {
        put_kind(L, (*k)->name, (*k)->aliases, (*k)->help, &(*k)->options);
        set_flag(L, (*k)->name, "tls", (*k)->tls);
    }
    lua_setfield(L, -2, "dialer");
    push_options(L, &gost_tls_options);
    lua_setfield(L, -2, "tls");
    return 1;
}

void gostL_open_options(lua_State *L)
{
    lua_pushcfunction(L, l_components);
    lua_setfield(L, -2, "components");
    lua_pushcfunction(L, l_tls_pretend);
    lua_setfield(L, -2, "tls_pretend");
    lua_pushcfunction(L, l_tls_default);
    lua_setfield(L, -2, "tls_default");
}
