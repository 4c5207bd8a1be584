#include "core/policy/limits.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/policy/lines.h"

#include <stdlib.h>
#include <string.h>

#define RATE_LEAST 1e-6
#define RATE_MOST  1e9

void gost_limits_create(struct gost_limits *l, enum gost_limit_kind kind)
{
    memset(l, 0, sizeof(*l));
    l->kind = kind;
}

void gost_limits_destroy(struct gost_limits *l)
{
    free(l->service);
    free(l->each);
    free(l->each_client);
    gost_map_destroy(&l->nets, free);
    gost_map_destroy(&l->clients, free);
    gost_limits_create(l, l->kind);
}

/* ---- values ---- */

enum { WORD_MAX = 64 };

/* The next word of the line as a string; false at its end. */
static bool next_word(const char **line, size_t *n, char word[WORD_MAX])
{
    const char *p;
    size_t len = gost_line_word(line, n, &p);
    if (len == 0)
        return false;
    if (len >= WORD_MAX)
        len = WORD_MAX - 1; /* longer than any value: it fails to parse below */
    memcpy(word, p, len);
    word[len] = '\0';
    return true;
}

static int parse_bytes(uint64_t *bytes, const char *word)
{
    int64_t number;
    *bytes = 0;
    if (word[0] == '-' && gost_parse_int(word, &number))
        return 0; /* negative: unlimited */
    if (!gost_parse_size(word, bytes))
        return gost_fail(GOST_ECONFIG,
                         "\"%s\" is no size; write bytes or a unit, as in 512KB or 1.5MB", word);
    return 0;
}

static int parse_traffic(struct gost_limit *v, const char **line, size_t *n)
{
    char word[WORD_MAX];
    uint64_t values[3] = {0, 0, 0};
    for (int i = 0; i < 3 && next_word(line, n, word); i++) {
        int rc = parse_bytes(&values[i], word);
        if (rc)
            return rc;
    }
    for (int i = 0; i < 2; i++)
        v->rate[i] = (struct gost_rate){.rate = values[i], .burst = values[2]};
    return 0;
}

static int parse_conns(struct gost_limit *v, const char **line, size_t *n)
{
    char word[WORD_MAX];
    int64_t number;
    next_word(line, n, word);
    if (!gost_parse_int(word, &number) || number < 1)
        return gost_fail(GOST_ECONFIG, "\"%s\" is no number of connections, expected 1 or more",
                         word);
    v->conns = number > GOST_CONNS_MAX ? GOST_CONNS_MAX : (uint32_t)number;
    return 0;
}

void gost_limits_set_rate(struct gost_limit *v, double r)
{
    v->rate[0] = (struct gost_rate){.rate = 0};
    if (!(r >= RATE_LEAST && r <= RATE_MOST))
        return;
    v->rate[0].rate = (uint64_t)(r * (double)GOST_RATE_REQUEST + 0.5);
    v->rate[0].burst = ((uint64_t)r + 1) * GOST_RATE_REQUEST;
}

static int parse_rate(struct gost_limit *v, const char **line, size_t *n)
{
    char word[WORD_MAX], *end;
    next_word(line, n, word);
    double r = strspn(word, "0123456789.") == strlen(word) ? strtod(word, &end) : 0;
    if (r < RATE_LEAST || r > RATE_MOST || *end != '\0')
        return gost_fail(GOST_ECONFIG, "\"%s\" is no rate, expected requests per second above 0",
                         word);
    gost_limits_set_rate(v, r);
    return 0;
}

static int parse_value(struct gost_limit *v, enum gost_limit_kind kind, const char *line, size_t n)
{
    memset(v, 0, sizeof(*v));
    if (n == 0)
        return gost_fail(GOST_ECONFIG, "expected a value behind the key");
    int rc = kind == GOST_LIMIT_TRAFFIC ? parse_traffic(v, &line, &n)
             : kind == GOST_LIMIT_CONNS ? parse_conns(v, &line, &n)
                                        : parse_rate(v, &line, &n);
    if (rc == 0 && n > 0)
        return gost_fail(GOST_ECONFIG, "\"%.*s\" is too much", (int)(n < 64 ? n : 64), line);
    return rc;
}

