#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/transport/tls_int.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_set(const char *text)
{
    return text && *text;
}

static int openssl_fail(const char *what)
{
    const char *why = ERR_reason_error_string(ERR_peek_error());
    int rc = gost_fail(GOST_ECONFIG, "tls: %s: %s", what, why ? why : "failed");
    ERR_clear_error();
    return rc;
}

static int show_cert(SSL_CTX *ctx, const struct gost_cert *c)
{
    if (SSL_CTX_use_certificate(ctx, c->leaf) == 1 && SSL_CTX_use_PrivateKey(ctx, c->key) == 1 &&
        SSL_CTX_set1_chain(ctx, c->chain) == 1)
        return 0;
    return openssl_fail("certificate");
}

/* The certificate of a context: given, from files, or (for servers) the default one. */
static int find_cert(const struct gost_tls_settings *s, bool server, struct gost_cert **out)
{
    *out = s->cert ? gost_cert_ref(s->cert) : NULL;
    if (*out)
        return 0;
    if (is_set(s->cert_file)) {
        int rc = gost_cert_load(s->cert_file, s->key_file, out);
        return rc == 0 ? 0 : gost_fail_at(rc, "tls");
    }
    if (is_set(s->key_file))
        return gost_fail(GOST_ECONFIG, "tls: keyFile needs certFile as well");
    return server ? gost_cert_default(out) : 0;
}

/* The names of the roots tell clients which of their certificates to send. */
static int send_root_names(SSL_CTX *ctx, X509_STORE *roots)
{
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(roots);
    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        X509 *x = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
        if (x && SSL_CTX_add_client_CA(ctx, x) != 1)
            return openssl_fail("caFile");
    }
    return 0;
}

/* Any certificate of the pool ends a chain, a root or not. */
static int trust(SSL_CTX *ctx, X509_STORE *roots)
{
    X509_STORE_set_flags(roots, X509_V_FLAG_PARTIAL_CHAIN);
    return SSL_CTX_set1_cert_store(ctx, roots), 0;
}

/* The system's roots, read once for the process. */
static X509_STORE *system_roots;

static void load_system_roots(void)
{
    system_roots = X509_STORE_new();
    if (system_roots)
        X509_STORE_set_default_paths(system_roots);
    ERR_clear_error();
}

static int trust_system(SSL_CTX *ctx)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load_system_roots);
    if (!system_roots)
        return gost_fail_code(GOST_ENOMEM);
    SSL_CTX_set1_cert_store(ctx, system_roots);
    return 0;
}

/* OpenSSL would verify the chain all the same, only to ignore what it found. */
static int accept_any(X509_STORE_CTX *ctx, void *arg)
{
    (void)ctx, (void)arg;
    return 1;
}

static int set_client_trust(SSL_CTX *ctx, const struct gost_tls_settings *s)
{
    X509_STORE *roots = NULL;
    int rc = 0;
    if (!s->secure && !is_set(s->ca_file)) {
        SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
        SSL_CTX_set_cert_verify_callback(ctx, accept_any, NULL);
        return 0;
    }
    if (is_set(s->ca_file)) {
        rc = gost_cert_load_roots(s->ca_file, &roots);
        rc = rc == 0 ? trust(ctx, roots) : gost_fail_at(rc, "tls");
        X509_STORE_free(roots);
    } else {
        rc = trust_system(ctx);
    }
    X509_VERIFY_PARAM_set_hostflags(SSL_CTX_get0_param(ctx),
                                    X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
                                        X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, gost__tls_on_verify);
    return rc;
}

