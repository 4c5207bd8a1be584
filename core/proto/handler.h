/**
 * Handlers: what a service says to its clients. One kind per protocol, one object per service.
 */
#ifndef GOST_PROTO_HANDLER_H
#define GOST_PROTO_HANDLER_H

#include "core/base/option.h"
#include "core/proto/conn.h"

struct gost_handler;

struct gost_handler_kind {
    const char *name;
    const char *aliases; /**< separated by blanks, or NULL */
    const char *help;    /**< one line */
    struct gost_options options;
    const char *delegates; /**< kinds it may hand connections to (serve_as), which share its
                              settings; separated by blanks, or NULL */
    bool no_auth;          /**< the protocol has no place for credentials */
    bool packets;          /**< serves sessions of datagrams (conn.packet) as well */
    /** Check the settings and derive state; NULL: nothing to do. @return 0 or GOST_ECONFIG with diag */
    int (*init)(struct gost_handler *h);
    /**
     * Serve one connection, on a fiber of its own. Ends by handing the client's stream to the pump
     * (gost_conn_relay) or by returning; what is left of the client's stream is then closed.
     * @return 0, or a negative code whose story the service logs
     */
    int (*serve)(struct gost_handler *h, struct gost_conn *c);
    void (*destroy)(struct gost_handler *h); /**< free `state`; NULL: nothing to do */
};

struct gost_handler {
    const struct gost_handler_kind *kind;
    void *settings; /**< of kind->options */
    void *state;
};

/** @param settings  owned by the handler from now on, freed on failure too. @return 0 or GOST_ECONFIG */
int gost_handler_new(const struct gost_handler_kind *kind, void *settings,
                     struct gost_handler **out);
void gost_handler_delete(struct gost_handler *h);

#endif
