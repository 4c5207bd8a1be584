#include "core/transport/cert_int.h"

#include "core/base/diag.h"
#include "core/base/error.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

/* A PEM key with a password: OpenSSL would ask on the terminal. */
static int no_password(char *buf, int size, int writing, void *arg)
{
    (void)buf, (void)size, (void)writing;
    *(bool *)arg = true;
    return -1;
}

static int pem_open(const char *what, const char *path, BIO **out)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return gost_fail(-errno, "%s %s: %s", what, path, gost_strerror(-errno));
    *out = BIO_new_fp(f, BIO_CLOSE);
    if (*out)
        return 0;
    fclose(f);
    return gost_fail_code(GOST_ENOMEM);
}

/* What OpenSSL says of its oldest error, which is the cause of the others. */
static int pem_fail(const char *what, const char *path, const char *missing)
{
    unsigned long e = ERR_peek_error();
    bool absent =
        (ERR_GET_LIB(e) == ERR_LIB_PEM && ERR_GET_REASON(e) == PEM_R_NO_START_LINE) ||
        ERR_GET_REASON(e) == ERR_R_UNSUPPORTED; /* OpenSSL's word for "no decoder found it" */
    const char *why = absent || e == 0 ? missing : ERR_reason_error_string(e);
    int rc = gost_fail(GOST_ECONFIG, "%s %s: %s", what, path, why ? why : "cannot be read");
    ERR_clear_error();
    return rc;
}

static int load_leaf_and_chain(struct gost_cert *c, const char *path)
{
    BIO *in = NULL;
    int rc = pem_open("certificate", path, &in);
    if (rc != 0)
        return rc;
    ERR_clear_error();
    c->leaf = PEM_read_bio_X509(in, NULL, NULL, NULL);
    for (X509 *x; c->leaf && (x = PEM_read_bio_X509(in, NULL, NULL, NULL));)
        if (!sk_X509_push(c->chain, x))
            X509_free(x);
    BIO_free(in);
    if (!c->leaf)
        return pem_fail("certificate", path, "no certificate in PEM format inside");
    unsigned long e = ERR_peek_last_error(); /* the end of the file says "no start line" */
    if (ERR_GET_REASON(e) != PEM_R_NO_START_LINE)
        return pem_fail("certificate", path, "broken chain");
    ERR_clear_error();
    return 0;
}

static int load_key(struct gost_cert *c, const char *path)
{
    BIO *in = NULL;
    bool encrypted = false;
    int rc = pem_open("key", path, &in);
    if (rc != 0)
        return rc;
    ERR_clear_error();
    c->key = PEM_read_bio_PrivateKey(in, NULL, no_password, &encrypted);
    BIO_free(in);
    if (c->key)
        return 0;
    if (!encrypted)
        return pem_fail("key", path, "no private key in PEM format inside");
    ERR_clear_error();
    return gost_fail(GOST_ECONFIG, "key %s: is encrypted, which is not supported", path);
}

struct gost_cert *gost__cert_new(void)
{
    struct gost_cert *c = calloc(1, sizeof(*c));
    if (c && !(c->chain = sk_X509_new_null())) {
        free(c);
        c = NULL;
    }
    if (c)
        atomic_init(&c->refs, 1);
    return c;
}

int gost_cert_load(const char *cert_file, const char *key_file, struct gost_cert **out)
{
    if (!key_file || !*key_file)
        key_file = cert_file;
    struct gost_cert *c = gost__cert_new();
    if (!c)
        return gost_fail_code(GOST_ENOMEM);
    int rc = load_leaf_and_chain(c, cert_file);
    if (rc == 0)
        rc = load_key(c, key_file);
    if (rc == 0 && X509_check_private_key(c->leaf, c->key) != 1) {
        ERR_clear_error();
        rc = gost_fail(GOST_ECONFIG, "key %s: does not belong to certificate %s", key_file,
                       cert_file);
    }
    if (rc == 0)
        *out = c;
    else
        gost_cert_unref(c);
    return rc;
}

int gost_cert_load_roots(const char *ca_file, X509_STORE **out)
{
    BIO *in = NULL;
    int rc = pem_open("CA file", ca_file, &in);
    if (rc != 0)
        return rc;
    ERR_clear_error();
    X509_STORE *store = X509_STORE_new();
    int count = 0;
    for (X509 *x; store && (x = PEM_read_bio_X509(in, NULL, NULL, NULL)); count++) {
        int added = X509_STORE_add_cert(store, x);
        X509_free(x);
        if (!added)
            break;
    }
    BIO_free(in);
    if (store && count > 0 && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE) {
        ERR_clear_error();
        *out = store;
        return 0;
    }
    X509_STORE_free(store);
    return pem_fail("CA file", ca_file, "no certificate in PEM format inside");
}

struct gost_cert *gost_cert_ref(struct gost_cert *c)
{
    atomic_fetch_add(&c->refs, 1);
    return c;
}

void gost_cert_unref(struct gost_cert *c)
{
    if (!c || atomic_fetch_sub(&c->refs, 1) != 1)
        return;
    X509_free(c->leaf);
    EVP_PKEY_free(c->key);
    sk_X509_pop_free(c->chain, X509_free);
    X509_STORE_free(c->client_ca);
    free(c);
}
