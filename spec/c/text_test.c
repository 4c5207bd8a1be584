/* Durations, sizes, numbers, base64, comparison of secrets. */
#include "core/base/text.h"

#include "spec/c/test.h"

#include <stdlib.h>

TEST(durations_follow_go)
{
    static const struct {
        const char *text;
        int64_t ns;
    } good[] = {{"300ms", 300000000},
                {"1h30m", 5400000000000},
                {"1.5s", 1500000000},
                {"-2s", -2000000000},
                {"+1m", 60000000000},
                {"10", 10000000000},
                {"0", 0},
                {"0.5", 500000000},
                {"7us", 7000},
                {"7\xc2\xb5s", 7000},
                {"7\xce\xbcs", 7000},
                {"9ns", 9},
                {".5s", 500000000},
                {"1h1m1s1ms1us1ns", 3661001001001}};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        int64_t ns = -1;
        CHECK(gost_parse_duration(good[i].text, &ns));
        CHECK_INT(ns, good[i].ns);
    }
}

TEST(what_is_no_duration_is_refused)
{
    static const char *const bad[] = {
        "",    "-",    "s",     "1d",       "1 s", "1s ", "1s2", "x",  "1e3",          "0x10s",
        "1ss", "--1s", "1s-1s", "infinity", "nan", ".",   ".s",  "1S", "99999999999h", " 1s"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t ns;
        if (gost_parse_duration(bad[i], &ns))
            fprintf(stderr, "accepted: \"%s\"\n", bad[i]);
        CHECK(!gost_parse_duration(bad[i], &ns));
    }
}

TEST(sizes_count_in_powers_of_1024)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {{"64KB", 65536},      {"1.5MiB", 1572864}, {"1MB512KB", 1572864},  {"12", 12},
                {"12B", 12},          {"1GB", 1073741824}, {"1TB", 1099511627776}, {"0", 0},
                {"1PiB", 1ULL << 50}, {"1EB", 1ULL << 60}, {"0.5KB", 512}};
    static const char *const bad[] = {"", "KB", "-1", "1kB", "1 KB", "0x10", "1e3", "20EB", "1KBx"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        uint64_t bytes = 1;
        CHECK(gost_parse_size(good[i].text, &bytes));
        CHECK_INT(bytes, good[i].bytes);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint64_t bytes;
        CHECK(!gost_parse_size(bad[i], &bytes));
    }
}

TEST(whole_numbers_stay_within_64_bits)
{
    int64_t v;
    CHECK(gost_parse_int("-9223372036854775808", &v) && v == INT64_MIN);
    CHECK(gost_parse_int("9223372036854775807", &v) && v == INT64_MAX);
    CHECK(gost_parse_int("+5", &v) && v == 5);
    CHECK(gost_parse_int("007", &v) && v == 7);
    CHECK(!gost_parse_int("9223372036854775808", &v));
    CHECK(!gost_parse_int("", &v));
    CHECK(!gost_parse_int(" 1", &v));
    CHECK(!gost_parse_int("1 ", &v));
    CHECK(!gost_parse_int("0x1", &v));
    CHECK(!gost_parse_int("1.0", &v));
}

TEST(booleans_in_any_case)
{
    bool b = false;
    CHECK(gost_parse_bool("TRUE", &b) && b);
    CHECK(gost_parse_bool("off", &b) && !b);
    CHECK(gost_parse_bool("Yes", &b) && b);
    CHECK(gost_parse_bool("0", &b) && !b);
    CHECK(!gost_parse_bool("", &b));
    CHECK(!gost_parse_bool("2", &b));
}

TEST(base64_of_the_rfc)
{
    /* RFC 4648 section 10 */
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        char text[16];
        uint8_t back[16];
        size_t n = strlen(pairs[i][0]);
        CHECK_INT(gost_base64_encode(text, pairs[i][0], n), strlen(pairs[i][1]));
        CHECK_STR(text, pairs[i][1]);
        CHECK_INT(gost_base64_decode(back, text, strlen(text)), n);
        CHECK(memcmp(back, pairs[i][0], n) == 0);
    }
}

TEST(base64_there_and_back)
{
    for (size_t n = 0; n < 200; n++) {
        uint8_t *data = malloc(n + 1), *back = malloc(n + 3);
        char *text = malloc((n + 2) / 3 * 4 + 1);
        for (size_t i = 0; i < n; i++)
            data[i] = (uint8_t)(i * 151 + n);
        size_t len = gost_base64_encode(text, data, n);
        CHECK_INT(gost_base64_decode(back, text, len), n);
        CHECK(memcmp(back, data, n) == 0);
        free(data);
        free(back);
        free(text);
    }
}

TEST(base64_in_the_url_alphabet_and_unpadded)
{
    uint8_t out[8];
    CHECK_INT(gost_base64_decode(out, "-_-_", 4), 3);
    CHECK(memcmp(out, "\xfb\xff\xbf", 3) == 0);
    CHECK_INT(gost_base64_decode(out, "Zg", 2), 1);
    CHECK_INT(gost_base64_decode(out, "Z", 1), -1);
    CHECK_INT(gost_base64_decode(out, "Zg=", 3), 1);
    CHECK_INT(gost_base64_decode(out, "Z===", 4), -1);
    CHECK_INT(gost_base64_decode(out, "Zm9v!", 5), -1);
    CHECK_INT(gost_base64_decode(out, "Zm 9v", 5), -1);
    CHECK_INT(gost_base64_decode(out, "=", 1), 0);
}

TEST(secrets_are_equal_only_as_a_whole)
{
    CHECK(gost_secret_equal("abc", 3, "abc", 3));
    CHECK(!gost_secret_equal("abd", 3, "abc", 3));
    CHECK(!gost_secret_equal("ab", 2, "abc", 3));
    CHECK(!gost_secret_equal("abcabc", 6, "abc", 3));
    CHECK(!gost_secret_equal("", 0, "abc", 3));
    CHECK(!gost_secret_equal("\0", 1, "", 0));
    CHECK(gost_secret_equal("", 0, "", 0));
    CHECK(!gost_secret_equal("a\0b", 3, "a\0c", 3));
}

RUN_TESTS()
