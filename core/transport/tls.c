#include "core/transport/tls.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/runtime/loop.h"
#include "core/transport/tls_int.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

enum {
    READ_MIN = 20 * 1024, /* more than what a started record may still need */
    ROOM_MIN = 32 * 1024, /* data taken at once for a slow peer: it may all wait in memory */
    ROOM_START = 128 * 1024,
    /* as many full records as fit into the scratch buffer, whatever the cipher adds to them */
    ROOM_MAX = (GOST_SCRATCH_SIZE / (GOST__TLS_PLAIN_MAX + 512) - 1) * GOST__TLS_PLAIN_MAX,
    STAGE_MAX = GOST__TLS_PLAIN_MAX,
};

static struct gost__tls *self_of(struct gost_stream *s)
{
    return gost_container_of(s, struct gost__tls, base);
}

/* --- reading ------------------------------------------------------------------------------ */

/* Through OpenSSL. @return bytes; t->failed and t->in_eof tell the rest */
static size_t ssl_read(struct gost__tls *t, uint8_t *buf, size_t n)
{
    size_t done = 0, got;
    ERR_clear_error();
    while (done < n) {
        /* do not ask in vain: OpenSSL would get and give back a large buffer */
        if (!SSL_pending(t->ssl) && !gost__tls_record_size(t->in, t->in_len))
            break;
        if (SSL_read_ex(t->ssl, buf + done, n - done, &got) == 1) {
            done += got;
            continue;
        }
        int why = SSL_get_error(t->ssl, 0);
        if (why == SSL_ERROR_ZERO_RETURN)
            t->in_eof = true;
        else if (why != SSL_ERROR_WANT_READ)
            gost__tls_ssl_failed(t, why);
        break;
    }
    /* A client may let OpenSSL go once it has a ticket, or data shows that none will come first. */
    if (t->shake && !t->failed && !t->in_eof && !SSL_pending(t->ssl) &&
        (t->shake->got_session || done > 0))
        gost__tls_detach(t);
    return done;
}

/* Decrypt what came in. @return bytes, 0 at the end, GOST_WANT_READ, or a negative code */
static ssize_t take(struct gost__tls *t, uint8_t *buf, size_t n)
{
    size_t got = 0;
    if (t->ssl && !t->in_eof && !t->failed)
        got = ssl_read(t, buf, n);
    if (t->records && got < n && !t->failed)
        got += gost__tls_records_read(t, buf + got, n - got);
    if (t->pending)
        gost__tls_push(t); /* an alert, say; if it cannot go now it goes with what is next */
    if (got > 0)
        return (ssize_t)got;
    if (t->failed)
        return gost__tls_retell(t);
    return t->in_eof ? 0 : GOST_WANT_READ;
}

/* How much to read from below for `n` bytes of data: what is too much would have to be kept. */
static size_t read_size(size_t n)
{
    size_t size = n + n / 64 + 512;
    size = size < READ_MIN ? READ_MIN : size;
    return size < GOST_SCRATCH_SIZE ? size : GOST_SCRATCH_SIZE;
}

/* Move what is left in scratch memory to a buffer of its size. */
static int keep(struct gost__tls *t)
{
    if (t->in_len == 0) {
        t->in = NULL;
        return 0;
    }
    t->kept = malloc(t->in_len);
    if (!t->kept) {
        t->in = NULL;
        t->in_len = 0;
        return gost__tls_break(t, gost_fail_code(GOST_ENOMEM));
    }
    memcpy(t->kept, t->in, t->in_len);
    t->in = t->kept;
    return 0;
}

/* Read once from below and decrypt. @return as take; 0 too when t->in_eof was set here */
static ssize_t refill(struct gost__tls *t, uint8_t *buf, size_t n, bool *more)
{
    uint8_t *scratch = gost_scratch_take();
    size_t have = t->in_len;
    ssize_t rc = gost_stream_read(t->base.next, scratch + have, read_size(n) - have);
    *more = rc > 0;
    if (rc > 0) {
        if (have)
            memcpy(scratch, t->in, have);
        free(t->kept);
        t->kept = NULL;
        t->in = scratch;
        t->in_len = (uint32_t)(have + (size_t)rc);
        rc = take(t, buf, n);
        if (keep(t) != 0 && rc <= 0)
            rc = t->failed;
    } else if (rc == 0) {
        t->in_eof = true;
    } else if (!gost_is_want(rc)) {
        rc = gost__tls_break(t, gost_fail_at((int)rc, "tls"));
    }
    gost_scratch_give(scratch);
    return rc;
}

static ssize_t tls_read(struct gost_stream *base, void *buf, size_t n)
{
    struct gost__tls *t = self_of(base);
    bool more = true;
    ssize_t rc = t->established ? 0 : gost__tls_open(base);
    if (rc != 0)
        return rc;
    rc = take(t, buf, n);
    while (rc == GOST_WANT_READ && more)
        rc = refill(t, buf, n, &more);
    t->write_for_read = rc == GOST_WANT_WRITE;
    return rc;
}

/* --- writing ------------------------------------------------------------------------------ */

