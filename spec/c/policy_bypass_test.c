#include "core/policy/admission.h"
#include "core/policy/bypass.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "spec/c/test.h"

static struct gost_addr addr(const char *text)
{
    struct gost_addr a;
    CHECK_INT(gost_addr_parse(&a, text, strlen(text), 0), 0);
    return a;
}

static struct gost_bypass *bypass(bool whitelist, const char *network, const char *pattern)
{
    struct gost_bypass *b;
    CHECK_INT(gost_bypass_new(&b, whitelist, network), 0);
    if (pattern)
        CHECK_INT(gost_bypass_add(b, pattern, strlen(pattern)), 0);
    return b;
}

static int ask(struct gost_bypass *b, const char *network, const char *dst)
{
    struct gost_addr a = addr(dst);
    int rc = gost_bypass_contains(b, network, &a, NULL);
    gost_bypass_unref(b);
    return rc;
}

TEST(each_cell_of_the_table_of_decisions)
{
    static const struct {
        bool whitelist;
        const char *network;
        int none, matched, not_matched; /* asked for tcp */
    } rows[] = {
        {false, "", 0, 1, 0},   {true, "", 0, 0, 1},     {false, "tcp", 1, 1, 0},
        {true, "tcp", 0, 0, 1}, {false, "udp", 0, 0, 0}, {true, "udp", 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool white = rows[i].whitelist;
        const char *network = rows[i].network;
        CHECK_INT(ask(bypass(white, network, NULL), "tcp", "a.test:1"), rows[i].none);
        CHECK_INT(ask(bypass(white, network, "a.test"), "tcp", "a.test:1"), rows[i].matched);
        CHECK_INT(ask(bypass(white, network, "a.test"), "tcp", "b.test:1"), rows[i].not_matched);
    }
}

TEST(the_network_is_compared_literally)
{
    CHECK_INT(ask(bypass(false, "tcp", NULL), "tcp4", "a:1"), 0);
    CHECK_INT(ask(bypass(false, "tcp", NULL), NULL, "a:1"), 0);
    CHECK_INT(ask(bypass(false, NULL, "a"), NULL, "a:1"), 1);
    struct gost_bypass *b;
    CHECK_INT(gost_bypass_new(&b, false, "a-network-nobody-knows"), GOST_ECONFIG);
    CHECK(b == NULL);
}

TEST(the_name_and_what_it_resolved_to_both_count)
{
    struct gost_addr name = addr("a.test:80"), ip = addr("10.1.2.3:80");
    struct gost_bypass *by_name = bypass(false, "", ".test"),
                       *by_ip = bypass(false, "", "10.0.0.0/8");
    struct gost_bypass *white = bypass(true, "", ".test");
    CHECK_INT(gost_bypass_contains(by_name, "tcp", &name, &ip), 1);
    CHECK_INT(gost_bypass_contains(by_ip, "tcp", &name, &ip), 1);
    CHECK_INT(gost_bypass_contains(by_ip, "tcp", &name, NULL), 0);
    CHECK_INT(gost_bypass_contains(white, "tcp", &name, &ip), 0);
    gost_bypass_unref(by_name);
    gost_bypass_unref(by_ip);
    gost_bypass_unref(white);
}

TEST(several_bypasses_combine)
{
    /* b*: blacklist, w*: whitelist; y: says yes to x.test, n: says no */
    struct gost_bypass *by = bypass(false, "", "x.test"), *bn = bypass(false, "", "y.test");
    struct gost_bypass *wy = bypass(true, "", "y.test"), *wn = bypass(true, "", "x.test");
    static const struct {
        const char *list;
        int want;
    } rows[] = {
        {"", 0},      {"by", 1},    {"bn", 0},    {"wy", 1},    {"wn", 0},       {"by bn", 1},
        {"bn by", 1}, {"bn bn", 0}, {"wy wy", 1}, {"wy wn", 0}, {"wn wy", 0},    {"wn wn", 0},
        {"wn by", 1}, {"by wn", 1}, {"wy bn", 1}, {"bn wy", 1}, {"wy wn bn", 0}, {"wy wn by", 1},
    };
    struct gost_addr dst = addr("x.test:80");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct gost_bypass *list[4];
        size_t count = 0;
        for (const char *p = rows[i].list; *p; p += p[2] ? 3 : 2)
            list[count++] = p[0] == 'b' ? (p[1] == 'y' ? by : bn) : (p[1] == 'y' ? wy : wn);
        int got = gost_bypasses_contain(list, count, "tcp", &dst, NULL);
        if (got != rows[i].want)
            fprintf(stderr, "\"%s\"\n", rows[i].list);
        CHECK_INT(got, rows[i].want);
    }
    gost_bypass_unref(by);
    gost_bypass_unref(bn);
    gost_bypass_unref(wy);
    gost_bypass_unref(wn);
}

