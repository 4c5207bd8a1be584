#include "core/net/resolve.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/net/resolve_query.h"
#include "core/runtime/loop.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { CHECK_MS = 3000, TIMEOUT_MS = 5000, LABEL_MAX = 63, NAME_MAX_BYTES = 253 };

static const char *conf_path; /* NULL: the system's */
static uint64_t conf_check_ms = CHECK_MS;
static uint16_t conf_port; /* 0: 53 */
static _Thread_local struct gost_resolver *system_resolver;

void gost__resolve_set_conf(const char *path, uint64_t check_ms, uint16_t port)
{
    conf_path = path;
    conf_port = path ? port : 0;
    conf_check_ms = path ? check_ms : CHECK_MS;
}

/* --- resolvers --- */

static struct gost_resolver *resolver_alloc(size_t count)
{
    struct gost_resolver *r = calloc(1, sizeof(*r) + count * sizeof(r->server[0]));
    if (!r) {
        gost_fail_code(GOST_ENOMEM);
        return NULL;
    }
    r->refs = 1;
    r->count = count;
    gost_map_create(&r->open);
    gost__answers_create(&r->cache);
    return r;
}

/* Split "tcp://[::1]:53". @return 0 or a code with diag */
static int server_parse(struct gost__server *s, const struct gost_nameserver *conf)
{
    const char *text = conf->addr, *scheme = strstr(text, "://");
    size_t n = scheme ? (size_t)(scheme - text) : 0;
    struct gost_addr addr;
    char room[GOST_HOSTPORT_MAX];
    s->tcp = n == 3 && strncasecmp(text, "tcp", 3) == 0;
    if ((n == 3 && (strncasecmp(text, "tls", 3) == 0 || strncasecmp(text, "dot", 3) == 0)) ||
        (n == 5 && strncasecmp(text, "https", 5) == 0))
        return gost_fail(GOST_ENOTSUP, "name server %s: %.*s is not implemented", text, (int)n,
                         text);
    if (scheme && !s->tcp && (n != 3 || strncasecmp(text, "udp", 3) != 0))
        return gost_fail(GOST_ECONFIG, "name server %s: unknown scheme, expected udp or tcp", text);
    const char *rest = scheme ? scheme + 3 : text;
    int rc = gost_addr_parse(&addr, rest, strlen(rest), 53);
    if (rc == 0 && !gost_ip_parse(addr.host, addr.port, NULL))
        rc = gost_fail(GOST_ECONFIG, "expected an IP address");
    if (rc != 0)
        return gost_fail_at(rc, "name server %s", text);
    s->addr = strdup(gost_addr_format(&addr, room));
    s->conf = *conf;
    s->conf.addr = NULL;
    s->conf.timeout_ms = conf->timeout_ms > 0 ? conf->timeout_ms : TIMEOUT_MS;
    return s->addr ? 0 : gost_fail_code(GOST_ENOMEM);
}

int gost_resolver_new(const struct gost_nameserver *servers, size_t count,
                      struct gost_resolver **out)
{
    if (count == 0 || count > GOST_RESOLVER_SERVERS_MAX)
        return gost_fail(GOST_ECONFIG, "a resolver has 1 to %d name servers, not %zu",
                         GOST_RESOLVER_SERVERS_MAX, count);
    struct gost_resolver *r = resolver_alloc(count);
    int rc = r ? 0 : GOST_ENOMEM;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = server_parse(&r->server[i], &servers[i]);
    if (rc != 0) {
        gost_resolver_unref(r);
        return rc;
    }
    *out = r;
    return 0;
}

void gost_resolver_ref(struct gost_resolver *r)
{
    r->refs++;
}

void gost_resolver_unref(struct gost_resolver *r)
{
    if (!r || --r->refs > 0)
        return;
    r->closing = true;
    gost__channel_delete(r->hosts);
    for (size_t i = 0; i < r->count; i++) {
        gost__channel_delete(r->server[i].channel);
        free(r->server[i].addr);
    }
    gost__answers_clear(&r->cache);
    gost_map_destroy(&r->open, NULL);
    free(r);
}

