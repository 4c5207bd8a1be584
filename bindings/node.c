/* gost.Node: a proxy (or a forwarder's target). */
#include "bindings/lib.h"
#include "bindings/options.h"
#include "bindings/route.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/registry.h"
#include "core/route/probe.h"

#include <stdlib.h>
#include <string.h>

struct bypass_list {
    struct gost_bypass **item;
    size_t count;
};

static void add_bypass(void *arg, void *object)
{
    struct bypass_list *l = arg;
    l->item[l->count++] = gost_bypass_ref(object);
}

void gostL_take_bypasses(lua_State *L, int index, struct gost_bypass ***list, size_t *count)
{
    size_t n = gostL_field_boxes(L, index, "bypasses", GOSTL_BYPASS, NULL, NULL);
    struct bypass_list l = {.item = n ? calloc(n, sizeof(*l.item)) : NULL};
    if (n && !l.item)
        luaL_error(L, "not enough memory");
    *list = l.item;
    gostL_field_boxes(L, index, "bypasses", GOSTL_BYPASS, add_bypass, &l);
    *count = l.count;
}

void gostL_take_socket(lua_State *L, int index, struct gost_socket_options *o, char **interface,
                       char **netns)
{
    const char *name = gostL_field_string(L, index, "interface");
    o->mark = (int)gostL_field_int(L, index, "mark", 0);
    if (name && *name) {
        *interface = strdup(name);
        o->interface = *interface;
    }
    name = gostL_field_string(L, index, "netns");
    if (name && *name) {
        *netns = strdup(name);
        o->netns = *netns;
    }
}

/* The credentials in field "auth": borrowed from the table. */
static void get_auth(lua_State *L, int index, const char **user, const char **password)
{
    *user = *password = NULL;
    if (lua_getfield(L, index, "auth") == LUA_TTABLE) {
        *user = gostL_field_string(L, -1, "username");
        *password = gostL_field_string(L, -1, "password");
    }
    lua_pop(L, 1);
}

/* The settings table of a component, pushed; nil when there is none. */
static int push_metadata(lua_State *L, int index)
{
    lua_getfield(L, index, "metadata");
    return lua_gettop(L);
}

static int take_connector(lua_State *L, int index, struct gost_node *n)
{
    const char *user, *password, *type = gostL_field_string(L, index, "type");
    const struct gost_connector_kind *kind = gost_connector_kind_find(type ? type : "http");
    void *settings;
    if (!kind)
        kind = gostL_script_connector(L, type);
    if (!kind)
        return gost_fail(GOST_ECONFIG, "unknown connector \"%s\"", type);
    get_auth(L, index, &user, &password);
    int rc = gostL_settings(L, push_metadata(L, index), &kind->options, &settings);
    lua_pop(L, 1);
    if (rc == 0)
        rc = gost_connector_new(kind, settings, user, password, &n->connector);
    return rc;
}

static int take_dialer(lua_State *L, int index, struct gost_node *n)
{
    const char *type = gostL_field_string(L, index, "type"), *server_name = NULL;
    const struct gost_dialer_kind *kind = gost_dialer_kind_find(type ? type : "tcp");
    struct gost_tls_context *tls = NULL;
    void *settings;
    int rc = 0;
    if (!kind)
        return gost_fail(GOST_ECONFIG, "unknown dialer \"%s\"", type);
    if (kind->tls) {
        lua_getfield(L, index, "tls");
        rc = gostL_tls_context(L, -1, false, &tls);
        if (rc == 0 && lua_istable(L, -1))
            server_name = gostL_field_string(L, -1, "serverName");
        lua_pop(L, 1);
    }
    if (rc == 0)
        rc = gostL_settings(L, push_metadata(L, index), &kind->options, &settings), lua_pop(L, 1);
    if (rc == 0)
        rc = gost_dialer_new(kind, settings, tls, server_name, &n->dialer);
    if (kind->unix_path)
        n->network = GOST_UNIX;
    return rc;
}

static char *take_text(lua_State *L, const char *key)
{
    const char *text = gostL_field_string(L, 1, key);
    return text && *text ? strdup(text) : NULL;
}

static void take_part(lua_State *L, struct gost_node *n, const char *key,
                      int (*take)(lua_State *L, int index, struct gost_node *n))
{
    if (lua_getfield(L, 1, key) == LUA_TTABLE) {
        int rc = take(L, lua_gettop(L), n);
        if (rc != 0)
            luaL_error(L, "node %s: %s", n->name, gost_diag_text(rc));
    }
    lua_settop(L, 2);
}

/* A rule alone gives the node a priority: the longer it is, the more special. */
static void take_rule(lua_State *L, struct gost_node *n)
{
    const char *text = gostL_field_string(L, 1, "rule");
    int rc = text && *text ? gost_rule_new(text, strlen(text), &n->rule) : 0;
    if (rc != 0)
        luaL_error(L, "node %s: rule: %s", n->name, gost_diag_text(rc));
    n->priority = (int32_t)gostL_field_int(L, 1, "priority", 0);
    if (n->priority == 0 && n->rule && !gostL_field_bool(L, 1, "same_priority", false))
        n->priority = (int32_t)gost_rule_len(n->rule);
}

