/** What the files of the tunnel protocol's server share among themselves. */
#ifndef GOST_PROTO_TUNNEL_INT_H
#define GOST_PROTO_TUNNEL_INT_H

#include "core/base/buf.h"
#include "core/base/list.h"
#include "core/proto/handler.h"
#include "core/proto/tunnel.h"
#include "core/runtime/loop.h"

/** A client that carries a tunnel. */
struct gost__tunnel_carrier {
    struct gost_list link; /**< in the tunnel's list, which workers share; so are the next four */
    struct gost_relay_id id;
    uint8_t tunnel[GOST_UUID_BYTES];
    int worker; /**< that has its session */
    bool alive; /**< the session is */
    /* its worker's alone: */
    bool resting; /**< its fiber has ended, the connection lives on */
    bool telling; /**< a fiber tells other hosts, and needs the connection */
    struct gost_tunnels *tunnels;
    struct gost_conn *conn;
    struct gost_mux *mux; /**< NULL once it is lost */
    int rc;               /**< why, with its story */
    char *story;
    char *address; /**< other hosts are told, or NULL */
    int64_t ttl_ms;
    struct gost_timer renew;
    struct gost_task end;
};

/* --- tunnel.c */

/** @return 0, or as gost_tunnels_admit, or GOST_ENOMEM */
int gost__tunnels_enter(struct gost_tunnels *t, const struct gost_tunnel_connector *who,
                        struct gost__tunnel_carrier *k);

/** No more visitors for it. */
void gost__tunnels_lose(struct gost__tunnel_carrier *k);
void gost__tunnels_leave(struct gost_tunnels *t, struct gost__tunnel_carrier *k);

/** A connector that was chosen for a visitor. */
struct gost__tunnel_choice {
    uint8_t id[GOST_UUID_BYTES];
    int worker; /**< that has its session */
};

/** Choose by network and weight among the living. @return false: there is none */
bool gost__tunnels_choose(struct gost_tunnels *t, const uint8_t *tunnel, bool udp,
                          struct gost__tunnel_choice *out);

/**
 * Open a stream on a session of this worker that begins with these bytes.
 * @return 0, GOST_ENONODE or another negative code
 */
int gost__tunnels_open_on(struct gost_tunnels *t, const uint8_t *tunnel, const uint8_t *connector,
                          const void *first, size_t n, struct gost_stream **out);

/** Is that connector alive, on any worker? */
bool gost__tunnels_has(struct gost_tunnels *t, const uint8_t *tunnel, const uint8_t *connector);

struct gost_tunnels *gost__tunnels_ref(struct gost_tunnels *t);

/** What other hosts know these tunnels by. */
const uint8_t *gost__tunnels_node(const struct gost_tunnels *t);

/** Where other hosts reach this one, as configured. @return 0 or GOST_ENOMEM */
int gost__tunnels_set_address(struct gost_tunnels *t, const char *address);

/** @param[out] out  GOST_HOSTPORT_MAX bytes; "": not known. @return `out` */
char *gost__tunnels_address(struct gost_tunnels *t, char *out);

/* --- tunnel_hosts.c: other hosts */

/**
 * Connect to the entry of a host that carries the tunnel, as service discovery says; suspends.
 * @return 0, GOST_ENONODE when there is none, or another negative code, with diag
 */
int gost__tunnel_host_dial(struct gost_tunnels *t, struct gost_conn *c,
                           const struct gost_tunnel_visit *v, struct gost_stream **out);

/** Tell other hosts; suspends, but not to deregister. Failures are logged. */
void gost__tunnel_tell(struct gost_tunnels *t, struct gost_conn *c, enum gost_sd_word word,
                       const struct gost_tunnel_connector *who);

/* --- tunnel_visit.c: visitors that speak the tunnel protocol */

/** What a service says about visitors. */
struct gost__tunnel_rules {
    struct gost_tunnels *tunnels;
    uint8_t entry_id[GOST_UUID_BYTES]; /**< of public visitors; all zero: none */
    int introduce;                     /**< version of the PROXY headers for other hosts; 0: none */
    bool direct; /**< any tunnel whose ID is known is reached, without a rule */
};

/** @param id  UUID, "" or NULL. @return 0 or GOST_ECONFIG with diag */
int gost__tunnel_rules_init(struct gost__tunnel_rules *r, const char *id, bool direct,
                            const char *pool);

/** @param[out] raw  the request's bytes. @return 0 or a negative code with diag */
int gost__tunnel_receive(struct gost_conn *c, struct gost_relay *m, struct gost_buf *raw);

/** Wipe the bytes, which may hold a password. */
void gost__tunnel_forget(struct gost_relay *m, struct gost_buf *raw);

/** Answer with a status, as the last word; suspends. @return rc */
int gost__tunnel_refuse(struct gost_conn *c, uint8_t status, int rc);

/** What a failure is to a client. */
uint8_t gost__tunnel_status(int rc);

/** Check ID and credentials; refuses by itself. @return 0 or a negative code */
int gost__tunnel_authenticate(struct gost_conn *c, struct gost_relay *m);

/** Serve a CONNECT; suspends. `m` and `raw` are wiped. @return 0 or a negative code */
int gost__tunnel_connect(const struct gost__tunnel_rules *r, struct gost_conn *c,
                         struct gost_relay *m, struct gost_buf *raw);

#endif
