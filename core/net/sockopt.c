#include "core/net/sockopt.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/net/netns.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Dead peers are found after about two minutes of silence, as long as nobody asks for more. */
enum { KEEPALIVE_IDLE = 60, KEEPALIVE_INTERVAL = 15, KEEPALIVE_COUNT = 4 };

static void set_int(int fd, int level, int name, int value)
{
    setsockopt(fd, level, name, &value, sizeof(value));
}

static void set_keepalive(int fd, int idle, int interval, int count)
{
    set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle);
    set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, interval);
    set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, count);
}

void gost_socket_keepalive(int fd)
{
    set_keepalive(fd, KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, KEEPALIVE_COUNT);
}

unsigned gost_socket_retries(int fd)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);
    memset(&info, 0, sizeof(info));
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 ? info.tcpi_retransmits : 0;
}

/* Keep-alive costs system calls and a timer in the kernel, so short connections do without: the pump
 * sets it on those that last. */
static void set_tcp(int fd, const struct gost_socket_options *o)
{
    set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (o && o->keepalive)
        set_keepalive(fd, o->keepalive_idle > 0 ? o->keepalive_idle : KEEPALIVE_IDLE,
                      o->keepalive_interval > 0 ? o->keepalive_interval : KEEPALIVE_INTERVAL,
                      o->keepalive_count > 0 ? o->keepalive_count : KEEPALIVE_COUNT);
}

/* The first address of an interface in the wanted family. */
static bool interface_addr(const char *name, int family, union gost_sockaddr *out)
{
    struct ifaddrs *all;
    bool found = false;
    if (getifaddrs(&all) != 0)
        return false;
    for (struct ifaddrs *i = all; i && !found; i = i->ifa_next) {
        if (!i->ifa_addr || i->ifa_addr->sa_family != family || strcmp(i->ifa_name, name) != 0)
            continue;
        memset(out, 0, sizeof(*out));
        memcpy(out, i->ifa_addr, family == AF_INET ? sizeof(out->v4) : sizeof(out->v6));
        found = true;
    }
    freeifaddrs(all);
    return found;
}

/* Leave through one interface name or source address. */
static int bind_one(int fd, int family, const char *item, size_t n)
{
    char name[64];
    union gost_sockaddr from;
    if (n >= sizeof(name))
        return gost_fail(GOST_ECONFIG, "interface name \"%.*s\" is too long", (int)n, item);
    memcpy(name, item, n);
    name[n] = '\0';
    int literal = gost_ip_parse(name, 0, &from);
    if (literal != 0 && literal != family)
        return gost_fail(-EAFNOSUPPORT, "interface %s: address of another family", name);
    if (literal == 0) {
        if (if_nametoindex(name) == 0)
            return gost_fail(-ENODEV, "interface %s: no such device", name);
        setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)n + 1);
        if (!interface_addr(name, family, &from))
            return gost_fail(-EADDRNOTAVAIL, "interface %s: no address of this family", name);
    }
    set_int(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    if (bind(fd, &from.sa, gost_sockaddr_len(&from)) < 0)
        return gost_fail(-errno, "interface %s: bind: %s", name, gost_strerror(-errno));
    return 0;
}

/* A comma list, tried in order; "!" behind an item makes its failure final. */
int gost__sockopt_interface(int fd, int family, const char *list)
{
    int rc = 0;
    for (const char *p = list; *p;) {
        size_t n = strcspn(p, ","), len = n;
        bool strict = len > 0 && p[len - 1] == '!';
        if (strict)
            len--;
        rc = len > 0 ? bind_one(fd, family, p, len) : 0;
        if (rc == 0 || (strict && rc != -EAFNOSUPPORT))
            return rc;
        p += n + (p[n] == ',');
    }
    return rc;
}

