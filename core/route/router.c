#include "core/route/router.h"

#include "core/base/buf.h"
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/codec/proxy_header.h"
#include "core/net/io.h"
#include "core/net/udp.h"
#include "core/route/race.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { HOPS_MAX = 32 };

/* Nodes of one hop that are tried side by side. */
struct rivals {
    size_t count;
    struct gost_node *node[GOST_RACE_MAX]; /* with references */
};

/* The nodes chosen for one attempt, and the carrier that leads to each. */
struct way {
    struct gost_node *node[HOPS_MAX]; /* with references */
    struct gost_hop *hop[HOPS_MAX];   /* borrowed from the chain */
    struct rivals *rivals[HOPS_MAX];  /* of whom one becomes the node; NULL: the node is certain */
    size_t count;
    const struct gost_request *request;
    struct gost_conn *conn; /* whose way it is, or NULL */
    bool blamed;            /* one of its nodes took the blame for a failure */
};

/* What a dial comes to: a stream or, where `packet` is set, a way for datagrams. */
struct end {
    struct gost_stream **stream;
    struct gost_packet **packet;
};

/* The raw connection that the dialer of node `index` runs over. */
struct leg {
    struct gost_carrier base;
    struct way *way;
    size_t index;
};

static int node_open(struct way *w, size_t index, uint64_t deadline, struct gost_stream **out);

static void node_failed(struct way *w, size_t index)
{
    w->blamed = true;
    gost_node_failed(w->node[index], w->hop[index]->max_fails);
}

/* Is it the node itself that failed, rather than what it was asked for? */
static bool blames_node(int rc)
{
    return rc != GOST_EUPSTREAM && rc != GOST_EDENIED && rc != GOST_ETIMEDOUT &&
           rc != GOST_ECANCELED && rc != GOST_ENOTSUP;
}

static int unix_connect(const struct gost_addr *addr, const struct gost_socket_options *options,
                        uint64_t deadline, struct gost_stream **out)
{
    union gost_sockaddr to = {.un = {.sun_family = AF_UNIX}};
    size_t n = strlen(addr->host);
    if (n >= sizeof(to.un.sun_path))
        return gost_fail(GOST_ECONFIG, "socket path of %zu bytes is too long", n);
    memcpy(to.un.sun_path, addr->host, n);
    if (to.un.sun_path[0] == '@')
        to.un.sun_path[0] = '\0';
    return gost_socket_connect(&to, options, deadline, out);
}

/* Connect without any node: look the name up in `hosts`, then by the resolver. */
static int connect_direct(const struct gost_addr *addr, enum gost_network network,
                          struct gost_hosts *hosts, struct gost_resolver *resolver,
                          const struct gost_socket_options *options, uint64_t deadline,
                          struct gost_stream **out)
{
    union gost_sockaddr found[8];
    if (network == GOST_UNIX)
        return unix_connect(addr, options, deadline, out);
    int family = options && options->family ? options->family : AF_UNSPEC;
    size_t n =
        hosts ? gost_hosts_find(hosts, addr->host, strlen(addr->host), family, addr->port, found, 8)
              : 0;
    if (n > 0)
        return gost_socket_race(found, n, options, deadline, out);
    return gost_dial_host(addr->host[0] ? addr->host : "127.0.0.1", addr->port, resolver, options,
                          deadline, out);
}

int gost__node_connect(struct gost_node *n, uint64_t deadline, struct gost_stream **out)
{
    return connect_direct(&n->addr, n->network, n->hosts, n->resolver, &n->socket, deadline, out);
}

/* Is a request of datagrams for any destination? */
static bool is_association(const struct gost_request *r)
{
    return !r->addr.host[0] && r->addr.port == 0 && !r->unnamed;
}

/* The first address that a socket can be bound for; IPv4 goes first, since nothing tells whether
 * datagrams arrive. */
static int udp_first(const union gost_sockaddr *addr, size_t count,
                     const struct gost_socket_options *options, struct gost_packet **out)
{
    int rc = GOST_EDNS;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < count; i++) {
            if ((addr[i].sa.sa_family == AF_INET) != (pass == 0))
                continue;
            rc = gost_udp_connect(&addr[i], options, out);
            if (rc == 0)
                return 0;
        }
    }
    return rc;
}

