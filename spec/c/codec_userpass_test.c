#include "core/codec/userpass.h"

#include "core/base/error.h"
#include "test.h"

TEST(basic_credentials_decode)
{
    static const struct {
        const char *value, *user, *password;
    } cases[] = {
        {"Basic dXNlcjpwYXNz", "user", "pass"}, {"bASIC   dXNlcjpwYXNz", "user", "pass"},
        {"Basic dXNlcjo=", "user", ""},         {"Basic OnBhc3M=", "", "pass"},
        {"Basic dTpwOnE=", "u", "p:q"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct gost_userpass up;
        CHECK_INT(gost_userpass_from_basic(&up, gost_slice(cases[i].value)), 0);
        CHECK_STR(up.user, cases[i].user);
        CHECK_STR(up.password, cases[i].password);
    }
}

TEST(unusable_credentials_are_refused)
{
    static const char *const wrong[] = {
        "",           "Basic", "Basic ",   "Bearer dXNlcjpwYXNz", "Basic dXNlcg==",
        "Basic !!!!", "Basi",  "dXNlcjpw", "Basic dQBzOnA=",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct gost_userpass up;
        CHECK_INT(gost_userpass_from_basic(&up, gost_slice(wrong[i])), GOST_EAUTH);
    }
}

TEST(the_longest_credentials_round_trip)
{
    char text[GOST_BASIC_MAX];
    struct gost_userpass up = {{0}, {0}}, back;
    memset(up.user, 'u', 255);
    memset(up.password, 'p', 255);
    size_t n = gost_userpass_to_basic(text, &up);
    CHECK_INT(n, GOST_BASIC_MAX - 1);
    CHECK_INT(strlen(text), n);
    CHECK_INT(gost_userpass_from_basic(&back, gost_slice(text)), 0);
    CHECK_STR(back.user, up.user);
    CHECK_STR(back.password, up.password);
}

TEST(a_user_over_255_bytes_is_refused)
{
    struct gost_userpass up;
    char text[420] = "Basic ";
    for (size_t i = 6; i < 6 + 4 * 90; i += 4)
        memcpy(text + i, "dXV1", 4); /* "uuu" */
    strcat(text, "Og==");
    CHECK_INT(gost_userpass_from_basic(&up, gost_slice(text)), GOST_EAUTH);
}

RUN_TESTS()
