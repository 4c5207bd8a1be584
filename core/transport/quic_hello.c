#include "core/transport/quic_hello.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/bytes.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>

enum { SECRET = 32, KEY = 16, IV = 12, TAG = 16, SAMPLE = 16, CID_MAX = 20, SALT = 20 };

struct version {
    uint32_t number;
    uint8_t initial;    /* the type of Initial packets */
    const char *prefix; /* of the keys' labels */
    uint8_t salt[SALT];
};

static const struct version versions[] = {
    {1, 0, "quic ", {0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
                     0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a}},
    {0x6b3343cf, 1, "quicv2 ", {0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93,
                                0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9}},
    {0xff00001d, 0, "quic ", {0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97,
                              0x86, 0xf1, 0x9c, 0x61, 0x11, 0xe0, 0x43, 0x90, 0xa8, 0x99}},
};

/* Reads fields one after the other; `ok` is false from the first one that is not there. */
struct fields {
    const uint8_t *p;
    size_t n;
    bool ok;
};

static const uint8_t *take(struct fields *f, uint64_t n)
{
    const uint8_t *p = f->p;
    if (!f->ok || n > f->n) {
        f->ok = false;
        return NULL;
    }
    f->p += n;
    f->n -= (size_t)n;
    return p;
}

/* RFC 9000 section 16. */
static uint64_t take_number(struct fields *f)
{
    const uint8_t *p = take(f, 1);
    if (!p)
        return 0;
    uint64_t value = *p & 0x3f;
    for (int more = (1 << (*p >> 6)) - 1; more > 0 && (p = take(f, 1)); more--)
        value = value << 8 | *p;
    return value;
}

/* --- keys (RFC 9001 section 5.2) ------------------------------------------------------------ */

static bool expand(const uint8_t *secret, const char *prefix, const char *what, uint8_t *out,
                   size_t out_len)
{
    uint8_t info[32], block[SECRET];
    size_t a = strlen(prefix), b = strlen(what), n = 3;
    info[0] = 0;
    info[1] = (uint8_t)out_len;
    info[2] = (uint8_t)(6 + a + b);
    memcpy(info + n, "tls13 ", 6);
    memcpy(info + n + 6, prefix, a);
    memcpy(info + n + 6 + a, what, b);
    n += 6 + a + b;
    info[n++] = 0; /* no context */
    info[n++] = 1; /* the first block */
    if (!HMAC(EVP_sha256(), secret, SECRET, info, n, block, NULL))
        return false;
    memcpy(out, block, out_len);
    return true;
}

struct keys {
    uint8_t key[KEY], iv[IV], mask[KEY]; /* mask: the key of header protection */
};

static bool derive(const struct version *v, const uint8_t *cid, size_t n, struct keys *k)
{
    uint8_t first[SECRET], client[SECRET];
    return HMAC(EVP_sha256(), v->salt, SALT, cid, n, first, NULL) &&
           expand(first, "", "client in", client, SECRET) &&
           expand(client, v->prefix, "key", k->key, KEY) &&
           expand(client, v->prefix, "iv", k->iv, IV) &&
           expand(client, v->prefix, "hp", k->mask, KEY);
}

/* --- packets -------------------------------------------------------------------------------- */

/* One packet: its header up to the number, then the number and what is encrypted. */
struct packet {
    uint8_t *head;
    size_t head_len, len; /* len: of all */
};

static bool unmask(EVP_CIPHER_CTX *x, const struct keys *k, const struct packet *p)
{
    uint8_t mask[SAMPLE + KEY];
    int n;
    if (EVP_EncryptInit_ex(x, EVP_aes_128_ecb(), NULL, k->mask, NULL) != 1 ||
        EVP_EncryptUpdate(x, mask, &n, p->head + p->head_len + 4, SAMPLE) != 1)
        return false;
    p->head[0] ^= mask[0] & 0x0f;
    for (int i = 0; i < (p->head[0] & 3) + 1; i++)
        p->head[p->head_len + (size_t)i] ^= mask[1 + i];
    return true;
}

/* In place. @param[out] plain  what is inside of the packet */
static bool open_packet(EVP_CIPHER_CTX *x, const struct keys *k, const struct packet *p,
                        struct fields *plain)
{
    uint8_t nonce[IV];
    size_t number = (p->head[0] & 3) + 1, begin = p->head_len + number;
    uint8_t *text = p->head + begin;
    size_t len = p->len - begin - TAG; /* unmask has seen that there are as many */
    int n, last;
    memcpy(nonce, k->iv, IV);
    for (size_t i = 0; i < number; i++)
        nonce[IV - number + i] ^= p->head[p->head_len + i];
    if (EVP_DecryptInit_ex(x, EVP_aes_128_gcm(), NULL, k->key, nonce) != 1 ||
        EVP_DecryptUpdate(x, NULL, &n, p->head, (int)begin) != 1 ||
        EVP_DecryptUpdate(x, text, &n, text, (int)len) != 1 ||
        EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_GCM_SET_TAG, TAG, text + len) != 1 ||
        EVP_DecryptFinal_ex(x, text + n, &last) != 1)
        return false;
    *plain = (struct fields){text, len, true};
    return true;
}

