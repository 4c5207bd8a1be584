#include "core/base/map.h"

#include "spec/c/test.h"

#include <stdlib.h>

static uint64_t seed = 88172645463325252u;

static unsigned random_below(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 11) % n;
}

TEST(an_empty_map_has_nothing)
{
    struct gost_map m;
    size_t pos = 0;
    gost_map_create(&m);
    CHECK(gost_map_get(&m, "a", 1) == NULL);
    CHECK(gost_map_del(&m, "a", 1) == NULL);
    CHECK(gost_map_each(&m, &pos) == NULL);
    gost_map_destroy(&m, NULL);
}

TEST(values_are_set_replaced_and_removed)
{
    struct gost_map *m = gost_map_new();
    int a, b;
    void *old = &b;
    CHECK_INT(gost_map_set(m, "key", 3, &a, &old), 0);
    CHECK(old == NULL);
    CHECK_INT(gost_map_set(m, "key", 3, &b, &old), 0);
    CHECK(old == &a);
    CHECK_INT(m->count, 1);
    CHECK(gost_map_del(m, "key", 3) == &b);
    CHECK(gost_map_get(m, "key", 3) == NULL);
    CHECK_INT(m->count, 0);
    gost_map_delete(m, NULL);
}

TEST(keys_are_bytes_with_case_and_length)
{
    struct gost_map m;
    int a, b, c, d;
    gost_map_create(&m);
    gost_map_set(&m, "k", 1, &a, NULL);
    gost_map_set(&m, "K", 1, &b, NULL);
    gost_map_set(&m, "k\0", 2, &c, NULL);
    gost_map_set(&m, "", 0, &d, NULL);
    CHECK(gost_map_get(&m, "k", 1) == &a);
    CHECK(gost_map_get(&m, "K", 1) == &b);
    CHECK(gost_map_get(&m, "k\0", 2) == &c);
    CHECK(gost_map_get(&m, "", 0) == &d);
    gost_map_destroy(&m, NULL);
}

TEST(owned_values_are_dropped_with_the_map)
{
    struct gost_map m;
    gost_map_create(&m);
    for (int i = 0; i < 100; i++) /* the leak checker looks whether all go */
        gost_map_set(&m, (const char *)&i, sizeof(i), malloc(1), NULL);
    gost_map_destroy(&m, free);
    CHECK_INT(m.count, 0);
}

TEST(random_changes_leave_what_a_plain_array_has)
{
    enum { KEYS = 600 };
    static int value[KEYS];
    static void *model[KEYS];
    struct gost_map m;
    gost_map_create(&m);
    for (int step = 0; step < 60000; step++) {
        unsigned k = random_below(KEYS);
        char key[16];
        int n = snprintf(key, sizeof(key), "key-%u", k);
        if (random_below(5) < 3) {
            void *old;
            int *v = &value[random_below(KEYS)];
            gost_map_set(&m, key, (size_t)n, v, &old);
            CHECK(old == model[k]);
            model[k] = v;
        } else {
            CHECK(gost_map_del(&m, key, (size_t)n) == model[k]);
            model[k] = NULL;
        }
    }
    size_t live = 0, walked = 0, pos = 0;
    for (unsigned k = 0; k < KEYS; k++) {
        char key[16];
        int n = snprintf(key, sizeof(key), "key-%u", k);
        live += model[k] != NULL;
        CHECK(gost_map_get(&m, key, (size_t)n) == model[k]);
    }
    for (const struct gost_map_slot *s; (s = gost_map_each(&m, &pos));) {
        walked++;
        CHECK(s->value == model[atoi(s->key + 4)]);
    }
    CHECK_INT(walked, live);
    CHECK_INT(m.count, live);
    gost_map_destroy(&m, NULL);
}

TEST(siphash_depends_on_key_and_every_byte)
{
    const uint64_t k1[2] = {1, 2}, k2[2] = {1, 3};
    uint8_t data[32] = {0};
    uint64_t base = gost_siphash(k1, data, sizeof(data));
    CHECK(base != gost_siphash(k2, data, sizeof(data)));
    CHECK(base != gost_siphash(k1, data, sizeof(data) - 1));
    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] ^= 1;
        CHECK(base != gost_siphash(k1, data, sizeof(data)));
        data[i] ^= 1;
    }
    CHECK(gost_hash("x", 1) == gost_hash("x", 1));
}

RUN_TESTS()
