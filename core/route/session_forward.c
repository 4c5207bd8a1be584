/* A session whose service knows the target: a node of its forwarder, and how that one fared. */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/net/io.h"
#include "core/proto/forward_look.h"
#include "core/proto/handshake.h"
#include "core/route/session_int.h"
#include "core/transport/tls.h"

#include <stdlib.h>

bool gost__session_has_forwarder(struct gost_conn *c)
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
                      const struct gost__end *up)
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
        rc = gost__session_dial_request(c, r, up);
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
                           const struct gost__end *up)
{
    struct gost_service *sv = gost_session_of(c)->service;
    if (!sv->router.chain || request->addr.host[0])
        return gost_fail(GOST_ENONODE, "the service has no forwarder");
    struct gost_request *r = malloc(sizeof(*r));
    if (!r)
        return gost_fail_code(GOST_ENOMEM);
    *r = *request;
    r->unnamed = true;
    int rc = gost__session_dial_request(c, r, up);
    free(r);
    return rc;
}

static int forward(struct gost_conn *c, const struct gost_request *request,
                   const struct gost__end *up)
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

unsigned gost__session_forward_traits(struct gost_conn *c)
{
    const struct gost_hop *h = gost_session_of(c)->service->forwarder;
    bool treats = false, rules = false;
    if (h)
        gost_hop_traits(h, &treats, &rules);
    return (treats ? GOST_FORWARD_TREATS : 0) | (rules ? GOST_FORWARD_RULES : 0);
}

void gost__session_forward_judge(struct gost_conn *c, bool worked)
{
    struct gost_session *s = gost_session_of(c);
    if (s->target && worked)
        gost_node_worked(s->target);
    else if (s->target)
        gost_node_failed(s->target, s->target_hop->max_fails);
}

int gost__session_forward(struct gost_conn *c, const struct gost_request *request,
                          struct gost_stream **up)
{
    *up = NULL;
    return forward(c, request, &(struct gost__end){.stream = up});
}

int gost__session_forward_packet(struct gost_conn *c, const struct gost_request *request,
                                 struct gost_packet **up)
{
    *up = NULL;
    return forward(c, request, &(struct gost__end){.packet = up});
}
