#include "core/policy/bucket.h"
#include "core/policy/keytab.h"

#include "spec/c/test.h"

#include <pthread.h>
#include <stdlib.h>

static uint64_t seed = 7046029254386353087u;

static uint64_t random_below(uint64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (seed >> 1) % n;
}

TEST(a_fresh_bucket_holds_its_burst)
{
    struct gost_bucket b = {0};
    struct gost_rate r = {.rate = 1000, .burst = 300};
    uint64_t retry = 0;
    CHECK_INT(gost_bucket_take(&b, r, 1000, 5, &retry), 300);
    CHECK_INT(gost_bucket_take(&b, r, 1000, 5, &retry), 0);
    CHECK_INT(retry, 25); /* 20 ms worth of tokens at least */
    CHECK_INT(gost_bucket_take(&b, r, 1000, 24, &retry), 0);
    CHECK_INT(gost_bucket_take(&b, r, 1000, 25, &retry), 20);
}

TEST(without_burst_it_holds_a_second)
{
    struct gost_bucket b = {0};
    struct gost_rate r = {.rate = 100 * 1024};
    uint64_t retry, now = 1000;
    CHECK_INT(gost_bucket_take(&b, r, 400 * 1024, now, &retry), 100 * 1024);
    uint64_t got = 100 * 1024;
    while (got < 400 * 1024) {
        uint64_t n = gost_bucket_take(&b, r, 400 * 1024 - got, now, &retry);
        if (n == 0) {
            CHECK(retry > now);
            now = retry;
        }
        got += n;
    }
    CHECK(now >= 4000 && now <= 4002); /* 400 KB at 100 KB/s last 3 s */
}

TEST(no_rate_is_no_limit)
{
    struct gost_bucket b = {0};
    uint64_t retry;
    CHECK_INT(gost_bucket_take(&b, (struct gost_rate){0}, 1u << 30, 0, &retry), 1u << 30);
    CHECK(gost_bucket_take_all(&b, (struct gost_rate){0, 5}, 1u << 30, 0, &retry));
    CHECK(gost_bucket_idle(&b, 0));
}

TEST(all_or_nothing_takes_all_or_nothing)
{
    struct gost_bucket b = {0};
    struct gost_rate r = {.rate = 1000, .burst = 100};
    uint64_t retry = 0;
    CHECK(gost_bucket_take_all(&b, r, 60, 0, &retry));
    CHECK(!gost_bucket_take_all(&b, r, 60, 0, &retry));
    CHECK_INT(retry, 20);
    CHECK(gost_bucket_take_all(&b, r, 40, 0, &retry));
    CHECK(!gost_bucket_take_all(&b, r, 101, 100000, &retry));
    CHECK(retry == GOST_BUCKET_NEVER);
    CHECK(gost_bucket_take_all(&b, r, 100, 100000, &retry));
}

TEST(what_is_given_back_can_be_taken_again)
{
    struct gost_bucket b = {0};
    struct gost_rate r = {.rate = 1000, .burst = 1000};
    uint64_t retry;
    CHECK_INT(gost_bucket_take(&b, r, 1000, 7, &retry), 1000);
    CHECK(!gost_bucket_idle(&b, 7));
    gost_bucket_give(&b, r, 400);
    uint64_t again = gost_bucket_take(&b, r, 1000, 7, &retry);
    CHECK(again >= 399 && again <= 400);
    gost_bucket_give(&b, r, 1000000);
    CHECK(gost_bucket_take(&b, r, 1000000, 7, &retry) == 1000); /* never more than it holds */
}

