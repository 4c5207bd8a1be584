#include "core/policy/conn_limit.h"
#include "core/policy/rate_limit.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "spec/c/test.h"

#include <pthread.h>
#include <stdlib.h>

static union gost_sockaddr peer(const char *ip)
{
    union gost_sockaddr s;
    CHECK(gost_ip_parse(ip, 1234, &s) != 0);
    return s;
}

/* ---- connections ---- */

static struct gost_conn_limit *conns(const char *name, const char *rules)
{
    struct gost_conn_limit *l;
    CHECK_INT(gost_conn_limit_new(&l, name), 0);
    CHECK_INT(gost_conn_limit_load(l, rules, strlen(rules)), 0);
    return l;
}

/* How many of `wish` connections from ip are admitted; they are left open in hold[]. */
static int open_conns(struct gost_conn_limit *l, const char *ip, int wish,
                      struct gost_conn_hold *hold)
{
    union gost_sockaddr s = peer(ip);
    int n = 0;
    for (int i = 0; i < wish; i++)
        if (gost_conn_limit_acquire(l, &s, &hold[n]) == 0)
            n++;
    return n;
}

static void close_conns(struct gost_conn_hold *hold, int n)
{
    for (int i = 0; i < n; i++) {
        gost_conn_hold_release(&hold[i]);
        gost_conn_hold_release(&hold[i]);
    }
}

TEST(connections_are_counted_by_the_rule_that_applies)
{
    static const struct {
        const char *rules;
        int first, second; /* of 10 from 10.0.0.1, then of 10 from 10.0.0.2 */
    } rows[] = {
        {"", 10, 10},
        {"$ 7", 7, 0},
        {"$$ 3", 3, 3},
        {"10.0.0.1 2", 2, 10},
        {"10.0.0.0/8 4", 4, 4}, /* each address its own counter */
        {"10.0.0.0/8 4\n10.0.0.1 6", 6, 4},
        {"$$ 3\n10.0.0.1 6", 6, 3},
        {"$$ 3\n10.0.0.0/8 4", 4, 4},
        {"$ 5\n$$ 3", 3, 2},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct gost_conn_hold a[10], b[10];
        struct gost_conn_limit *l = conns(NULL, rows[i].rules);
        for (int again = 0; again < 2; again++) { /* closing gives everything back */
            int first = open_conns(l, "10.0.0.1", 10, a), second = open_conns(l, "10.0.0.2", 10, b);
            CHECK_INT(first, rows[i].first);
            CHECK_INT(second, rows[i].second);
            close_conns(a, first);
            close_conns(b, second);
        }
        CHECK_INT(*l->total, 0);
        gost_conn_limit_unref(l);
    }
}

TEST(a_refusal_counts_nowhere_and_says_why)
{
    struct gost_conn_limit *l = conns(NULL, "$ 1\n$$ 5");
    struct gost_conn_hold first, second;
    union gost_sockaddr s = peer("::ffff:10.0.0.1");
    CHECK_INT(gost_conn_limit_acquire(l, &s, &first), 0);
    CHECK_INT(gost_conn_limit_acquire(l, &s, &second), GOST_ELIMIT);
    CHECK(second.limiter == NULL && second.slot == NULL);
    CHECK_STR(gost_diag_text(GOST_ELIMIT), "connection limit of 1 for the service is reached");
    gost_conn_hold_release(&first);
    struct gost_conn_hold all[6];
    CHECK_INT(open_conns(l, "10.0.0.1", 1, all), 1);
    gost_conn_limit_unref(l); /* the holds keep what they need */
    close_conns(all, 1);
    l = conns(NULL, "$$ 1");
    CHECK_INT(open_conns(l, "10.0.0.1", 2, all), 1);
    CHECK_STR(gost_diag_text(GOST_ELIMIT), "connection limit of 1 for 10.0.0.1 is reached");
    close_conns(all, 1);
    gost_conn_limit_unref(l);
}

TEST(peers_without_address_count_together)
{
    struct gost_conn_limit *l = conns(NULL, "$$ 1\n0.0.0.0/0 9");
    union gost_sockaddr un = {.un = {.sun_family = AF_UNIX}};
    struct gost_conn_hold a, b;
    CHECK_INT(gost_conn_limit_acquire(l, &un, &a), 0);
    CHECK_INT(gost_conn_limit_acquire(l, NULL, &b), GOST_ELIMIT);
    gost_conn_hold_release(&a);
    CHECK_INT(gost_conn_limit_acquire(l, NULL, &b), 0);
    gost_conn_hold_release(&b);
    gost_conn_limit_unref(l);
}

TEST(connections_are_still_counted_after_a_reload)
{
    struct gost_conn_hold a[10], b[10];
    struct gost_conn_limit *old = conns("c", "$$ 3");
    CHECK_INT(open_conns(old, "10.0.0.1", 2, a), 2);
    struct gost_conn_limit *reloaded = conns("c", "$$ 4");
    gost_conn_limit_unref(old);
    CHECK_INT(open_conns(reloaded, "10.0.0.1", 10, b), 2);
    close_conns(a, 2);
    close_conns(b, 2);
    CHECK_INT(open_conns(reloaded, "10.0.0.1", 10, b), 4);
    close_conns(b, 4);
    gost_conn_limit_unref(reloaded);
}

