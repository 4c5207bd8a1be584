#include "core/transport/tls_int.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <string.h>

static struct gost__tls_suite suites[] = {
    {0x03001301, "AES-128-GCM", 16, 32, EVP_sha256, NULL},
    {0x03001302, "AES-256-GCM", 32, 48, EVP_sha384, NULL},
    {0x03001303, "ChaCha20-Poly1305", 32, 32, EVP_sha256, NULL},
};

static void fetch_ciphers(void)
{
    for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
        suites[i].cipher = EVP_CIPHER_fetch(NULL, suites[i].cipher_name, NULL);
}

const struct gost__tls_suite *gost__tls_suite_of(uint32_t id)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, fetch_ciphers);
    for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
        if (suites[i].id == id && suites[i].cipher)
            return &suites[i];
    return NULL;
}

/* HKDF-Expand-Label (RFC 8446 section 7.1) with an empty context; one block is always enough. */
static bool expand_label(const struct gost__tls_suite *s, const uint8_t *secret, const char *label,
                         uint8_t *out, size_t out_len)
{
    uint8_t info[64], block[EVP_MAX_MD_SIZE];
    size_t n = 0, len = strlen(label);
    info[n++] = 0;
    info[n++] = (uint8_t)out_len;
    info[n++] = (uint8_t)(6 + len);
    memcpy(info + n, "tls13 ", 6);
    memcpy(info + n + 6, label, len);
    n += 6 + len;
    info[n++] = 0; /* no context */
    info[n++] = 1; /* the first block */
    bool ok = HMAC(s->hash(), secret, s->hash_len, info, n, block, NULL) != NULL;
    if (ok)
        memcpy(out, block, out_len);
    OPENSSL_cleanse(block, sizeof(block));
    return ok;
}

bool gost__tls_key_setup(const struct gost__tls_suite *s, struct gost__tls_key *k, bool sealing)
{
    uint8_t key[32];
    bool ok = expand_label(s, k->secret, "key", key, s->key_len) &&
              expand_label(s, k->secret, "iv", k->iv, sizeof(k->iv)) &&
              EVP_CipherInit_ex(k->cipher, s->cipher, NULL, key, k->iv, sealing) == 1;
    OPENSSL_cleanse(key, sizeof(key));
    k->seq = 0;
    return ok;
}

bool gost__tls_key_next(const struct gost__tls_suite *s, struct gost__tls_key *k, bool sealing)
{
    uint8_t next[GOST__TLS_SECRET_MAX];
    bool ok = expand_label(s, k->secret, "traffic upd", next, s->hash_len);
    if (ok)
        memcpy(k->secret, next, s->hash_len);
    OPENSSL_cleanse(next, sizeof(next));
    return ok && gost__tls_key_setup(s, k, sealing);
}
