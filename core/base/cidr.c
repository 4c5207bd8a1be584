#include "core/base/cidr.h"

#include "core/base/diag.h"
#include "core/base/error.h"

#include <stdlib.h>
#include <string.h>

/* So many additions are searched one by one before the whole set is put in order again. */
enum { TAIL_MAX = 64 };

#define V4_PREFIX 0x0000ffff00000000u

/* The neighbours of the IPv4 addresses. */
static const struct gost_ip before_v4 = {0, V4_PREFIX - 1}, after_v4 = {0, V4_PREFIX + (1ull << 32)};

int gost_ip_compare(struct gost_ip a, struct gost_ip b)
{
    if (a.hi != b.hi)
        return a.hi < b.hi ? -1 : 1;
    return a.lo < b.lo ? -1 : a.lo > b.lo;
}

bool gost_ip_is_v4(struct gost_ip ip)
{
    return ip.hi == 0 && (ip.lo & 0xffffffff00000000u) == V4_PREFIX;
}

static uint64_t load_be64(const uint8_t *p)
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v = v << 8 | p[i];
    return v;
}

static void store_be64(uint8_t *p, uint64_t v)
{
    for (int i = 7; i >= 0; i--, v >>= 8)
        p[i] = (uint8_t)v;
}

bool gost_ip_from_sockaddr(struct gost_ip *ip, const union gost_sockaddr *s)
{
    if (s->sa.sa_family == AF_INET) {
        *ip = (struct gost_ip){0, V4_PREFIX | ntohl(s->v4.sin_addr.s_addr)};
        return true;
    }
    if (s->sa.sa_family != AF_INET6)
        return false;
    ip->hi = load_be64(s->v6.sin6_addr.s6_addr);
    ip->lo = load_be64(s->v6.sin6_addr.s6_addr + 8);
    return true;
}

void gost_ip_to_sockaddr(struct gost_ip ip, uint16_t port, union gost_sockaddr *s)
{
    memset(s, 0, sizeof(*s));
    if (gost_ip_is_v4(ip)) {
        s->v4.sin_family = AF_INET;
        s->v4.sin_port = htons(port);
        s->v4.sin_addr.s_addr = htonl((uint32_t)ip.lo);
    } else {
        s->v6.sin6_family = AF_INET6;
        s->v6.sin6_port = htons(port);
        store_be64(s->v6.sin6_addr.s6_addr, ip.hi);
        store_be64(s->v6.sin6_addr.s6_addr + 8, ip.lo);
    }
}

bool gost_ip_from_text(struct gost_ip *ip, const char *text, size_t n)
{
    char bare[64];
    union gost_sockaddr s;
    if (n >= 2 && text[0] == '[' && text[n - 1] == ']') {
        text++;
        n -= 2;
    }
    const char *zone = memchr(text, '%', n);
    if (zone)
        n = (size_t)(zone - text);
    if (n >= sizeof(bare) || memchr(text, '\0', n))
        return false;
    memcpy(bare, text, n);
    bare[n] = '\0';
    int family = gost_ip_parse(bare, 0, &s);
    return family != 0 && (!zone || family == AF_INET6) && gost_ip_from_sockaddr(ip, &s);
}

struct gost_ip gost_ip_mask(struct gost_ip ip, unsigned bits)
{
    if (bits < 64)
        return (struct gost_ip){bits ? ip.hi & ~(uint64_t)0 << (64 - bits) : 0, 0};
    bits -= 64;
    return (struct gost_ip){ip.hi, bits ? ip.lo & ~(uint64_t)0 << (64 - bits) : 0};
}

static struct gost_ip last_of(struct gost_ip base, unsigned bits)
{
    struct gost_ip ones = gost_ip_mask((struct gost_ip){~(uint64_t)0, ~(uint64_t)0}, bits);
    return (struct gost_ip){base.hi | ~ones.hi, base.lo | ~ones.lo};
}

bool gost_cidr_parse(struct gost_ip *base, unsigned *bits, const char *text, size_t n)
{
    const char *slash = memchr(text, '/', n);
    if (!slash)
        return false;
    size_t host = (size_t)(slash - text), digits = n - host - 1;
    struct gost_ip ip;
    unsigned value = 0;
    if (digits == 0 || digits > 3 || !gost_ip_from_text(&ip, text, host))
        return false;
    for (size_t i = 1; i <= digits; i++) {
        if (slash[i] < '0' || slash[i] > '9')
            return false;
        value = value * 10 + (unsigned)(slash[i] - '0');
    }
    /* ::ffff:10.0.0.0/104 counts in 128 bits already, 10.0.0.0/8 does not */
    if (!memchr(text, ':', host))
        value = value > 32 ? 129 : value + 96;
    if (value > 128)
        return false;
    *base = gost_ip_mask(ip, value);
    *bits = value;
    return true;
}

