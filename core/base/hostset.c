#include "core/base/hostset.h"

#include "core/base/addr.h"
#include "core/base/diag.h"
#include "core/base/error.h"

#include <stdlib.h>
#include <string.h>

struct gost_hostset_rule {
    struct gost_glob *glob;
    struct gost_ports ports;
    struct gost_hostset_rule *next;
};

enum { GRAM = 4 };

void gost_hostset_create(struct gost_hostset *set)
{
    memset(set, 0, sizeof(*set));
    gost_domains_create(&set->names);
}

static void drop_rules(struct gost_hostset_rule *r)
{
    for (struct gost_hostset_rule *next; r; r = next) {
        next = r->next;
        gost_glob_delete(r->glob);
        free(r);
    }
}

void gost_hostset_destroy(struct gost_hostset *set)
{
    for (size_t i = 0; i < set->gram_cap; i++)
        drop_rules(set->grams[i].first);
    free(set->grams);
    free(set->filter);
    drop_rules(set->others);
    gost_domains_destroy(&set->names);
    memset(set, 0, sizeof(*set));
}

static inline uint32_t gram_hash(uint32_t gram)
{
    gram = (gram ^ gram >> 16) * 0x7feb352du;
    gram = (gram ^ gram >> 15) * 0x846ca68bu;
    return gram ^ gram >> 16;
}

/* Where the gram is, or would go. Keys come from the configuration, so a plain hash is enough. */
static struct gost_hostset_gram *find_gram(struct gost_hostset_gram *grams, size_t cap,
                                           uint32_t gram)
{
    size_t i = gram_hash(gram) & (cap - 1);
    while (grams[i].count > 0 && grams[i].gram != gram)
        i = (i + 1) & (cap - 1);
    return &grams[i];
}

/* The filter has four bits for each slot of the table. */
static inline size_t filter_bit(const struct gost_hostset *set, uint32_t gram)
{
    return gram_hash(gram) & (set->gram_cap * 4 - 1);
}

static void filter_add(struct gost_hostset *set, uint32_t gram)
{
    size_t bit = filter_bit(set, gram);
    set->filter[bit / 64] |= (uint64_t)1 << bit % 64;
}

static inline bool filter_has(const struct gost_hostset *set, uint32_t gram)
{
    size_t bit = filter_bit(set, gram);
    return set->filter[bit / 64] >> bit % 64 & 1;
}

/* Make room for as many grams as one glob can bring. */
static int make_room(struct gost_hostset *set)
{
    if (set->gram_count + GOST_GLOB_MAX <= set->gram_cap / 2)
        return 0;
    size_t cap = set->gram_cap ? set->gram_cap * 2 : 2 * GOST_GLOB_MAX;
    struct gost_hostset_gram *old = set->grams, *bigger = calloc(cap, sizeof(*bigger));
    uint64_t *filter = calloc(cap / 16, sizeof(*filter));
    if (!bigger || !filter) {
        free(bigger);
        free(filter);
        return gost_fail_code(GOST_ENOMEM);
    }
    size_t old_cap = set->gram_cap;
    free(set->filter);
    set->filter = filter;
    set->grams = bigger;
    set->gram_cap = cap;
    for (size_t i = 0; i < old_cap; i++) {
        if (old[i].count > 0)
            *find_gram(bigger, cap, old[i].gram) = old[i];
        if (old[i].first)
            filter_add(set, old[i].gram);
    }
    free(old);
    return 0;
}

static uint32_t gram_at(const char *p)
{
    uint32_t gram;
    memcpy(&gram, p, sizeof(gram));
    return gram;
}