/* "tcp", "tcp4", "tcp6", the same of udp, "unix". */
static void take_network(lua_State *L, struct gost_node *n)
{
    const char *network = gostL_field_string(L, 1, "network");
    if (!network || !*network)
        return;
    char last = network[strlen(network) - 1];
    size_t word = strlen(network) - (last == '4' || last == '6');
    if (strcmp(network, "unix") == 0)
        n->network = GOST_UNIX;
    else if (word == 3 && strncmp(network, "udp", 3) == 0)
        n->network = GOST_UDP;
    else if (word != 3 || strncmp(network, "tcp", 3) != 0)
        luaL_error(L, "node %s: network \"%s\", expected tcp, udp (with 4 or 6) or unix", n->name,
                   network);
    n->socket.family = last == '4' ? AF_INET : last == '6' ? AF_INET6 : 0;
    n->network_set = true;
}

static void take_fields(lua_State *L, struct gost_node *n)
{
    n->weight = (int)gostL_field_int(L, 1, "weight", 1);
    n->proxy_protocol = (int)gostL_field_int(L, 1, "proxy_protocol", 0);
    n->backup = gostL_field_bool(L, 1, "backup", false);
    n->max_fails = (int)gostL_field_int(L, 1, "max_fails", 0);
    n->fail_timeout = gostL_field_int(L, 1, "fail_timeout_ms", 0);
    take_rule(L, n);
    n->filter_host = take_text(L, "filter_host");
    n->filter_protocol = take_text(L, "filter_protocol");
    n->filter_path = take_text(L, "filter_path");
    take_network(L, n);
    gostL_take_socket(L, 1, &n->socket, &n->interface, &n->netns);
    gostL_take_bypasses(L, 1, &n->bypass, &n->bypass_count);
    lua_getfield(L, 1, "hosts");
    struct gost_hosts *hosts = gostL_test(L, -1, GOSTL_HOSTS);
    n->hosts = hosts ? gost_hosts_ref(hosts) : NULL;
    lua_getfield(L, 1, "resolver");
    struct gost_resolver *resolver = gostL_test(L, -1, GOSTL_RESOLVER);
    if ((n->resolver = resolver))
        gost_resolver_ref(resolver);
    lua_pop(L, 2);
}

/* What a target does to HTTP. */
static int take_treatment(lua_State *L, int index, struct gost_node *n)
{
    void *settings;
    int rc = gostL_settings(L, index, &gost_treatment_options, &settings);
    return rc == 0 ? gost_treatment_new(settings, &n->treatment) : rc;
}

/* TLS towards a target. */
static int take_tls(lua_State *L, int index, struct gost_node *n)
{
    const char *name = gostL_field_string(L, index, "serverName");
    int rc = gostL_tls_context(L, index, false, &n->tls);
    if (rc == 0 && name && *name && !(n->tls_name = strdup(name)))
        rc = gost_fail_code(GOST_ENOMEM);
    return rc;
}

/* How it is looked after. */
static int take_probe(lua_State *L, int index, struct gost_node *n)
{
    void *settings;
    int max_fails = (int)gostL_field_int(L, index, "max_fails", 0);
    lua_getfield(L, index, "via");
    struct gost_chain *via = gostL_test(L, -1, GOSTL_CHAIN);
    lua_pop(L, 1);
    int rc = gostL_settings(L, index, &gost_probe_options, &settings);
    return rc == 0 ? gost_probe_start(n, settings, max_fails, via) : rc;
}

/* What a member of a group stands for. */
static void take_member(lua_State *L, struct gost_node *n)
{
    lua_getfield(L, 1, "chain");
    struct gost_chain *chain = gostL_test(L, -1, GOSTL_CHAIN);
    n->chain = chain ? gost_chain_ref(chain) : NULL;
    lua_getfield(L, 1, "hop");
    struct gost_hop *hop = gostL_test(L, -1, GOSTL_HOP);
    n->hop = hop ? gost_hop_ref(hop) : NULL;
    lua_pop(L, 2);
}

/*
 * core.node{name=, scope=, addr=, network=, connector={type=, auth=, metadata=}, dialer={type=, tls=,
 *           metadata=}, …} -> Node. A node without connector and dialer is a forwarder's target, or with
 * chain= or hop= a member of a group.
 */
