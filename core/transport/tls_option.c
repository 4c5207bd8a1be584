#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/transport/tls_int.h"

#include <openssl/err.h>
#include <string.h>
#include <strings.h>

#define FIELD(name) offsetof(struct gost_tls_settings, name)

static const struct gost_option table[] = {
    {.key = "certFile",
     .aliases = "cert tls.certFile tls.cert",
     .type = GOST_OPT_PATH,
     .offset = FIELD(cert_file),
     .help = "PEM file with the certificate to show, and its chain"},
    {.key = "keyFile",
     .aliases = "key tls.keyFile tls.key",
     .type = GOST_OPT_PATH,
     .offset = FIELD(key_file),
     .help = "PEM file with its key; not given: in certFile"},
    {.key = "caFile",
     .aliases = "ca tls.caFile tls.ca",
     .type = GOST_OPT_PATH,
     .offset = FIELD(ca_file),
     .help =
         "PEM file with roots: a server demands client certificates, a client verifies the chain"},
    {.key = "secure",
     .aliases = "tls.secure",
     .type = GOST_OPT_BOOL,
     .offset = FIELD(secure),
     .help = "client: verify the server's chain and name"},
    {.key = "serverName",
     .aliases = "tls.serverName",
     .type = GOST_OPT_STRING,
     .offset = FIELD(server_name),
     .help = "client: name to ask for and to verify; not given: the node's host"},
    {.key = "rejectUnknownSNI",
     .aliases = "tls.rejectUnknownSNI",
     .type = GOST_OPT_BOOL,
     .offset = FIELD(reject_unknown_sni),
     .help = "server: refuse clients that ask for no name, or for none of serverNames"},
    {.key = "serverNames",
     .aliases = "tls.serverNames",
     .type = GOST_OPT_LIST,
     .offset = FIELD(server_names),
     .help = "server: names for rejectUnknownSNI; not given: any"},
    {.key = "options.minVersion",
     .aliases = "tls.options.minVersion",
     .type = GOST_OPT_STRING,
     .offset = FIELD(min_version),
     .help = "VersionTLS10 to VersionTLS13; not given: VersionTLS12"},
    {.key = "options.maxVersion",
     .aliases = "tls.options.maxVersion",
     .type = GOST_OPT_STRING,
     .offset = FIELD(max_version),
     .help = "VersionTLS10 to VersionTLS13; not given: VersionTLS13"},
    {.key = "options.cipherSuites",
     .aliases = "tls.options.cipherSuites",
     .type = GOST_OPT_LIST,
     .offset = FIELD(cipher_suites),
     .help = "suites for TLS 1.2 and below, by their standard names"},
    {.key = "options.alpn",
     .aliases = "tls.options.alpn",
     .type = GOST_OPT_LIST,
     .offset = FIELD(alpn),
     .help = "application protocols; not given: the transport's own"},
    GOST_OPTION_END,
};

const struct gost_options gost_tls_options = {table, sizeof(struct gost_tls_settings)};

int gost__tls_version(const char *name)
{
    static const struct {
        const char *name;
        int version;
    } known[] = {{"VersionTLS10", TLS1_VERSION},
                 {"VersionTLS11", TLS1_1_VERSION},
                 {"VersionTLS12", TLS1_2_VERSION},
                 {"VersionTLS13", TLS1_3_VERSION}};
    if (!name || !*name)
        return 0;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcasecmp(known[i].name, name) == 0)
            return known[i].version;
    gost_log(GOST_LOG_WARN, "tls: unknown version \"%.40s\" ignored", name);
    return 0;
}

/* Names of Go's that differ from the standard's. */
static const char *standard_name(const char *name)
{
    static const char *const odd[][2] = {
        {"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"},
        {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"},
    };
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        if (strcasecmp(odd[i][0], name) == 0)
            return odd[i][1];
    return name;
}

/* Among all that OpenSSL can do below TLS 1.3, the one of that name. */
static const char *openssl_name(STACK_OF(SSL_CIPHER) * all, const char *name)
{
    name = standard_name(name);
    for (int i = 0; i < sk_SSL_CIPHER_num(all); i++) {
        const SSL_CIPHER *c = sk_SSL_CIPHER_value(all, i);
        const char *standard = SSL_CIPHER_standard_name(c);
        if (standard && strcasecmp(standard, name) == 0 &&
            strcmp(SSL_CIPHER_get_version(c), "TLSv1.3") != 0)
            return SSL_CIPHER_get_name(c);
    }
    return NULL;
}

int gost__tls_set_suites(SSL_CTX *ctx, const struct gost_strings *names)
{
    char list[1024] = "";
    size_t n = 0;
    if (names->count == 0)
        return 0;
    SSL_CTX *every = SSL_CTX_new(TLS_method());
    if (!every || !SSL_CTX_set_cipher_list(every, "ALL:COMPLEMENTOFALL:@SECLEVEL=0")) {
        SSL_CTX_free(every);
        return gost_fail_code(GOST_ENOMEM);
    }
    for (size_t i = 0; i < names->count; i++) {
        const char *found = openssl_name(SSL_CTX_get_ciphers(every), names->item[i]);
        size_t len = found ? strlen(found) : 0;
        if (!found || n + len + 2 > sizeof(list)) {
            gost_log(GOST_LOG_WARN, "tls: cipher suite \"%.60s\" is not available, ignored",
                     names->item[i]);
            continue;
        }
        if (n > 0)
            list[n++] = ':';
        memcpy(list + n, found, len + 1);
        n += len;
    }
    SSL_CTX_free(every);
    if (n == 0 || SSL_CTX_set_cipher_list(ctx, list) != 1)
        gost_log(GOST_LOG_WARN, "tls: none of the cipherSuites is available, using the defaults");
    ERR_clear_error();
    return 0;
}
