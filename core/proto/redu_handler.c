/*
 * Transparent UDP proxy: datagrams go on to where their sender wanted them, and answers come from
 * there.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/proto/kinds.h"

#include <stdlib.h>
#include <string.h>

static int serve(struct gost_handler *h, struct gost_conn *c)
{
    union gost_sockaddr to;
    char text[GOST_HOSTPORT_MAX];
    struct gost_packet *up = NULL;
    (void)h;
    if (!c->packet || gost_packet_query(c->packet, GOST_QUERY_LOCAL_ADDR, &to) != 0)
        return gost_fail(GOST_ENOTSUP, "there is no redirected datagram (is the listener redu?)");
    struct gost_request *r = calloc(1, sizeof(*r)); /* too big for a fiber's stack */
    if (!r)
        return gost_fail_code(GOST_ENOMEM);
    r->network = GOST_UDP;
    strcpy(r->addr.host, gost_sockaddr_host(&to, text));
    r->addr.port = gost_sockaddr_port(&to);
    int rc = c->ops->dial_packet(c, r, &up);
    free(r);
    if (rc == 0)
        rc = c->ops->relay_packet(c, &up, false);
    gost_packet_close(up);
    return rc;
}

const struct gost_handler_kind gost__redu_handler = {
    .name = "redu",
    .help = "send redirected datagrams on to their original destination",
    .no_auth = true,
    .packets = true,
    .serve = serve,
};
