/* gost.Service: a listener, a handler and their rules. */
#include "bindings/lib.h"
#include "bindings/options.h"
#include "bindings/route.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/registry.h"
#include "core/route/session.h"

#include <stdlib.h>
#include <string.h>

static const struct gost_handler_kind *handler_kind(lua_State *L, const char *name)
{
    const struct gost_handler_kind *kind = gost_handler_kind_find(name);
    return kind ? kind : gostL_script_handler(L, name);
}

/* A handler from the table at `index` ({type=, metadata=}), of the given kind. */
static int make_handler(lua_State *L, int index, const struct gost_handler_kind *kind,
                        struct gost_handler **out)
{
    void *settings;
    lua_getfield(L, index, "metadata");
    int rc = gostL_settings(L, -1, &kind->options, &settings);
    lua_pop(L, 1);
    return rc == 0 ? gost_handler_new(kind, settings, out) : rc;
}

/* The kinds that the service's handler may pass connections to, with the same settings. */
static int add_delegates(lua_State *L, int index, struct gost_service *s)
{
    int rc = 0;
    for (const char *p = s->handler->kind->delegates; p && *p && rc == 0;) {
        char name[64];
        size_t n = strcspn(p, " ");
        lua_pushlstring(L, p, n);
        strncpy(name, lua_tostring(L, -1), sizeof(name) - 1);
        name[sizeof(name) - 1] = '\0';
        lua_pop(L, 1);
        const struct gost_handler_kind *kind = handler_kind(L, name);
        struct gost_handler *h;
        if (kind && (rc = make_handler(L, index, kind, &h)) == 0)
            rc = gost_service_add_delegate(s, h);
        p += n;
        p += strspn(p, " ");
    }
    return rc;
}

/* Where to listen: "host:port", ":port" (both families), or a path. */
static int parse_listen(const char *text, bool path, union gost_sockaddr *out)
{
    struct gost_addr a;
    memset(out, 0, sizeof(*out));
    if (path) {
        if (!*text || strlen(text) >= sizeof(out->un.sun_path))
            return gost_fail(GOST_ECONFIG, "\"%s\" is no path for a Unix socket", text);
        out->un.sun_family = AF_UNIX;
        strcpy(out->un.sun_path, text);
        if (text[0] == '@')
            out->un.sun_path[0] = '\0';
        return 0;
    }
    int rc = gost_addr_parse(&a, text, strlen(text), 0);
    if (rc != 0)
        return rc;
    if (gost_ip_parse(a.host[0] ? a.host : "::", a.port, out) != 0)
        return 0;
    if (strcmp(a.host, "localhost") == 0)
        return gost_ip_parse("127.0.0.1", a.port, out), 0;
    return gost_fail(GOST_ECONFIG,
                     "listen address \"%s\": expected an IP address or nothing before "
                     "the port",
                     text);
}

/* Remote kinds have a place at the far end of a chain; the others an address of this host. */
static int parse_place(const char *text, const struct gost_listener_kind *kind,
                       struct gost_listener *l)
{
    if (!kind->remote)
        return parse_listen(text, kind->unix_path, &l->addr);
    if (!kind->unix_path) {
        parse_listen(text, false, &l->addr); /* a name means something over there only */
        return gost_addr_parse(&l->where, text, strlen(text), 0);
    }
    if (!*text || strlen(text) >= sizeof(l->where.host))
        return gost_fail(GOST_ECONFIG, "\"%s\" is no path for a Unix socket", text);
    strcpy(l->where.host, text);
    parse_listen(text, true, &l->addr);
    return 0;
}

static int make_listener(lua_State *L, int index, const char *addr, struct gost_listener **out)
{
    const char *type = gostL_field_string(L, index, "type");
    const struct gost_listener_kind *kind = gost_listener_kind_find(type ? type : "tcp");
    struct gost_tls_context *tls = NULL;
    void *settings;
    int rc = 0;
    if (!kind)
        return gost_fail(GOST_ECONFIG, "unknown listener \"%s\"", type);
    if (kind->tls) {
        lua_getfield(L, index, "tls");
        rc = gostL_tls_context(L, -1, true, &tls);
        lua_pop(L, 1);
    }
    if (rc == 0) {
        lua_getfield(L, index, "metadata");
        rc = gostL_settings(L, -1, &kind->options, &settings);
        lua_pop(L, 1);
    }
    if (rc == 0)
        rc = gost_listener_new(kind, settings, tls, out);
    if (rc == 0 && (rc = parse_place(addr, kind, *out)) != 0)
        gost_listener_delete(*out);
    return rc;
}

