#include "core/base/cidr.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "spec/c/test.h"

static uint64_t seed = 1442695040888963407u;

static uint64_t random_bits(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static struct gost_ip ip(const char *text)
{
    struct gost_ip out = {0, 0};
    CHECK(gost_ip_from_text(&out, text, strlen(text)));
    return out;
}

TEST(one_pattern_matches_what_it_should)
{
    static const struct {
        const char *pattern, *address;
        bool want;
    } rows[] = {
        {"10.1.2.3", "10.1.2.3", true},
        {"10.1.2.3", "10.1.2.4", false},
        {"10.0.0.0/30", "10.0.0.0", true},
        {"10.0.0.0/30", "10.0.0.3", true},
        {"10.0.0.0/30", "10.0.0.4", false},
        {"10.0.0.7/30", "10.0.0.4", true}, /* host bits are masked */
        {"10.0.0.7/30", "10.0.0.3", false},
        {"0.0.0.0/0", "255.255.255.255", true},
        {"0.0.0.0/0", "::1", false},
        {"::/0", "::1", true},
        {"::/0", "ffff::", true},
        {"::/0", "1.2.3.4", false},
        {"::/80", "1.2.3.4", false},
        {"::/80", "::1", true},
        {"::fffe:0:0/95", "1.2.3.4", false},
        {"::fffe:0:0/95", "::fffe:1:1", true},
        {"10.0.1.1-10.0.1.5", "10.0.1.1", true},
        {"10.0.1.1-10.0.1.5", "10.0.1.5", true},
        {"10.0.1.1-10.0.1.5", "10.0.1.6", false},
        {"10.0.1.1-10.0.1.5", "10.0.1.0", false},
        {"10.1.2.3", "::ffff:10.1.2.3", true},
        {"::ffff:10.1.2.3", "10.1.2.3", true},
        {"10.0.0.0/8", "::ffff:10.9.9.9", true},
        {"::ffff:10.0.0.0/104", "10.9.9.9", true},
        {"::ffff:10.0.0.0/104", "11.9.9.9", false},
        {"2001:db8::/32", "2001:db8:ffff::1", true},
        {"2001:db8::/32", "2001:db9::1", false},
        {"2001:db8::1-2001:db8::ff", "2001:db8::80", true},
        {"2001:db8::1-2001:db8::ff", "2001:db8::100", false},
        {"[::1]", "::1", true},
        {"fe80::1%eth0", "fe80::1", true},
        {"::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "9.9.9.9", false},
        {"::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "9::9", true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct gost_cidrs set;
        gost_cidrs_create(&set);
        CHECK_INT(gost_cidrs_add(&set, rows[i].pattern, strlen(rows[i].pattern)), 0);
        if (gost_cidrs_match(&set, ip(rows[i].address)) != rows[i].want) {
            fprintf(stderr, "%s on %s\n", rows[i].pattern, rows[i].address);
            CHECK(false);
        }
        gost_cidrs_destroy(&set);
    }
}

TEST(what_is_no_network_is_refused)
{
    static const char *const bad[] = {"",
                                      "x",
                                      "10.0.0.0/33",
                                      "::/129",
                                      "10.0.0/8",
                                      "10.0.0.0/",
                                      "10.0.0.0/8x",
                                      "10.0.0.0/-1",
                                      "1.2.3.4-",
                                      "-1.2.3.4",
                                      "1.2.3.5-1.2.3.4",
                                      "1.2.3.4-::1",
                                      "1.2.3.4%eth0",
                                      "1.2.3.4:80",
                                      "[::1",
                                      "10.0.0.0/0008"};
    struct gost_cidrs set;
    gost_cidrs_create(&set);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (gost_cidrs_add(&set, bad[i], strlen(bad[i])) != GOST_ECONFIG)
            fprintf(stderr, "\"%s\" was accepted\n", bad[i]);
        CHECK_INT(gost_cidrs_add(&set, bad[i], strlen(bad[i])), GOST_ECONFIG);
    }
    CHECK_INT(set.count, 0);
    gost_cidrs_destroy(&set);
}

TEST(addresses_survive_the_way_through_a_socket_address)
{
    static const char *const texts[] = {"0.0.0.0", "1.2.3.4", "255.255.255.255",
                                        "::",      "::1",     "2001:db8::ff"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        union gost_sockaddr s;
        struct gost_ip back;
        char buf[GOST_HOSTPORT_MAX];
        gost_ip_to_sockaddr(ip(texts[i]), 80, &s);
        CHECK_STR(gost_sockaddr_host(&s, buf), texts[i]);
        CHECK_INT(gost_sockaddr_port(&s), 80);
        CHECK(gost_ip_from_sockaddr(&back, &s));
        CHECK_INT(gost_ip_compare(back, ip(texts[i])), 0);
    }
    union gost_sockaddr un = {.un = {.sun_family = AF_UNIX}};
    struct gost_ip none;
    CHECK(!gost_ip_from_sockaddr(&none, &un));
}

/* A small world, so that ranges touch, overlap and contain each other. */
static struct gost_ip small_ip(void)
{
    uint64_t r = random_bits();
    if (r & 1)
        return (struct gost_ip){0, 0x0000ffff0a000000u | ((r >> 8) & 0x3ff)};
    return (struct gost_ip){0x20010db800000000u, (r >> 8) & 0x3ff};
}

TEST(random_sets_agree_with_a_linear_search)
{
    enum { MAX = 300 };
    static struct gost_ip_range model[MAX];
    for (int round = 0; round < 60; round++) {
        struct gost_cidrs set;
        size_t count = 0;
        gost_cidrs_create(&set);
        while (count < MAX) {
            struct gost_ip first = small_ip(), last = first;
            last.lo += random_bits() % 4;
            if (gost_cidrs_add_range(&set, first, last) == 0)
                model[count++] = (struct gost_ip_range){first, last};
            if (random_bits() % 3) /* questions in between put the set in order now and then */
                continue;
            struct gost_ip asked = small_ip();
            bool want = false;
            for (size_t i = 0; i < count; i++)
                want |= gost_ip_compare(model[i].first, asked) <= 0 &&
                        gost_ip_compare(asked, model[i].last) <= 0;
            CHECK_INT(gost_cidrs_match(&set, asked), want);
        }
        gost_cidrs_destroy(&set);
    }
}

TEST(masks_keep_the_first_bits)
{
    struct gost_ip all = {~(uint64_t)0, ~(uint64_t)0};
    for (unsigned bits = 0; bits <= 128; bits++) {
        struct gost_ip m = gost_ip_mask(all, bits);
        CHECK_INT(__builtin_popcountll(m.hi) + __builtin_popcountll(m.lo), bits);
        CHECK(bits == 0 || (m.hi & (uint64_t)1 << 63));
    }
}

RUN_TESTS()
