#include "core/transport/tls.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/transport/tls_int.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

static struct gost__tls *self_of(struct gost_stream *s)
{
    return gost_container_of(s, struct gost__tls, base);
}

/* --- waking ------------------------------------------------------------------------------- */

static void on_readable(struct gost_waker *w)
{
    struct gost__tls *t = gost_container_of(w, struct gost__tls, below[GOST_READER]);
    gost_waker_fire(t->waker[GOST_READER]);
    if (t->read_for_write)
        gost_waker_fire(t->waker[GOST_WRITER]);
}

static void on_writable(struct gost_waker *w)
{
    struct gost__tls *t = gost_container_of(w, struct gost__tls, below[GOST_WRITER]);
    if (t->pending && !t->failed)
        gost__tls_push(t); /* nobody may come to flush; a failure shows at the next call */
    gost_waker_fire(t->waker[GOST_WRITER]);
    if (t->write_for_read)
        gost_waker_fire(t->waker[GOST_READER]);
}

static void tls_set_waker(struct gost_stream *base, enum gost_side side, struct gost_waker *w)
{
    self_of(base)->waker[side] = w;
}

/* --- the rest ----------------------------------------------------------------------------- */

static void copy_text(char *to, size_t size, const char *from, size_t n)
{
    n = n < size ? n : size - 1;
    if (n)
        memcpy(to, from, n);
    to[n] = '\0';
}

static void describe_records(const struct gost__tls_records *r, struct gost_tls_info *info)
{
    const char *alpn = r->names ? r->names : "";
    const char *name = r->names ? alpn + strlen(alpn) + 1 : "";
    info->version = "TLSv1.3";
    info->cipher = r->cipher_name;
    info->resumed = r->resumed;
    copy_text(info->alpn, sizeof(info->alpn), alpn, strlen(alpn));
    copy_text(info->server_name, sizeof(info->server_name), name, strlen(name));
}

static void describe_ssl(SSL *ssl, struct gost_tls_info *info)
{
    const unsigned char *alpn;
    unsigned alpn_len;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    SSL_get0_alpn_selected(ssl, &alpn, &alpn_len);
    info->version = SSL_get_version(ssl);
    info->cipher = SSL_CIPHER_standard_name(SSL_get_current_cipher(ssl));
    info->resumed = SSL_session_reused(ssl);
    copy_text(info->alpn, sizeof(info->alpn), (const char *)alpn, alpn_len);
    copy_text(info->server_name, sizeof(info->server_name), name, name ? strlen(name) : 0);
}

static int tls_query(struct gost_stream *base, enum gost_query what, void *out)
{
    struct gost__tls *t = self_of(base);
    struct gost_tls_info *info = out;
    if (what == GOST_QUERY_FD || what == GOST_QUERY_ROOM ||
        (what == GOST_QUERY_TLS && !t->established))
        return GOST_ENOTSUP;
    if (what != GOST_QUERY_TLS)
        return gost__pass_query(base, what, out);
    info->server = t->context->server;
    if (t->records)
        describe_records(t->records, info);
    else
        describe_ssl(t->ssl, info);
    return 0;
}

/* Is the socket about to be reset? Then a close_notify would make the end look like a good one. */
static bool being_reset(struct gost__tls *t)
{
    struct linger l;
    socklen_t len = sizeof(l);
    int fd;
    return gost_stream_query(t->base.next, GOST_QUERY_CARRIER, &fd) == 0 &&
           getsockopt(fd, SOL_SOCKET, SO_LINGER, &l, &len) == 0 && l.l_onoff && l.l_linger == 0;
}

void gost__tls_shake_delete(struct gost__tls *t)
{
    if (!t->shake)
        return;
    free(t->shake->refusal);
    OPENSSL_cleanse(t->shake, sizeof(*t->shake));
    free(t->shake);
    t->shake = NULL;
}

/* Send what waits, and a close_notify, if that can be done at once. */
static void part(struct gost__tls *t)
{
    if (being_reset(t) || gost__tls_push(t) != 0)
        return;
    if (t->established && !t->failed && !t->shut && gost__tls_goodbye(t) == 0)
        gost__tls_push(t);
}

