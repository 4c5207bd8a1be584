#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/runtime/loop.h"
#include "core/transport/tls_int.h"

#include <stdlib.h>
#include <string.h>

enum {
    HEADER = 5,
    CIPHERTEXT_MAX = GOST__TLS_PLAIN_MAX + 2048, /* RFC 5246 section 6.2.3 */
    FETCH_SIZE = 32 * 1024,                      /* more than one record, whatever its size */
    GATHER_MAX = GOST_SCRATCH_SIZE,
};

size_t gost__tls_record_size(const uint8_t *p, size_t n)
{
    if (n == 0)
        return 0;
    if (p[0] < SSL3_RT_CHANGE_CIPHER_SPEC || p[0] > SSL3_RT_APPLICATION_DATA)
        return n;
    if (n < HEADER)
        return 0;
    size_t size = HEADER + ((size_t)p[3] << 8 | p[4]);
    if (size > HEADER + CIPHERTEXT_MAX)
        return n;
    return size <= n ? size : 0;
}

void gost__tls_consume(struct gost__tls *t, size_t n)
{
    t->in += n;
    t->in_len -= (uint32_t)n;
    if (t->in_len == 0 && t->kept) {
        free(t->kept);
        t->kept = t->in = NULL;
    }
}

ssize_t gost__tls_fetch(struct gost__tls *t)
{
    uint8_t *scratch = gost_scratch_take();
    ssize_t n = gost_stream_read(t->base.next, scratch, FETCH_SIZE);
    if (n > 0) {
        uint8_t *grown = malloc(t->in_len + (size_t)n);
        if (grown) {
            if (t->in_len)
                memcpy(grown, t->in, t->in_len);
            memcpy(grown + t->in_len, scratch, (size_t)n);
            free(t->kept);
            t->kept = t->in = grown;
            t->in_len += (uint32_t)n;
        } else {
            n = gost_fail_code(GOST_ENOMEM);
        }
    }
    gost_scratch_give(scratch);
    return n;
}

int gost__tls_pend(struct gost__tls *t, const void *p, size_t n)
{
    uint8_t *grown = malloc(t->pending_len + n);
    if (!grown)
        return gost_fail_code(GOST_ENOMEM);
    if (t->pending_len)
        memcpy(grown, t->pending + t->pending_from, t->pending_len);
    memcpy(grown + t->pending_len, p, n);
    free(t->pending);
    t->pending = grown;
    t->pending_from = 0;
    t->pending_len += (uint32_t)n;
    return 0;
}

int gost__tls_push(struct gost__tls *t)
{
    while (t->pending) {
        ssize_t n = gost_stream_write(t->base.next, t->pending + t->pending_from, t->pending_len);
        if (n < 0)
            return (int)n;
        t->pending_from += (uint32_t)n;
        t->pending_len -= (uint32_t)n;
        if (t->pending_len == 0) {
            free(t->pending);
            t->pending = NULL;
        }
    }
    return 0;
}

/* OpenSSL gets whole records only, so that it never has to keep half of one in a large buffer. */
static int bio_read(BIO *b, char *buf, int size)
{
    struct gost__tls *t = BIO_get_data(b);
    BIO_clear_retry_flags(b);
    if (t->record_left == 0)
        t->record_left = (uint32_t)gost__tls_record_size(t->in, t->in_len);
    if (t->record_left == 0 || size <= 0) {
        BIO_set_retry_read(b);
        return -1;
    }
    size_t n = (size_t)size < t->record_left ? (size_t)size : t->record_left;
    memcpy(buf, t->in, n);
    t->record_left -= (uint32_t)n;
    gost__tls_consume(t, n);
    return (int)n;
}

/* Always takes all: what is too much for the stream below waits in `pending`. */
static int bio_write(BIO *b, const char *buf, int size)
{
    struct gost__tls *t = BIO_get_data(b);
    BIO_clear_retry_flags(b);
    if (size <= 0)
        return 0;
    if (!t->gather)
        return gost__tls_pend(t, buf, (size_t)size) == 0 ? size : -1;
    if ((size_t)size > GATHER_MAX - t->gathered)
        return -1;
    memcpy(t->gather + t->gathered, buf, (size_t)size);
    t->gathered += (uint32_t)size;
    return size;
}

static long bio_ctrl(BIO *b, int cmd, long num, void *ptr)
{
    (void)b, (void)num, (void)ptr;
    return cmd == BIO_CTRL_FLUSH;
}

static BIO_METHOD *method;

static void make_method(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "gost stream");
    if (!method)
        return;
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_ctrl(method, bio_ctrl);
}

BIO *gost__tls_bio_new(struct gost__tls *t)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_method);
    BIO *b = method ? BIO_new(method) : NULL;
    if (b) {
        BIO_set_data(b, t);
        BIO_set_init(b, 1);
    }
    return b;
}

struct gost__tls *gost__tls_of(const SSL *ssl)
{
    return BIO_get_data(SSL_get_rbio(ssl));
}
