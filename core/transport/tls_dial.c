#include "core/transport/tls_dial.h"

#include "core/net/io.h"
#include "core/runtime/loop.h"
#include "core/transport/tcp.h"
#include "core/transport/tls.h"

int gost__tls_dial(struct gost_dialer *d, const struct gost_tls_dialing *s,
                   struct gost_carrier *carrier, uint64_t deadline, struct gost_stream **out)
{
    struct gost_stream *io = NULL;
    int rc = carrier->open(carrier, deadline, &io);
    if (rc != 0)
        return rc;
    gost__tcp_keepalive(io, &s->keepalive);
    if (s->handshake_timeout > 0)
        deadline = gost_deadline_min(deadline, gost_deadline_in(s->handshake_timeout));
    rc = gost_tls_client(d->tls, d->server_name ? d->server_name : carrier->host, &io);
    if (rc == 0)
        rc = gost_io_open(io, deadline);
    if (rc != 0) {
        gost_stream_close(io);
        return rc;
    }
    *out = io;
    return 0;
}