TEST(random_draws_never_exceed_the_rate_nor_starve)
{
    for (int round = 0; round < 400; round++) {
        struct gost_bucket b = {0};
        static const uint64_t rates[] = {1,        7,        1000,        65536,
                                         12345678, 1u << 30, 40000000000, 1ull << 50};
        struct gost_rate r = {.rate = rates[random_below(8)]};
        r.burst = random_below(2) ? 0 : 1 + random_below(r.rate * 2);
        uint64_t start = random_below(1ull << 36), now = start, total = 0, retry;
        uint64_t burst = r.burst ? r.burst : r.rate;
        for (int step = 0; step < 200; step++) {
            uint64_t want = 1 + random_below(random_below(2) ? 100 : 2 * r.rate);
            uint64_t n = gost_bucket_take(&b, r, want, now, &retry);
            CHECK(n <= want);
            CHECK(n > 0 || retry > now);
            /* whoever comes back at the time that was told, with the same wish, is served */
            if (n == 0) {
                now = retry;
                n = gost_bucket_take(&b, r, want, now, &retry);
                CHECK(n > 0);
            }
            total += n;
            if (random_below(2))
                now += random_below(50);
        }
        long double most =
            (long double)burst + (long double)r.rate * ((now - start) / 1000.0L + 64e-9L);
        if ((long double)total > most + 1)
            fprintf(stderr, "rate %llu: %llu of %Lf\n", (unsigned long long)r.rate,
                    (unsigned long long)total, most);
        CHECK((long double)total <= most + 1);
    }
}

TEST(a_changed_rate_applies_at_once)
{
    struct gost_bucket b = {0};
    uint64_t retry;
    CHECK_INT(gost_bucket_take(&b, (struct gost_rate){1000, 1000}, 1000, 0, &retry), 1000);
    /* ten times the rate and burst: half a second later there is half a bucket */
    CHECK_INT(gost_bucket_take(&b, (struct gost_rate){10000, 10000}, 10000, 500, &retry), 5000);
    /* a tiny bucket after a large debt: nothing, but a time to come back */
    CHECK_INT(gost_bucket_take(&b, (struct gost_rate){10, 1}, 1, 500, &retry), 0);
    CHECK(retry > 500 && retry <= 1601);
}

enum { THREADS = 4, ROUNDS = 20000 };

static struct gost_bucket contended;

static void *draw(void *arg)
{
    uint64_t *sum = arg, retry;
    for (int i = 0; i < ROUNDS; i++)
        *sum += gost_bucket_take(&contended, (struct gost_rate){1000, 100000}, 3, 0, &retry);
    return NULL;
}

TEST(workers_together_get_no_more_than_the_burst)
{
    pthread_t t[THREADS];
    uint64_t sum[THREADS] = {0}, total = 0;
    for (int i = 0; i < THREADS; i++)
        pthread_create(&t[i], NULL, draw, &sum[i]);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(t[i], NULL);
        total += sum[i];
    }
    CHECK(total <= 100000 && total >= 99990);
}

/* ---- buckets by key ---- */

TEST(each_key_has_buckets_of_its_own)
{
    struct gost_keytab *t = calloc(1, sizeof(*t));
    struct gost_rate r = {10, 10};
    uint64_t retry, a = gost_keytab_tag("a", 1), b = gost_keytab_tag("b", 1);
    CHECK(a != b && a != 0);
    CHECK_INT(gost_bucket_take(&gost_keytab_find(t, a)[0], r, 10, 0, &retry), 10);
    CHECK_INT(gost_bucket_take(&gost_keytab_find(t, a)[0], r, 10, 0, &retry), 0);
    CHECK_INT(gost_bucket_take(&gost_keytab_find(t, a)[1], r, 10, 0, &retry), 10);
    CHECK_INT(gost_bucket_take(&gost_keytab_find(t, b)[0], r, 10, 0, &retry), 10);
    free(t);
}

TEST(a_flood_of_keys_does_not_wash_a_busy_one_away)
{
    struct gost_keytab *t = calloc(1, sizeof(*t));
    struct gost_rate r = {1, 1000};
    uint64_t retry, busy = gost_keytab_tag("busy", 4);
    CHECK_INT(gost_bucket_take(&gost_keytab_find(t, busy)[0], r, 1000, 0, &retry), 1000);
    for (uint64_t i = 0; i < 200000; i++) /* each takes one token: a smaller debt */
        gost_bucket_take(&gost_keytab_find(t, gost_keytab_tag(&i, sizeof(i)))[0], r, 1, 0, &retry);
    CHECK_INT(gost_bucket_take(&gost_keytab_find(t, busy)[0], r, 1, 0, &retry), 0);
    free(t);
}

RUN_TESTS()
