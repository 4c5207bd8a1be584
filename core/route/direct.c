/* Connecting without any node: the name looked up in hosts or by a resolver, and a socket. */
#include "core/route/direct.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/net/io.h"
#include "core/net/udp.h"

#include <errno.h>
#include <string.h>

/* Is a request of datagrams for any destination? */
bool gost__is_association(const struct gost_request *r)
{
    return !r->addr.host[0] && r->addr.port == 0 && !r->unnamed;
}

static int unix_connect(const struct gost_addr *addr, const struct gost_socket_options *options,
                        uint64_t deadline, struct gost_stream **out)
{
    union gost_sockaddr to = {.un = {.sun_family = AF_UNIX}};
    size_t n = strlen(addr->host);
    if (n >= sizeof(to.un.sun_path))
        return gost_fail(GOST_ECONFIG, "socket path of %zu bytes is too long", n);
    memcpy(to.un.sun_path, addr->host, n);
    if (to.un.sun_path[0] == '@')
        to.un.sun_path[0] = '\0';
    return gost_socket_connect(&to, options, deadline, out);
}

/* Connect without any node: look the name up in `hosts`, then by the resolver. */
static int connect_direct(const struct gost_addr *addr, enum gost_network network,
                          struct gost_hosts *hosts, struct gost_resolver *resolver,
                          const struct gost_socket_options *options, uint64_t deadline,
                          struct gost_stream **out)
{
    union gost_sockaddr found[8];
    if (network == GOST_UNIX)
        return unix_connect(addr, options, deadline, out);
    int family = options && options->family ? options->family : AF_UNSPEC;
    size_t n =
        hosts ? gost_hosts_find(hosts, addr->host, strlen(addr->host), family, addr->port, found, 8)
              : 0;
    if (n > 0)
        return gost_socket_race(found, n, options, deadline, out);
    return gost_dial_host(addr->host[0] ? addr->host : "127.0.0.1", addr->port, resolver, options,
                          deadline, out);
}

int gost__node_connect(struct gost_node *n, uint64_t deadline, struct gost_stream **out)
{
    return connect_direct(&n->addr, n->network, n->hosts, n->resolver, &n->socket, deadline, out);
}

/* The first address that a socket can be bound for; IPv4 goes first, since nothing tells whether
 * datagrams arrive. */
static int udp_first(const union gost_sockaddr *addr, size_t count,
                     const struct gost_socket_options *options, struct gost_packet **out)
{
    int rc = GOST_EDNS;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < count; i++) {
            if ((addr[i].sa.sa_family == AF_INET) != (pass == 0))
                continue;
            rc = gost_udp_connect(&addr[i], options, out);
            if (rc == 0)
                return 0;
        }
    }
    return rc;
}

/* As connect_direct, for datagrams. */
int gost__direct_connect_udp(const struct gost_addr *addr, struct gost_hosts *hosts,
                             struct gost_resolver *resolver,
                             const struct gost_socket_options *options, uint64_t deadline,
                             struct gost_packet **out)
{
    union gost_sockaddr found[8];
    struct gost_addrs list = {0};
    const char *host = addr->host[0] ? addr->host : "127.0.0.1";
    int family = options && options->family ? options->family : AF_UNSPEC;
    enum gost_family only = family == AF_INET    ? GOST_FAMILY_V4
                            : family == AF_INET6 ? GOST_FAMILY_V6
                                                 : GOST_FAMILY_ANY;
    size_t n = hosts ? gost_hosts_find(hosts, host, strlen(host), family, addr->port, found, 8) : 0;
    if (n > 0)
        return udp_first(found, n, options, out);
    int rc = gost_resolver_lookup(resolver, host, addr->port, only, deadline, &list);
    if (rc == 0)
        rc = udp_first(list.addr, list.count, options, out);
    gost_addrs_destroy(&list);
    return rc;
}

int gost__direct_connect(const struct gost_request *request, struct gost_hosts *hosts,
                         struct gost_resolver *resolver, const struct gost_socket_options *options,
                         uint64_t deadline, const struct gost__end *to)
{
    struct gost_socket_options narrow = {0};
    if (request->family) {
        int literal = gost_ip_parse(request->addr.host, 0, NULL);
        if (literal != 0 && literal != request->family)
            return gost_fail(-EAFNOSUPPORT, "%s is no address of %s", request->addr.host,
                             request->family == AF_INET ? "IPv4" : "IPv6");
        if (options)
            narrow = *options;
        narrow.family = request->family;
        options = &narrow;
    }
    if (!to->packet)
        return connect_direct(&request->addr, request->network, hosts, resolver, options, deadline,
                              to->stream);
    if (gost__is_association(request))
        return gost_udp_open_any(options, to->packet);
    return gost__direct_connect_udp(&request->addr, hosts, resolver, options, deadline, to->packet);
}
