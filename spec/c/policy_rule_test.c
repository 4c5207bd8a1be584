#include "core/policy/rule.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "spec/c/test.h"

#include <stdlib.h>

static union gost_sockaddr client(const char *ip)
{
    union gost_sockaddr s = {0};
    CHECK(gost_ip_parse(ip, 4711, &s) != 0);
    return s;
}

/* 1, 0, or the code that the rule is refused with. */
static int ask(const char *text, const struct gost_rule_facts *facts)
{
    struct gost_rule *r;
    int rc = gost_rule_new(text, strlen(text), &r);
    if (rc != 0) {
        CHECK(r == NULL);
        return rc;
    }
    CHECK_INT(gost_rule_len(r), strlen(text));
    rc = gost_rule_matches(r, facts);
    gost_rule_delete(r);
    return rc;
}

TEST(functions_look_at_their_fact)
{
    union gost_sockaddr ip = client("10.1.2.3");
    struct gost_rule_facts f = {.client = &ip,
                                .network = "tcp",
                                .protocol = "http",
                                .host = "Www.a.test",
                                .method = "GET",
                                .path = "/api/v1?q=/other"};
    static const struct {
        const char *rule;
        int want;
    } rows[] = {
        {"ClientIP(`10.1.2.3`)", 1},        {"ClientIP(`10.0.0.0/8`)", 1},
        {"ClientIP(`10.1.2.4`)", 0},        {"ClientIP(`::/0`)", 0},
        {"Network(`tcp`)", 1},              {"Network(`t`)", 1},
        {"Network(`tcp4`)", 0},             {"Network(`udp`)", 0},
        {"Proto(`http`)", 1},               {"Proto(`HTTP`)", 1},
        {"Proto(`htt`)", 0},                {"Method(`get`)", 1},
        {"Method(`POST`)", 0},              {"Host(`www.A.test`)", 1},
        {"Host(`a.test`)", 0},              {"Host(`.a.test`)", 1},
        {"Host(`*.a.test`)", 1},            {"Host(`*a.test`)", 1},
        {"Host(`.www.a.test`)", 0},         {"Host(`.w.a.test`)", 0},
        {"HostRegexp(`^w+\\.a`)", 1},       {"HostRegexp(`A`)", 0},
        {"HostRegexp(`test$`)", 1},         {"Path(`/api/v1`)", 1},
        {"Path(`/api`)", 0},                {"Path(`/api/v1?q=/other`)", 0},
        {"PathPrefix(`/api`)", 1},          {"PathPrefix(`/`)", 1},
        {"PathPrefix(`/api/v1/`)", 0},      {"PathRegexp(`/v[0-9]$`)", 1},
        {"PathRegexp(`other`)", 0},         {"host(\"www.a.test\")", 1},
        {"HOST(\"www.a.test\")", 1},        {"Host(\"w\\x77\\u0077.a.test\")", 1},
        {" Host ( `www.a.test` , ) \n", 1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int got = ask(rows[i].rule, &f);
        if (got != rows[i].want)
            fprintf(stderr, "%s\n", rows[i].rule);
        CHECK_INT(got, rows[i].want);
    }
}

TEST(what_is_not_known_is_false)
{
    static const char *const rules[] = {
        "ClientIP(`0.0.0.0/0`)", "Network(`t`)", "Proto(`http`)",   "Method(`GET`)",    "Host(`a`)",
        "HostRegexp(`.*`)",      "Path(`/`)",    "PathPrefix(`/`)", "PathRegexp(`.*`)",
    };
    struct gost_rule_facts none = {0}, empty = {.network = "", .protocol = "", .host = "", .path = ""};
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        char not_so[64];
        snprintf(not_so, sizeof(not_so), "!%s", rules[i]);
        CHECK_INT(ask(rules[i], &none), 0);
        CHECK_INT(ask(rules[i], &empty), 0);
        CHECK_INT(ask(not_so, &none), 1);
    }
}

