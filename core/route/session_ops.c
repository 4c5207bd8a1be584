#include "core/base/cidr.h"
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/net/io.h"
#include "core/net/udp.h"
#include "core/proto/forward_look.h"
#include "core/proto/handshake.h"
#include "core/route/session.h"
#include "core/transport/tls.h"

#include <stdlib.h>
#include <string.h>

enum { DIALS_MAX = 16, SERVE_AS_MAX = 4 };

/* What a dial comes to: a stream or, where `packet` is set, a way for datagrams. */
struct end {
    struct gost_stream **stream;
    struct gost_packet **packet;
};

/* Are the authers for this client at all? */
static bool wants_auth(struct gost_conn *c)
{
    struct gost_service *sv = gost_session_of(c)->service;
    struct gost_ip ip;
    if (!sv->wants_auth || sv->trusted.count == 0)
        return sv->wants_auth;
    return !gost_ip_from_sockaddr(&ip, &c->peer) || !gost_cidrs_match(&sv->trusted, ip);
}

static bool op_needs_auth(struct gost_conn *c)
{
    return gost_session_of(c)->service->hooks.auth || wants_auth(c);
}

static int set_text(char **slot, const char *text)
{
    char *copy = text && *text ? strdup(text) : NULL;
    if (text && *text && !copy)
        return gost_fail_code(GOST_ENOMEM);
    free(*slot);
    *slot = copy;
    return 0;
}

/* Ask the authers. `id` becomes the client's id. */
static int ask_authers(struct gost_service *sv, const char *user, const char *password,
                       const char *scheme, char **id)
{
    char room[GOST_CLIENT_ID_MAX];
    struct gost_cred cred = {.user = user ? user : "",
                             .user_len = user ? strlen(user) : 0,
                             .password = password ? password : "",
                             .password_len = password ? strlen(password) : 0,
                             .scheme = scheme};
    if (!user)
        return gost_fail(GOST_EAUTH, "authentication failed: no credentials");
    if (gost_authers_check(sv->auther, sv->auther_count, &cred, room) != 1)
        return gost_fail(GOST_EAUTH, "authentication failed for user \"%.64s\"", user);
    return set_text(id, room);
}

static int op_auth(struct gost_conn *c, const char *user, const char *password, const char *scheme)
{
    struct gost_service *sv = gost_session_of(c)->service;
    char *id = NULL;
    int rc = 1;
    if (sv->hooks.auth)
        rc = sv->hooks.auth(sv->hooks.arg, c, user, password, scheme, &id);
    if (rc == 1)
        rc = wants_auth(c) ? ask_authers(sv, user, password, scheme, &id) : 0;
    if (rc == 0)
        rc = set_text(&c->user, user);
    if (rc == 0)
        rc = set_text(&c->client_id, id);
    free(id);
    return rc;
}

static int dial_router(struct gost_session *s, const struct gost_request *r,
                       struct gost_chain *chain, bool direct, const struct end *up)
{
    struct gost_router *router = &s->service->router;
    struct gost_conn *c = &s->conn;
    if (up->packet)
        return gost_router_dial_packet(router, c, r, chain, direct, up->packet, &c->route, NULL);
    return gost_router_dial(router, c, r, chain, direct, up->stream, &c->route);
}

/* Addresses that a script resolved, tried directly or (the first) through the chain. */
static int dial_resolved(struct gost_session *s, struct gost_request *r, struct gost_chain *chain,
                         bool direct, const union gost_sockaddr *found, size_t count,
                         const struct end *up)
{
    struct gost_router *router = &s->service->router;
    char text[GOST_HOSTPORT_MAX];
    if (direct || (!chain && !router->chain)) {
        int64_t timeout = router->timeout == 0 ? GOST_DIAL_TIMEOUT : router->timeout;
        if (up->packet)
            return gost_udp_connect(&found[0], &router->socket, up->packet);
        return gost_socket_race(found, count, &router->socket, gost_deadline_in(timeout),
                                up->stream);
    }
    strcpy(r->addr.host, gost_sockaddr_host(&found[0], text));
    return dial_router(s, r, chain, false, up);
}

