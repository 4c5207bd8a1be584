#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/transport/tls_int.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

/* A line of a key log: label, client random and secret in hex. */
static void on_key(const SSL *ssl, const char *line)
{
    struct gost__tls *t = gost__tls_of(ssl);
    bool client = strncmp(line, "CLIENT_TRAFFIC_SECRET_0 ", 24) == 0;
    if (!t->shake || (!client && strncmp(line, "SERVER_TRAFFIC_SECRET_0 ", 24) != 0))
        return;
    const char *hex = strrchr(line, ' ') + 1;
    enum gost_side side = client == t->context->server ? GOST_READER : GOST_WRITER;
    size_t n;
    if (OPENSSL_hexstr2buf_ex(t->shake->secret[side], GOST__TLS_SECRET_MAX, &n, hex, '\0') == 1) {
        t->shake->have[side] = true;
        t->shake->records[side] = 0;
    }
}

/* Count records under each key, to know the numbers to go on with. */
static void on_message(int sent, int version, int type, const void *buf, size_t n, SSL *ssl,
                       void *arg)
{
    struct gost__tls *t = gost__tls_of(ssl);
    enum gost_side side = sent ? GOST_WRITER : GOST_READER;
    (void)version, (void)arg;
    if (!t->shake)
        return;
    if (type == SSL3_RT_HEADER)
        t->shake->records[side]++;
    else if (type == SSL3_RT_HANDSHAKE && n > 0 && *(const uint8_t *)buf == SSL3_MT_KEY_UPDATE)
        t->shake->have[side] = false; /* not the key any more that we know: stay with OpenSSL */
}

void gost__tls_watch_keys(SSL_CTX *ctx)
{
    SSL_CTX_set_keylog_callback(ctx, on_key);
    SSL_CTX_set_msg_callback(ctx, on_message);
}

/* The words that queries ask for later. */
static bool keep_names(struct gost__tls_records *r, SSL *ssl)
{
    const unsigned char *alpn;
    unsigned alpn_len;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    SSL_get0_alpn_selected(ssl, &alpn, &alpn_len);
    if (!name && alpn_len == 0)
        return true;
    size_t name_len = name ? strlen(name) : 0;
    r->names = calloc(1, alpn_len + name_len + 2);
    if (!r->names)
        return false;
    if (alpn_len)
        memcpy(r->names, alpn, alpn_len);
    if (name_len)
        memcpy(r->names + alpn_len + 1, name, name_len);
    return true;
}

static bool records_setup(struct gost__tls_records *r, struct gost__tls *t)
{
    for (int side = 0; side < 2; side++) {
        struct gost__tls_key *k = &r->key[side];
        memcpy(k->secret, t->shake->secret[side], GOST__TLS_SECRET_MAX);
        k->cipher = EVP_CIPHER_CTX_new();
        if (!k->cipher || !gost__tls_key_setup(r->suite, k, side == GOST_WRITER))
            return false;
        k->seq = t->shake->records[side];
    }
    r->cipher_name = SSL_CIPHER_standard_name(SSL_get_current_cipher(t->ssl));
    r->resumed = SSL_session_reused(t->ssl);
    return keep_names(r, t->ssl);
}

int gost__tls_detach(struct gost__tls *t)
{
    const struct gost__tls_suite *suite =
        gost__tls_suite_of((uint32_t)SSL_CIPHER_get_id(SSL_get_current_cipher(t->ssl)));
    struct gost__tls_shake *shake = t->shake;
    if (!suite || !shake || !shake->have[GOST_READER] || !shake->have[GOST_WRITER])
        return 0;
    struct gost__tls_records *r = calloc(1, sizeof(*r));
    if (!r)
        return gost__tls_break(t, gost_fail_code(GOST_ENOMEM));
    r->suite = suite;
    if (!records_setup(r, t)) {
        gost__tls_records_delete(r);
        ERR_clear_error();
        return gost__tls_break(t, gost_fail(GOST_ETLS, "tls: cipher failure"));
    }
    t->records = r;
    SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); /* the session stays good */
    SSL_free(t->ssl);
    t->ssl = NULL;
    gost__tls_shake_delete(t);
    return 0;
}

void gost__tls_records_delete(struct gost__tls_records *r)
{
    if (!r)
        return;
    for (int side = 0; side < 2; side++)
        EVP_CIPHER_CTX_free(r->key[side].cipher);
    free(r->names);
    OPENSSL_cleanse(r, sizeof(*r));
    free(r);
}