struct hook {
    int answer, calls, dropped;
    struct gost_bypass *leaves; /* unref'd in the hook, as a reload meanwhile would */
};

static int hook_fn(void *arg, const struct gost_addr *a, const char *network)
{
    struct hook *h = arg;
    CHECK_STR(a->host, "b.test");
    CHECK_STR(network, "tcp");
    h->calls++;
    gost_bypass_unref(h->leaves);
    h->leaves = NULL;
    return h->answer;
}

static void hook_drop(void *arg)
{
    ((struct hook *)arg)->dropped++;
}

TEST(a_hook_is_one_more_pattern)
{
    static const struct {
        bool whitelist;
        int answer, want;
    } rows[] = {{false, 1, 1},
                {false, 0, 0},
                {true, 1, 0},
                {true, 0, 1},
                {false, GOST_EHOOK, GOST_EHOOK},
                {true, GOST_EHOOK, GOST_EHOOK}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct hook h = {.answer = rows[i].answer};
        struct gost_bypass *b = bypass(rows[i].whitelist, "", "a.test");
        b->hook = hook_fn;
        b->hook_arg = &h;
        b->hook_drop = hook_drop;
        struct gost_addr a = addr("a.test:1"), other = addr("b.test:1");
        CHECK_INT(gost_bypass_contains(b, "tcp", &a, NULL), !rows[i].whitelist);
        CHECK_INT(h.calls, 0); /* the pattern had matched */
        CHECK_INT(gost_bypasses_contain(&b, 1, "tcp", &other, NULL), rows[i].want);
        CHECK_INT(h.calls, 1);
        gost_bypass_unref(b);
        CHECK_INT(h.dropped, 1);
    }
}

TEST(a_bypass_may_go_while_its_hook_waits)
{
    struct gost_bypass *b = bypass(true, "", NULL);
    struct hook h = {.answer = 0, .leaves = b};
    struct gost_addr a = addr("b.test:1");
    b->hook = hook_fn;
    b->hook_arg = &h;
    b->hook_drop = hook_drop;
    CHECK_INT(gost_bypass_contains(b, "tcp", &a, NULL), 1);
    CHECK_INT(h.dropped, 1);
}

TEST(a_file_adds_its_good_lines_and_tells_of_the_bad)
{
    static const char text[] =
        "# list\r\n\r\n  a.test  # why\n\tb.test:80\nno port:x y\nc.test:zz\n\n*.d.test";
    struct gost_bypass *b = bypass(false, "", NULL);
    int rc = gost_bypass_load(b, text, sizeof(text) - 1);
    CHECK_INT(rc, GOST_ECONFIG);
    CHECK(strstr(gost_diag_text(rc), "line 5: ") != NULL);
    CHECK(strstr(gost_diag_text(rc), "(and 1 more)") != NULL);
    CHECK_INT(b->matcher.count, 3);
    struct gost_addr a = addr("x.d.test:80");
    CHECK_INT(gost_bypass_contains(b, "tcp", &a, NULL), 1);
    gost_bypass_unref(b);
}

