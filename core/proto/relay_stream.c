#include "core/proto/relay_stream.h"

#include "core/base/buf.h"
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/relay.h"
#include "core/runtime/loop.h"

#include <stdlib.h>
#include <string.h>

enum { IOV_MAX_HERE = 16 };

struct relay_stream {
    struct gost_stream base;
    struct gost_timer hold;   /**< sends the head when nobody writes */
    struct gost_buf response; /**< its bytes so far */
    bool answered;
    int rc;           /**< the node refused, or the layer failed; told by every read */
    size_t head_left; /**< bytes of the head that were not sent yet */
    size_t head_len;
    uint8_t head[];
};

static struct relay_stream *self_of(struct gost_stream *s)
{
    return gost_container_of(s, struct relay_stream, base);
}

int gost__relay_verdict(uint8_t status)
{
    if (status == GOST_RELAY_OK)
        return 0;
    int rc = status == GOST_RELAY_UNAUTHORIZED ? GOST_EAUTH
             : status == GOST_RELAY_FORBIDDEN  ? GOST_EDENIED
                                               : GOST_EUPSTREAM;
    return gost_fail(rc, "relay: %s", gost_relay_status_text(status));
}

/* --- towards the node --------------------------------------------------------------------- */

/* Send the head with as much of `iov` as goes along. @return bytes of iov taken, or GOST_WANT_* …
 */
static ssize_t write_head(struct relay_stream *r, const struct iovec *iov, int count)
{
    struct iovec all[IOV_MAX_HERE];
    int n = count < IOV_MAX_HERE ? count : IOV_MAX_HERE - 1;
    for (int i = 0; i < n; i++)
        all[i + 1] = iov[i];
    for (;;) {
        all[0] = (struct iovec){r->head + r->head_len - r->head_left, r->head_left};
        ssize_t put = gost_stream_writev(r->base.next, all, n + 1);
        if (put < 0)
            return put;
        if ((size_t)put < r->head_left) {
            r->head_left -= (size_t)put;
            continue;
        }
        put -= (ssize_t)r->head_left;
        r->head_left = 0;
        gost_timer_stop(&r->hold);
        return put;
    }
}

static ssize_t relay_writev(struct gost_stream *s, const struct iovec *iov, int count)
{
    struct relay_stream *r = self_of(s);
    if (r->head_left == 0)
        return gost_stream_writev(s->next, iov, count);
    ssize_t put = write_head(r, iov, count);
    return put != 0 ? put : gost_stream_writev(s->next, iov, count);
}

static void on_hold(struct gost_timer *t)
{
    struct relay_stream *r = gost_container_of(t, struct relay_stream, hold);
    ssize_t rc = r->head_left > 0 ? write_head(r, NULL, 0) : 0;
    if (rc == 0)
        rc = gost_stream_flush(r->base.next);
    if (gost_is_want(rc))
        gost_timer_start(t, gost_now() + GOST__RELAY_HOLD_MS);
    /* any other failure shows in the reads and writes of whoever uses the stream */
}

static int relay_shutdown(struct gost_stream *s)
{
    struct relay_stream *r = self_of(s);
    ssize_t rc = r->head_left > 0 ? write_head(r, NULL, 0) : 0;
    return rc == 0 ? gost_stream_shutdown(s->next) : (int)rc;
}

/* --- from the node ------------------------------------------------------------------------ */

/* `got` more bytes came into `buf`. @return those behind the response, moved to the front */
static ssize_t take_response(struct relay_stream *r, uint8_t *buf, size_t got)
{
    struct gost_relay m;
    if (gost_buf_append(&r->response, buf, got) != 0)
        return gost_fail(GOST_ELIMIT, "relay: response too long");
    ssize_t used = gost_relay_decode(&m, r->response.data, r->response.len);
    if (used < 0)
        return gost_fail_at((int)used, "relay");
    if (used == 0)
        return 0;
    int rc = gost__relay_verdict(m.code);
    if (rc != 0)
        return rc;
    size_t left = r->response.len - (size_t)used;
    memmove(buf, buf + got - left, left);
    gost_buf_destroy(&r->response);
    r->answered = true;
    return (ssize_t)left;
}

static ssize_t relay_read(struct gost_stream *s, void *buf, size_t n)
{
    struct relay_stream *r = self_of(s);
    while (!r->answered) {
        if (r->rc != 0)
            return gost_fail(r->rc, "relay: the node refused");
        size_t most = GOST_RELAY_MAX < n ? GOST_RELAY_MAX : n;
        ssize_t got = gost_stream_read(s->next, buf, most);
        if (got <= 0)
            return got; /* a node of GOST says nothing of a target that ended without a byte */
        got = take_response(r, buf, (size_t)got);
        if (got < 0)
            r->rc = (int)got;
        if (got != 0)
            return got;
    }
    return gost_stream_read(s->next, buf, n);
}

static int relay_query(struct gost_stream *s, enum gost_query what, void *out)
{
    struct relay_stream *r = self_of(s);
    if (what == GOST_QUERY_FD && (!r->answered || r->head_left > 0))
        return GOST_ENOTSUP; /* not these very bytes, yet */
    return gost__pass_query(s, what, out);
}

static int relay_peek(struct gost_stream *s, struct iovec *iov, int max)
{
    return self_of(s)->answered ? gost__pass_peek(s, iov, max) : 0;
}

static void relay_destroy(struct gost_stream *s)
{
    struct relay_stream *r = self_of(s);
    gost_timer_stop(&r->hold);
    gost_buf_destroy(&r->response);
    free(r);
}

static const struct gost_stream_ops relay_ops = {
    .name = "relay",
    .open = gost__pass_open,
    .read = relay_read,
    .writev = relay_writev,
    .flush = gost__pass_flush,
    .shutdown = relay_shutdown,
    .set_waker = gost__pass_set_waker,
    .query = relay_query,
    .peek = relay_peek,
    .skip = gost__pass_skip,
    .destroy = relay_destroy,
};

int gost__relay_stream_push(struct gost_stream **io, const void *head, size_t n)
{
    struct relay_stream *r = calloc(1, sizeof(*r) + n);
    if (!r)
        return gost_fail_code(GOST_ENOMEM);
    gost_stream_create(&r->base, &relay_ops, *io);
    gost_buf_create(&r->response, GOST_RELAY_MAX + GOST_RELAY_MAX);
    gost_timer_create(&r->hold, on_hold);
    gost_timer_start(&r->hold, gost_now() + GOST__RELAY_HOLD_MS);
    r->head_left = r->head_len = n;
    memcpy(r->head, head, n);
    *io = &r->base;
    return 0;
}
