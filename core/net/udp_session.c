#include "core/net/udp_session_int.h"

#include "core/base/error.h"

#include <stdlib.h>
#include <string.h>

enum {
    QUEUE_BYTES = 256 * 1024, /* a session's queue holds no more than that */
    REPLACE_TRIES = 32,       /* sessions that are looked at for one to be replaced */
};

static struct gost_udp_session *self_of(struct gost_packet *p)
{
    return gost_container_of(p, struct gost_udp_session, base);
}

static void leave_table(struct gost_udp_session *s)
{
    if (s->in_table)
        gost_udp_table_remove(&s->owner->table, &s->entry);
    s->in_table = false;
}

static void no_longer_pending(struct gost_udp_session *s)
{
    if (s->pending)
        s->owner->pending--;
    s->pending = false;
}

/* The reader hears of the end; whoever owns the session closes it then. */
void gost__udp_session_end(struct gost_udp_session *s)
{
    leave_table(s);
    s->ended = true;
    gost_waker_fire(s->waker[GOST_READER]);
}

static void queue_pop(struct gost_udp_session *s)
{
    struct gost__udp_queued *q = s->queue;
    s->queue = q->next;
    if (!s->queue)
        s->queue_end = &s->queue;
    s->queue_count--;
    s->queue_bytes -= q->len;
    free(q);
}

static void queue_push(struct gost_udp_session *s, const struct gost_datagram *d)
{
    struct gost_udp_sessions *u = s->owner;
    struct gost__udp_queued *q = NULL;
    if (s->queue_count < u->limits.queue && s->queue_bytes + d->len <= QUEUE_BYTES)
        q = malloc(sizeof(*q) + d->len);
    if (!q) {
        u->dropped++;
        s->base.dropped++;
        return;
    }
    q->next = NULL;
    q->len = d->len;
    memcpy(q->data, d->data, d->len);
    *s->queue_end = q;
    s->queue_end = &q->next;
    s->queue_count++;
    s->queue_bytes += d->len;
}

/* What the reader did not take while the batch was there. */
void gost__udp_session_keep(struct gost_udp_session *s)
{
    struct gost_udp_sessions *u = s->owner;
    for (; s->first >= 0; s->first = u->next[s->first])
        queue_push(s, &u->in->d[s->first]);
}

static int session_recv(struct gost_packet *p, struct gost_batch *b)
{
    struct gost_udp_session *s = self_of(p);
    struct gost_udp_sessions *u = s->owner;
    int n = 0;
    for (; s->queue && n < GOST_BATCH_MAX; n++) {
        uint8_t *room = gost_batch_room(b, n);
        memcpy(room, s->queue->data, s->queue->len);
        b->d[n] = (struct gost_datagram){.data = room, .len = s->queue->len};
        queue_pop(s);
    }
    for (; s->first >= 0 && n < GOST_BATCH_MAX; s->first = u->next[s->first])
        b->d[n++] =
            (struct gost_datagram){.data = u->in->d[s->first].data, .len = u->in->d[s->first].len};
    if (n == 0)
        return s->ended ? 0 : GOST_WANT_READ;
    return n;
}

static int session_send(struct gost_packet *p, const struct gost_datagram *d, int count)
{
    struct gost_udp_session *s = self_of(p);
    for (int i = 0; i < count; i++)
        gost__udp_out_put(s, &d[i]);
    s->answered += (uint64_t)count;
    bool over = s->owner->limits.stateless || (!s->owner->listening && s->answered >= s->asked);
    if (over && !s->ended)
        gost__udp_session_end(s);
    return count;
}

static void session_set_waker(struct gost_packet *p, enum gost_side side, struct gost_waker *w)
{
    struct gost_udp_session *s = self_of(p);
    if (side == GOST_READER && w)
        no_longer_pending(s);
    s->waker[side] = w;
}

static void local_address(const struct gost_udp_session *s, union gost_sockaddr *out)
{
    *out = s->owner->addr;
    if (s->local.family == AF_INET && out->sa.sa_family == AF_INET)
        out->v4.sin_addr = s->local.v4;
    else if (s->local.family == AF_INET6 && out->sa.sa_family == AF_INET6)
        out->v6.sin6_addr = s->local.v6;
    gost_sockaddr_unmap(out);
}

static int session_query(struct gost_packet *p, enum gost_query what, void *out)
{
    struct gost_udp_session *s = self_of(p);
    switch (what) {
    case GOST_QUERY_LOCAL_ADDR:
        local_address(s, out);
        return 0;
    case GOST_QUERY_PEER_ADDR:
        *(union gost_sockaddr *)out = s->entry.addr;
        return 0;
    default:
        return GOST_ENOTSUP;
    }
}

static void session_destroy(struct gost_packet *p)
{
    struct gost_udp_session *s = self_of(p);
    struct gost_udp_sessions *u = s->owner;
    no_longer_pending(s);
    leave_table(s);
    gost_list_remove(&s->ready);
    while (s->queue)
        queue_pop(s);
    free(s);
    u->count--;
    gost__udp_sessions_unref(u);
}

static const struct gost_packet_ops session_ops = {
    .name = "udp session",
    .recv = session_recv,
    .send = session_send,
    .set_waker = session_set_waker,
    .query = session_query,
    .destroy = session_destroy,
};

/* --- making room, new sessions ---------------------------------------------------------------- */

/* End a session that was answered and has been silent the longest, of some that are looked at. */
static bool replace_one(struct gost_udp_sessions *u, uint64_t hash)
{
    struct gost_udp_session *oldest = NULL;
    int seen = 0;
    for (size_t i = 0; i < u->table.cap && seen < REPLACE_TRIES; i++) {
        struct gost_udp_entry *e = u->table.slot[(hash + i) & (u->table.cap - 1)];
        struct gost_udp_session *s = e ? gost_container_of(e, struct gost_udp_session, entry) : NULL;
        seen += s != NULL;
        if (s && s->answered >= s->asked && s->first < 0 && (!oldest || s->used < oldest->used))
            oldest = s;
    }
    if (oldest)
        gost__udp_session_end(oldest);
    return oldest;
}

static bool has_room(struct gost_udp_sessions *u, uint64_t hash)
{
    if (!u->listening || u->pending >= u->limits.pending)
        return false;
    if (u->count < u->limits.sessions)
        return true;
    /* the one that makes room is closed a little later: that many are there twice */
    return u->limits.may_replace && u->table.count >= u->limits.sessions / 2 && replace_one(u, hash);
}

struct gost_udp_session *gost__udp_session_new(struct gost_udp_sessions *u, uint64_t hash,
                                               const union gost_sockaddr *peer)
{
    struct gost_udp_session *s = has_room(u, hash) ? calloc(1, sizeof(*s)) : NULL;
    if (!s)
        return NULL;
    s->entry.hash = hash;
    s->entry.addr = *peer;
    if (!u->limits.stateless && gost_udp_table_add(&u->table, &s->entry) != 0) {
        free(s);
        return NULL;
    }
    s->in_table = !u->limits.stateless;
    s->base.ops = &session_ops;
    s->base.ttl_ms = u->limits.ttl_ms;
    s->owner = u;
    u->refs++;
    u->count++;
    u->pending++;
    s->pending = s->fresh = true;
    s->first = s->last = -1;
    s->queue_end = &s->queue;
    gost_list_create(&s->ready);
    return s;
}
