#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/transport/tls_int.h"

#include <openssl/err.h>

/* What the stream below failed with is the connection's failure; waiting is none. */
static int below_failed(struct gost__tls *t, int rc)
{
    if (gost_is_want(rc))
        return rc;
    return gost__tls_break(t, gost_fail_at(rc, "tls handshake"));
}

static int left_by_peer(struct gost__tls *t)
{
    return gost__tls_break(
        t, gost_fail(GOST_EOF, "tls: the peer closed the connection during the handshake"));
}

/* Forget what only the handshake needed. */
static int handshake_done(struct gost__tls *t)
{
    t->established = true;
    if (SSL_version(t->ssl) < TLS1_3_VERSION) {
        if (!t->context->server)
            gost__tls_session_renewed(t);
        gost__tls_shake_delete(t);
        return 0;
    }
    /* A client stays with OpenSSL until the server's ticket came, which only OpenSSL can keep. */
    return t->context->server ? gost__tls_detach(t) : 0;
}

/* One step: let OpenSSL work on what came in, send what it says, read on if it wants more. */
static int handshake_step(struct gost__tls *t)
{
    ERR_clear_error();
    int done = SSL_do_handshake(t->ssl);
    int why = done == 1 ? SSL_ERROR_NONE : SSL_get_error(t->ssl, done);
    if (why != SSL_ERROR_NONE && why != SSL_ERROR_WANT_READ && !t->failed)
        gost__tls_ssl_failed(t, why); /* now: the stream below may use OpenSSL's error queue too */
    ERR_clear_error();
    int rc = gost__tls_push(t); /* what tells the peer, be it an alert */
    if (t->failed)
        return gost__tls_retell(t);
    if (why == SSL_ERROR_NONE)
        return handshake_done(t);
    if (rc != 0 && !gost_is_want(rc))
        return below_failed(t, rc);
    ssize_t n = gost__tls_fetch(t);
    if (n == 0)
        return left_by_peer(t);
    return n > 0 ? 0 : below_failed(t, (int)n);
}

int gost__tls_open(struct gost_stream *base)
{
    struct gost__tls *t = gost_container_of(base, struct gost__tls, base);
    if (t->failed)
        return gost__tls_retell(t);
    int rc = gost_stream_open(base->next);
    while (rc == 0 && !t->established)
        rc = handshake_step(t);
    /* The rest may be a ticket for a client that has closed already: what it sent still counts. */
    if (rc == 0 && gost_is_want(gost__tls_push(t)))
        rc = GOST_WANT_WRITE;
    /* A handshake reads and writes, whichever side waits for it. */
    t->read_for_write = t->write_for_read = gost_is_want(rc);
    return rc;
}