/* One dial as the script decided. `r` is a copy that may be changed. */
static int dial_decided(struct gost_session *s, struct gost_request *r, struct gost_decision *d,
                        const struct end *up)
{
    struct gost_hooks *h = &s->service->hooks;
    struct gost_conn *c = &s->conn;
    union gost_sockaddr found[8];
    bool direct = d->kind == GOST_ROUTE_DIRECT;
    if (h->resolve && !r->unnamed && r->network != GOST_UNIX &&
        gost_ip_parse(r->addr.host, 0, NULL) == 0) {
        int n = h->resolve(h->arg, c, &r->addr, found, 8);
        if (n < 0)
            return gost_fail_at(n, "resolve %s", r->addr.host);
        if (n > 0)
            return dial_resolved(s, r, d->chain, direct, found, (size_t)n, up);
    }
    return dial_router(s, r, d->chain, direct, up);
}

/* @param also  a destination that is the same to the client, or NULL: it matches when either does */
static int check_bypass(struct gost_session *s, const struct gost_request *r,
                        const struct gost_addr *also)
{
    struct gost_service *sv = s->service;
    if (sv->bypass_count == 0)
        return 0;
    int rc = gost_bypasses_contain(sv->bypass, sv->bypass_count, gost_network_name(r->network),
                                   &r->addr, also);
    if (rc == 0)
        return 0;
    char text[GOST_HOSTPORT_MAX];
    if (rc == GOST_EDENIED) /* it says why */
        return gost_fail_at(rc, "%s is denied by the service's bypass",
                            gost_addr_format(&r->addr, text));
    return gost_fail(GOST_EDENIED, "%s is denied by the service's bypass",
                     gost_addr_format(&r->addr, text));
}

/* Ask the script where to go. Fills in `d` and replaces the address in `r`. */
static int decide(struct gost_session *s, struct gost_request *r, struct gost_decision *d)
{
    struct gost_hooks *h = &s->service->hooks;
    char text[GOST_HOSTPORT_MAX];
    int rc = h->route ? h->route(h->arg, &s->conn, r, d) : 0;
    if (rc != 0)
        return gost_fail_at(rc, "route");
    if (d->kind == GOST_ROUTE_DENY)
        return gost_fail(GOST_EDENIED, "%s is denied by the route hook",
                         gost_addr_format(&r->addr, text));
    if (d->addr.host[0])
        r->addr = d->addr;
    return 0;
}

/* Dial, and again while the script asks for it. */
static int dial(struct gost_session *s, struct gost_request *r, struct gost_decision *d,
                const struct end *up)
{
    struct gost_hooks *h = &s->service->hooks;
    int rc = 0;
    for (int i = 0; i < DIALS_MAX; i++) {
        rc = dial_decided(s, r, d, up);
        if (rc == 0 || rc == GOST_ECANCELED || !h->dial_error)
            break;
        struct gost_diag kept = *gost__diag_self;
        if (h->dial_error(h->arg, &s->conn, r, rc) != 1) {
            *gost__diag_self = kept;
            break;
        }
    }
    return rc;
}

static int dial_request(struct gost_conn *c, const struct gost_request *request,
                        const struct end *up)
{
    struct gost_session *s = gost_session_of(c);
    struct gost_hooks *h = &s->service->hooks;
    char text[GOST_HOSTPORT_MAX];
    int rc = set_text(&c->target, request->network == GOST_UNIX
                                      ? request->addr.host
                                      : gost_addr_format(&request->addr, text));
    struct { /* on the heap: fiber stacks are small */
        struct gost_request request;
        struct gost_decision decision;
    } *w = rc == 0 ? calloc(1, sizeof(*w)) : NULL;
    if (!w)
        return gost_fail_code(GOST_ENOMEM);
    w->request = *request;
    rc = decide(s, &w->request, &w->decision);
    if (rc == 0)
        rc = check_bypass(s, &w->request, NULL);
    if (rc == 0)
        rc = dial(s, &w->request, &w->decision, up);
    gost_chain_unref(w->decision.chain);
    free(w);
    if (rc == 0 && h->connect)
        h->connect(h->arg, c, up->packet ? NULL : *up->stream);
    if (rc == 0)
        gost_conn_log(c, GOST_LOG_DEBUG, "connected to %s", c->target);
    return rc;
}

