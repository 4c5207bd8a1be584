#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/transport/tls_int.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALERT_REASONS = 1000 }; /* OpenSSL's reason for an alert n that was received is 1000 + n */

int gost__tls_break(struct gost__tls *t, int code)
{
    t->failed = code;
    free(t->story);
    t->story = strdup(gost_diag_text(code));
    return code;
}

int gost__tls_retell(const struct gost__tls *t)
{
    return t->story ? gost_fail(t->failed, "%s", t->story) : gost_fail_code(t->failed);
}

/* "tlsv1 alert unknown ca" and "sslv3 alert handshake failure" without the history lesson. */
static const char *alert_words(int alert)
{
    const char *text = ERR_reason_error_string(ERR_PACK(ERR_LIB_SSL, 0, ALERT_REASONS + alert));
    const char *words = text ? strstr(text, "alert ") : NULL;
    return words ? words + strlen("alert ") : "of an unknown kind";
}

int gost__tls_alerted(struct gost__tls *t, int alert)
{
    gost_fail(GOST_ETLS, "tls: the peer sent alert %d: %s", alert, alert_words(alert));
    return gost__tls_break(t, GOST_ETLS);
}

static int cert_refused(struct gost__tls *t, long result)
{
    const char *refusal = t->shake ? t->shake->refusal : NULL;
    gost_fail(GOST_ECERT, "tls: %s", refusal ? refusal : X509_verify_cert_error_string(result));
    return gost__tls_break(t, GOST_ECERT);
}

static int ssl_reason(struct gost__tls *t, unsigned long e)
{
    int reason = ERR_GET_REASON(e);
    if (ERR_GET_LIB(e) == ERR_LIB_SSL) {
        if (reason > ALERT_REASONS && reason <= ALERT_REASONS + 255)
            return gost__tls_alerted(t, reason - ALERT_REASONS);
        if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED)
            return cert_refused(t, SSL_get_verify_result(t->ssl));
        if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
            gost_fail(GOST_ECERT, "tls: the client sent no certificate");
            return gost__tls_break(t, GOST_ECERT);
        }
        if (reason == SSL_R_HTTP_REQUEST) {
            gost_fail(GOST_ETLS, "tls: the client speaks plain HTTP");
            return gost__tls_break(t, GOST_ETLS);
        }
    }
    const char *text = ERR_reason_error_string(e);
    gost_fail(GOST_ETLS, "tls: %s", text ? text : "protocol failure");
    return gost__tls_break(t, GOST_ETLS);
}

int gost__tls_ssl_failed(struct gost__tls *t, int why)
{
    unsigned long e = ERR_peek_error();
    int rc;
    if (why == SSL_ERROR_SSL && e != 0 && ERR_GET_REASON(e) != ERR_R_MALLOC_FAILURE)
        rc = ssl_reason(t, e);
    else
        rc = gost__tls_break(t, gost_fail_code(GOST_ENOMEM)); /* our BIO fails for nothing else */
    ERR_clear_error();
    return rc;
}

/* "a, b, …": the DNS names and addresses of a certificate, or its common name. */
static void cert_names(X509 *x, char *buf, size_t size)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    size_t n = 0;
    buf[0] = '\0';
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && n + 1 < size; i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
        if (g->type != GEN_DNS)
            continue;
        int put =
            snprintf(buf + n, size - n, "%s%.*s", n ? ", " : "", ASN1_STRING_length(g->d.dNSName),
                     (const char *)ASN1_STRING_get0_data(g->d.dNSName));
        n += put > 0 ? (size_t)put : 0;
    }
    GENERAL_NAMES_free(names);
    if (n == 0 &&
        X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, buf, (int)size) <= 0)
        snprintf(buf, size, "nobody");
    for (char *p = buf; *p; p++) /* the peer's text goes to logs */
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = '?';
}

int gost__tls_on_verify(int ok, X509_STORE_CTX *ctx)
{
    int error = X509_STORE_CTX_get_error(ctx);
    if (ok || (error != X509_V_ERR_HOSTNAME_MISMATCH && error != X509_V_ERR_IP_ADDRESS_MISMATCH))
        return ok;
    SSL *ssl = X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct gost__tls_shake *shake = gost__tls_of(ssl)->shake;
    X509 *leaf = X509_STORE_CTX_get0_cert(ctx);
    char names[256];
    ERR_set_mark(); /* asking for what is not there is an error of its own */
    char *ip = X509_VERIFY_PARAM_get1_ip_asc(SSL_get0_param(ssl));
    const char *wanted = ip ? ip : X509_VERIFY_PARAM_get0_host(SSL_get0_param(ssl), 0);
    cert_names(leaf, names, sizeof(names));
    free(shake->refusal);
    if (asprintf(&shake->refusal, "host name \"%s\" does not match: certificate is for %s",
                 wanted ? wanted : "", names) < 0)
        shake->refusal = NULL;
    OPENSSL_free(ip);
    ERR_pop_to_mark();
    return ok;
}
