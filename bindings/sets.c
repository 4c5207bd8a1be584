/* gost.CidrSet and gost.DomainSet: many networks or names, asked for membership. */
#include "bindings/lib.h"

#include "core/base/cidr.h"
#include "core/base/diag.h"
#include "core/base/domains.h"
#include "core/base/error.h"

#include <stdlib.h>
#include <string.h>

/* Add the strings of the list at index 1 (or none). */
static void add_all(lua_State *L, const char *what,
                    int (*add)(void *set, const char *text, size_t n), void *set)
{
    if (lua_isnoneornil(L, 1))
        return;
    luaL_checktype(L, 1, LUA_TTABLE);
    for (lua_Integer i = 1, n = luaL_len(L, 1); i <= n; i++) {
        size_t len;
        lua_geti(L, 1, i);
        const char *text = lua_tolstring(L, -1, &len);
        int rc = text ? add(set, text, len) : gost_fail(GOST_ECONFIG, "expected a string");
        if (rc != 0)
            luaL_error(L, "%s[%d]: %s", what, (int)i, gost_diag_text(rc));
        lua_pop(L, 1);
    }
}

static int add_cidr(void *set, const char *text, size_t n)
{
    return gost_cidrs_add(set, text, n);
}

/* core.cidr_set{"10.0.0.0/8", "1.2.3.4", "a-b" …} -> CidrSet */
static int l_cidr_set(lua_State *L)
{
    void **box = gostL_box(L, GOSTL_CIDR_SET);
    struct gost_cidrs *set = malloc(sizeof(*set));
    if (!set)
        return luaL_error(L, "not enough memory");
    gost_cidrs_create(set);
    *box = set;
    add_all(L, "cidr_set", add_cidr, set);
    return 1;
}

/* set:add(text) -> set; raises on what is no network */
static int cidr_add(lua_State *L)
{
    size_t n;
    struct gost_cidrs *set = gostL_check(L, 1, GOSTL_CIDR_SET);
    const char *text = luaL_checklstring(L, 2, &n);
    int rc = gost_cidrs_add(set, text, n);
    if (rc != 0)
        return luaL_argerror(L, 2, gost_diag_text(rc));
    lua_settop(L, 1);
    return 1;
}

/* set:contains("1.2.3.4" or "1.2.3.4:80") -> boolean; false for what is no address */
static int cidr_contains(lua_State *L)
{
    size_t n;
    struct gost_ip ip;
    struct gost_addr addr;
    struct gost_cidrs *set = gostL_check(L, 1, GOSTL_CIDR_SET);
    const char *text = luaL_checklstring(L, 2, &n);
    bool ok =
        gost_ip_from_text(&ip, text, n) || (gost_addr_parse(&addr, text, n, 0) == 0 &&
                                            gost_ip_from_text(&ip, addr.host, strlen(addr.host)));
    lua_pushboolean(L, ok && gost_cidrs_match(set, ip));
    return 1;
}

static int cidr_gc(lua_State *L)
{
    void **box = luaL_checkudata(L, 1, GOSTL_CIDR_SET);
    if (*box)
        gost_cidrs_destroy(*box);
    free(*box);
    *box = NULL;
    return 0;
}

static const struct gost_ports any_port = {0, 65535};

/* "x" is the name alone, ".x" the name and all below, "*.x" only what is below */
static int add_domain(void *set, const char *text, size_t n)
{
    if (n > 2 && text[0] == '*' && text[1] == '.')
        return gost_domains_add(set, text + 2, n - 2, GOST_DOMAIN_BELOW, any_port);
    int rc = gost_domains_add_text(set, text, n, any_port);
    return rc == GOST_ECONFIG ? gost_fail(rc, "\"%.*s\" is no name", (int)n, text) : rc;
}

/* core.domain_set{"example.org", ".example.net", "*.test" …} -> DomainSet */
static int l_domain_set(lua_State *L)
{
    void **box = gostL_box(L, GOSTL_DOMAIN_SET);
    struct gost_domains *set = malloc(sizeof(*set));
    if (!set)
        return luaL_error(L, "not enough memory");
    gost_domains_create(set);
    *box = set;
    add_all(L, "domain_set", add_domain, set);
    return 1;
}

static int domain_add(lua_State *L)
{
    size_t n;
    struct gost_domains *set = gostL_check(L, 1, GOSTL_DOMAIN_SET);
    const char *text = luaL_checklstring(L, 2, &n);
    int rc = add_domain(set, text, n);
    if (rc != 0)
        return luaL_argerror(L, 2, gost_diag_text(rc));
    lua_settop(L, 1);
    return 1;
}

/* set:contains("name" or "name:port") -> boolean */
static int domain_contains(lua_State *L)
{
    size_t n;
    struct gost_domains *set = gostL_check(L, 1, GOSTL_DOMAIN_SET);
    const char *text = luaL_checklstring(L, 2, &n);
    const char *colon = memchr(text, ':', n);
    lua_pushboolean(L, gost_domains_match(set, text, colon ? (size_t)(colon - text) : n, 0));
    return 1;
}

static int domain_gc(lua_State *L)
{
    void **box = luaL_checkudata(L, 1, GOSTL_DOMAIN_SET);
    if (*box)
        gost_domains_destroy(*box);
    free(*box);
    *box = NULL;
    return 0;
}

void gostL_open_sets(lua_State *L)
{
    static const luaL_Reg cidr_methods[] = {
        {"add", cidr_add}, {"contains", cidr_contains}, {NULL, NULL}};
    static const luaL_Reg cidr_meta[] = {{"__gc", cidr_gc}, {NULL, NULL}};
    static const luaL_Reg domain_methods[] = {
        {"add", domain_add}, {"contains", domain_contains}, {NULL, NULL}};
    static const luaL_Reg domain_meta[] = {{"__gc", domain_gc}, {NULL, NULL}};
    static const luaL_Reg functions[] = {
        {"cidr_set", l_cidr_set}, {"domain_set", l_domain_set}, {NULL, NULL}};
    gostL_class(L, GOSTL_CIDR_SET, cidr_methods, cidr_meta);
    gostL_class(L, GOSTL_DOMAIN_SET, domain_methods, domain_meta);
    luaL_setfuncs(L, functions, 0);
}