/* ---- keys ---- */

struct net_key {
    uint64_t hi, lo;
    uint8_t bits;
} __attribute__((packed));

static struct net_key net_key(struct gost_ip ip, unsigned bits)
{
    ip = gost_ip_mask(ip, bits);
    return (struct net_key){.hi = ip.hi, .lo = ip.lo, .bits = (uint8_t)bits};
}

static int put_map(struct gost_map *m, const void *key, size_t n, struct gost_limit *v)
{
    void *old;
    int rc = gost_map_set(m, key, n, v, &old);
    free(rc ? (void *)v : old);
    return rc ? gost_fail_code(rc) : 0;
}

static int put_one(struct gost_limit **place, struct gost_limit *v)
{
    free(*place);
    *place = v;
    return 0;
}

static bool key_is(const char *key, size_t n, const char *word)
{
    return n == strlen(word) && memcmp(key, word, n) == 0;
}

/* Owns v. */
static int put(struct gost_limits *l, const char *key, size_t n, struct gost_limit *v)
{
    struct gost_ip ip;
    unsigned bits = 128;
    if (key_is(key, n, "$"))
        return put_one(&l->service, v);
    if (key_is(key, n, "$$"))
        return put_one(&l->each, v);
    if (key[0] == '@' && n > 1 && l->kind == GOST_LIMIT_TRAFFIC)
        return key_is(key, n, "@@") ? put_one(&l->each_client, v)
                                    : put_map(&l->clients, key + 1, n - 1, v);
    if (gost_cidr_parse(&ip, &bits, key, n) || gost_ip_from_text(&ip, key, n)) {
        struct net_key k = net_key(ip, bits);
        l->bits[bits] = true;
        return put_map(&l->nets, (const char *)&k, sizeof(k), v);
    }
    free(v);
    return gost_fail(GOST_ECONFIG, "key is none of $, $$, an IP address or a network%s",
                     l->kind == GOST_LIMIT_TRAFFIC ? ", @client or @@" : "");
}

int gost_limits_add(struct gost_limits *l, const char *rule, size_t n)
{
    const char *key, *line = rule;
    size_t left = n, key_len = gost_line_word(&line, &left, &key);
    int shown = (int)(n < 100 ? n : 100);
    if (key_len == 0)
        return gost_fail(GOST_ECONFIG, "empty limit");
    struct gost_limit *v = malloc(sizeof(*v));
    if (!v)
        return gost_fail_code(GOST_ENOMEM);
    int rc = parse_value(v, l->kind, line, left);
    if (rc)
        free(v);
    else
        rc = put(l, key, key_len, v);
    return rc ? gost_fail_at(rc, "limit \"%.*s\"", shown, rule) : 0;
}

static int add_line(void *obj, const char *line, size_t n)
{
    return gost_limits_add(obj, line, n);
}

int gost_limits_load(struct gost_limits *l, const char *text, size_t n)
{
    return gost_lines_load(text, n, GOST_COMMENTS_ANYWHERE, add_line, l);
}

/* ---- look-ups ---- */

const struct gost_limit *gost_limits_of_ip(const struct gost_limits *l, struct gost_ip ip)
{
    int shortest = gost_ip_is_v4(ip) ? 96 : 0; /* ::/0 does not speak of IPv4 */
    for (int bits = l->nets.count > 0 ? 128 : -1; bits >= shortest; bits--) {
        if (!l->bits[bits])
            continue;
        struct net_key k = net_key(ip, (unsigned)bits);
        const struct gost_limit *v = gost_map_get(&l->nets, (const char *)&k, sizeof(k));
        if (v)
            return v;
    }
    return NULL;
}

const struct gost_limit *gost_limits_of_client(const struct gost_limits *l, const char *id, size_t n)
{
    const struct gost_limit *v = n > 0 ? gost_map_get(&l->clients, id, n) : NULL;
    return v || n == 0 ? v : l->each_client;
}

bool gost_limits_keyed(const struct gost_limits *l)
{
    bool each =
        l->each && l->kind != GOST_LIMIT_TRAFFIC; /* there it is a matter of the connection */
    return each || l->each_client || l->nets.count > 0 || l->clients.count > 0;
}
