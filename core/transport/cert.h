/**
 * Certificates: a certificate with its key and chain, from files, generated, or the process's
 * default.
 *
 * All of it may be called from any thread; a struct gost_cert never changes once made.
 */
#ifndef GOST_TRANSPORT_CERT_H
#define GOST_TRANSPORT_CERT_H

#include "core/base/option.h"

#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdint.h>

/** A certificate that this side can show. Shared by reference. */
struct gost_cert {
    atomic_uint refs;
    X509 *leaf;
    EVP_PKEY *key;
    STACK_OF(X509) * chain; /**< intermediates, may be empty; never NULL */
    X509_STORE *client_ca;  /**< a server that shows it demands certificates of these; NULL: none */
};

/**
 * Load a pair of PEM files. Encrypted keys are refused, nobody is there to type a password.
 * @param key_file  NULL or "": the key is in `cert_file` as well
 * @return 0, or GOST_ECONFIG or a libuv code with a diag that names the file and what is wrong; a
 *         key that is not the certificate's is wrong
 */
int gost_cert_load(const char *cert_file, const char *key_file, struct gost_cert **out);

/** Load trusted roots from a PEM file. @return 0, or as gost_cert_load; free with X509_STORE_free
 */
int gost_cert_load_roots(const char *ca_file, X509_STORE **out);

struct gost_cert *gost_cert_ref(struct gost_cert *c);
void gost_cert_unref(struct gost_cert *c); /**< NULL is fine */

/**
 * What the process's default certificate is to be: the top-level `tls` object. All empty: the pair
 * cert.pem and key.pem in the working directory, else the one kept in the user's home, else a new
 * self-signed one that is kept there.
 */
struct gost_cert_settings {
    char *cert_file, *key_file; /**< use this pair */
    char *ca_file;              /**< and demand certificates of clients */
    int64_t validity;           /**< of a generated one, milliseconds */
    char *organization, *common_name;
};

/** The settings' table, for configurations. */
extern const struct gost_options gost_cert_options;

/**
 * Generate a self-signed certificate: ECDSA P-256, SHA-256, one DNS name.
 * @param s  only validity, organization and common_name are looked at; 0 or NULL: 365 days, "GOST",
 *           "gost.run"
 * @return 0 or GOST_ETLS with diag
 */
int gost_cert_generate(const struct gost_cert_settings *s, struct gost_cert **out);

/**
 * Make the default certificate now, with these settings; it replaces the one that was there.
 * Servers built before keep theirs.
 * @return 0, or a negative code with diag when files were named and cannot be used
 */
int gost_cert_default_set(const struct gost_cert_settings *s);

/**
 * Make the default certificate one that only this process knows: nothing is read or written.
 * @return 0 or GOST_ETLS with diag
 */
int gost_cert_default_pretend(void);

/**
 * The certificate of every server that has none of its own. Made at the first call, without files
 * named: that cannot fail for want of a file, and a folder that cannot be written to is a warning.
 * Reads and writes files: may take a few milliseconds.
 * @param[out] out  a reference that the caller owns
 * @return 0 or a negative code with diag
 */
int gost_cert_default(struct gost_cert **out);

#endif
