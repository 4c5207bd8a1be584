#include "core/base/addr.h"

#include "core/base/diag.h"
#include "core/base/error.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

static int parse_port(uint16_t *port, const char *text, size_t n)
{
    unsigned value = 0;
    if (n == 0 || n > 5)
        return gost_fail(GOST_ECONFIG, "invalid port \"%.*s\", expected 0 to 65535", (int)n, text);
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return gost_fail(GOST_ECONFIG, "invalid port \"%.*s\", expected 0 to 65535", (int)n,
                             text);
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    if (value > 65535)
        return gost_fail(GOST_ECONFIG, "invalid port \"%.*s\", expected 0 to 65535", (int)n, text);
    *port = (uint16_t)value;
    return 0;
}

static int set_host(struct gost_addr *a, const char *host, size_t n)
{
    if (n >= GOST_HOST_MAX)
        return gost_fail(GOST_ECONFIG, "host name of %zu bytes, at most 255 are allowed", n);
    if (memchr(host, '\0', n))
        return gost_fail(GOST_ECONFIG, "host name with a NUL byte");
    memcpy(a->host, host, n);
    a->host[n] = '\0';
    return 0;
}

int gost_addr_parse(struct gost_addr *a, const char *text, size_t n, uint16_t default_port)
{
    a->host[0] = '\0';
    a->port = default_port;
    if (n > 0 && text[0] == '[') {
        const char *close = memchr(text, ']', n);
        if (!close)
            return gost_fail(GOST_ECONFIG, "address \"%.*s\" lacks a closing bracket", (int)n, text);
        size_t rest = n - (size_t)(close + 1 - text);
        if (rest > 0 && close[1] != ':')
            return gost_fail(GOST_ECONFIG, "address \"%.*s\": expected \":port\" after the bracket",
                             (int)n, text);
        int rc = rest > 1 ? parse_port(&a->port, close + 2, rest - 1) : 0;
        return rc ? rc : set_host(a, text + 1, (size_t)(close - text - 1));
    }
    const char *colon = memchr(text, ':', n);
    if (!colon || memchr(colon + 1, ':', n - (size_t)(colon + 1 - text)))
        return set_host(a, text, n); /* a name, or an IPv6 literal without brackets */
    size_t digits = n - (size_t)(colon + 1 - text);
    int rc = digits > 0 ? parse_port(&a->port, colon + 1, digits) : 0;
    return rc ? rc : set_host(a, text, (size_t)(colon - text));
}

char *gost_addr_format(const struct gost_addr *a, char *buf)
{
    const char *fmt = strchr(a->host, ':') ? "[%s]:%u" : "%s:%u";
    snprintf(buf, GOST_HOSTPORT_MAX, fmt, a->host, a->port);
    return buf;
}

int gost_ip_parse(const char *host, uint16_t port, union gost_sockaddr *out)
{
    union gost_sockaddr s;
    memset(&s, 0, sizeof(s));
    if (inet_pton(AF_INET, host, &s.v4.sin_addr) == 1) {
        s.v4.sin_family = AF_INET;
        s.v4.sin_port = htons(port);
    } else {
        char bare[INET6_ADDRSTRLEN + 1];
        const char *zone = strchr(host, '%');
        size_t n = zone ? (size_t)(zone - host) : strlen(host);
        if (n >= sizeof(bare))
            return 0;
        memcpy(bare, host, n);
        bare[n] = '\0';
        if (inet_pton(AF_INET6, bare, &s.v6.sin6_addr) != 1)
            return 0;
        s.v6.sin6_family = AF_INET6;
        s.v6.sin6_port = htons(port);
        if (zone)
            s.v6.sin6_scope_id = if_nametoindex(zone + 1);
    }
    if (out)
        *out = s;
    return s.sa.sa_family;
}

