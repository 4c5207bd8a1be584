/* Targets and socket addresses; buffers and stories of failures, which they lean on. */
#include "core/base/addr.h"

#include "core/base/buf.h"
#include "core/base/diag.h"
#include "core/base/error.h"
#include "spec/c/test.h"

#include <arpa/inet.h>
#include <stdlib.h>

static int parse(struct gost_addr *a, const char *text)
{
    return gost_addr_parse(a, text, strlen(text), 99);
}

TEST(targets_in_all_their_forms)
{
    static const struct {
        const char *text, *host;
        int port;
    } good[] = {{"example.com:80", "example.com", 80},
                {"example.com", "example.com", 99},
                {"example.com:", "example.com", 99},
                {":8080", "", 8080},
                {"", "", 99},
                {"[::1]:443", "::1", 443},
                {"[::1]", "::1", 99},
                {"[::1]:", "::1", 99},
                {"::1", "::1", 99},
                {"[]:5", "", 5},
                {"fe80::1%eth0", "fe80::1%eth0", 99},
                {"h:0", "h", 0},
                {"h:65535", "h", 65535},
                {"h:00080", "h", 80}};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct gost_addr a;
        CHECK_INT(parse(&a, good[i].text), 0);
        CHECK_STR(a.host, good[i].host);
        CHECK_INT(a.port, good[i].port);
    }
}

TEST(broken_targets_are_refused_with_a_story)
{
    static const char *const bad[] = {"h:65536", "h:x",      "h:-1",     "h:+1",    "h: 1",
                                      "[::1",    "[::1]443", "h:123456", "[::1]:x", "h:1x"};
    struct gost_addr a;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_INT(parse(&a, bad[i]), GOST_ECONFIG);
        CHECK(strlen(gost_diag_text(GOST_ECONFIG)) > 10);
    }
    CHECK_INT(gost_addr_parse(&a, "a\0b:1", 5, 0), GOST_ECONFIG);
}

TEST(host_names_have_255_bytes_at_most)
{
    char text[300];
    struct gost_addr a;
    memset(text, 'a', sizeof(text));
    CHECK_INT(gost_addr_parse(&a, text, 255, 1), 0);
    CHECK_INT(strlen(a.host), 255);
    CHECK_INT(gost_addr_parse(&a, text, 256, 1), GOST_ECONFIG);
}

TEST(targets_are_written_as_they_are_read)
{
    static const char *const forms[] = {"example.com:80", "[::1]:443", ":8080", "1.2.3.4:65535"};
    char buf[GOST_HOSTPORT_MAX];
    struct gost_addr a;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        CHECK_INT(parse(&a, forms[i]), 0);
        CHECK_STR(gost_addr_format(&a, buf), forms[i]);
    }
}

TEST(ip_literals)
{
    union gost_sockaddr s;
    char buf[GOST_HOSTPORT_MAX];
    CHECK_INT(gost_ip_parse("1.2.3.4", 80, &s), AF_INET);
    CHECK_STR(gost_sockaddr_format(&s, buf), "1.2.3.4:80");
    CHECK_INT(gost_ip_parse("2001:db8::1", 443, &s), AF_INET6);
    CHECK_STR(gost_sockaddr_format(&s, buf), "[2001:db8::1]:443");
    CHECK_STR(gost_sockaddr_host(&s, buf), "2001:db8::1");
    CHECK_INT(gost_sockaddr_port(&s), 443);
    CHECK_INT(gost_ip_parse("fe80::1%lo", 1, &s), AF_INET6);
    CHECK(s.v6.sin6_scope_id != 0);
    CHECK_INT(gost_ip_parse("1.2.3", 1, NULL), 0);
    CHECK_INT(gost_ip_parse("1.2.3.4.5", 1, NULL), 0);
    CHECK_INT(gost_ip_parse("[::1]", 1, NULL), 0);
    CHECK_INT(gost_ip_parse("", 1, NULL), 0);
    CHECK_INT(gost_ip_parse("01.2.3.4", 1, NULL), 0);
    CHECK_INT(gost_ip_parse("1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa", 1, NULL), 0);
}

TEST(mapped_addresses_are_shown_as_ipv4)
{
    union gost_sockaddr s, four;
    char buf[GOST_HOSTPORT_MAX];
    gost_ip_parse("::ffff:10.1.2.3", 7, &s);
    gost_ip_parse("10.1.2.3", 7, &four);
    CHECK_STR(gost_sockaddr_format(&s, buf), "10.1.2.3:7");
    CHECK(!gost_sockaddr_equal(&s, &four));
    gost_sockaddr_unmap(&s);
    CHECK(gost_sockaddr_equal(&s, &four));
    gost_sockaddr_unmap(&s);
    CHECK_INT(s.sa.sa_family, AF_INET);
}

TEST(addresses_differ_in_family_address_and_port)
{
    union gost_sockaddr a, b;
    gost_ip_parse("1.2.3.4", 1, &a);
    gost_ip_parse("1.2.3.4", 1, &b);
    CHECK(gost_sockaddr_equal(&a, &b));
    gost_ip_parse("1.2.3.4", 2, &b);
    CHECK(!gost_sockaddr_equal(&a, &b));
    gost_ip_parse("1.2.3.5", 1, &b);
    CHECK(!gost_sockaddr_equal(&a, &b));
    gost_ip_parse("::1", 1, &a);
    gost_ip_parse("::1", 1, &b);
    CHECK(gost_sockaddr_equal(&a, &b));
}

