/* Using a chain: its member if it is a group, a way through it, and what the last node is asked for. */
#include "core/route/chain_dial.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/route/direct.h"
#include "core/route/router.h"
#include "core/route/way.h"

#include <stdlib.h>

/* Is it the node itself that failed, rather than what it was asked for? */
static bool blames_node(int rc)
{
    return rc != GOST_EUPSTREAM && rc != GOST_EDENIED && rc != GOST_ETIMEDOUT &&
           rc != GOST_ECANCELED && rc != GOST_ENOTSUP;
}

/* Is a target missing that the last node does not know either? */
static int check_named(const struct gost__way *w)
{
    const struct gost_connector_kind *k = w->node[w->count - 1]->connector->kind;
    if (!w->request->unnamed || k->knows_target)
        return 0;
    return gost_fail(GOST_ENONODE,
                     "the service has no forwarder, and %s nodes want to be told a target", k->name);
}

/* Through the chosen nodes to the target. */
static int way_dial(struct gost__way *w, uint64_t deadline, const struct gost__end *to)
{
    size_t last = w->count - 1;
    struct gost_stream *io = NULL;
    char text[GOST_HOSTPORT_MAX], node[GOST_HOSTPORT_MAX];
    int rc = check_named(w);
    if (rc == 0)
        rc = gost__way_open(w, last, deadline, &io);
    if (rc != 0)
        return rc;
    struct gost_node *n = w->node[last];
    rc = to->packet ? gost__way_open_packet(w, last, w->request, &io, deadline, to->packet)
                    : n->connector->kind->connect(n->connector, &io, w->request, deadline);
    if (rc == 0) {
        if (!to->packet)
            *to->stream = io;
        return 0;
    }
    gost_stream_close(io);
    if (blames_node(rc))
        gost__way_failed(w, last);
    return gost_fail_at(
        rc, "connect %s via %s (%s)",
        gost__is_association(w->request) ? "udp" : gost_addr_format(&w->request->addr, text),
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
int gost__chain_try(struct gost_chain *chain, struct gost_conn *c,
                    const struct gost_request *original, const struct gost_request *request,
                    uint64_t deadline, bool *routed, const struct gost__end *to, char **route)
{
    struct gost__way *w = calloc(1, sizeof(*w));
    struct gost_node *member;
    if (!w)
        return gost_fail_code(GOST_ENOMEM);
    w->request = request;
    w->conn = c;
    *routed = false;
    int rc = choose_member(chain, c, original, &member);
    if (rc == 0)
        rc = gost__way_choose(w, member ? member->chain : chain, c);
    *routed = w->count > 0;
    if (rc == 0 && *routed) {
        free(*route);
        *route = gost__way_text(w);
        rc = way_dial(w, deadline, to);
        free(*route); /* races are decided only now */
        *route = gost__way_text(w);
    }
    judge_member(chain, member, rc, w->blamed);
    gost__way_free(w);
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
static int way_bind(struct gost__way *w, uint64_t deadline, struct gost_remote **out)
{
    size_t last = w->count - 1;
    struct gost_stream *io = NULL;
    char text[GOST_HOSTPORT_MAX];
    int rc = check_binds(w->node[last]);
    if (rc == 0)
        rc = gost__way_open(w, last, deadline, &io);
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
    struct gost__way *w = calloc(1, sizeof(*w));
    if (!w) {
        gost_chain_unref(chain);
        return gost_fail_code(GOST_ENOMEM);
    }
    w->request = request;
    struct gost_node *member;
    int rc = choose_member(chain, NULL, request, &member);
    if (rc == 0)
        rc = gost__way_choose(w, member ? member->chain : chain, NULL);
    if (rc == 0 && w->count == 0)
        rc = gost_fail(GOST_ENONODE, "chain %s: empty route", chain->name);
    if (rc == 0)
        rc = way_bind(w, deadline, out);
    judge_member(chain, member, rc, w->blamed);
    gost__way_free(w);
    free(w);
    gost_chain_unref(chain);
    return rc;
}

int gost_chain_dial(struct gost_chain *chain, struct gost_conn *c,
                    const struct gost_request *request, uint64_t deadline, struct gost_stream **out,
                    char **route)
{
    struct gost__end to = {.stream = out};
    bool routed;
    gost_chain_ref(chain);
    int rc = gost__chain_try(chain, c, request, request, deadline, &routed, &to, route);
    gost_chain_unref(chain);
    if (rc == 0 && !routed)
        rc = gost__direct_connect(request, NULL, NULL, NULL, deadline, &to);
    return rc;
}
