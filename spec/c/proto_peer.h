/**
 * A connector at work: it runs on a fiber of its own, the test is the node.
 */
#ifndef GOST_SPEC_PROTO_PEER_H
#define GOST_SPEC_PROTO_PEER_H

#include "core/proto/connector.h"
#include "spec/c/proto_fake.h"
#include "spec/c/split.h"

struct peer {
    struct gost_connector *connector;
    struct gost_stream *io;   /* the connector's end */
    struct gost_stream *node; /* the test's, unless the node is a handler */
    struct gost_request request;
    int rc;
    char story[GOST_DIAG_MAX];
    bool started, done;
};

/** A connector with credentials (or NULL) and options "key=value", …, NULL. */
static NET_UNUSED void peer_init(struct peer *p, const char *kind_name, const char *user,
                                 const char *password, ...)
{
    const struct gost_connector_kind *kind = gost_connector_kind_find(kind_name);
    va_list ap;
    memset(p, 0, sizeof(*p));
    va_start(ap, password);
    CHECK_INT(
        gost_connector_new(kind, fake_settings(&kind->options, ap), user, password, &p->connector),
        0);
    va_end(ap);
}

static void peer_run(void *arg)
{
    struct peer *p = arg;
    p->rc = p->connector->kind->connect(p->connector, &p->io, &p->request, soon());
    snprintf(p->story, sizeof(p->story), "%s", p->rc ? gost_diag_text(p->rc) : "");
    p->done = true;
}

/** Start to connect over `*io`, which the peer owns from now on. */
static NET_UNUSED void peer_connect_to(struct peer *p, struct gost_stream **io,
                                       enum gost_network network, const char *host, uint16_t port)
{
    p->io = *io;
    *io = NULL;
    p->request = (struct gost_request){.network = network, .addr.port = port};
    snprintf(p->request.addr.host, sizeof(p->request.addr.host), "%s", host);
    p->started = true;
    CHECK(gost_fiber_spawn("connector", peer_run, p) != NULL);
}

/** Start to connect; p->node is the node's end. */
static NET_UNUSED void peer_connect(struct peer *p, enum gost_network network, const char *host,
                                    uint16_t port)
{
    struct gost_stream *io;
    CHECK_INT(gost_pair_new(FAKE_LIMIT, &io, &p->node), 0);
    peer_connect_to(p, &io, network, host, port);
}

static NET_UNUSED void peer_await(struct peer *p)
{
    NET_AWAIT(p->done);
}

static NET_UNUSED void peer_end(struct peer *p)
{
    gost_stream_close(p->node);
    p->node = NULL;
    NET_AWAIT(p->done || !p->started);
    gost_stream_close(p->io);
    gost_connector_delete(p->connector);
}

#endif
