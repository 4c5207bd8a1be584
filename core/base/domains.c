#include "core/base/domains.h"

#include "core/base/addr.h"
#include "core/base/diag.h"
#include "core/base/error.h"

#include <stdlib.h>
#include <string.h>

struct domain_rule {
    struct gost_ports ports;
    unsigned kinds;
    struct domain_rule *next;
};

static bool parse_number(uint32_t *value, const char *text, size_t n)
{
    *value = 0;
    if (n == 0 || n > 9)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *value = *value * 10 + (uint32_t)(text[i] - '0');
    }
    return true;
}

int gost_ports_parse(struct gost_ports *ports, const char *text, size_t n)
{
    const char *dash = memchr(text, '-', n);
    size_t left = dash ? (size_t)(dash - text) : n;
    bool ok = parse_number(&ports->min, text, left);
    ports->max = ports->min;
    if (ok && dash)
        ok = parse_number(&ports->max, dash + 1, n - left - 1);
    if (!ok)
        return gost_fail(GOST_ECONFIG, "\"%.*s\" is no port or range of ports", (int)n, text);
    if (ports->min > ports->max)
        return gost_fail(GOST_ECONFIG, "range of ports \"%.*s\" is backwards", (int)n, text);
    return 0;
}

void gost_domains_create(struct gost_domains *d)
{
    *d = (struct gost_domains){0};
}

static void drop_rules(void *value)
{
    for (struct domain_rule *r = value, *next; r; r = next) {
        next = r->next;
        free(r);
    }
}

void gost_domains_destroy(struct gost_domains *d)
{
    gost_map_destroy(&d->names, drop_rules);
    gost_domains_create(d);
}

size_t gost_domain_normalise(char *out, size_t room, const char *name, size_t n)
{
    while (n > 0 && name[n - 1] == '.')
        n--;
    if (n >= room)
        return room;
    for (size_t i = 0; i < n; i++)
        out[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] | 0x20) : name[i];
    out[n] = '\0';
    return n;
}

static size_t labels_of(const char *name, size_t n)
{
    size_t labels = 1;
    for (size_t i = 0; i < n; i++)
        labels += name[i] == '.';
    return labels;
}

static bool covered(const struct domain_rule *r, unsigned kinds, struct gost_ports ports)
{
    for (; r; r = r->next)
        if ((r->kinds & kinds) == kinds && r->ports.min <= ports.min && ports.max <= r->ports.max)
            return true;
    return false;
}

int gost_domains_add(struct gost_domains *d, const char *name, size_t n, unsigned kinds,
                     struct gost_ports ports)
{
    char normal[GOST_HOST_MAX];
    size_t len = gost_domain_normalise(normal, sizeof(normal), name, n);
    if (len == 0 || len == sizeof(normal))
        return gost_fail(GOST_ECONFIG, "a host name has 1 to %d bytes", GOST_HOST_MAX - 1);
    struct domain_rule *first = gost_map_get(&d->names, normal, len);
    if (covered(first, kinds, ports))
        return 0;
    struct domain_rule *r = malloc(sizeof(*r));
    if (!r)
        return gost_fail_code(GOST_ENOMEM);
    *r = (struct domain_rule){.ports = ports, .kinds = kinds, .next = first};
    int rc = gost_map_set(&d->names, normal, len, r, NULL);
    if (rc) {
        free(r);
        return gost_fail_code(rc);
    }
    size_t labels = labels_of(normal, len);
    if (labels > d->max_labels)
        d->max_labels = labels;
    return 0;
}

int gost_domains_add_text(struct gost_domains *d, const char *text, size_t n,
                          struct gost_ports ports)
{
    if (n > 0 && text[0] == '.')
        return gost_domains_add(d, text + 1, n - 1, GOST_DOMAIN_EXACT | GOST_DOMAIN_BELOW, ports);
    return gost_domains_add(d, text, n, GOST_DOMAIN_EXACT, ports);
}

static bool says_yes(const struct domain_rule *r, unsigned kind, uint32_t port)
{
    for (; r; r = r->next)
        if ((r->kinds & kind) && gost_ports_match(r->ports, port))
            return true;
    return false;
}

bool gost_domains_match_normal(const struct gost_domains *d, const char *name, size_t n,
                               uint32_t port)
{
    size_t labels = 0;
    for (size_t i = n; labels < d->max_labels; i--) {
        if (i > 0 && name[i - 1] != '.')
            continue;
        labels++;
        const struct domain_rule *r = gost_map_get(&d->names, name + i, n - i);
        if (r && says_yes(r, i == 0 ? GOST_DOMAIN_EXACT : GOST_DOMAIN_BELOW, port))
            return true;
        if (i == 0)
            break;
    }
    return false;
}

bool gost_domains_match(const struct gost_domains *d, const char *name, size_t n, uint32_t port)
{
    char normal[GOST_HOST_MAX];
    size_t len = gost_domain_normalise(normal, sizeof(normal), name, n);
    return len < sizeof(normal) && gost_domains_match_normal(d, normal, len, port);
}