static int l_node(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    void **box = gostL_box(L, GOSTL_NODE);
    const char *name = gostL_field_string(L, 1, "name"), *scope = gostL_field_string(L, 1, "scope");
    const char *addr_text = gostL_field_string(L, 1, "addr");
    const char *network = gostL_field_string(L, 1, "network");
    struct gost_addr addr = {.host = ""};
    size_t len = addr_text ? strlen(addr_text) : 0;
    if ((network && strcmp(network, "unix") == 0) ||
        (len && (addr_text[0] == '/' || addr_text[0] == '@'))) {
        if (len >= sizeof(addr.host))
            return luaL_error(L, "node %s: path of %d bytes is too long", name, (int)len);
        memcpy(addr.host, addr_text, len + 1);
    } else if (len && gost_addr_parse(&addr, addr_text, len, 0) != 0) {
        return luaL_error(L, "node %s: %s", name, gost_diag_text(GOST_ECONFIG));
    }
    struct gost_node *n;
    int rc = gost_node_new(scope ? scope : "", name ? name : "node", &addr, &n);
    if (rc != 0)
        return luaL_error(L, "node: %s", gost_diag_text(rc));
    *box = n;
    take_fields(L, n);
    take_member(L, n);
    take_part(L, n, "connector", take_connector);
    take_part(L, n, "dialer", take_dialer);
    if (n->dialer && n->network == GOST_UDP)
        return luaL_error(L, "node %s: network udp is not implemented yet for proxies", n->name);
    take_part(L, n, "http", take_treatment);
    take_part(L, n, "tls", take_tls);
    take_part(L, n, "probe", take_probe);
    return 1;
}

/* node:state() -> { name, addr, failures, weight, backup } */
static int node_state(lua_State *L)
{
    struct gost_node *n = gostL_check(L, 1, GOSTL_NODE);
    char text[GOST_HOSTPORT_MAX];
    lua_newtable(L);
    lua_pushstring(L, n->name);
    lua_setfield(L, -2, "name");
    lua_pushstring(L, gost_addr_format(&n->addr, text));
    lua_setfield(L, -2, "addr");
    lua_pushinteger(L, gost_failmark_count(n->mark));
    lua_setfield(L, -2, "failures");
    lua_pushinteger(L, n->weight);
    lua_setfield(L, -2, "weight");
    lua_pushboolean(L, n->backup);
    lua_setfield(L, -2, "backup");
    return 1;
}

static int node_tostring(lua_State *L)
{
    struct gost_node *n = gostL_test(L, 1, GOSTL_NODE);
    char text[GOST_HOSTPORT_MAX];
    if (!n)
        lua_pushliteral(L, "gost.Node (closed)");
    else
        lua_pushfstring(L, "gost.Node %s (%s)", n->name, gost_addr_format(&n->addr, text));
    return 1;
}

static int node_gc(lua_State *L)
{
    void **box = luaL_checkudata(L, 1, GOSTL_NODE);
    gost_node_unref(*box);
    *box = NULL;
    return 0;
}

/* core.rule_check(text) -> true, or nil and what is wrong with the rule */
static int l_rule_check(lua_State *L)
{
    size_t n;
    const char *text = luaL_checklstring(L, 1, &n);
    struct gost_rule *rule;
    int rc = gost_rule_new(text, n, &rule);
    gost_rule_delete(rule);
    if (rc == 0) {
        lua_pushboolean(L, 1);
        return 1;
    }
    lua_pushnil(L);
    lua_pushstring(L, gost_diag_text(rc));
    return 2;
}

/* core.rule_matches(rule, {client=, network=, protocol=, host=, method=, path=}) -> boolean */
static int l_rule_matches(lua_State *L)
{
    size_t n;
    const char *text = luaL_checklstring(L, 1, &n);
    luaL_checktype(L, 2, LUA_TTABLE);
    const char *client = gostL_field_string(L, 2, "client");
    union gost_sockaddr addr;
    struct gost_rule_facts facts = {
        .client = client && gost_ip_parse(client, 0, &addr) ? &addr : NULL,
        .network = gostL_field_string(L, 2, "network"),
        .protocol = gostL_field_string(L, 2, "protocol"),
        .host = gostL_field_string(L, 2, "host"),
        .method = gostL_field_string(L, 2, "method"),
        .path = gostL_field_string(L, 2, "path"),
    };
    struct gost_rule *rule;
    int rc = gost_rule_new(text, n, &rule);
    if (rc != 0)
        return luaL_error(L, "rule: %s", gost_diag_text(rc));
    lua_pushboolean(L, gost_rule_matches(rule, &facts));
    gost_rule_delete(rule);
    return 1;
}

void gostL_open_node(lua_State *L)
{
    static const luaL_Reg methods[] = {{"state", node_state}, {NULL, NULL}};
    static const luaL_Reg meta[] = {{"__gc", node_gc}, {"__tostring", node_tostring}, {NULL, NULL}};
    gostL_class(L, GOSTL_NODE, methods, meta);
    lua_pushcfunction(L, l_node);
    lua_setfield(L, -2, "node");
    lua_pushcfunction(L, l_rule_check);
    lua_setfield(L, -2, "rule_check");
    lua_pushcfunction(L, l_rule_matches);
    lua_setfield(L, -2, "rule_matches");
}
