#include "core/policy/matcher.h"

#include "core/base/addr.h"
#include "core/base/diag.h"
#include "core/base/error.h"
#include "spec/c/test.h"

static uint64_t seed = 3935559000370003845u;

static unsigned random_below(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 11) % n;
}

static bool matches(const char *pattern, const char *host, uint16_t port)
{
    struct gost_matcher m;
    gost_matcher_create(&m);
    CHECK_INT(gost_matcher_add(&m, pattern, strlen(pattern)), 0);
    bool yes = gost_matcher_match(&m, host, strlen(host), port);
    gost_matcher_destroy(&m);
    return yes;
}

TEST(each_form_of_pattern_matches_what_it_should)
{
    static const struct {
        const char *pattern, *host;
        uint16_t port;
        bool want;
    } rows[] = {
        /* address, network, range: any port */
        {"10.1.2.3", "10.1.2.3", 80, true},
        {"10.1.2.3", "10.1.2.3", 0, true},
        {"10.1.2.3", "10.1.2.30", 80, false},
        {"2001:db8::1", "2001:0db8:0::1", 80, true},
        {"[2001:db8::1]", "2001:db8::1", 80, true},
        {"10.0.0.0/30", "10.0.0.3", 1, true},
        {"10.0.0.0/30", "10.0.0.4", 1, false},
        {"2001:db8::/32", "2001:db8:1::1", 1, true},
        {"10.0.1.1-10.0.1.5", "10.0.1.5", 1, true},
        {"10.0.1.1-10.0.1.5", "10.0.1.6", 1, false},
        {"::1-::9", "::5", 1, true},
        /* address with ports */
        {"10.0.2.1:80", "10.0.2.1", 80, true},
        {"10.0.2.1:80", "10.0.2.1", 81, false},
        {"10.0.2.1:80", "10.0.2.1", 0, false},
        {"10.0.2.1:8000-8100", "10.0.2.1", 8000, true},
        {"10.0.2.1:8000-8100", "10.0.2.1", 8100, true},
        {"10.0.2.1:8000-8100", "10.0.2.1", 7999, false},
        {"[::1]:9000", "::1", 9000, true},
        {"[::1]:9000", "0:0:0:0:0:0:0:1", 9000, true},
        {"[::1]:9000", "[::1]", 9000, true},
        {"[::1]:9000", "::1", 9001, false},
        {"[::ffff:10.1.2.3]:80", "10.1.2.3", 80, true},
        /* names */
        {"name.test", "name.test", 80, true},
        {"name.test", "NAME.test.", 80, true},
        {"name.test", "www.name.test", 80, false},
        {".name.test", "name.test", 80, true},
        {".name.test", "a.b.name.test", 80, true},
        {".name.test", "xname.test", 80, false},
        {"name.test:443", "name.test", 443, true},
        {"name.test:443", "name.test", 80, false},
        {".name.test:80-90", "a.name.test", 85, true},
        {".name.test:80-90", "name.test", 90, true},
        {".name.test:80-90", "a.name.test", 91, false},
        {"a-b.test", "a-b.test", 80, true},
        {"localhost", "localhost", 0, true},
        /* globs */
        {"*.name.test", "a.name.test", 80, true},
        {"*.name.test", "a.b.name.test", 80, true},
        {"*.name.test", "name.test", 80, false},
        {"*.NAME.test", "A.name.TEST.", 80, true},
        {"*.name.test:443", "a.name.test", 443, true},
        {"*.name.test:443", "a.name.test", 80, false},
        {"q?.name.test:80-90", "q1.name.test", 80, true},
        {"q?.name.test:80-90", "q.name.test", 80, false},
        {"q?.name.test:80-90", "q1.name.test", 79, false},
        {"*:7777", "whatever", 7777, true},
        {"*:7777", "10.1.2.3", 7777, true},
        {"*:7777", "whatever", 7778, false},
        {"*", "10.1.2.3", 1, true},
        {"*", "::1", 1, true},
        {"10.0.3.*", "10.0.3.77", 1, true},
        {"10.0.3.*", "10.0.4.77", 1, false},
        {"10.0.3.*", "::ffff:10.0.3.77", 1, true},
        {"2001:db8:*", "2001:db8::5", 1, true},
        {"[2001:db8:*]:80", "2001:db8::5", 80, true},
        {"[2001:db8:*]:80", "2001:db8::5", 81, false},
        {"*.{x,y}.name.test", "a.x.name.test", 1, true},
        {"*.{x,y}.name.test", "a.y.name.test", 1, true},
        {"*.{x,y}.name.test", "a.z.name.test", 1, false},
        {"[a-c]*.test", "b1.test", 1, true},
        {"[a-c]*.test:80", "b1.test", 80, true},
        {"[a-c]*.test:80", "b1.test", 81, false},
        {"[!a-c]*.test", "b1.test", 1, false},
        {"*[!x].test", "ab.test", 1, true},
        {"*[!x].test", "ax.test", 1, false},
        {"*google*", "www.google.com", 1, true},
        {"*google.com", "notgoogle.com", 1, true},
        /* alternatives alone are meant as such, too */
        {"{a,b}.name.test", "b.name.test", 1, true},
        {"ads[0-9].test", "ads7.test", 1, true},
        /* hiding places */
        {"10.1.2.3", "::ffff:10.1.2.3", 80, true},
        {"10.1.2.1-10.1.2.9", "::ffff:10.1.2.3", 80, true},
        {"10.1.2.3:80", "::ffff:10.1.2.3", 80, true},
        {"10.0.0.0/8", "::ffff:a01:203", 80, true},
        {"10.1.2.3", "10.1.2.3.", 80, true},
        {"127.0.0.0/8", "127.1", 80, true},
        {"127.0.0.0/8", "2130706433", 80, true},
        {"127.0.0.0/8", "0x7f000001", 80, true},
        {"127.0.0.0/8", "0X7F.1", 80, true},
        {"::1", "::1%lo", 80, true},
        /* what is not an address is not taken for one */
        {"0.0.0.0/0", "face.cafe", 80, false},
        {"0.0.0.0/0", "1.2.3.4.test", 80, false},
        {"0.0.0.0/0", "", 80, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool got = matches(rows[i].pattern, rows[i].host, rows[i].port);
        if (got != rows[i].want)
            fprintf(stderr, "%s on %s:%u\n", rows[i].pattern, rows[i].host, rows[i].port);
        CHECK_INT(got, rows[i].want);
    }
}

TEST(bad_patterns_are_refused_with_a_reason)
{
    static const struct {
        const char *pattern, *reason;
    } rows[] = {
        {"", "empty"},
        {"a b", "blanks"},
        {"name.test:http", "no port"},
        {"name.test:", "no port"},
        {"name.test:90-80", "backwards"},
        {"*.name.test:90-80", "backwards"},
        {"1.2.3.9-1.2.3.4", "backwards"},
        {"1.2.3.4-::1", "mixes"},
        {":80", "no host"},
        {"10.0.0.0/33", "network"},
        {"2001:db8::/32:80", "network"},
        {"[::1]x", "bracket"},
        {"*[abc", "unclosed"},
        {"*{a,b", "braces"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct gost_matcher m;
        gost_matcher_create(&m);
        int rc = gost_matcher_add(&m, rows[i].pattern, strlen(rows[i].pattern));
        CHECK_INT(rc, GOST_ECONFIG);
        if (!strstr(gost_diag_text(rc), rows[i].reason))
            fprintf(stderr, "%s: %s\n", rows[i].pattern, gost_diag_text(rc));
        CHECK(strstr(gost_diag_text(rc), rows[i].reason) != NULL);
        CHECK_INT(m.count, 0);
        gost_matcher_destroy(&m);
    }
}

TEST(sources_are_addresses_networks_ranges_or_names)
{
    static const struct {
        const char *pattern;
        int want;
    } rows[] = {
        {"10.1.2.3", 0},
        {"10.0.0.0/8", 0},
        {"::1", 0},
        {"2001:db8::/32", 0},
        {"1.2.3.4-1.2.3.9", 0},
        {"host.test", GOST_MATCHER_NAME},
        {"a-b.test", GOST_MATCHER_NAME},
        {"localhost", GOST_MATCHER_NAME},
        {"", GOST_ECONFIG},
        {"*.test", GOST_ECONFIG},
        {"1.2.3.4:80", GOST_ECONFIG},
        {"10.0.0.0/33", GOST_ECONFIG},
        {"x/y", GOST_ECONFIG},
        {"a b", GOST_ECONFIG},
        {"1.2.3.9-1.2.3.4", GOST_ECONFIG},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct gost_cidrs set;
        gost_cidrs_create(&set);
        int rc = gost_matcher_add_source(&set, rows[i].pattern, strlen(rows[i].pattern));
        if (rc != rows[i].want)
            fprintf(stderr, "\"%s\"\n", rows[i].pattern);
        CHECK_INT(rc, rows[i].want);
        CHECK_INT(set.count, rc == 0);
        gost_cidrs_destroy(&set);
    }
}

/* ---- random rules: all in one matcher against a matcher for each ---- */

static void random_pattern(char *out, size_t room)
{
    static const char *const tlds[] = {"com", "net", "test"};
    unsigned a = random_below(6), b = random_below(6);
    const char *tld = tlds[random_below(3)];
    static const char *const ports[] = {"", "", "", ":80", ":80-81", ":443"};
    const char *port = ports[random_below(6)];
    switch (random_below(9)) {
    case 0:
        snprintf(out, room, "10.0.%u.%u%s", a, b, port);
        break;
    case 1:
        snprintf(out, room, "10.0.%u.0/%u", a, 22 + random_below(10));
        break;
    case 2:
        snprintf(out, room, "10.0.%u.%u-10.0.%u.9", a, b, a);
        break;
    case 3:
        snprintf(out, room, "n%u.%s%s", a, tld, port);
        break;
    case 4:
        snprintf(out, room, ".n%u.%s%s", a, tld, port);
        break;
    case 5:
        snprintf(out, room, "*.n%u.%s%s", a, tld, port);
        break;
    case 6:
        snprintf(out, room, "*n%u*%s", a, port);
        break;
    case 7:
        snprintf(out, room, "n?.%s%s", tld, port);
        break;
    default:
        snprintf(out, room, "10.0.%u.*%s", a, port);
        break;
    }
}

static void random_target(char *out, size_t room)
{
    static const char *const tlds[] = {"com", "net", "test"};
    unsigned a = random_below(6), b = random_below(10);
    if (random_below(2))
        snprintf(out, room, random_below(3) ? "10.0.%u.%u" : "::ffff:10.0.%u.%u", a, b);
    else
        snprintf(out, room, "%sn%u.%s", random_below(2) ? "" : "w.", a, tlds[random_below(3)]);
}

TEST(many_rules_agree_with_each_rule_alone)
{
    enum { RULES = 30 };
    for (int round = 0; round < 200; round++) {
        struct gost_matcher all, one[RULES];
        gost_matcher_create(&all);
        for (int i = 0; i < RULES; i++) {
            char pattern[64];
            random_pattern(pattern, sizeof(pattern));
            gost_matcher_create(&one[i]);
            CHECK_INT(gost_matcher_add(&one[i], pattern, strlen(pattern)), 0);
            CHECK_INT(gost_matcher_add(&all, pattern, strlen(pattern)), 0);
        }
        for (int k = 0; k < 100; k++) {
            char host[64];
            bool want = false;
            uint16_t port = (uint16_t)(79 + random_below(4));
            random_target(host, sizeof(host));
            for (int i = 0; i < RULES; i++)
                want |= gost_matcher_match(&one[i], host, strlen(host), port);
            CHECK_INT(gost_matcher_match(&all, host, strlen(host), port), want);
        }
        gost_matcher_destroy(&all);
        for (int i = 0; i < RULES; i++)
            gost_matcher_destroy(&one[i]);
    }
}

RUN_TESTS()