/* A server with roots lets nobody in without a certificate. */
static int set_server_trust(SSL_CTX *ctx, const struct gost_tls_settings *s, struct gost_cert *cert)
{
    X509_STORE *roots = NULL;
    int rc = 0;
    if (is_set(s->ca_file)) {
        rc = gost_cert_load_roots(s->ca_file, &roots);
        if (rc != 0)
            return gost_fail_at(rc, "tls");
    } else if (cert->client_ca && !is_set(s->cert_file) && !s->cert) {
        roots = cert->client_ca;
        X509_STORE_up_ref(roots);
    }
    if (roots) {
        trust(ctx, roots);
        rc = send_root_names(ctx, roots);
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    X509_STORE_free(roots);
    return rc;
}

/*
 * All servers share ticket keys, so a session must say whose it is: one that was made without a
 * client certificate must not open a service that demands one. Workers with the same configuration
 * come to the same value.
 */
static int set_session_id(SSL_CTX *ctx)
{
    uint8_t digest[32], one[EVP_MAX_MD_SIZE];
    unsigned len;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    int mode = SSL_CTX_get_verify_mode(ctx);
    STACK_OF(X509_OBJECT) *roots = X509_STORE_get0_objects(SSL_CTX_get_cert_store(ctx));
    bool ok = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) &&
              X509_digest(SSL_CTX_get0_certificate(ctx), EVP_sha256(), one, &len) &&
              EVP_DigestUpdate(md, one, len) && EVP_DigestUpdate(md, &mode, sizeof(mode));
    for (int i = 0; ok && i < sk_X509_OBJECT_num(roots); i++) {
        X509 *x = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(roots, i));
        if (x)
            ok = X509_digest(x, EVP_sha256(), one, &len) && EVP_DigestUpdate(md, one, len);
    }
    ok = ok && EVP_DigestFinal_ex(md, digest, NULL) &&
         SSL_CTX_set_session_id_context(ctx, digest, sizeof(digest));
    EVP_MD_CTX_free(md);
    return ok ? 0 : openssl_fail("session id");
}

static int set_protocol(SSL_CTX *ctx, const struct gost_tls_settings *s, bool server)
{
    int min = gost__tls_version(s->min_version), max = gost__tls_version(s->max_version);
    min = min ? min : TLS1_2_VERSION;
    max = max ? max : TLS1_3_VERSION;
    if (min > max)
        return gost_fail(GOST_ECONFIG, "tls: minVersion is above maxVersion");
    /* Level 1 takes RSA keys of 1024 bits, as GOST does; the old protocols need SHA-1 signatures.
     */
    SSL_CTX_set_security_level(ctx, min < TLS1_2_VERSION ? 0 : server ? 1 : 2);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    if (SSL_CTX_set_min_proto_version(ctx, min) != 1 ||
        SSL_CTX_set_max_proto_version(ctx, max) != 1 ||
        SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
                                      "TLS_CHACHA20_POLY1305_SHA256") != 1 ||
        SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM+AES128:ECDHE+AESGCM:ECDHE+CHACHA20:"
                                     "ECDHE+AES:RSA+AESGCM:RSA+AES") != 1 ||
        SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384:P-521") != 1)
        return openssl_fail("protocol");
    return gost__tls_set_suites(ctx, &s->cipher_suites);
}

/* --- ALPN --------------------------------------------------------------------------------- */

static int append_protocol(struct gost_tls_context *c, const char *name, size_t n)
{
    if (n == 0 || n > 255)
        return gost_fail(GOST_ECONFIG, "tls: alpn: \"%.40s\" is no protocol name", name);
    uint8_t *grown = realloc(c->alpn, c->alpn_len + 1 + n);
    if (!grown)
        return gost_fail_code(GOST_ENOMEM);
    grown[c->alpn_len] = (uint8_t)n;
    memcpy(grown + c->alpn_len + 1, name, n);
    c->alpn = grown;
    c->alpn_len += 1 + n;
    return 0;
}

static int use_alpn(struct gost_tls_context *c)
{
    if (!c->server && SSL_CTX_set_alpn_protos(c->ctx, c->alpn, (unsigned)c->alpn_len) != 0)
        return gost_fail_code(GOST_ENOMEM);
    return 0;
}

static int set_alpn(struct gost_tls_context *c, const struct gost_strings *names)
{
    int rc = 0;
    for (size_t i = 0; i < names->count && rc == 0; i++)
        rc = append_protocol(c, names->item[i], strlen(names->item[i]));
    c->alpn_set = names->count > 0;
    return rc == 0 && c->alpn_set ? use_alpn(c) : rc;
}

int gost_tls_context_default_alpn(struct gost_tls_context *c, const char *list)
{
    int rc = 0;
    if (c->alpn_set)
        return 0;
    free(c->alpn);
    c->alpn = NULL;
    c->alpn_len = 0;
    while (*list && rc == 0) {
        size_t n = strcspn(list, ",");
        rc = append_protocol(c, list, n);
        list += n + (list[n] == ',');
    }
    return rc == 0 ? use_alpn(c) : rc;
}

