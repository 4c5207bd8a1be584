#include "core/policy/matcher.h"

#include "core/base/diag.h"
#include "core/base/error.h"

#include <arpa/inet.h>
#include <string.h>

void gost_matcher_create(struct gost_matcher *m)
{
    gost_cidrs_create(&m->addresses);
    gost_hostset_create(&m->hosts);
    m->count = 0;
}

void gost_matcher_destroy(struct gost_matcher *m)
{
    gost_cidrs_destroy(&m->addresses);
    gost_hostset_destroy(&m->hosts);
    m->count = 0;
}

/* ---- patterns ---- */

/* Bytes that no host, address or glob holds; a list split wrongly shows here. */
static bool is_clean(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)p[i] <= ' ' || p[i] == 0x7f)
            return false;
    return n > 0;
}

static bool is_glob(const char *p, size_t n)
{
    /* "[" at the start is an IPv6 address; inside, it can only be a class */
    return memchr(p, '*', n) || memchr(p, '?', n) || memchr(p, '{', n) || memchr(p + 1, '[', n - 1);
}

/* Split "host", "host:ports", "[v6]", "[v6]:ports"; more than one bare colon makes it all host. */
static int split_ports(const char **host, size_t *n, struct gost_ports *ports)
{
    const char *p = *host;
    const char *close = p[0] == '[' ? memchr(p, ']', *n) : NULL;
    const char *colon = memchr(p, ':', *n);
    *ports = GOST_PORTS_ANY;
    if (close && colon && colon < close) { /* a class such as [a-z] holds no colon */
        const char *rest = close + 1;
        size_t left = (size_t)(p + *n - rest);
        *host = p + 1;
        *n = (size_t)(close - p - 1);
        if (left > 0 && rest[0] != ':')
            return gost_fail(GOST_ECONFIG, "expected \":port\" after the bracket");
        return left > 0 ? gost_ports_parse(ports, rest + 1, left - 1) : 0;
    }
    size_t left = colon ? (size_t)(p + *n - colon - 1) : 0;
    if (!colon || memchr(colon + 1, ':', left))
        return 0;
    *n = (size_t)(colon - p);
    return gost_ports_parse(ports, colon + 1, left);
}

static int add_host(struct gost_matcher *m, const char *p, size_t n)
{
    struct gost_ports ports;
    struct gost_ip ip;
    union gost_sockaddr s;
    char text[GOST_HOSTPORT_MAX];
    bool glob = is_glob(p, n);
    int rc = split_ports(&p, &n, &ports);
    if (rc)
        return rc;
    if (n == 0)
        return gost_fail(GOST_ECONFIG, "no host; \"*\" stands for all of them");
    if (glob)
        return gost_hostset_add_glob(&m->hosts, p, n, ports);
    if (memchr(p, '/', n))
        return gost_fail(GOST_ECONFIG, "neither a network nor a host name");
    if (!gost_ip_from_text(&ip, p, n))
        return gost_domains_add_text(&m->hosts.names, p, n, ports);
    gost_ip_to_sockaddr(ip, 0, &s); /* in the one spelling that gost_matcher_match looks for */
    gost_sockaddr_host(&s, text);
    return gost_domains_add(&m->hosts.names, text, strlen(text), GOST_DOMAIN_EXACT, ports);
}

static int add_pattern(struct gost_matcher *m, const char *p, size_t n)
{
    struct gost_ip first, last;
    unsigned bits;
    if (!is_clean(p, n))
        return gost_fail(GOST_ECONFIG, n ? "blanks or control characters" : "empty pattern");
    if (gost_cidr_parse(&first, &bits, p, n))
        return gost_cidrs_add(&m->addresses, p, n);
    if (is_glob(p, n))
        return add_host(m, p, n);
    const char *dash = memchr(p, '-', n);
    bool range = dash && gost_ip_from_text(&first, p, (size_t)(dash - p)) &&
                 gost_ip_from_text(&last, dash + 1, n - (size_t)(dash - p) - 1);
    if (range || gost_ip_from_text(&first, p, n))
        return gost_cidrs_add(&m->addresses, p, n);
    return add_host(m, p, n);
}

int gost_matcher_add(struct gost_matcher *m, const char *pattern, size_t n)
{
    int rc = add_pattern(m, pattern, n);
    if (rc)
        return gost_fail_at(rc, "pattern \"%.*s\"", (int)(n < 100 ? n : 100), pattern);
    m->count++;
    return 0;
}

int gost_matcher_add_source(struct gost_cidrs *set, const char *pattern, size_t n)
{
    struct gost_ip ip;
    unsigned bits;
    const char *dash = memchr(pattern, '-', n);
    if (!is_clean(pattern, n) || n >= GOST_HOST_MAX || is_glob(pattern, n))
        return gost_fail(GOST_ECONFIG, "\"%.*s\" is no address, network or name",
                         (int)(n < 100 ? n : 100), pattern);
    if (gost_cidr_parse(&ip, &bits, pattern, n) || gost_ip_from_text(&ip, pattern, n) ||
        (dash && gost_ip_from_text(&ip, pattern, (size_t)(dash - pattern))))
        return gost_cidrs_add(set, pattern, n);
    if (memchr(pattern, '/', n) || memchr(pattern, ':', n))
        return gost_fail(GOST_ECONFIG, "\"%.*s\" is no address, network or name", (int)n, pattern);
    return GOST_MATCHER_NAME;
}

/* ---- questions ---- */

/* Is the host an address? Also in the spellings that some resolvers still take ("127.1",
 * "0x7f000001", "2130706433"): who hides an address behind them must not slip through. */
static bool host_address(struct gost_ip *ip, const char *host, size_t n)
{
    struct in_addr legacy;
    if (gost_ip_from_text(ip, host, n))
        return true;
    if (n == 0 || host[0] < '0' || host[0] > '9' || inet_aton(host, &legacy) == 0)
        return false;
    union gost_sockaddr s = {.v4 = {.sin_family = AF_INET, .sin_addr = legacy}};
    return gost_ip_from_sockaddr(ip, &s);
}

/* Letters beyond f, and no colon: surely a name, which most hosts are. */
static bool surely_name(const char *host, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (host[i] == ':')
            return false;
        if (host[i] > 'f' && host[i] != 'x')
            return true;
    }
    return false;
}

bool gost_matcher_match(struct gost_matcher *m, const char *host, size_t n, uint16_t port)
{
    char normal[GOST_HOSTPORT_MAX];
    struct gost_ip ip;
    size_t len = gost_domain_normalise(normal, sizeof(normal), host, n);
    if (len == sizeof(normal))
        return false; /* no host is that long */
    if (!surely_name(normal, len) && host_address(&ip, normal, len)) {
        union gost_sockaddr s;
        if (gost_cidrs_match(&m->addresses, ip))
            return true;
        gost_ip_to_sockaddr(ip, 0, &s);
        gost_sockaddr_host(&s, normal);
        len = strlen(normal);
    }
    return gost_hostset_match(&m->hosts, normal, len, port);
}
