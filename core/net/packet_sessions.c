#include "core/net/packet_sessions.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/base/list.h"

#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 4 /* batches before others get their turn */ };

struct kept {
    struct gost_list link;
    uint32_t len;
    uint8_t data[];
};

struct session {
    struct gost_packet base;
    struct gost_udp_entry entry;
    struct gost_packet_sessions *owner;
    struct gost_list ready; /* in owner->ready */
    struct gost_waker *reader;
    struct gost_list queue; /* struct kept */
    size_t waiting;
    bool fresh; /* nobody was told of it yet */
};

static void unref(struct gost_packet_sessions *u)
{
    if (--u->refs > 0)
        return;
    gost_task_cancel(&u->task);
    gost_packet_close(u->bottom);
    gost_udp_table_destroy(&u->table);
    free(u);
}

/* --- a session ----------------------------------------------------------------------------------- */

static struct session *self_of(struct gost_packet *p)
{
    return gost_container_of(p, struct session, base);
}

static int session_recv(struct gost_packet *p, struct gost_batch *b)
{
    struct session *s = self_of(p);
    struct gost_list *link;
    int n = 0;
    while (n < GOST_BATCH_MAX && (link = gost_list_shift(&s->queue))) {
        struct kept *k = gost_container_of(link, struct kept, link);
        memcpy(gost_batch_room(b, n), k->data, k->len);
        b->d[n] = (struct gost_datagram){.data = gost_batch_room(b, n), .len = k->len};
        free(k);
        s->waiting--;
        n++;
    }
    return n > 0 ? n : s->owner->bottom ? GOST_WANT_READ : 0;
}

/* What the way back cannot take now is lost, as it would be on a full wire. */
static int session_send(struct gost_packet *p, const struct gost_datagram *d, int count)
{
    struct session *s = self_of(p);
    struct gost_datagram one;
    for (int i = 0; i < count; i++) {
        one = d[i];
        one.addr = &s->entry.addr;
        one.name = NULL;
        int n = s->owner->bottom ? gost_packet_send(s->owner->bottom, &one, 1) : GOST_EOF;
        if (n < 0 && n != GOST_WANT_READ && n != GOST_WANT_WRITE)
            return n;
        if (n <= 0)
            s->base.dropped++;
    }
    return count;
}

static void session_set_waker(struct gost_packet *p, enum gost_side side, struct gost_waker *w)
{
    if (side == GOST_READER) /* writers never wait */
        self_of(p)->reader = w;
}

static int session_query(struct gost_packet *p, enum gost_query what, void *out)
{
    struct session *s = self_of(p);
    if (what != GOST_QUERY_PEER_ADDR)
        return GOST_ENOTSUP;
    *(union gost_sockaddr *)out = s->entry.addr;
    return 0;
}

static void session_destroy(struct gost_packet *p)
{
    struct session *s = self_of(p);
    struct gost_list *link;
    while ((link = gost_list_shift(&s->queue)))
        free(gost_container_of(link, struct kept, link));
    gost_list_remove(&s->ready);
    gost_udp_table_remove(&s->owner->table, &s->entry);
    unref(s->owner);
    free(s);
}

static const struct gost_packet_ops session_ops = {
    .name = "session",
    .recv = session_recv,
    .send = session_send,
    .set_waker = session_set_waker,
    .query = session_query,
    .destroy = session_destroy,
};

static struct session *session_new(struct gost_packet_sessions *u, uint64_t hash,
                                   const union gost_sockaddr *peer)
{
    struct session *s = NULL;
    if (u->listening && u->table.count < u->sessions_max)
        s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->base.ops = &session_ops;
    s->base.ttl_ms = u->ttl_ms;
    s->entry.hash = hash;
    s->entry.addr = *peer;
    s->fresh = true;
    gost_list_create(&s->queue);
    gost_list_create(&s->ready);
    if (gost_udp_table_add(&u->table, &s->entry) != 0) {
        free(s);
        return NULL;
    }
    s->owner = u;
    u->refs++;
    return s;
}

