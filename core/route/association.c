/*
 * A way for datagrams to any destination, with the service's word on each: a new one is asked for
 * on a fiber of its own, its datagrams wait meanwhile, and the answer is kept for a while.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/base/map.h"
#include "core/route/session.h"

#include <stdlib.h>
#include <string.h>

enum {
    DESTS_MAX = 1024,       /* answers that are kept */
    ASKING_MAX = 16,        /* fibers at a time */
    KEPT_MAX = 16,          /* datagrams that wait for one answer … */
    KEPT_BYTES = 64 * 1024, /* … of so many bytes each at most */
    KEEP_MS = 30 * 1000,    /* answers are good for so long; the resolver knows TTLs better */
    RUN = 16,               /* datagrams that are passed on at once */
};

enum state { ASKING, OPEN, CLOSED };

struct dest {
    enum state state;
    uint64_t until;
    union gost_sockaddr addr; /* where its datagrams go … */
    struct gost_addr *name;   /* … or by name, owned; NULL: by `addr` */
    struct gost_kept *kept[KEPT_MAX];
    int kept_count;
};

struct association {
    struct gost_packet base;
    uint32_t refs;            /* one of the packet, one of each asking fiber */
    struct gost_packet *next; /* owned; NULL once closed */
    struct gost_session *session;
    bool routed;   /* names may stay names */
    bool free_ips; /* nobody has a word on addresses: they pass */
    struct gost_map dests;
    struct gost_list questions; /* struct question */
    int asking;
    struct dest *last; /* of the datagram before, with its address */
    union gost_sockaddr last_addr;
};

/* One destination that is being asked for. */
struct question {
    struct gost_list link; /* in a->questions */
    struct association *a;
    struct dest *dest;
    struct gost_fiber *fiber;
    struct gost_request request;
};

static struct association *self_of(struct gost_packet *p)
{
    return gost_container_of(p, struct association, base);
}

static void dest_free(void *value)
{
    struct dest *d = value;
    for (int i = 0; i < d->kept_count; i++)
        free(d->kept[i]);
    free(d->name);
    free(d);
}

static void unref(struct association *a)
{
    if (--a->refs > 0)
        return;
    gost_map_destroy(&a->dests, dest_free);
    free(a);
}

/* --- asking ----------------------------------------------------------------------------------- */

/* Where does it go? Fills in the destination; suspends. */
static int answer(struct association *a, struct gost_request *r, struct dest *d)
{
    int rc = gost__session_allow_packet(a->session, r);
    if (rc == 0 && gost_ip_parse(r->addr.host, r->addr.port, &d->addr) != 0)
        return 0;
    if (rc == 0)
        rc = gost__session_resolve(a->session, &r->addr, a->routed, &d->addr);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    d->name = malloc(sizeof(*d->name));
    if (!d->name)
        return gost_fail_code(GOST_ENOMEM);
    *d->name = r->addr;
    return 0;
}

static struct gost_datagram redirect(const struct dest *d, const struct gost_datagram *datagram)
{
    struct gost_datagram to = *datagram;
    to.addr = d->name ? NULL : &d->addr;
    to.name = d->name;
    return to;
}

static void release_kept(struct association *a, struct dest *d)
{
    for (int i = 0; i < d->kept_count; i++) {
        struct gost_kept *k = d->kept[i];
        if (d->state == OPEN && a->next) {
            struct gost_datagram one = redirect(d, &k->d[0]);
            if (gost_packet_send(a->next, &one, 1) < 0)
                a->base.dropped++;
        } else {
            a->base.dropped++;
        }
        free(k);
    }
    d->kept_count = 0;
}

static void ask(void *arg)
{
    struct question *q = arg;
    struct association *a = q->a;
    struct gost_session *s = a->session;
    char text[GOST_HOSTPORT_MAX];
    q->fiber = gost_fiber_self();
    gost_fiber_self()->conn = &s->conn;
    gost_addr_format(&q->request.addr, text);
    int rc = a->next ? answer(a, &q->request, q->dest) : GOST_ECANCELED;
    if (rc != 0 && rc != GOST_ECANCELED)
        gost_conn_log(&s->conn, GOST_LOG_DEBUG, "datagrams to %s are dropped: %s", text,
                      gost_diag_text(rc));
    q->dest->state = rc == 0 ? OPEN : CLOSED;
    q->dest->until = gost_now() + KEEP_MS;
    release_kept(a, q->dest);
    gost_list_remove(&q->link);
    a->asking--;
    free(q);
    unref(a);
    gost__session_helped(s);
}

static bool ask_for(struct association *a, struct dest *d, const struct gost_datagram *datagram)
{
    struct question *q = a->asking < ASKING_MAX ? calloc(1, sizeof(*q)) : NULL;
    if (!q)
        return false;
    q->a = a;
    q->dest = d;
    q->request.network = GOST_UDP;
    if (datagram->name) {
        q->request.addr = *datagram->name;
    } else {
        char text[GOST_HOSTPORT_MAX];
        snprintf(q->request.addr.host, sizeof(q->request.addr.host), "%s",
                 gost_sockaddr_host(datagram->addr, text));
        q->request.addr.port = gost_sockaddr_port(datagram->addr);
    }
    d->state = ASKING;
    free(d->name);
    d->name = NULL;
    gost_list_add(&a->questions, &q->link);
    a->refs++;
    a->asking++;
    a->session->helpers++;
    if (gost_fiber_spawn("association", ask, q))
        return true;
    gost_list_remove(&q->link);
    a->refs--;
    a->asking--;
    a->session->helpers--;
    d->state = CLOSED;
    free(q);
    return false;
}

/* --- destinations ----------------------------------------------------------------------------- */

