/**
 * A property of every decoder: it does not matter how the bytes arrive. Of each proper prefix it
 * says "incomplete" (or "wrong", when the whole is wrong), and bytes behind the message change
 * nothing.
 */
#ifndef GOST_SPEC_SPLIT_H
#define GOST_SPEC_SPLIT_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

typedef ssize_t split_decoder(void *out, const uint8_t *p, size_t n);

/** Decode an exact copy on the heap, so that the sanitizers see each byte read behind its end. */
static inline ssize_t split_decode(split_decoder *decode, void *out, const uint8_t *p, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);
    if (n)
        memcpy(copy, p, n);
    ssize_t rc = decode(out, copy, n);
    free(copy);
    return rc;
}

/** @return NULL when the property holds, else what is wrong (static text) */
static inline const char *split_check(split_decoder *decode, void *out, const uint8_t *p, size_t n)
{
    static char story[160];
    ssize_t whole = split_decode(decode, out, p, n);
    if (whole > (ssize_t)n)
        return "consumed more than there is";
    size_t end = whole > 0 ? (size_t)whole : n;
    int failed = 0;
    for (size_t i = 0; i < end; i++) {
        ssize_t rc = split_decode(decode, out, p, i);
        int wrong = rc > 0 || (rc < 0 && whole >= 0) || (rc == 0 && failed);
        snprintf(story, sizeof story, "%zd for %zu bytes, but %zd for all %zu", rc, i, whole, n);
        if (wrong)
            return story;
        failed |= rc < 0;
    }
    static const uint8_t tails[] = {0x00, 0x0a, 0x0d, 0x20, 0x41, 0xff};
    for (size_t i = 0; whole > 0 && i < sizeof tails; i++) {
        uint8_t *more = malloc(end + 40);
        memcpy(more, p, end);
        memset(more + end, tails[i], 40);
        ssize_t rc = split_decode(decode, out, more, end + 40);
        free(more);
        snprintf(story, sizeof story, "%zd with bytes 0x%02x behind, %zd without", rc, tails[i],
                 whole);
        if (rc != whole)
            return story;
    }
    return NULL;
}

#define CHECK_SPLIT(decode, out, p, n)                                                             \
    do {                                                                                           \
        const char *story_ = split_check((split_decoder *)(void *)(decode), (out), (p), (n));      \
        if (story_) {                                                                              \
            test_failed_checks++;                                                                  \
            fprintf(stderr, "%s:%d: %s splits badly: %s\n", __FILE__, __LINE__, #decode, story_);  \
        }                                                                                          \
    } while (0)

/**
 * Bytes from text: hex digits (blanks and bars between them mean nothing) and "quoted" text.
 * @return their number; at most `cap`
 */
static inline size_t split_hex(uint8_t *buf, size_t cap, const char *text)
{
    size_t n = 0;
    for (const char *c = text; *c && n < cap; c++) {
        if (*c == '"') {
            for (c++; *c && *c != '"' && n < cap; c++)
                buf[n++] = (uint8_t)*c;
        } else if (*c != ' ' && *c != '|') {
            char pair[3] = {c[0], c[1], 0};
            buf[n++] = (uint8_t)strtoul(pair, NULL, 16);
            c++;
        }
    }
    return n;
}

#endif