/* As connect_direct, for datagrams. */
static int connect_udp(const struct gost_addr *addr, struct gost_hosts *hosts,
                       struct gost_resolver *resolver, const struct gost_socket_options *options,
                       uint64_t deadline, struct gost_packet **out)
{
    union gost_sockaddr found[8];
    struct gost_addrs list = {0};
    const char *host = addr->host[0] ? addr->host : "127.0.0.1";
    int family = options && options->family ? options->family : AF_UNSPEC;
    enum gost_family only = family == AF_INET    ? GOST_FAMILY_V4
                            : family == AF_INET6 ? GOST_FAMILY_V6
                                                 : GOST_FAMILY_ANY;
    size_t n = hosts ? gost_hosts_find(hosts, host, strlen(host), family, addr->port, found, 8) : 0;
    if (n > 0)
        return udp_first(found, n, options, out);
    int rc = gost_resolver_lookup(resolver, host, addr->port, only, deadline, &list);
    if (rc == 0)
        rc = udp_first(list.addr, list.count, options, out);
    gost_addrs_destroy(&list);
    return rc;
}

static int connect_end(const struct gost_request *request, struct gost_hosts *hosts,
                       struct gost_resolver *resolver, const struct gost_socket_options *options,
                       uint64_t deadline, const struct end *to)
{
    struct gost_socket_options narrow = {0};
    if (request->family) {
        int literal = gost_ip_parse(request->addr.host, 0, NULL);
        if (literal != 0 && literal != request->family)
            return gost_fail(-EAFNOSUPPORT, "%s is no address of %s", request->addr.host,
                             request->family == AF_INET ? "IPv4" : "IPv6");
        if (options)
            narrow = *options;
        narrow.family = request->family;
        options = &narrow;
    }
    if (!to->packet)
        return connect_direct(&request->addr, request->network, hosts, resolver, options, deadline,
                              to->stream);
    if (is_association(request))
        return gost_udp_open_any(options, to->packet);
    return connect_udp(&request->addr, hosts, resolver, options, deadline, to->packet);
}

/* Tell a node who the client is, before anything else. */
static int introduce(struct way *w, struct gost_node *n, struct gost_stream *io, uint64_t deadline)
{
    struct gost_proxy_header h = {.version = n->proxy_protocol == 1 ? 1 : 2, .local = !w->conn};
    uint8_t bytes[GOST_PROXY_HEADER_ENCODED_MAX];
    if (w->conn) {
        h.src = w->conn->peer;
        if (!w->conn->client ||
            gost_stream_query(w->conn->client, GOST_QUERY_LOCAL_ADDR, &h.dst) != 0)
            h.dst.sa.sa_family = 0;
        gost_sockaddr_unmap(&h.dst);
    }
    size_t len = gost_proxy_header_encode(bytes, sizeof(bytes), &h);
    return gost_io_write(io, bytes, len, deadline);
}

static int raw_open(struct leg *leg, uint64_t deadline, struct gost_stream **out);

static int leg_open(struct gost_carrier *self, uint64_t deadline, struct gost_stream **out)
{
    struct leg *leg = gost_container_of(self, struct leg, base);
    struct gost_node *n = leg->way->node[leg->index];
    int rc = raw_open(leg, deadline, out);
    if (rc == 0 && n->proxy_protocol > 0 && (rc = introduce(leg->way, n, *out, deadline)) != 0) {
        gost_stream_close(*out);
        *out = NULL;
    }
    return rc;
}

static int raw_open(struct leg *leg, uint64_t deadline, struct gost_stream **out)
{
    struct way *w = leg->way;
    struct gost_node *n = w->node[leg->index];
    if (leg->index == 0)
        return gost__node_connect(n, deadline, out);
    struct gost_request to_node = {.network = n->network, .addr = n->addr};
    int rc = node_open(w, leg->index - 1, deadline, out);
    if (rc != 0)
        return rc;
    struct gost_node *before = w->node[leg->index - 1];
    rc = before->connector->kind->connect(before->connector, out, &to_node, deadline);
    if (rc != 0) {
        gost_stream_close(*out);
        *out = NULL;
    }
    return rc;
}

