/*
 * The record layer of TLS 1.3 (RFC 8446 section 5), for connections whose handshake OpenSSL has
 * done.
 *
 * OpenSSL's connection object costs some 12 KiB and copies each byte twice. Nothing of it is needed
 * once both sides have their keys, except to open and seal records and to obey a key update: so we
 * take the traffic secrets (as for a key log, but in memory only), free the object, and let
 * OpenSSL's ciphers work straight between the user's buffer and the one that goes to the socket.
 * What the kernel does for others (kTLS) happens here in the process.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/runtime/loop.h"
#include "core/transport/tls_int.h"

#include <openssl/err.h>
#include <string.h>

enum {
    HEADER = 5,
    TAG = 16,
    OVERHEAD = HEADER + 1 + TAG,
    INNER_MAX = GOST__TLS_PLAIN_MAX + 1,
    SEALED_MAX = GOST__TLS_PLAIN_MAX + 256,
    IDLE_RECORDS_MAX = 1000, /* a peer that sends no data but keeps us busy is refused */
    MESSAGE_HEAD = 4,
    KEY_UPDATE = 24,
    NEW_SESSION_TICKET = 4,
    MESSAGE_MAX = 128 * 1024,
};

/* 2^23 full records: below the limit of AES-GCM, 2^24.5 (RFC 8446 section 5.5). */
uint64_t gost__tls_key_limit = (uint64_t)1 << 23;

/* Begin a record: nonce from the number, header as additional data. */
static bool cipher_begin(struct gost__tls_key *k, const uint8_t *header, bool sealing)
{
    uint8_t nonce[12];
    int n;
    memcpy(nonce, k->iv, sizeof(nonce));
    for (int i = 0; i < 8; i++)
        nonce[11 - i] ^= (uint8_t)(k->seq >> (8 * i));
    k->seq++;
    return EVP_CipherInit_ex(k->cipher, NULL, NULL, NULL, nonce, sealing) == 1 &&
           EVP_CipherUpdate(k->cipher, NULL, &n, header, HEADER) == 1;
}

/* --- sealing ------------------------------------------------------------------------------ */

/* A place in a list of pieces. */
struct cursor {
    const struct iovec *iov;
    size_t at; /* in the first */
};

static bool seal_pieces(EVP_CIPHER_CTX *cipher, uint8_t *out, struct cursor *from, size_t n)
{
    int done;
    while (n > 0) {
        size_t left = from->iov->iov_len - from->at;
        size_t part = n < left ? n : left;
        const uint8_t *p = (const uint8_t *)from->iov->iov_base + from->at;
        if (part > 0 && EVP_CipherUpdate(cipher, out, &done, p, (int)part) != 1)
            return false;
        out += part;
        n -= part;
        from->at += part;
        if (from->at == from->iov->iov_len) {
            from->iov++;
            from->at = 0;
        }
    }
    return true;
}

/* One record with `n` bytes of `type`. @return its size, or 0 when the cipher failed */
static size_t seal(struct gost__tls_records *r, uint8_t *out, uint8_t type, struct cursor *from,
                   size_t n)
{
    struct gost__tls_key *k = &r->key[GOST_WRITER];
    size_t sealed = n + 1 + TAG;
    int done;
    out[0] = SSL3_RT_APPLICATION_DATA;
    out[1] = 3;
    out[2] = 3;
    out[3] = (uint8_t)(sealed >> 8);
    out[4] = (uint8_t)sealed;
    uint8_t *p = out + HEADER;
    if (!cipher_begin(k, out, true) || !seal_pieces(k->cipher, p, from, n) ||
        EVP_CipherUpdate(k->cipher, p + n, &done, &type, 1) != 1 ||
        EVP_CipherFinal_ex(k->cipher, p + n + 1, &done) != 1 ||
        EVP_CIPHER_CTX_ctrl(k->cipher, EVP_CTRL_AEAD_GET_TAG, TAG, p + n + 1) != 1)
        return 0;
    return HEADER + sealed;
}

static int cipher_failed(struct gost__tls *t)
{
    ERR_clear_error();
    return gost__tls_break(t, gost_fail(GOST_ETLS, "tls: cipher failure"));
}

/* Seal a few bytes that are not data into the pending output. */
static int seal_control(struct gost__tls *t, uint8_t type, const void *p, size_t n)
{
    uint8_t record[OVERHEAD + 8];
    struct iovec iov = {.iov_base = (void *)p, .iov_len = n};
    struct cursor from = {.iov = &iov};
    size_t size = seal(t->records, record, type, &from, n);
    return size ? gost__tls_pend(t, record, size) : cipher_failed(t);
}

static int send_alert(struct gost__tls *t, uint8_t level, uint8_t alert)
{
    uint8_t message[2] = {level, alert};
    return seal_control(t, SSL3_RT_ALERT, message, sizeof(message));
}

