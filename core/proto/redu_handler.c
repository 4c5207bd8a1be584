/*
 * Transparent UDP proxy: datagrams go on to where their sender wanted them, and answers come from
 * there. With sniffing, the server's name in QUIC is for the service's bypass, logs and scripts.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/http1_body.h"
#include "core/proto/handshake.h"
#include "core/proto/kinds.h"
#include "core/proto/quic_look.h"
#include "core/proto/sniffing.h"

#include <stdlib.h>
#include <string.h>

struct redu_settings {
    struct gost__sniffing sniffing;
};

static const struct gost_option options[] = {
    GOST_SNIFFING_OPTIONS(
        struct redu_settings, sniffing,
        "read the server's name in QUIC, for the service's bypass, logs and scripts"),
    GOST_OPTION_END,
};

/* @param r  of the destination */
static int dial(struct gost_conn *c, const struct gost_request *r, struct gost__quic_look *look,
                struct gost_packet **up)
{
    struct gost_request *found = look->name[0] ? malloc(sizeof(*found)) : NULL;
    int rc = 0;
    if (found) {
        *found = *r;
        found->protocol = "quic";
        if (gost_http1_authority(&found->addr, gost_slice(look->name), 443) == 0)
            rc = c->ops->sniffed(c, found, r->addr.port);
        free(found);
    }
    if (rc == 0)
        rc = c->ops->dial_packet(c, r, up);
    if (rc == 0)
        gost__quic_look_send(c, look, *up);
    return rc;
}

static int dial_sniffed(const struct gost__sniffing *s, struct gost_conn *c,
                        const struct gost_request *r, struct gost_packet **up)
{
    struct gost__quic_look *look = calloc(1, sizeof(*look)); /* fiber stacks are small */
    if (!look)
        return gost_fail_code(GOST_ENOMEM);
    int rc = gost__quic_look(c, gost__deadline_within(c->deadline, s->timeout), look);
    if (rc == 0)
        rc = dial(c, r, look, up);
    gost__quic_look_clear(look);
    free(look);
    return rc;
}

static int serve(struct gost_handler *h, struct gost_conn *c)
{
    const struct redu_settings *s = h->settings;
    union gost_sockaddr to;
    char text[GOST_HOSTPORT_MAX];
    struct gost_packet *up = NULL;
    if (!c->packet || gost_packet_query(c->packet, GOST_QUERY_LOCAL_ADDR, &to) != 0)
        return gost_fail(GOST_ENOTSUP, "there is no redirected datagram (is the listener redu?)");
    struct gost_request *r = calloc(1, sizeof(*r)); /* too big for a fiber's stack */
    if (!r)
        return gost_fail_code(GOST_ENOMEM);
    r->network = GOST_UDP;
    strcpy(r->addr.host, gost_sockaddr_host(&to, text));
    r->addr.port = gost_sockaddr_port(&to);
    int rc = s->sniffing.on ? dial_sniffed(&s->sniffing, c, r, &up) : c->ops->dial_packet(c, r, &up);
    free(r);
    if (rc == 0)
        rc = c->ops->relay_packet(c, &up, false);
    gost_packet_close(up);
    return rc;
}

const struct gost_handler_kind gost__redu_handler = {
    .name = "redu",
    .help = "send redirected datagrams on to their original destination",
    .options = {options, sizeof(struct redu_settings)},
    .no_auth = true,
    .packets = true,
    .serve = serve,
};
