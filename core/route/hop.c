#include "core/route/hop.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/route/session.h"
#include "core/runtime/shared.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int gost_hop_new(const char *name, struct gost_hop **out)
{
    struct gost_hop *h = calloc(1, sizeof(*h));
    if (!h || !(h->name = strdup(name))) {
        free(h);
        return gost_fail_code(GOST_ENOMEM);
    }
    h->refs = 1;
    gost_selector_create(&h->selector, GOST_STRATEGY_ROUND, 0, NULL);
    *out = h;
    return 0;
}

struct gost_hop *gost_hop_ref(struct gost_hop *h)
{
    h->refs++;
    return h;
}

static void drop_nodes(struct gost_node **nodes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        gost_node_unref(nodes[i]);
    free(nodes);
}

void gost_hop_unref(struct gost_hop *h)
{
    if (!h || --h->refs > 0)
        return;
    if (h->script_drop)
        h->script_drop(h);
    if (h->select_drop)
        h->select_drop(h->select_arg);
    drop_nodes(h->node, h->count);
    for (size_t i = 0; i < h->bypass_count; i++)
        gost_bypass_unref(h->bypass[i]);
    gost_shared_give(h->turn);
    free(h->bypass);
    free(h->name);
    free(h);
}

int gost_hop_set_strategy(struct gost_hop *h, enum gost_strategy strategy, int64_t max_latency,
                          const char *scope)
{
    char key[1024];
    snprintf(key, sizeof(key), "hop:%s/%s", scope, h->name);
    struct gost_selector_state *turn = gost_shared_take(key, sizeof(*turn), NULL);
    if (!turn)
        return gost_fail_code(GOST_ENOMEM);
    gost_shared_give(h->turn);
    h->turn = turn;
    gost_selector_create(&h->selector, strategy, max_latency, turn);
    return 0;
}

static void note_traits(struct gost_hop *h, const struct gost_node *n)
{
    h->treats |= n->treatment != NULL;
    h->rules |=
        n->rule || n->filter_host || n->filter_protocol || n->filter_path || n->bypass_count > 0;
}

void gost_hop_traits(const struct gost_hop *h, bool *treats, bool *rules)
{
    *treats = h->treats;
    *rules = h->rules;
    for (size_t i = 0; h->group && i < h->count; i++) {
        const struct gost_hop *member = h->node[i]->hop;
        *treats |= member && member->treats;
        *rules |= member && member->rules;
    }
}

int gost_hop_add(struct gost_hop *h, struct gost_node *n)
{
    struct gost_node **grown = realloc(h->node, (h->count + 1) * sizeof(*grown));
    if (!grown)
        return gost_fail_code(GOST_ENOMEM);
    h->node = grown;
    h->node[h->count++] = gost_node_ref(n);
    note_traits(h, n);
    return 0;
}

int gost_hop_set_nodes(struct gost_hop *h, struct gost_node *const *nodes, size_t count)
{
    struct gost_node **fresh = calloc(count + 1, sizeof(struct gost_node *));
    if (!fresh)
        return gost_fail_code(GOST_ENOMEM);
    for (size_t i = 0; i < count; i++)
        fresh[i] = gost_node_ref(nodes[i]);
    drop_nodes(h->node, h->count);
    h->node = fresh;
    h->count = count;
    h->treats = h->rules = false;
    for (size_t i = 0; i < count; i++)
        note_traits(h, fresh[i]);
    return 0;
}

/* The nodes that may serve a request. */
struct choice {
    struct gost_node **node; /* with references */
    struct gost_candidate *candidate;
    size_t count;
};

static void choice_free(struct choice *c)
{
    drop_nodes(c->node, c->count);
    free(c->candidate);
}

static struct gost_candidate candidate_of(const struct gost_hop *h, struct gost_node *n)
{
    int fails = n->max_fails > 0 ? n->max_fails : h->max_fails;
    int64_t timeout = n->fail_timeout > 0 ? n->fail_timeout : h->fail_timeout;
    return (struct gost_candidate){
        .key = gost_candidate_key(n->name, strlen(n->name)),
        .latency = gost_failmark_latency(n->mark),
        .priority = n->priority,
        .weight = (uint32_t)n->weight,
        .backup = n->backup,
        .failed = gost_failmark_failed(n->mark, gost_now(), fails, timeout),
    };
}

/* Asking a node may suspend, and a reload give the hop other nodes meanwhile: they are held first. */
static int choice_fill(struct gost_hop *h, struct gost_conn *conn, const struct gost_request *r,
                       struct choice *c)
{
    size_t count = h->count;
    c->count = 0;
    c->node = calloc(count + 1, sizeof(*c->node));
    c->candidate = calloc(count + 1, sizeof(*c->candidate));
    if (!c->node || !c->candidate)
        return gost_fail_code(GOST_ENOMEM);
    for (size_t i = 0; i < count; i++)
        c->node[i] = gost_node_ref(h->node[i]);
    for (size_t i = 0; i < count; i++) {
        struct gost_node *n = c->node[i];
        c->node[i] = NULL;
        if (gost_node_fits(n, conn, r)) {
            c->candidate[c->count] = candidate_of(h, n);
            c->node[c->count++] = n;
        } else {
            gost_node_unref(n);
        }
    }
    return 0;
}

/* Let the script choose among those that have not failed (or all, when all have). */
typedef int select_fn(void *arg, struct gost_conn *c, const struct gost_request *r,
                      struct gost_node *const *candidates, size_t count);