static int op_dial(struct gost_conn *c, const struct gost_request *request, struct gost_stream **up)
{
    *up = NULL;
    return dial_request(c, request, &(struct end){.stream = up});
}

static int op_dial_packet(struct gost_conn *c, const struct gost_request *request,
                          struct gost_packet **up)
{
    *up = NULL;
    return dial_request(c, request, &(struct end){.packet = up});
}

/* A route hook may decide anew on each request, so with one nothing is kept. */
static int op_allow(struct gost_conn *c, const struct gost_request *request)
{
    struct gost_session *s = gost_session_of(c);
    if (s->service->hooks.route)
        return gost_fail(GOST_ENONODE, "the route hook is to be asked");
    return check_bypass(s, request, NULL);
}

static int op_sniffed(struct gost_conn *c, const struct gost_request *found, uint16_t port)
{
    struct gost_addr real = found->addr;
    int rc = set_text(&c->sniffed, found->addr.host);
    real.port = port ? port : real.port;
    if (rc == 0)
        rc = check_bypass(gost_session_of(c), found, &real);
    return rc == 0 ? 0 : gost_fail_at(rc, "%s of the client", found->protocol);
}

static bool op_has_forwarder(struct gost_conn *c)
{
    return gost_session_of(c)->service->forwarder != NULL;
}

/* Where a forwarder's node leads: its own address, or the requested host when it has none. */
static int aim(struct gost_request *r, const struct gost_node *n)
{
    if (n->network_set)
        r->network = n->network;
    r->family = n->socket.family;
    if (n->addr.host[0] || n->addr.port)
        r->addr = n->addr;
    if (r->network == GOST_UNIX || r->addr.port)
        return 0;
    r->addr.port = gost__forward_port(r->protocol);
    return r->addr.host[0] ? 0 : gost_fail(GOST_ENONODE, "nothing names the target");
}

/* A target, and the member of the forwarder that it belongs to, if that is a group. */
struct target {
    struct gost_node *node, *member; /* with references */
    struct gost_hop *hop;            /* of the node; borrowed */
};

static int pick_target(struct gost_conn *c, const struct gost_request *r, struct target *t)
{
    struct gost_hop *forwarder = gost_session_of(c)->service->forwarder;
    *t = (struct target){.hop = forwarder};
    int rc = gost_hop_pick(forwarder, c, r, &t->node);
    if (rc == 0 && t->node && t->node->hop) {
        t->member = t->node;
        t->hop = t->member->hop;
        rc = gost_hop_pick(t->hop, c, r, &t->node);
        if (rc == GOST_ENONODE)
            gost_node_failed(t->member, forwarder->max_fails);
    }
    return rc == 0 && !t->node ? gost_fail(GOST_EDENIED, "denied by the forwarder's bypass") : rc;
}

static void target_free(struct target *t)
{
    gost_node_unref(t->node);
    gost_node_unref(t->member);
}

static void target_worked(struct target *t)
{
    gost_node_worked(t->node);
    if (t->member)
        gost_node_worked(t->member);
}

static void target_failed(struct gost_conn *c, struct target *t)
{
    gost_node_failed(t->node, t->hop->max_fails);
    if (t->member)
        gost_node_failed(t->member, gost_session_of(c)->service->forwarder->max_fails);
}

/* What a target is told, and how, before it hears of the client. */
static int begin(struct gost_conn *c, const struct gost_request *r, const struct gost_node *n,
                 struct gost_stream **io)
{
    uint64_t deadline = gost_deadline_in(GOST_DIAL_TIMEOUT);
    int rc = r->introduce > 0 ? gost__introduce(c, *io, r->introduce) : 0;
    if (rc != 0 || !n->tls)
        return rc;
    rc = gost_tls_client(n->tls, n->tls_name ? n->tls_name : r->addr.host, io);
    return rc == 0 ? gost_io_open(*io, deadline) : rc;
}

