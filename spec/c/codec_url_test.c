#include "core/codec/url.h"

#include "core/base/error.h"
#include "test.h"

static bool same(struct gost_slice s, const char *text)
{
    return text == NULL ? s.p == NULL : s.p != NULL && gost_slice_is(s, text);
}

TEST(urls_come_apart)
{
    static const struct {
        const char *url, *scheme, *user, *password, *host, *path, *query, *fragment;
    } cases[] = {
        {"socks5://u:p@h.test:1080?a=b", "socks5", "u", "p", "h.test:1080", NULL, "a=b", NULL},
        {"http+tls://h:443/p/q?x#f", "http+tls", NULL, NULL, "h:443", "/p/q", "x", "f"},
        {":8080", NULL, NULL, NULL, ":8080", NULL, NULL, NULL},
        {"h:80", NULL, NULL, NULL, "h:80", NULL, NULL, NULL},
        {"", NULL, NULL, NULL, "", NULL, NULL, NULL},
        {"relay://", "relay", NULL, NULL, "", NULL, NULL, NULL},
        {"tcp://:8000/10.0.0.1:22,10.0.0.2:22", "tcp", NULL, NULL, ":8000",
         "/10.0.0.1:22,10.0.0.2:22", NULL, NULL},
        {"ss://u:p@ss@[::1]:8338", "ss", "u", "p@ss", "[::1]:8338", NULL, NULL, NULL},
        {"http://u@h", "http", "u", NULL, "h", NULL, NULL, NULL},
        {"http://:p@h", "http", "", "p", "h", NULL, NULL, NULL},
        {"h?next=http://x", NULL, NULL, NULL, "h", NULL, "next=http://x", NULL},
        {"unix:///run/x.sock", "unix", NULL, NULL, "", "/run/x.sock", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct gost_url u;
        CHECK_INT(gost_url_parse(&u, cases[i].url, strlen(cases[i].url)), 0);
        CHECK(same(u.scheme, cases[i].scheme));
        CHECK(same(u.user, cases[i].user));
        CHECK(same(u.password, cases[i].password));
        CHECK(same(u.host, cases[i].host));
        CHECK(same(u.path, cases[i].path));
        CHECK(same(u.query, cases[i].query));
        CHECK(same(u.fragment, cases[i].fragment));
    }
}

TEST(malformed_urls_are_refused)
{
    static const char *const wrong[] = {"1http://h", "ht tp://h", "http://h\n",
                                        "://h",      "h\x7f",     "a_b://h"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct gost_url u;
        CHECK_INT(gost_url_parse(&u, wrong[i], strlen(wrong[i])), GOST_ECONFIG);
    }
}

TEST(credentials_are_unescaped)
{
    struct gost_url u;
    struct gost_userpass up;
    const char *text = "http://us%40er:p%3aw+%C3%A9@h";
    CHECK_INT(gost_url_parse(&u, text, strlen(text)), 0);
    CHECK_INT(gost_url_userpass(&up, &u), 0);
    CHECK_STR(up.user, "us@er");
    CHECK_STR(up.password, "p:w+\xc3\xa9");
    static const char *const wrong[] = {"http://a%zz@h", "http://a%4@h", "http://a:%00@h"};
    for (size_t i = 0; i < 3; i++) {
        CHECK_INT(gost_url_parse(&u, wrong[i], strlen(wrong[i])), 0);
        CHECK_INT(gost_url_userpass(&up, &u), GOST_ECONFIG);
    }
    CHECK_INT(gost_url_parse(&u, "http://h", 8), 0);
    CHECK_INT(gost_url_userpass(&up, &u), 0);
    CHECK_STR(up.user, "");
}

TEST(queries_are_walked)
{
    struct gost_slice query = gost_slice("&a=b=c&&d&e=&"), key, value;
    CHECK(gost_url_next_param(&query, &key, &value));
    CHECK(same(key, "a") && same(value, "b=c"));
    CHECK(gost_url_next_param(&query, &key, &value));
    CHECK(same(key, "d") && same(value, NULL));
    CHECK(gost_url_next_param(&query, &key, &value));
    CHECK(same(key, "e") && same(value, ""));
    CHECK(!gost_url_next_param(&query, &key, &value));
}

TEST(escapes_round_trip)
{
    char raw[256], text[3 * 256 + 1], back[257];
    for (int i = 0; i < 256; i++)
        raw[i] = (char)i;
    ssize_t n = gost_url_escape(text, sizeof text, (struct gost_slice){raw, 256});
    CHECK(n > 256);
    CHECK_INT(
        gost_url_unescape(back, sizeof back, (struct gost_slice){text, (size_t)n}, GOST_URL_QUERY),
        256);
    CHECK(memcmp(raw, back, 256) == 0);
    CHECK_INT(gost_url_unescape(back, 256, (struct gost_slice){text, (size_t)n}, GOST_URL_QUERY),
              -1);
    CHECK_INT(gost_url_escape(text, 3, gost_slice("abc")), -1);
    CHECK_INT(gost_url_escape(text, 4, gost_slice("abc")), 3);
    CHECK_INT(gost_url_unescape(back, sizeof back, gost_slice("a+b%2B"), GOST_URL_QUERY), 4);
    CHECK_STR(back, "a b+");
}

RUN_TESTS()
