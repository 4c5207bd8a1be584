/**
 * Patterns and a host, one a line, the host last: nothing may crash, and all patterns together must
 * say what they say one by one.
 */
#include "core/policy/admission.h"
#include "core/policy/matcher.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PATTERNS = 16 };

struct line {
    const char *text;
    size_t len;
};

static size_t split(struct line lines[PATTERNS + 1], const char *text, size_t size)
{
    size_t count = 0;
    while (count <= PATTERNS) {
        const char *eol = memchr(text, '\n', size);
        size_t len = eol ? (size_t)(eol - text) : size;
        lines[count++] = (struct line){text, len};
        if (!eol)
            break;
        text = eol + 1;
        size -= len + 1;
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct line lines[PATTERNS + 1];
    struct gost_matcher all;
    struct gost_admission *admission;
    if (size < 2)
        return 0;
    uint16_t port = (uint16_t)(data[0] | data[1] << 8);
    size_t count = split(lines, (const char *)data + 2, size - 2) - 1;
    struct line host = lines[count];
    bool want = false;
    gost_matcher_create(&all);
    if (gost_admission_new(&admission, false) != 0)
        abort();
    for (size_t i = 0; i < count; i++) {
        struct gost_matcher one;
        gost_matcher_create(&one);
        int alone = gost_matcher_add(&one, lines[i].text, lines[i].len);
        if (gost_matcher_add(&all, lines[i].text, lines[i].len) != alone)
            abort();
        want |= gost_matcher_match(&one, host.text, host.len, port);
        gost_admission_add(admission, lines[i].text, lines[i].len);
        gost_matcher_destroy(&one);
    }
    if (gost_matcher_match(&all, host.text, host.len, port) != want)
        abort();
    gost_matcher_destroy(&all);
    gost_admission_unref(admission);
    return 0;
}
