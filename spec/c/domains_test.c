#include "core/base/domains.h"
#include "core/base/hostset.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "spec/c/test.h"

static uint64_t seed = 2862933555777941757u;

static unsigned random_below(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 11) % n;
}

static bool match_one(const char *pattern, struct gost_ports ports, const char *name, uint32_t port)
{
    struct gost_domains d;
    gost_domains_create(&d);
    CHECK_INT(gost_domains_add_text(&d, pattern, strlen(pattern), ports), 0);
    bool yes = gost_domains_match(&d, name, strlen(name), port);
    gost_domains_destroy(&d);
    return yes;
}

TEST(names_and_zones_match_what_they_should)
{
    static const struct {
        const char *pattern, *name;
        bool want;
    } rows[] = {
        {"name.test", "name.test", true},
        {"name.test", "a.name.test", false},
        {"name.test", "NAME.Test", true},
        {"Name.TEST", "name.test", true},
        {"name.test", "name.test.", true},
        {"name.test.", "name.test", true},
        {".name.test", "name.test", true},
        {".name.test", "a.name.test", true},
        {".name.test", "a.b.name.test", true},
        {".name.test", "aname.test", false},
        {".name.test", "test", false},
        {".name.test", "name.test.x", false},
        {".name.test.", "A.name.test...", true},
        {".test", "a.b.c.d.e.f.test", true},
        {"name.test", "", false},
        {".name.test", ".", false},
        {".name.test", ".name.test", true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool got = match_one(rows[i].pattern, GOST_PORTS_ANY, rows[i].name, 80);
        if (got != rows[i].want)
            fprintf(stderr, "%s on %s\n", rows[i].pattern, rows[i].name);
        CHECK_INT(got, rows[i].want);
    }
}

TEST(ports_narrow_a_name)
{
    struct gost_ports range = {80, 90};
    CHECK(match_one("x", range, "x", 80));
    CHECK(match_one("x", range, "x", 90));
    CHECK(!match_one("x", range, "x", 79));
    CHECK(!match_one("x", range, "x", 91));
    CHECK(!match_one("x", range, "x", 0));
    CHECK(match_one("x", GOST_PORTS_ANY, "x", 0));
}

TEST(several_rules_of_one_name_add_up)
{
    struct gost_domains d;
    gost_domains_create(&d);
    gost_domains_add_text(&d, "x.test", 6, (struct gost_ports){80, 80});
    gost_domains_add_text(&d, "x.test", 6, (struct gost_ports){443, 443});
    gost_domains_add(&d, "x.test", 6, GOST_DOMAIN_BELOW, (struct gost_ports){22, 22});
    CHECK(gost_domains_match(&d, "x.test", 6, 80));
    CHECK(gost_domains_match(&d, "x.test", 6, 443));
    CHECK(!gost_domains_match(&d, "x.test", 6, 22));
    CHECK(gost_domains_match(&d, "a.x.test", 8, 22));
    CHECK(!gost_domains_match(&d, "a.x.test", 8, 80));
    gost_domains_destroy(&d);
}

TEST(ports_are_parsed_strictly)
{
    struct gost_ports p;
    CHECK_INT(gost_ports_parse(&p, "80", 2), 0);
    CHECK(p.min == 80 && p.max == 80);
    CHECK_INT(gost_ports_parse(&p, "80-90", 5), 0);
    CHECK(p.min == 80 && p.max == 90);
    CHECK_INT(gost_ports_parse(&p, "1-99999", 7), 0); /* bounds beyond 65535 are GOST's */
    static const char *const bad[] = {"",     "-",   "80-",   "-80",       "90-80",
                                      "http", "80x", "1-2-3", "9999999999"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_INT(gost_ports_parse(&p, bad[i], strlen(bad[i])), GOST_ECONFIG);
}

TEST(empty_and_overlong_names_are_refused)
{
    struct gost_domains d;
    char name[300];
    memset(name, 'a', sizeof(name));
    gost_domains_create(&d);
    CHECK_INT(gost_domains_add_text(&d, "", 0, GOST_PORTS_ANY), GOST_ECONFIG);
    CHECK_INT(gost_domains_add_text(&d, ".", 1, GOST_PORTS_ANY), GOST_ECONFIG);
    CHECK_INT(gost_domains_add_text(&d, name, 256, GOST_PORTS_ANY), GOST_ECONFIG);
    CHECK_INT(gost_domains_add_text(&d, name, 255, GOST_PORTS_ANY), 0);
    CHECK(gost_domains_match(&d, name, 255, 1));
    CHECK(!gost_domains_match(&d, name, 256, 1));
    gost_domains_destroy(&d);
}

/* ---- hostset: globs through the index against globs one by one ---- */

static void random_host(char *out, size_t labels)
{
    static const char *const parts[] = {"ads",  "www",  "tracker", "cdn", "x",
                                        "name", "test", "com",     "a1",  "b2"};
    out[0] = '\0';
    for (size_t i = 0; i < labels; i++) {
        strcat(out, i ? "." : "");
        strcat(out, parts[random_below(10)]);
    }
}

static void random_glob(char *out)
{
    random_host(out, 1 + random_below(4));
    size_t n = strlen(out);
    switch (random_below(5)) {
    case 0:
        memmove(out + 2, out, n + 1);
        memcpy(out, "*.", 2);
        break;
    case 1:
        memmove(out + 1, out, n + 1);
        out[0] = '*';
        break;
    case 2:
        out[random_below((unsigned)n)] = '?';
        break;
    case 3:
        strcpy(out + n, "*");
        out[random_below((unsigned)n)] = '*';
        break;
    default:
        memmove(out + 10, out, n + 1);
        memcpy(out, "{www,cdn}.", 10);
        break;
    }
}

TEST(random_host_patterns_agree_with_globs_one_by_one)
{
    enum { RULES = 40 };
    for (int round = 0; round < 300; round++) {
        struct gost_glob *globs[RULES];
        struct gost_ports ports[RULES];
        struct gost_hostset set;
        gost_hostset_create(&set);
        for (int i = 0; i < RULES; i++) {
            char pattern[128];
            random_glob(pattern);
            ports[i] =
                random_below(2) ? GOST_PORTS_ANY : (struct gost_ports){80, 80 + random_below(3)};
            CHECK_INT(gost_glob_new(&globs[i], pattern, strlen(pattern)), 0);
            CHECK_INT(gost_hostset_add_glob(&set, pattern, strlen(pattern), ports[i]), 0);
        }
        for (int k = 0; k < 100; k++) {
            char host[128];
            bool want = false;
            uint32_t port = 79 + random_below(5);
            random_host(host, 1 + random_below(4));
            for (int i = 0; i < RULES; i++)
                want |= gost_glob_match(globs[i], host, strlen(host)) &&
                        gost_ports_match(ports[i], port);
            if (gost_hostset_match(&set, host, strlen(host), port) != want)
                fprintf(stderr, "host %s port %u, expected %d\n", host, port, want);
            CHECK_INT(gost_hostset_match(&set, host, strlen(host), port), want);
        }
        for (int i = 0; i < RULES; i++)
            gost_glob_delete(globs[i]);
        gost_hostset_destroy(&set);
    }
}

RUN_TESTS()
