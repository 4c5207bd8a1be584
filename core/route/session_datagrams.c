/* Datagrams of a session to any destination: the socket or way they take, and their names. */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/net/udp.h"
#include "core/route/session_int.h"

#include <stdlib.h>
#include <string.h>

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

int gost__session_associate(struct gost_conn *c, const struct gost_addr *local,
                            struct gost_packet **up)
{
    struct gost_session *s = gost_session_of(c);
    struct gost_packet *bottom = NULL;
    bool routed = false;
    *up = NULL;
    int rc = gost__session_set_text(&c->target, "udp");
    if (rc == 0)
        rc = local ? open_bound(local, &bottom) : open_any(s, &bottom, &routed);
    if (rc == 0 && (rc = gost__association_new(s, bottom, routed, up)) != 0)
        gost_packet_close(bottom);
    return rc;
}
