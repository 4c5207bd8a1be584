/**
 * A URL: its parts must lie inside of it, and escaped text must come back.
 */
#include "core/codec/url.h"
#include "fuzz.h"

static const char *begin, *end;

static void check_inside(struct gost_slice s)
{
    REQUIRE(s.p == NULL ? s.n == 0 : s.p >= begin && s.p + s.n <= end);
}

static void check_params(struct gost_slice query)
{
    struct gost_slice key, value;
    while (gost_url_next_param(&query, &key, &value)) {
        check_inside(key);
        check_inside(value);
        REQUIRE(key.n > 0 || value.p);
    }
    REQUIRE(query.n == 0);
}

static void check_escape(struct gost_slice raw)
{
    size_t cap = 3 * raw.n + 1;
    char *text = malloc(cap), *back = malloc(raw.n + 1);
    ssize_t n = gost_url_escape(text, cap, raw);
    REQUIRE(n >= (ssize_t)raw.n);
    struct gost_slice escaped = {text, (size_t)n};
    REQUIRE(gost_url_unescape(back, raw.n + 1, escaped, GOST_URL_QUERY) == (ssize_t)raw.n);
    REQUIRE(raw.n == 0 || memcmp(back, raw.p, raw.n) == 0);
    REQUIRE(gost_url_unescape(back, raw.n, escaped, GOST_URL_PLAIN) < 0);
    REQUIRE(gost_url_unescape(back, raw.n + 1, raw, GOST_URL_QUERY) <= (ssize_t)raw.n);
    free(text);
    free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gost_url url;
    struct gost_userpass credentials;
    begin = (const char *)data;
    end = begin + size;
    check_escape((struct gost_slice){begin, size});
    if (gost_url_parse(&url, begin, size) < 0)
        return 0;
    check_inside(url.scheme);
    check_inside(url.user);
    check_inside(url.password);
    check_inside(url.host);
    check_inside(url.path);
    check_inside(url.query);
    check_inside(url.fragment);
    check_params(url.query);
    gost_url_userpass(&credentials, &url);
    return 0;
}