static int dial_socket(const union gost_sockaddr *to, const struct gost_socket_options *o)
{
    int family = to->sa.sa_family;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return gost_fail(-errno, "socket: %s", gost_strerror(-errno));
    if (family == AF_UNIX)
        return fd;
    set_tcp(fd, o);
    int rc = 0;
    if (o && o->mark && setsockopt(fd, SOL_SOCKET, SO_MARK, &o->mark, sizeof(o->mark)) < 0)
        rc = gost_fail(-errno, "so_mark %d: %s", o->mark, gost_strerror(-errno));
    if (rc == 0 && o && o->interface)
        rc = gost__sockopt_interface(fd, family, o->interface);
    if (rc == 0)
        return fd;
    close(fd);
    return rc;
}

int gost__sockopt_dial(const union gost_sockaddr *to, const struct gost_socket_options *o)
{
    struct gost__netns ns;
    int rc = gost__netns_enter(&ns, o ? o->netns : NULL);
    if (rc != 0)
        return rc;
    rc = dial_socket(to, o);
    gost__netns_leave(&ns);
    return rc;
}

/* A socket file left behind by a dead process is in the way; a living one must not be. */
static void remove_stale(const union gost_sockaddr *addr)
{
    struct stat st;
    const char *path = addr->un.sun_path;
    if (path[0] == '\0' || lstat(path, &st) != 0 || !S_ISSOCK(st.st_mode))
        return;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return; /* non-blocking: a living server with a full backlog would hold us here */
    if (connect(fd, &addr->sa, gost_sockaddr_len(addr)) < 0 && errno == ECONNREFUSED)
        unlink(path);
    close(fd);
}

/* Accept what TPROXY rules send, whatever its destination. @return as setsockopt */
static int set_transparent(int fd, int family)
{
    bool v6 = family == AF_INET6;
    int on = 1;
    return setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_TRANSPARENT : IP_TRANSPARENT,
                      &on, sizeof(on));
}

/* A kernel without multipath TCP serves its clients by plain TCP, as they would fall back to anyway. */
static int listening_socket(int family, const struct gost_socket_options *o)
{
    int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    if (o && o->mptcp && family != AF_UNIX) {
        int fd = socket(family, type, IPPROTO_MPTCP);
        if (fd >= 0)
            return fd;
        gost_log(GOST_LOG_WARN, "mptcp: %s; plain TCP instead", gost_strerror(-errno));
    }
    return socket(family, type, 0);
}

static int listen_socket(const union gost_sockaddr *addr, const struct gost_socket_options *o,
                         int backlog)
{
    char text[GOST_HOSTPORT_MAX];
    int family = addr->sa.sa_family;
    bool claim = o && o->reuseport && o->claim && family != AF_UNIX;
    int fd = listening_socket(family, o);
    if (fd < 0)
        return gost_fail(-errno, "socket: %s", gost_strerror(-errno));
    if (family == AF_UNIX) {
        remove_stale(addr);
    } else {
        set_tcp(fd, o); /* accepted sockets inherit these, so they cost nothing per connection */
        set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
        set_int(fd, SOL_SOCKET, SO_REUSEPORT, o && o->reuseport && !claim);
    }
    if (family == AF_INET6)
        set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, o && o->v6only);
    if (o && o->transparent && set_transparent(fd, family) != 0) {
        int rc = -errno;
        close(fd);
        return gost_fail(rc, "listen on %s: IP_TRANSPARENT: %s", gost_sockaddr_format(addr, text),
                         gost_strerror(rc));
    }
    int rc = bind(fd, &addr->sa, gost_sockaddr_len(addr));
    if (rc == 0 && claim) /* whoever had the port would have shared it, had we said so before */
        set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (rc == 0 && listen(fd, backlog) == 0)
        return fd;
    rc = -errno;
    close(fd);
    return gost_fail(rc, "listen on %s: %s", gost_sockaddr_format(addr, text), gost_strerror(rc));
}

int gost__sockopt_listen(const union gost_sockaddr *addr, const struct gost_socket_options *o,
                         int backlog)
{
    struct gost__netns ns;
    int rc = gost__netns_enter(&ns, o ? o->netns : NULL);
    if (rc != 0)
        return rc;
    rc = listen_socket(addr, o, backlog);
    gost__netns_leave(&ns);
    return rc;
}
