#include "core/proto/udp_socks.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/proto/udp_framed.h"
#include "core/runtime/loop.h"

#include <stdlib.h>
#include <string.h>

enum {
    HEAD_IP_MAX = 3 + 1 + 16 + 2,
    RUN = 16,            /* datagrams that are sent at once */
    RECV_TRIES = 8,      /* batches without one good datagram before others get their turn */
    CONTROL_MAX = 65536, /* bytes that a control connection may say at once */
};

struct socks {
    struct gost_packet base;
    struct gost_stream *control;
    struct gost_packet *socket;
    struct gost_waker control_waker;
    struct gost_waker *reader;
    struct gost_timer silence;
    uint64_t silence_ms, heard; /* the limit, and when a datagram came last */
    bool server;
    bool ended;               /* the control connection did, or silence lasted for too long */
    bool has_peer;            /* server: the client has sent something */
    union gost_sockaddr peer; /* server: its address; before that, the only port-less one allowed */
    struct gost_addr *target; /* client: owned, or NULL */
    union gost_sockaddr target_addr;
};

static struct socks *self_of(struct gost_packet *p)
{
    return gost_container_of(p, struct socks, base);
}

/* --- the control connection ------------------------------------------------------------------- */

static void end(struct socks *s)
{
    if (s->ended)
        return;
    s->ended = true;
    gost_waker_fire(s->reader);
}

/* Nothing more is to be said there; its end is what counts. */
static void on_control(struct gost_waker *w)
{
    struct socks *s = gost_container_of(w, struct socks, control_waker);
    void *scratch = gost_scratch_take();
    ssize_t n = 1;
    for (size_t total = 0; n > 0 && total < CONTROL_MAX; total += (size_t)n) {
        n = gost_stream_read(s->control, scratch, CONTROL_MAX);
        if (n < 0)
            break;
    }
    gost_scratch_give(scratch);
    if (!gost_is_want(n))
        end(s);
}

static void on_silence(struct gost_timer *t)
{
    struct socks *s = gost_container_of(t, struct socks, silence);
    if (gost_now() - s->heard >= s->silence_ms)
        end(s);
    else
        gost_timer_start(t, s->heard + s->silence_ms);
}

/* --- receiving -------------------------------------------------------------------------------- */

static bool same_host(const union gost_sockaddr *a, const union gost_sockaddr *b)
{
    union gost_sockaddr x = *a, y = *b;
    gost_sockaddr_unmap(&x);
    gost_sockaddr_unmap(&y);
    if (x.sa.sa_family != y.sa.sa_family)
        return false;
    if (x.sa.sa_family == AF_INET)
        return x.v4.sin_addr.s_addr == y.v4.sin_addr.s_addr;
    return memcmp(&x.v6.sin6_addr, &y.v6.sin6_addr, sizeof(x.v6.sin6_addr)) == 0;
}

/* Is it from the client? Its port may change, and answers follow it. */
static bool is_client(struct socks *s, const struct gost_datagram *d)
{
    if (!d->addr)
        return false;
    if (s->has_peer && gost_sockaddr_equal(d->addr, &s->peer))
        return true;
    return same_host(d->addr, &s->peer);
}

/*
 * Take the header off datagram `d`; its address goes to `addr` or `name`.
 * @return false when it is nonsense
 */
static bool strip(struct gost_datagram *d, union gost_sockaddr *addr, struct gost_addr *name)
{
    if (d->len < 4 || d->data[2] != 0) /* a fragment: RFC 1928 lets us drop those */
        return false;
    ssize_t used = gost__udp_addr_get(d->data + 3, d->len - 3, addr, name);
    if (used <= 0)
        return false;
    d->data += 3 + used;
    d->len -= 3 + (uint32_t)used;
    bool named = addr->sa.sa_family == AF_UNSPEC;
    d->addr = named ? NULL : addr;
    d->name = named ? name : NULL;
    return true;
}

/* Is it from somebody whom we did not speak to? */
static bool is_stranger(const struct socks *s, const struct gost_datagram *d)
{
    return s->target && s->target_addr.sa.sa_family != AF_UNSPEC && d->addr &&
           !gost_sockaddr_equal(d->addr, &s->target_addr);
}

/* @return how many datagrams of the batch are good; they are moved to its front */
static int sift(struct socks *s, struct gost_batch *b, int count)
{
    int good = 0;
    for (int i = 0; i < count; i++) {
        struct gost_datagram d = b->d[i];
        union gost_sockaddr from;
        if (s->server && !is_client(s, &d)) {
            s->base.dropped++;
            continue;
        }
        if (s->server)
            from = *d.addr; /* what it points to is about to be overwritten */
        if (!strip(&d, &b->addr[good], &b->name[good]) || is_stranger(s, &d)) {
            s->base.dropped++;
            continue;
        }
        if (s->server) {
            s->peer = from;
            s->has_peer = true;
        }
        if (s->target)
            d.addr = NULL, d.name = NULL;
        b->d[good++] = d;
    }
    return good;
}

static int socks_recv(struct gost_packet *p, struct gost_batch *b)
{
    struct socks *s = self_of(p);
    if (!b->name && !(b->name = malloc(GOST_BATCH_MAX * sizeof(*b->name))))
        return gost_fail_code(GOST_ENOMEM);
    for (int i = 0; i < RECV_TRIES && !s->ended; i++) {
        int n = gost_packet_recv(s->socket, b);
        if (n <= 0)
            return n;
        s->heard = gost_now();
        n = sift(s, b, n);
        if (n > 0)
            return n;
    }
    if (s->ended)
        return 0;
    gost_waker_fire(s->reader); /* we have not seen the end of the queue: ask again */
    return GOST_WANT_READ;
}