static void add_admission(void *arg, void *object)
{
    struct gost_service *s = arg;
    s->admission[s->admission_count++] = gost_admission_ref(object);
}

static void add_auther(void *arg, void *object)
{
    struct gost_service *s = arg;
    s->auther[s->auther_count++] = gost_auther_ref(object);
}

/* `trusted`: the clients that need no credentials. */
static void take_trusted(lua_State *L, struct gost_service *s)
{
    gost_cidrs_create(&s->trusted);
    if (lua_getfield(L, 1, "trusted") == LUA_TTABLE)
        for (lua_Integer i = 1; lua_rawgeti(L, -1, i) != LUA_TNIL; i++, lua_pop(L, 1)) {
            size_t n;
            const char *text = luaL_checklstring(L, -1, &n);
            int rc = gost_cidrs_add(&s->trusted, text, n);
            if (rc != 0)
                luaL_error(L, "service %s: skipauth: %s", s->name, gost_diag_text(rc));
        }
    lua_settop(L, 2);
}

static void take_policies(lua_State *L, struct gost_service *s)
{
    take_trusted(L, s);
    size_t n = gostL_field_boxes(L, 1, "admissions", GOSTL_ADMISSION, NULL, NULL);
    s->admission = calloc(n + 1, sizeof(*s->admission));
    size_t m = gostL_field_boxes(L, 1, "authers", GOSTL_AUTHER, NULL, NULL);
    s->auther = calloc(m + 1, sizeof(*s->auther));
    if (!s->admission || !s->auther)
        luaL_error(L, "not enough memory");
    gostL_field_boxes(L, 1, "admissions", GOSTL_ADMISSION, add_admission, s);
    gostL_field_boxes(L, 1, "authers", GOSTL_AUTHER, add_auther, s);
    s->wants_auth = s->auther_count > 0 || gostL_field_bool(L, 1, "wants_auth", false);
    gostL_take_bypasses(L, 1, &s->bypass, &s->bypass_count);
}

/* GOST's word for what a traffic limiter applies to. */
static unsigned scope_of(const char *word)
{
    if (word && strcmp(word, "service") == 0)
        return GOST_SCOPE_SERVICE;
    if (word && strcmp(word, "conn") == 0)
        return GOST_SCOPE_CONN;
    return word && strcmp(word, "client") == 0 ? GOST_SCOPE_CLIENT : GOST_SCOPE_ALL;
}

static void take_limits(lua_State *L, struct gost_service *s)
{
    lua_getfield(L, 1, "limiter");
    struct gost_traffic *traffic = gostL_test(L, -1, GOSTL_TRAFFIC);
    s->traffic = traffic ? gost_traffic_ref(traffic) : NULL;
    s->traffic_scope = scope_of(gostL_field_string(L, 1, "limiter_scope"));
    lua_getfield(L, 1, "climiter");
    struct gost_conn_limit *conns = gostL_test(L, -1, GOSTL_CONN_LIMIT);
    s->conn_limit = conns ? gost_conn_limit_ref(conns) : NULL;
    lua_getfield(L, 1, "rlimiter");
    struct gost_rate_limit *rate = gostL_test(L, -1, GOSTL_RATE_LIMIT);
    s->rate_limit = rate ? gost_rate_limit_ref(rate) : NULL;
    lua_pop(L, 3);
}

/* A logger of core.logger, which lives as long as the process. */
static void take_logger(lua_State *L, struct gost_service *s)
{
    lua_getfield(L, 1, "logger");
    s->logger = lua_touserdata(L, -1);
    lua_pop(L, 1);
}

static void take_router(lua_State *L, struct gost_router *r)
{
    lua_getfield(L, 1, "chain");
    struct gost_chain *chain = gostL_test(L, -1, GOSTL_CHAIN);
    r->chain = chain ? gost_chain_ref(chain) : NULL;
    lua_getfield(L, 1, "hosts");
    struct gost_hosts *hosts = gostL_test(L, -1, GOSTL_HOSTS);
    r->hosts = hosts ? gost_hosts_ref(hosts) : NULL;
    lua_getfield(L, 1, "resolver");
    struct gost_resolver *resolver = gostL_test(L, -1, GOSTL_RESOLVER);
    if ((r->resolver = resolver))
        gost_resolver_ref(resolver);
    lua_pop(L, 3);
    r->retries = (int)gostL_field_int(L, 1, "retries", 0);
    r->timeout = gostL_field_int(L, 1, "dial_timeout_ms", 0);
    gostL_take_socket(L, 1, &r->socket, &r->interface, &r->netns);
}

