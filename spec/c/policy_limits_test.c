#include "core/policy/limits.h"
#include "core/policy/traffic.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "spec/c/test.h"

static union gost_sockaddr peer(const char *ip)
{
    union gost_sockaddr s;
    CHECK(gost_ip_parse(ip, 1234, &s) != 0);
    return s;
}

/* ---- rules ---- */

TEST(each_kind_of_rule_is_parsed)
{
    static const struct {
        enum gost_limit_kind kind;
        const char *rule;
        uint64_t in, out, burst; /* conns: in is the count */
    } rows[] = {
        {GOST_LIMIT_TRAFFIC, "$ 100KB", 102400, 0, 0},
        {GOST_LIMIT_TRAFFIC, "$ 100KB 1.5MB", 102400, 1572864, 0},
        {GOST_LIMIT_TRAFFIC, "  $ \t 1KiB  2KiB 4KiB ", 1024, 2048, 4096},
        {GOST_LIMIT_TRAFFIC, "$ 0 1MB512KB", 0, 1572864, 0},
        {GOST_LIMIT_TRAFFIC, "$ 1000 2000", 1000, 2000, 0},
        {GOST_LIMIT_TRAFFIC, "$ -1 1B", 0, 1, 0},
        {GOST_LIMIT_CONNS, "$ 7", 7, 0, 0},
        {GOST_LIMIT_CONNS, "$ 99999999999", GOST_CONNS_MAX, 0, 0},
        {GOST_LIMIT_RATE, "$ 10", 10000000, 0, 11000000},
        {GOST_LIMIT_RATE, "$ 0.5", 500000, 0, 1000000},
        {GOST_LIMIT_RATE, "$ 2.5", 2500000, 0, 3000000},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct gost_limits l;
        gost_limits_create(&l, rows[i].kind);
        CHECK_INT(gost_limits_add(&l, rows[i].rule, strlen(rows[i].rule)), 0);
        CHECK(l.service != NULL);
        if (l.service && rows[i].kind == GOST_LIMIT_CONNS) {
            CHECK_INT(l.service->conns, rows[i].in);
        } else if (l.service) {
            CHECK_INT(l.service->rate[0].rate, rows[i].in);
            CHECK_INT(l.service->rate[1].rate, rows[i].out);
            CHECK_INT(l.service->rate[0].burst, rows[i].burst);
        }
        gost_limits_destroy(&l);
    }
}

