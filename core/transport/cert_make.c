#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/transport/cert_int.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

enum { DAY_SECONDS = 24 * 3600, DEFAULT_DAYS = 365 };

static const char *or_else(const char *text, const char *otherwise)
{
    return text && *text ? text : otherwise;
}

static bool set_serial(X509 *x)
{
    unsigned char bytes[16];
    BIGNUM *bn =
        RAND_bytes(bytes, sizeof(bytes)) == 1 ? BN_bin2bn(bytes, sizeof(bytes), NULL) : NULL;
    bool ok = bn && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x));
    BN_free(bn);
    return ok;
}

static bool set_names(X509 *x, const char *organization, const char *common_name)
{
    X509_NAME *name = X509_get_subject_name(x);
    return X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const unsigned char *)organization,
                                      -1, -1, 0) &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common_name,
                                      -1, -1, 0) &&
           X509_set_issuer_name(x, name);
}

static bool set_validity(X509 *x, int64_t validity_ms)
{
    int64_t seconds = validity_ms > 0 ? validity_ms / 1000 : (int64_t)DEFAULT_DAYS * DAY_SECONDS;
    int days = (int)(seconds / DAY_SECONDS > 365000 ? 365000 : seconds / DAY_SECONDS);
    return X509_gmtime_adj(X509_getm_notBefore(x), 0) &&
           X509_time_adj_ex(X509_getm_notAfter(x), days, (long)(seconds % DAY_SECONDS), NULL);
}

/* The name goes in as it is, not as a list that commas could add to. */
static bool add_dns_name(X509 *x, const char *name)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    GENERAL_NAME *entry = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    bool ok = names && entry && text && ASN1_STRING_set(text, name, -1);
    if (ok) {
        GENERAL_NAME_set0_value(entry, GEN_DNS, text);
        text = NULL;
        ok = sk_GENERAL_NAME_push(names, entry) > 0;
        if (ok)
            entry = NULL;
    }
    ok = ok && X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, 0) == 1;
    ASN1_IA5STRING_free(text);
    GENERAL_NAME_free(entry);
    GENERAL_NAMES_free(names);
    return ok;
}

static bool add_extensions(X509 *x, const char *dns_name)
{
    static const struct {
        int nid;
        const char *value;
    } fixed[] = {{NID_key_usage, "critical,digitalSignature,keyCertSign"},
                 {NID_ext_key_usage, "clientAuth,serverAuth"},
                 {NID_basic_constraints, "critical,CA:TRUE"},
                 {NID_subject_key_identifier, "hash"}};
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, fixed[i].nid, fixed[i].value);
        bool added = e && X509_add_ext(x, e, -1);
        X509_EXTENSION_free(e);
        if (!added)
            return false;
    }
    return add_dns_name(x, dns_name);
}

int gost_cert_generate(const struct gost_cert_settings *s, struct gost_cert **out)
{
    static const struct gost_cert_settings none;
    s = s ? s : &none;
    const char *name = or_else(s->common_name, "gost.run");
    struct gost_cert *c = gost__cert_new();
    if (!c)
        return gost_fail_code(GOST_ENOMEM);
    ERR_clear_error();
    c->key = EVP_EC_gen("P-256");
    X509 *x = c->leaf = X509_new();
    if (c->key && x && X509_set_version(x, X509_VERSION_3) && set_serial(x) &&
        set_names(x, or_else(s->organization, "GOST"), name) && set_validity(x, s->validity) &&
        X509_set_pubkey(x, c->key) && add_extensions(x, name) && X509_sign(x, c->key, EVP_sha256())) {
        *out = c;
        return 0;
    }
    const char *why = ERR_reason_error_string(ERR_peek_error());
    ERR_clear_error();
    gost_cert_unref(c);
    return gost_fail(GOST_ETLS, "generate certificate: %s", why ? why : "failed");
}
