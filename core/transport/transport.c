#include "core/transport/transport.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/transport/proxy_receive.h"
#include "core/transport/tls.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void gost_keepalive_apply(const struct gost_keepalive *k, struct gost_socket_options *o)
{
    o->keepalive = k->keepalive;
    o->keepalive_idle = (int)((k->idle + 999) / 1000);
    o->keepalive_interval = (int)((k->interval + 999) / 1000);
    o->keepalive_count = (int)k->count;
}

void gost_tcp_listening_apply(const struct gost_tcp_listening *t, struct gost_socket_options *o)
{
    gost_keepalive_apply(&t->keepalive, o);
    o->reuseport |= t->reuseport;
    o->mptcp |= t->mptcp;
}

int gost_listener_new(const struct gost_listener_kind *kind, void *settings,
                      struct gost_tls_context *tls, struct gost_listener **out)
{
    struct gost_listener *l = calloc(1, sizeof(*l));
    if (!l) {
        gost_options_delete(&kind->options, settings);
        gost_tls_context_unref(tls);
        return gost_fail_code(GOST_ENOMEM);
    }
    l->kind = kind;
    l->settings = settings;
    l->tls = tls;
    l->acceptor.watch.fd = -1;
    int rc = kind->init ? kind->init(l) : 0;
    if (rc != 0) {
        gost_listener_delete(l);
        return gost_fail_at(rc, "listener %s", kind->name);
    }
    *out = l;
    return 0;
}

void gost_listener_delete(struct gost_listener *l)
{
    if (!l)
        return;
    gost_listener_stop(l);
    if (l->kind->destroy)
        l->kind->destroy(l);
    gost_options_delete(&l->kind->options, l->settings);
    gost_tls_context_unref(l->tls);
    free(l->way);
    free(l->netns);
    free(l);
}

enum { BACKLOG = 4096 };

static void on_accept(struct gost_acceptor *a, int fd, const union gost_sockaddr *peer)
{
    struct gost_listener *l = a->user;
    struct gost_stream *s = NULL;
    if (gost_socket_wrap(fd, &s) != 0)
        return;
    if (l->proxy_protocol && gost_proxy_receive(&s) != 0) {
        gost_stream_close(s);
        return;
    }
    if (l->kind->wrap && l->kind->wrap(l, &s) != 0) {
        gost_stream_close(s);
        return;
    }
    l->on_stream(l, &s, peer);
}

int gost__listener_accept(struct gost_listener *l, gost__accept_fn *accept)
{
    l->acceptor.on_accept = accept;
    l->acceptor.user = l;
    int rc = gost_acceptor_listen(&l->acceptor, &l->addr, &l->socket, BACKLOG);
    if (rc == 0)
        l->addr = l->acceptor.addr;
    return rc;
}

int gost__listener_listen(struct gost_listener *l)
{
    return gost__listener_accept(l, on_accept);
}

bool gost__listener_wants(const struct gost_listener *l, const union gost_sockaddr *bound)
{
    union gost_sockaddr wanted = l->addr;
    if (wanted.sa.sa_family == AF_INET && wanted.v4.sin_port == 0)
        wanted.v4.sin_port = bound->v4.sin_port;
    else if (wanted.sa.sa_family == AF_INET6 && wanted.v6.sin6_port == 0)
        wanted.v6.sin6_port = bound->v6.sin6_port;
    return gost_sockaddr_equal(&wanted, bound);
}

void gost__listener_close(struct gost_listener *l)
{
    gost_acceptor_close(&l->acceptor);
    if (l->addr.sa.sa_family == AF_UNIX && l->addr.un.sun_path[0] != '\0')
        unlink(l->addr.un.sun_path);
}

int gost_listener_start(struct gost_listener *l)
{
    if (l->proxy_protocol && l->kind->start && !l->kind->takes_proxy)
        return gost_fail(GOST_ENOTSUP, "listener %s: proxyProtocol is not implemented yet",
                         l->kind->name);
    int rc = l->kind->start ? l->kind->start(l) : gost__listener_listen(l);
    l->listening = rc == 0;
    return rc;
}

int gost_listener_inherit(struct gost_listener *l, struct gost_listener *old)
{
    const char *ours = l->netns ? l->netns : "", *theirs = old->netns ? old->netns : "";
    if (strcmp(ours, theirs) != 0)
        return GOST_ENOTSUP;
    if (!l->listening && old->listening && l->kind == old->kind && l->kind->inherit)
        return l->kind->inherit(l, old);
    if (l->listening || !old->listening || l->kind->stop || old->kind->stop)
        return GOST_ENOTSUP;
    if (!gost__listener_wants(l, &old->addr))
        return GOST_ENOTSUP;
    int fd = gost_acceptor_release(&old->acceptor);
    old->listening = false;
    l->acceptor.on_accept = on_accept;
    l->acceptor.user = l;
    int rc = gost_acceptor_adopt(&l->acceptor, fd);
    l->listening = rc == 0;
    if (rc == 0)
        l->addr = l->acceptor.addr;
    return rc;
}

void gost_listener_stop(struct gost_listener *l)
{
    if (!l->listening)
        return;
    l->listening = false;
    if (l->kind->stop)
        l->kind->stop(l);
    else
        gost__listener_close(l);
}

int gost_dialer_new(const struct gost_dialer_kind *kind, void *settings,
                    struct gost_tls_context *tls, const char *server_name, struct gost_dialer **out)
{
    struct gost_dialer *d = calloc(1, sizeof(*d));
    if (!d) {
        gost_options_delete(&kind->options, settings);
        gost_tls_context_unref(tls);
        return gost_fail_code(GOST_ENOMEM);
    }
    d->kind = kind;
    d->settings = settings;
    d->tls = tls;
    d->server_name = server_name ? strdup(server_name) : NULL;
    int rc = server_name && !d->server_name ? GOST_ENOMEM : 0;
    if (rc == 0 && kind->init)
        rc = kind->init(d);
    if (rc != 0) {
        gost_dialer_delete(d);
        return gost_fail_at(rc, "dialer %s", kind->name);
    }
    *out = d;
    return 0;
}

void gost_dialer_delete(struct gost_dialer *d)
{
    if (!d)
        return;
    if (d->kind->destroy)
        d->kind->destroy(d);
    gost_options_delete(&d->kind->options, d->settings);
    gost_tls_context_unref(d->tls);
    free(d->server_name);
    free(d);
}

int gost_dialer_open(struct gost_dialer *d, struct gost_carrier *carrier, uint64_t deadline,
                     struct gost_stream **out)
{
    if (d->kind->open)
        return d->kind->open(d, carrier, deadline, out);
    return carrier->open(carrier, deadline, out);
}
