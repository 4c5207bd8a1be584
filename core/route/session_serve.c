/* From the accepted client to its handler: who it is, whether it may come in, and who speaks with it. */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/net/io.h"
#include "core/route/session_int.h"

#include <errno.h>
#include <stdlib.h>

enum { PREREAD_MAX = 1024 };

/* The script's word on the first bytes: which handler to use. */
static int preread(struct gost_session *s, struct gost_handler **handler)
{
    struct gost_hooks *h = &s->service->hooks;
    struct gost_conn *c = &s->conn;
    const char *name = NULL;
    char *bytes = malloc(PREREAD_MAX);
    int rc = bytes ? 1 : gost_fail_code(GOST_ENOMEM);
    for (size_t have = 0; rc == 1 && have < PREREAD_MAX;) {
        ssize_t n = gost_io_read(c->client, bytes + have, PREREAD_MAX - have, c->deadline);
        if (n <= 0) {
            rc = n == 0 ? GOST_EOF : (int)n;
            break;
        }
        have += (size_t)n;
        rc = h->preread(h->arg, c, bytes, have, &name);
        if (rc == 0 || have == PREREAD_MAX)
            rc = gost_stream_unread(c->client, bytes, have);
    }
    free(bytes);
    if (rc == 0 && name) {
        *handler = gost__service_handler(s->service, name);
        if (!*handler)
            rc = gost_fail(GOST_EHOOK, "preread: the service has no handler \"%s\"", name);
    }
    return rc;
}

/* May the client come in? A refused one hears nothing, and is logged for those who debug. */
static bool admitted(struct gost_session *s)
{
    struct gost_service *sv = s->service;
    if (sv->admission_count == 0 ||
        gost_admissions_admit(sv->admission, sv->admission_count, &s->conn.peer) == 1)
        return true;
    gost_conn_log(&s->conn, GOST_LOG_DEBUG, "denied by admission");
    s->quiet = true;
    return false;
}

/* Limits on connections; one that is over them hears nothing, and is logged for those who debug. */
static int within_limits(struct gost_session *s)
{
    struct gost_service *sv = s->service;
    int rc =
        sv->rate_limit ? gost_rate_limit_take(sv->rate_limit, &s->conn.peer, gost_now(), NULL) : 0;
    if (rc == 0 && sv->conn_limit)
        rc = gost_conn_limit_acquire(sv->conn_limit, &s->conn.peer, &s->hold);
    if (rc == 0 && sv->traffic) {
        s->traffic = calloc(1, sizeof(*s->traffic));
        if (!s->traffic)
            return gost_fail_code(GOST_ENOMEM);
        gost_traffic_conn_create(s->traffic, sv->traffic, sv->traffic_scope, &s->conn.peer);
    }
    if (rc == GOST_ELIMIT) {
        gost_conn_log(&s->conn, GOST_LOG_DEBUG, "%s", gost_diag_text(rc));
        s->quiet = true;
    }
    return rc;
}

/* Who is really there stands in a PROXY header, which has to be read first. */
static int learn_peer(struct gost_conn *c)
{
    union gost_sockaddr peer;
    int rc = gost_io_open(c->client, c->deadline);
    if (rc == 0 && gost_stream_query(c->client, GOST_QUERY_PEER_ADDR, &peer) == 0) {
        c->peer = peer;
        gost_sockaddr_unmap(&c->peer);
    }
    return rc;
}

int gost__session_serve(struct gost_session *s)
{
    struct gost_hooks *h = &s->service->hooks;
    struct gost_conn *c = &s->conn;
    struct gost_handler *handler = s->service->handler;
    int rc = s->service->listener->proxy_protocol && c->client ? learn_peer(c) : 0;
    if (rc != 0)
        return gost_fail_at(rc, "handshake");
    if (!admitted(s))
        return 0;
    rc = within_limits(s);
    if (rc != 0)
        return rc;
    rc = h->accept ? h->accept(h->arg, c) : 0;
    if (rc == -ECONNRESET) {
        gost_stream_reset(c->client);
        c->client = NULL;
    }
    if (rc != 0)
        return gost_fail_at(rc, "accept");
    rc = c->client ? gost_io_open(c->client, c->deadline) : 0;
    if (rc != 0)
        return gost_fail_at(rc, "handshake");
    if (h->preread && c->client)
        rc = preread(s, &handler);
    if (rc != 0)
        return rc;
    c->handler = handler->kind->name;
    return handler->kind->serve(handler, c);
}
