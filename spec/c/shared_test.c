/* Memory found by name. */
#include "core/runtime/shared.h"

#include "spec/c/test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>

TEST(one_name_is_one_piece)
{
    bool created = false;
    long *a = gost_shared_take("test:a", sizeof(long), &created);
    CHECK(created && *a == 0);
    CHECK((uintptr_t)a % 64 == 0);
    *a = 7;
    long *again = gost_shared_take("test:a", sizeof(long), &created);
    CHECK(again == a && !created && *again == 7);
    long *b = gost_shared_take("test:b", sizeof(long), NULL);
    CHECK(b != a && *b == 0);
    gost_shared_give(a);
    CHECK_INT(*again, 7);
    gost_shared_give(again);
    gost_shared_give(b);
    a = gost_shared_take("test:a", sizeof(long), &created);
    CHECK(created && *a == 0); /* the last hold ended it */
    gost_shared_give(a);
    gost_shared_give(NULL);
}

TEST(another_size_is_refused)
{
    void *a = gost_shared_take("test:size", 8, NULL);
    CHECK(gost_shared_take("test:size", 16, NULL) == NULL);
    gost_shared_give(a);
}

TEST(many_names)
{
    enum { NAMES = 5000 };
    static int *piece[NAMES];
    char name[32];
    for (int i = 0; i < NAMES; i++) {
        snprintf(name, sizeof(name), "test:%d", i);
        piece[i] = gost_shared_take(name, sizeof(int), NULL);
        *piece[i] = i;
    }
    for (int i = 0; i < NAMES; i++) {
        snprintf(name, sizeof(name), "test:%d", i);
        int *again = gost_shared_take(name, sizeof(int), NULL);
        CHECK_INT(*again, i);
        gost_shared_give(again);
        gost_shared_give(piece[i]);
    }
}

enum { THREADS = 4, ROUNDS = 5000 };

static void *count_up(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        atomic_int *n = gost_shared_take("test:count", sizeof(*n), NULL);
        atomic_fetch_add(n, 1);
        gost_shared_give(n);
    }
    return NULL;
}

TEST(threads_share_a_counter)
{
    pthread_t thread[THREADS];
    atomic_int *n = gost_shared_take("test:count", sizeof(*n), NULL);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&thread[i], NULL, count_up, NULL);
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    CHECK_INT(atomic_load(n), THREADS * ROUNDS);
    gost_shared_give(n);
}

RUN_TESTS()
