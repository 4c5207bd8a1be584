/**
 * BIND over SOCKS5, with one visitor (RFC 1928) and with many (GOST's command 0xf2).
 */
#ifndef GOST_PROTO_SOCKS5_BIND_H
#define GOST_PROTO_SOCKS5_BIND_H

#include "core/proto/remote.h"
#include "core/proto/socks5.h"

/** The node has answered 0xf2 with `where`. @param io  owned by the remote on success */
int gost__socks5_remote(struct gost_stream **io, const struct gost_addr *where,
                        const struct gost_mux_options *mux, struct gost_remote **out);

/**
 * Serve a BIND: listen, answer, and carry visitors until the client leaves; suspends.
 * @param public_addr  the host to tell the client; NULL: the address that it reached us at
 * @param silent       streams begin with the visitor's bytes, as GOST 2 has it, not with a reply
 */
int gost__socks5_serve_mux_bind(struct gost_conn *c, const struct gost_addr *at,
                                const char *public_addr, const struct gost_mux_options *mux,
                                bool silent);

/** The same for one visitor. */
int gost__socks5_serve_bind(struct gost_conn *c, const struct gost_addr *at,
                            const char *public_addr);

#endif
