#include "core/policy/failmark.h"
#include "core/policy/select.h"

#include "spec/c/test.h"

#include <pthread.h>

/* ---- fail marks ---- */

TEST(a_node_is_avoided_after_enough_failures_until_the_time_out)
{
    struct gost_failmark m = {0};
    CHECK(!gost_failmark_failed(&m, 0, 2, 1000));
    CHECK_INT(gost_failmark_fail(&m, 100), 1);
    CHECK(!gost_failmark_failed(&m, 100, 2, 1000));
    CHECK_INT(gost_failmark_fail(&m, 200), 2);
    CHECK(gost_failmark_failed(&m, 200, 2, 1000));
    CHECK(gost_failmark_failed(&m, 1199, 2, 1000));
    CHECK(!gost_failmark_failed(&m, 1200, 2, 1000)); /* eligible again */
    CHECK_INT(gost_failmark_fail(&m, 1300), 3);      /* and one failure is enough now */
    CHECK(gost_failmark_failed(&m, 1300, 2, 1000));
    CHECK_INT(gost_failmark_reset(&m), 3);
    CHECK(!gost_failmark_failed(&m, 1300, 2, 1000));
    CHECK_INT(gost_failmark_count(&m), 0);
    CHECK_INT(gost_failmark_reset(&m), 0);
}

TEST(settings_of_zero_or_less_mean_one_failure_and_ten_seconds)
{
    struct gost_failmark m = {0};
    gost_failmark_fail(&m, 5);
    CHECK(gost_failmark_failed(&m, 5, 0, 0));
    CHECK(gost_failmark_failed(&m, 10004, -1, -1));
    CHECK(!gost_failmark_failed(&m, 10005, -1, -1));
}

TEST(a_clock_that_is_a_little_behind_does_no_harm)
{
    struct gost_failmark m = {0};
    gost_failmark_fail(&m, 1000);
    CHECK(gost_failmark_failed(&m, 999, 1, 100));
}

static struct gost_failmark shared_mark;

static void *fail_often(void *arg)
{
    for (int i = 0; i < 10000; i++)
        gost_failmark_fail(&shared_mark, 1);
    return arg;
}

TEST(no_failure_of_any_worker_is_lost)
{
    pthread_t t[3];
    for (int i = 0; i < 3; i++)
        pthread_create(&t[i], NULL, fail_often, NULL);
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    CHECK_INT(gost_failmark_count(&shared_mark), 30000);
}

/* ---- selection ---- */

enum { MAX = 8 };

/* One letter a candidate: p primary, b backup, F failed primary, B failed backup; behind it may
 * stand a digit: its priority, or "-": priority -1. */
static size_t parse(struct gost_candidate *c, const char *text)
{
    size_t n = 0;
    for (; *text; text++) {
        if (*text >= '0' && *text <= '9') {
            c[n - 1].priority = *text - '0';
        } else if (*text == '-') {
            c[n - 1].priority = -1;
        } else {
            c[n] = (struct gost_candidate){.key = gost_candidate_key(&n, sizeof(n)),
                                           .latency = GOST_LATENCY_UNKNOWN,
                                           .backup = *text == 'b' || *text == 'B',
                                           .failed = *text == 'F' || *text == 'B'};
            n++;
        }
    }
    return n;
}

/* The choices of several selections in a row, a digit each; "-" for none. */
static const char *choices(enum gost_strategy strategy, const char *text, int times)
{
    static char out[64];
    struct gost_candidate c[MAX];
    struct gost_selector s;
    size_t n = parse(c, text);
    gost_selector_create(&s, strategy, 0, NULL);
    for (int i = 0; i < times; i++) {
        size_t k = gost_select(&s, c, n, NULL, 0);
        out[i] = k == GOST_SELECT_NONE ? '-' : (char)('0' + k);
    }
    out[times] = '\0';
    return out;
}

