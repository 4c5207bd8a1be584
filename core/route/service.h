/**
 * A service: a listener, a handler, and the rules for what its clients may do.
 *
 * Belongs to one worker; each worker runs the whole configuration. A service whose configuration was
 * replaced lives on, without its listener, until its last connection ended.
 */
#ifndef GOST_ROUTE_SERVICE_H
#define GOST_ROUTE_SERVICE_H

#include "core/policy/admission.h"
#include "core/policy/auth.h"
#include "core/policy/bypass.h"
#include "core/policy/conn_limit.h"
#include "core/policy/ingress.h"
#include "core/policy/rate_limit.h"
#include "core/policy/sd.h"
#include "core/policy/traffic.h"
#include "core/proto/handler.h"
#include "core/route/hooks.h"
#include "core/route/router.h"
#include "core/transport/transport.h"

#include <stdatomic.h>

/** Counters of a service, summed over all workers (shared memory). */
struct gost_service_stats {
    _Atomic uint64_t total;   /**< connections accepted */
    _Atomic uint64_t current; /**< open now */
    _Atomic uint64_t errors;  /**< ended with an error */
    _Atomic uint64_t in;      /**< bytes received from clients, of ended connections */
    _Atomic uint64_t out;
};

enum { GOST_DELEGATES_MAX = 8 };

struct gost_service {
    uint32_t refs;
    char *name;
    struct gost_listener *listener;                    /**< owned */
    struct gost_handler *handler;                      /**< owned */
    struct gost_handler *delegate[GOST_DELEGATES_MAX]; /**< owned; other kinds it may serve as */
    size_t delegates;
    struct gost_router router;
    struct gost_router bind_router; /**< of a remote listener; without a chain it listens here */
    struct gost_hop *forwarder; /**< owned reference; the targets of a forwarding service, or NULL */
    struct gost_admission **admission; /**< owned references */
    size_t admission_count;
    struct gost_bypass **bypass;
    size_t bypass_count;
    struct gost_auther **auther; /**< any one that accepts is enough */
    size_t auther_count;
    bool wants_auth; /**< authers are configured (even if none could be built: then all are denied) */
    struct gost_cidrs trusted; /**< clients that need no credentials, whatever they send (skipauth) */
    struct gost_ingress *ingress; /**< owned reference or NULL: which tunnel a host leads to */
    struct gost_sd *sd; /**< owned reference or NULL: which other hosts carry which tunnels */
    struct gost_hooks hooks;
    const struct gost_logger *logger;   /**< borrowed, or NULL for the default one */
    struct gost_traffic *traffic;       /**< owned reference or NULL: bytes per second */
    unsigned traffic_scope;             /**< enum gost_scope */
    struct gost_conn_limit *conn_limit; /**< owned reference or NULL: connections at a time */
    struct gost_rate_limit *rate_limit; /**< owned reference or NULL: connections per second */
    struct gost_service_stats *stats;   /**< shared memory */
    struct gost_list sessions;          /**< struct gost_session */
    size_t live;                        /**< their number on this worker */
    void *script;                       /**< for the bindings */
    void (*script_drop)(struct gost_service *s);
};

/**
 * @param listener, handler  owned from now on, freed on failure too
 * @param[out] out  with one reference
 */
int gost_service_new(const char *name, struct gost_listener *listener, struct gost_handler *handler,
                     struct gost_service **out);
struct gost_service *gost_service_ref(struct gost_service *s);

/** The last reference stops it and frees it. Connections hold references. NULL is fine. */
void gost_service_unref(struct gost_service *s);

/** Add a handler that connections may be handed to; owned from now on. @return 0 or GOST_ELIMIT */
int gost_service_add_delegate(struct gost_service *s, struct gost_handler *h);

/** The service's own handler or delegate of that kind, or NULL. */
struct gost_handler *gost__service_handler(struct gost_service *s, const char *kind);

/** Listen. @return 0 or a negative code with diag */
int gost_service_start(struct gost_service *s);

/** Stop listening; connections go on. */
void gost_service_stop(struct gost_service *s);

/** End all connections of this worker. They are gone after the loop turned a few times. */
void gost_service_kill(struct gost_service *s);

/** Serve a stream that came from elsewhere than the listener. `*s` is owned from now on. */
void gost_service_serve(struct gost_service *s, struct gost_stream **stream,
                        const union gost_sockaddr *peer);

/** All connections of this worker, of living and of replaced services. */
size_t gost_session_count(void);

/** End all connections of this worker, also those of replaced services. */
void gost_session_kill_all(void);

#endif
