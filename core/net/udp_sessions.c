#include "core/net/udp_sessions.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/net/udp_session_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    OUT_BYTES = 256 * 1024, /* gathered before it is sent */
    ROUNDS = 4,             /* batches before other sockets get their turn */
};

void gost__udp_sessions_unref(struct gost_udp_sessions *u)
{
    if (--u->refs > 0)
        return;
    gost_task_cancel(&u->flush);
    gost_task_cancel(&u->again);
    if (u->out)
        gost_batch_give(u->out);
    gost_watch_stop(&u->watch, true);
    gost_udp_table_destroy(&u->table);
    free(u->local);
    free(u);
}

/* --- sending ---------------------------------------------------------------------------------- */

/* The local addresses of what goes out, behind those of what came in. */
static struct gost__udp_local *out_local(struct gost_udp_sessions *u, int i)
{
    return u->local ? u->local + GOST_BATCH_MAX + i : NULL;
}

static void out_flush(struct gost_udp_sessions *u)
{
    struct gost_batch *b = u->out;
    if (!b)
        return;
    int done = 0;
    while (done < u->out_count) {
        int n = gost__udp_send(u->watch.fd, b->d + done, u->out_count - done, out_local(u, done),
                               &u->gso, &u->dropped);
        if (n < 0) { /* the device is behind: datagrams are lost, as they would be further on */
            u->dropped += (uint64_t)(u->out_count - done);
            break;
        }
        done += n;
    }
    u->out = NULL;
    gost_batch_give(b);
}

static void on_flush(struct gost_task *t)
{
    out_flush(gost_container_of(t, struct gost_udp_sessions, flush));
}

/* Gather a datagram to be sent at the end of the turn. */
void gost__udp_out_put(struct gost_udp_session *s, const struct gost_datagram *d)
{
    struct gost_udp_sessions *u = s->owner;
    size_t len = (size_t)d->head_len + d->len;
    if (u->out && (u->out_count == GOST_BATCH_MAX || u->out_bytes + len > OUT_BYTES))
        out_flush(u);
    if (!u->out) {
        u->out = gost_batch_take();
        u->out_count = 0;
        u->out_bytes = 0;
        gost_task_post(&u->flush);
    }
    struct gost_batch *b = u->out;
    int i = u->out_count++;
    uint8_t *room = b->room + u->out_bytes;
    b->addr[i] = s->entry.addr; /* the session may be gone by then */
    if (u->local)
        *out_local(u, i) = s->local;
    b->d[i] = (struct gost_datagram){.data = room, .len = (uint32_t)len, .addr = &b->addr[i]};
    if (d->head_len > 0)
        memcpy(room, d->head, d->head_len);
    if (d->len > 0)
        memcpy(room + d->head_len, d->data, d->len);
    u->out_bytes += len;
}

/* --- receiving -------------------------------------------------------------------------------- */

static struct gost_udp_session *session_of(struct gost_udp_sessions *u,
                                           const union gost_sockaddr *peer)
{
    uint64_t hash = gost_udp_hash(peer);
    struct gost_udp_entry *e = gost_udp_table_get(&u->table, hash, peer);
    return e ? gost_container_of(e, struct gost_udp_session, entry)
             : gost__udp_session_new(u, hash, peer);
}

/* Hand out one batch's datagrams to their sessions, without copying. */
static void sort_batch(struct gost_udp_sessions *u, int count)
{
    struct gost_udp_session *s = NULL;
    uint64_t now = gost_now();
    for (int i = 0; i < count; i++) {
        struct gost_datagram *d = &u->in->d[i];
        if (d->len > u->limits.datagram || gost_sockaddr_port(d->addr) == 0) {
            u->dropped++; /* nobody could answer to port 0 */
            continue;
        }
        if (!s || !s->in_table || !gost_udp_same(&s->entry.addr, d->addr))
            s = session_of(u, d->addr);
        if (!s) {
            u->dropped++;
            continue;
        }
        u->next[i] = -1;
        if (u->local)
            s->local = u->local[i];
        if (s->first < 0) {
            s->first = (int16_t)i;
            gost_list_add(&u->ready, &s->ready);
        } else {
            u->next[s->last] = (int16_t)i;
        }
        s->last = (int16_t)i;
        s->asked++;
        s->used = now;
    }
}

