#include "core/base/map.h"
#include "core/transport/tls_int.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <string.h>
#include <time.h>

/* --- tickets of servers ------------------------------------------------------------------- */

enum { KEY_SECONDS = 3600, SESSION_SECONDS = KEY_SECONDS };

struct ticket_key {
    unsigned char name[16], cipher[32], mac[32];
    time_t made; /* CLOCK_MONOTONIC; 0: never */
};

/* The present key and the one before it, so that every ticket lives for KEY_SECONDS at least. */
static struct {
    pthread_mutex_t mutex;
    struct ticket_key key[2];
} tickets = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static time_t monotonic_seconds(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec + 1;
}

static bool key_make(struct ticket_key *k, time_t now)
{
    k->made = now;
    return RAND_bytes(k->name, sizeof(k->name)) == 1 &&
           RAND_priv_bytes(k->cipher, sizeof(k->cipher)) == 1 &&
           RAND_priv_bytes(k->mac, sizeof(k->mac)) == 1;
}

/* Copy the key to seal with. */
static bool key_present(struct ticket_key *out)
{
    time_t now = monotonic_seconds();
    bool ok = true;
    pthread_mutex_lock(&tickets.mutex);
    if (tickets.key[0].made == 0 || now - tickets.key[0].made >= KEY_SECONDS) {
        struct ticket_key fresh;
        ok = key_make(&fresh, now);
        if (ok) {
            tickets.key[1] = tickets.key[0];
            tickets.key[0] = fresh;
        }
        OPENSSL_cleanse(&fresh, sizeof(fresh));
    }
    *out = tickets.key[0];
    pthread_mutex_unlock(&tickets.mutex);
    return ok;
}

/* Copy the key of a ticket that came back. @return 1, 2 for the old key (renew), 0 unknown */
static int key_find(const unsigned char *name, struct ticket_key *out)
{
    time_t now = monotonic_seconds();
    int found = 0;
    pthread_mutex_lock(&tickets.mutex);
    for (int i = 0; i < 2 && !found; i++) {
        const struct ticket_key *k = &tickets.key[i];
        if (k->made != 0 && now - k->made < 2 * KEY_SECONDS &&
            memcmp(k->name, name, sizeof(k->name)) == 0) {
            *out = *k;
            found = 1 + i;
        }
    }
    pthread_mutex_unlock(&tickets.mutex);
    return found;
}

static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int sealing)
{
    struct ticket_key k;
    int found = sealing ? key_present(&k) : key_find(name, &k);
    if (found == 0)
        return sealing ? -1 : 0;
    if (sealing) {
        memcpy(name, k.name, sizeof(k.name));
        if (RAND_bytes(iv, 16) != 1)
            found = -1;
    }
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, k.mac, sizeof(k.mac)),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, "SHA256", 0),
        OSSL_PARAM_construct_end(),
    };
    if (found > 0 && (EVP_MAC_CTX_set_params(mac, params) != 1 ||
                      EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, k.cipher, iv, sealing) != 1))
        found = -1;
    OPENSSL_cleanse(&k, sizeof(k));
    /* "renew": tickets of TLS 1.3 are used once, so each connection brings the next */
    return found == 1 && !sealing && SSL_version(ssl) >= TLS1_3_VERSION ? 2 : found;
}

void gost__tls_tickets_setup(SSL_CTX *ctx)
{
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* no memory per client */
    SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket);
    SSL_CTX_set_num_tickets(ctx, 1);
    SSL_CTX_set_timeout(ctx, SESSION_SECONDS);
}

/* --- memory of clients -------------------------------------------------------------------- */

static void remove_at(struct gost_tls_context *c, unsigned i)
{
    c->session_count--;
    memmove(&c->sessions[i], &c->sessions[i + 1], (c->session_count - i) * sizeof(c->sessions[0]));
}

/* Keep a session; its reference is ours from now on. Under the mutex. */
static void remember(struct gost_tls_context *c, uint64_t key, SSL_SESSION *session)
{
    if (c->session_count == GOST__TLS_SESSIONS) {
        SSL_SESSION_free(c->sessions[0].session);
        remove_at(c, 0);
    }
    c->sessions[c->session_count++] = (struct gost__tls_session){.key = key, .session = session};
}

/* OpenSSL hands over a reference when we answer 1. */
static int on_new_session(SSL *ssl, SSL_SESSION *session)
{
    struct gost__tls *t = gost__tls_of(ssl);
    if (!t->shake)
        return 0;
    t->shake->got_session = true;
    pthread_mutex_lock(&t->context->mutex);
    remember(t->context, t->shake->session_key, session);
    pthread_mutex_unlock(&t->context->mutex);
    return 1;
}

void gost__tls_session_renewed(struct gost__tls *t)
{
    struct gost_tls_context *c = t->context;
    if (!SSL_session_reused(t->ssl))
        return;
    SSL_SESSION *session = SSL_get1_session(t->ssl);
    pthread_mutex_lock(&c->mutex);
    for (unsigned i = 0; session && i < c->session_count; i++) {
        if (c->sessions[i].session == session) {
            SSL_SESSION_free(session);
            session = NULL;
        }
    }
    if (session)
        remember(c, t->shake->session_key, session);
    pthread_mutex_unlock(&c->mutex);
}

/* The newest session of that key. One of TLS 1.3 is used once only (RFC 8446 appendix C.4). */
static SSL_SESSION *take_session(struct gost_tls_context *c, uint64_t key)
{
    SSL_SESSION *found = NULL;
    pthread_mutex_lock(&c->mutex);
    for (unsigned i = c->session_count; i-- > 0 && !found;) {
        if (c->sessions[i].key != key)
            continue;
        found = c->sessions[i].session;
        if (!SSL_SESSION_is_resumable(found)) {
            SSL_SESSION_free(found);
            found = NULL;
            remove_at(c, i);
        } else if (SSL_SESSION_get_protocol_version(found) >= TLS1_3_VERSION) {
            remove_at(c, i);
        } else {
            SSL_SESSION_up_ref(found);
        }
    }
    pthread_mutex_unlock(&c->mutex);
    return found;
}

void gost__tls_session_offer(struct gost__tls *t, const char *server_name)
{
    struct {
        char name[GOST_HOST_MAX];
        char peer[GOST_HOSTPORT_MAX];
    } id;
    union gost_sockaddr addr;
    memset(&id, 0, sizeof(id));
    if (server_name)
        strncpy(id.name, server_name, sizeof(id.name) - 1);
    if (gost_stream_query(t->base.next, GOST_QUERY_PEER_ADDR, &addr) == 0)
        gost_sockaddr_format(&addr, id.peer);
    t->shake->session_key = gost_hash(&id, sizeof(id));
    SSL_SESSION *session = take_session(t->context, t->shake->session_key);
    if (!session)
        return;
    SSL_set_session(t->ssl, session);
    SSL_SESSION_free(session);
}

void gost__tls_sessions_setup(struct gost_tls_context *c)
{
    SSL_CTX_set_session_cache_mode(c->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(c->ctx, on_new_session);
}

void gost__tls_sessions_clear(struct gost_tls_context *c)
{
    while (c->session_count > 0)
        SSL_SESSION_free(c->sessions[--c->session_count].session);
}
