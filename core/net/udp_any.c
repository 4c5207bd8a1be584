/*
 * A pair of unconnected sockets that looks like one: each destination goes out by its own family.
 */
#include "core/net/udp.h"

#include "core/base/diag.h"
#include "core/base/error.h"

#include <stdlib.h>

enum { V4, V6 };

struct any {
    struct gost_packet base;
    struct gost_packet *side[2]; /* [V6] is NULL until it is needed */
    struct gost_waker *waker[2]; /* by enum gost_side */
    const struct gost_socket_options *options;
    bool no_v6; /* this machine has none */
    int turn;   /* which side receives first */
};

static struct any *self_of(struct gost_packet *p)
{
    return gost_container_of(p, struct any, base);
}

static int open_side(struct any *a, int side)
{
    union gost_sockaddr local;
    gost_ip_parse(side == V4 ? "0.0.0.0" : "::", 0, &local);
    int rc = gost_udp_open(&local, a->options, &a->side[side]);
    for (int i = 0; rc == 0 && i < 2; i++)
        gost_packet_set_waker(a->side[side], (enum gost_side)i, a->waker[i]);
    return rc;
}

static int any_recv(struct gost_packet *p, struct gost_batch *b)
{
    struct any *a = self_of(p);
    a->turn = 1 - a->turn;
    for (int i = 0; i < 2; i++) {
        struct gost_packet *side = a->side[(a->turn + i) & 1];
        int n = side ? gost_packet_recv(side, b) : GOST_WANT_READ;
        if (!gost_is_want(n))
            return n;
    }
    return GOST_WANT_READ;
}

static int side_of(const struct gost_datagram *d)
{
    return d->addr && d->addr->sa.sa_family == AF_INET6 ? V6 : V4;
}

static int any_send(struct gost_packet *p, const struct gost_datagram *d, int count)
{
    struct any *a = self_of(p);
    int done = 0;
    while (done < count) {
        int side = side_of(&d[done]), n = 1;
        while (done + n < count && side_of(&d[done + n]) == side)
            n++;
        if (!a->side[side] && (a->no_v6 || open_side(a, side) != 0)) {
            a->no_v6 = true;
            p->dropped += (uint64_t)n;
            done += n;
            continue;
        }
        int sent = gost_packet_send(a->side[side], d + done, n);
        if (sent < 0)
            return done > 0 ? done : sent;
        done += sent;
        if (sent < n)
            break;
    }
    return done;
}

static void any_set_waker(struct gost_packet *p, enum gost_side side, struct gost_waker *w)
{
    struct any *a = self_of(p);
    a->waker[side] = w;
    for (int i = 0; i < 2; i++)
        if (a->side[i])
            gost_packet_set_waker(a->side[i], side, w);
}

static int any_query(struct gost_packet *p, enum gost_query what, void *out)
{
    return gost_packet_query(self_of(p)->side[V4], what, out);
}

static void any_destroy(struct gost_packet *p)
{
    struct any *a = self_of(p);
    gost_packet_close(a->side[V4]);
    gost_packet_close(a->side[V6]);
    free(a);
}

static const struct gost_packet_ops any_ops = {
    .name = "udp",
    .recv = any_recv,
    .send = any_send,
    .set_waker = any_set_waker,
    .query = any_query,
    .destroy = any_destroy,
};

int gost_udp_open_any(const struct gost_socket_options *options, struct gost_packet **out)
{
    struct any *a = calloc(1, sizeof(*a));
    if (!a)
        return gost_fail_code(GOST_ENOMEM);
    a->base.ops = &any_ops;
    a->options = options;
    int rc = open_side(a, V4);
    if (rc != 0) {
        free(a);
        return rc;
    }
    *out = &a->base;
    return 0;
}
