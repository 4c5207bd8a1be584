#include "core/proto/remote.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/net/io.h"
#include "core/proto/udp_framed.h"
#include "core/runtime/loop.h"

#include <stdlib.h>
#include <string.h>

enum { ANNOUNCE_MS = 15 * 1000 };

struct gost_remote {
    uint32_t refs;        /* one of the owner, one of each fiber that reads an announcement */
    struct gost_mux *mux; /* NULL once closed or lost */
    const struct gost_announcement *announcement;
    struct gost_packet *packet; /* of datagrams, until it was taken */
    struct gost_addr where;
    void (*on_visitor)(void *user, struct gost_stream **s, const union gost_sockaddr *peer);
    void (*on_end)(void *user, int rc);
    void *user;
    struct gost_list early; /* struct visitor that came before anybody listened */
};

/* A stream whose announcement is still to be read. */
struct visitor {
    struct gost_list link;
    struct gost_remote *remote;
    struct gost_stream *stream;
};

static void unref(struct gost_remote *r)
{
    if (--r->refs == 0)
        free(r);
}

static void receive(void *arg)
{
    struct visitor *v = arg;
    struct gost_remote *r = v->remote;
    union gost_sockaddr peer;
    memset(&peer, 0, sizeof(peer));
    int rc = r->announcement->receive(v->stream, &peer, gost_deadline_in(ANNOUNCE_MS));
    if (rc != 0)
        gost_log(GOST_LOG_WARN, "remote listener: a visitor without announcement: %s",
                 gost_diag_text(rc));
    else if (r->on_visitor)
        r->on_visitor(r->user, &v->stream, &peer);
    gost_stream_close(v->stream); /* NULL when it was taken */
    free(v);
    unref(r);
}

static void begin(struct visitor *v)
{
    v->remote->refs++;
    if (!gost_fiber_spawn("visitor", receive, v)) {
        gost_stream_close(v->stream);
        unref(v->remote);
        free(v);
    }
}

static void on_stream(struct gost_mux *m, struct gost_stream **s)
{
    struct gost_remote *r = gost_mux_user(m);
    struct visitor *v = calloc(1, sizeof(*v));
    if (!v) {
        gost_stream_close(*s);
        *s = NULL;
        return;
    }
    v->remote = r;
    v->stream = *s;
    *s = NULL;
    if (r->on_visitor)
        begin(v);
    else
        gost_list_add(&r->early, &v->link);
}

static void on_end(struct gost_mux *m)
{
    struct gost_remote *r = gost_mux_user(m);
    int rc = gost_mux_error(m);
    gost_mux_release(m);
    r->mux = NULL;
    if (r->on_end)
        r->on_end(r->user, rc);
}

static const struct gost_mux_events events = {.on_stream = on_stream, .on_end = on_end};

int gost__remote_new(struct gost_stream **io, const struct gost_mux_options *mux,
                     const struct gost_announcement *a, const struct gost_addr *where,
                     struct gost_remote **out)
{
    struct gost_remote *r = calloc(1, sizeof(*r));
    if (!r)
        return gost_fail_code(GOST_ENOMEM);
    r->refs = 1;
    r->announcement = a;
    r->where = *where;
    gost_list_create(&r->early);
    int rc = gost_mux_new(io, mux, false, &events, r, &r->mux);
    if (rc != 0) {
        free(r);
        return rc;
    }
    *out = r;
    return 0;
}

int gost__remote_new_packet(struct gost_packet **packet, const struct gost_addr *where,
                            struct gost_remote **out)
{
    struct gost_remote *r = calloc(1, sizeof(*r));
    if (!r)
        return gost_fail_code(GOST_ENOMEM);
    r->refs = 1;
    r->where = *where;
    r->packet = *packet;
    *packet = NULL;
    gost_list_create(&r->early);
    *out = r;
    return 0;
}

int gost__remote_new_framed(struct gost_stream **io, const struct gost_addr *where,
                            struct gost_remote **out)
{
    struct gost_packet *packet = NULL;
    int rc = gost__udp_framed_new(io, GOST__UDP_TUNNEL, NULL, &packet);
    if (rc == 0)
        rc = gost__remote_new_packet(&packet, where, out);
    gost_packet_close(packet);
    return rc;
}

struct gost_packet *gost_remote_take_packet(struct gost_remote *r)
{
    struct gost_packet *p = r->packet;
    r->packet = NULL;
    return p;
}

const struct gost_addr *gost_remote_addr(const struct gost_remote *r)
{
    return &r->where;
}

void gost_remote_listen(struct gost_remote *r,
                        void (*on_visitor)(void *user, struct gost_stream **s,
                                           const union gost_sockaddr *peer),
                        void (*ended)(void *user, int rc), void *user)
{
    struct gost_list *link;
    r->on_visitor = on_visitor;
    r->on_end = ended;
    r->user = user;
    while ((link = gost_list_shift(&r->early)))
        begin(gost_container_of(link, struct visitor, link));
    if (!r->mux && ended)
        ended(user, GOST_EOF); /* it was lost before anybody listened */
}

void gost_remote_close(struct gost_remote *r)
{
    struct gost_list *link;
    if (!r)
        return;
    r->on_visitor = NULL;
    r->on_end = NULL;
    while ((link = gost_list_shift(&r->early))) {
        struct visitor *v = gost_container_of(link, struct visitor, link);
        gost_stream_close(v->stream);
        free(v);
    }
    if (r->mux)
        gost_mux_release(r->mux); /* visitors that are here stay; the session ends with the last */
    r->mux = NULL;
    gost_packet_close(r->packet);
    r->packet = NULL;
    unref(r);
}
