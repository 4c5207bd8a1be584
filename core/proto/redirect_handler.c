/*
 * Transparent proxy: the client believes it talks to its destination, and so it does, through us.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/net/stream.h"
#include "core/proto/handshake.h"
#include "core/proto/kinds.h"
#include "core/transport/redirect.h"

#include <string.h>

struct redirect_settings {
    struct gost_handshake_settings handshake;
    bool tproxy;
};

static const struct gost_option options[] = {
    {.key = "tproxy",
     .type = GOST_OPT_BOOL,
     .offset = offsetof(struct redirect_settings, tproxy),
     .help = "take what TPROXY rules send, not REDIRECT rules"},
    GOST_HANDSHAKE_OPTIONS(struct redirect_settings, handshake),
    GOST_OPTION_END,
};

/* Where the client wanted to go. @return 0 or a negative code with diag */
static int find(struct gost_conn *c, bool tproxy, struct gost_addr *out)
{
    union gost_sockaddr to, own;
    char text[GOST_HOSTPORT_MAX];
    int fd;
    if (gost_stream_query(c->client, GOST_QUERY_CARRIER, &fd) != 0)
        return gost_fail(GOST_ENOTSUP, "there is no socket that could have been redirected");
    int rc = gost__redirect_original(fd, tproxy, &to);
    if (rc != 0)
        return rc;
    if (!tproxy && gost_stream_query(c->client, GOST_QUERY_LOCAL_ADDR, &own) == 0 &&
        gost__redirect_is_self(&to, gost_sockaddr_port(&own)))
        return gost_fail(GOST_EDENIED,
                         "the client came straight to %s, which leads nowhere but here",
                         gost_sockaddr_format(&to, text));
    memset(out, 0, sizeof(*out));
    strcpy(out->host, gost_sockaddr_host(&to, text));
    out->port = gost_sockaddr_port(&to);
    return 0;
}

static int serve(struct gost_handler *h, struct gost_conn *c)
{
    const struct redirect_settings *s = h->settings;
    struct gost_stream *up = NULL;
    struct gost_addr to;
    gost__handshake_begin(c, &s->handshake);
    int rc = find(c, s->tproxy, &to);
    if (rc != 0)
        return rc;
    struct gost_request request = gost__handshake_request(&s->handshake, &to);
    rc = gost_conn_dial(c, &request, &up);
    if (rc == 0)
        rc = gost_conn_relay(c, &up);
    gost_stream_close(up);
    return rc;
}

const struct gost_handler_kind gost__redirect_handler = {
    .name = "redirect",
    .aliases = "redir red",
    .help = "connect redirected clients to their original destination",
    .options = {options, sizeof(struct redirect_settings)},
    .no_auth = true,
    .serve = serve,
};
