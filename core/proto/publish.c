#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/net/io.h"
#include "core/net/pump.h"
#include "core/net/socket.h"
#include "core/proto/remote.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANNOUNCEMENT_MAX = 512, WATCH_MS = 100 };

struct gost_publication {
    struct gost_acceptor acceptor;
    enum gost_network network;
    /* while it is published */
    struct gost_mux *mux; /* NULL once the control connection is lost */
    const struct gost_announcement *announcement;
    struct gost_conn *conn;
    struct gost_fiber *fiber;
    size_t visitors; /* pumps that run */
    int rc;
    /* of gost__publication_accept */
    int visitor_fd; /* -1: none came yet */
    union gost_sockaddr visitor_peer;
};

/* A visitor and its stream. */
struct visit {
    struct gost_pump pump;
    struct gost_publication *publication;
};

static int socket_address(const struct gost_addr *at, enum gost_network network,
                          union gost_sockaddr *out)
{
    memset(out, 0, sizeof(*out));
    if (network == GOST_UNIX) {
        if (strlen(at->host) >= sizeof(out->un.sun_path) || !at->host[0])
            return gost_fail(GOST_ECONFIG, "\"%s\" is no path for a socket", at->host);
        out->un.sun_family = AF_UNIX;
        strcpy(out->un.sun_path, at->host);
        return 0;
    }
    bool all = !at->host[0] || strcmp(at->host, "0.0.0.0") == 0 || strcmp(at->host, "::") == 0;
    const char *host = all ? "::" : strcmp(at->host, "localhost") == 0 ? "127.0.0.1" : at->host;
    if (gost_ip_parse(host, at->port, out) == 0)
        return gost_fail(GOST_ECONFIG, "cannot listen at \"%s\": not an address of this host", host);
    return 0;
}

static void refuse_visitor(struct gost_acceptor *a, int fd, const union gost_sockaddr *peer)
{
    (void)a;
    (void)peer;
    close(fd); /* nobody is there to carry it */
}

int gost__publication_new(const struct gost_addr *at, enum gost_network network,
                          struct gost_publication **out)
{
    union gost_sockaddr addr;
    int rc = socket_address(at, network, &addr);
    if (rc != 0)
        return rc;
    struct gost_publication *p = calloc(1, sizeof(*p));
    if (!p)
        return gost_fail_code(GOST_ENOMEM);
    p->network = network;
    p->visitor_fd = -1;
    p->acceptor.on_accept = refuse_visitor;
    p->acceptor.user = p;
    rc = gost_acceptor_listen(&p->acceptor, &addr, NULL, 1024);
    if (rc != 0) {
        free(p);
        return rc;
    }
    *out = p;
    return 0;
}

const union gost_sockaddr *gost__publication_addr(const struct gost_publication *p)
{
    return &p->acceptor.addr;
}

void gost__publication_delete(struct gost_publication *p)
{
    if (!p)
        return;
    union gost_sockaddr addr = p->acceptor.addr;
    gost_acceptor_close(&p->acceptor);
    if (p->visitor_fd >= 0)
        close(p->visitor_fd);
    if (addr.sa.sa_family == AF_UNIX && addr.un.sun_path[0])
        unlink(addr.un.sun_path);
    free(p);
}

/* --- many visitors, over a multiplexer ------------------------------------------------------------- */

static void visit_done(struct gost_pump *pump)
{
    struct visit *v = gost_container_of(pump, struct visit, pump);
    struct gost_publication *p = v->publication;
    p->conn->ops->count(p->conn, pump->flow[1].bytes, pump->flow[0].bytes);
    p->visitors--;
    gost_fiber_wake(p->fiber);
    free(v);
}

