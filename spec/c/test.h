/**
 * The frame of the C tests: each file has tests written as TEST(name) { … CHECK(…) … } and ends with
 * RUN_TESTS(). A program prints "not ok name" for each failure and ends with "N passed, N failed".
 */
#ifndef GOST_SPEC_TEST_H
#define GOST_SPEC_TEST_H

#include <stdio.h>
#include <string.h>

struct test_case {
    const char *name;
    void (*run)(void);
    struct test_case *next;
};

static struct test_case *test_first, **test_last = &test_first;
static int test_failed_checks;

#define TEST(fn)                                                                                   \
    static void fn(void);                                                                          \
    static struct test_case fn##_case = {#fn, fn, NULL};                                           \
    __attribute__((constructor)) static void fn##_register(void)                                   \
    {                                                                                              \
        *test_last = &fn##_case;                                                                   \
        test_last = &fn##_case.next;                                                               \
    }                                                                                              \
    static void fn(void)

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            test_failed_checks++;                                                                  \
            fprintf(stderr, "%s:%d: CHECK(%s) failed\n", __FILE__, __LINE__, #cond);               \
        }                                                                                          \
    } while (0)

#define CHECK_INT(got, want)                                                                       \
    do {                                                                                           \
        long long got_ = (long long)(got), want_ = (long long)(want);                              \
        if (got_ != want_) {                                                                       \
            test_failed_checks++;                                                                  \
            fprintf(stderr, "%s:%d: %s is %lld, expected %lld\n", __FILE__, __LINE__, #got, got_,  \
                    want_);                                                                        \
        }                                                                                          \
    } while (0)

#define CHECK_STR(got, want)                                                                       \
    do {                                                                                           \
        const char *got_ = (got), *want_ = (want);                                                 \
        if (got_ == NULL || strcmp(got_, want_) != 0) {                                            \
            test_failed_checks++;                                                                  \
            fprintf(stderr, "%s:%d: %s is \"%s\", expected \"%s\"\n", __FILE__, __LINE__, #got,    \
                    got_ ? got_ : "(null)", want_);                                                \
        }                                                                                          \
    } while (0)

#define RUN_TESTS()                                                                                \
    int main(void)                                                                                 \
    {                                                                                              \
        int passed = 0, failed = 0;                                                                \
        for (struct test_case *t = test_first; t; t = t->next) {                                   \
            test_failed_checks = 0;                                                                \
            t->run();                                                                              \
            if (test_failed_checks == 0) {                                                         \
                passed++;                                                                          \
            } else {                                                                               \
                failed++;                                                                          \
                printf("not ok %s\n", t->name);                                                    \
            }                                                                                      \
        }                                                                                          \
        printf("%d passed, %d failed\n", passed, failed);                                          \
        return failed != 0;                                                                        \
    }

#endif
