/**
 * Datagrams on a stream: any split of the bytes gives the same datagrams. The first byte picks the
 * framing and whether there is a fixed target, the second how the bytes are cut.
 */
#include "core/base/error.h"
#include "core/proto/udp_framed.h"
#include "fuzz.h"

/* A stream that gives out bytes in pieces of `step`, with a WANT between them. */
struct source {
    struct gost_stream base;
    const uint8_t *p;
    size_t left, step;
    bool want;
};

static ssize_t source_read(struct gost_stream *s, void *buf, size_t n)
{
    struct source *x = gost_container_of(s, struct source, base);
    x->want = x->step > 0 && !x->want;
    if (x->want)
        return GOST_WANT_READ;
    n = n < x->left ? n : x->left;
    n = x->step > 0 && n > x->step ? x->step : n;
    if (n > 0)
        memcpy(buf, x->p, n);
    x->p += n;
    x->left -= n;
    return (ssize_t)n;
}

static void source_destroy(struct gost_stream *s)
{
    (void)s;
}

static const struct gost_stream_ops source_ops = {.read = source_read, .destroy = source_destroy};

/* What came out: a hash of all datagrams, their number, and the last answer. */
struct outcome {
    uint64_t hash;
    int count, rc;
};

static void mix(struct outcome *o, const void *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        o->hash = (o->hash ^ ((const uint8_t *)p)[i]) * 1099511628211u;
    o->hash = (o->hash ^ n) * 1099511628211u;
}

static void mix_datagram(struct outcome *o, const struct gost_datagram *d)
{
    uint8_t addr[GOST__UDP_ADDR_MAX];
    size_t n = gost__udp_addr_put(addr, d);
    REQUIRE(n > 0 || (!d->addr && !d->name));
    REQUIRE(d->len <= 65535 && d->head_len == 0);
    mix(o, addr, n);
    mix(o, d->data, d->len);
    o->count++;
}

static struct outcome run(const uint8_t *p, size_t n, uint8_t kind, size_t step)
{
    static const struct gost_addr target = {.host = "1.2.3.4", .port = 53};
    struct source source = {.p = p, .left = n, .step = step};
    struct gost_stream *io = &source.base;
    struct gost_packet *packet;
    struct outcome o = {.hash = 14695981039346656037u, .rc = 1};
    gost_stream_create(io, &source_ops, NULL);
    REQUIRE(gost__udp_framed_new(&io, kind & 1 ? GOST__UDP_TUNNEL : GOST__UDP_RELAY,
                                 kind & 2 ? &target : NULL, &packet) == 0);
    while (o.rc > 0 || gost_is_want(o.rc)) {
        struct gost_batch *b = gost_batch_take();
        o.rc = gost_packet_recv(packet, b);
        REQUIRE(o.rc <= GOST_BATCH_MAX);
        for (int i = 0; i < o.rc; i++)
            mix_datagram(&o, &b->d[i]);
        gost_batch_give(b);
    }
    gost_packet_close(packet);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct outcome whole = run(data + 2, size - 2, data[0], 0);
    struct outcome split = run(data + 2, size - 2, data[0], 1 + data[1] % 32);
    REQUIRE(whole.rc == split.rc && whole.count == split.count && whole.hash == split.hash);
    REQUIRE(whole.rc == 0 || whole.rc == GOST_EPROTO);
    return 0;
}
