#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/net/resolve.h"
#include "core/runtime/loop.h"

/* While only one family's addresses are known, they get so long before all are tried. */
enum { PARTIAL_MS = 2000 };

int gost_dial_host(const char *host, uint16_t port, struct gost_resolver *r,
                   const struct gost_socket_options *options, uint64_t deadline,
                   struct gost_stream **out)
{
    for (int attempt = 0;; attempt++) {
        struct gost_addrs addrs;
        int rc = gost_resolver_lookup(r, host, port, GOST_FAMILY_ANY, deadline, &addrs);
        if (rc != 0)
            return rc;
        bool again = addrs.partial && attempt == 0;
        uint64_t until = gost_deadline_min(deadline, again ? gost_now() + PARTIAL_MS : GOST_NEVER);
        rc = gost_socket_race(addrs.addr, addrs.count, options, until, out);
        gost_addrs_destroy(&addrs);
        if (rc == 0 || !again || rc == GOST_ECANCELED)
            return rc;
    }
}
