/**
 * Messages between workers: any thread posts, the owner runs them in its loop, in order.
 */
#ifndef GOST_RUNTIME_MAILBOX_H
#define GOST_RUNTIME_MAILBOX_H

#include "core/runtime/loop.h"

#include <stdatomic.h>

/** A message. Embedded in its sender's own struct; it belongs to the receiver from the post on. */
struct gost_message {
    struct gost_message *next;
    void (*fn)(struct gost_message *self); /**< runs on the receiver's loop; frees the message */
};

struct gost_mailbox {
    _Atomic(struct gost_message *) head; /**< newest first */
    struct gost_watch watch;             /**< an eventfd */
};

/** Call on the owner's thread. @return 0 or a libuv code */
int gost_mailbox_create(struct gost_mailbox *m);

/** Call on the owner's thread, when nobody posts any more. What is left is run. */
void gost_mailbox_destroy(struct gost_mailbox *m);

/** From any thread. */
void gost_mailbox_post(struct gost_mailbox *m, struct gost_message *msg);

#endif