static void set_path(union gost_sockaddr *s, const char *path, size_t n)
{
    memset(s, 0, sizeof(*s));
    s->un.sun_family = AF_UNIX;
    memcpy(s->un.sun_path, path, n);
}

TEST(unix_addresses_named_abstract_and_unnamed)
{
    union gost_sockaddr s;
    char buf[GOST_HOSTPORT_MAX], full[sizeof(s.un.sun_path)];
    size_t head = offsetof(struct sockaddr_un, sun_path);
    set_path(&s, "/run/x", 6);
    CHECK_STR(gost_sockaddr_format(&s, buf), "/run/x");
    CHECK_INT(gost_sockaddr_len(&s), head + 7);
    set_path(&s, "\0name", 5);
    CHECK_STR(gost_sockaddr_format(&s, buf), "@name");
    CHECK_INT(gost_sockaddr_len(&s), head + 5);
    set_path(&s, "", 0);
    CHECK_STR(gost_sockaddr_format(&s, buf), "@");
    CHECK_INT(gost_sockaddr_len(&s), head);
    memset(full, 'x', sizeof(full));
    set_path(&s, full, sizeof(full));
    CHECK_INT(gost_sockaddr_len(&s), sizeof(s.un));
    CHECK_INT(strlen(gost_sockaddr_format(&s, buf)), sizeof(full));
    CHECK_INT(gost_sockaddr_port(&s), 0);
}

TEST(buffers_grow_up_to_their_limit)
{
    struct gost_buf b;
    gost_buf_create(&b, 1000);
    uint64_t fed = 0, eaten = 0;
    for (int i = 0; i < 3000; i++) {
        size_t n = (size_t)(i * 7919) % 97;
        uint8_t bytes[97];
        for (size_t k = 0; k < n; k++)
            bytes[k] = (uint8_t)(fed + k);
        int rc = gost_buf_append(&b, bytes, n);
        CHECK_INT(rc, b.len + n > 1000 && rc != 0 ? GOST_ELIMIT : 0);
        fed += rc == 0 ? n : 0;
        size_t drop = b.len < (size_t)(i * 104729) % 101 ? b.len : (size_t)(i * 104729) % 101;
        for (size_t k = 0; k < drop; k++)
            CHECK_INT(b.data[k], (uint8_t)(eaten + k));
        gost_buf_consume(&b, drop);
        eaten += drop;
        CHECK(b.len == fed - eaten && b.len <= 1000);
    }
    gost_buf_destroy(&b);
    CHECK_INT(b.len, 0);
    CHECK_INT(gost_buf_printf(&b, "%d-%s", 5, "x"), 0);
    CHECK(b.len == 3 && memcmp(b.data, "5-x", 3) == 0);
    CHECK(gost_buf_reserve(&b, 998) == NULL);
    CHECK(gost_buf_reserve(&b, SIZE_MAX) == NULL);
    CHECK(gost_buf_reserve(&b, 997) != NULL);
    gost_buf_destroy(&b);
}

TEST(a_story_grows_from_the_inside)
{
    CHECK_INT(gost_fail(GOST_ETLS, "certificate has expired"), GOST_ETLS);
    CHECK_INT(gost_fail_at(GOST_ETLS, "dial %s", "node-0"), GOST_ETLS);
    CHECK_STR(gost_diag_text(GOST_ETLS), "dial node-0: certificate has expired");
    CHECK_STR(gost_diag_text(GOST_EAUTH), gost_strerror(GOST_EAUTH));
    CHECK_INT(gost_fail_at(GOST_EAUTH, "login"), GOST_EAUTH);
    CHECK_STR(gost_diag_text(GOST_EAUTH), "login: authentication failed");
}

TEST(a_story_that_is_too_long_loses_its_tail)
{
    char words[600];
    memset(words, 'w', sizeof(words) - 1);
    words[sizeof(words) - 1] = '\0';
    gost_fail(GOST_EPROTO, "%s", words);
    CHECK_INT(strlen(gost_diag_text(GOST_EPROTO)), GOST_DIAG_MAX - 1);
    gost_fail_at(GOST_EPROTO, "head");
    CHECK(strncmp(gost_diag_text(GOST_EPROTO), "head: www", 9) == 0);
    gost_fail_at(GOST_EPROTO, "%s", words);
    CHECK_INT(strlen(gost_diag_text(GOST_EPROTO)), GOST_DIAG_MAX - 1);
}

TEST(every_code_has_words)
{
    CHECK_STR(gost_error_code(GOST_ETIMEDOUT), "timeout");
    CHECK_STR(gost_error_code(-ECONNREFUSED), "refused");
    CHECK_STR(gost_error_code(GOST_EDNS), "dns");
    CHECK_STR(gost_error_code(-EXDEV), "io");
    CHECK_STR(gost_strerror(0), "success");
    for (int rc = -5100; rc < 0; rc++)
        CHECK(gost_strerror(rc) && gost_error_code(rc));
}

RUN_TESTS()