TEST(a_full_table_refuses_new_addresses_and_recovers)
{
    enum { MANY = 80000 };
    struct gost_conn_limit *l = conns(NULL, "$$ 2");
    struct gost_conn_hold *hold = calloc(MANY, sizeof(*hold));
    int open = 0;
    for (uint32_t i = 0; i < MANY; i++) {
        union gost_sockaddr s;
        gost_ip_to_sockaddr((struct gost_ip){1, i}, 1, &s);
        open += gost_conn_limit_acquire(l, &s, &hold[i]) == 0;
    }
    CHECK(open > GOST_CONN_SLOTS * 9 / 10 && open <= GOST_CONN_SLOTS);
    for (uint32_t i = 0; i < MANY; i++)
        gost_conn_hold_release(&hold[i]);
    struct gost_conn_hold few[3];
    CHECK_INT(open_conns(l, "10.0.0.1", 3, few), 2);
    close_conns(few, 2);
    gost_conn_limit_unref(l);
    free(hold);
}

enum { THREADS = 4, ROUNDS = 20000, PER_IP = 3 };

static _Atomic int open_now[8], too_many;

static void *open_and_close(void *arg)
{
    struct gost_conn_limit *l = conns("threads", "$$ 3");
    unsigned seed = (unsigned)(size_t)arg;
    for (int i = 0; i < ROUNDS; i++) {
        struct gost_conn_hold hold[2];
        union gost_sockaddr s;
        unsigned k = rand_r(&seed) % 8;
        gost_ip_to_sockaddr((struct gost_ip){7, k}, 1, &s);
        for (int j = 0; j < 2; j++) {
            if (gost_conn_limit_acquire(l, &s, &hold[j]) != 0)
                continue;
            if (++open_now[k] > PER_IP)
                too_many++;
        }
        for (int j = 0; j < 2; j++) {
            if (hold[j].limiter)
                open_now[k]--;
            gost_conn_hold_release(&hold[j]);
        }
    }
    gost_conn_limit_unref(l);
    return NULL;
}

TEST(workers_together_never_admit_more_than_the_limit)
{
    pthread_t t[THREADS];
    struct gost_conn_limit *l = conns("threads", "$$ 3");
    for (size_t i = 0; i < THREADS; i++)
        pthread_create(&t[i], NULL, open_and_close, (void *)(i + 1));
    for (int i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    CHECK_INT(too_many, 0);
    for (size_t i = 0; i < GOST_CONN_SLOTS; i++)
        CHECK_INT(l->slots[i] & GOST_CONNS_MAX, 0);
    gost_conn_limit_unref(l);
}

/* ---- rates ---- */

static struct gost_rate_limit *rates(const char *name, const char *rules)
{
    struct gost_rate_limit *l;
    CHECK_INT(gost_rate_limit_new(&l, name), 0);
    CHECK_INT(gost_rate_limit_load(l, rules, strlen(rules)), 0);
    return l;
}

static int requests(struct gost_rate_limit *l, const char *ip, int wish, uint64_t now,
                    uint64_t *retry)
{
    union gost_sockaddr s = peer(ip);
    int n = 0;
    for (int i = 0; i < wish; i++)
        n += gost_rate_limit_take(l, &s, now, retry) == 0;
    return n;
}

TEST(requests_are_counted_by_the_rule_that_applies)
{
    static const struct {
        const char *rules;
        int first, second; /* of 20 from 10.0.0.1, then of 20 from 10.0.0.2, all at once */
    } rows[] = {
        {"", 20, 20},           {"$ 10", 11, 0},
        {"$ 0.5", 1, 0},        {"$$ 2", 3, 3},
        {"$$ 2.9", 3, 3},       {"10.0.0.1 4", 5, 20},
        {"10.0.0.0/8 4", 5, 5}, {"10.0.0.0/8 4\n10.0.0.1 6", 7, 5},
        {"$ 6\n$$ 4", 5, 2},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct gost_rate_limit *l = rates(NULL, rows[i].rules);
        CHECK_INT(requests(l, "10.0.0.1", 20, 0, NULL), rows[i].first);
        CHECK_INT(requests(l, "10.0.0.2", 20, 0, NULL), rows[i].second);
        gost_rate_limit_unref(l);
    }
}

TEST(requests_come_back_with_time)
{
    struct gost_rate_limit *l = rates(NULL, "$$ 0.5");
    uint64_t retry = 0;
    CHECK_INT(requests(l, "10.0.0.1", 5, 1000, &retry), 1);
    CHECK_INT(retry, 3000);
    CHECK_INT(requests(l, "10.0.0.1", 5, 2999, &retry), 0);
    CHECK_INT(requests(l, "10.0.0.1", 5, 3000, &retry), 1);
    CHECK_INT(requests(l, "10.0.0.1", 5, 900000, &retry), 1); /* no more than the bucket holds */
    gost_rate_limit_unref(l);
}

TEST(a_refused_request_costs_the_other_bucket_nothing)
{
    struct gost_rate_limit *l = rates(NULL, "$ 1\n$$ 3");
    CHECK_INT(requests(l, "10.0.0.1", 20, 0, NULL), 2); /* "$" holds 2, 18 were refused by it */
    CHECK_INT(requests(l, "10.0.0.1", 20, 1000, NULL), 1);
    CHECK_INT(requests(l, "10.0.0.1", 20, 2000, NULL), 1);
    gost_rate_limit_unref(l);
}

TEST(no_limiter_is_no_limit)
{
    struct gost_conn_hold hold;
    CHECK_INT(gost_conn_limit_acquire(NULL, NULL, &hold), 0);
    gost_conn_hold_release(&hold);
    CHECK_INT(gost_rate_limit_take(NULL, NULL, 0, NULL), 0);
}

RUN_TESTS()
