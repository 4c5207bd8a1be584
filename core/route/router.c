#include "core/route/router.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/route/chain_dial.h"
#include "core/route/direct.h"

#include <stdlib.h>
#include <string.h>

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
                   struct gost_chain *chain, uint64_t deadline, const struct gost__end *to,
                   char **route, bool *routed)
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
            rc = gost__chain_try(chain, c, request, resolved, deadline, routed, to, route);
        free(resolved);
    }
    if (rc == 0 && !*routed)
        rc = gost__direct_connect(request, r->hosts, r->resolver, &r->socket, deadline, to);
    return rc;
}

/* Is another attempt worth its time? */
static bool retry_helps(int rc)
{
    return rc != GOST_ECANCELED && rc != GOST_EDENIED && rc != GOST_ECONFIG && rc != GOST_ENOMEM;
}

static int dial_end(struct gost_router *r, struct gost_conn *c, const struct gost_request *request,
                    struct gost_chain *chain, bool direct, const struct gost__end *to, char **route,
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
    struct gost__end to = {.stream = out};
    bool routed;
    return dial_end(r, c, request, chain, direct, &to, route, &routed);
}

int gost_router_dial_packet(struct gost_router *r, struct gost_conn *c,
                            const struct gost_request *request, struct gost_chain *chain,
                            bool direct, struct gost_packet **out, char **route, bool *routed)
{
    struct gost__end to = {.packet = out};
    bool used;
    int rc = dial_end(r, c, request, chain, direct, &to, route, &used);
    if (routed)
        *routed = used;
    return rc;
}
