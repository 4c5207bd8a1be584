#include "core/route/service.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/route/session.h"
#include "core/runtime/shared.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_stream(struct gost_listener *l, struct gost_stream **s,
                      const union gost_sockaddr *peer)
{
    gost_service_serve(l->user, s, peer);
}

static void on_packet(struct gost_listener *l, struct gost_packet **p,
                      const union gost_sockaddr *peer)
{
    gost__session_start_packet(l->user, p, peer);
}

int gost_service_new(const char *name, struct gost_listener *listener, struct gost_handler *handler,
                     struct gost_service **out)
{
    char key[512];
    struct gost_service *s = calloc(1, sizeof(*s));
    snprintf(key, sizeof(key), "service:%s", name);
    struct gost_service_stats *stats = gost_shared_take(key, sizeof(*stats), NULL);
    char *copy = strdup(name);
    bool fits = !listener || !listener->kind->packets || handler->kind->packets;
    int rc = fits ? GOST_ENOMEM : GOST_ECONFIG;
    if (!fits)
        gost_fail(rc, "the %s handler cannot serve the datagrams of a %s listener",
                  handler->kind->name, listener->kind->name);
    else if (!s || !stats || !copy)
        gost_fail_code(rc);
    if (!s || !stats || !copy || !fits) {
        free(s);
        free(copy);
        gost_shared_give(stats);
        gost_listener_delete(listener);
        gost_handler_delete(handler);
        return rc;
    }
    s->refs = 1;
    s->name = copy;
    s->stats = stats;
    s->listener = listener;
    s->handler = handler;
    gost_list_create(&s->sessions);
    if (listener) {
        listener->on_stream = on_stream;
        listener->on_packet = on_packet;
        listener->user = s;
    }
    *out = s;
    return 0;
}

struct gost_service *gost_service_ref(struct gost_service *s)
{
    s->refs++;
    return s;
}

static void service_free(struct gost_service *s)
{
    if (s->script_drop)
        s->script_drop(s);
    if (s->hooks.drop)
        s->hooks.drop(s->hooks.arg);
    gost_listener_delete(s->listener);
    gost_handler_delete(s->handler);
    for (size_t i = 0; i < s->delegates; i++)
        gost_handler_delete(s->delegate[i]);
    for (size_t i = 0; i < s->admission_count; i++)
        gost_admission_unref(s->admission[i]);
    for (size_t i = 0; i < s->bypass_count; i++)
        gost_bypass_unref(s->bypass[i]);
    for (size_t i = 0; i < s->auther_count; i++)
        gost_auther_unref(s->auther[i]);
    free(s->admission);
    free(s->bypass);
    free(s->auther);
    gost_cidrs_destroy(&s->trusted);
    gost_traffic_unref(s->traffic);
    gost_conn_limit_unref(s->conn_limit);
    gost_rate_limit_unref(s->rate_limit);
    gost_hop_unref(s->forwarder);
    gost_ingress_unref(s->ingress);
    gost_sd_unref(s->sd);
    gost_router_destroy(&s->router);
    gost_router_destroy(&s->bind_router);
    gost_shared_give(s->stats);
    free(s->name);
    free(s);
}

void gost_service_unref(struct gost_service *s)
{
    if (s && --s->refs == 0)
        service_free(s);
}

int gost_service_add_delegate(struct gost_service *s, struct gost_handler *h)
{
    if (s->delegates == GOST_DELEGATES_MAX) {
        gost_handler_delete(h);
        return gost_fail(GOST_ELIMIT, "service %s: too many handlers", s->name);
    }
    s->delegate[s->delegates++] = h;
    return 0;
}

struct gost_handler *gost__service_handler(struct gost_service *s, const char *kind)
{
    if (strcmp(s->handler->kind->name, kind) == 0)
        return s->handler;
    for (size_t i = 0; i < s->delegates; i++)
        if (strcmp(s->delegate[i]->kind->name, kind) == 0)
            return s->delegate[i];
    return NULL;
}

/* For remote listeners. */
static int bind_remote(struct gost_listener *l, const struct gost_request *request,
                       uint64_t deadline, struct gost_remote **out)
{
    struct gost_service *s = gost_service_ref(l->user); /* a reload may come while we wait */
    int rc = gost_router_bind(&s->bind_router, request, deadline, out);
    struct gost_diag story = *gost__diag_self;
    gost_service_unref(s);
    *gost__diag_self = story;
    return rc;
}

int gost_service_start(struct gost_service *s)
{
    if (s->listener->kind->remote && s->bind_router.chain)
        s->listener->bind = bind_remote;
    int rc = gost_listener_start(s->listener);
    return rc == 0 ? 0 : gost_fail_at(rc, "service %s", s->name);
}

void gost_service_stop(struct gost_service *s)
{
    gost_listener_stop(s->listener);
}

void gost_service_kill(struct gost_service *s)
{
    gost_list_each_safe(link, &s->sessions)
        gost_session_kill(gost_container_of(link, struct gost_session, link));
}

void gost_service_serve(struct gost_service *s, struct gost_stream **stream,
                        const union gost_sockaddr *peer)
{
    gost__session_start(s, stream, peer);
}