/* --- sorting --------------------------------------------------------------------------------------- */

static struct session *session_of(struct gost_packet_sessions *u, const union gost_sockaddr *peer)
{
    uint64_t hash = gost_udp_hash(peer);
    struct gost_udp_entry *e = gost_udp_table_get(&u->table, hash, peer);
    return e ? gost_container_of(e, struct session, entry) : session_new(u, hash, peer);
}

static void put(struct gost_packet_sessions *u, const struct gost_datagram *d)
{
    bool named = d->addr && (d->addr->sa.sa_family == AF_INET || d->addr->sa.sa_family == AF_INET6);
    struct session *s = named ? session_of(u, d->addr) : NULL;
    struct kept *k = s && s->waiting < u->queue_max ? malloc(sizeof(*k) + d->len) : NULL;
    if (k) {
        k->len = d->len;
        if (d->len > 0)
            memcpy(k->data, d->data, d->len);
        gost_list_add(&s->queue, &k->link);
        s->waiting++;
    }
    if (s) {
        gost_list_remove(&s->ready);
        gost_list_add(&u->ready, &s->ready);
    }
}

/* Whoever is told may end its session, or others. */
static void tell(struct gost_packet_sessions *u)
{
    struct gost_list *link;
    while ((link = gost_list_shift(&u->ready))) {
        struct session *s = gost_container_of(link, struct session, ready);
        struct gost_packet *p = &s->base;
        if (!s->fresh) {
            gost_waker_fire(s->reader);
            continue;
        }
        s->fresh = false;
        if (u->on_session)
            u->on_session(u->user, &p, &s->entry.addr);
        gost_packet_close(p); /* when nobody wanted it */
    }
}

static void end(struct gost_packet_sessions *u, int rc)
{
    gost_packet_close(u->bottom);
    u->bottom = NULL;
    for (size_t i = 0; i < u->table.cap; i++) {
        struct gost_udp_entry *e = u->table.slot[i];
        struct session *s = e ? gost_container_of(e, struct session, entry) : NULL;
        if (s) {
            gost_list_remove(&s->ready);
            gost_list_add(&u->ready, &s->ready);
        }
    }
    tell(u);
    if (u->on_end)
        u->on_end(u->user, rc == 0 ? GOST_EOF : rc);
}

static void on_task(struct gost_task *t)
{
    struct gost_packet_sessions *u = gost_container_of(t, struct gost_packet_sessions, task);
    int n = 1;
    u->refs++;
    for (int round = 0; round < ROUNDS && n > 0 && u->bottom; round++) {
        struct gost_batch *b = gost_batch_take();
        n = gost_packet_recv(u->bottom, b);
        for (int i = 0; i < n; i++)
            put(u, &b->d[i]);
        gost_batch_give(b);
        tell(u);
    }
    if (n > 0)
        gost_task_post(&u->task);
    else if (u->bottom && n != GOST_WANT_READ && n != GOST_WANT_WRITE)
        end(u, n);
    unref(u);
}

static void on_wake(struct gost_waker *w)
{
    gost_task_post(&gost_container_of(w, struct gost_packet_sessions, waker)->task);
}

int gost_packet_sessions_new(struct gost_packet **bottom, struct gost_packet_sessions **out)
{
    struct gost_packet_sessions *u = calloc(1, sizeof(*u));
    if (!u)
        return gost_fail_code(GOST_ENOMEM);
    u->refs = 1;
    u->listening = true;
    u->waker.fn = on_wake;
    gost_task_create(&u->task, on_task);
    gost_udp_table_create(&u->table);
    gost_list_create(&u->ready);
    u->bottom = *bottom;
    *bottom = NULL;
    gost_packet_set_waker(u->bottom, GOST_READER, &u->waker);
    gost_task_post(&u->task);
    *out = u;
    return 0;
}

void gost_packet_sessions_close(struct gost_packet_sessions *u)
{
    if (!u)
        return;
    u->listening = false;
    u->on_session = NULL;
    u->on_end = NULL;
    unref(u);
}
