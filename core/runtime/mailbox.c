#include "core/runtime/mailbox.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void mailbox_drain(struct gost_mailbox *m)
{
    struct gost_message *newest = atomic_exchange(&m->head, NULL), *oldest = NULL;
    while (newest) { /* a stack turns into a queue */
        struct gost_message *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        struct gost_message *next = oldest->next;
        oldest->fn(oldest);
        oldest = next;
    }
}

static void mailbox_ready(struct gost_watch *w, uint8_t fresh)
{
    uint64_t count;
    (void)fresh;
    while (read(w->fd, &count, sizeof(count)) > 0)
        ;
    mailbox_drain(gost_container_of(w, struct gost_mailbox, watch));
}

int gost_mailbox_create(struct gost_mailbox *m)
{
    atomic_init(&m->head, NULL);
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    int rc = gost_watch_start(&m->watch, fd, mailbox_ready);
    if (rc != 0)
        close(fd);
    return rc;
}

void gost_mailbox_destroy(struct gost_mailbox *m)
{
    gost_watch_stop(&m->watch, true);
    mailbox_drain(m);
}

void gost_mailbox_post(struct gost_mailbox *m, struct gost_message *msg)
{
    struct gost_message *head = atomic_load_explicit(&m->head, memory_order_relaxed);
    do {
        msg->next = head;
    } while (!atomic_compare_exchange_weak_explicit(&m->head, &head, msg, memory_order_release,
                                                    memory_order_relaxed));
    if (!head) { /* the first one rings the bell */
        uint64_t one = 1;
        ssize_t n = write(m->watch.fd, &one, sizeof(one));
        (void)n; /* a full counter rings as well */
    }
}