/* @return bytes of the key */
static size_t make_key(const struct gost_datagram *d, char key[GOST_HOSTPORT_MAX])
{
    if (d->name)
        gost_addr_format(d->name, key);
    else
        gost_sockaddr_format(d->addr, key);
    return strlen(key);
}

/* Too many: forget those that nobody asks for right now. */
static void forget(struct association *a)
{
    struct gost_map old = a->dests;
    size_t pos = 0;
    const struct gost_map_slot *slot;
    a->last = NULL;
    gost_map_create(&a->dests);
    while ((slot = gost_map_each(&old, &pos))) {
        struct dest *d = slot->value;
        if (d->state != ASKING || gost_map_set(&a->dests, slot->key, slot->len, d, NULL) != 0)
            dest_free(d);
    }
    gost_map_destroy(&old, NULL);
}

static struct dest *dest_new(struct association *a, const char *key, size_t n)
{
    struct dest *d = calloc(1, sizeof(*d));
    if (a->dests.count >= DESTS_MAX)
        forget(a);
    if (d && gost_map_set(&a->dests, key, n, d, NULL) != 0) {
        free(d);
        d = NULL;
    }
    if (d)
        d->state = CLOSED;
    return d;
}

/* What is known of the datagram's destination; asks when nothing is. NULL: drop it. */
static struct dest *dest_of(struct association *a, const struct gost_datagram *datagram)
{
    char key[GOST_HOSTPORT_MAX];
    if (a->last && datagram->addr && a->last->until > gost_now() &&
        gost_sockaddr_equal(datagram->addr, &a->last_addr))
        return a->last;
    size_t n = make_key(datagram, key);
    struct dest *d = gost_map_get(&a->dests, key, n);
    if (!d)
        d = dest_new(a, key, n);
    if (!d || (d->state != ASKING && d->until <= gost_now() && !ask_for(a, d, datagram)))
        return NULL;
    if (datagram->addr && d->state != ASKING) {
        a->last = d;
        a->last_addr = *datagram->addr;
    }
    return d;
}

static void keep(struct association *a, struct dest *d, const struct gost_datagram *datagram)
{
    int copied = 0;
    struct gost_kept *k = NULL;
    if (d->kept_count < KEPT_MAX)
        k = gost_kept_new(datagram, 1, KEPT_BYTES + 1024, &copied);
    if (k)
        d->kept[d->kept_count++] = k;
    else
        a->base.dropped++;
}

/* Gather datagrams that may go. @return how many of `d` are done with; `run` holds `*n` of them */
static int gather(struct association *a, const struct gost_datagram *d, int count,
                  struct gost_datagram run[RUN], int *n)
{
    int i = 0;
    *n = 0;
    for (; i < count && *n < RUN; i++) {
        if (a->free_ips && d[i].addr) {
            run[(*n)++] = d[i];
            continue;
        }
        if (*n > 0 && a->dests.count >= DESTS_MAX)
            break; /* to make room would free what the run points to */
        struct dest *dest = d[i].addr || d[i].name ? dest_of(a, &d[i]) : NULL;
        if (dest && dest->state == ASKING) {
            keep(a, dest, &d[i]);
        } else if (dest && dest->state == OPEN) {
            run[(*n)++] = redirect(dest, &d[i]);
        } else {
            a->base.dropped++;
        }
    }
    return i;
}

static int association_send(struct gost_packet *p, const struct gost_datagram *d, int count)
{
    struct association *a = self_of(p);
    struct gost_datagram run[RUN];
    int done = 0;
    while (done < count) {
        int n, part = gather(a, d + done, count - done, run, &n);
        int sent = n > 0 ? gost_packet_send(a->next, run, n) : 0;
        if (sent < n && part == n) { /* the rest is the caller's to keep */
            done += sent > 0 ? sent : 0;
            return done > 0 ? done : sent;
        }
        if (sent < n) /* some others of them wait for an answer, and have been taken */
            p->dropped += (uint64_t)(sent > 0 ? n - sent : n);
        done += part;
    }
    return done;
}

/* --- the packet ------------------------------------------------------------------------------- */

static int association_recv(struct gost_packet *p, struct gost_batch *b)
{
    return gost_packet_recv(self_of(p)->next, b);
}

static void association_set_waker(struct gost_packet *p, enum gost_side side, struct gost_waker *w)
{
    gost_packet_set_waker(self_of(p)->next, side, w);
}

static int association_query(struct gost_packet *p, enum gost_query what, void *out)
{
    return gost_packet_query(self_of(p)->next, what, out);
}

static void association_destroy(struct gost_packet *p)
{
    struct association *a = self_of(p);
    gost_packet_close(a->next);
    a->next = NULL;
    gost_list_each(link, &a->questions)
    {
        struct question *q = gost_container_of(link, struct question, link);
        if (q->fiber)
            gost_fiber_cancel(q->fiber);
    }
    unref(a);
}

static const struct gost_packet_ops association_ops = {
    .name = "association",
    .recv = association_recv,
    .send = association_send,
    .set_waker = association_set_waker,
    .query = association_query,
    .destroy = association_destroy,
};

int gost__association_new(struct gost_session *s, struct gost_packet *bottom, bool routed,
                          struct gost_packet **out)
{
    struct association *a = calloc(1, sizeof(*a));
    if (!a)
        return gost_fail_code(GOST_ENOMEM);
    a->base.ops = &association_ops;
    a->base.ttl_ms = bottom->ttl_ms;
    a->refs = 1;
    a->next = bottom;
    a->session = s;
    a->routed = routed;
    a->free_ips = s->service->bypass_count == 0 && !s->service->hooks.route;
    gost_map_create(&a->dests);
    gost_list_create(&a->questions);
    *out = &a->base;
    return 0;
}
