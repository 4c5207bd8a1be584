#include "core/base/glob.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "spec/c/test.h"

#include <stdlib.h>

static uint64_t seed = 6364136223846793005u;

static unsigned random_below(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 11) % n;
}

static int matches(const char *pattern, const char *text)
{
    struct gost_glob *g;
    int rc = gost_glob_new(&g, pattern, strlen(pattern));
    if (rc)
        return rc;
    rc = gost_glob_match(g, text, strlen(text));
    gost_glob_delete(g);
    return rc;
}

TEST(patterns_match_what_they_should)
{
    static const struct {
        const char *pattern, *text;
        int want;
    } rows[] = {
        {"", "", 1},
        {"", "a", 0},
        {"abc", "abc", 1},
        {"abc", "abcd", 0},
        {"abc", "Abc", 0},
        {"*", "", 1},
        {"*", "a.b.c", 1},
        {"**", "x", 1},
        {"?", "", 0},
        {"?", "a", 1},
        {"?", "ab", 0},
        {"*.name.test", "a.name.test", 1},
        {"*.name.test", "a.b.name.test", 1},
        {"*.name.test", "name.test", 0},
        {"*.name.test", "aname.test", 0},
        {"q?.name.test", "q1.name.test", 1},
        {"q?.name.test", "q.name.test", 0},
        {"a*b*c", "aXXbYYc", 1},
        {"a*b*c", "aXXcYYb", 0},
        {"*aab", "aaaab", 1},
        {"[abc]x", "bx", 1},
        {"[abc]x", "dx", 0},
        {"[a-c]x", "bx", 1},
        {"[!a-c]x", "bx", 0},
        {"[!a-c]x", "dx", 1},
        {"[^a-c]x", "dx", 1},
        {"[a-]x", "-x", 1},
        {"[a\\]]x", "]x", 1},
        {"{a,b}.x", "a.x", 1},
        {"{a,b}.x", "b.x", 1},
        {"{a,b}.x", "c.x", 0},
        {"{,www.}x", "x", 1},
        {"{,www.}x", "www.x", 1},
        {"{a,b{c,d}}e", "bde", 1},
        {"{a,b{c,d}}e", "be", 0},
        {"{a,b}{c,d}", "bc", 1},
        {"{*.x,y?}", "a.x", 1},
        {"{*.x,y?}", "yz", 1},
        {"{[,}],b}", ",", 1}, /* a class hides comma and brace */
        {"\\*", "*", 1},
        {"\\*", "a", 0},
        {"\\{a,b\\}", "{a,b}", 1},
        {"a,b", "a,b", 1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int got = matches(rows[i].pattern, rows[i].text);
        if (got != rows[i].want)
            fprintf(stderr, "%s on %s: %d\n", rows[i].pattern, rows[i].text, got);
        CHECK_INT(got, rows[i].want);
    }
}

TEST(malformed_patterns_are_refused_with_a_reason)
{
    static const char *const bad[] = {"[abc",
                                      "[]x",
                                      "[z-a]",
                                      "{a,b",
                                      "a}b",
                                      "a\\",
                                      "[a-\\",
                                      "{{{{{{{{{a}}}}}}}}}",
                                      "{a,b}{a,b}{a,b}{a,b}{a,b,c,d}{a,b,c,d}{a,b,c,d}"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_INT(matches(bad[i], "a"), GOST_ECONFIG);
        CHECK(strstr(gost_diag_text(GOST_ECONFIG), "pattern \"") != NULL);
    }
    char *longest = malloc(GOST_GLOB_MAX + 2);
    memset(longest, 'a', GOST_GLOB_MAX + 1);
    longest[GOST_GLOB_MAX + 1] = '\0';
    CHECK_INT(matches(longest, longest), GOST_ECONFIG);
    CHECK_INT(matches(longest + 1, longest + 1), 1);
    free(longest);
}

/* The definition of a glob, exponential and obviously right. */
static int naive(const char *p, const char *t)
{
    if (*p == '\0')
        return *t == '\0';
    if (*p == '*')
        return naive(p + 1, t) || (*t && naive(p, t + 1));
    if (*p == '[') { /* only [ab] is generated */
        return *t && (*t == p[1] || *t == p[2]) && naive(p + 4, t + 1);
    }
    return *t && (*p == '?' || *p == *t) && naive(p + 1, t + 1);
}

TEST(random_patterns_agree_with_the_definition)
{
    for (int round = 0; round < 40000; round++) {
        char pattern[64] = "", text[16] = "";
        for (unsigned i = 0, n = random_below(8); i < n; i++) {
            static const char *const parts[] = {"a", "b", "c", "*", "?", "[ab]", "*", "a"};
            strcat(pattern, parts[random_below(8)]);
        }
        for (unsigned i = 0, n = random_below(12); i < n; i++)
            text[i] = (char)('a' + random_below(3));
        int want = naive(pattern, text);
        if (matches(pattern, text) != want)
            fprintf(stderr, "%s on %s\n", pattern, text);
        CHECK_INT(matches(pattern, text), want);
    }
}

TEST(stars_do_not_blow_up)
{
    char pattern[GOST_GLOB_MAX], text[256];
    size_t n = 0;
    while (n + 3 < sizeof(pattern)) {
        pattern[n++] = '*';
        pattern[n++] = 'a';
    }
    pattern[n++] = 'b';
    memset(text, 'a', sizeof(text));
    struct gost_glob *g;
    CHECK_INT(gost_glob_new(&g, pattern, n), 0);
    /* The count of steps is bounded by the product of the lengths; exponential would never end. */
    CHECK(!gost_glob_match(g, text, sizeof(text)));
    gost_glob_delete(g);
}

RUN_TESTS()
