/**
 * What a client of a forwarding service speaks, and whom it means, found in its first bytes.
 * Nothing is consumed: all of it goes on to the node.
 */
#ifndef GOST_PROTO_FORWARD_LOOK_H
#define GOST_PROTO_FORWARD_LOOK_H

#include "core/codec/http1.h"
#include "core/proto/conn.h"

/** What was found; zeroed: nothing yet. */
struct gost__forward_look {
    struct gost_request request; /**< points into the rest */
    char method[33];
    struct gost_http1 head;
    uint8_t *bytes; /**< what `head` points into; or NULL */
    char *path;     /**< percent-decoded, without the query; or NULL */
    bool http1;     /**< the client understands an answer of HTTP/1 */
};

/**
 * Look; suspends. A client that stays silent, or whose words mean nothing to us, is no failure:
 * then less is known.
 * @param look       request.network is set; more of the request is filled in
 * @param up         when bytes come from there, the server speaks first and the look ends; or NULL
 * @param silence    milliseconds to wait for the first bytes; 0 or less: for ever
 * @param patience   milliseconds to wait for the rest of a head that has begun
 * @return 0; GOST_EPROTO, GOST_ELIMIT: HTTP that two readers could read in two ways; or another
 *         negative code
 */
int gost__forward_look(struct gost_conn *c, struct gost__forward_look *look, struct gost_stream *up,
                       int64_t silence, int64_t patience);

/** Free what was found. NULL is fine. */
void gost__forward_look_delete(struct gost__forward_look *look);

/**
 * Whom a request is for, where it says so, and its path.
 * @param[out] addr  untouched when it does not say
 * @param[out] path  with its query; NULL with CONNECT. @return 0 or GOST_EPROTO
 */
int gost__forward_host(const struct gost_http1 *head, struct gost_addr *addr,
                       struct gost_slice *path);

/** The path as a server sees it, malloc'ed: without the query, "%61" is "a"; NULL without memory. */
char *gost__forward_path(struct gost_slice path);

/** The port of those that `protocol` is spoken with when nobody names one; 0: there is none. */
uint16_t gost__forward_port(const char *protocol);

#endif
