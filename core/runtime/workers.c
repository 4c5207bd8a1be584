#include "core/runtime/workers.h"

#include <pthread.h>

struct worker {
    struct gost_mailbox mailbox;
    bool open;
};

static struct worker workers[GOST_WORKERS_MAX];
/* Held while posting: between a message and its bell the receiver may read the one and end. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local struct worker *self;

static void set_open(struct worker *w, bool open)
{
    pthread_mutex_lock(&lock);
    w->open = open;
    pthread_mutex_unlock(&lock);
}

int gost_worker_open(int id)
{
    int rc = gost_mailbox_create(&workers[id].mailbox);
    if (rc != 0)
        return rc;
    self = &workers[id];
    set_open(self, true);
    return 0;
}

void gost_worker_close(void)
{
    struct worker *w = self;
    if (!w)
        return;
    set_open(w, false);
    self = NULL;
    gost_mailbox_destroy(&w->mailbox);
}

int gost_worker_self(void)
{
    return self ? (int)(self - workers) : -1;
}

bool gost_worker_post(int id, struct gost_message *msg)
{
    bool open = false;
    if (id < 0 || id >= GOST_WORKERS_MAX)
        return false;
    pthread_mutex_lock(&lock);
    open = workers[id].open;
    if (open)
        gost_mailbox_post(&workers[id].mailbox, msg);
    pthread_mutex_unlock(&lock);
    return open;
}
