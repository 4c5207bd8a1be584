/**
 * A host, a path and a rule, one a line: nothing may crash; a rule that can be read means the
 * opposite with ! in front, unless a pattern took too long.
 */
#include "core/policy/rule.h"
#include "spec/fuzz/fuzz.h"

static char *line(const uint8_t **p, size_t *n, size_t max)
{
    const uint8_t *eol = memchr(*p, '\n', *n);
    size_t len = eol ? (size_t)(eol - *p) : *n, kept = len < max ? len : max;
    char *text = malloc(kept + 1);
    memcpy(text, *p, kept);
    text[kept] = 0;
    *p += eol ? len + 1 : len;
    *n -= eol ? len + 1 : len;
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *host = line(&data, &size, 255), *path = line(&data, &size, 4096);
    union gost_sockaddr client = {.v4 = {.sin_family = AF_INET}};
    struct gost_rule_facts facts = {.client = &client,
                                    .network = "tcp",
                                    .protocol = "http",
                                    .host = host,
                                    .method = "GET",
                                    .path = path};
    static const char request[] = "GET /?a=1&b=x+%79&&a=22&c&%zz=1 HTTP/1.1\r\nHost: a\r\n"
                                  "Level: 7\r\nLevel: 12\r\nEmpty:\r\n\r\n";
    struct gost_http1 head;
    if (gost_http1_request_decode(&head, (const uint8_t *)request, strlen(request)) > 0)
        facts.head = &head;
    struct gost_rule *rule, *opposite;
    if (gost_rule_new((const char *)data, size, &rule) == 0) {
        char *text = malloc(size + 3);
        memcpy(text, "!(", 2);
        memcpy(text + 2, data, size);
        text[size + 2] = ')';
        bool yes = gost_rule_matches(rule, &facts);
        REQUIRE(gost_rule_len(rule) == size);
        if (gost_rule_new(text, size + 3, &opposite) == 0) {
            REQUIRE(!(yes && gost_rule_matches(opposite, &facts)));
            gost_rule_delete(opposite);
        }
        gost_rule_delete(rule);
        free(text);
    }
    free(host);
    free(path);
    return 0;
}
