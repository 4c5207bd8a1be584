/** What the files of the TLS layer share among themselves. */
#ifndef GOST_TRANSPORT_TLS_INT_H
#define GOST_TRANSPORT_TLS_INT_H

#include "core/transport/cert.h"
#include "core/transport/tls.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    GOST__TLS_PLAIN_MAX = 16384,       /**< bytes of data in one record */
    GOST__TLS_ROOM_START = 128 * 1024, /**< data that the first write may take */
    GOST__TLS_SECRET_MAX = 48,         /**< the longest hash of a suite: SHA-384 */
    GOST__TLS_SESSIONS = 64,           /**< that a client context remembers */
};

struct gost__tls_session {
    uint64_t key; /**< keyed hash of server name and address */
    SSL_SESSION *session;
};

struct gost_tls_context {
    atomic_uint refs;
    SSL_CTX *ctx;
    bool server;
    bool secure;
    char *server_name;         /**< the client's setting, or NULL */
    struct gost_strings names; /**< server: reject hellos for others */
    bool reject_unknown_sni;
    int (*on_hello)(void *arg, const struct gost_tls_hello *hello);
    void *on_hello_arg;
    uint8_t *alpn; /**< a server's list, as on the wire */
    size_t alpn_len;
    bool alpn_set;
    pthread_mutex_t mutex;                                 /**< guards what follows */
    struct gost__tls_session sessions[GOST__TLS_SESSIONS]; /**< the client's, oldest first */
    unsigned session_count;
};

/** What only lives as long as OpenSSL may still touch keys; freed when the layer detached. */
struct gost__tls_shake {
    uint8_t secret[2][GOST__TLS_SECRET_MAX]; /**< application traffic, by enum gost_side */
    bool have[2];                            /**< they are known */
    uint64_t records[2];                     /**< read and written under them */
    uint64_t session_key;
    bool got_session; /**< client: the server sent a ticket */
    char *refusal;    /**< what the certificate check found, in our words, or NULL */
};

/** One direction of a TLS 1.3 connection whose records we seal and open by ourselves. */
struct gost__tls_key {
    EVP_CIPHER_CTX *cipher;
    uint64_t seq;
    uint8_t iv[12];
    uint8_t secret[GOST__TLS_SECRET_MAX]; /**< the next key is made from it */
};

/** The record layer after OpenSSL was let go; see tls_record.c. */
struct gost__tls_records {
    struct gost__tls_key key[2]; /**< by enum gost_side */
    const struct gost__tls_suite *suite;
    const char *cipher_name;
    char *names; /**< "alpn\0server name\0", or NULL when both are empty */
    bool resumed;
    bool update_asked;     /**< the peer wants our next key before our next data */
    uint8_t message[5];    /**< head of the handshake message that is coming in */
    uint8_t message_have;  /**< bytes of it */
    uint32_t message_left; /**< bytes of its body to come */
};

struct gost__tls {
    struct gost_stream base;
    struct gost_tls_context *context;
    SSL *ssl; /**< NULL once `records` took over */
    struct gost__tls_records *records;
    struct gost__tls_shake *shake;
    struct gost_waker below[2];  /**< ours, installed in the stream below, by enum gost_side */
    struct gost_waker *waker[2]; /**< the user's */

    /* Incoming: bytes from below that are not consumed yet. They lie in `kept`, and in scratch
     * memory while a read runs. First `plain` bytes of data, then `skip` to be dropped, then
     * records. */
    uint8_t *in;
    uint32_t in_len;
    uint32_t plain, skip;
    uint32_t record_left;  /**< of the record that OpenSSL is taking */
    uint32_t idle_records; /**< in a row that carried no data */
    uint8_t *kept;

    /* Outgoing: sealed bytes that the stream below did not take. */
    uint8_t *pending;
    uint32_t pending_from, pending_len;
    uint32_t room;   /**< how much data one write takes; shrinks when the peer is slow */
    uint8_t *gather; /**< where sealed bytes go while a write runs, or NULL: to `pending` */
    uint32_t gathered;

    char *story; /**< of `failed` */
    int failed;  /**< the connection is broken: every call answers this */
    bool established;
    bool in_eof;         /**< the peer ended its direction */
    bool shut;           /**< we ended ours */
    bool read_for_write; /**< the writer waits for something to read */
    bool write_for_read; /**< the reader waits until something can be written */
};

/* --- tls_bio.c: OpenSSL's way to the bytes */

/** @return a BIO for both directions, or NULL */
BIO *gost__tls_bio_new(struct gost__tls *t);

/** The layer that an SSL object belongs to. */
struct gost__tls *gost__tls_of(const SSL *ssl);

/**
 * The size of the record at the front of what came in.
 * @return 0 while it is not all there; all there is when it is none: OpenSSL finds the words then
 */
size_t gost__tls_record_size(const uint8_t *p, size_t n);

/** Append to the pending output. @return 0 or GOST_ENOMEM */
int gost__tls_pend(struct gost__tls *t, const void *p, size_t n);

/** Hand the pending output down. @return 0 when nothing is left, GOST_WANT_*, or a negative code */
int gost__tls_push(struct gost__tls *t);