/* Is this a client that the target may have? */
static int check_target(const struct gost_request *r, const struct gost_node *n, bool packet)
{
    if (packet && n->tls)
        return gost_fail(GOST_ECONFIG, "TLS towards a target of datagrams");
    if (n->treatment && n->treatment->asks && !r->head)
        return gost_fail(GOST_EDENIED, "the node asks HTTP clients for credentials, this is none");
    return 0;
}

static void remember_target(struct gost_conn *c, const struct target *t)
{
    struct gost_session *s = gost_session_of(c);
    gost_node_ref(t->node);
    gost_hop_ref(t->hop);
    gost_node_unref(s->target);
    gost_hop_unref(s->target_hop);
    s->target = t->node;
    s->target_hop = t->hop;
    c->treatment = t->node->treatment;
}

static int forward_to(struct gost_conn *c, struct gost_request *r, struct target *t,
                      const struct end *up)
{
    bool blamed = false;
    int rc = check_target(r, t->node, up->packet);
    if (rc == 0)
        rc = aim(r, t->node);
    if (rc != 0)
        return rc;
    if ((up->packet != NULL) != (r->network == GOST_UDP))
        rc = gost_fail(GOST_ECONFIG, "%s to a node of network %s", up->packet ? "udp" : "tcp",
                       gost_network_name(r->network));
    else
        rc = dial_request(c, r, up);
    if (rc == 0 && up->stream && (rc = begin(c, r, t->node, up->stream)) != 0) {
        gost_stream_close(*up->stream);
        *up->stream = NULL;
        blamed = rc != GOST_ECANCELED;
    }
    if (rc == 0)
        remember_target(c, t);
    if (rc == 0 && t->node->treatment && t->node->treatment->judges)
        return 0; /* its answers will tell */
    if (rc == 0)
        target_worked(t);
    else if (blamed)
        target_failed(c, t);
    else if (c->route ? rc == GOST_EUPSTREAM : rc != GOST_EDENIED && rc != GOST_ECANCELED)
        target_failed(c, t); /* a failure in the chain is not its fault */
    return rc;
}

/* Without nodes of its own, the chain's last one may know: a relay node that forwards. */
static int forward_unnamed(struct gost_conn *c, const struct gost_request *request,
                           const struct end *up)
{
    struct gost_service *sv = gost_session_of(c)->service;
    if (!sv->router.chain || request->addr.host[0])
        return gost_fail(GOST_ENONODE, "the service has no forwarder");
    struct gost_request *r = malloc(sizeof(*r));
    if (!r)
        return gost_fail_code(GOST_ENOMEM);
    *r = *request;
    r->unnamed = true;
    int rc = dial_request(c, r, up);
    free(r);
    return rc;
}

static int forward(struct gost_conn *c, const struct gost_request *request, const struct end *up)
{
    struct target t;
    if (!gost_session_of(c)->service->forwarder)
        return forward_unnamed(c, request, up);
    struct gost_request *r = malloc(sizeof(*r)); /* too big for a fiber's stack */
    if (!r)
        return gost_fail_code(GOST_ENOMEM);
    *r = *request;
    int rc = pick_target(c, request, &t);
    if (rc != 0)
        gost_fail_at(rc, "forwarder");
    else if ((rc = forward_to(c, r, &t, up)) != 0)
        gost_fail_at(rc, "forward to %s", t.node->name);
    target_free(&t);
    free(r);
    return rc;
}

static unsigned op_forward_traits(struct gost_conn *c)
{
    const struct gost_hop *h = gost_session_of(c)->service->forwarder;
    bool treats = false, rules = false;
    if (h)
        gost_hop_traits(h, &treats, &rules);
    return (treats ? GOST_FORWARD_TREATS : 0) | (rules ? GOST_FORWARD_RULES : 0);
}

static void op_forward_judge(struct gost_conn *c, bool worked)
{
    struct gost_session *s = gost_session_of(c);
    if (s->target && worked)
        gost_node_worked(s->target);
    else if (s->target)
        gost_node_failed(s->target, s->target_hop->max_fails);
}

static int op_forward(struct gost_conn *c, const struct gost_request *request,
                      struct gost_stream **up)
{
    *up = NULL;
    return forward(c, request, &(struct end){.stream = up});
}

