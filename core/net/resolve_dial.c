#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/net/resolve_query.h"
#include "core/runtime/loop.h"

#include <errno.h>

enum {
    PARTIAL_MS = 2000, /* while only one family's addresses are known, they get so long */
    LATE_MS = 1000,    /* then the other family's answer is waited for so much longer */
};

static enum gost_family family_of(const struct gost_socket_options *o)
{
    int family = o ? o->family : 0;
    return family == AF_INET    ? GOST_FAMILY_V4
           : family == AF_INET6 ? GOST_FAMILY_V6
                                : GOST_FAMILY_ANY;
}

/* An address that is written out has its own family, whatever was asked for. */
static int check_literal(const char *host, const struct gost_socket_options *o)
{
    int family = o && o->family ? gost_ip_parse(host, 0, NULL) : 0;
    if (family == 0 || family == o->family)
        return 0;
    return gost_fail(-EAFNOSUPPORT, "%s is no address of %s", host,
                     o->family == AF_INET ? "IPv4" : "IPv6");
}

/* The addresses known at first did not do: once more, with those that came late. */
static int dial_again(const char *host, uint16_t port, struct gost_resolver *r,
                      const struct gost_socket_options *options, uint64_t deadline, int first_rc,
                      struct gost_stream **out)
{
    struct gost_diag first = *gost__diag_self;
    uint64_t until = gost_deadline_min(deadline, gost_now() + LATE_MS);
    struct gost_addrs addrs;
    int rc = gost__resolver_lookup(r, host, port, family_of(options), until, true, &addrs);
    if (rc == 0 && !addrs.partial) {
        rc = gost_socket_race(addrs.addr, addrs.count, options, deadline, out);
    } else if (rc != GOST_ECANCELED) {
        *gost__diag_self = first;
        rc = first_rc;
    }
    gost_addrs_destroy(&addrs);
    return rc;
}

int gost_dial_host(const char *host, uint16_t port, struct gost_resolver *r,
                   const struct gost_socket_options *options, uint64_t deadline,
                   struct gost_stream **out)
{
    struct gost_addrs addrs;
    int rc = check_literal(host, options);
    if (rc == 0)
        rc = gost_resolver_lookup(r, host, port, family_of(options), deadline, &addrs);
    if (rc != 0)
        return rc;
    bool more = addrs.partial;
    uint64_t until = gost_deadline_min(deadline, more ? gost_now() + PARTIAL_MS : GOST_NEVER);
    rc = gost_socket_race(addrs.addr, addrs.count, options, until, out);
    gost_addrs_destroy(&addrs);
    if (rc == 0 || rc == GOST_ECANCELED || !more)
        return rc;
    return dial_again(host, port, r, options, deadline, rc, out);
}