/* Count the grams that the glob must contain. @return the rarest, or NULL when it has none */
static struct gost_hostset_gram *choose_gram(struct gost_hostset *set, const struct gost_glob *g)
{
    struct gost_hostset_gram *best = NULL;
    char run[GRAM];
    size_t len = 0;
    for (size_t i = 0; i < g->len; i++) {
        if (g->ops[i] >= GOST_GLOB_ONE) {
            len = 0;
            continue;
        }
        if (len == GRAM)
            memmove(run, run + 1, --len);
        run[len++] = (char)g->ops[i];
        if (len < GRAM)
            continue;
        uint32_t gram = gram_at(run);
        struct gost_hostset_gram *slot = find_gram(set->grams, set->gram_cap, gram);
        set->gram_count += slot->count == 0;
        slot->gram = gram;
        slot->count++;
        if (!best || slot->count < best->count)
            best = slot;
    }
    return best;
}

static int index_rule(struct gost_hostset *set, struct gost_hostset_rule *r)
{
    int rc = make_room(set);
    if (rc)
        return rc;
    struct gost_hostset_gram *slot = choose_gram(set, r->glob);
    struct gost_hostset_rule **list = slot ? &slot->first : &set->others;
    if (slot)
        filter_add(set, slot->gram);
    r->next = *list;
    *list = r;
    return 0;
}

/* A glob that is a name, or "*.zone", needs no glob: puts the literal bytes behind `from` into
 * name.
 * @return their count, or 0 when there are other things than bytes */
static size_t literal_tail(const struct gost_glob *g, size_t from, char *name, size_t room)
{
    if (g->len - from >= room)
        return 0;
    for (size_t i = from; i < g->len; i++) {
        if (g->ops[i] >= GOST_GLOB_ONE)
            return 0;
        name[i - from] = (char)g->ops[i];
    }
    return g->len - from;
}

struct addition {
    struct gost_hostset *set;
    struct gost_ports ports;
};

static int add_simple(void *arg, const char *text, size_t n)
{
    struct addition *a = arg;
    struct gost_glob *g;
    char name[GOST_HOST_MAX];
    int rc = gost_glob_new(&g, text, n);
    if (rc)
        return rc;
    bool zone = g->len > 2 && g->ops[0] == GOST_GLOB_STAR && g->ops[1] == '.';
    size_t len = literal_tail(g, zone ? 2 : 0, name, sizeof(name));
    if (len > 0) {
        gost_glob_delete(g);
        return gost_domains_add(&a->set->names, name, len,
                                zone ? GOST_DOMAIN_BELOW : GOST_DOMAIN_EXACT, a->ports);
    }
    struct gost_hostset_rule *r = malloc(sizeof(*r));
    if (r)
        *r = (struct gost_hostset_rule){.glob = g, .ports = a->ports};
    rc = r ? index_rule(a->set, r) : gost_fail_code(GOST_ENOMEM);
    if (rc) {
        gost_glob_delete(g);
        free(r);
    }
    return rc;
}

int gost_hostset_add_glob(struct gost_hostset *set, const char *pattern, size_t n,
                          struct gost_ports ports)
{
    char normal[GOST_GLOB_MAX + 1];
    struct addition a = {.set = set, .ports = ports};
    size_t len = gost_domain_normalise(normal, sizeof(normal), pattern, n);
    if (len == 0 || len == sizeof(normal))
        return gost_fail(GOST_ECONFIG, "a pattern has 1 to %d bytes", GOST_GLOB_MAX);
    return gost_glob_expand(normal, len, add_simple, &a);
}

static bool try_rules(const struct gost_hostset_rule *r, const char *host, size_t n, uint32_t port)
{
    for (; r; r = r->next)
        if (gost_ports_match(r->ports, port) && gost_glob_match(r->glob, host, n))
            return true;
    return false;
}

bool gost_hostset_match(const struct gost_hostset *set, const char *host, size_t n, uint32_t port)
{
    if (gost_domains_match_normal(&set->names, host, n, port))
        return true;
    for (size_t i = 0; set->gram_count > 0 && i + GRAM <= n; i++) {
        uint32_t gram = gram_at(host + i);
        if (!filter_has(set, gram))
            continue;
        const struct gost_hostset_gram *slot = find_gram(set->grams, set->gram_cap, gram);
        if (try_rules(slot->first, host, n, port))
            return true;
    }
    return try_rules(set->others, host, n, port);
}