static int op_forward_packet(struct gost_conn *c, const struct gost_request *request,
                             struct gost_packet **up)
{
    *up = NULL;
    return forward(c, request, &(struct end){.packet = up});
}

int gost__session_allow_packet(struct gost_session *s, struct gost_request *r)
{
    struct gost_decision *d = calloc(1, sizeof(*d));
    if (!d)
        return gost_fail_code(GOST_ENOMEM);
    int rc = decide(s, r, d);
    if (rc == 0 && (d->kind == GOST_ROUTE_CHAIN || (d->kind == GOST_ROUTE_DIRECT && s->conn.route)))
        rc = gost_fail(GOST_EDENIED, "the route hook wants another way than the association has");
    if (rc == 0)
        rc = check_bypass(s, r, NULL);
    gost_chain_unref(d->chain);
    free(d);
    return rc;
}

int gost__session_resolve(struct gost_session *s, const struct gost_addr *addr, bool only_rules,
                          union gost_sockaddr *out)
{
    struct gost_router *r = &s->service->router;
    struct gost_hooks *h = &s->service->hooks;
    struct gost_addrs list = {0};
    int rc = h->resolve ? h->resolve(h->arg, &s->conn, addr, out, 1) : 0;
    if (rc != 0)
        return rc < 0 ? gost_fail_at(rc, "resolve %s", addr->host) : 1;
    if (r->hosts && gost_hosts_find(r->hosts, addr->host, strlen(addr->host), AF_UNSPEC, addr->port,
                                    out, 1) > 0)
        return 1;
    if (only_rules && !r->resolver)
        return 0;
    rc = gost_resolver_lookup(r->resolver, addr->host, addr->port, GOST_FAMILY_ANY,
                              gost_deadline_in(GOST_DIAL_TIMEOUT), &list);
    if (rc != 0)
        return rc;
    *out = list.addr[0];
    for (size_t i = list.count; i-- > 0;) /* nothing tells whether datagrams arrive: IPv4 first */
        if (list.addr[i].sa.sa_family == AF_INET)
            *out = list.addr[i];
    gost_addrs_destroy(&list);
    return 1;
}

/* Any way that datagrams take, through the service's chain if it has one. */
static int open_any(struct gost_session *s, struct gost_packet **out, bool *routed)
{
    struct gost_request *any = calloc(1, sizeof(*any)); /* too big for a fiber's stack */
    if (!any)
        return gost_fail_code(GOST_ENOMEM);
    any->network = GOST_UDP;
    int rc = gost_router_dial_packet(&s->service->router, &s->conn, any, NULL, false, out,
                                     &s->conn.route, routed);
    free(any);
    return rc;
}

static int open_bound(const struct gost_addr *local, struct gost_packet **out)
{
    union gost_sockaddr addr;
    if (gost_ip_parse(local->host[0] ? local->host : "0.0.0.0", local->port, &addr) == 0)
        return gost_fail(GOST_EDNS, "\"%s\" is no IP address to listen on", local->host);
    return gost_udp_open(&addr, NULL, out);
}

static int op_associate(struct gost_conn *c, const struct gost_addr *local, struct gost_packet **up)
{
    struct gost_session *s = gost_session_of(c);
    struct gost_packet *bottom = NULL;
    bool routed = false;
    *up = NULL;
    int rc = set_text(&c->target, "udp");
    if (rc == 0)
        rc = local ? open_bound(local, &bottom) : open_any(s, &bottom, &routed);
    if (rc == 0 && (rc = gost__association_new(s, bottom, routed, up)) != 0)
        gost_packet_close(bottom);
    return rc;
}

static int op_lead(struct gost_conn *c, struct gost_request *request, struct gost_endpoint *out)
{
    struct gost_session *s = gost_session_of(c);
    int rc = gost__session_allow_packet(s, request); /* nothing is dialed here either */
    if (rc != 0)
        return rc;
    if (!s->service->ingress)
        return GOST_ENOTSUP;
    rc = gost_ingress_find(s->service->ingress, request->addr.host, out);
    return rc < 0 ? gost_fail_at(rc, "ingress") : rc;
}