/* Push a field that must be a table; an empty one when it is nil. @return its index */
static int push_part(lua_State *L, const char *key)
{
    if (lua_getfield(L, 1, key) == LUA_TNIL) {
        lua_pop(L, 1);
        lua_newtable(L);
    }
    luaL_checktype(L, -1, LUA_TTABLE);
    return lua_gettop(L);
}

static int build(lua_State *L, const char *name, struct gost_service **out)
{
    const char *addr = gostL_field_string(L, 1, "addr");
    int handler_at = push_part(L, "handler"), listener_at = push_part(L, "listener");
    const char *type = gostL_field_string(L, handler_at, "type");
    const struct gost_handler_kind *kind = handler_kind(L, type ? type : "auto");
    struct gost_handler *handler;
    struct gost_listener *listener;
    if (!kind)
        return gost_fail(GOST_ECONFIG, "unknown handler \"%s\"", type);
    int rc = make_listener(L, listener_at, addr ? addr : "", &listener);
    if (rc != 0)
        return rc;
    rc = make_handler(L, handler_at, kind, &handler);
    if (rc != 0) {
        gost_listener_delete(listener);
        return rc;
    }
    const char *way = gostL_field_string(L, 1, "listener_way");
    listener->way = way ? strdup(way) : NULL;
    const char *netns = gostL_field_string(L, 1, "listener_netns");
    listener->netns = netns && *netns ? strdup(netns) : NULL;
    listener->socket.netns = listener->netns;
    listener->proxy_protocol = gostL_field_int(L, 1, "proxy_protocol", 0) > 0;
    listener->socket.claim = !listener->socket.reuseport && gostL_field_bool(L, 1, "claim", false);
    listener->socket.reuseport =
        listener->socket.reuseport || gostL_field_bool(L, 1, "shared", false);
    rc = gost_service_new(name, listener, handler, out);
    return rc == 0 ? add_delegates(L, handler_at, *out) : rc;
}

/*
 * core.service{name=, addr=, handler={type=, metadata=}, listener={type=, metadata=, tls=}, chain=,
 *              forwarder=Hop, ingress=, sd=, listener_chain=, listener_way=, hosts=, resolver=, retries=, dial_timeout_ms=, interface=, mark=,
 *              admissions={…}, bypasses={…}, authers={…}, wants_auth=, trusted={…}, shared=, claim=,
 *              on={hook=fn}} -> Service
 */
static int l_service(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    void **box = gostL_box(L, GOSTL_SERVICE);
    const char *name = gostL_field_string(L, 1, "name");
    struct gost_service *s = NULL;
    int rc = build(L, name ? name : "service", &s);
    *box = s;
    if (rc != 0)
        return luaL_error(L, "service %s: %s", name ? name : "service", gost_diag_text(rc));
    take_policies(L, s);
    take_limits(L, s);
    take_logger(L, s);
    take_router(L, &s->router);
    lua_getfield(L, 1, "listener_chain");
    struct gost_chain *there = gostL_test(L, -1, GOSTL_CHAIN);
    s->bind_router.chain = there ? gost_chain_ref(there) : NULL;
    lua_pop(L, 1);
    lua_getfield(L, 1, "ingress");
    struct gost_ingress *ingress = gostL_test(L, -1, GOSTL_INGRESS);
    s->ingress = ingress ? gost_ingress_ref(ingress) : NULL;
    lua_pop(L, 1);
    lua_getfield(L, 1, "sd");
    struct gost_sd *sd = gostL_test(L, -1, GOSTL_SD);
    s->sd = sd ? gost_sd_ref(sd) : NULL;
    lua_pop(L, 1);
    lua_getfield(L, 1, "forwarder");
    struct gost_hop *hop = gostL_test(L, -1, GOSTL_HOP);
    s->forwarder = hop ? gost_hop_ref(hop) : NULL;
    gostL_take_hooks(L, 1, &s->hooks);
    lua_settop(L, 2);
    return 1;
}

/* Where a service listens; a remote listener, where it will over there. */
static void push_place(lua_State *L, struct gost_service *s, char *room)
{
    struct gost_listener *l = s->listener;
    if (l->bind)
        lua_pushstring(L, l->kind->unix_path ? l->where.host : gost_addr_format(&l->where, room));
    else
        lua_pushstring(L, gost_sockaddr_format(&l->addr, room));
}