TEST(filters_and_levels_leave_whom_they_should)
{
    static const struct {
        const char *candidates, *round, *fifo;
    } rows[] = {
        {"", "------", "------"},
        {"p", "000000", "000000"},
        {"ppp", "012012", "000000"},
        {"pFp", "020202", "000000"},
        {"Fpp", "121212", "111111"},
        {"F", "000000", "000000"},   /* the only one, failed or not */
        {"FFF", "012012", "012012"}, /* the last resort takes turns, whatever the strategy */
        {"bpp", "121212", "111111"},
        {"bFb", "020202", "000000"}, /* no primary is left: backups */
        {"bb", "010101", "000000"},
        {"BFb", "222222", "222222"},
        {"BF", "010101", "010101"},
        {"p0p5p0", "111111", "111111"},
        {"p5p5p0", "010101", "000000"},
        {"F5p3p3", "121212", "111111"},
        {"b9p0p0", "121212", "111111"}, /* a level of backups alone waits */
        {"b9b5", "000000", "000000"},
        {"p-p0", "111111", "111111"},
        {"p-p-", "010101", "000000"},
        {"p-F0", "000000", "000000"},
        {"b5p5p0", "111111", "111111"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CHECK_STR(choices(GOST_STRATEGY_ROUND, rows[i].candidates, 6), rows[i].round);
        CHECK_STR(choices(GOST_STRATEGY_FIFO, rows[i].candidates, 6), rows[i].fifo);
    }
}

TEST(random_keeps_to_the_weights)
{
    struct gost_candidate c[MAX];
    struct gost_selector s;
    unsigned hits[MAX] = {0};
    size_t n = parse(c, "pppFb");
    c[0].weight = 1;
    c[1].weight = 5;
    c[2].weight = 0; /* counts as 1 */
    c[3].weight = 1000;
    gost_selector_create(&s, GOST_STRATEGY_RANDOM, 0, NULL);
    for (int i = 0; i < 7000; i++)
        hits[gost_select(&s, c, n, NULL, 0)]++;
    CHECK(hits[0] > 950 && hits[0] < 1050);
    CHECK(hits[1] > 4900 && hits[1] < 5100);
    CHECK(hits[2] > 950 && hits[2] < 1050);
    CHECK_INT(hits[3] + hits[4], 0);
    /* evenly spread: no short stretch misses its share by much */
    unsigned few = 0;
    for (int i = 0; i < 70; i++)
        few += gost_select(&s, c, n, NULL, 0) == 1;
    CHECK(few >= 47 && few <= 53);
}

TEST(equal_weights_have_no_long_runs)
{
    struct gost_candidate c[MAX];
    struct gost_selector s;
    size_t n = parse(c, "pppp"), last = MAX;
    int run = 0, longest = 0;
    gost_selector_create(&s, GOST_STRATEGY_RANDOM, 0, NULL);
    for (int i = 0; i < 1000; i++) {
        size_t k = gost_select(&s, c, n, NULL, 0);
        run = k == last ? run + 1 : 1;
        longest = run > longest ? run : longest;
        last = k;
    }
    CHECK(longest <= 2);
}

TEST(hash_keeps_clients_where_they_are_when_one_node_fails)
{
    enum { CLIENTS = 4000 };
    static size_t before[CLIENTS];
    struct gost_candidate c[MAX];
    struct gost_selector s;
    unsigned share[MAX] = {0};
    size_t n = parse(c, "ppppp");
    gost_selector_create(&s, GOST_STRATEGY_HASH, 0, NULL);
    for (int i = 0; i < CLIENTS; i++) {
        before[i] = gost_select(&s, c, n, &i, sizeof(i));
        CHECK(gost_select(&s, c, n, &i, sizeof(i)) == before[i]);
        share[before[i]]++;
    }
    for (size_t k = 0; k < n; k++)
        CHECK(share[k] > CLIENTS / 5 * 8 / 10 && share[k] < CLIENTS / 5 * 12 / 10);
    c[2].failed = true;
    unsigned moved_to[MAX] = {0};
    for (int i = 0; i < CLIENTS; i++) {
        size_t now = gost_select(&s, c, n, &i, sizeof(i));
        CHECK(before[i] == 2 ? now != 2 : now == before[i]);
        if (before[i] == 2)
            moved_to[now]++;
    }
    for (size_t k = 0; k < n; k++)
        CHECK(k == 2 || moved_to[k] > share[2] / 8);
}

TEST(hash_does_not_depend_on_the_order_of_the_nodes)
{
    struct gost_candidate c[MAX], turned[MAX];
    struct gost_selector s;
    size_t n = parse(c, "pppp");
    gost_selector_create(&s, GOST_STRATEGY_HASH, 0, NULL);
    for (size_t i = 0; i < n; i++)
        turned[n - 1 - i] = c[i];
    for (int i = 0; i < 100; i++)
        CHECK(gost_select(&s, c, n, &i, sizeof(i)) ==
              n - 1 - gost_select(&s, turned, n, &i, sizeof(i)));
}

TEST(hash_without_a_source_spreads)
{
    struct gost_candidate c[MAX];
    struct gost_selector s;
    unsigned hits[MAX] = {0};
    size_t n = parse(c, "pp");
    gost_selector_create(&s, GOST_STRATEGY_HASH, 0, NULL);
    for (int i = 0; i < 100; i++)
        hits[gost_select(&s, c, n, "", 0)]++;
    CHECK(hits[0] > 40 && hits[1] > 40);
}

TEST(latency_prefers_the_quickest_then_the_unknown)
{
    static const struct {
        int64_t latency[3], max;
        size_t want;
    } rows[] = {
        {{30, 10, 20}, 0, 1},
        {{GOST_LATENCY_UNKNOWN, 10, 20}, 0, 1},
        {{GOST_LATENCY_FAILED, GOST_LATENCY_UNKNOWN, GOST_LATENCY_UNKNOWN}, 0, 1},
        {{GOST_LATENCY_FAILED, GOST_LATENCY_FAILED, GOST_LATENCY_FAILED}, 0, 0},
        {{GOST_LATENCY_UNKNOWN, 50, 60}, 40, 0}, /* too slow: the unknown one */
        {{50, 60, 70}, 40, 0},                   /* all too slow: better than none */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct gost_candidate c[MAX];
        struct gost_selector s;
        size_t n = parse(c, "ppp");
        for (size_t k = 0; k < n; k++)
            c[k].latency = rows[i].latency[k];
        gost_selector_create(&s, GOST_STRATEGY_LATENCY, rows[i].max, NULL);
        CHECK_INT(gost_select(&s, c, n, NULL, 0), rows[i].want);
    }
}

TEST(the_latency_limit_applies_to_every_strategy)
{
    struct gost_candidate c[MAX];
    struct gost_selector s;
    size_t n = parse(c, "ppp");
    c[0].latency = 100;
    c[1].latency = GOST_LATENCY_FAILED;
    gost_selector_create(&s, GOST_STRATEGY_FIFO, 50, NULL);
    CHECK_INT(gost_select(&s, c, n, NULL, 0), 2);
}

TEST(parallel_gets_all_that_are_left)
{
    struct gost_candidate c[MAX];
    struct gost_selector s;
    size_t out[MAX], n = parse(c, "pFbp");
    gost_selector_create(&s, GOST_STRATEGY_PARALLEL, 0, NULL);
    CHECK_INT(gost_select_all(&s, c, n, out), 2);
    CHECK(out[0] == 0 && out[1] == 3);
    n = parse(c, "FF");
    CHECK_INT(gost_select_all(&s, c, n, out), 1);
    CHECK_INT(out[0], 0);
    CHECK_INT(gost_select_all(&s, c, n, out), 1);
    CHECK_INT(out[0], 1);
    CHECK_INT(gost_select_all(&s, c, 0, out), 0);
}

TEST(workers_may_take_turns_together)
{
    struct gost_selector_state state = {0};
    struct gost_candidate c[MAX];
    struct gost_selector a, b;
    size_t n = parse(c, "ppp");
    gost_selector_create(&a, GOST_STRATEGY_ROUND, 0, &state);
    gost_selector_create(&b, GOST_STRATEGY_ROUND, 0, &state);
    CHECK_INT(gost_select(&a, c, n, NULL, 0), 0);
    CHECK_INT(gost_select(&b, c, n, NULL, 0), 1);
    CHECK_INT(gost_select(&a, c, n, NULL, 0), 2);
}

TEST(strategies_have_the_names_of_gost)
{
    static const struct {
        const char *word;
        bool known;
        enum gost_strategy want;
    } rows[] = {
        {"", true, GOST_STRATEGY_ROUND},
        {"round", true, GOST_STRATEGY_ROUND},
        {"rr", true, GOST_STRATEGY_ROUND},
        {"random", true, GOST_STRATEGY_RANDOM},
        {"Rand", true, GOST_STRATEGY_RANDOM},
        {"fifo", true, GOST_STRATEGY_FIFO},
        {"ha", true, GOST_STRATEGY_FIFO},
        {"hash", true, GOST_STRATEGY_HASH},
        {"parallel", true, GOST_STRATEGY_PARALLEL},
        {"lowestLatency", true, GOST_STRATEGY_LATENCY},
        {"lowest", true, GOST_STRATEGY_LATENCY},
        {"ll", true, GOST_STRATEGY_LATENCY},
        {"best", false, GOST_STRATEGY_ROUND},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum gost_strategy got;
        CHECK_INT(gost_strategy_parse(rows[i].word, &got), rows[i].known);
        CHECK_INT(got, rows[i].want);
    }
}

RUN_TESTS()
