#include "core/proto/sniffing.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/proto/handshake.h"

#include <stdlib.h>

int gost__sniff(struct gost_conn *c, const struct gost__sniffing *s, struct gost_stream *up,
                int64_t patience, struct gost__forward_look *look)
{
    if (patience <= 0)
        patience = GOST_READ_TIMEOUT;
    int rc = gost__forward_look(c, look, up, s->timeout, patience);
    return rc == GOST_ECANCELED || rc == GOST_ENOMEM ? rc : 0;
}

/* `port` is the one that was dialed; the bytes may name another, or none. */
static int check_name(struct gost_conn *c, const struct gost__sniffing *s, int64_t patience,
                      uint16_t port, struct gost_stream *up)
{
    struct gost__forward_look *look = calloc(1, sizeof(*look)); /* fiber stacks are small */
    if (!look)
        return gost_fail_code(GOST_ENOMEM);
    look->request.network = GOST_TCP;
    int rc = gost__sniff(c, s, up, patience, look);
    if (rc == 0 && look->request.addr.host[0])
        rc = c->ops->sniffed(c, &look->request, port);
    gost__forward_look_delete(look);
    return rc;
}

int gost__sniffing_relay(struct gost_conn *c, const struct gost__sniffing *s, int64_t patience,
                         const struct gost_request *request, struct gost_stream **up)
{
    int rc = 0;
    if (s->on && request->network == GOST_TCP)
        rc = check_name(c, s, patience, request->addr.port, *up);
    return rc == 0 ? gost_conn_relay(c, up) : rc;
}
