/**
 * Workers by number: which threads take messages now.
 */
#ifndef GOST_RUNTIME_WORKERS_H
#define GOST_RUNTIME_WORKERS_H

#include "core/runtime/mailbox.h"

enum { GOST_WORKERS_MAX = 256 };

/**
 * Take messages on this thread, whose loop is entered, as worker `id`.
 * @return 0 or a libuv code
 */
int gost_worker_open(int id);

/** Take no more; those that came are run. Harmless when it is not open. */
void gost_worker_close(void);

/** The number of this thread, or -1 while it takes no messages. */
int gost_worker_self(void);

/**
 * Post from any thread.
 * @return false when that worker takes no messages: `msg` is still the caller's
 */
bool gost_worker_post(int id, struct gost_message *msg);

#endif