/* Let the readers have what came; new sessions are announced first. */
static void wake_readers(struct gost_udp_sessions *u)
{
    struct gost_list *link;
    while ((link = gost_list_shift(&u->ready))) {
        struct gost_udp_session *s = gost_container_of(link, struct gost_udp_session, ready);
        struct gost_packet *p = &s->base;
        gost_list_add(&u->ready, link); /* so that a session that ends here is missed from the list */
        if (s->fresh) {
            s->fresh = false;
            u->on_session(u, &p, &s->entry.addr);
            gost_packet_close(p); /* when nobody wanted it */
        } else {
            gost_waker_fire(s->waker[GOST_READER]);
        }
        if (u->ready.prev != link)
            continue;
        gost_list_remove(link);
        gost__udp_session_keep(s);
    }
}

static void dispatch(struct gost_udp_sessions *u)
{
    int n = GOST_BATCH_MAX;
    u->refs++;
    for (int round = 0; round < ROUNDS && n == GOST_BATCH_MAX; round++) {
        u->in = gost_batch_take();
        n = gost__udp_recv(u->watch.fd, u->in, true, u->local);
        if (n > 0) {
            sort_batch(u, n);
            wake_readers(u);
        }
        gost_batch_give(u->in);
        u->in = NULL;
    }
    if (n == GOST_BATCH_MAX)
        gost_task_post(&u->again);
    gost__udp_sessions_unref(u);
}

static void on_ready(struct gost_watch *w, uint8_t fresh)
{
    (void)fresh;
    dispatch(gost_container_of(w, struct gost_udp_sessions, watch));
}

static void on_again(struct gost_task *t)
{
    dispatch(gost_container_of(t, struct gost_udp_sessions, again));
}

static bool is_wildcard(const union gost_sockaddr *addr)
{
    if (addr->sa.sa_family == AF_INET)
        return addr->v4.sin_addr.s_addr == htonl(INADDR_ANY);
    return IN6_IS_ADDR_UNSPECIFIED(&addr->v6.sin6_addr);
}

/* Answers are to come from the address that was asked, so it has to be known. */
static int watch_local(struct gost_udp_sessions *u, int fd)
{
    if (!is_wildcard(&u->addr))
        return 0;
    u->local = calloc(2 * GOST_BATCH_MAX, sizeof(*u->local));
    if (!u->local)
        return GOST_ENOMEM;
    gost__udp_want_local(fd, u->addr.sa.sa_family);
    return 0;
}

int gost_udp_sessions_new(const union gost_sockaddr *addr, const struct gost_socket_options *options,
                          const struct gost_udp_limits *limits, struct gost_udp_sessions **out)
{
    struct gost_udp_sessions *u = calloc(1, sizeof(*u));
    socklen_t len = sizeof(u->addr);
    if (!u)
        return gost_fail_code(GOST_ENOMEM);
    int fd = gost__udp_socket(addr, true, true, options);
    if (fd < 0) {
        free(u);
        return fd;
    }
    int rc = getsockname(fd, &u->addr.sa, &len) < 0 ? -errno : 0;
    if (rc == 0)
        rc = watch_local(u, fd);
    if (rc == 0)
        rc = gost_watch_start_for(&u->watch, fd, GOST_READABLE, on_ready);
    if (rc != 0) {
        close(fd);
        free(u->local);
        free(u);
        return gost_fail_code(rc);
    }
    u->refs = 1;
    u->limits = *limits;
    u->gso = u->listening = true;
    gost_udp_table_create(&u->table);
    gost_list_create(&u->ready);
    gost_task_create(&u->flush, on_flush);
    gost_task_create(&u->again, on_again);
    *out = u;
    return 0;
}

void gost_udp_sessions_close(struct gost_udp_sessions *u)
{
    if (!u)
        return;
    u->listening = false;
    for (size_t i = 0; i < u->table.cap;) {
        struct gost_udp_entry *e = u->table.slot[i];
        struct gost_udp_session *s = e ? gost_container_of(e, struct gost_udp_session, entry) : NULL;
        if (s && s->answered >= s->asked)
            gost__udp_session_end(s); /* another may take its slot */
        else
            i++;
    }
    gost__udp_sessions_unref(u);
}
