/* What a session says in the log. */
#include "core/base/error.h"
#include "core/route/session_int.h"

#include <stdarg.h>
#include <stdio.h>

void gost_conn_log(struct gost_conn *c, enum gost_log_level level, const char *fmt, ...)
{
    struct gost_session *s = gost_session_of(c);
    char text[768], peer[GOST_HOSTPORT_MAX];
    if (!gost_log_on(s->service->logger, level))
        return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    gost_sockaddr_format(&c->peer, peer);
    struct gost_log_field f[] = {
        GOST_FIELD("kind", "handler"),     GOST_FIELD("service", s->service->name),
        GOST_FIELD("handler", c->handler), GOST_FIELD("client", peer),
        GOST_FIELD_INT("sid", c->id),
    };
    gost_log_fields(s->service->logger, level, f, 5, "service %s: client %s: %s", s->service->name,
                    peer, text);
}

/* The one line that tells what became of a connection. */
void gost__session_log_end(struct gost_session *s, const struct gost_conn_stats *stats)
{
    struct gost_conn *c = &s->conn;
    char peer[GOST_HOSTPORT_MAX];
    /* A client that leaves or talks nonsense is its own business; the way to a target is ours. */
    enum gost_log_level level = stats->rc == 0                ? GOST_LOG_INFO
                                : stats->rc == GOST_ECANCELED ? GOST_LOG_INFO
                                : c->target && !s->pumping    ? GOST_LOG_ERROR
                                                              : GOST_LOG_WARN;
    if (s->quiet || !gost_log_on(s->service->logger, level))
        return;
    gost_sockaddr_format(&c->peer, peer);
    struct gost_log_field f[12];
    size_t n = 0;
    f[n++] = GOST_FIELD("kind", "handler");
    f[n++] = GOST_FIELD("service", s->service->name);
    f[n++] = GOST_FIELD("handler", c->handler);
    f[n++] = GOST_FIELD("client", peer);
    f[n++] = GOST_FIELD_INT("sid", c->id);
    if (c->target)
        f[n++] = GOST_FIELD("host", c->target);
    if (c->route)
        f[n++] = GOST_FIELD("route", c->route);
    if (c->sniffed)
        f[n++] = GOST_FIELD("sniffed", c->sniffed);
    if (c->client_id)
        f[n++] = GOST_FIELD("clientID", c->client_id);
    f[n++] = GOST_FIELD_INT("inputBytes", stats->in);
    f[n++] = GOST_FIELD_INT("outputBytes", stats->out);
    f[n++] = GOST_FIELD_NS("duration", stats->duration_ms * 1000000);
    if (stats->rc != 0)
        gost_log_fields(s->service->logger, level, f, n, "service %s: client %s: %s",
                        s->service->name, peer, stats->error);
    else
        gost_log_fields(s->service->logger, level, f, n, "%s >< %s", peer,
                        c->target ? c->target : "-");
}
