#include "core/policy/admission.h"
#include "core/policy/auth.h"
#include "core/policy/bypass.h"
#include "core/policy/conn_limit.h"
#include "core/policy/traffic.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/policy/lines.h"
#include "spec/c/test.h"

TEST(lines_come_one_by_one_with_their_numbers)
{
    static const char text[] = "\n  one # x\r\n#\n\ntwo  words\t\nlast";
    struct gost_lines l = {.text = text, .end = text + sizeof(text) - 1};
    static const struct {
        const char *line;
        size_t number;
    } rows[] = {{"one", 2}, {"two  words", 5}, {"last", 6}};
    size_t n;
    for (size_t i = 0; i < 3; i++) {
        const char *line = gost_lines_next(&l, &n);
        CHECK(line && n == strlen(rows[i].line) && memcmp(line, rows[i].line, n) == 0);
        CHECK_INT(l.number, rows[i].number);
    }
    CHECK(!gost_lines_next(&l, &n));
    CHECK(!gost_lines_next(&l, &n));
}

static union gost_sockaddr peer(const char *ip)
{
    union gost_sockaddr s;
    CHECK(gost_ip_parse(ip, 1234, &s) != 0);
    return s;
}

static int bypassed(struct gost_bypass *b, const char *host)
{
    struct gost_addr a;
    CHECK_INT(gost_addr_parse(&a, host, strlen(host), 0), 0);
    return gost_bypass_contains(b, "tcp", &a, NULL);
}

TEST(a_bypass_that_was_not_read_yet_fails_and_one_that_was_decides)
{
    struct gost_bypass *b, *fresh;
    CHECK_INT(gost_bypass_new(&b, false, NULL), 0);
    CHECK_INT(gost_bypass_new(&fresh, false, NULL), 0);
    CHECK_INT(gost_bypass_load(fresh, "a.test\n10.0.0.0/8", 17), 0);
    b->unread = true;
    CHECK_INT(bypassed(b, "a.test:80"), GOST_EDENIED);
    gost_bypass_swap(b, fresh);
    b->unread = false;
    CHECK_INT(bypassed(b, "a.test:80"), 1);
    CHECK_INT(bypassed(b, "10.1.1.1:80"), 1);
    CHECK_INT(bypassed(b, "b.test:80"), 0);
    CHECK_INT(bypassed(fresh, "a.test:80"), 0);
    gost_bypass_unref(b);
    gost_bypass_unref(fresh);
}

TEST(an_unread_blacklist_admits_nobody_and_an_unread_whitelist_those_that_it_knows)
{
    union gost_sockaddr s = peer("10.1.1.1"), other = peer("10.1.1.2");
    for (int white = 0; white < 2; white++) {
        struct gost_admission *a;
        CHECK_INT(gost_admission_new(&a, white), 0);
        CHECK_INT(gost_admission_add(a, "10.1.1.1", 8), 0);
        a->unread = true;
        CHECK_INT(gost_admission_admits(a, &s), white ? 1 : GOST_EDENIED);
        CHECK_INT(gost_admission_admits(a, &other), white ? 0 : GOST_EDENIED);
        a->unread = false;
        CHECK_INT(gost_admission_admits(a, &s), white);
        gost_admission_unref(a);
    }
}

TEST(users_change_places)
{
    struct gost_auther *a, *b;
    char id[GOST_CLIENT_ID_MAX];
    struct gost_cred cred = {.user = "ann", .user_len = 3, .password = "x", .password_len = 1};
    CHECK_INT(gost_auther_new(&a), 0);
    CHECK_INT(gost_auther_new(&b), 0);
    CHECK_INT(gost_auther_load(b, "ann x", 5), 0);
    CHECK_INT(gost_auther_check(a, &cred, id), 0);
    gost_auther_swap(a, b);
    CHECK_INT(gost_auther_check(a, &cred, id), 1);
    CHECK_INT(gost_auther_check(b, &cred, id), 0);
    gost_auther_unref(a);
    gost_auther_unref(b);
}

static struct gost_traffic *traffic(const char *name, const char *rules)
{
    struct gost_traffic *t;
    CHECK_INT(gost_traffic_new(&t, name), 0);
    CHECK_INT(gost_traffic_load(t, rules, strlen(rules)), 0);
    return t;
}

TEST(open_connections_go_by_the_new_rates)
{
    struct gost_traffic *t = traffic("swap", "$$ 100"),
                        *next = traffic("swap", "1.2.3.4 50\n@ann 20");
    union gost_sockaddr s = peer("1.2.3.4");
    struct gost_traffic_conn c;
    uint64_t retry;
    t->changes = true;
    gost_traffic_conn_create(&c, t, GOST_SCOPE_ALL, &s);
    CHECK_INT(gost_traffic_take(&c, GOST_LIMIT_IN, 1000, 0, &retry), 100);
    gost_traffic_swap(t, next);
    gost_traffic_unref(next); /* the old rules are the connection's alone now */
    CHECK_INT(gost_traffic_take(&c, GOST_LIMIT_IN, 1000, 0, &retry), 50);
    gost_traffic_conn_identify(&c, "ann", 3);
    CHECK_INT(gost_traffic_take(&c, GOST_LIMIT_IN, 1000, 0, &retry), 0);
    next = traffic("swap", "@ann 10");
    gost_traffic_swap(t, next);
    gost_traffic_unref(next);
    CHECK_INT(gost_traffic_take(&c, GOST_LIMIT_IN, 1000, 20000, &retry), 10);
    next = traffic("swap", "");
    gost_traffic_swap(t, next);
    gost_traffic_unref(next);
    CHECK_INT(gost_traffic_take(&c, GOST_LIMIT_IN, 1000, 20000, &retry), 1000);
    CHECK(gost_traffic_limits(&c, GOST_LIMIT_IN)); /* there may be some again */
    gost_traffic_conn_destroy(&c);
    gost_traffic_unref(t);
}

TEST(connections_stay_counted_when_the_rules_change)
{
    struct gost_conn_limit *l, *next;
    struct gost_conn_hold hold[3];
    union gost_sockaddr s = peer("1.2.3.4");
    CHECK_INT(gost_conn_limit_new(&l, "swap"), 0);
    CHECK_INT(gost_conn_limit_load(l, "1.2.3.4 2", 9), 0);
    CHECK_INT(gost_conn_limit_acquire(l, &s, &hold[0]), 0);
    CHECK_INT(gost_conn_limit_acquire(l, &s, &hold[1]), 0);
    CHECK_INT(gost_conn_limit_new(&next, "swap"), 0);
    CHECK_INT(gost_conn_limit_load(next, "1.2.3.0/24 3", 12), 0);
    gost_conn_limit_swap(l, next);
    gost_conn_limit_unref(next);
    CHECK_INT(gost_conn_limit_acquire(l, &s, &hold[2]), 0);
    struct gost_conn_hold none;
    CHECK_INT(gost_conn_limit_acquire(l, &s, &none), GOST_ELIMIT);
    for (int i = 0; i < 3; i++)
        gost_conn_hold_release(&hold[i]);
    gost_conn_limit_unref(l);
}

RUN_TESTS()