static bool keep(struct gost__quic_hello *h, uint64_t at, const uint8_t *p, uint64_t n)
{
    if (!p || at > GOST__QUIC_HELLO_MAX || n > GOST__QUIC_HELLO_MAX - at)
        return false;
    memcpy(h->bytes + 5 + at, p, (size_t)n);
    for (size_t i = (size_t)at; i < at + n; i++)
        h->have[i / 8] |= (uint8_t)(1 << i % 8);
    return true;
}

static void skip_ack(struct fields *f, bool counts)
{
    take_number(f); /* the largest one */
    take_number(f); /* the delay */
    uint64_t ranges = take_number(f);
    take_number(f); /* the first range */
    for (; f->ok && ranges > 0; ranges--) {
        take_number(f);
        take_number(f);
    }
    for (int i = 0; counts && i < 3; i++)
        take_number(f);
}

/* Those frames that an Initial packet of a client may have (RFC 9000 section 17.2.2). */
static bool take_frames(struct gost__quic_hello *h, struct fields *f)
{
    enum { PADDING, PING, ACK, ACK_ECN, CRYPTO = 6 };
    while (f->ok && f->n > 0) {
        uint64_t type = take_number(f);
        if (type == ACK || type == ACK_ECN) {
            skip_ack(f, type == ACK_ECN);
        } else if (type == CRYPTO) {
            uint64_t at = take_number(f), n = take_number(f);
            if (!keep(h, at, take(f, n), n))
                return false;
        } else if (type != PADDING && type != PING) {
            return false;
        }
    }
    return f->ok;
}

/* --- datagrams ------------------------------------------------------------------------------ */

static const struct version *find_version(uint32_t number)
{
    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
        if (versions[i].number == number)
            return &versions[i];
    return NULL;
}

/*
 * Split the next packet off and open it, if it is an Initial.
 * @return 1 opened, 0 another kind, or GOST_EPROTO
 */
static int next_packet(EVP_CIPHER_CTX *x, struct fields *f, struct fields *plain)
{
    struct packet p = {.head = (uint8_t *)f->p};
    struct keys keys;
    const uint8_t *head = take(f, 5), *count = take(f, 1);
    if (!count || (head[0] & 0x80) == 0)
        return GOST_EPROTO;
    const struct version *v = find_version(gost__get32(head + 1));
    size_t cid_len = *count;
    const uint8_t *cid = take(f, cid_len);
    if (!v || cid_len > CID_MAX || !(count = take(f, 1)) || !take(f, *count))
        return GOST_EPROTO;
    bool initial = (head[0] >> 4 & 3) == v->initial;
    if (initial)
        take(f, take_number(f)); /* the token */
    uint64_t length = take_number(f);
    p.head_len = (size_t)(f->p - p.head);
    p.len = p.head_len + (size_t)length;
    if (!take(f, length))
        return GOST_EPROTO;
    if (!initial)
        return 0;
    bool ok = length >= 4 + TAG && derive(v, cid, cid_len, &keys) && unmask(x, &keys, &p) &&
              open_packet(x, &keys, &p, plain);
    return ok ? 1 : GOST_EPROTO;
}

/* @param p  is decrypted in place. @return 0 or GOST_EPROTO */
static int take_datagram(struct gost__quic_hello *h, EVP_CIPHER_CTX *x, uint8_t *p, size_t n)
{
    struct fields f = {p, n, true}, plain;
    bool any = false;
    while (f.n > 0) {
        int rc = next_packet(x, &f, &plain);
        if (rc < 0 || (rc > 0 && !take_frames(h, &plain)))
            return any ? 0 : GOST_EPROTO; /* what is behind Initials may be of any kind */
        any |= rc > 0;
    }
    return any ? 0 : GOST_EPROTO;
}

/* What is there without a gap, read as if it were one TLS record. */
static ssize_t decode(struct gost__quic_hello *h, struct gost_client_hello *out)
{
    size_t n = 0;
    while (n < GOST__QUIC_HELLO_MAX && h->have[n / 8] & 1 << n % 8)
        n++;
    if (n == 0)
        return 0;
    memcpy(h->bytes, "\x16\x03\x01", 3);
    gost__put16(h->bytes + 3, (uint16_t)n);
    return gost_client_hello_decode(out, h->bytes, 5 + n);
}

int gost__quic_hello_take(struct gost__quic_hello *h, const uint8_t *p, size_t n,
                          struct gost_client_hello *out)
{
    uint8_t *copy = malloc(n + 1);
    EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
    int rc = copy && x ? 0 : GOST_ENOMEM;
    if (rc == 0 && n > 0)
        memcpy(copy, p, n);
    if (rc == 0)
        rc = take_datagram(h, x, copy, n);
    EVP_CIPHER_CTX_free(x);
    free(copy);
    if (rc != 0)
        return rc == GOST_EPROTO ? gost_fail(rc, "no QUIC Initial") : gost_fail_code(rc);
    ssize_t used = decode(h, out);
    return used > 0 ? 1 : (int)used;
}
