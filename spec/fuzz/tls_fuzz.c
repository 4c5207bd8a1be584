/**
 * The TLS layer. First byte even: the rest is what a client sends to a server first. Odd: the rest
 * makes records, sealed under known keys, for a connection past its handshake; a list of type,
 * size, content, padding. The second byte says in which pieces all of it arrives and is read.
 */
#include "core/base/error.h"
#include "core/runtime/loop.h"
#include "core/transport/tls_int.h"
#include "fuzz.h"

/* The stream below: gives the prepared bytes piece by piece, then ends; swallows what is written.
 */
struct script {
    struct gost_stream base;
    uint8_t *bytes;
    size_t at, len, piece;
};

static ssize_t script_read(struct gost_stream *s, void *buf, size_t n)
{
    struct script *x = gost_container_of(s, struct script, base);
    size_t left = x->len - x->at;
    n = n < left ? n : left;
    n = n < x->piece ? n : x->piece;
    if (n)
        memcpy(buf, x->bytes + x->at, n);
    x->at += n;
    return (ssize_t)n;
}

static ssize_t script_writev(struct gost_stream *s, const struct iovec *iov, int count)
{
    size_t total = 0;
    (void)s;
    for (int i = 0; i < count; i++)
        total += iov[i].iov_len;
    return (ssize_t)total;
}

static int script_shutdown(struct gost_stream *s)
{
    (void)s;
    return 0;
}

static void script_destroy(struct gost_stream *s)
{
    struct script *x = gost_container_of(s, struct script, base);
    free(x->bytes);
    free(x);
}

static const struct gost_stream_ops script_ops = {
    .name = "script",
    .open = gost__pass_open,
    .read = script_read,
    .writev = script_writev,
    .flush = gost__pass_flush,
    .shutdown = script_shutdown,
    .set_waker = gost__pass_set_waker,
    .query = gost__pass_query,
    .destroy = script_destroy,
};

static struct gost_tls_context *context;

static void set_up(void)
{
    static struct gost_loop loop;
    struct gost_cert *cert = NULL;
    REQUIRE(gost_loop_create(&loop) == 0);
    gost_loop_enter(&loop);
    REQUIRE(gost_cert_generate(NULL, &cert) == 0);
    struct gost_tls_settings s = {.cert = cert, .reject_unknown_sni = true};
    REQUIRE(gost_tls_context_new(&s, true, &context) == 0);
    REQUIRE(gost_tls_context_default_alpn(context, "h2,http/1.1") == 0);
    gost_cert_unref(cert);
}

static struct gost__tls_records *make_records(void)
{
    struct gost__tls_records *r = calloc(1, sizeof(*r));
    r->suite = gost__tls_suite_of(0x03001301);
    for (int side = 0; side < 2; side++) {
        r->key[side].cipher = EVP_CIPHER_CTX_new();
        REQUIRE(gost__tls_key_setup(r->suite, &r->key[side], side == GOST_WRITER));
    }
    return r;
}

/* One record: RFC 8446 section 5.2, written again without a look at the layer's own. */
static size_t seal(struct gost__tls_key *k, uint8_t *out, uint8_t type, const uint8_t *p, size_t n,
                   size_t padding)
{
    uint8_t nonce[12];
    size_t inner = n + 1 + padding;
    int len;
    memcpy(out, "\x17\x03\x03", 3);
    out[3] = (uint8_t)((inner + 16) >> 8);
    out[4] = (uint8_t)(inner + 16);
    memcpy(out + 5, p, n);
    memset(out + 5 + n, 0, 1 + padding);
    out[5 + n] = type;
    memcpy(nonce, k->iv, sizeof(nonce));
    for (int i = 0; i < 8; i++)
        nonce[11 - i] ^= (uint8_t)(k->seq >> (8 * i));
    k->seq++;
    EVP_CipherInit_ex(k->cipher, NULL, NULL, NULL, nonce, 1);
    EVP_CipherUpdate(k->cipher, NULL, &len, out, 5);
    EVP_CipherUpdate(k->cipher, out + 5, &len, out + 5, (int)inner);
    EVP_CipherFinal_ex(k->cipher, out + 5 + inner, &len);
    EVP_CIPHER_CTX_ctrl(k->cipher, EVP_CTRL_AEAD_GET_TAG, 16, out + 5 + inner);
    return 5 + inner + 16;
}

/* Turn the input into records. `data` gets what all data records hold, until a key would change. */
static void make_script(struct script *x, const uint8_t *p, size_t n, uint8_t *data,
                        size_t *data_len)
{
    struct gost__tls_records *peer = make_records();
    x->bytes = malloc(n * 32 + 1);
    while (n > 0) {
        size_t left = n - 1;
        size_t len = left > 0 ? p[1] : 0, head = left > 0 ? 2 : 1;
        len = len < n - head ? len : n - head;
        size_t padding = len > 0 ? p[head] % 8 : 0;
        uint8_t type = p[0] ? p[0] : 1; /* 0 is padding, and what stands before it the type */
        x->len += seal(&peer->key[GOST_WRITER], x->bytes + x->len, type, p + head, len, padding);
        if (p[0] == SSL3_RT_APPLICATION_DATA) {
            memcpy(data + *data_len, p + head, len);
            *data_len += len;
        }
        p += head + len;
        n -= head + len;
    }
    gost__tls_records_delete(peer);
}

static void drop_handshake(struct gost__tls *t)
{
    SSL_free(t->ssl);
    t->ssl = NULL;
    gost__tls_shake_delete(t);
    t->records = make_records();
    t->established = true;
}

/* Read to the end; what is read must be a beginning of `data`. */
static void read_all(struct gost_stream *s, size_t piece, const uint8_t *data, size_t data_len)
{
    uint8_t buf[256];
    size_t at = 0;
    ssize_t n;
    while ((n = gost_stream_read(s, buf, piece)) > 0) {
        if (!data)
            continue;
        REQUIRE((size_t)n <= data_len - at && memcmp(buf, data + at, (size_t)n) == 0);
        at += (size_t)n;
    }
    REQUIRE(!gost_is_want(n));
    REQUIRE(gost_stream_read(s, buf, piece) == n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!context)
        set_up();
    if (size < 3 || size > 4096)
        return 0;
    bool records = data[0] % 2;
    uint8_t *expected = malloc(size);
    size_t expected_len = 0;
    struct script *x = calloc(1, sizeof(*x));
    gost_stream_create(&x->base, &script_ops, NULL);
    x->piece = (size_t)data[1] % 16 * 40 + 1;
    struct gost_stream *s = &x->base;
    REQUIRE(gost_tls_server(context, &s) == 0);
    if (records) {
        make_script(x, data + 2, size - 2, expected, &expected_len);
        drop_handshake(gost_container_of(s, struct gost__tls, base));
    } else {
        x->len = size - 2;
        x->bytes = malloc(x->len);
        memcpy(x->bytes, data + 2, x->len);
    }
    read_all(s, (size_t)(data[1] >> 4) * 17 + 1, records ? expected : NULL, expected_len);
    gost_stream_close(s);
    free(expected);
    return 0;
}