/* @return 0 with an index, 1 when the script has no opinion, or a negative code */
static int ask_script(select_fn *ask, void *arg, struct gost_conn *conn,
                      const struct gost_request *r, struct choice *c, size_t *index)
{
    size_t *origin = calloc(c->count, sizeof(*origin)), live = 0;
    struct gost_node **offer = calloc(c->count, sizeof(*offer));
    int rc = origin && offer ? 0 : gost_fail_code(GOST_ENOMEM);
    for (int wanted = 0; rc == 0 && live == 0 && wanted < 2; wanted++)
        for (size_t i = 0; i < c->count; i++)
            if (c->candidate[i].failed == (wanted == 1)) {
                offer[live] = c->node[i];
                origin[live++] = i;
            }
    if (rc == 0)
        rc = ask(arg, conn, r, offer, live);
    if (rc >= 0 && (size_t)rc < live) {
        *index = origin[rc];
        rc = 0;
    } else if (rc >= 0) {
        rc = 1;
    }
    free(origin);
    free(offer);
    return rc;
}

/* What the hash strategy goes by: the target where that is asked for, else the client's id, else its
 * address. */
static const char *hash_source(struct gost_conn *c, const struct gost_request *r, char *room)
{
    if (r->hash_host)
        return r->addr.host;
    if (!c)
        return "";
    return c->client_id ? c->client_id : gost_sockaddr_host(&c->peer, room);
}

static int choose(struct gost_hop *h, struct gost_conn *conn, const struct gost_request *r,
                  struct choice *c, size_t *index)
{
    char room[GOST_HOSTPORT_MAX];
    struct gost_hooks *hooks = conn && !h->group ? &gost_session_of(conn)->service->hooks : NULL;
    int rc = 1;
    if (h->select) {
        rc = ask_script(h->select, h->select_arg, conn, r, c, index);
        if (rc == 1)
            rc = gost_fail(GOST_ENONODE, "the selector chose none of %zu nodes", c->count);
    } else if (hooks && hooks->select) {
        rc = ask_script(hooks->select, hooks->arg, conn, r, c, index);
    }
    if (rc != 1)
        return rc;
    const char *hash = hash_source(conn, r, room);
    *index = gost_select(&h->selector, c->candidate, c->count, hash, strlen(hash));
    return 0;
}

/* Those that are to be tried side by side: one, unless the strategy says parallel. */
static int choose_some(struct gost_hop *h, struct gost_conn *conn, const struct gost_request *r,
                       struct choice *c, struct gost_node **out, size_t max, size_t *count)
{
    size_t index = 0, *all = NULL, n = 1;
    bool scripted = h->select || (conn && gost_session_of(conn)->service->hooks.select);
    int rc = 0;
    if (max > 1 && h->selector.strategy == GOST_STRATEGY_PARALLEL && !scripted) {
        all = calloc(c->count, sizeof(*all));
        if (!all)
            return gost_fail_code(GOST_ENOMEM);
        n = gost_select_all(&h->selector, c->candidate, c->count, all);
    } else {
        rc = choose(h, conn, r, c, &index);
    }
    for (*count = 0; rc == 0 && *count < n && *count < max; (*count)++)
        out[*count] = gost_node_ref(c->node[all ? all[*count] : index]);
    free(all);
    return rc;
}

int gost_hop_pick_some(struct gost_hop *h, struct gost_conn *conn, const struct gost_request *r,
                       struct gost_node **out, size_t max, size_t *count)
{
    struct choice c = {0};
    *count = 0;
    if (h->bypass_count > 0) {
        int skip = gost_bypasses_contain(h->bypass, h->bypass_count, gost_network_name(r->network),
                                         &r->addr, NULL);
        if (skip != 0)
            return skip < 0 ? skip : 0;
    }
    int rc = choice_fill(h, conn, r, &c);
    if (rc == 0 && c.count == 0)
        rc = gost_fail(GOST_ENONODE, "%s %s: %s", h->group ? "group" : "hop", h->name,
                       h->group   ? "no member fits the request"
                       : h->count ? "no node fits the request"
                                  : "it has no nodes");
    if (rc == 0)
        rc = choose_some(h, conn, r, &c, out, max, count);
    choice_free(&c);
    return rc;
}

int gost_hop_pick(struct gost_hop *h, struct gost_conn *conn, const struct gost_request *r,
                  struct gost_node **out)
{
    size_t count;
    *out = NULL;
    return gost_hop_pick_some(h, conn, r, out, 1, &count);
}

int gost_chain_new(const char *name, struct gost_chain **out)
{
    struct gost_chain *c = calloc(1, sizeof(*c));
    if (!c || !(c->name = strdup(name))) {
        free(c);
        return gost_fail_code(GOST_ENOMEM);
    }
    c->refs = 1;
    *out = c;
    return 0;
}

struct gost_chain *gost_chain_ref(struct gost_chain *c)
{
    c->refs++;
    return c;
}

void gost_chain_unref(struct gost_chain *c)
{
    if (!c || --c->refs > 0)
        return;
    if (c->script_drop)
        c->script_drop(c);
    for (size_t i = 0; i < c->count; i++)
        gost_hop_unref(c->hop[i]);
    gost_hop_unref(c->group);
    free(c->hop);
    free(c->name);
    free(c);
}

int gost_chain_add(struct gost_chain *c, struct gost_hop *h)
{
    struct gost_hop **grown = realloc(c->hop, (c->count + 1) * sizeof(*grown));
    if (!grown)
        return gost_fail_code(GOST_ENOMEM);
    c->hop = grown;
    c->hop[c->count++] = gost_hop_ref(h);
    return 0;
}
