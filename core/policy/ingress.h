/**
 * Ingress: which tunnel a host name leads to.
 */
#ifndef GOST_POLICY_INGRESS_H
#define GOST_POLICY_INGRESS_H

#include "core/base/map.h"
#include "core/base/uuid.h"

struct gost_ingress {
    int refs;
    struct gost_map rules; /**< "x" or ".x" -> struct gost_endpoint */
    /**
     * A script's own word, or NULL; asked when no rule fits. May suspend.
     * @return 1 found, 0 none, or a negative code with diag
     */
    int (*hook)(void *arg, const char *host, struct gost_endpoint *out);
    void *hook_arg;
    void (*hook_drop)(void *arg); /**< frees hook_arg with the ingress; may be NULL */
};

/** @param[out] out  with one reference. @return 0 or GOST_ENOMEM */
int gost_ingress_new(struct gost_ingress **out);

/** @return i */
struct gost_ingress *gost_ingress_ref(struct gost_ingress *i);

/** NULL is fine. */
void gost_ingress_unref(struct gost_ingress *i);

/**
 * Add a rule, or replace the one for that host.
 * @param host      "x", ".x" or "*.x" (both: x and all below), in any case
 * @param endpoint  a UUID; with "$" in front the tunnel is private
 * @return 0, GOST_ECONFIG with diag, or GOST_ENOMEM
 */
int gost_ingress_add(struct gost_ingress *i, const char *host, size_t host_len,
                     const char *endpoint, size_t endpoint_len);

/** Add the rules of a file: "host endpoint" a line, "#" comments. @return as gost_lines_load */
int gost_ingress_load(struct gost_ingress *i, const char *text, size_t n);

/** Exchange the rules of two ingresses. */
void gost_ingress_swap(struct gost_ingress *a, struct gost_ingress *b);

/**
 * Look a host up: the name itself, then the rules of zones from the longest to the shortest, then the
 * hook. Suspends if the hook does.
 * @return 1 found, 0 none, or the hook's negative code
 */
int gost_ingress_find(struct gost_ingress *i, const char *host, struct gost_endpoint *out);

#endif
