#include "core/route/node.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/route/hop.h"
#include "core/route/probe.h"
#include "core/runtime/shared.h"
#include "core/transport/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int gost_node_new(const char *scope, const char *name, const struct gost_addr *addr,
                  struct gost_node **out)
{
    char key[1024], text[GOST_HOSTPORT_MAX];
    struct gost_node *n = calloc(1, sizeof(*n));
    if (!n)
        return gost_fail_code(GOST_ENOMEM);
    n->refs = 1;
    n->weight = 1;
    n->addr = *addr;
    n->name = strdup(name);
    snprintf(key, sizeof(key), "node:%s/%s@%s", scope, name, gost_addr_format(addr, text));
    n->mark = gost_shared_take(key, sizeof(*n->mark), NULL);
    if (!n->name || !n->mark) {
        gost_node_unref(n);
        return gost_fail_code(GOST_ENOMEM);
    }
    *out = n;
    return 0;
}

struct gost_node *gost_node_ref(struct gost_node *n)
{
    n->refs++;
    return n;
}

void gost_node_unref(struct gost_node *n)
{
    if (!n || --n->refs > 0)
        return;
    if (n->script_drop)
        n->script_drop(n);
    for (size_t i = 0; i < n->bypass_count; i++)
        gost_bypass_unref(n->bypass[i]);
    free(n->bypass);
    gost_hosts_unref(n->hosts);
    gost_resolver_unref(n->resolver);
    gost__probe_stop(n->probe);
    gost_treatment_delete(n->treatment);
    gost_tls_context_unref(n->tls);
    free(n->tls_name);
    gost_chain_unref(n->chain);
    gost_hop_unref(n->hop);
    gost_connector_delete(n->connector);
    gost_dialer_delete(n->dialer);
    gost_shared_give(n->mark);
    gost_rule_delete(n->rule);
    free(n->filter_host);
    free(n->filter_protocol);
    free(n->filter_path);
    free(n->interface);
    free(n->netns);
    free(n->name);
    free(n);
}

/* "x" is that host, ".x" and "*.x" are x and everything below. */
static bool host_fits(const char *filter, const char *host)
{
    if (filter[0] == '*' && filter[1] == '.')
        filter++;
    if (filter[0] != '.')
        return strcasecmp(filter, host) == 0;
    size_t want = strlen(filter), have = strlen(host);
    if (strcasecmp(filter + 1, host) == 0)
        return true;
    return have > want && strcasecmp(host + have - want, filter) == 0;
}

static bool filters_fit(const struct gost_node *n, const struct gost_request *r)
{
    if (n->filter_host && !host_fits(n->filter_host, r->addr.host))
        return false;
    if (n->filter_protocol && (!r->protocol || strcasecmp(n->filter_protocol, r->protocol) != 0))
        return false;
    return !n->filter_path ||
           (r->path && strncmp(n->filter_path, r->path, strlen(n->filter_path)) == 0);
}

static bool rule_fits(const struct gost_node *n, const struct gost_conn *c,
                      const struct gost_request *r)
{
    struct gost_rule_facts facts = {
        .client = c ? &c->peer : NULL,
        .network = gost_network_name(r->network),
        .protocol = r->protocol,
        .host = r->addr.host,
        .method = r->method,
        .path = r->path,
        .head = r->head,
    };
    return gost_rule_matches(n->rule, &facts);
}

bool gost_node_fits(struct gost_node *n, const struct gost_conn *c, const struct gost_request *r)
{
    if (n->rule ? !rule_fits(n, c, r) : !filters_fit(n, r))
        return false;
    if (n->bypass_count == 0)
        return true;
    return gost_bypasses_contain(n->bypass, n->bypass_count, gost_network_name(r->network),
                                 &r->addr, NULL) == 0;
}

void gost_node_failed(struct gost_node *n, int max_fails)
{
    int limit = n->max_fails > 0 ? n->max_fails : max_fails > 0 ? max_fails : GOST_MAX_FAILS;
    if (gost_failmark_fail(n->mark, gost_now()) == (uint32_t)limit) {
        struct gost_log_field f[] = {GOST_FIELD("kind", "node"), GOST_FIELD("node", n->name)};
        gost_log_fields(NULL, GOST_LOG_WARN, f, 2, "node %s is set aside after %d failure%s",
                        n->name, limit, limit == 1 ? "" : "s");
    }
}

void gost_node_worked(struct gost_node *n)
{
    if (gost_failmark_count(n->mark) > 0 && gost_failmark_reset(n->mark) > 0) {
        struct gost_log_field f[] = {GOST_FIELD("kind", "node"), GOST_FIELD("node", n->name)};
        gost_log_fields(NULL, GOST_LOG_INFO, f, 2, "node %s works again", n->name);
    }
}