void gost_resolver_clear(struct gost_resolver *r)
{
    gost__answers_clear(&r->cache);
}

/* Did resolv.conf change since the last look? Looks at most every few seconds. */
static bool conf_changed(struct gost_resolver *r)
{
    struct stat st = {0};
    if (gost_now() < r->check_at)
        return false;
    r->check_at = gost_now() + conf_check_ms;
    stat(conf_path ? conf_path : "/etc/resolv.conf", &st); /* a missing one is a state, too */
    bool same = r->conf_mark.sec == st.st_mtim.tv_sec && r->conf_mark.nsec == st.st_mtim.tv_nsec &&
                r->conf_mark.inode == st.st_ino;
    r->conf_mark.sec = st.st_mtim.tv_sec;
    r->conf_mark.nsec = st.st_mtim.tv_nsec;
    r->conf_mark.inode = st.st_ino;
    return !same;
}

struct gost__channel *gost__server_channel(struct gost_resolver *r, struct gost__server *s)
{
    struct gost__channel_config config = {
        .servers = s->addr, .tcp = s->tcp, .timeout_ms = s->conf.timeout_ms};
    if (r->system) {
        config.resolv_conf = conf_path;
        config.port = conf_port;
    }
    if (!s->channel)
        gost__channel_new(&config, &s->channel);
    return s->channel;
}

/* Use the new resolv.conf, and forget what the old one's servers said. */
static void system_follow(struct gost_resolver *r)
{
    struct gost__channel *old = r->server[0].channel;
    if (!conf_changed(r) || !old)
        return;
    gost__answers_clear(&r->cache);
    r->server[0].channel = NULL;
    if (gost__server_channel(r, &r->server[0]))
        gost__channel_delete(old); /* its queries start again on the new one */
    else
        r->server[0].channel = old; /* better than none */
}

static struct gost_resolver *system_get(void)
{
    if (!system_resolver && (system_resolver = resolver_alloc(1)))
        system_resolver->system = true;
    return system_resolver;
}

void gost_resolve_cleanup(void)
{
    gost_resolver_unref(system_resolver);
    system_resolver = NULL;
}

/* --- names --- */

static bool is_localhost(const char *name)
{
    size_t n = strlen(name);
    if (n > 0 && name[n - 1] == '.')
        n--;
    return n >= 9 && strncasecmp(name + n - 9, "localhost", 9) == 0 &&
           (n == 9 || name[n - 10] == '.');
}

/* Letters, digits, "-" and "_" in labels of 1 to 63; a dot may end it. Nothing else is ever asked
 * for. */
static bool is_name(const char *name)
{
    size_t n = strlen(name), label = 0;
    if (n > 0 && name[n - 1] == '.')
        n--;
    if (n == 0 || n > NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)name[i];
        if (c == '.' ? label == 0 : !(c < 0x80 && isalnum(c)) && c != '-' && c != '_')
            return false;
        label = c == '.' ? 0 : label + 1;
        if (label > LABEL_MAX)
            return false;
    }
    return label > 0;
}

/* "a:", "4:" or "6:" and the name in lower case. */
static void make_key(char *key, const char *name, enum gost_family family)
{
    size_t n = 0;
    key[n++] = "a46"[family];
    key[n++] = ':';
    for (; *name; name++)
        key[n++] = (char)tolower((unsigned char)*name);
    key[n] = '\0';
}

static void set_port(union gost_sockaddr *s, uint16_t port)
{
    if (s->sa.sa_family == AF_INET)
        s->v4.sin_port = htons(port);
    else
        s->v6.sin6_port = htons(port);
}