void gost_cidrs_create(struct gost_cidrs *set)
{
    *set = (struct gost_cidrs){0};
}

void gost_cidrs_destroy(struct gost_cidrs *set)
{
    free(set->ranges);
    gost_cidrs_create(set);
}

static int append(struct gost_cidrs *set, struct gost_ip first, struct gost_ip last)
{
    if (set->count == set->cap) {
        size_t cap = set->cap ? set->cap * 2 : 16;
        struct gost_ip_range *more = realloc(set->ranges, cap * sizeof(*more));
        if (!more)
            return gost_fail_code(GOST_ENOMEM);
        set->ranges = more;
        set->cap = cap;
    }
    set->ranges[set->count++] = (struct gost_ip_range){first, last};
    return 0;
}

int gost_cidrs_add_range(struct gost_cidrs *set, struct gost_ip first, struct gost_ip last)
{
    bool v4 = gost_ip_is_v4(first);
    if (v4 != gost_ip_is_v4(last))
        return gost_fail(GOST_ECONFIG, "address range mixes IPv4 and IPv6");
    if (gost_ip_compare(first, last) > 0)
        return gost_fail(GOST_ECONFIG, "address range is backwards");
    if (v4 || gost_ip_compare(last, before_v4) <= 0 || gost_ip_compare(first, after_v4) >= 0)
        return append(set, first, last);
    int rc = append(set, first, before_v4);
    return rc ? rc : append(set, after_v4, last);
}

int gost_cidrs_add(struct gost_cidrs *set, const char *text, size_t n)
{
    struct gost_ip first, last;
    unsigned bits;
    if (gost_cidr_parse(&first, &bits, text, n)) {
        last = last_of(first, bits);
        if (!gost_ip_is_v4(first) && gost_ip_is_v4(last))
            last = before_v4; /* ::/80 to ::fffe:0:0/95 end with the mapped addresses */
        return gost_cidrs_add_range(set, first, last);
    }
    if (gost_ip_from_text(&first, text, n))
        return append(set, first, first);
    const char *dash = memchr(text, '-', n);
    size_t left = dash ? (size_t)(dash - text) : 0;
    if (!dash || !gost_ip_from_text(&first, text, left) ||
        !gost_ip_from_text(&last, dash + 1, n - left - 1))
        return gost_fail(GOST_ECONFIG, "\"%.*s\" is no IP address, network or range", (int)n, text);
    int rc = gost_cidrs_add_range(set, first, last);
    return rc ? gost_fail_at(rc, "\"%.*s\"", (int)n, text) : 0;
}

static int by_first(const void *a, const void *b)
{
    return gost_ip_compare(((const struct gost_ip_range *)a)->first,
                           ((const struct gost_ip_range *)b)->first);
}

static void put_in_order(struct gost_cidrs *set)
{
    qsort(set->ranges, set->count, sizeof(*set->ranges), by_first);
    size_t kept = 0;
    for (size_t i = 1; i < set->count; i++) {
        struct gost_ip_range *last = &set->ranges[kept], *r = &set->ranges[i];
        if (gost_ip_compare(r->first, last->last) > 0)
            set->ranges[++kept] = *r;
        else if (gost_ip_compare(r->last, last->last) > 0)
            last->last = r->last;
    }
    set->count = set->sorted = kept + 1;
}

static bool within(const struct gost_ip_range *r, struct gost_ip ip)
{
    return gost_ip_compare(r->first, ip) <= 0 && gost_ip_compare(ip, r->last) <= 0;
}

bool gost_cidrs_match(struct gost_cidrs *set, struct gost_ip ip)
{
    if (set->count - set->sorted > TAIL_MAX)
        put_in_order(set);
    for (size_t i = set->sorted; i < set->count; i++)
        if (within(&set->ranges[i], ip))
            return true;
    size_t low = 0, high = set->sorted; /* the last range that begins at or before ip */
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (gost_ip_compare(set->ranges[mid].first, ip) <= 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low > 0 && within(&set->ranges[low - 1], ip);
}