int gost__tls_records_close(struct gost__tls *t)
{
    return send_alert(t, SSL3_AL_WARNING, SSL_AD_CLOSE_NOTIFY);
}

/* Seal a key update into the gathered output, and change the key behind it. */
static bool update_key(struct gost__tls *t)
{
    static const uint8_t message[] = {KEY_UPDATE, 0, 0, 1, 0};
    struct gost__tls_records *r = t->records;
    struct iovec iov = {.iov_base = (void *)message, .iov_len = sizeof(message)};
    struct cursor from = {.iov = &iov};
    size_t size = seal(r, t->gather + t->gathered, SSL3_RT_HANDSHAKE, &from, sizeof(message));
    t->gathered += (uint32_t)size;
    r->update_asked = false;
    return size > 0 && gost__tls_key_next(r->suite, &r->key[GOST_WRITER], true);
}

ssize_t gost__tls_records_write(struct gost__tls *t, const struct iovec *iov, int count, size_t max)
{
    struct gost__tls_records *r = t->records;
    struct cursor from = {.iov = iov};
    size_t left = 0, taken = 0;
    for (int i = 0; i < count; i++)
        left += iov[i].iov_len;
    left = left < max ? left : max;
    while (left > 0 && t->gathered + 2 * OVERHEAD + 8 + GOST__TLS_PLAIN_MAX <= GOST_SCRATCH_SIZE) {
        if ((r->update_asked || r->key[GOST_WRITER].seq >= gost__tls_key_limit) && !update_key(t))
            return cipher_failed(t);
        size_t n = left < GOST__TLS_PLAIN_MAX ? left : GOST__TLS_PLAIN_MAX;
        size_t size = seal(r, t->gather + t->gathered, SSL3_RT_APPLICATION_DATA, &from, n);
        if (size == 0)
            return cipher_failed(t);
        t->gathered += (uint32_t)size;
        left -= n;
        taken += n;
    }
    return (ssize_t)taken;
}

/* --- opening ------------------------------------------------------------------------------ */

/* The peer broke the protocol: tell it, and break. */
static void refuse(struct gost__tls *t, uint8_t alert, const char *why)
{
    send_alert(t, SSL3_AL_FATAL, alert);
    gost__tls_break(t, gost_fail(GOST_ETLS, "tls: %s", why));
}

static void take_alert(struct gost__tls *t, const uint8_t *p, size_t n)
{
    if (n != 2)
        refuse(t, SSL_AD_DECODE_ERROR, "malformed alert");
    else if (p[1] == SSL_AD_CLOSE_NOTIFY)
        t->in_eof = true;
    else if (p[1] != SSL_AD_USER_CANCELLED)
        gost__tls_alerted(t, p[1]);
}

/* The peer's key changes behind this record, so nothing may follow the message in it. */
static void take_key_update(struct gost__tls *t, const uint8_t *message, bool last)
{
    struct gost__tls_records *r = t->records;
    if (message[1] || message[2] || message[3] != 1 || message[4] > 1 || !last)
        refuse(t, SSL_AD_DECODE_ERROR, "malformed key update");
    else if (!gost__tls_key_next(r->suite, &r->key[GOST_READER], false))
        cipher_failed(t);
    else if (message[4] == 1)
        r->update_asked = true;
    r->message_have = 0;
}

/* The head of a message is complete: what is it? */
static void begin_message(struct gost__tls *t)
{
    struct gost__tls_records *r = t->records;
    const uint8_t *m = r->message;
    uint32_t size = (uint32_t)m[1] << 16 | (uint32_t)m[2] << 8 | m[3];
    if (m[0] == KEY_UPDATE)
        return;
    if (m[0] != NEW_SESSION_TICKET || t->context->server || size > MESSAGE_MAX) {
        refuse(t, SSL_AD_UNEXPECTED_MESSAGE, "unexpected handshake message");
        return;
    }
    r->message_left = size; /* we have one ticket already */
    r->message_have = 0;
}

/* Handshake messages after the handshake, in pieces as they come. */
static void take_handshake(struct gost__tls *t, const uint8_t *p, size_t n)
{
    struct gost__tls_records *r = t->records;
    if (n == 0)
        refuse(t, SSL_AD_UNEXPECTED_MESSAGE, "empty handshake record");
    while (n > 0 && !t->failed) {
        if (r->message_left > 0) {
            size_t part = n < r->message_left ? n : r->message_left;
            r->message_left -= (uint32_t)part;
            p += part;
            n -= part;
            continue;
        }
        r->message[r->message_have++] = *p++;
        n--;
        if (r->message_have == MESSAGE_HEAD)
            begin_message(t);
        else if (r->message_have == MESSAGE_HEAD + 1)
            take_key_update(t, r->message, n == 0);
    }
}