/* --- sending ---------------------------------------------------------------------------------- */

/* @return length of the header, 0 when there is no address */
static size_t put_head(const struct socks *s, const struct gost_datagram *d, uint8_t *head)
{
    struct gost_datagram to = *d;
    if (s->target) {
        to.addr = s->target_addr.sa.sa_family != AF_UNSPEC ? &s->target_addr : NULL;
        to.name = s->target;
    }
    memset(head, 0, 3);
    size_t n = gost__udp_addr_put(head + 3, &to);
    return n > 0 ? 3 + n : 0;
}

static struct gost_datagram dressed(const struct socks *s, const struct gost_datagram *d,
                                    const uint8_t *head, size_t n)
{
    return (struct gost_datagram){.data = d->data,
                                  .len = d->len,
                                  .head = head,
                                  .head_len = (uint32_t)n,
                                  .addr = s->server ? &s->peer : NULL};
}

static bool has_long_head(const struct socks *s, const struct gost_datagram *d)
{
    return s->target ? s->target_addr.sa.sa_family == AF_UNSPEC : !d->addr;
}

/* One with a name in its header. */
static int send_named(struct socks *s, const struct gost_datagram *d)
{
    uint8_t head[3 + GOST__UDP_ADDR_MAX];
    size_t n = put_head(s, d, head);
    struct gost_datagram out = dressed(s, d, head, n);
    if (n > 0)
        return gost_packet_send(s->socket, &out, 1);
    s->base.dropped++;
    return 1;
}

static int send_run(struct socks *s, const struct gost_datagram *d, int count)
{
    uint8_t head[RUN][HEAD_IP_MAX];
    struct gost_datagram out[RUN];
    int n = 0;
    for (; n < count && n < RUN && !has_long_head(s, &d[n]); n++) {
        size_t len = put_head(s, &d[n], head[n]);
        if (len == 0)
            break;
        out[n] = dressed(s, &d[n], head[n], len);
    }
    return n > 0 ? gost_packet_send(s->socket, out, n) : send_named(s, d);
}

static int socks_send(struct gost_packet *p, const struct gost_datagram *d, int count)
{
    struct socks *s = self_of(p);
    int done = 0;
    if (s->server && !s->has_peer) { /* nobody has told where to */
        p->dropped += (uint64_t)count;
        return count;
    }
    while (done < count) {
        int n = send_run(s, d + done, count - done);
        if (n < 0)
            return done > 0 && gost_is_want(n) ? done : n;
        done += n;
    }
    return done;
}

/* --- the packet ------------------------------------------------------------------------------- */

static void socks_set_waker(struct gost_packet *p, enum gost_side side, struct gost_waker *w)
{
    struct socks *s = self_of(p);
    if (side == GOST_READER)
        s->reader = w;
    gost_packet_set_waker(s->socket, side, w);
}

static int socks_query(struct gost_packet *p, enum gost_query what, void *out)
{
    return gost_packet_query(self_of(p)->socket, what, out);
}

static void socks_destroy(struct gost_packet *p)
{
    struct socks *s = self_of(p);
    gost_timer_stop(&s->silence);
    gost_stream_close(s->control);
    gost_packet_close(s->socket);
    free(s->target);
    free(s);
}

static const struct gost_packet_ops socks_ops = {
    .name = "socks5 udp",
    .recv = socks_recv,
    .send = socks_send,
    .set_waker = socks_set_waker,
    .query = socks_query,
    .destroy = socks_destroy,
};

/* Take the two over, and listen to the control connection. */
static void start(struct socks *s, struct gost_stream **control, struct gost_packet **socket)
{
    s->base.ops = &socks_ops;
    s->control = *control;
    s->socket = *socket;
    *control = NULL;
    *socket = NULL;
    gost_timer_create(&s->silence, on_silence);
    s->control_waker.fn = on_control;
    gost_stream_set_waker(s->control, GOST_READER, &s->control_waker);
    on_control(&s->control_waker); /* it may have ended already */
}

int gost__udp_socks_server(struct gost_stream **control, struct gost_packet **socket,
                           const union gost_sockaddr *client, struct gost_packet **out)
{
    struct socks *s = calloc(1, sizeof(*s));
    if (!s)
        return gost_fail_code(GOST_ENOMEM);
    s->server = true;
    s->peer = *client;
    start(s, control, socket);
    *out = &s->base;
    return 0;
}

int gost__udp_socks_client(struct gost_stream **control, struct gost_packet **socket,
                           const struct gost_addr *target, uint64_t silence_ms,
                           struct gost_packet **out)
{
    struct socks *s = calloc(1, sizeof(*s));
    if (s && target)
        s->target = malloc(sizeof(*target));
    if (!s || (target && !s->target)) {
        free(s);
        return gost_fail_code(GOST_ENOMEM);
    }
    if (target) {
        *s->target = *target;
        if (gost_ip_parse(target->host, target->port, &s->target_addr) == 0)
            s->target_addr.sa.sa_family = AF_UNSPEC;
        gost_sockaddr_unmap(&s->target_addr);
    }
    start(s, control, socket);
    s->silence_ms = silence_ms;
    s->heard = gost_now();
    if (silence_ms > 0)
        gost_timer_start(&s->silence, s->heard + silence_ms);
    *out = &s->base;
    return 0;
}
