/* Replacing by patterns: groups, names, what has none, empty matches, limits. */
#include "core/base/error.h"
#include "core/base/regex.h"
#include "spec/c/test.h"

#include <string.h>

static const char *replaced(const char *pattern, const char *replacement, const char *text)
{
    static char room[256];
    struct gost_regex *r;
    struct gost_buf b;
    CHECK_INT(gost_regex_new(pattern, strlen(pattern), true, &r), 0);
    gost_buf_create(&b, sizeof(room) - 1);
    int rc = gost_regex_replace(r, text, strlen(text), replacement, &b);
    if (b.len > 0)
        memcpy(room, b.data, b.len);
    room[b.len] = '\0';
    gost_buf_destroy(&b);
    gost_regex_delete(r);
    return rc == 1 ? room : rc == 0 ? "(none)" : "(failed)";
}

TEST(groups_stand_for_what_they_found)
{
    CHECK_STR(replaced("^/api/(.*)$", "/$1", "/api/users/1"), "/users/1");
    CHECK_STR(replaced("(a)(b)?", "[$1|$2|$3]", "abca"), "[a|b|]c[a||]");
    CHECK_STR(replaced("(?<x>a+)", "<${x}>$x.", "aab"), "<aa>aa.b");
    CHECK_STR(replaced("(a)", "$1x", "a"), ""); /* the name is as long as it can be */
    CHECK_STR(replaced("(a)", "${1}x", "a"), "ax");
    CHECK_STR(replaced("a", "$$1$", "ba"), "b$1$");
    CHECK_STR(replaced("a", "${", "a"), "${");
    CHECK_STR(replaced("a", "$99999999999999999999", "ab"), "b");
}

TEST(what_is_not_found_stays)
{
    CHECK_STR(replaced("x", "y", "abc"), "(none)");
    CHECK_STR(replaced("x*", "-", "abc"), "-a-b-c-");
    CHECK_STR(replaced("$", "!", "abc"), "abc!");
    CHECK_STR(replaced("(?=c)", "|", "abc"), "ab|c");
}

TEST(there_are_limits)
{
    char long_text[200];
    memset(long_text, 'a', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    CHECK_STR(replaced("a", "bb", long_text), "(failed)");
    CHECK_STR(replaced("(a|a)+[!?]$", "x", long_text), "(failed)");
}

RUN_TESTS()
