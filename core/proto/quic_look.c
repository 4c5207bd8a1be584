#include "core/proto/quic_look.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/runtime/loop.h"
#include "core/transport/quic_hello.h"

#include <stdlib.h>
#include <string.h>

enum { KEPT_MAX = 64 * 1024 }; /* bytes of one batch; what is beyond is lost */

void gost__quic_look_clear(struct gost__quic_look *look)
{
    for (int i = 0; i < look->count; i++)
        free(look->kept[i]);
    look->count = 0;
}

/*
 * Receive once.
 * @return 1: all is known that will be; 0: more is needed; GOST_WANT_*, or another negative code
 */
static int look_once(struct gost_conn *c, struct gost__quic_hello *hello,
                     struct gost_client_hello *out, struct gost__quic_look *look)
{
    struct gost_batch *b = gost_batch_take();
    int copied, rc = 0, n = gost_packet_recv(c->packet, b);
    for (int i = 0; i < n && rc == 0; i++)
        rc = gost__quic_hello_take(hello, b->d[i].data, b->d[i].len, out);
    if (rc == 1)
        memcpy(look->name, out->sni, sizeof(look->name));
    if (n > 0) {
        look->kept[look->count] = gost_kept_new(b->d, n, KEPT_MAX, &copied);
        look->count += look->kept[look->count] != NULL;
    }
    gost_batch_give(b);
    if (n <= 0)
        return n == 0 ? 1 : n;
    return rc == GOST_ENOMEM ? rc : rc != 0 || look->count == GOST__QUIC_LOOK_MAX;
}

static int wait_for_more(struct gost_packet *p, uint64_t deadline)
{
    gost_packet_set_waker(p, GOST_READER, &gost_fiber_self()->waker);
    int rc = gost_fiber_wait(deadline);
    gost_packet_set_waker(p, GOST_READER, NULL);
    return rc;
}

int gost__quic_look(struct gost_conn *c, uint64_t deadline, struct gost__quic_look *look)
{
    struct room { /* on the heap: fiber stacks are small */
        struct gost__quic_hello hello;
        struct gost_client_hello out;
    } *room = calloc(1, sizeof(*room));
    if (!room)
        return gost_fail_code(GOST_ENOMEM);
    int rc = 0;
    while (rc == 0) {
        rc = look_once(c, &room->hello, &room->out, look);
        if (gost_is_want(rc))
            rc = wait_for_more(c->packet, deadline);
    }
    free(room);
    return rc > 0 || rc == GOST_ETIMEDOUT ? 0 : rc;
}

void gost__quic_look_send(struct gost_conn *c, const struct gost__quic_look *look,
                          struct gost_packet *up)
{
    for (int i = 0; i < look->count; i++) {
        const struct gost_kept *k = look->kept[i];
        int sent = gost_packet_send(up, k->d, k->count);
        for (int j = 0; j < sent; j++)
            c->ops->count(c, k->d[j].len, 0);
    }
}
