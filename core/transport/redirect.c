/*
 * Transparent TCP: what the rules of the firewall (gost-lua rules) send here.
 */
#include "core/transport/redirect.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/transport/kinds.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

/* The kernel's number in <linux/netfilter_ipv4.h> and _ipv6.h, which clash with <netinet/in.h>. */
enum { ORIGINAL_DST = 80 };

int gost__redirect_original(int fd, bool tproxy, union gost_sockaddr *out)
{
    union gost_sockaddr own;
    socklen_t len = sizeof(own);
    memset(&own, 0, sizeof(own));
    memset(out, 0, sizeof(*out));
    if (getsockname(fd, &own.sa, &len) != 0)
        return gost_fail(-errno, "getsockname: %s", gost_strerror(-errno));
    gost_sockaddr_unmap(&own);
    if (own.sa.sa_family != AF_INET && own.sa.sa_family != AF_INET6)
        return gost_fail(GOST_ENOTSUP, "not a TCP connection, so it was not redirected");
    if (tproxy) {
        *out = own;
        return 0;
    }
    bool v4 = own.sa.sa_family == AF_INET;
    len = v4 ? sizeof(out->v4) : sizeof(out->v6);
    if (getsockopt(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, ORIGINAL_DST, out, &len) == 0)
        return 0;
    return gost_fail(-errno, "the original destination is not known (is there a REDIRECT rule?): %s",
                     gost_strerror(-errno));
}

/* Only an address of this host can be bound. */
static bool is_local(const union gost_sockaddr *addr)
{
    union gost_sockaddr probe = *addr;
    int fd = socket(addr->sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return true; /* rather refuse one client than turn in a circle */
    if (addr->sa.sa_family == AF_INET)
        probe.v4.sin_port = 0;
    else
        probe.v6.sin6_port = 0;
    bool bound = bind(fd, &probe.sa, gost_sockaddr_len(&probe)) == 0;
    close(fd);
    return bound;
}

bool gost__redirect_is_self(const union gost_sockaddr *to, uint16_t port)
{
    return gost_sockaddr_port(to) == port && is_local(to);
}

/* --- the listener ------------------------------------------------------------------------- */

struct redirect_settings {
    struct gost_tcp_listening tcp;
    bool tproxy;
};

static const struct gost_option options[] = {
    {.key = "tproxy",
     .type = GOST_OPT_BOOL,
     .offset = offsetof(struct redirect_settings, tproxy),
     .help = "take what TPROXY rules send, not REDIRECT rules"},
    GOST_TCP_LISTEN_OPTIONS(struct redirect_settings, tcp),
    GOST_OPTION_END,
};

static int redirect_init(struct gost_listener *l)
{
    const struct redirect_settings *s = l->settings;
    gost_tcp_listening_apply(&s->tcp, &l->socket);
    l->socket.transparent = s->tproxy;
    return 0;
}

/*
 * With TPROXY the handler cannot tell a client that came straight to us from a redirected one: only
 * here the listener's own port is known.
 */
static int redirect_wrap(struct gost_listener *l, struct gost_stream **io)
{
    const struct redirect_settings *s = l->settings;
    union gost_sockaddr to;
    char text[GOST_HOSTPORT_MAX];
    if (!s->tproxy || gost_stream_query(*io, GOST_QUERY_LOCAL_ADDR, &to) != 0)
        return 0;
    gost_sockaddr_unmap(&to);
    if (!gost__redirect_is_self(&to, gost_sockaddr_port(&l->addr)))
        return 0;
    gost_log(GOST_LOG_WARN, "redirect: a client came straight to %s, which leads nowhere but here",
             gost_sockaddr_format(&to, text));
    return GOST_EDENIED;
}

const struct gost_listener_kind gost__redirect_listener = {
    .name = "redirect",
    .aliases = "redir red",
    .help = "TCP connections that firewall rules send here (REDIRECT, TPROXY)",
    .options = {options, sizeof(struct redirect_settings)},
    .init = redirect_init,
    .wrap = redirect_wrap,
};