/* ---- admission ---- */

static union gost_sockaddr peer(const char *ip)
{
    union gost_sockaddr s;
    CHECK(gost_ip_parse(ip, 1234, &s) != 0);
    return s;
}

static struct gost_admission *admission(bool whitelist, const char *pattern)
{
    struct gost_admission *a;
    CHECK_INT(gost_admission_new(&a, whitelist), 0);
    if (pattern)
        CHECK_INT(gost_admission_add(a, pattern, strlen(pattern)), 0);
    return a;
}

TEST(admission_lists_admit_whom_they_should)
{
    static const struct {
        bool whitelist;
        const char *pattern, *ip;
        int want;
    } rows[] = {
        {false, NULL, "1.2.3.4", 1},
        {true, NULL, "1.2.3.4", 0},
        {false, "1.2.3.4", "1.2.3.4", 0},
        {false, "1.2.3.4", "1.2.3.5", 1},
        {true, "1.2.3.4", "1.2.3.4", 1},
        {true, "1.2.3.4", "1.2.3.5", 0},
        {true, "10.0.0.0/8", "10.1.1.1", 1},
        {true, "10.0.0.0/8", "::ffff:10.1.1.1", 1},
        {false, "::1", "::1", 0},
        {false, "::/0", "1.2.3.4", 1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct gost_admission *a = admission(rows[i].whitelist, rows[i].pattern);
        union gost_sockaddr s = peer(rows[i].ip);
        CHECK_INT(gost_admission_admits(a, &s), rows[i].want);
        gost_admission_unref(a);
    }
}

static int client_hook(void *arg, const union gost_sockaddr *client)
{
    (void)client;
    return *(int *)arg;
}

TEST(clients_without_address_are_admitted_unless_a_hook_decides)
{
    union gost_sockaddr un = {.un = {.sun_family = AF_UNIX}};
    struct gost_admission *a = admission(true, "1.2.3.4");
    CHECK_INT(gost_admission_admits(a, &un), 1);
    int answer = 0;
    a->hook = client_hook;
    a->hook_arg = &answer;
    CHECK_INT(gost_admission_admits(a, &un), 0);
    answer = 1;
    CHECK_INT(gost_admission_admits(a, &un), 1);
    answer = GOST_EHOOK;
    CHECK_INT(gost_admission_admits(a, &un), GOST_EHOOK);
    union gost_sockaddr s = peer("1.2.3.4");
    CHECK_INT(gost_admission_admits(a, &s), 1);
    gost_admission_unref(a);
}

TEST(all_admissions_must_admit)
{
    struct gost_admission *yes = admission(false, NULL), *no = admission(true, NULL);
    struct gost_admission *both[] = {yes, no};
    union gost_sockaddr s = peer("1.2.3.4");
    CHECK_INT(gost_admissions_admit(both, 0, &s), 1);
    CHECK_INT(gost_admissions_admit(both, 1, &s), 1);
    CHECK_INT(gost_admissions_admit(both, 2, &s), 0);
    gost_admission_unref(yes);
    gost_admission_unref(no);
}

static void note_name(void *arg, const char *name, size_t n)
{
    snprintf(arg, 64, "%.*s", (int)n, name);
}

TEST(names_in_an_admission_file_are_handed_out)
{
    static const char text[] = "10.0.0.0/8 # lan\nhost.test\n";
    char name[64] = "";
    struct gost_admission *a = admission(true, NULL);
    CHECK_INT(gost_admission_load(a, text, sizeof(text) - 1, note_name, name), 0);
    CHECK_STR(name, "host.test");
    CHECK_INT(gost_admission_load(a, text, sizeof(text) - 1, NULL, NULL), GOST_ECONFIG);
    union gost_sockaddr s = peer("10.1.1.1");
    CHECK_INT(gost_admission_admits(a, &s), 1);
    gost_admission_unref(a);
}

RUN_TESTS()
