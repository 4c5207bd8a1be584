/*
 * Transparent proxy: the client believes it talks to its destination, and so it does, through us. With
 * sniffing, the name that it gives its destination goes before the address, so that rules for names hold.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/net/stream.h"
#include "core/proto/handshake.h"
#include "core/proto/kinds.h"
#include "core/proto/sniffing.h"
#include "core/transport/redirect.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct redirect_settings {
    struct gost_handshake_settings handshake;
    bool tproxy;
    struct gost__sniffing sniffing;
    bool fallback, keep_address;
};

static const struct gost_option options[] = {
    {.key = "tproxy",
     .type = GOST_OPT_BOOL,
     .offset = offsetof(struct redirect_settings, tproxy),
     .help = "take what TPROXY rules send, not REDIRECT rules"},
    GOST_HANDSHAKE_OPTIONS(struct redirect_settings, handshake),
    GOST_SNIFFING_OPTIONS(
        struct redirect_settings, sniffing,
        "connect to the server's name that TLS and HTTP tell, not to its address"),
    {.key = "sniffing.fallback",
     .type = GOST_OPT_BOOL,
     .offset = offsetof(struct redirect_settings, fallback),
     .help = "connect to the address when the name cannot be reached"},
    {.key = "sniffing.dialOriginalDst",
     .type = GOST_OPT_BOOL,
     .offset = offsetof(struct redirect_settings, keep_address),
     .help = "connect to the address all the same: the name is for the bypass, logs and scripts"},
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

/*
 * Does the client name a server to connect to? An address says nothing that we do not know better, a
 * name for the local host means the client's, and a request to a proxy names somebody behind it.
 */
static bool names_server(const struct gost_request *found)
{
    const char *host = found->addr.host;
    size_t n = strlen(host);
    char first = found->head && found->head->target.n ? found->head->target.p[0] : '/';
    bool local =
        n >= 9 && strcasecmp(host + n - 9, "localhost") == 0 && (n == 9 || host[n - 10] == '.');
    return n > 0 && !local && gost_ip_parse(host, 0, NULL) == 0 && (first == '/' || first == '*');
}

/* @param found  its address may be replaced */
static int dial_found(const struct redirect_settings *s, struct gost_conn *c,
                      struct gost_request *found, const struct gost_addr *to,
                      struct gost_stream **up)
{
    int rc = found->addr.host[0] ? c->ops->sniffed(c, found, to->port) : 0;
    bool named = names_server(found);
    if (rc != 0)
        return rc;
    if (named)
        found->addr.port = to->port;
    else
        found->addr = *to;
    rc = gost_conn_dial(c, found, up);
    if (rc == 0 || !named || !s->fallback || rc == GOST_EDENIED || rc == GOST_ECANCELED)
        return rc;
    gost_conn_log(c, GOST_LOG_INFO, "connecting to %s instead: %s", to->host, gost_diag_text(rc));
    found->addr = *to;
    return gost_conn_dial(c, found, up);
}

static int dial_sniffed(const struct redirect_settings *s, struct gost_conn *c,
                        const struct gost_addr *to, struct gost_stream **up)
{
    struct gost__forward_look *look = calloc(1, sizeof(*look)); /* fiber stacks are small */
    if (!look)
        return gost_fail_code(GOST_ENOMEM);
    look->request = gost__handshake_request(&s->handshake, &(struct gost_addr){{0}, 0});
    int rc = gost__sniff(c, &s->sniffing, NULL, s->handshake.read_timeout, look);
    if (rc == 0)
        rc = dial_found(s, c, &look->request, to, up);
    gost__forward_look_delete(look);
    return rc;
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
    bool named = s->sniffing.on && !s->keep_address;
    rc = named ? dial_sniffed(s, c, &to, &up) : gost_conn_dial(c, &request, &up);
    if (rc == 0 && named)
        rc = gost_conn_relay(c, &up);
    else if (rc == 0)
        rc = gost__sniffing_relay(c, &s->sniffing, s->handshake.read_timeout, &request, &up);
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