/* Announce the visitor on a new stream and let the pump do the rest. */
static int carry(struct gost_publication *p, struct gost_stream **visitor,
                 const union gost_sockaddr *peer)
{
    uint8_t bytes[ANNOUNCEMENT_MAX];
    struct gost_stream *s = NULL;
    bool announces = p->announcement->encode != NULL;
    size_t n = announces ? p->announcement->encode(bytes, sizeof(bytes), peer) : 0;
    if (announces && n == 0)
        return gost_fail(GOST_EPROTO, "its address cannot be told");
    struct visit *v = calloc(1, sizeof(*v));
    int rc = v ? gost_mux_open_with(p->mux, bytes, n, &s) : gost_fail_code(GOST_ENOMEM);
    if (rc != 0) {
        free(v);
        return rc;
    }
    v->publication = p;
    p->visitors++;
    gost_pump_start(&v->pump, visitor, &s, NULL, NULL, visit_done);
    return 0;
}

static void on_accept(struct gost_acceptor *a, int fd, const union gost_sockaddr *peer)
{
    struct gost_publication *p = a->user;
    struct gost_stream *visitor = NULL;
    if (gost_socket_wrap(fd, &visitor) != 0)
        return;
    int rc = p->mux ? carry(p, &visitor, peer) : GOST_EOF;
    if (rc != 0) {
        gost_conn_log(p->conn, GOST_LOG_WARN, "visitor refused: %s", gost_diag_text(rc));
        gost_stream_close(visitor);
    }
}

static void on_end(struct gost_mux *m)
{
    struct gost_publication *p = gost_mux_user(m);
    p->rc = gost_mux_error(m);
    gost_mux_release(m);
    p->mux = NULL;
    gost_fiber_wake(p->fiber);
}

static const struct gost_mux_events events = {.on_end = on_end};

int gost__publish(struct gost_conn *c, struct gost_publication *p,
                  const struct gost_mux_options *mux, const struct gost_announcement *a)
{
    char text[GOST_HOSTPORT_MAX];
    p->conn = c;
    p->announcement = a;
    p->fiber = gost_fiber_self();
    int rc = gost_mux_new(&c->client, mux, true, &events, p, &p->mux);
    if (rc == 0) {
        gost_conn_log(c, GOST_LOG_INFO, "bind on %s", gost_sockaddr_format(&p->acceptor.addr, text));
        p->acceptor.on_accept = on_accept;
        while (p->mux && rc == 0)
            rc = gost_fiber_wait(GOST_NEVER);
        if (p->mux)
            gost_mux_close(p->mux);
        gost_acceptor_close(&p->acceptor);
        while (p->visitors > 0) /* their streams have failed: they end in a turn or two */
            gost_fiber_pause();
    }
    if (rc == 0 && p->rc != GOST_EOF && p->rc != -ECONNRESET && p->rc != -EPIPE)
        rc = p->rc;
    gost__publication_delete(p);
    return rc;
}

/* --- one visitor ------------------------------------------------------------------------------------- */

static void on_single(struct gost_acceptor *a, int fd, const union gost_sockaddr *peer)
{
    struct gost_publication *p = a->user;
    if (p->visitor_fd >= 0) {
        close(fd);
        return;
    }
    p->visitor_fd = fd;
    p->visitor_peer = *peer;
    gost_fiber_wake(p->fiber);
}

/* Has the client left? It must not say anything before the second reply. */
static int client_left(struct gost_conn *c)
{
    char byte;
    ssize_t n = gost_stream_read(c->client, &byte, 1);
    if (n > 0)
        return gost_stream_unread(c->client, &byte, 1);
    return gost_is_want(n) ? 0 : n == 0 ? gost_fail(GOST_EOF, "the client left") : (int)n;
}

int gost__publication_accept(struct gost_conn *c, struct gost_publication *p, uint64_t deadline,
                             struct gost_stream **visitor, union gost_sockaddr *peer)
{
    int rc = 0;
    p->fiber = gost_fiber_self();
    p->acceptor.on_accept = on_single;
    while (p->visitor_fd < 0 && rc == 0 && (rc = client_left(c)) == 0) {
        uint64_t look = gost_deadline_min(deadline, gost_now() + WATCH_MS);
        rc = gost_fiber_wait(look);
        if (rc == GOST_ETIMEDOUT && look < deadline)
            rc = 0;
    }
    gost_acceptor_close(&p->acceptor);
    if (rc != 0)
        return rc;
    *peer = p->visitor_peer;
    int fd = p->visitor_fd;
    p->visitor_fd = -1;
    return gost_socket_wrap(fd, visitor);
}
