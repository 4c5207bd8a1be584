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
        {"ClientIP(`10.1.2.3`)", 1},
        {"ClientIP(`10.0.0.0/8`)", 1},
        {"ClientIP(`10.1.2.4`)", 0},
        {"ClientIP(`::/0`)", 0},
        {"Network(`tcp`)", 1},
        {"Network(`t`)", 1},
        {"Network(`tcp4`)", 0},
        {"Network(`udp`)", 0},
        {"Proto(`http`)", 1},
        {"Proto(`HTTP`)", 1},
        {"Proto(`htt`)", 0},
        {"Method(`get`)", 1},
        {"Method(`POST`)", 0},
        {"Host(`www.A.test`)", 1},
        {"Host(`a.test`)", 0},
        {"Host(`.a.test`)", 1},
        {"Host(`*.a.test`)", 1},
        {"Host(`*a.test`)", 1},
        {"Host(`.www.a.test`)", 0},
        {"Host(`.w.a.test`)", 0},
        {"HostRegexp(`^w+\\.a`)", 1},
        {"HostRegexp(`A`)", 0},
        {"HostRegexp(`test$`)", 1},
        {"Path(`/api/v1`)", 1},
        {"Path(`/api`)", 0},
        {"Path(`/api/v1?q=/other`)", 0},
        {"PathPrefix(`/api`)", 1},
        {"PathPrefix(`/`)", 1},
        {"PathPrefix(`/api/v1/`)", 0},
        {"PathRegexp(`/v[0-9]$`)", 1},
        {"PathRegexp(`other`)", 0},
        {"host(\"www.a.test\")", 1},
        {"HOST(\"www.a.test\")", 1},
        {"Host(\"w\\x77\\u0077.a.test\")", 1},
        {" Host ( `www.a.test` , ) \n", 1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int got = ask(rows[i].rule, &f);
        if (got != rows[i].want)
            fprintf(stderr, "%s\n", rows[i].rule);
        CHECK_INT(got, rows[i].want);
    }
}

TEST(headers_and_parameters_are_looked_up_and_compared)
{
    static const char request[] = "GET /p?a=1&b=x+%79&&a=22&c&%zz=1&n=1e3&d=%2541#?f=1 HTTP/1.1\r\n"
                                  "Host: a\r\nX-Level: 7\r\nx-level: 12\r\nEmpty:\r\n\r\n";
    struct gost_http1 head;
    CHECK_INT(gost_http1_request_decode(&head, (const uint8_t *)request, strlen(request)),
              strlen(request));
    struct gost_rule_facts f = {.head = &head};
    static const struct {
        const char *rule;
        int want;
    } rows[] = {
        {"Header(`X-Level`)", 1},
        {"Header(`x-none`)", 0},
        {"Header(`Empty`)", 1},
        {"Header(`Empty`, `x`)", 0},
        {"Header(`X-LEVEL`, `12`)", 1},
        {"Header(`X-Level`, `1`)", 0},
        {"Header(`X-Level`, `gt`, `11.5`)", 1},
        {"Header(`X-Level`, `gt`, `12`)", 0},
        {"Header(`X-Level`, `ge`, `12`)", 1},
        {"Header(`X-Level`, `lt`, `7`)", 0},
        {"Header(`X-Level`, `le`, `7`)", 1},
        {"Header(`X-Level`, `eq`, `7.0`)", 1},
        {"Header(`Host`, `ne`, `7`)", 0},
        {"HeaderRegexp(`X-Level`, `^1`)", 1},
        {"HeaderRegexp(`X-Level`, `^2`)", 0},
        {"HeaderRegexp(`X-Level`)", 1},
        {"HeaderRegexp(`Empty`, `^$`)", 1},
        {"Query(`a`)", 1},
        {"Query(`A`)", 0},
        {"Query(`a`, `22`)", 1},
        {"Query(`a`, `2`)", 0},
        {"Query(`b`, `x y`)", 1},
        {"Query(`c`)", 1},
        {"Query(`c`, `x`)", 0},
        {"Query(`zz`)", 0},
        {"Query(`d`, `%41`)", 1},
        {"Query(`f`)", 0},
        {"Query(`n`, `ge`, `1000`)", 1},
        {"Query(`a`, `ne`, `1`)", 1},
        {"QueryRegexp(`a`, `^[0-9]{2}$`)", 1},
        {"QueryRegexp(`b`, `\\d`)", 0},
        {"QueryRegexp(`nil`)", 0},
    };
    struct gost_rule_facts none = {0};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int got = ask(rows[i].rule, &f);
        if (got != rows[i].want)
            fprintf(stderr, "%s\n", rows[i].rule);
        CHECK_INT(got, rows[i].want);
        CHECK_INT(ask(rows[i].rule, &none), 0);
    }
}

TEST(what_is_not_known_is_false)
{
    static const char *const rules[] = {
        "ClientIP(`0.0.0.0/0`)", "Network(`t`)", "Proto(`http`)",   "Method(`GET`)",    "Host(`a`)",
        "HostRegexp(`.*`)",      "Path(`/`)",    "PathPrefix(`/`)", "PathRegexp(`.*`)",
    };
    struct gost_rule_facts none = {0},
                           empty = {.network = "", .protocol = "", .host = "", .path = ""};
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
        {"T", 1},
        {"F", 0},
        {"!T", 0},
        {"!F", 1},
        {"!!T", 1},
        {"T && T", 1},
        {"T && F", 0},
        {"F && T", 0},
        {"T || F", 1},
        {"F || T", 1},
        {"F || F", 0},
        {"T || T && F", 1},
        {"(T || T) && F", 0},
        {"F && F || T", 1},
        {"F && (F || T)", 0},
        {"!(T && F)", 1},
        {"!(T || F)", 0},
        {"!T || T", 1},
        {"F || F || F || T", 1},
        {"T && T && T && F", 0},
        {"T && !(F || !T)", 1},
        {"!(!(T))", 1},
        {"F || T && T || F", 1},
        {"(F||T)&&(T||F)", 1},
        {"F || (F || F && T) || F", 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char rule[512];
        size_t n = 0;
        for (const char *p = rows[i].text; *p; p++)
            n += (size_t)snprintf(rule + n, sizeof(rule) - n,
                                  *p == 'T'   ? "Host(`a`)"
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
        {"Header(`a`, `gt`, `b`)", "column 19: \"b\" is not a number"},
        {"Query(`a`, `<`, `1`)", "column 17: to compare there are gt, ge, lt, le, eq and ne"},
        {"Query(`a`, `gt`, `1`, `2`)", "column 23: a ) is due"},
        {"QueryRegexp(`a`, `b`, `c`)", "column 23: a ) is due"},
        {"Header(`a` `b`)", "column 12: a ) is due"},
        {"Header(, `b`)", "column 8: a text in quotes is due"},
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
    CHECK_INT(ask("Host(`a`) && Bypass(`k`)", NULL), GOST_ENOTSUP);
    CHECK_STR(gost_diag_text(GOST_ENOTSUP), "column 14: Bypass is not implemented yet");
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
