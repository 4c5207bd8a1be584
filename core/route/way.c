#include "core/route/way.h"

#include "core/base/buf.h"
#include "core/base/diag.h"
#include "core/base/error.h"

#include <stdlib.h>
#include <string.h>

/* The node, or the rivals, of one hop. @param[out] any  not when the hop's bypass matches */
static int hop_choose(struct gost__way *w, struct gost_hop *hop, struct gost_conn *c, bool *any)
{
    struct gost__rivals *r = calloc(1, sizeof(*r));
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
int gost__way_choose(struct gost__way *w, struct gost_chain *chain, struct gost_conn *c)
{
    if (chain->count == 0)
        return gost_fail(GOST_ENONODE, "chain %s has no hops", chain->name);
    for (size_t i = 0; i < chain->count; i++) {
        bool any = false;
        if (i >= GOST__WAY_MAX)
            return gost_fail(GOST_ECONFIG, "chain %s has more than %d hops", chain->name,
                             GOST__WAY_MAX);
        int rc = hop_choose(w, chain->hop[i], c, &any);
        if (rc != 0)
            return gost_fail_at(rc, "chain %s", chain->name);
        if (!any)
            return 0;
    }
    return 0;
}

void gost__way_free(struct gost__way *w)
{
    for (size_t i = 0; i < w->count; i++) {
        gost_node_unref(w->node[i]);
        for (size_t k = 0; w->rivals[i] && k < w->rivals[i]->count; k++)
            gost_node_unref(w->rivals[i]->node[k]);
        free(w->rivals[i]);
    }
}

/* "node-0@1.2.3.4:80 > node-1@…", for logs. */
char *gost__way_text(const struct gost__way *w)
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
