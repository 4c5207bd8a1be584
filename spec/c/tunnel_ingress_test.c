#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/base/uuid.h"
#include "core/policy/ingress.h"
#include "core/proto/tunnel.h"
#include "spec/c/test.h"

#define ID  "4d21094e-b74c-4916-86c1-d9fa36ea677b"
#define TWO "00010203-0405-0607-0809-0a0b0c0d0e0f"

TEST(uuids_have_four_forms)
{
    static const struct {
        const char *text;
        bool want;
    } rows[] = {
        {ID, true},
        {"4D21094E-B74C-4916-86C1-D9FA36EA677B", true},
        {"{" ID "}", true},
        {"urn:uuid:" ID, true},
        {"URN:UUID:" ID, true},
        {"4d21094eb74c491686c1d9fa36ea677b", true},
        {"", false},
        {"4d21094e-b74c-4916-86c1-d9fa36ea677", false},
        {"4d21094e-b74c-4916-86c1-d9fa36ea677bb", false},
        {"4d21094eb74c-4916-86c1-d9fa36ea677b00", false},
        {"4d21094e-b74c-4916-86c1-d9fa36ea677g", false},
        {"4d21094e_b74c-4916-86c1-d9fa36ea677b", false},
        {"(" ID ")", false},
        {"{" ID "-", false},
        {"urn:uuie:" ID, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t id[GOST_UUID_BYTES];
        char text[GOST_UUID_TEXT];
        CHECK_INT(gost_uuid_parse(rows[i].text, strlen(rows[i].text), id), rows[i].want);
        if (rows[i].want)
            CHECK_STR(gost_uuid_format(id, text), ID);
    }
}

TEST(random_uuids_differ_and_say_their_version)
{
    uint8_t a[GOST_UUID_BYTES], b[GOST_UUID_BYTES];
    gost_uuid_random(a);
    gost_uuid_random(b);
    CHECK(memcmp(a, b, sizeof(a)) != 0);
    CHECK_INT(a[6] >> 4, 4);
    CHECK_INT(a[8] >> 6, 2);
    CHECK(!gost_uuid_is_nil(a));
}

TEST(endpoints_may_be_private)
{
    struct gost_endpoint e;
    CHECK(gost_endpoint_parse(ID, strlen(ID), &e));
    CHECK(!e.is_private);
    CHECK(gost_endpoint_parse("$" ID, strlen(ID) + 1, &e));
    CHECK(e.is_private);
    CHECK(!gost_endpoint_parse("$ " ID, strlen(ID) + 2, &e));
    CHECK(!gost_endpoint_parse("$", 1, &e));
    CHECK(!gost_endpoint_parse("", 0, &e));
    CHECK(!gost_endpoint_parse("00000000000000000000000000000000", 32, &e));
}

static struct gost_ingress *ingress(const char *lines)
{
    struct gost_ingress *i;
    CHECK_INT(gost_ingress_new(&i), 0);
    CHECK_INT(gost_ingress_load(i, lines, strlen(lines)), 0);
    return i;
}

TEST(the_longest_rule_decides)
{
    static const struct {
        const char *host;
        int want; /* which of the two, 0: none */
    } rows[] = {
        {"a.test", 1},   {"A.Test", 1},     {"a.test.", 1},  {"b.a.test", 0},   {"z.test", 2},
        {"x.z.test", 2}, {"x.y.z.test", 1}, {"y.z.test", 1}, {"q.y.z.test", 1}, {"zz.test", 0},
        {"test", 0},     {"", 0},           {".", 0},        {"w.test", 2},     {"v.w.test", 2},
    };
    struct gost_ingress *i = ingress("# rules\n a.test " ID "\n.z.test\t" TWO
                                     " # two\n\n*.y.z.test " ID "\n.w.test " TWO "\n");
    for (size_t at = 0; at < sizeof(rows) / sizeof(rows[0]); at++) {
        struct gost_endpoint e = {.is_private = true};
        int rc = gost_ingress_find(i, rows[at].host, &e);
        CHECK_INT(rc, rows[at].want != 0);
        if (rc == 1)
            CHECK_INT(e.id[0], rows[at].want == 1 ? 0x4d : 0x00);
    }
    gost_ingress_unref(i);
}

TEST(bad_rules_are_refused)
{
    static const struct {
        const char *host, *endpoint;
    } rows[] = {{"", ID},       {".", ID},         {"a*b", ID},        {"*.", ID},
                {"a.test", ""}, {"a.test", "abc"}, {"a.test", "$abc"}, {"*x.test", ID}};
    struct gost_ingress *i = ingress("");
    for (size_t at = 0; at < sizeof(rows) / sizeof(rows[0]); at++)
        CHECK_INT(gost_ingress_add(i, rows[at].host, strlen(rows[at].host), rows[at].endpoint,
                                   strlen(rows[at].endpoint)),
                  GOST_ECONFIG);
    CHECK_INT((int)i->rules.count, 0);
    gost_ingress_unref(i);
}

TEST(overlong_hosts_have_no_rule)
{
    char host[400];
    struct gost_endpoint e;
    struct gost_ingress *i = ingress(".test " ID);
    memset(host, 'a', sizeof(host) - 1);
    host[sizeof(host) - 1] = '\0';
    memcpy(host + 390, ".test", 5);
    CHECK_INT(gost_ingress_find(i, host, &e), 0);
    memset(host, '.', 255);
    host[255] = '\0';
    CHECK_INT(gost_ingress_find(i, host, &e), 0);
    gost_ingress_unref(i);
}

static int ask(void *arg, const char *host, struct gost_endpoint *out)
{
    int *asked = arg;
    ++*asked;
    return strcmp(host, "asked.test") == 0 && gost_endpoint_parse("$" ID, strlen(ID) + 1, out);
}

TEST(a_function_is_asked_for_what_no_rule_says)
{
    int asked = 0;
    struct gost_endpoint e;
    struct gost_ingress *i = ingress("a.test " TWO);
    i->hook = ask;
    i->hook_arg = &asked;
    CHECK_INT(gost_ingress_find(i, "a.test", &e), 1);
    CHECK_INT(asked, 0);
    CHECK_INT(gost_ingress_find(i, "ASKED.test.", &e), 1);
    CHECK(e.is_private);
    CHECK_INT(gost_ingress_find(i, "b.test", &e), 0);
    CHECK_INT(asked, 2);
    gost_ingress_unref(i);
}

TEST(a_tunnel_is_called_as_by_gost)
{
    uint8_t id[GOST_UUID_BYTES];
    char name[GOST_TUNNEL_ENDPOINT];
    CHECK(gost_uuid_parse(TWO, strlen(TWO), id));
    CHECK_STR(gost_tunnel_endpoint(id, name), "1a03f12fda586aff");
}

RUN_TESTS()
