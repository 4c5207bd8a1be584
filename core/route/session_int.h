/**
 * What the files of a session share. Operations are those of gost_conn_ops (core/proto/conn.h), where
 * they are described.
 */
#ifndef GOST_ROUTE_SESSION_INT_H
#define GOST_ROUTE_SESSION_INT_H

#include "core/route/end.h"
#include "core/route/session.h"

/** Put a copy of a text in place of another. @param text  NULL or "": none. @return 0 or GOST_ENOMEM */
int gost__session_set_text(char **slot, const char *text);

/**
 * Dial what the client asked for: after the route hook and the bypasses, and again while the script
 * asks for it. Suspends.
 * @param request  copied before anything changes it
 * @return 0, or GOST_EDENIED or another negative code with diag
 */
int gost__session_dial_request(struct gost_conn *c, const struct gost_request *request,
                               const struct gost__end *up);

/**
 * Let the client in, or not, and have a handler serve it. Suspends.
 * @return 0 or a negative code with diag; a client that is not admitted hears nothing, which is 0
 */
int gost__session_serve(struct gost_session *s);

/** The one line that tells what became of a connection. */
void gost__session_log_end(struct gost_session *s, const struct gost_conn_stats *stats);

/* session_auth.c */
bool gost__session_needs_auth(struct gost_conn *c);
int gost__session_auth(struct gost_conn *c, const char *user, const char *password,
                       const char *scheme);

/* session_dial.c */
int gost__session_dial(struct gost_conn *c, const struct gost_request *request,
                       struct gost_stream **up);
int gost__session_dial_packet(struct gost_conn *c, const struct gost_request *request,
                              struct gost_packet **up);
int gost__session_allow(struct gost_conn *c, const struct gost_request *request);
int gost__session_sniffed(struct gost_conn *c, const struct gost_request *found, uint16_t port);

/* session_forward.c */
bool gost__session_has_forwarder(struct gost_conn *c);
unsigned gost__session_forward_traits(struct gost_conn *c);
void gost__session_forward_judge(struct gost_conn *c, bool worked);
int gost__session_forward(struct gost_conn *c, const struct gost_request *request,
                          struct gost_stream **up);
int gost__session_forward_packet(struct gost_conn *c, const struct gost_request *request,
                                 struct gost_packet **up);

/* session_datagrams.c */
int gost__session_associate(struct gost_conn *c, const struct gost_addr *local,
                            struct gost_packet **up);

#endif