socklen_t gost_sockaddr_len(const union gost_sockaddr *s)
{
    switch (s->sa.sa_family) {
    case AF_INET:
        return sizeof(s->v4);
    case AF_INET6:
        return sizeof(s->v6);
    default:
        break;
    }
    /* an abstract name starts with a NUL and is not terminated by one */
    size_t skip = s->un.sun_path[0] == '\0' && s->un.sun_path[1] != '\0' ? 1 : 0;
    size_t n = strnlen(s->un.sun_path + skip, sizeof(s->un.sun_path) - skip);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + skip + n +
                       (skip || n == 0 || n == sizeof(s->un.sun_path) ? 0 : 1));
}

static const union gost_sockaddr *unmapped(const union gost_sockaddr *s, union gost_sockaddr *room)
{
    if (s->sa.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&s->v6.sin6_addr))
        return s;
    *room = *s;
    gost_sockaddr_unmap(room);
    return room;
}

static char *format_unix(const union gost_sockaddr *s, char *buf)
{
    const char *path = s->un.sun_path;
    size_t room = sizeof(s->un.sun_path);
    if (path[0] != '\0')
        snprintf(buf, GOST_HOSTPORT_MAX, "%.*s", (int)strnlen(path, room), path);
    else
        snprintf(buf, GOST_HOSTPORT_MAX, "@%.*s", (int)strnlen(path + 1, room - 1), path + 1);
    return buf;
}

char *gost_sockaddr_host(const union gost_sockaddr *s, char *buf)
{
    union gost_sockaddr room;
    s = unmapped(s, &room);
    buf[0] = '\0';
    if (s->sa.sa_family == AF_INET)
        inet_ntop(AF_INET, &s->v4.sin_addr, buf, GOST_HOSTPORT_MAX);
    else if (s->sa.sa_family == AF_INET6)
        inet_ntop(AF_INET6, &s->v6.sin6_addr, buf, GOST_HOSTPORT_MAX);
    else if (s->sa.sa_family == AF_UNIX)
        format_unix(s, buf);
    return buf;
}

char *gost_sockaddr_format(const union gost_sockaddr *s, char *buf)
{
    union gost_sockaddr room;
    char host[GOST_HOSTPORT_MAX];
    s = unmapped(s, &room);
    if (s->sa.sa_family == AF_UNIX)
        return format_unix(s, buf);
    gost_sockaddr_host(s, host);
    const char *fmt = s->sa.sa_family == AF_INET6 ? "[%.*s]:%u" : "%.*s:%u";
    snprintf(buf, GOST_HOSTPORT_MAX, fmt, INET6_ADDRSTRLEN, host, gost_sockaddr_port(s));
    return buf;
}

uint16_t gost_sockaddr_port(const union gost_sockaddr *s)
{
    if (s->sa.sa_family == AF_INET)
        return ntohs(s->v4.sin_port);
    if (s->sa.sa_family == AF_INET6)
        return ntohs(s->v6.sin6_port);
    return 0;
}

void gost_sockaddr_unmap(union gost_sockaddr *s)
{
    if (s->sa.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&s->v6.sin6_addr))
        return;
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = s->v6.sin6_port};
    memcpy(&v4.sin_addr, s->v6.sin6_addr.s6_addr + 12, 4);
    memset(s, 0, sizeof(*s));
    s->v4 = v4;
}

bool gost_sockaddr_equal(const union gost_sockaddr *a, const union gost_sockaddr *b)
{
    if (a->sa.sa_family != b->sa.sa_family)
        return false;
    if (a->sa.sa_family == AF_INET)
        return a->v4.sin_port == b->v4.sin_port && a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
    if (a->sa.sa_family == AF_INET6)
        return a->v6.sin6_port == b->v6.sin6_port &&
               memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof(a->v6.sin6_addr)) == 0;
    socklen_t n = gost_sockaddr_len(a);
    return n == gost_sockaddr_len(b) && memcmp(a, b, n) == 0;
}
