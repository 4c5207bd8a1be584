/**
 * TLS 1.2 and 1.3 as a stream layer over any other, and the contexts that say how.
 *
 * A context is built once per service or node from the user's TLS object and serves all its
 * connections. The layer is pushed on a stream; its handshake runs in gost_stream_open, a piece at
 * a time (fibers call gost_io_open, which waits and knows deadlines). An end of the stream without
 * the peer's close_notify is an end like any other: what came before counts.
 *
 * Failures: GOST_ECERT when a certificate was refused ("tls: certificate has expired"), GOST_ETLS
 * for what else OpenSSL or an alert of the peer says, GOST_EOF when the peer left during the
 * handshake, and what the stream below answers.
 */
#ifndef GOST_TRANSPORT_TLS_H
#define GOST_TRANSPORT_TLS_H

#include "core/base/option.h"
#include "core/net/stream.h"

struct gost_cert;
struct gost_tls_context;

/** What a client's first message asks for; valid during the hook only. */
struct gost_tls_hello {
    const char *server_name; /**< in lower case without a final dot; "" when none was sent */
    const uint8_t *alpn; /**< protocol names as on the wire, each with a length byte before it */
    size_t alpn_len;     /**< 0: none were offered */
    struct gost_stream *stream; /**< the TLS layer, for its addresses */
};

/** The TLS object of a configuration. */
struct gost_tls_settings {
    char *cert_file, *key_file, *ca_file;
    bool secure;
    char *server_name;
    bool reject_unknown_sni;
    struct gost_strings server_names;
    char *min_version, *max_version;
    struct gost_strings cipher_suites;
    struct gost_strings alpn;

    /* Not in the table: set by the code that builds a context. */
    struct gost_cert *cert; /**< show this one (borrowed) instead of cert_file's; or NULL */
    /**
     * Server: look at each hello before it is answered; 0, or a negative code with diag to refuse
     * it (alert internal_error, as for an unknown server name). Runs in gost_stream_open: may
     * suspend when that runs on a fiber, as long as nobody else touches the stream meanwhile.
     */
    int (*on_hello)(void *arg, const struct gost_tls_hello *hello);
    void *on_hello_arg; /**< must outlive the context */
};

/** The settings' table. */
extern const struct gost_options gost_tls_options;

/**
 * Build a context; files are read now. The settings may be freed afterwards.
 *
 * Server: shows cert_file or the process's default certificate (cert.h). With ca_file, client
 * certificates are required and verified.
 * Client: with `secure`, the chain (system's roots, or ca_file) and the host name are verified;
 * else with ca_file only the chain is, and without it nothing.
 * @return 0, or GOST_ECONFIG or a libuv code with a diag that names the file and the reason
 */
int gost_tls_context_new(const struct gost_tls_settings *s, bool server,
                         struct gost_tls_context **out);

/** References are counted across threads. */
struct gost_tls_context *gost_tls_context_ref(struct gost_tls_context *c);
void gost_tls_context_unref(struct gost_tls_context *c); /**< NULL is fine */

/**
 * The protocols that a transport speaks, for when the user named none. Before the first connection.
 * A server picks the first of its list that the client offers, refuses clients that offer only
 * others (no_application_protocol), and accepts those that offer none.
 * @param list  "h2,http/1.1"
 * @return 0 or GOST_ECONFIG
 */
int gost_tls_context_default_alpn(struct gost_tls_context *c, const char *list);

/**
 * Push a TLS layer on `*io`. No I/O happens here.
 * @param server_name  what the client asks for and verifies when its settings have no server_name:
 * the node's host, a name or an IP literal; NULL or "": none
 * @param[in,out] io   owned by the new layer, which takes its place; unchanged on failure
 * @return 0, GOST_ENOMEM, or GOST_ECONFIG when the name must be verified and there is none
 */
int gost_tls_client(struct gost_tls_context *c, const char *server_name, struct gost_stream **io);
int gost_tls_server(struct gost_tls_context *c, struct gost_stream **io);

/** Answer to GOST_QUERY_TLS, after the handshake. */
struct gost_tls_info {
    const char *version;   /**< "TLSv1.3"; static */
    const char *cipher;    /**< "TLS_AES_128_GCM_SHA256": the standard's name; static */
    char alpn[256];        /**< "" when none was agreed on */
    char server_name[256]; /**< asked for by the client; "" when none was */
    bool server;           /**< this side is the server */
    bool resumed;
};

#endif