/* --- contexts ----------------------------------------------------------------------------- */

static int copy_names(struct gost_tls_context *c, const struct gost_tls_settings *s)
{
    if (is_set(s->server_name) && !(c->server_name = strdup(s->server_name)))
        return gost_fail_code(GOST_ENOMEM);
    size_t count = s->server_names.count;
    c->names.item = count ? calloc(count, sizeof(char *)) : NULL;
    if (count && !c->names.item)
        return gost_fail_code(GOST_ENOMEM);
    for (; c->names.count < count; c->names.count++) {
        char *copy = strdup(s->server_names.item[c->names.count]);
        if (!copy)
            return gost_fail_code(GOST_ENOMEM);
        c->names.item[c->names.count] = copy;
    }
    return 0;
}

/* OpenSSL keeps the name in a session, and thus knows it after a resumption, only if it was taken.
 */
static int accept_server_name(SSL *ssl, int *alert, void *arg)
{
    (void)ssl, (void)alert, (void)arg;
    return SSL_TLSEXT_ERR_OK;
}

static int setup_server(struct gost_tls_context *c, const struct gost_tls_settings *s,
                        struct gost_cert *cert)
{
    int rc = set_server_trust(c->ctx, s, cert);
    if (rc == 0)
        rc = set_session_id(c->ctx);
    gost__tls_tickets_setup(c->ctx);
    SSL_CTX_set_tlsext_servername_callback(c->ctx, accept_server_name);
    SSL_CTX_set_alpn_select_cb(c->ctx, gost__tls_on_alpn, c);
    if (c->reject_unknown_sni || c->on_hello)
        SSL_CTX_set_client_hello_cb(c->ctx, gost__tls_on_client_hello, c);
    return rc;
}

static int setup(struct gost_tls_context *c, const struct gost_tls_settings *s)
{
    struct gost_cert *cert = NULL;
    ERR_clear_error();
    c->ctx = SSL_CTX_new(c->server ? TLS_server_method() : TLS_client_method());
    if (!c->ctx)
        return gost_fail_code(GOST_ENOMEM);
    gost__tls_watch_keys(c->ctx);
    int rc = set_protocol(c->ctx, s, c->server);
    if (rc == 0)
        rc = copy_names(c, s);
    if (rc == 0)
        rc = set_alpn(c, &s->alpn);
    if (rc == 0)
        rc = find_cert(s, c->server, &cert);
    if (rc == 0 && cert)
        rc = show_cert(c->ctx, cert);
    if (rc == 0)
        rc = c->server ? setup_server(c, s, cert) : set_client_trust(c->ctx, s);
    if (rc == 0 && !c->server)
        gost__tls_sessions_setup(c);
    gost_cert_unref(cert);
    return rc;
}

int gost_tls_context_new(const struct gost_tls_settings *s, bool server,
                         struct gost_tls_context **out)
{
    struct gost_tls_context *c = calloc(1, sizeof(*c));
    if (!c)
        return gost_fail_code(GOST_ENOMEM);
    atomic_init(&c->refs, 1);
    pthread_mutex_init(&c->mutex, NULL);
    c->server = server;
    c->secure = s->secure;
    c->reject_unknown_sni = s->reject_unknown_sni;
    c->on_hello = s->on_hello;
    c->on_hello_arg = s->on_hello_arg;
    int rc = setup(c, s);
    if (rc == 0)
        *out = c;
    else
        gost_tls_context_unref(c);
    return rc;
}

struct gost_tls_context *gost_tls_context_ref(struct gost_tls_context *c)
{
    atomic_fetch_add(&c->refs, 1);
    return c;
}

void gost_tls_context_unref(struct gost_tls_context *c)
{
    if (!c || atomic_fetch_sub(&c->refs, 1) != 1)
        return;
    gost__tls_sessions_clear(c);
    SSL_CTX_free(c->ctx);
    for (size_t i = 0; i < c->names.count; i++)
        free(c->names.item[i]);
    free(c->names.item);
    free(c->server_name);
    free(c->alpn);
    pthread_mutex_destroy(&c->mutex);
    free(c);
}