static int op_sd_tell(struct gost_conn *c, enum gost_sd_word word, const struct gost_sd_record *r)
{
    struct gost_sd *sd = gost_session_of(c)->service->sd;
    if (!sd)
        return GOST_ENOTSUP;
    if (word != GOST_SD_DEREGISTER)
        return gost_sd_tell(sd, word, r);
    gost_sd_deregister(sd, r);
    return 0;
}

static int op_sd_find(struct gost_conn *c, const uint8_t *tunnel, struct gost_sd_record *out,
                      size_t max)
{
    struct gost_sd *sd = gost_session_of(c)->service->sd;
    return sd ? gost_sd_find(sd, tunnel, out, max) : GOST_ENOTSUP;
}

static int op_relay_packet(struct gost_conn *c, struct gost_packet **up, bool once)
{
    return gost__session_relay_packet(gost_session_of(c), up, once);
}

static int op_relay(struct gost_conn *c, struct gost_stream **up)
{
    return gost__session_relay(gost_session_of(c), up);
}

static bool op_is_movable(struct gost_conn *c)
{
    return gost__session_is_movable(gost_session_of(c));
}

static int op_relay_far(struct gost_conn *c, struct gost_far **far)
{
    return gost__session_relay_far(gost_session_of(c), far);
}

static void op_rest(struct gost_conn *c, void (*stop)(void *arg, int rc), void *arg)
{
    gost__session_rest(gost_session_of(c), stop, arg);
}

static void op_rested(struct gost_conn *c, int rc, const char *story)
{
    gost__session_rested(gost_session_of(c), rc, story);
}

static int op_serve_as(struct gost_conn *c, const char *kind)
{
    struct gost_session *s = gost_session_of(c);
    struct gost_handler *h = gost__service_handler(s->service, kind);
    if (!h)
        return gost_fail(GOST_ENOTSUP, "the service does not speak %s", kind);
    if (s->served_as++ >= SERVE_AS_MAX)
        return gost_fail(GOST_ELIMIT, "handlers pass the connection around");
    c->handler = h->kind->name;
    return h->kind->serve(h, c);
}

static void op_count(struct gost_conn *c, uint64_t in, uint64_t out)
{
    gost_session_of(c)->in += in;
    gost_session_of(c)->out += out;
}

static int pace(struct gost_session *s, int direction, uint64_t n)
{
    while (n > 0) {
        uint64_t now = gost_now(), retry = now;
        n -= gost_traffic_take(s->traffic, direction, n, now, &retry);
        int rc = n > 0 ? gost_fiber_sleep(retry > now ? retry - now : 1) : 0;
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int op_pace(struct gost_conn *c, uint64_t in, uint64_t out)
{
    struct gost_session *s = gost_session_of(c);
    if (!s->traffic)
        return 0;
    if (c->client_id)
        gost_traffic_conn_identify(s->traffic, c->client_id, strlen(c->client_id));
    int rc = gost_traffic_limits(s->traffic, GOST_LIMIT_IN) ? pace(s, GOST_LIMIT_IN, in) : 0;
    if (rc == 0 && gost_traffic_limits(s->traffic, GOST_LIMIT_OUT))
        rc = pace(s, GOST_LIMIT_OUT, out);
    return rc;
}

const struct gost_conn_ops gost__session_ops = {
    .needs_auth = op_needs_auth,
    .auth = op_auth,
    .dial = op_dial,
    .allow = op_allow,
    .forward = op_forward,
    .dial_packet = op_dial_packet,
    .forward_packet = op_forward_packet,
    .associate = op_associate,
    .lead = op_lead,
    .sd_tell = op_sd_tell,
    .sd_find = op_sd_find,
    .sniffed = op_sniffed,
    .has_forwarder = op_has_forwarder,
    .forward_traits = op_forward_traits,
    .forward_judge = op_forward_judge,
    .relay = op_relay,
    .is_movable = op_is_movable,
    .relay_far = op_relay_far,
    .rest = op_rest,
    .rested = op_rested,
    .relay_packet = op_relay_packet,
    .serve_as = op_serve_as,
    .count = op_count,
    .pace = op_pace,
};
