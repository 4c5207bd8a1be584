/* The table of sessions by address. */
#include "core/net/udp_table.h"

#include "spec/c/test.h"

#include <stdlib.h>

enum { MANY = 5000 };

static void set_addr(union gost_sockaddr *a, int i)
{
    memset(a, 0, sizeof(*a));
    if (i & 1) {
        char text[64];
        snprintf(text, sizeof(text), "fe80::%x", i % 1000);
        gost_ip_parse(text, (uint16_t)(1000 + i % 7), a);
        a->v6.sin6_scope_id = (uint32_t)i / 100;
    } else {
        a->v4.sin_family = AF_INET;
        a->v4.sin_addr.s_addr = htonl(0x7f000000u + (uint32_t)i / 50);
        a->v4.sin_port = htons((uint16_t)(1024 + i % 50));
    }
}

static struct gost_udp_entry *entry_new(int i)
{
    struct gost_udp_entry *e = calloc(1, sizeof(*e));
    set_addr(&e->addr, i);
    e->hash = gost_udp_hash(&e->addr);
    return e;
}

static struct gost_udp_entry *find(const struct gost_udp_table *t, int i)
{
    union gost_sockaddr a;
    set_addr(&a, i);
    return gost_udp_table_get(t, gost_udp_hash(&a), &a);
}

TEST(finds_what_was_added_and_nothing_else)
{
    struct gost_udp_table t;
    gost_udp_table_create(&t);
    CHECK(find(&t, 0) == NULL);
    for (int i = 0; i < MANY; i++) {
        struct gost_udp_entry *e = entry_new(i);
        if (gost_udp_table_get(&t, e->hash, &e->addr))
            free(e);
        else
            CHECK_INT(gost_udp_table_add(&t, e), 0);
    }
    size_t count = t.count;
    CHECK(count > MANY / 2 && t.cap >= 2 * count);
    for (int i = 0; i < MANY; i += 3) {
        struct gost_udp_entry *e = find(&t, i);
        if (!e)
            continue; /* an equal one was removed before */
        gost_udp_table_remove(&t, e);
        free(e);
        count--;
        CHECK(find(&t, i) == NULL);
    }
    CHECK_INT(t.count, count);
    size_t seen = 0;
    for (size_t i = 0; i < t.cap; i++) {
        struct gost_udp_entry *e = t.slot[i];
        seen += e != NULL;
        CHECK(!e || gost_udp_table_get(&t, e->hash, &e->addr) == e);
    }
    CHECK_INT(seen, count);
    for (size_t i = 0; i < t.cap; i++)
        free(t.slot[i]);
    gost_udp_table_destroy(&t);
}

TEST(survives_equal_hashes_and_a_wrap_around)
{
    struct gost_udp_table t;
    struct gost_udp_entry *e[20];
    gost_udp_table_create(&t);
    for (int i = 0; i < 20; i++) {
        e[i] = entry_new(2 * i);
        e[i]->hash = 62; /* the end of the smallest table */
        CHECK_INT(gost_udp_table_add(&t, e[i]), 0);
    }
    for (int i = 0; i < 20; i += 2)
        gost_udp_table_remove(&t, e[i]);
    for (int i = 0; i < 20; i++)
        CHECK(gost_udp_table_get(&t, 62, &e[i]->addr) == (i % 2 ? e[i] : NULL));
    for (int i = 0; i < 20; i++) {
        if (i % 2)
            gost_udp_table_remove(&t, e[i]);
        free(e[i]);
    }
    CHECK_INT(t.count, 0);
    gost_udp_table_destroy(&t);
}

TEST(ports_scopes_and_families_differ)
{
    union gost_sockaddr a, b;
    gost_ip_parse("1.2.3.4", 53, &a);
    gost_ip_parse("1.2.3.4", 54, &b);
    CHECK(gost_udp_same(&a, &a) && !gost_udp_same(&a, &b));
    gost_ip_parse("::ffff:1.2.3.4", 53, &b);
    CHECK(!gost_udp_same(&a, &b)); /* the socket they came in by tells them apart */
    gost_ip_parse("fe80::1", 53, &a);
    b = a;
    CHECK(gost_udp_same(&a, &b));
    b.v6.sin6_scope_id = 2;
    CHECK(!gost_udp_same(&a, &b) && gost_udp_hash(&a) != gost_udp_hash(&b));
}

RUN_TESTS()