/* service:start() -> "host:port" | nil, message, code */
static int service_start(lua_State *L)
{
    struct gost_service *s = gostL_check(L, 1, GOSTL_SERVICE);
    char text[GOST_HOSTPORT_MAX];
    if (!s->listener->listening) {
        int rc = gost_service_start(s);
        if (rc != 0)
            return gostL_fail(L, rc);
    }
    push_place(L, s, text);
    return 1;
}

/* service:inherit(old) -> whether the old service's listening socket was taken over */
static int service_inherit(lua_State *L)
{
    struct gost_service *s = gostL_check(L, 1, GOSTL_SERVICE);
    struct gost_service *old = gostL_check(L, 2, GOSTL_SERVICE);
    lua_pushboolean(L, gost_listener_inherit(s->listener, old->listener) == 0);
    return 1;
}

/* service:stop(): no new connections; those that are open go on */
static int service_stop(lua_State *L)
{
    gost_service_stop(gostL_check(L, 1, GOSTL_SERVICE));
    return 0;
}

/* service:kill(): end its connections */
static int service_kill(lua_State *L)
{
    gost_service_kill(gostL_check(L, 1, GOSTL_SERVICE));
    return 0;
}

/* service:addr() -> where it listens */
static int service_addr(lua_State *L)
{
    struct gost_service *s = gostL_check(L, 1, GOSTL_SERVICE);
    char text[GOST_HOSTPORT_MAX];
    push_place(L, s, text);
    return 1;
}

static void set_count(lua_State *L, const char *key, uint64_t value)
{
    lua_pushinteger(L, (lua_Integer)value);
    lua_setfield(L, -2, key);
}

/* service:stats() -> counters, of all workers; bytes of open connections are this worker's */
static int service_stats(lua_State *L)
{
    struct gost_service *s = gostL_check(L, 1, GOSTL_SERVICE);
    uint64_t in = atomic_load(&s->stats->in), out = atomic_load(&s->stats->out);
    gost_list_each(link, &s->sessions)
    {
        uint64_t i, o;
        gost_session_bytes(gost_container_of(link, struct gost_session, link), &i, &o);
        in += i;
        out += o;
    }
    lua_newtable(L);
    set_count(L, "total", atomic_load(&s->stats->total));
    set_count(L, "current", atomic_load(&s->stats->current));
    set_count(L, "errors", atomic_load(&s->stats->errors));
    set_count(L, "bytes_in", in);
    set_count(L, "bytes_out", out);
    return 1;
}

static int service_tostring(lua_State *L)
{
    struct gost_service *s = gostL_test(L, 1, GOSTL_SERVICE);
    char text[GOST_HOSTPORT_MAX];
    if (!s)
        lua_pushliteral(L, "gost.Service (closed)");
    else
        lua_pushfstring(L, "gost.Service %s (%s on %s)", s->name, s->handler->kind->name,
                        gost_sockaddr_format(&s->listener->addr, text));
    return 1;
}

static int service_gc(lua_State *L)
{
    void **box = luaL_checkudata(L, 1, GOSTL_SERVICE);
    struct gost_service *s = *box;
    *box = NULL;
    if (s) {
        gost_service_stop(s);
        gost_service_unref(s);
    }
    return 0;
}

/* core.session_count() -> open connections of this worker */
static int l_session_count(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)gost_session_count());
    return 1;
}

static int l_kill_sessions(lua_State *L)
{
    (void)L;
    gost_session_kill_all();
    return 0;
}

void gostL_open_service(lua_State *L)
{
    static const luaL_Reg methods[] = {{"start", service_start},
                                       {"stop", service_stop},
                                       {"kill", service_kill},
                                       {"addr", service_addr},
                                       {"stats", service_stats},
                                       {"inherit", service_inherit},
                                       {NULL, NULL}};
    static const luaL_Reg meta[] = {{"__gc", service_gc},
                                    {"__close", service_gc},
                                    {"__tostring", service_tostring},
                                    {NULL, NULL}};
    static const luaL_Reg functions[] = {{"service", l_service},
                                         {"session_count", l_session_count},
                                         {"kill_sessions", l_kill_sessions},
                                         {NULL, NULL}};
    gostL_class(L, GOSTL_SERVICE, methods, meta);
    luaL_setfuncs(L, functions, 0);
}
