/* Where a client may go, by the route hook and the bypasses, and how a session gets there. */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/net/udp.h"
#include "core/route/session_int.h"

#include <stdlib.h>
#include <string.h>

enum { DIALS_MAX = 16 };

static int dial_router(struct gost_session *s, const struct gost_request *r,
                       struct gost_chain *chain, bool direct, const struct gost__end *up)
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
                         const struct gost__end *up)
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
                        const struct gost__end *up)
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
                const struct gost__end *up)
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

int gost__session_dial_request(struct gost_conn *c, const struct gost_request *request,
                               const struct gost__end *up)
{
    struct gost_session *s = gost_session_of(c);
    struct gost_hooks *h = &s->service->hooks;
    char text[GOST_HOSTPORT_MAX];
    int rc = gost__session_set_text(&c->target, request->network == GOST_UNIX
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

int gost__session_dial(struct gost_conn *c, const struct gost_request *request,
                       struct gost_stream **up)
{
    *up = NULL;
    return gost__session_dial_request(c, request, &(struct gost__end){.stream = up});
}

int gost__session_dial_packet(struct gost_conn *c, const struct gost_request *request,
                              struct gost_packet **up)
{
    *up = NULL;
    return gost__session_dial_request(c, request, &(struct gost__end){.packet = up});
}

/* A route hook may decide anew on each request, so with one nothing is kept. */
int gost__session_allow(struct gost_conn *c, const struct gost_request *request)
{
    struct gost_session *s = gost_session_of(c);
    if (s->service->hooks.route)
        return gost_fail(GOST_ENONODE, "the route hook is to be asked");
    return check_bypass(s, request, NULL);
}

int gost__session_sniffed(struct gost_conn *c, const struct gost_request *found, uint16_t port)
{
    struct gost_addr real = found->addr;
    int rc = gost__session_set_text(&c->sniffed, found->addr.host);
    real.port = port ? port : real.port;
    if (rc == 0)
        rc = check_bypass(gost_session_of(c), found, &real);
    return rc == 0 ? 0 : gost_fail_at(rc, "%s of the client", found->protocol);
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