TEST(and_binds_tighter_than_or)
{
    struct gost_rule_facts f = {.host = "a", .protocol = "tls"};
    /* T and F stand for something true and something false. */
    static const struct {
        const char *text;
        int want;
    } rows[] = {
        {"T", 1},           {"F", 0},           {"!T", 0},          {"!F", 1},
        {"!!T", 1},         {"T && T", 1},      {"T && F", 0},      {"F && T", 0},
        {"T || F", 1},      {"F || T", 1},      {"F || F", 0},      {"T || T && F", 1},
        {"(T || T) && F", 0}, {"F && F || T", 1}, {"F && (F || T)", 0}, {"!(T && F)", 1},
        {"!(T || F)", 0},   {"!T || T", 1},     {"F || F || F || T", 1}, {"T && T && T && F", 0},
        {"T && !(F || !T)", 1}, {"!(!(T))", 1}, {"F || T && T || F", 1}, {"(F||T)&&(T||F)", 1},
        {"F || (F || F && T) || F", 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char rule[512];
        size_t n = 0;
        for (const char *p = rows[i].text; *p; p++)
            n += (size_t)snprintf(rule + n, sizeof(rule) - n, *p == 'T'   ? "Host(`a`)"
                                                              : *p == 'F' ? "Proto(`x`)"
                                                                          : "%c",
                                  *p);
        int got = ask(rule, &f);
        if (got != rows[i].want)
            fprintf(stderr, "%s\n", rows[i].text);
        CHECK_INT(got, rows[i].want);
    }
}

TEST(mistakes_are_told_with_their_column)
{
    static const struct {
        const char *rule, *story;
    } rows[] = {
        {"", "column 1: something is due at the end"},
        {"Host(`a`) &&", "column 13: something is due at the end"},
        {"Host(`a`) & Host(`b`)", "column 11: &&, || or the end is due"},
        {"Host(`a`) Host(`b`)", "column 11: &&, || or the end is due"},
        {"(Host(`a`)", "column 11: a ) is due"},
        {"Host(`a`))", "column 10: &&, || or the end is due"},
        {"Host", "column 5: a ( is due"},
        {"Host()", "column 6: a text in quotes is due"},
        {"Host(a)", "column 6: a text in quotes is due"},
        {"Host(``)", "column 6: an argument is empty"},
        {"Host(`a`, `b`)", "column 11: a ) is due: the function takes one argument"},
        {"Host(`a)", "column 6: a text without closing quote"},
        {"Host(\"\\q\")", "column 8: an unknown escape"},
        {"Host(\"\\x4\")", "column 9: an escape that has too few hexadecimal digits"},
        {"Host(\"\\ud800\")", "column 9: an escape that means no character"},
        {"Host(\"\\x00\")", "column 6: an argument with a zero byte"},
        {"Host(`\xc3\xa4`)", "column 6: a host has ASCII characters alone"},
        {"Host(`*`)", "column 6: a host of dots and stars alone"},
        {"Hots(`a`)", "column 1: there is no function Hots"},
        {"!5", "column 2: a function is due"},
        {"Path(`a`)", "column 6: a path begins with /"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CHECK_INT(ask(rows[i].rule, NULL), GOST_ECONFIG);
        CHECK_STR(gost_diag_text(GOST_ECONFIG), rows[i].story);
    }
    CHECK_INT(ask("ClientIP(`10.0.0.0/33`)", NULL), GOST_ECONFIG);
    CHECK_INT(ask("Proto(`a`) || HostRegexp(`a(`)", NULL), GOST_ECONFIG);
    CHECK(strncmp(gost_diag_text(GOST_ECONFIG), "column 26: in the pattern at 3: ", 32) == 0);
}

TEST(what_is_not_here_yet_is_refused_as_such)
{
    CHECK_INT(ask("Host(`a`) && Header(`k`, `v`)", NULL), GOST_ENOTSUP);
    CHECK_STR(gost_diag_text(GOST_ENOTSUP), "column 14: Header is not implemented yet");
    CHECK_INT(ask("bodyjson(`a`, `b`)", NULL), GOST_ENOTSUP);
}

TEST(depth_and_length_have_limits)
{
    char *text = malloc(GOST_RULE_MAX + 32);
    struct gost_rule_facts f = {.host = "a"};
    memset(text, '(', 64);
    strcpy(text + 64, "Host(`a`)");
    memset(text + 73, ')', 64);
    text[137] = 0;
    CHECK_INT(ask(text, &f), 1);
    memset(text, '(', 1000);
    text[1000] = 0;
    CHECK_INT(ask(text, &f), GOST_ECONFIG);
    memset(text, '!', GOST_RULE_MAX - 10);
    strcpy(text + GOST_RULE_MAX - 10, "Host(`a`)");
    CHECK_INT(ask(text, &f), 1);
    memset(text, ' ', GOST_RULE_MAX + 1);
    text[GOST_RULE_MAX + 1] = 0;
    CHECK_INT(ask(text, &f), GOST_ECONFIG);
    free(text);
}

TEST(a_pattern_that_takes_too_long_is_false_either_way)
{
    char host[100];
    memset(host, 'a', 99);
    host[99] = 0;
    struct gost_rule_facts f = {.host = host, .protocol = "tls"};
    CHECK_INT(ask("HostRegexp(`^(a|a)+[!?]$`)", &f), 0);
    CHECK_INT(ask("!HostRegexp(`^(a|a)+[!?]$`)", &f), 0);
    CHECK_INT(ask("HostRegexp(`^(a|a)+[!?]$`) || Proto(`tls`)", &f), 0);
    CHECK_INT(ask("Proto(`tls`) || HostRegexp(`^(a|a)+[!?]$`)", &f), 1);
}

RUN_TESTS()