TEST(bad_rules_are_refused_with_a_reason)
{
    static const struct {
        enum gost_limit_kind kind;
        const char *rule, *reason;
    } rows[] = {
        {GOST_LIMIT_TRAFFIC, "", "empty"},
        {GOST_LIMIT_TRAFFIC, "$", "expected a value"},
        {GOST_LIMIT_TRAFFIC, "$ 100K", "no size"},
        {GOST_LIMIT_TRAFFIC, "$ 100kB", "no size"},
        {GOST_LIMIT_TRAFFIC, "$ 1MB fast", "no size"},
        {GOST_LIMIT_TRAFFIC, "$ 1MB 1MB 1MB 1MB", "too much"},
        {GOST_LIMIT_TRAFFIC, "x 1MB", "key"},
        {GOST_LIMIT_TRAFFIC, "10.0.0.0/33 1MB", "key"},
        {GOST_LIMIT_TRAFFIC, "@ 1MB", "key"},
        {GOST_LIMIT_CONNS, "$ 0", "1 or more"},
        {GOST_LIMIT_CONNS, "$ -5", "1 or more"},
        {GOST_LIMIT_CONNS, "$ 1.5", "1 or more"},
        {GOST_LIMIT_CONNS, "$ 1 2", "too much"},
        {GOST_LIMIT_CONNS, "@u 1", "key"},
        {GOST_LIMIT_RATE, "$ 0", "above 0"},
        {GOST_LIMIT_RATE, "$ -1", "above 0"},
        {GOST_LIMIT_RATE, "$ 1.2.3", "above 0"},
        {GOST_LIMIT_RATE, "$ inf", "above 0"},
        {GOST_LIMIT_RATE, "$ .", "above 0"},
        {GOST_LIMIT_RATE, "$ 1 1", "too much"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct gost_limits l;
        gost_limits_create(&l, rows[i].kind);
        int rc = gost_limits_add(&l, rows[i].rule, strlen(rows[i].rule));
        CHECK_INT(rc, GOST_ECONFIG);
        if (!strstr(gost_diag_text(rc), rows[i].reason))
            fprintf(stderr, "%s: %s\n", rows[i].rule, gost_diag_text(rc));
        CHECK(strstr(gost_diag_text(rc), rows[i].reason) != NULL);
        gost_limits_destroy(&l);
    }
}

TEST(the_most_specific_network_wins)
{
    static const char rules[] =
        "10.0.0.0/8 8\n10.1.0.0/16 16\n10.1.2.3 32\n::/0 6\n2001:db8::/32 632\n"
        "0.0.0.0/0 4 # the rest\n10.1.0.0/16 17\n";
    static const struct {
        const char *ip;
        unsigned want;
    } rows[] = {{"10.1.2.3", 32},        {"10.1.2.4", 17}, {"10.2.0.1", 8},     {"11.0.0.1", 4},
                {"::ffff:10.1.2.3", 32}, {"::1", 6},       {"2001:db8::1", 632}};
    struct gost_limits l;
    gost_limits_create(&l, GOST_LIMIT_CONNS);
    CHECK_INT(gost_limits_load(&l, rules, sizeof(rules) - 1), 0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        union gost_sockaddr s = peer(rows[i].ip);
        struct gost_ip ip;
        gost_ip_from_sockaddr(&ip, &s);
        const struct gost_limit *v = gost_limits_of_ip(&l, ip);
        CHECK_INT(v ? v->conns : 0, rows[i].want);
    }
    gost_limits_destroy(&l);
}

/* ---- traffic ---- */

static struct gost_traffic *traffic(const char *name, const char *rules)
{
    struct gost_traffic *t;
    CHECK_INT(gost_traffic_new(&t, name), 0);
    CHECK_INT(gost_traffic_load(t, rules, strlen(rules)), 0);
    return t;
}

/* What a fresh connection of `ip` may read and write at once, of 1000 bytes. */
static void first_grants(struct gost_traffic *t, unsigned scopes, const char *ip, uint64_t *in,
                         uint64_t *out)
{
    struct gost_traffic_conn c;
    union gost_sockaddr s = peer(ip);
    uint64_t retry;
    gost_traffic_conn_create(&c, t, scopes, &s);
    *in = gost_traffic_take(&c, GOST_LIMIT_IN, 1000, 0, &retry);
    *out = gost_traffic_take(&c, GOST_LIMIT_OUT, 1000, 0, &retry);
    gost_traffic_conn_destroy(&c);
    gost_traffic_conn_destroy(&c);
}

TEST(each_key_limits_what_it_speaks_of)
{
    static const struct {
        const char *rules, *ip;
        unsigned scopes;
        uint64_t in, out;
    } rows[] = {
        {"", "1.2.3.4", GOST_SCOPE_ALL, 1000, 1000},
        {"$ 100 200", "1.2.3.4", GOST_SCOPE_ALL, 100, 200},
        {"$ 100 200", "1.2.3.4", GOST_SCOPE_CONN, 1000, 1000},
        {"$ 0 200", "1.2.3.4", GOST_SCOPE_ALL, 1000, 200},
        {"$ 100", "1.2.3.4", GOST_SCOPE_ALL, 100, 1000},
        {"$ 100 200 50", "1.2.3.4", GOST_SCOPE_ALL, 50, 50},
        {"$$ 100 200", "1.2.3.4", GOST_SCOPE_ALL, 100, 200},
        {"$$ 100 200", "1.2.3.4", GOST_SCOPE_SERVICE, 1000, 1000},
        {"1.2.3.4 100 200", "1.2.3.4", GOST_SCOPE_ALL, 100, 200},
        {"1.2.3.4 100 200", "1.2.3.5", GOST_SCOPE_ALL, 1000, 1000},
        {"1.2.3.0/24 100 200", "1.2.3.5", GOST_SCOPE_ALL, 100, 200},
        {"1.2.3.0/24 100 200\n1.2.3.4 300 0", "1.2.3.4", GOST_SCOPE_ALL, 300, 1000},
        {"$ 500 500\n$$ 100 400\n1.2.3.4 300 300", "1.2.3.4", GOST_SCOPE_ALL, 100, 300},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct gost_traffic *t = traffic(NULL, rows[i].rules);
        uint64_t in, out;
        first_grants(t, rows[i].scopes, rows[i].ip, &in, &out);
        if (in != rows[i].in || out != rows[i].out)
            fprintf(stderr, "row %zu: %llu %llu\n", i, (unsigned long long)in,
                    (unsigned long long)out);
        CHECK(in == rows[i].in && out == rows[i].out);
        gost_traffic_unref(t);
    }
}

TEST(buckets_are_shared_or_not_as_the_key_says)
{
    static const struct {
        const char *rules, *second;
        uint64_t want; /* what a second connection gets after the first took all */
    } rows[] = {
        {"$ 100", "1.2.3.4", 0},          {"$ 100", "1.2.3.5", 0},
        {"$$ 100", "1.2.3.4", 100},       {"1.2.3.4 100", "1.2.3.4", 0},
        {"1.2.3.0/24 100", "1.2.3.4", 0}, {"1.2.3.0/24 100", "1.2.3.5", 100},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct gost_traffic *t = traffic(NULL, rows[i].rules);
        uint64_t in, out;
        first_grants(t, GOST_SCOPE_ALL, "1.2.3.4", &in, &out);
        CHECK_INT(in, 100);
        first_grants(t, GOST_SCOPE_ALL, rows[i].second, &in, &out);
        CHECK_INT(in, rows[i].want);
        gost_traffic_unref(t);
    }
}

TEST(a_tight_bucket_costs_the_wide_ones_no_more_than_it_lets_through)
{
    struct gost_traffic *t = traffic(NULL, "$ 1000\n$$ 100");
    struct gost_traffic_conn a, b;
    uint64_t retry, sum = 0;
    gost_traffic_conn_create(&a, t, GOST_SCOPE_ALL, NULL);
    CHECK_INT(gost_traffic_take(&a, GOST_LIMIT_IN, 1000, 0, &retry), 100);
    CHECK_INT(gost_traffic_take(&a, GOST_LIMIT_IN, 1000, 0, &retry), 0);
    CHECK(retry > 0);
    for (int i = 0; i < 9; i++) {
        gost_traffic_conn_create(&b, t, GOST_SCOPE_ALL, NULL);
        sum += gost_traffic_take(&b, GOST_LIMIT_IN, 1000, 0, &retry);
        gost_traffic_conn_destroy(&b);
    }
    CHECK(sum >= 890 && sum <= 900); /* the service's 1000 were not lost on the refused */
    gost_traffic_conn_destroy(&a);
    gost_traffic_unref(t);
}

TEST(clients_have_limits_by_their_id)
{
    struct gost_traffic *t = traffic(NULL, "@anna 100\n@@ 50");
    static const struct {
        const char *id;
        uint64_t want;
    } rows[] = {{"", 1000}, {"anna", 100}, {"anna", 0}, {"bert", 50}, {"bert", 0}, {"carl", 50}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct gost_traffic_conn c;
        uint64_t retry;
        gost_traffic_conn_create(&c, t, GOST_SCOPE_ALL, NULL);
        CHECK(!gost_traffic_limits(&c, GOST_LIMIT_IN));
        gost_traffic_conn_identify(&c, rows[i].id, strlen(rows[i].id));
        CHECK_INT(gost_traffic_limits(&c, GOST_LIMIT_IN), rows[i].id[0] != '\0');
        CHECK(!gost_traffic_limits(&c, GOST_LIMIT_OUT));
        CHECK_INT(gost_traffic_take(&c, GOST_LIMIT_IN, 1000, 0, &retry), rows[i].want);
        gost_traffic_conn_destroy(&c);
    }
    gost_traffic_unref(t);
}

TEST(datagrams_pass_whole_or_not_at_all)
{
    struct gost_traffic *t = traffic(NULL, "$ 1000\n$$ 100");
    struct gost_traffic_conn c;
    uint64_t retry;
    gost_traffic_conn_create(&c, t, GOST_SCOPE_ALL, NULL);
    CHECK(gost_traffic_take_all(&c, GOST_LIMIT_IN, 60, 0, &retry));
    CHECK(!gost_traffic_take_all(&c, GOST_LIMIT_IN, 60, 0, &retry));
    CHECK(retry != GOST_BUCKET_NEVER);
    CHECK(!gost_traffic_take_all(&c, GOST_LIMIT_IN, 101, 0, &retry));
    CHECK(retry == GOST_BUCKET_NEVER);
    CHECK(gost_traffic_take_all(&c, GOST_LIMIT_OUT, 1 << 20, 0, &retry));
    gost_traffic_give(&c, GOST_LIMIT_IN, 60);
    CHECK(gost_traffic_take_all(&c, GOST_LIMIT_IN, 90, 0, &retry));
    gost_traffic_conn_destroy(&c);
    gost_traffic_unref(t);
}

TEST(limiters_of_one_name_share_their_buckets_across_a_reload)
{
    struct gost_traffic *old = traffic("t1", "$ 100\n9.9.9.9 10"), *other = traffic("t2", "$ 100");
    uint64_t in, out;
    first_grants(old, GOST_SCOPE_ALL, "1.2.3.4", &in, &out);
    CHECK_INT(in, 100);
    struct gost_traffic *reloaded = traffic("t1", "$ 100\n9.9.9.9 10");
    gost_traffic_unref(old);
    first_grants(reloaded, GOST_SCOPE_ALL, "1.2.3.4", &in, &out);
    CHECK_INT(in, 0);
    first_grants(other, GOST_SCOPE_ALL, "1.2.3.4", &in, &out);
    CHECK_INT(in, 100);
    gost_traffic_unref(reloaded);
    gost_traffic_unref(other);
}

TEST(no_limiter_is_no_limit)
{
    struct gost_traffic_conn c;
    uint64_t retry;
    gost_traffic_conn_create(&c, NULL, GOST_SCOPE_ALL, NULL);
    gost_traffic_conn_identify(&c, "u", 1);
    CHECK_INT(gost_traffic_take(&c, GOST_LIMIT_IN, 1u << 30, 0, &retry), 1u << 30);
    gost_traffic_conn_destroy(&c);
}

RUN_TESTS()
