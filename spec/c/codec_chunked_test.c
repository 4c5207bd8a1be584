#include "core/codec/chunked.h"

#include "core/base/error.h"
#include "test.h"

#include <stdlib.h>

/** Follow a body in pieces of `step` bytes; collect the data. */
static ssize_t follow(const char *text, size_t n, size_t step, char *data, bool *done)
{
    struct gost_chunked c = {0};
    size_t at = 0, len = 0;
    while (at < n && !c.done) {
        size_t piece = n - at < step ? n - at : step;
        struct gost_slice d;
        ssize_t rc = gost_chunked_step(&c, (const uint8_t *)text + at, piece, &d);
        if (rc < 0)
            return rc;
        if (d.n > 0)
            memcpy(data + len, d.p, d.n);
        len += d.n;
        at += (size_t)rc;
    }
    data[len] = 0;
    *done = c.done;
    return (ssize_t)at;
}

TEST(bodies_end_where_they_end_at_every_split)
{
    static const struct {
        const char *text, *data;
    } cases[] = {
        {"0\r\n\r\n", ""},
        {"5\r\nhello\r\n0\r\n\r\n", "hello"},
        {"00005 ; a=\"b\" \r\nhello\r\nA\r\n0123456789\r\n000;x\r\nTrailer: v\r\nB:\r\n\r\n",
         "hello0123456789"},
        {"1\t\r\n\n\r\n1\r\n\r\r\n0\r\n\r\n", "\n\r"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[256], data[256];
        size_t n = strlen(cases[i].text);
        snprintf(text, sizeof text, "%sGET / HTTP/1.1", cases[i].text);
        for (size_t step = 1; step < n + 10; step++) {
            bool done = false;
            CHECK_INT(follow(text, strlen(text), step, data, &done), n);
            CHECK(done);
            CHECK_STR(data, cases[i].data);
        }
        struct gost_chunked c = {0};
        CHECK_INT(gost_chunked_feed(&c, (const uint8_t *)text, strlen(text)), n);
        CHECK(c.done);
        CHECK_INT(gost_chunked_feed(&c, (const uint8_t *)text, 1), 0);
    }
}

TEST(wrong_framing_is_refused_at_every_split)
{
    static const char *const wrong[] = {
        "\r\n",         "g\r\n",          "0x5\r\n",
        "-1\r\n",       " 5\r\n",         "5\nhello",
        "5\rhello",     "5 x\r\n",        "5\r\nhellox",
        "5\r\nhello\n", "5\r\nhello\rx",  "5;a\nb\r\n",
        "5;a\x01\r\n",  "0\r\n\n",        "0\r\n\rx",
        "0\r\nA: b\n",  "0\r\n A: b\r\n", "0\r\n: b\r\n",
        "0\r\nA: b\rx", "0\r\nA\x7f\r\n", "0\r\nA: b\r\n\n",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        for (size_t step = 1; step < 20; step++) {
            char data[64];
            bool done;
            CHECK_INT(follow(wrong[i], strlen(wrong[i]), step, data, &done), GOST_EPROTO);
        }
    }
}

TEST(limits_hold)
{
    struct gost_chunked c = {0};
    CHECK_INT(gost_chunked_feed(&c, (const uint8_t *)"0fffffffffffffff\r\n", 18), 18);
    c = (struct gost_chunked){0};
    CHECK_INT(gost_chunked_feed(&c, (const uint8_t *)"1000000000000000\r\n", 18), GOST_ELIMIT);
    c = (struct gost_chunked){0};
    int chunks = 0; /* the limits count anew in each chunk */
    while (chunks < 5000 && gost_chunked_feed(&c, (const uint8_t *)"1;\r\nx\r\n", 7) == 7)
        chunks++;
    CHECK_INT(chunks, 5000);

    static uint8_t text[GOST_CHUNKED_TRAILER_MAX + 16];
    memset(text, 'x', sizeof text);
    memcpy(text, "1;", 2);
    c = (struct gost_chunked){0};
    CHECK_INT(gost_chunked_feed(&c, text, GOST_CHUNKED_LINE_MAX), GOST_CHUNKED_LINE_MAX);
    CHECK_INT(gost_chunked_feed(&c, text + 2, 1), GOST_ELIMIT);

    memset(text, '0', GOST_CHUNKED_LINE_MAX + 1);
    c = (struct gost_chunked){0};
    CHECK_INT(gost_chunked_feed(&c, text, GOST_CHUNKED_LINE_MAX + 1), GOST_ELIMIT);

    memset(text, 'x', sizeof text);
    memcpy(text, "0\r\n", 3);
    c = (struct gost_chunked){0};
    CHECK_INT(gost_chunked_feed(&c, text, sizeof text), GOST_ELIMIT);
}

TEST(heads_of_chunks_are_hex)
{
    char buf[GOST_CHUNKED_HEAD_MAX];
    CHECK_INT(gost_chunked_head(buf, 0), 3);
    CHECK(memcmp(buf, "0\r\n", 3) == 0);
    CHECK_INT(gost_chunked_head(buf, 0x1a2b), 6);
    CHECK(memcmp(buf, "1a2b\r\n", 6) == 0);
    CHECK_INT(gost_chunked_head(buf, SIZE_MAX), GOST_CHUNKED_HEAD_MAX);
}

RUN_TESTS()
