/**
 * How long does a question to the matcher take? Prints nanoseconds a match, for rules of mixed
 * kinds and for each kind alone. Usage: matcher [rules, 50000 if not given]
 */
#include "core/policy/matcher.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { HOSTS = 4096, ROUNDS = 200 };

static uint64_t seed = 88172645463325252u;

static unsigned below(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 11) % n;
}

struct kind {
    const char *name;
    void (*rule)(char *out, size_t room, unsigned i);
};

static void name_rule(char *out, size_t room, unsigned i)
{
    snprintf(out, room, "%sad%u.host%u.example", i % 2 ? "." : "", i, i % 977);
}

static void suffix_rule(char *out, size_t room, unsigned i)
{
    snprintf(out, room, "*.zone%u.example%s", i, i % 8 ? "" : ":443");
}

static void network_rule(char *out, size_t room, unsigned i)
{
    snprintf(out, room, "%u.%u.%u.0/24", 11 + i % 100, below(256), below(256));
}

static void range_rule(char *out, size_t room, unsigned i)
{
    snprintf(out, room, "2001:db8:%x::%x-2001:db8:%x::%x", i % 65536, i % 100, i % 65536,
             i % 100 + 50);
}

static void glob_rule(char *out, size_t room, unsigned i)
{
    snprintf(out, room,
             i % 3 == 0   ? "*tracker%u*"
             : i % 3 == 1 ? "cdn-?%u.*.example"
                          : "*banner%u.example",
             i);
}

static const struct kind kinds[] = {
    {"names", name_rule},   {"suffixes", suffix_rule}, {"networks", network_rule},
    {"ranges", range_rule}, {"globs", glob_rule},
};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static void make_host(char *out, size_t room, unsigned i)
{
    switch (i % 4) {
    case 0:
        snprintf(out, room, "www%u.shop%u.example", below(1000), below(100000));
        break;
    case 1:
        snprintf(out, room, "a.b%u.zone%u.example", below(1000), below(200000));
        break;
    case 2:
        snprintf(out, room, "%u.%u.%u.%u", 11 + below(200), below(256), below(256), below(256));
        break;
    default:
        snprintf(out, room, "2001:db8:%x::%x", below(65536), below(1000));
    }
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* @param only  the one kind to take rules from, or -1 for all in turn */
static void measure(const char *title, int only, unsigned rules)
{
    static char host[HOSTS][64];
    static size_t len[HOSTS];
    struct gost_matcher m;
    char text[96];
    unsigned long hits = 0;
    gost_matcher_create(&m);
    double start = seconds();
    for (unsigned i = 0; i < rules; i++) {
        kinds[only < 0 ? i % KINDS : (unsigned)only].rule(text, sizeof(text), i);
        if (gost_matcher_add(&m, text, strlen(text)) != 0)
            exit(1);
    }
    for (unsigned i = 0; i < HOSTS; i++) {
        make_host(host[i], sizeof(host[i]), i);
        len[i] = strlen(host[i]);
        gost_matcher_match(&m, host[i], len[i], 443); /* warm, and in order */
    }
    double loaded = seconds();
    for (int round = 0; round < ROUNDS; round++)
        for (unsigned i = 0; i < HOSTS; i++)
            hits += gost_matcher_match(&m, host[i], len[i], 443);
    double spent = seconds() - loaded;
    printf("%-9s %u rules: %.0f ns a match (%.1f %% hits), loaded in %.0f ms\n", title, rules,
           spent * 1e9 / ((double)HOSTS * ROUNDS), 100.0 * (double)hits / ((double)HOSTS * ROUNDS),
           (loaded - start) * 1e3);
    gost_matcher_destroy(&m);
}

int main(int argc, char **argv)
{
    unsigned rules = argc > 1 ? (unsigned)atoi(argv[1]) : 50000;
    measure("mixed", -1, rules);
    for (int i = 0; i < (int)KINDS; i++)
        measure(kinds[i].name, i, rules);
    return 0;
}
