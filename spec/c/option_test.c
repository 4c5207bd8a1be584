/* Option tables: defaults, checks, every type. */
#include "core/base/option.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "spec/c/test.h"

#include <stddef.h>

struct settings {
    bool on;
    int64_t count, timeout;
    uint64_t size;
    char *name, *path;
    int mode;
    struct gost_strings list, map;
};

static const struct gost_option table[] = {
    {"on", "enable enabled", GOST_OPT_BOOL, offsetof(struct settings, on), "true"},
    {"count", NULL, GOST_OPT_INT, offsetof(struct settings, count), "3", NULL, 1, 10},
    {"timeout", "readTimeout", GOST_OPT_DURATION, offsetof(struct settings, timeout), "15s"},
    {"size", NULL, GOST_OPT_SIZE, offsetof(struct settings, size), "4KB"},
    {"name", NULL, GOST_OPT_STRING, offsetof(struct settings, name), "nobody"},
    {"path", NULL, GOST_OPT_PATH, offsetof(struct settings, path)},
    {"mode", NULL, GOST_OPT_ENUM, offsetof(struct settings, mode), "tcp", "udp tcp both"},
    {"list", NULL, GOST_OPT_LIST, offsetof(struct settings, list), "a, b"},
    {"map", NULL, GOST_OPT_MAP, offsetof(struct settings, map)},
    GOST_OPTION_END};

static const struct gost_options options = {table, sizeof(struct settings)};

static int set(struct settings *s, const char *key, const char *value)
{
    return gost_option_set(s, gost_option_find(table, key), value);
}

static int set_number(struct settings *s, const char *key, double value)
{
    return gost_option_set_number(s, gost_option_find(table, key), value);
}

TEST(defaults_are_parsed_like_values)
{
    struct settings *s = gost_options_new(&options);
    CHECK(s->on);
    CHECK_INT(s->count, 3);
    CHECK_INT(s->timeout, 15000);
    CHECK_INT(s->size, 4096);
    CHECK_STR(s->name, "nobody");
    CHECK(s->path == NULL);
    CHECK_INT(s->mode, 1);
    CHECK_INT(s->list.count, 2);
    CHECK_STR(s->list.item[1], "b");
    CHECK_INT(s->map.count, 0);
    gost_options_delete(&options, s);
    gost_options_delete(&options, NULL);
}

TEST(keys_and_aliases_match_without_case)
{
    CHECK(gost_option_find(table, "READTIMEOUT") == &table[2]);
    CHECK(gost_option_find(table, "Enabled") == &table[0]);
    CHECK(gost_option_find(table, "enable") == &table[0]);
    CHECK(gost_option_find(table, "enabl") == NULL);
    CHECK(gost_option_find(table, "enable enabled") == NULL);
    CHECK(gost_option_find(table, "") == NULL);
    CHECK(gost_option_find(NULL, "x") == NULL);
}

TEST(values_of_every_type)
{
    struct settings *s = gost_options_new(&options);
    CHECK_INT(set(s, "on", "off"), 0);
    CHECK_INT(set(s, "count", "10"), 0);
    CHECK_INT(set(s, "timeout", "1.5s"), 0);
    CHECK_INT(s->timeout, 1500);
    CHECK_INT(set(s, "timeout", "-1s"), 0);
    CHECK_INT(s->timeout, -1000);
    CHECK_INT(set(s, "timeout", "1us"), 0);
    CHECK_INT(s->timeout, 1); /* not 0, which means none */
    CHECK_INT(set(s, "name", "x"), 0);
    CHECK_INT(set(s, "name", "somebody"), 0);
    CHECK_STR(s->name, "somebody");
    CHECK_INT(set(s, "mode", "BOTH"), 0);
    CHECK_INT(s->mode, 2);
    CHECK_INT(set(s, "list", " one,two , ,three "), 0);
    CHECK_INT(s->list.count, 3);
    CHECK_STR(s->list.item[0], "one");
    CHECK_STR(s->list.item[1], "two");
    CHECK_STR(s->list.item[2], "three");
    CHECK_INT(set(s, "list", ""), 0);
    CHECK_INT(s->list.count, 0);
    gost_options_delete(&options, s);
}

TEST(wrong_values_say_what_would_be_right)
{
    struct settings *s = gost_options_new(&options);
    CHECK_INT(set(s, "count", "11"), GOST_ECONFIG);
    CHECK(strstr(gost_diag_text(GOST_ECONFIG), "1 to 10"));
    CHECK_INT(set(s, "count", "three"), GOST_ECONFIG);
    CHECK_INT(set(s, "mode", "icmp"), GOST_ECONFIG);
    CHECK(strstr(gost_diag_text(GOST_ECONFIG), "udp tcp both"));
    CHECK_INT(set(s, "mode", "tc"), GOST_ECONFIG);
    CHECK_INT(set(s, "mode", ""), GOST_ECONFIG);
    CHECK_INT(set(s, "on", "maybe"), GOST_ECONFIG);
    CHECK_INT(set(s, "timeout", "soon"), GOST_ECONFIG);
    CHECK_INT(set(s, "size", "big"), GOST_ECONFIG);
    CHECK_INT(set(s, "map", "x"), GOST_ECONFIG);
    CHECK_INT(s->count, 3); /* untouched */
    CHECK_INT(s->mode, 1);
    gost_options_delete(&options, s);
}

TEST(numbers_of_every_type)
{
    struct settings *s = gost_options_new(&options);
    CHECK_INT(set_number(s, "count", 7), 0);
    CHECK_INT(s->count, 7);
    CHECK_INT(set_number(s, "count", 7.5), GOST_ECONFIG);
    CHECK_INT(set_number(s, "count", 11), GOST_ECONFIG);
    CHECK_INT(set_number(s, "timeout", 0.25), 0);
    CHECK_INT(s->timeout, 250);
    CHECK_INT(set_number(s, "timeout", 0.0001), 0);
    CHECK_INT(s->timeout, 1); /* as when it is written as text */
    CHECK_INT(set_number(s, "size", 100), 0);
    CHECK_INT(s->size, 100);
    CHECK_INT(set_number(s, "size", -1), GOST_ECONFIG);
    CHECK_INT(set_number(s, "on", 0), 0);
    CHECK(!s->on);
    CHECK_INT(set_number(s, "name", 1), GOST_ECONFIG);
    CHECK_INT(set_number(s, "count", 1e300), GOST_ECONFIG);
    CHECK_INT(set_number(s, "count", 0.0 / 0.0), GOST_ECONFIG);
    gost_options_delete(&options, s);
}

TEST(lists_and_maps_grow_item_by_item)
{
    struct settings *s = gost_options_new(&options);
    const struct gost_option *map = gost_option_find(table, "map");
    for (int i = 0; i < 100; i++) {
        char text[16];
        snprintf(text, sizeof(text), "k%d", i);
        CHECK_INT(gost_option_append(s, map, text), 0);
        CHECK_INT(gost_option_append(s, map, "with, comma"), 0);
    }
    CHECK_INT(s->map.count, 200);
    CHECK_STR(s->map.item[198], "k99");
    CHECK_STR(s->map.item[199], "with, comma");
    CHECK_INT(gost_option_append(s, gost_option_find(table, "count"), "x"), GOST_ECONFIG);
    gost_options_delete(&options, s);
}

TEST(types_have_names)
{
    CHECK_STR(gost_option_type_name(GOST_OPT_BOOL), "bool");
    CHECK_STR(gost_option_type_name(GOST_OPT_PATH), "path");
    CHECK_STR(gost_option_type_name(GOST_OPT_MAP), "map");
}

RUN_TESTS()
