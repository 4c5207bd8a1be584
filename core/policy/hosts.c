#include "core/policy/hosts.h"

#include "core/base/cidr.h"
#include "core/base/diag.h"
#include "core/base/domains.h"
#include "core/base/error.h"
#include "core/policy/lines.h"

#include <stdlib.h>
#include <string.h>

struct hosts_entry {
    size_t count, cap;
    struct gost_ip *ips;
};

int gost_hosts_new(struct gost_hosts **out)
{
    struct gost_hosts *h = *out = calloc(1, sizeof(*h));
    if (!h)
        return gost_fail_code(GOST_ENOMEM);
    h->refs = 1;
    gost_map_create(&h->names);
    return 0;
}

struct gost_hosts *gost_hosts_ref(struct gost_hosts *h)
{
    h->refs++;
    return h;
}

static void drop_entry(void *value)
{
    struct hosts_entry *e = value;
    free(e->ips);
    free(e);
}

void gost_hosts_unref(struct gost_hosts *h)
{
    if (!h || --h->refs > 0)
        return;
    gost_map_destroy(&h->names, drop_entry);
    free(h);
}

static struct hosts_entry *entry_of(struct gost_hosts *h, const char *key, size_t n)
{
    struct hosts_entry *e = gost_map_get(&h->names, key, n);
    if (e)
        return e;
    e = calloc(1, sizeof(*e));
    if (e && gost_map_set(&h->names, key, n, e, NULL) != 0) {
        free(e);
        e = NULL;
    }
    return e;
}

static int entry_add(struct hosts_entry *e, struct gost_ip ip)
{
    for (size_t i = 0; i < e->count; i++)
        if (gost_ip_compare(e->ips[i], ip) == 0)
            return 0;
    if (e->count == e->cap) {
        size_t cap = e->cap ? e->cap * 2 : 1;
        struct gost_ip *more = realloc(e->ips, cap * sizeof(*more));
        if (!more)
            return gost_fail_code(GOST_ENOMEM);
        e->ips = more;
        e->cap = cap;
    }
    e->ips[e->count++] = ip;
    return 0;
}

int gost_hosts_add(struct gost_hosts *h, const char *ip, size_t ip_len, const char *name,
                   size_t name_len)
{
    char key[GOST_HOST_MAX + 1];
    struct gost_ip addr;
    if (!gost_ip_from_text(&addr, ip, ip_len))
        return gost_fail(GOST_ECONFIG, "\"%.*s\" is no IP address", (int)ip_len, ip);
    size_t n = gost_domain_normalise(key, sizeof(key), name, name_len);
    if (n == 0 && name_len > 0)
        key[n++] = '.'; /* the catch-all: normalising takes its dot for a trailing one */
    if (n == 0 || n == sizeof(key))
        return gost_fail(GOST_ECONFIG, "a host name has 1 to %d bytes", GOST_HOST_MAX - 1);
    struct hosts_entry *e = entry_of(h, key, n);
    return e ? entry_add(e, addr) : gost_fail_code(GOST_ENOMEM);
}

static int add_line(void *obj, const char *line, size_t n)
{
    const char *ip, *name;
    size_t ip_len = gost_line_word(&line, &n, &ip);
    if (n == 0)
        return gost_fail(GOST_ECONFIG, "expected \"ip name [name ...]\"");
    int rc = 0;
    for (size_t len; rc == 0 && (len = gost_line_word(&line, &n, &name)) > 0;)
        rc = gost_hosts_add(obj, ip, ip_len, name, len);
    return rc;
}

int gost_hosts_load(struct gost_hosts *h, const char *text, size_t n)
{
    return gost_lines_load(text, n, GOST_COMMENTS_ANYWHERE, add_line, h);
}

void gost_hosts_swap(struct gost_hosts *a, struct gost_hosts *b)
{
    struct gost_map names = a->names;
    a->names = b->names;
    b->names = names;
}

/* @param key  "." and the normalised name */
static const struct hosts_entry *find_entry(const struct gost_hosts *h, const char *key, size_t n)
{
    const struct hosts_entry *e = gost_map_get(&h->names, key + 1, n - 1);
    for (size_t i = 0; !e && i < n; i++)
        if (key[i] == '.')
            e = gost_map_get(&h->names, key + i, n - i);
    return e ? e : gost_map_get(&h->names, ".", 1);
}

size_t gost_hosts_find(const struct gost_hosts *h, const char *name, size_t n, int family,
                       uint16_t port, union gost_sockaddr *out, size_t max)
{
    char key[GOST_HOST_MAX + 1] = ".";
    size_t len = gost_domain_normalise(key + 1, GOST_HOST_MAX, name, n);
    if (len == 0 || len == GOST_HOST_MAX)
        return 0;
    const struct hosts_entry *e = find_entry(h, key, len + 1);
    size_t written = 0;
    for (size_t i = 0; e && i < e->count && written < max; i++) {
        if (family != AF_UNSPEC && (family == AF_INET) != gost_ip_is_v4(e->ips[i]))
            continue;
        gost_ip_to_sockaddr(e->ips[i], port, &out[written++]);
    }
    return written;
}