/* Open a stream that speaks to node `index` as it is, its dialer's handshakes done. */
static int certain_open(struct way *w, size_t index, uint64_t deadline, struct gost_stream **out)
{
    struct gost_node *n = w->node[index];
    struct leg leg = {.base = {.open = leg_open, .host = n->addr.host}, .way = w, .index = index};
    char text[GOST_HOSTPORT_MAX];
    uint32_t fails = index > 0 ? gost_failmark_count(w->node[index - 1]->mark) : 0;
    int rc = gost_dialer_open(n->dialer, &leg.base, deadline, out);
    if (rc == 0) {
        gost_node_worked(n);
        return 0;
    }
    /* The node before took the blame already when it could not even be reached. */
    if (rc != GOST_ECANCELED &&
        (index == 0 || gost_failmark_count(w->node[index - 1]->mark) == fails))
        node_failed(w, index);
    return gost_fail_at(rc, "dial %s (%s)", n->name, gost_addr_format(&n->addr, text));
}

static void set_node(struct way *w, size_t index, struct gost_node *n)
{
    struct gost_node *old = w->node[index];
    w->node[index] = gost_node_ref(n);
    gost_node_unref(old);
}

/* A race for node `index`. Each rival has a copy of the way: races on the way to it end as they like. */
struct heat {
    struct way *way;
    size_t index;
    struct way *copy[GOST_RACE_MAX];
};

static int rival_open(void *arg, size_t number, uint64_t deadline, struct gost_stream **out)
{
    struct heat *h = arg;
    struct way *w = malloc(sizeof(*w));
    if (!w)
        return gost_fail_code(GOST_ENOMEM);
    *w = *h->way;
    w->blamed = false;
    for (size_t i = 0; i < w->count; i++)
        gost_node_ref(w->node[i]);
    h->copy[number] = w;
    set_node(w, h->index, h->way->rivals[h->index]->node[number]);
    return certain_open(w, h->index, deadline, out);
}

static int race_open(struct way *w, size_t index, uint64_t deadline, struct gost_stream **out)
{
    struct heat *h = calloc(1, sizeof(*h));
    size_t winner;
    if (!h)
        return gost_fail_code(GOST_ENOMEM);
    h->way = w;
    h->index = index;
    int rc = gost__race(w->rivals[index]->count, rival_open, h, deadline, out, &winner);
    for (size_t i = 0; rc == 0 && i <= index; i++)
        set_node(w, i, h->copy[winner]->node[i]);
    for (size_t i = 0; i < GOST_RACE_MAX; i++) {
        struct way *copy = h->copy[i];
        w->blamed |= rc != 0 && copy && copy->blamed;
        for (size_t k = 0; copy && k < copy->count; k++)
            gost_node_unref(copy->node[k]);
        free(copy);
    }
    free(h);
    return rc;
}

static int node_open(struct way *w, size_t index, uint64_t deadline, struct gost_stream **out)
{
    return (w->rivals[index] ? race_open : certain_open)(w, index, deadline, out);
}

/* The way for datagrams beside the stream to node `index`. */
struct packet_leg {
    struct gost_packet_carrier base;
    struct way *way;
    size_t index;
};

static int ask_packet(struct way *w, size_t index, const struct gost_request *request,
                      struct gost_stream **io, uint64_t deadline, struct gost_packet **out);

static bool is_unspecified(const char *host)
{
    return !host[0] || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
}

static int packet_leg_open(struct gost_packet_carrier *self, const struct gost_addr *to,
                           uint64_t deadline, struct gost_packet **out)
{
    struct packet_leg *leg = gost_container_of(self, struct packet_leg, base);
    struct gost_node *n = leg->way->node[leg->index];
    struct gost_stream *io = NULL;
    struct gost_request *request = calloc(1, sizeof(*request)); /* too big for a fiber's stack */
    if (!request)
        return gost_fail_code(GOST_ENOMEM);
    request->network = GOST_UDP;
    request->addr = *to;
    if (is_unspecified(to->host))
        strcpy(request->addr.host, n->addr.host);
    int rc = leg->index == 0
                 ? connect_udp(&request->addr, n->hosts, n->resolver, &n->socket, deadline, out)
                 : node_open(leg->way, leg->index - 1, deadline, &io);
    if (rc == 0 && leg->index > 0)
        rc = ask_packet(leg->way, leg->index - 1, request, &io, deadline, out);
    gost_stream_close(io);
    free(request);
    return rc;
}