/* One record's worth of data in one piece: OpenSSL takes no lists. `stage` is used for small pieces. */
static const uint8_t *next_piece(const struct iovec **iov, size_t *at, const struct iovec *end,
                                 uint8_t *stage, size_t max, size_t *n)
{
    while ((*iov)->iov_len == *at) {
        (*iov)++;
        *at = 0;
    }
    const uint8_t *p = (const uint8_t *)(*iov)->iov_base + *at;
    *n = (*iov)->iov_len - *at;
    if (*n >= STAGE_MAX || *n >= max || *iov + 1 == end) {
        *n = *n < max ? *n : max;
        *n = *n > STAGE_MAX ? *n - *n % STAGE_MAX : *n;
        *at += *n;
        return p;
    }
    max = max < STAGE_MAX ? max : STAGE_MAX;
    for (*n = 0; *n < max && *iov < end;) {
        size_t left = (*iov)->iov_len - *at, part = max - *n < left ? max - *n : left;
        if (part)
            memcpy(stage + *n, (const uint8_t *)(*iov)->iov_base + *at, part);
        *n += part;
        *at += part;
        if (*at == (*iov)->iov_len && *iov + 1 < end) {
            (*iov)++;
            *at = 0;
        } else if (*at == (*iov)->iov_len) {
            break;
        }
    }
    return stage;
}

/* Through OpenSSL. @return bytes taken, or a negative code */
static ssize_t ssl_write(struct gost__tls *t, const struct iovec *iov, int count, size_t total)
{
    const struct iovec *end = iov + count;
    uint8_t *stage = gost_scratch_take();
    size_t at = 0, taken = 0, n, put;
    ERR_clear_error();
    while (taken < total) {
        const uint8_t *p = next_piece(&iov, &at, end, stage, total - taken, &n);
        if (SSL_write_ex(t->ssl, p, n, &put) != 1) {
            gost__tls_ssl_failed(t, SSL_get_error(t->ssl, 0));
            break;
        }
        taken += put;
    }
    gost_scratch_give(stage);
    return t->failed ? gost__tls_retell(t) : (ssize_t)taken;
}

/* Hand what was sealed to the stream below; what it does not take waits in `pending`. */
static int send_gathered(struct gost__tls *t, const uint8_t *sealed)
{
    size_t sent = 0;
    ssize_t n = 0;
    while (sent < t->gathered) {
        n = gost_stream_write(t->base.next, sealed + sent, t->gathered - sent);
        if (n < 0)
            break;
        sent += (size_t)n;
    }
    if (n < 0 && !gost_is_want(n))
        return gost__tls_break(t, gost_fail_at((int)n, "tls"));
    if (sent == t->gathered) {
        t->room = t->room < ROOM_MAX / 2 ? t->room * 2 : ROOM_MAX;
        return 0;
    }
    t->room = ROOM_MIN;
    int rc = gost__tls_pend(t, sealed + sent, t->gathered - sent);
    return rc == 0 ? 0 : gost__tls_break(t, rc);
}

/* May data be written now? */
static int ready_to_write(struct gost__tls *t)
{
    int rc = t->established ? 0 : gost__tls_open(&t->base);
    if (rc == 0 && t->failed)
        rc = gost__tls_retell(t);
    if (rc == 0 && t->shut)
        rc = gost_fail(-EPIPE, "tls: write after the end");
    if (rc == 0)
        rc = gost__tls_push(t);
    t->read_for_write = rc == GOST_WANT_READ;
    return rc;
}

static ssize_t tls_writev(struct gost_stream *base, const struct iovec *iov, int count)
{
    struct gost__tls *t = self_of(base);
    size_t total = 0;
    ssize_t rc = ready_to_write(t);
    if (rc != 0)
        return rc;
    for (int i = 0; i < count; i++)
        total += iov[i].iov_len;
    total = total < t->room ? total : t->room;
    if (total == 0)
        return 0;
    uint8_t *scratch = t->gather = gost_scratch_take();
    t->gathered = 0;
    rc = t->records ? gost__tls_records_write(t, iov, count, total) : ssl_write(t, iov, count, total);
    t->gather = NULL;
    if (rc > 0) {
        int sent = send_gathered(t, scratch);
        rc = sent != 0 ? sent : rc;
    }
    gost_scratch_give(scratch);
    return rc;
}

static int tls_flush(struct gost_stream *base)
{
    struct gost__tls *t = self_of(base);
    int rc = gost__tls_push(t);
    t->read_for_write = rc == GOST_WANT_READ;
    return rc == 0 ? gost_stream_flush(base->next) : rc;
}

/* Put a close_notify behind what was written. */
static int say_goodbye(struct gost__tls *t)
{
    t->shut = true;
    if (t->records)
        return gost__tls_records_close(t);
    ERR_clear_error();
    int rc = SSL_shutdown(t->ssl);
    if (rc < 0)
        return gost__tls_ssl_failed(t, SSL_get_error(t->ssl, rc));
    return 0;
}

static int tls_shutdown(struct gost_stream *base)
{
    struct gost__tls *t = self_of(base);
    int rc = t->established ? 0 : gost__tls_open(base);
    if (rc == 0 && t->failed)
        rc = gost__tls_retell(t);
    if (rc == 0 && !t->shut)
        rc = say_goodbye(t);
    if (rc == 0)
        rc = tls_flush(base);
    if (rc == 0)
        rc = gost_stream_shutdown(base->next);
    return rc == GOST_ENOTSUP ? 0 : rc; /* close_notify told the peer all the same */
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
    if (what == GOST_QUERY_FD || (what == GOST_QUERY_TLS && !t->established))
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

static void tls_destroy(struct gost_stream *base)
{
    struct gost__tls *t = self_of(base);
    if (t->established && !t->failed && !t->shut && !being_reset(t) && gost__tls_push(t) == 0 &&
        say_goodbye(t) == 0)
        gost__tls_push(t);
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
    .read = tls_read,
    .writev = tls_writev,
    .flush = tls_flush,
    .shutdown = tls_shutdown,
    .set_waker = tls_set_waker,
    .query = tls_query,
    .destroy = tls_destroy,
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
    t->room = ROOM_START;
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
