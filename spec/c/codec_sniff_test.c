#include "core/codec/sniff.h"

#include "test.h"

TEST(first_bytes_tell_the_protocol)
{
    static const struct {
        const char *bytes;
        enum gost_sniff want;
    } cases[] = {
        {"GET / HTTP/1.1", GOST_SNIFF_HTTP},
        {"PUT /", GOST_SNIFF_HTTP},
        {"POST /", GOST_SNIFF_HTTP},
        {"DELETE /", GOST_SNIFF_HTTP},
        {"OPTIONS *", GOST_SNIFF_HTTP},
        {"PATCH /", GOST_SNIFF_HTTP},
        {"HEAD /", GOST_SNIFF_HTTP},
        {"CONNECT a:1", GOST_SNIFF_HTTP},
        {"TRACE /", GOST_SNIFF_HTTP},
        {"PRI * HTTP/2.0", GOST_SNIFF_HTTP},
        {"*1\r\n", GOST_SNIFF_REDIS},
        {"+", GOST_SNIFF_REDIS},
        {"-", GOST_SNIFF_REDIS},
        {":", GOST_SNIFF_REDIS},
        {"$", GOST_SNIFF_REDIS},
        {"SSH-2.0-x", GOST_SNIFF_SSH},
        {"\x16\x03\x01", GOST_SNIFF_TLS},
        {"\x16\x03\x04", GOST_SNIFF_TLS},
        {"\x16\x03\x05", GOST_SNIFF_UNKNOWN},
        {"\x16\x02", GOST_SNIFF_UNKNOWN},
        {"\x04", GOST_SNIFF_SOCKS4},
        {"\x05\x01", GOST_SNIFF_SOCKS5},
        {"\x01\x01", GOST_SNIFF_UNKNOWN},
        {"GETX", GOST_SNIFF_UNKNOWN},
        {"hello", GOST_SNIFF_UNKNOWN},
        {"get ", GOST_SNIFF_UNKNOWN},
        {"", GOST_SNIFF_MORE},
        {"G", GOST_SNIFF_MORE},
        {"P", GOST_SNIFF_MORE},
        {"OPTI", GOST_SNIFF_MORE},
        {"SSH", GOST_SNIFF_MORE},
        {"\x16\x03", GOST_SNIFF_MORE},
        {"PRI ", GOST_SNIFF_MORE},
        {"PRI x", GOST_SNIFF_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        CHECK_INT(gost_sniff((const uint8_t *)cases[i].bytes, strlen(cases[i].bytes)),
                  cases[i].want);
}

TEST(every_two_first_bytes_give_an_answer_by_the_fifth_that_never_changes)
{
    for (unsigned first = 0; first < 65536; first++) {
        uint8_t p[8] = {(uint8_t)(first >> 8), (uint8_t)first, 1, 'D', 'E', 'F', 'G', 'H'};
        enum gost_sniff last = GOST_SNIFF_MORE;
        for (size_t n = 0; n <= sizeof p; n++) {
            enum gost_sniff now = gost_sniff(p, n);
            CHECK(last == GOST_SNIFF_MORE || now == last);
            CHECK(n < GOST_SNIFF_MAX || now != GOST_SNIFF_MORE);
            last = now;
        }
    }
}

TEST(protocols_have_names)
{
    CHECK_STR(gost_sniff_name(GOST_SNIFF_TLS), "tls");
    CHECK_STR(gost_sniff_name(GOST_SNIFF_UNKNOWN), "");
    CHECK_STR(gost_sniff_name(GOST_SNIFF_SOCKS5), "socks5");
}

RUN_TESTS()
