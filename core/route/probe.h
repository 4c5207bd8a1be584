/**
 * Probes: what is tried now and then to learn whether a node works. A node with a probe is looked after
 * as long as it lives; what comes of it goes into the node's fail mark, which all workers share, so one
 * of them probes for all.
 */
#ifndef GOST_ROUTE_PROBE_H
#define GOST_ROUTE_PROBE_H

#include "core/base/option.h"
#include "core/route/hop.h"

struct gost_probe_settings {
    int type;                   /**< see the table: tcp, http, cmd */
    char *addr;                 /**< host:port; what a member of a group is to reach */
    int64_t interval, timeout;  /**< milliseconds */
    char *path, *host;          /**< of the HTTP request */
    struct gost_strings header; /**< name, value, … */
    int64_t status;             /**< that is expected */
    char *command;
};

extern const struct gost_options gost_probe_options;

/**
 * Begin to probe a node; the first time in the next turn of the loop.
 * @param settings   owned from now on, freed on failure too
 * @param max_fails  of the node's hop
 * @param via        the way to the node, for targets of a forwarding service; or NULL: directly
 * @return 0, GOST_ECONFIG or GOST_ENOMEM with diag. n->probe is the node's own then
 */
int gost_probe_start(struct gost_node *n, struct gost_probe_settings *settings, int max_fails,
                     struct gost_chain *via);

/** By the node that goes away. NULL is fine. */
void gost__probe_stop(struct gost_probe *p);

#endif
