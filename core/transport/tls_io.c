#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/runtime/loop.h"
#include "core/transport/tls_int.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

enum {
    READ_MIN = 20 * 1024, /* more than what a started record may still need */
    ROOM_MIN = 32 * 1024, /* data taken at once for a slow peer: it may all wait in memory */
    /* Half the scratch buffer: larger batches only push each other out of the CPU's cache. */
    ROOM_MAX = 15 * GOST__TLS_PLAIN_MAX,
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

ssize_t gost__tls_read(struct gost_stream *base, void *buf, size_t n)
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

/* One record's worth of data in one piece: OpenSSL takes no lists. `stage` is used for small
 * pieces. */
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
    if (n < 0 && !gost_is_want(n)) {
        t->shut = true; /* for good; but what the peer said before can still be read */
        return gost_fail_at((int)n, "tls");
    }
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

ssize_t gost__tls_writev(struct gost_stream *base, const struct iovec *iov, int count)
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
    rc = t->records ? gost__tls_records_write(t, iov, count, total)
                    : ssl_write(t, iov, count, total);
    t->gather = NULL;
    if (rc > 0) {
        int sent = send_gathered(t, scratch);
        rc = sent != 0 ? sent : rc;
    }
    gost_scratch_give(scratch);
    return rc;
}

int gost__tls_flush(struct gost_stream *base)
{
    struct gost__tls *t = self_of(base);
    int rc = gost__tls_push(t);
    t->read_for_write = rc == GOST_WANT_READ;
    return rc == 0 ? gost_stream_flush(base->next) : rc;
}

int gost__tls_goodbye(struct gost__tls *t)
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

int gost__tls_shutdown(struct gost_stream *base)
{
    struct gost__tls *t = self_of(base);
    int rc = t->established ? 0 : gost__tls_open(base);
    if (rc == 0 && t->failed)
        rc = gost__tls_retell(t);
    if (rc == 0 && !t->shut)
        rc = gost__tls_goodbye(t);
    if (rc == 0)
        rc = gost__tls_flush(base);
    if (rc == 0)
        rc = gost_stream_shutdown(base->next);
    return rc == GOST_ENOTSUP ? 0 : rc; /* close_notify told the peer all the same */
}
