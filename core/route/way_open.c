/* Opening a way: each node's dialer runs over what the nodes before it lead to. */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/proxy_header.h"
#include "core/net/io.h"
#include "core/route/direct.h"
#include "core/route/way.h"

#include <stdlib.h>
#include <string.h>

/* The raw connection that the dialer of node `index` runs over. */
struct leg {
    struct gost_carrier base;
    struct gost__way *way;
    size_t index;
};

void gost__way_failed(struct gost__way *w, size_t index)
{
    w->blamed = true;
    gost_node_failed(w->node[index], w->hop[index]->max_fails);
}

/* Tell a node who the client is, before anything else. */
static int introduce(struct gost__way *w, struct gost_node *n, struct gost_stream *io,
                     uint64_t deadline)
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
    struct gost__way *w = leg->way;
    struct gost_node *n = w->node[leg->index];
    if (leg->index == 0)
        return gost__node_connect(n, deadline, out);
    struct gost_request to_node = {.network = n->network, .addr = n->addr};
    int rc = gost__way_open(w, leg->index - 1, deadline, out);
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
static int certain_open(struct gost__way *w, size_t index, uint64_t deadline,
                        struct gost_stream **out)
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
        gost__way_failed(w, index);
    return gost_fail_at(rc, "dial %s (%s)", n->name, gost_addr_format(&n->addr, text));
}

static void set_node(struct gost__way *w, size_t index, struct gost_node *n)
{
    struct gost_node *old = w->node[index];
    w->node[index] = gost_node_ref(n);
    gost_node_unref(old);
}

/* A race for node `index`. Each rival has a copy of the way: races on the way to it end as they like. */
struct heat {
    struct gost__way *way;
    size_t index;
    struct gost__way *copy[GOST_RACE_MAX];
};

static int rival_open(void *arg, size_t number, uint64_t deadline, struct gost_stream **out)
{
    struct heat *h = arg;
    struct gost__way *w = malloc(sizeof(*w));
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

static int race_open(struct gost__way *w, size_t index, uint64_t deadline, struct gost_stream **out)
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
        struct gost__way *copy = h->copy[i];
        w->blamed |= rc != 0 && copy && copy->blamed;
        for (size_t k = 0; copy && k < copy->count; k++)
            gost_node_unref(copy->node[k]);
        free(copy);
    }
    free(h);
    return rc;
}

int gost__way_open(struct gost__way *w, size_t index, uint64_t deadline, struct gost_stream **out)
{
    return (w->rivals[index] ? race_open : certain_open)(w, index, deadline, out);
}

/* The way for datagrams beside the stream to node `index`. */
struct packet_leg {
    struct gost_packet_carrier base;
    struct gost__way *way;
    size_t index;
};

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
    int rc = leg->index == 0 ? gost__direct_connect_udp(&request->addr, n->hosts, n->resolver,
                                                        &n->socket, deadline, out)
                             : gost__way_open(leg->way, leg->index - 1, deadline, &io);
    if (rc == 0 && leg->index > 0)
        rc = gost__way_open_packet(leg->way, leg->index - 1, request, &io, deadline, out);
    gost_stream_close(io);
    free(request);
    return rc;
}

/* Ask node `index`, at the far end of `*io`, for a way for datagrams. */
int gost__way_open_packet(struct gost__way *w, size_t index, const struct gost_request *request,
                          struct gost_stream **io, uint64_t deadline, struct gost_packet **out)
{
    struct gost_connector *c = w->node[index]->connector;
    struct packet_leg leg = {.base = {.open = packet_leg_open}, .way = w, .index = index};
    if (!c->kind->connect_packet)
        return gost_fail(GOST_ENOTSUP, "the %s connector cannot carry datagrams", c->kind->name);
    return c->kind->connect_packet(c, io, request, &leg.base, deadline, out);
}
