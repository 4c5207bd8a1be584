/**
 * Whom the first datagrams of a session are for, where they speak QUIC. They go on as they are.
 */
#ifndef GOST_PROTO_QUIC_LOOK_H
#define GOST_PROTO_QUIC_LOOK_H

#include "core/proto/conn.h"

enum { GOST__QUIC_LOOK_MAX = 4 }; /**< times that datagrams are waited for */

/** The datagrams that were received meanwhile; zeroed: none. */
struct gost__quic_look {
    struct gost_kept *kept[GOST__QUIC_LOOK_MAX];
    int count;
    char name[256]; /**< the server's; "" when it is not QUIC, or names none */
};

/**
 * Receive from c->packet until it is known; suspends.
 * @param deadline  until when to wait for the rest of a hello
 * @return 0, GOST_ECANCELED, GOST_ENOMEM or what receiving answers
 */
int gost__quic_look(struct gost_conn *c, uint64_t deadline, struct gost__quic_look *look);

/** Send what was received. Like datagrams anywhere, those that cannot be sent at once are lost. */
void gost__quic_look_send(struct gost_conn *c, const struct gost__quic_look *look,
                          struct gost_packet *up);

/** Free what was received. */
void gost__quic_look_clear(struct gost__quic_look *look);

#endif
