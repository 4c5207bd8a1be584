/*
 * The sni connector: nothing is said to the node, which reads the TLS server name, or Host. With a
 * decoy, whoever looks on reads that one, and the real name travels in a code that GOST knows.
 */
#include "core/base/buf.h"
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/client_hello.h"
#include "core/codec/hello_decoy.h"
#include "core/codec/http1.h"
#include "core/codec/sniff.h"
#include "core/proto/kinds.h"
#include "core/proto/sni_name.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct sni_settings {
    char *host;
};

static const struct gost_option options[] = {
    {.key = "host",
     .type = GOST_OPT_STRING,
     .offset = offsetof(struct sni_settings, host),
     .help = "a decoy: the server name that whoever looks on is to see"},
    GOST_OPTION_END,
};

enum { HOLD_MAX = GOST_HTTP1_MAX + 1 /* the longest beginning that is waited for */ };

struct decoy {
    struct gost_stream base;
    bool begun;           /* the first message has been seen to */
    struct gost_buf held; /* what there is of it, then what is still to be sent */
    char host[];
};

static struct decoy *self_of(struct gost_stream *s)
{
    return gost_container_of(s, struct decoy, base);
}

/* --- the first message ------------------------------------------------------------------------ */

/* Put `n` bytes in place of the first `used` ones. */
static int replace(struct decoy *d, size_t used, const void *p, size_t n)
{
    struct gost_buf new;
    gost_buf_create(&new, HOLD_MAX + GOST_HELLO_DECOY_MAX);
    int rc = gost_buf_append(&new, p, n);
    if (rc == 0 && d->held.len > used)
        rc = gost_buf_append(&new, d->held.data + used, d->held.len - used);
    if (rc != 0) {
        gost_buf_destroy(&new);
        return gost_fail_code(GOST_ENOMEM);
    }
    gost_buf_destroy(&d->held);
    d->held = new;
    return 0;
}

/* @return 0: done with it, GOST_WANT_READ: more is needed, or a negative code */
static int disguise_tls(struct decoy *d)
{
    struct gost_client_hello hello;
    char hidden[GOST__SNI_NAME_MAX];
    ssize_t used = gost_client_hello_decode(&hello, d->held.data, d->held.len);
    if (used == 0)
        return GOST_WANT_READ;
    if (used < 0 || !hello.sni[0])
        return 0;
    size_t n = gost__sni_name_encode(hidden, sizeof(hidden), gost_slice(hello.sni));
    uint8_t *out = n > 0 ? malloc(GOST_HELLO_DECOY_MAX) : NULL;
    if (!out)
        return gost_fail(GOST_ENOMEM, "no room for a disguised hello");
    ssize_t len = gost_hello_disguise(d->held.data, (size_t)used, gost_slice(d->host),
                                      (struct gost_slice){hidden, n}, out);
    int rc = len < 0 ? (int)len : replace(d, (size_t)used, out, (size_t)len);
    free(out);
    return rc;
}

static int disguise_http(struct decoy *d)
{
    struct gost_http1 *head = malloc(sizeof(*head)); /* too big for a fiber's stack */
    char hidden[GOST__SNI_NAME_MAX];
    struct gost_buf new;
    if (!head)
        return gost_fail_code(GOST_ENOMEM);
    ssize_t used = gost_http1_request_decode(head, d->held.data, d->held.len);
    int at = used > 0 ? gost_http1_find(head, "Host", 0) : -1;
    struct gost_slice name = at >= 0 ? gost_http1_value(head, (size_t)at) : gost_slice("");
    size_t line = at >= 0 ? head->field[at].name : 0;
    size_t end = at >= 0 ? (size_t)head->field[at].value + head->field[at].value_len : 0;
    free(head);
    if (used == 0)
        return GOST_WANT_READ;
    if (name.n == 0 || gost__sni_name_encode(hidden, sizeof(hidden), name) == 0)
        return 0;
    gost_buf_create(&new, HOLD_MAX + GOST_HELLO_DECOY_MAX);
    int rc = gost_buf_append(&new, d->held.data, line);
    if (rc == 0)
        rc = gost_buf_printf(&new, "Host: %s\r\nGost-Target: %s", d->host, hidden);
    if (rc == 0)
        rc = replace(d, end, new.data, new.len);
    gost_buf_destroy(&new);
    return rc;
}

static int disguise(struct decoy *d)
{
    if (d->held.len >= HOLD_MAX)
        return 0;
    switch (gost_sniff(d->held.data, d->held.len)) {
    case GOST_SNIFF_MORE:
        return GOST_WANT_READ;
    case GOST_SNIFF_TLS:
        return disguise_tls(d);
    case GOST_SNIFF_HTTP:
        return disguise_http(d);
    default:
        return 0;
    }
}

