/**
 * A c-ares channel in this thread's loop: its sockets are watches, its timeouts a timer.
 */
#ifndef GOST_NET_RESOLVE_CHANNEL_H
#define GOST_NET_RESOLVE_CHANNEL_H

#include <ares.h>
#include <stdbool.h>
#include <stdint.h>

struct gost__channel;

/** What a channel asks. All zero: the servers of resolv.conf. */
struct gost__channel_config {
    const char *servers;     /**< "1.2.3.4:53", instead of resolv.conf */
    const char *resolv_conf; /**< path of that file, NULL: the system's */
    uint16_t port;           /**< of its servers; 0: 53 */
    bool tcp;
    bool hosts_only;    /**< read the hosts file and ask nobody: answers come within the call */
    int64_t timeout_ms; /**< for an exchange with all its tries; 0: c-ares' own way */
};

/** @return 0, or a negative code with diag */
int gost__channel_new(const struct gost__channel_config *config, struct gost__channel **out);

/**
 * Ask for the addresses of one family (AF_INET, AF_INET6 or AF_UNSPEC).
 * @param fn  gets ARES_SUCCESS with a result that it frees, or why not; may be called within the
 * call
 */
void gost__channel_ask(struct gost__channel *ch, const char *name, int family,
                       ares_addrinfo_callback fn, void *arg);

/** End open queries (fn gets ARES_EDESTRUCTION) and free. Not from inside `fn`. NULL is fine. */
void gost__channel_delete(struct gost__channel *ch);

#endif
