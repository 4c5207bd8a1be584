#include "core/transport/proxy_receive.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/proxy_header.h"

#include <stdlib.h>
#include <string.h>

struct receiver {
    struct gost_stream base;
    uint8_t *room; /* while the header is read */
    size_t have;
    bool done;
    bool named; /* the header named the client */
    union gost_sockaddr src, dst;
};

static struct receiver *self_of(struct gost_stream *s)
{
    return gost_container_of(s, struct receiver, base);
}

/* The header is complete, or there is none: what follows it is to be read again. */
static int finish(struct receiver *r, size_t used)
{
    int rc = gost_stream_unread(r->base.next, r->room + used, r->have - used);
    free(r->room);
    r->room = NULL;
    r->done = true;
    return rc;
}

/* @return 0 done, GOST_WANT_READ, or a negative code */
static int examine(struct receiver *r)
{
    struct gost_proxy_header h;
    int is = gost_proxy_header_detect(r->room, r->have);
    if (is < 0)
        return finish(r, 0);
    ssize_t used = is > 0 ? gost_proxy_header_decode(&h, r->room, r->have) : 0;
    if (used < 0)
        return gost_fail_at((int)used, "PROXY header");
    if (used == 0)
        return r->have < GOST_PROXY_HEADER_MAX ? GOST_WANT_READ
                                               : gost_fail(GOST_ELIMIT, "PROXY header too long");
    r->named = !h.local;
    r->src = h.src;
    r->dst = h.dst;
    return finish(r, (size_t)used);
}

static int receiver_open(struct gost_stream *s)
{
    struct receiver *r = self_of(s);
    int rc = gost_stream_open(s->next);
    if (rc != 0 || r->done)
        return rc;
    if (!r->room && !(r->room = malloc(GOST_PROXY_HEADER_MAX)))
        return gost_fail_code(GOST_ENOMEM);
    do {
        ssize_t n = gost_stream_read(s->next, r->room + r->have, GOST_PROXY_HEADER_MAX - r->have);
        if (n < 0)
            return (int)n;
        if (n == 0)
            return r->have ? gost_fail(GOST_EOF, "the peer left inside a PROXY header")
                           : finish(r, 0);
        r->have += (size_t)n;
        rc = examine(r);
    } while (rc == GOST_WANT_READ);
    return rc;
}

static ssize_t receiver_read(struct gost_stream *s, void *buf, size_t n)
{
    int rc = self_of(s)->done ? 0 : receiver_open(s);
    return rc == 0 ? gost_stream_read(s->next, buf, n) : rc;
}

static int receiver_query(struct gost_stream *s, enum gost_query what, void *out)
{
    struct receiver *r = self_of(s);
    if (r->named && (what == GOST_QUERY_PEER_ADDR || what == GOST_QUERY_LOCAL_ADDR)) {
        *(union gost_sockaddr *)out = what == GOST_QUERY_PEER_ADDR ? r->src : r->dst;
        return 0;
    }
    if (what == GOST_QUERY_FD && !r->done)
        return GOST_ENOTSUP;
    return gost_stream_query(s->next, what, out);
}

static void receiver_destroy(struct gost_stream *s)
{
    struct receiver *r = self_of(s);
    free(r->room);
    free(r);
}

static const struct gost_stream_ops receiver_ops = {
    .name = "proxy-header",
    .open = receiver_open,
    .read = receiver_read,
    .writev = gost__pass_writev,
    .flush = gost__pass_flush,
    .shutdown = gost__pass_shutdown,
    .set_waker = gost__pass_set_waker,
    .query = receiver_query,
    .destroy = receiver_destroy,
    .movable = true,
};

int gost_proxy_receive(struct gost_stream **io)
{
    struct receiver *r = calloc(1, sizeof(*r));
    if (!r)
        return gost_fail_code(GOST_ENOMEM);
    gost_stream_create(&r->base, &receiver_ops, *io);
    *io = &r->base;
    return 0;
}