/* --- the layer -------------------------------------------------------------------------------- */

/* Pass on what is held. @return 0 or as gost_stream_write */
static int release(struct decoy *d)
{
    while (d->held.len > 0) {
        ssize_t put = gost_stream_write(d->base.next, d->held.data, d->held.len);
        if (put < 0)
            return (int)put;
        gost_buf_consume(&d->held, (size_t)put);
    }
    return 0;
}

/* Take what comes into the held bytes. @return bytes taken, or a negative code */
static ssize_t hold(struct decoy *d, const struct iovec *iov, int count)
{
    size_t taken = 0;
    for (int i = 0; i < count && d->held.len < HOLD_MAX; i++) {
        size_t room = HOLD_MAX - d->held.len, n = iov[i].iov_len < room ? iov[i].iov_len : room;
        if (gost_buf_append(&d->held, iov[i].iov_base, n) != 0)
            return gost_fail_code(GOST_ENOMEM);
        taken += n;
    }
    return (ssize_t)taken;
}

static ssize_t decoy_writev(struct gost_stream *s, const struct iovec *iov, int count)
{
    struct decoy *d = self_of(s);
    if (d->begun) {
        int rc = release(d);
        return rc == 0 ? gost_stream_writev(s->next, iov, count) : rc;
    }
    ssize_t taken = hold(d, iov, count);
    int rc = taken < 0 ? (int)taken : disguise(d);
    if (rc == GOST_WANT_READ)
        return taken;
    if (rc < 0)
        return rc;
    d->begun = true;
    rc = release(d);
    return rc == 0 || gost_is_want(rc) ? taken : rc; /* flush does the rest */
}

static int decoy_flush(struct gost_stream *s)
{
    struct decoy *d = self_of(s);
    int rc = d->begun ? release(d) : 0;
    return rc == 0 ? gost_stream_flush(s->next) : rc;
}

static int decoy_shutdown(struct gost_stream *s)
{
    struct decoy *d = self_of(s);
    d->begun = true; /* nothing more will come: as it is */
    int rc = release(d);
    return rc == 0 ? gost_stream_shutdown(s->next) : rc;
}

static int decoy_query(struct gost_stream *s, enum gost_query what, void *out)
{
    struct decoy *d = self_of(s);
    if (what == GOST_QUERY_FD && (!d->begun || d->held.len > 0))
        return GOST_ENOTSUP; /* not these very bytes, yet */
    return gost__pass_query(s, what, out);
}

static void decoy_destroy(struct gost_stream *s)
{
    gost_buf_destroy(&self_of(s)->held);
    free(self_of(s));
}

static const struct gost_stream_ops decoy_ops = {
    .name = "sni",
    .open = gost__pass_open,
    .read = gost__pass_read,
    .writev = decoy_writev,
    .flush = decoy_flush,
    .shutdown = decoy_shutdown,
    .set_waker = gost__pass_set_waker,
    .query = decoy_query,
    .destroy = decoy_destroy,
    .movable = true,
};

/* --- the connector ---------------------------------------------------------------------------- */

static int sni_init(struct gost_connector *c)
{
    const struct sni_settings *s = c->settings;
    if (!s->host || !*s->host)
        return 0;
    if (strlen(s->host) > 255 || !gost_http1_is_value(gost_slice(s->host)) ||
        strpbrk(s->host, " \t/"))
        return gost_fail(GOST_ECONFIG, "host: \"%s\" is no name for a server", s->host);
    return 0;
}

static int sni_connect(struct gost_connector *c, struct gost_stream **io,
                       const struct gost_request *request, uint64_t deadline)
{
    const struct sni_settings *s = c->settings;
    (void)request, (void)deadline;
    if (!s->host || !*s->host)
        return 0;
    size_t n = strlen(s->host) + 1;
    struct decoy *d = calloc(1, sizeof(*d) + n);
    if (!d)
        return gost_fail_code(GOST_ENOMEM);
    memcpy(d->host, s->host, n);
    gost_buf_create(&d->held, HOLD_MAX);
    gost_stream_create(&d->base, &decoy_ops, *io);
    *io = &d->base;
    return 0;
}

const struct gost_connector_kind gost__sni_connector = {
    .name = "sni",
    .help = "nothing is asked for: the node reads the TLS server name, or Host",
    .options = {options, sizeof(struct sni_settings)},
    .knows_target = true,
    .init = sni_init,
    .connect = sni_connect,
};
