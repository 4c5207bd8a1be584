#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/net/resolve.h"

#include <stdlib.h>
#include <string.h>

void gost_addrs_destroy(struct gost_addrs *a)
{
    free(a->addr);
    *a = (struct gost_addrs){0};
}

int gost_addrs_add(struct gost_addrs *a, const union gost_sockaddr *addr)
{
    if ((a->count & (a->count - 1)) == 0) { /* full at each power of two */
        size_t cap = a->count ? a->count * 2 : 1;
        union gost_sockaddr *grown = realloc(a->addr, cap * sizeof(*grown));
        if (!grown)
            return gost_fail_code(GOST_ENOMEM);
        a->addr = grown;
    }
    a->addr[a->count++] = *addr;
    return 0;
}

static int family_of(enum gost_family f)
{
    return f == GOST_FAMILY_V4 ? AF_INET : AF_INET6;
}

/* Index of the next address of a family at or behind `from`, or count. */
static size_t next_of(const struct gost_addrs *a, size_t from, int family)
{
    while (from < a->count && a->addr[from].sa.sa_family != family)
        from++;
    return from;
}

void gost_addrs_sort(struct gost_addrs *a, enum gost_family first)
{
    int family = family_of(first);
    for (size_t at = 0; at < a->count; at++) {
        size_t from = next_of(a, at, family);
        if (from == a->count)
            from = at; /* only the other family is left */
        union gost_sockaddr taken = a->addr[from];
        memmove(&a->addr[at + 1], &a->addr[at], (from - at) * sizeof(taken));
        a->addr[at] = taken;
        family = taken.sa.sa_family == AF_INET6 ? AF_INET : AF_INET6;
    }
}