/** Read from below into `kept`, once. @return bytes (> 0), 0 at the end, GOST_WANT_*, or a code */
ssize_t gost__tls_fetch(struct gost__tls *t);

/** Drop `n` bytes at the front of what came in. */
void gost__tls_consume(struct gost__tls *t, size_t n);

/* --- tls_error.c */

/** Remember that the connection is broken, with the story at hand. @return code */
int gost__tls_break(struct gost__tls *t, int code);

/** Tell again why it is. @return t->failed */
int gost__tls_retell(const struct gost__tls *t);

/** Make a story and a code of what is in OpenSSL's queue after a failed call, and break. */
int gost__tls_ssl_failed(struct gost__tls *t, int why);

/** Break because of an alert from the peer. @return GOST_ETLS */
int gost__tls_alerted(struct gost__tls *t, int alert);

/** X509_STORE_CTX callback of clients: finds words for a certificate of the wrong name. */
int gost__tls_on_verify(int ok, X509_STORE_CTX *ctx);

/* --- tls.c */

/** Wipe and free t->shake. */
void gost__tls_shake_delete(struct gost__tls *t);

/* --- tls_io.c: gost_stream_ops.read and so on */

ssize_t gost__tls_read(struct gost_stream *base, void *buf, size_t n);
ssize_t gost__tls_writev(struct gost_stream *base, const struct iovec *iov, int count);
int gost__tls_flush(struct gost_stream *base);
int gost__tls_shutdown(struct gost_stream *base);

/** Put a close_notify behind what was written. @return 0 or a negative code */
int gost__tls_goodbye(struct gost__tls *t);

/* --- tls_handshake.c */

/** gost_stream_ops.open */
int gost__tls_open(struct gost_stream *base);

/* --- tls_hello.c */

/** SSL_CTX_set_client_hello_cb; arg is the context. */
int gost__tls_on_client_hello(SSL *ssl, int *alert, void *arg);

/** SSL_CTX_set_alpn_select_cb; arg is the context. */
int gost__tls_on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                      const unsigned char *offered, unsigned offered_len, void *arg);

/* --- tls_session.c */

/** Set up tickets that all servers of this process, in all workers, can open. */
void gost__tls_tickets_setup(SSL_CTX *ctx);

/** Set up the memory of a client context. */
void gost__tls_sessions_setup(struct gost_tls_context *c);
void gost__tls_sessions_clear(struct gost_tls_context *c);

/** Offer a remembered session, if there is one. */
void gost__tls_session_offer(struct gost__tls *t, const char *server_name);

/** TLS 1.2: the server may have replaced the session that we offered; OpenSSL tells nobody. */
void gost__tls_session_renewed(struct gost__tls *t);

/* --- tls_option.c */

/** @return the protocol number of a name like VersionTLS12, or 0 */
int gost__tls_version(const char *name);

/** Set those of the named suites that OpenSSL has; the others are warned about. @return 0 or
 * GOST_ENOMEM */
int gost__tls_set_suites(SSL_CTX *ctx, const struct gost_strings *names);

/* --- tls_detach.c: taking TLS 1.3 over from OpenSSL */

/** Ask OpenSSL for what gost__tls_detach needs to know of each connection. */
void gost__tls_watch_keys(SSL_CTX *ctx);

/**
 * Take over the records from OpenSSL, if this is TLS 1.3 at a record's border, and free its
 * object. @return 0 (also when it stays), or GOST_ENOMEM or GOST_ETLS
 */
int gost__tls_detach(struct gost__tls *t);

void gost__tls_records_delete(struct gost__tls_records *r); /**< NULL is fine */

/* --- tls_key.c */

struct gost__tls_suite {
    uint32_t id; /**< as SSL_CIPHER_get_id */
    const char *cipher_name;
    uint8_t key_len, hash_len;
    const EVP_MD *(*hash)(void);
    EVP_CIPHER *cipher; /**< fetched once */
};

/** The suite of that id, or NULL when it is none that we can do by ourselves. */
const struct gost__tls_suite *gost__tls_suite_of(uint32_t id);

/** Make key and nonce from k->secret. @return false when the cipher fails */
bool gost__tls_key_setup(const struct gost__tls_suite *s, struct gost__tls_key *k, bool sealing);

/** The next generation of a key (RFC 8446 section 7.2). @return as gost__tls_key_setup */
bool gost__tls_key_next(const struct gost__tls_suite *s, struct gost__tls_key *k, bool sealing);

/* --- tls_record.c: sealing and opening without OpenSSL's connection object */

/** Open records that came in. @return bytes, 0 when none; t->failed and t->in_eof tell the rest */
size_t gost__tls_records_read(struct gost__tls *t, uint8_t *buf, size_t n);

/**
 * Seal up to `max` bytes of data into t->gather.
 * @return bytes taken, or a negative code (broken)
 */
ssize_t gost__tls_records_write(struct gost__tls *t, const struct iovec *iov, int count, size_t max);

/** Seal a close_notify into the pending output. @return 0 or a negative code */
int gost__tls_records_close(struct gost__tls *t);

/** Records under one key before a new one is taken (RFC 8446 section 5.5); for tests. */
extern uint64_t gost__tls_key_limit;

#endif