/* Ask node `index`, at the far end of `*io`, for a way for datagrams. */
static int ask_packet(struct way *w, size_t index, const struct gost_request *request,
                      struct gost_stream **io, uint64_t deadline, struct gost_packet **out)
{
    struct gost_connector *c = w->node[index]->connector;
    struct packet_leg leg = {.base = {.open = packet_leg_open}, .way = w, .index = index};
    if (!c->kind->connect_packet)
        return gost_fail(GOST_ENOTSUP, "the %s connector cannot carry datagrams", c->kind->name);
    return c->kind->connect_packet(c, io, request, &leg.base, deadline, out);
}

/* The node, or the rivals, of one hop. @param[out] any  not when the hop's bypass matches */
static int hop_choose(struct way *w, struct gost_hop *hop, struct gost_conn *c, bool *any)
{
    struct rivals *r = calloc(1, sizeof(*r));
    if (!r)
        return gost_fail_code(GOST_ENOMEM);
    int rc = gost_hop_pick_some(hop, c, w->request, r->node, GOST_RACE_MAX, &r->count);
    *any = rc == 0 && r->count > 0;
    if (*any) {
        w->hop[w->count] = hop;
        w->node[w->count] = r->node[0];
    }
    if (r->count > 1) {
        gost_node_ref(r->node[0]);
        w->rivals[w->count] = r;
    } else {
        free(r);
    }
    w->count += *any;
    return rc;
}

/* Choose a node of each hop; a hop whose bypass matches ends the way there. */
static int way_choose(struct way *w, struct gost_chain *chain, struct gost_conn *c)
{
    if (chain->count == 0)
        return gost_fail(GOST_ENONODE, "chain %s has no hops", chain->name);
    for (size_t i = 0; i < chain->count; i++) {
        bool any = false;
        if (i >= HOPS_MAX)
            return gost_fail(GOST_ECONFIG, "chain %s has more than %d hops", chain->name, HOPS_MAX);
        int rc = hop_choose(w, chain->hop[i], c, &any);
        if (rc != 0)
            return gost_fail_at(rc, "chain %s", chain->name);
        if (!any)
            return 0;
    }
    return 0;
}

static void way_free(struct way *w)
{
    for (size_t i = 0; i < w->count; i++) {
        gost_node_unref(w->node[i]);
        for (size_t k = 0; w->rivals[i] && k < w->rivals[i]->count; k++)
            gost_node_unref(w->rivals[i]->node[k]);
        free(w->rivals[i]);
    }
}

/* "node-0@1.2.3.4:80 > node-1@…", for logs. */
static char *way_text(const struct way *w)
{
    struct gost_buf b;
    char text[GOST_HOSTPORT_MAX];
    gost_buf_create(&b, 4096);
    for (size_t i = 0; i < w->count; i++)
        gost_buf_printf(&b, "%s%s@%s", i ? " > " : "", w->node[i]->name,
                        gost_addr_format(&w->node[i]->addr, text));
    char *copy = b.len ? malloc(b.len + 1) : NULL;
    if (copy) {
        memcpy(copy, b.data, b.len);
        copy[b.len] = '\0';
    }
    gost_buf_destroy(&b);
    return copy;
}

/* Is a target missing that the last node does not know either? */
static int check_named(const struct way *w)
{
    const struct gost_connector_kind *k = w->node[w->count - 1]->connector->kind;
    if (!w->request->unnamed || k->knows_target)
        return 0;
    return gost_fail(GOST_ENONODE,
                     "the service has no forwarder, and %s nodes want to be told a target", k->name);
}

/* Through the chosen nodes to the target. */
static int way_dial(struct way *w, uint64_t deadline, const struct end *to)
{
    size_t last = w->count - 1;
    struct gost_stream *io = NULL;
    char text[GOST_HOSTPORT_MAX], node[GOST_HOSTPORT_MAX];
    int rc = check_named(w);
    if (rc == 0)
        rc = node_open(w, last, deadline, &io);
    if (rc != 0)
        return rc;
    struct gost_node *n = w->node[last];
    rc = to->packet ? ask_packet(w, last, w->request, &io, deadline, to->packet)
                    : n->connector->kind->connect(n->connector, &io, w->request, deadline);
    if (rc == 0) {
        if (!to->packet)
            *to->stream = io;
        return 0;
    }
    gost_stream_close(io);
    if (blames_node(rc))
        node_failed(w, last);
    return gost_fail_at(rc, "connect %s via %s (%s)",
                        is_association(w->request) ? "udp"
                                                   : gost_addr_format(&w->request->addr, text),
                        n->name, gost_addr_format(&n->addr, node));
}

