/* A ClientHello with a decoy and back: byte by byte what it was, however it was cut into records. */
#include "core/codec/hello_decoy.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/client_hello.h"
#include "core/proto/sni_name.h"
#include "spec/c/test.h"

#include <openssl/ssl.h>
#include <stdlib.h>

/* A real one, of OpenSSL, for that server. */
static size_t make_hello(const char *name, uint8_t *out, size_t cap)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    if (name)
        SSL_set_tlsext_host_name(ssl, name);
    SSL_set_connect_state(ssl);
    SSL_do_handshake(ssl);
    int n = BIO_read(SSL_get_wbio(ssl), out, (int)cap);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    CHECK(n > 0);
    return (size_t)n;
}

/* The same in records of `step` bytes. */
static size_t recut(const uint8_t *p, size_t n, size_t step, uint8_t *out)
{
    size_t len = 0;
    for (size_t at = 5; at < n; at += step) {
        size_t part = n - at < step ? n - at : step;
        memcpy(out + len, p, 3);
        out[len + 3] = (uint8_t)(part >> 8);
        out[len + 4] = (uint8_t)part;
        memcpy(out + len + 5, p + at, part);
        len += 5 + part;
    }
    return len;
}

static struct gost_slice text_slice(const char *s)
{
    return gost_slice(s);
}

TEST(a_decoy_shows_and_the_real_name_comes_back)
{
    static uint8_t hello[4096], cut[16384], shown[GOST_HELLO_DECOY_MAX], room[GOST_HELLO_DECOY_MAX],
        back[GOST_HELLO_DECOY_MAX];
    struct gost_client_hello seen;
    char code[GOST__SNI_NAME_MAX], name[GOST__SNI_NAME_MAX];
    size_t n = make_hello("real.test", hello, sizeof(hello));
    size_t len = gost__sni_name_encode(code, sizeof(code), text_slice("real.test"));
    CHECK_STR(code, "dWrpJ2NtVmhiQzUwWlhOMA"); /* as captured from GOST */
    for (size_t step = 1; step < n; step = step * 3 + 1) {
        size_t records = recut(hello, n, step, cut);
        ssize_t m = gost_hello_disguise(cut, records, text_slice("decoy.example"),
                                        (struct gost_slice){code, len}, shown);
        CHECK(m > 0);
        CHECK_INT(gost_client_hello_decode(&seen, shown, (size_t)m), m);
        CHECK_STR(seen.sni, "decoy.example");
        CHECK(memcmp(shown + m - 26, "\xff\xfe\x00\x16", 4) == 0);
        CHECK(memcmp(shown + m - 22, code, 22) == 0);
        struct gost_slice hidden = gost_hello_hidden(shown, (size_t)m, room);
        CHECK(gost__sni_name_decode(name, sizeof(name), hidden));
        CHECK_STR(name, "real.test");
        ssize_t k = gost_hello_reveal(shown, (size_t)m, text_slice(name), back);
        CHECK_INT(k, n);
        CHECK(memcmp(back, hello, n) == 0);
    }
}

TEST(what_is_no_hello_with_a_name_is_refused)
{
    static uint8_t hello[4096], out[GOST_HELLO_DECOY_MAX], room[GOST_HELLO_DECOY_MAX];
    struct gost_slice decoy = text_slice("decoy"), code = text_slice("x");
    size_t n = make_hello(NULL, hello, sizeof(hello));
    CHECK_INT(gost_hello_disguise(hello, n, decoy, code, out), GOST_EPROTO);
    CHECK(gost_hello_hidden(hello, n, room).p == NULL);
    n = make_hello("a.test", hello, sizeof(hello));
    for (size_t i = 0; i < n; i++) {
        CHECK(gost_hello_disguise(hello, i, decoy, code, out) < 0);
        gost_hello_hidden(hello, i, room);
    }
    for (size_t i = 5; i < n; i++) { /* lengths that lie: anything but a crash */
        uint8_t was = hello[i];
        hello[i] = 0xff;
        gost_hello_disguise(hello, n, decoy, code, out);
        gost_hello_hidden(hello, n, room);
        hello[i] = was;
    }
    CHECK_INT(gost_hello_disguise(hello, n, text_slice(""), code, out), GOST_EPROTO);
}

/* Thousands of empty server names behind the real one, which the decoder lets pass. */
TEST(many_server_names_do_not_outgrow_the_room)
{
    static uint8_t hello[GOST_CLIENT_HELLO_MAX], out[GOST_HELLO_DECOY_MAX];
    static const uint8_t empty[] = {0, 0, 0, 2, 0, 0};
    char name[256];
    size_t n = make_hello("real.test", hello, sizeof(hello)), at = 5 + 4 + 2 + 32;
    at += 1 + hello[at];                                /* session ID */
    at += 2 + (size_t)(hello[at] << 8 | hello[at + 1]); /* ciphers */
    at += 1 + hello[at];                                /* compression */
    size_t len = (size_t)(hello[at] << 8 | hello[at + 1]);
    while (n + sizeof(empty) < 16 * 1024) {
        memcpy(hello + n, empty, sizeof(empty));
        n += sizeof(empty);
        len += sizeof(empty);
    }
    hello[at] = (uint8_t)(len >> 8), hello[at + 1] = (uint8_t)len;
    hello[3] = (uint8_t)((n - 5) >> 8), hello[4] = (uint8_t)(n - 5);
    hello[7] = (uint8_t)((n - 9) >> 8), hello[8] = (uint8_t)(n - 9);
    memset(name, 'a', 255);
    name[255] = '\0';
    CHECK_INT(gost_hello_reveal(hello, n, text_slice(name), out), GOST_EPROTO);
    CHECK_STR(gost_diag_text(GOST_EPROTO), "a ClientHello with two server names");
}

RUN_TESTS()
