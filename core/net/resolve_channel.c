#include "core/net/resolve_channel.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/runtime/loop.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SOCKS_MAX = 32, ROUNDS = 16, TRIES = 2 };

struct gost__channel {
    ares_channel ares;
    struct gost_list socks; /* struct sock */
    struct gost_timer timer;
    struct gost_task task; /* looks at all sockets, so that c-ares is never entered twice */
};

struct sock {
    struct gost_list link;
    struct gost_watch watch;
    struct gost__channel *channel;
    bool read, write; /* what c-ares waits for */
};

static void library_init(void)
{
    ares_library_init(ARES_LIB_INIT_ALL);
}

static struct sock *sock_find(struct gost__channel *ch, int fd)
{
    gost_list_each(link, &ch->socks)
    {
        struct sock *s = gost_container_of(link, struct sock, link);
        if (s->watch.fd == fd)
            return s;
    }
    return NULL;
}

static void on_sock_ready(struct gost_watch *w, uint8_t fresh)
{
    (void)fresh;
    gost_task_post(&gost_container_of(w, struct sock, watch)->channel->task);
}

static void sock_end(struct sock *s)
{
    gost_watch_stop(&s->watch, false); /* c-ares closes it */
    gost_list_remove(&s->link);
    free(s);
}

static void on_sock_state(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct gost__channel *ch = arg;
    struct sock *s = sock_find(ch, fd);
    if (!readable && !writable) {
        if (s)
            sock_end(s);
        return;
    }
    if (!s) {
        s = calloc(1, sizeof(*s));
        if (!s || gost_watch_start(&s->watch, fd, on_sock_ready) != 0) {
            free(s); /* the query times out */
            return;
        }
        s->channel = ch;
        gost_list_add(&ch->socks, &s->link);
    }
    s->read = readable;
    s->write = writable;
    gost_task_post(&ch->task); /* it may be ready already, and an edge comes only once */
}

static void channel_arm(struct gost__channel *ch)
{
    struct timeval tv;
    if (!ares_timeout(ch->ares, NULL, &tv)) {
        gost_timer_stop(&ch->timer);
        return;
    }
    uint64_t ms = (uint64_t)tv.tv_sec * 1000 + (uint64_t)tv.tv_usec / 1000;
    gost_timer_start(&ch->timer, gost_now() + ms + 1);
}

/* @return false when no socket was ready */
static bool process_once(struct gost__channel *ch)
{
    struct pollfd set[SOCKS_MAX];
    nfds_t n = 0;
    gost_list_each(link, &ch->socks)
    {
        struct sock *s = gost_container_of(link, struct sock, link);
        if (n < SOCKS_MAX)
            set[n++] = (struct pollfd){
                .fd = s->watch.fd,
                .events = (short)((s->read ? POLLIN : 0) | (s->write ? POLLOUT : 0))};
    }
    if (n == 0 || poll(set, n, 0) <= 0)
        return false;
    for (nfds_t i = 0; i < n; i++) {
        bool failed = set[i].revents & (POLLERR | POLLHUP);
        bool in = failed || set[i].revents & POLLIN, out = set[i].revents & POLLOUT;
        if (in || out)
            ares_process_fd(ch->ares, in ? set[i].fd : ARES_SOCKET_BAD,
                            out ? set[i].fd : ARES_SOCKET_BAD);
    }
    return true;
}

static void on_task(struct gost_task *t)
{
    struct gost__channel *ch = gost_container_of(t, struct gost__channel, task);
    int rounds = 0;
    while (rounds < ROUNDS && process_once(ch))
        rounds++;
    if (rounds == ROUNDS)
        gost_task_post(&ch->task);
    channel_arm(ch);
}

static void on_timer(struct gost_timer *t)
{
    struct gost__channel *ch = gost_container_of(t, struct gost__channel, timer);
    ares_process_fd(ch->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    gost_task_post(&ch->task);
}

static int channel_options(const struct gost__channel_config *config, struct ares_options *o)
{
    int mask = ARES_OPT_SOCK_STATE_CB | ARES_OPT_LOOKUPS | ARES_OPT_TRIES;
    o->lookups = config->hosts_only ? "f" : "b";
    if (config->servers) { /* names are looked up as they are */
        o->flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_NOCHECKRESP |
                   (config->tcp ? ARES_FLAG_USEVC : 0);
        mask |= ARES_OPT_FLAGS | ARES_OPT_DOMAINS;
    }
    o->tries = TRIES;
    if (config->timeout_ms > 0) { /* each try waits twice as long as the one before */
        o->timeout = (int)(config->timeout_ms / ((1 << TRIES) - 1)) + 1;
        mask |= ARES_OPT_TIMEOUTMS;
    }
    if (config->port) {
        o->udp_port = o->tcp_port = config->port;
        mask |= ARES_OPT_UDP_PORT | ARES_OPT_TCP_PORT;
    }
    if (config->resolv_conf) {
        o->resolvconf_path = (char *)config->resolv_conf;
        mask |= ARES_OPT_RESOLVCONF;
    }
    return mask;
}

int gost__channel_new(const struct gost__channel_config *config, struct gost__channel **out)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, library_init);
    struct gost__channel *ch = calloc(1, sizeof(*ch));
    if (!ch)
        return gost_fail_code(GOST_ENOMEM);
    gost_list_create(&ch->socks);
    gost_timer_create(&ch->timer, on_timer);
    gost_task_create(&ch->task, on_task);
    struct ares_options o = {.sock_state_cb = on_sock_state, .sock_state_cb_data = ch};
    int rc = ares_init_options(&ch->ares, &o, channel_options(config, &o));
    if (rc != ARES_SUCCESS) {
        free(ch);
        return gost_fail(GOST_EDNS, "name lookup: %s", ares_strerror(rc));
    }
    if (config->servers && (rc = ares_set_servers_ports_csv(ch->ares, config->servers)) != 0) {
        gost__channel_delete(ch);
        return gost_fail(GOST_EDNS, "name server %s: %s", config->servers, ares_strerror(rc));
    }
    *out = ch;
    return 0;
}

void gost__channel_ask(struct gost__channel *ch, const char *name, int family,
                       ares_addrinfo_callback fn, void *arg)
{
    struct ares_addrinfo_hints hints = {.ai_flags = ARES_AI_NOSORT | ARES_AI_ENVHOSTS,
                                        .ai_family = family,
                                        .ai_socktype = SOCK_STREAM};
    ares_getaddrinfo(ch->ares, name, NULL, &hints, fn, arg);
    gost_task_post(&ch->task);
}

void gost__channel_delete(struct gost__channel *ch)
{
    if (!ch)
        return;
    ares_destroy(ch->ares); /* calls back, and closes its sockets */
    while (!gost_list_empty(&ch->socks))
        sock_end(gost_container_of(ch->socks.next, struct sock, link));
    gost_timer_stop(&ch->timer);
    gost_task_cancel(&ch->task);
    free(ch);
}