/* A chain that is a group: one of its members, with a reference. @return 0, or as gost_hop_pick */
static int choose_member(struct gost_chain *chain, struct gost_conn *c,
                         const struct gost_request *request, struct gost_node **member)
{
    *member = NULL;
    return chain->group ? gost_hop_pick(chain->group, c, request, member) : 0;
}

/* A member failed when one of its nodes did, or when it has none for the request. */
static void judge_member(struct gost_chain *chain, struct gost_node *member, int rc, bool blamed)
{
    if (member && rc == 0)
        gost_node_worked(member);
    else if (member && (blamed || rc == GOST_ENONODE))
        gost_node_failed(member, chain->group->max_fails);
    gost_node_unref(member);
}

/*
 * `original` is what a group chooses its member by, `request` what is asked of the chain: the same,
 * with the name looked up. `routed` tells whether any node was used; a chain that was bypassed
 * altogether is direct.
 */
static int chain_try(struct gost_chain *chain, struct gost_conn *c,
                     const struct gost_request *original, const struct gost_request *request,
                     uint64_t deadline, bool *routed, const struct end *to, char **route)
{
    struct way *w = calloc(1, sizeof(*w));
    struct gost_node *member;
    if (!w)
        return gost_fail_code(GOST_ENOMEM);
    w->request = request;
    w->conn = c;
    *routed = false;
    int rc = choose_member(chain, c, original, &member);
    if (rc == 0)
        rc = way_choose(w, member ? member->chain : chain, c);
    *routed = w->count > 0;
    if (rc == 0 && *routed) {
        free(*route);
        *route = way_text(w);
        rc = way_dial(w, deadline, to);
        free(*route); /* races are decided only now */
        *route = way_text(w);
    }
    judge_member(chain, member, rc, w->blamed);
    way_free(w);
    free(w);
    return rc;
}

static int check_binds(const struct gost_node *n)
{
    if (n->connector->kind->bind)
        return 0;
    return gost_fail(GOST_ENOTSUP, "%s: its protocol %s cannot listen", n->name,
                     n->connector->kind->name);
}

/* Through the chosen nodes to the last, and have it listen. */
static int way_bind(struct way *w, uint64_t deadline, struct gost_remote **out)
{
    size_t last = w->count - 1;
    struct gost_stream *io = NULL;
    char text[GOST_HOSTPORT_MAX];
    int rc = check_binds(w->node[last]);
    if (rc == 0)
        rc = node_open(w, last, deadline, &io);
    struct gost_node *n = w->node[last]; /* a race may have made it another one */
    if (rc == 0 && (rc = check_binds(n)) != 0)
        gost_stream_close(io);
    if (rc != 0)
        return rc;
    rc = n->connector->kind->bind(n->connector, &io, w->request, deadline, out);
    gost_stream_close(io);
    return rc == 0
               ? 0
               : gost_fail_at(rc, "listen via %s (%s)", n->name, gost_addr_format(&n->addr, text));
}

int gost_router_bind(struct gost_router *r, const struct gost_request *request, uint64_t deadline,
                     struct gost_remote **out)
{
    if (!r->chain)
        return gost_fail(GOST_ENONODE, "there is no chain to listen at the end of");
    struct gost_chain *chain = gost_chain_ref(r->chain);
    struct way *w = calloc(1, sizeof(*w));
    if (!w) {
        gost_chain_unref(chain);
        return gost_fail_code(GOST_ENOMEM);
    }
    w->request = request;
    struct gost_node *member;
    int rc = choose_member(chain, NULL, request, &member);
    if (rc == 0)
        rc = way_choose(w, member ? member->chain : chain, NULL);
    if (rc == 0 && w->count == 0)
        rc = gost_fail(GOST_ENONODE, "chain %s: empty route", chain->name);
    if (rc == 0)
        rc = way_bind(w, deadline, out);
    judge_member(chain, member, rc, w->blamed);
    way_free(w);
    free(w);
    gost_chain_unref(chain);
    return rc;
}

int gost_chain_dial(struct gost_chain *chain, struct gost_conn *c,
                    const struct gost_request *request, uint64_t deadline, struct gost_stream **out,
                    char **route)
{
    struct end to = {.stream = out};
    bool routed;
    gost_chain_ref(chain);
    int rc = chain_try(chain, c, request, request, deadline, &routed, &to, route);
    gost_chain_unref(chain);
    if (rc == 0 && !routed)
        rc = connect_end(request, NULL, NULL, NULL, deadline, &to);
    return rc;
}