/*
 * Open the record of `size` bytes at the front into `out` (which may be its own place).
 * @return length of type and content, padding gone; 0 when it was refused
 */
static size_t open_record(struct gost__tls *t, size_t size, uint8_t *out)
{
    struct gost__tls_key *k = &t->records->key[GOST_READER];
    const uint8_t *in = t->in;
    int done;
    if (in[0] != SSL3_RT_APPLICATION_DATA) {
        refuse(t, SSL_AD_UNEXPECTED_MESSAGE, "unexpected record");
        return 0;
    }
    size_t n = size - HEADER - TAG;
    if (!cipher_begin(k, in, false) ||
        EVP_CIPHER_CTX_ctrl(k->cipher, EVP_CTRL_AEAD_SET_TAG, TAG, (void *)(in + HEADER + n)) != 1 ||
        EVP_CipherUpdate(k->cipher, out, &done, in + HEADER, (int)n) != 1 ||
        EVP_CipherFinal_ex(k->cipher, out + n, &done) != 1) {
        ERR_clear_error();
        refuse(t, SSL_AD_BAD_RECORD_MAC, "a record is damaged");
        return 0;
    }
    while (n > 0 && out[n - 1] == 0)
        n--;
    if (n == 0)
        refuse(t, SSL_AD_UNEXPECTED_MESSAGE, "a record without type");
    return n;
}

static bool size_is_fine(struct gost__tls *t, size_t size)
{
    if (size < HEADER + 1 + TAG || size > HEADER + SEALED_MAX ||
        t->in[0] > SSL3_RT_APPLICATION_DATA || t->in[0] < SSL3_RT_CHANGE_CIPHER_SPEC) {
        refuse(t, SSL_AD_RECORD_OVERFLOW, "a record of a wrong size");
        return false;
    }
    return true;
}

/* A record that carried no data. */
static void take_control(struct gost__tls *t, uint8_t type, const uint8_t *p, size_t n)
{
    if (type == SSL3_RT_ALERT)
        take_alert(t, p, n);
    else if (type == SSL3_RT_HANDSHAKE)
        take_handshake(t, p, n);
    else if (type != SSL3_RT_APPLICATION_DATA)
        refuse(t, SSL_AD_UNEXPECTED_MESSAGE, "a record of an unknown type");
    if (++t->idle_records > IDLE_RECORDS_MAX && !t->failed)
        refuse(t, SSL_AD_UNEXPECTED_MESSAGE, "too many records without data");
}

/* Open one record. @return bytes of data put into `buf` */
static size_t read_record(struct gost__tls *t, size_t size, uint8_t *buf, size_t room)
{
    if (!size_is_fine(t, size))
        return 0;
    size_t inner = size - HEADER - TAG;
    bool in_place = inner > room;
    uint8_t *out = in_place ? t->in + HEADER : buf;
    size_t n = open_record(t, size, out);
    if (n == 0)
        return 0;
    uint8_t type = out[--n];
    if (n > GOST__TLS_PLAIN_MAX) {
        refuse(t, SSL_AD_RECORD_OVERFLOW, "a record of a wrong size");
        return 0;
    }
    if (type != SSL3_RT_APPLICATION_DATA || n == 0) {
        take_control(t, type, out, n);
        gost__tls_consume(t, size);
        return 0;
    }
    t->idle_records = 0;
    if (t->records->message_have > 0 || t->records->message_left > 0) {
        refuse(t, SSL_AD_UNEXPECTED_MESSAGE, "data inside a handshake message");
        return 0;
    }
    if (!in_place) {
        gost__tls_consume(t, size);
        return n;
    }
    gost__tls_consume(t, HEADER);
    t->plain = (uint32_t)n;
    t->skip = (uint32_t)(size - HEADER - n);
    return 0;
}

/* What was opened in its own place because the user's buffer was too small. */
static size_t take_plain(struct gost__tls *t, uint8_t *buf, size_t room)
{
    size_t n = room < t->plain ? room : t->plain;
    memcpy(buf, t->in, n);
    t->plain -= (uint32_t)n;
    size_t gone = n + (t->plain == 0 ? t->skip : 0);
    if (t->plain == 0)
        t->skip = 0;
    gost__tls_consume(t, gone);
    return n;
}

size_t gost__tls_records_read(struct gost__tls *t, uint8_t *buf, size_t n)
{
    size_t got = 0, size;
    while (got < n && !t->failed && !t->in_eof) {
        if (t->plain > 0)
            got += take_plain(t, buf + got, n - got);
        else if ((size = gost__tls_record_size(t->in, t->in_len)) > 0)
            got += read_record(t, size, buf + got, n - got);
        else
            break;
    }
    return got;
}