static void tls_destroy(struct gost_stream *base)
{
    struct gost__tls *t = self_of(base);
    part(t);
    gost_stream_set_waker(base->next, GOST_READER, NULL);
    gost_stream_set_waker(base->next, GOST_WRITER, NULL);
    if (t->ssl && !t->failed) /* else OpenSSL takes the session for a bad one */
        SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(t->ssl);
    gost__tls_records_delete(t->records);
    gost__tls_shake_delete(t);
    gost_tls_context_unref(t->context);
    free(t->kept);
    free(t->pending);
    free(t->story);
    free(t);
}

static const struct gost_stream_ops tls_ops = {
    .name = "tls",
    .open = gost__tls_open,
    .read = gost__tls_read,
    .writev = gost__tls_writev,
    .flush = gost__tls_flush,
    .shutdown = gost__tls_shutdown,
    .set_waker = tls_set_waker,
    .query = tls_query,
    .destroy = tls_destroy,
    .movable = true,
};

/* --- pushing a layer ---------------------------------------------------------------------- */

static struct gost__tls *layer_new(struct gost_tls_context *c, struct gost_stream *below)
{
    struct gost__tls *t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    BIO *bio = gost__tls_bio_new(t);
    t->ssl = SSL_new(c->ctx);
    t->shake = calloc(1, sizeof(*t->shake));
    if (!bio || !t->ssl || !t->shake) {
        BIO_free(bio);
        SSL_free(t->ssl);
        free(t->shake);
        free(t);
        return NULL;
    }
    SSL_set_bio(t->ssl, bio, bio);
    gost_stream_create(&t->base, &tls_ops, below);
    t->context = gost_tls_context_ref(c);
    t->room = GOST__TLS_ROOM_START;
    t->below[GOST_READER].fn = on_readable;
    t->below[GOST_WRITER].fn = on_writable;
    return t;
}

/* The layer takes the place of the stream that it was built on. */
static void push_layer(struct gost__tls *t, struct gost_stream **io)
{
    gost_stream_set_waker(t->base.next, GOST_READER, &t->below[GOST_READER]);
    gost_stream_set_waker(t->base.next, GOST_WRITER, &t->below[GOST_WRITER]);
    *io = &t->base;
}

/* A copy of a host name as TLS wants it: no final dot, no zone of an IPv6 address. */
static const char *bare_name(char *room, const char *name)
{
    size_t n = name ? strcspn(name, "%") : 0;
    if (n == 0 || n >= GOST_HOST_MAX)
        return NULL;
    memcpy(room, name, n);
    if (room[n - 1] == '.')
        n--;
    room[n] = '\0';
    return n > 0 ? room : NULL;
}

static bool set_server_name(struct gost__tls *t, const char *name)
{
    bool ip = gost_ip_parse(name, 0, NULL) != 0;
    bool ok = ip || SSL_set_tlsext_host_name(t->ssl, name) == 1;
    if (!ok || !t->context->secure)
        return ok;
    return ip ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(t->ssl), name) == 1
              : SSL_set1_host(t->ssl, name) == 1;
}

int gost_tls_client(struct gost_tls_context *c, const char *server_name, struct gost_stream **io)
{
    char room[GOST_HOST_MAX];
    const char *name = bare_name(room, c->server_name ? c->server_name : server_name);
    if (!name && c->secure)
        return gost_fail(GOST_ECONFIG, "tls: secure needs a server name to verify");
    struct gost__tls *t = layer_new(c, *io);
    if (!t)
        return gost_fail_code(GOST_ENOMEM);
    SSL_set_connect_state(t->ssl);
    if (name && !set_server_name(t, name)) {
        ERR_clear_error();
        t->base.next = NULL;
        SSL_free(t->ssl);
        gost__tls_shake_delete(t);
        gost_tls_context_unref(c);
        free(t);
        return gost_fail(GOST_ECONFIG, "tls: \"%.80s\" is no server name", name);
    }
    gost__tls_session_offer(t, name);
    push_layer(t, io);
    return 0;
}

int gost_tls_server(struct gost_tls_context *c, struct gost_stream **io)
{
    struct gost__tls *t = layer_new(c, *io);
    if (!t)
        return gost_fail_code(GOST_ENOMEM);
    SSL_set_accept_state(t->ssl);
    push_layer(t, io);
    return 0;
}