void gost_router_destroy(struct gost_router *r)
{
    gost_chain_unref(r->chain);
    gost_hosts_unref(r->hosts);
    gost_resolver_unref(r->resolver);
    free(r->interface);
    free(r->netns);
    *r = (struct gost_router){0};
}

/* A host mapping or a configured resolver turns the name into an address before a chain sees it. */
static int resolve_for_chain(struct gost_router *r, struct gost_request *request, uint64_t deadline)
{
    union gost_sockaddr found;
    struct gost_addrs list = {0};
    struct gost_addr *a = &request->addr;
    char text[GOST_HOSTPORT_MAX];
    if (request->network == GOST_UNIX || !a->host[0] || gost_ip_parse(a->host, 0, NULL) != 0)
        return 0;
    size_t n = r->hosts ? gost_hosts_find(r->hosts, a->host, strlen(a->host), AF_UNSPEC, a->port,
                                          &found, 1)
                        : 0;
    if (n == 0 && r->resolver) {
        int rc =
            gost_resolver_lookup(r->resolver, a->host, a->port, GOST_FAMILY_ANY, deadline, &list);
        if (rc != 0)
            return rc;
        found = list.addr[0];
        n = 1;
        gost_addrs_destroy(&list);
    }
    if (n > 0)
        strcpy(a->host, gost_sockaddr_host(&found, text));
    return 0;
}

static int attempt(struct gost_router *r, struct gost_conn *c, const struct gost_request *request,
                   struct gost_chain *chain, uint64_t deadline, const struct end *to, char **route,
                   bool *routed)
{
    int rc = 0;
    free(*route);
    *route = NULL;
    *routed = false;
    if (chain) {
        struct gost_request *resolved = malloc(sizeof(*resolved)); /* too big for a fiber's stack */
        if (!resolved)
            return gost_fail_code(GOST_ENOMEM);
        *resolved = *request;
        rc = resolve_for_chain(r, resolved, deadline);
        if (rc == 0)
            rc = chain_try(chain, c, request, resolved, deadline, routed, to, route);
        free(resolved);
    }
    if (rc == 0 && !*routed)
        rc = connect_end(request, r->hosts, r->resolver, &r->socket, deadline, to);
    return rc;
}

/* Is another attempt worth its time? */
static bool retry_helps(int rc)
{
    return rc != GOST_ECANCELED && rc != GOST_EDENIED && rc != GOST_ECONFIG && rc != GOST_ENOMEM;
}

static int dial_end(struct gost_router *r, struct gost_conn *c, const struct gost_request *request,
                    struct gost_chain *chain, bool direct, const struct end *to, char **route,
                    bool *routed)
{
    int rc = 0;
    int64_t timeout = r->timeout == 0 ? GOST_DIAL_TIMEOUT : r->timeout;
    chain = direct ? NULL : chain ? chain : r->chain;
    if (chain)
        gost_chain_ref(chain); /* a reload may drop it while we wait */
    for (int i = 0; i <= r->retries; i++) {
        rc = attempt(r, c, request, chain, gost_deadline_in(timeout), to, route, routed);
        if (rc == 0 || !retry_helps(rc))
            break;
        if (i < r->retries && c)
            gost_conn_log(c, GOST_LOG_WARN, "attempt %d of %d: %s", i + 1, r->retries + 1,
                          gost_diag_text(rc));
    }
    gost_chain_unref(chain);
    return rc;
}

int gost_router_dial(struct gost_router *r, struct gost_conn *c, const struct gost_request *request,
                     struct gost_chain *chain, bool direct, struct gost_stream **out, char **route)
{
    struct end to = {.stream = out};
    bool routed;
    return dial_end(r, c, request, chain, direct, &to, route, &routed);
}

int gost_router_dial_packet(struct gost_router *r, struct gost_conn *c,
                            const struct gost_request *request, struct gost_chain *chain,
                            bool direct, struct gost_packet **out, char **route, bool *routed)
{
    struct end to = {.packet = out};
    bool used;
    int rc = dial_end(r, c, request, chain, direct, &to, route, &used);
    if (routed)
        *routed = used;
    return rc;
}