static int copy_out(struct gost_addrs *out, const struct gost_addrs *from, uint16_t port)
{
    for (size_t i = 0; i < from->count; i++) {
        union gost_sockaddr addr = from->addr[i];
        set_port(&addr, port);
        int rc = gost_addrs_add(out, &addr);
        if (rc != 0) {
            gost_addrs_destroy(out);
            return rc;
        }
    }
    return 0;
}

static bool fits(enum gost_family family, int af)
{
    return family == GOST_FAMILY_ANY || (family == GOST_FAMILY_V4) == (af == AF_INET);
}

/* Literals and the loopback. @return 1 when `host` is neither */
static int lookup_known(const char *host, uint16_t port, enum gost_family family,
                        struct gost_addrs *out)
{
    static const char *const loopback[] = {"::1", "127.0.0.1"};
    union gost_sockaddr addr;
    int af = gost_ip_parse(host, port, &addr);
    if (af != 0 && !fits(family, af))
        return gost_fail(GOST_EDNS, "not an address of the wanted family");
    if (af != 0)
        return gost_addrs_add(out, &addr);
    if (!is_localhost(host))
        return is_name(host) ? 1 : gost_fail(GOST_EDNS, "no such host");
    for (int i = 0, rc; i < 2; i++) {
        af = gost_ip_parse(loopback[i], port, &addr);
        if (fits(family, af) && (rc = gost_addrs_add(out, &addr)) != 0)
            return rc;
    }
    return 0;
}

static int lookup_query(struct gost_resolver *r, const char *key, uint16_t port,
                        enum gost_family family, uint64_t deadline, bool whole,
                        struct gost_addrs *out)
{
    struct gost__query *q = gost__query_take(r, key, family);
    if (!q)
        return r->open.count >= GOST__QUERIES_MAX ? GOST_ELIMIT : GOST_ENOMEM;
    int rc = gost__query_wait(q, deadline, whole);
    if (rc == 0)
        rc = copy_out(out, &q->found, port);
    if (rc == 0 && !q->done) {
        out->partial = true;
        gost_addrs_sort(out, q->first);
    }
    gost__query_unref(q);
    return rc;
}

static int lookup_name(struct gost_resolver *r, const char *host, uint16_t port,
                       enum gost_family family, uint64_t deadline, bool whole,
                       struct gost_addrs *out)
{
    char key[GOST__NAME_KEY_MAX];
    make_key(key, host, family);
    if (r->system)
        system_follow(r);
    const struct gost__answer *a = gost__answers_get(&r->cache, key);
    if (!a)
        return lookup_query(r, key, port, family, deadline, whole, out);
    int rc = copy_out(out, &a->addrs, port);
    if (a->expires <= gost_now()) { /* refresh it meanwhile */
        struct gost__query *q = gost__query_take(r, key, family);
        if (q)
            gost__query_unref(q);
    }
    return rc;
}

int gost__resolver_lookup(struct gost_resolver *r, const char *host, uint16_t port,
                          enum gost_family family, uint64_t deadline, bool whole,
                          struct gost_addrs *out)
{
    *out = (struct gost_addrs){0};
    int rc = lookup_known(host, port, family, out);
    if (rc == 1) {
        r = r ? r : system_get();
        if (!r)
            return GOST_ENOMEM;
        gost_resolver_ref(r); /* the caller may sleep in here while the configuration changes */
        rc = lookup_name(r, host, port, family, deadline, whole, out);
        gost_resolver_unref(r);
    }
    return rc == 0 ? 0 : gost_fail_at(rc, "lookup %s", host);
}

int gost_resolver_lookup(struct gost_resolver *r, const char *host, uint16_t port,
                         enum gost_family family, uint64_t deadline, struct gost_addrs *out)
{
    return gost__resolver_lookup(r, host, port, family, deadline, false, out);
}

int gost_resolve(const char *host, uint16_t port, enum gost_family family, uint64_t deadline,
                 struct gost_addrs *out)
{
    return gost_resolver_lookup(NULL, host, port, family, deadline, out);
}
