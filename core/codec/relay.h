/**
 * Relay messages, which the tunnel protocol shares: version (1), code (1), length of the features
 * (2), features. All numbers are big-endian.
 */
#ifndef GOST_CODEC_RELAY_H
#define GOST_CODEC_RELAY_H

#include "core/base/addr.h"
#include "core/codec/slice.h"
#include "core/codec/userpass.h"

/** The low four bits of a request's code. */
enum gost_relay_command {
    GOST_RELAY_CONNECT = 1, /**< 0 is to be treated alike */
    GOST_RELAY_BIND = 2,
    GOST_RELAY_ASSOCIATE = 3,
};

enum {
    GOST_RELAY_COMMAND_MASK = 0x0f,
    GOST_RELAY_FLAG_UDP = 0x80, /**< in a request's code */
};

/** A response's code. */
enum gost_relay_status {
    GOST_RELAY_OK = 0,
    GOST_RELAY_BAD_REQUEST = 1,
    GOST_RELAY_UNAUTHORIZED = 2,
    GOST_RELAY_FORBIDDEN = 3,
    GOST_RELAY_TIMEOUT = 4,
    GOST_RELAY_UNAVAILABLE = 5,
    GOST_RELAY_HOST_UNREACHABLE = 6,
    GOST_RELAY_NET_UNREACHABLE = 7,
    GOST_RELAY_INTERNAL = 8,
};

/** Words for a status, for diags. Static, never NULL. */
const char *gost_relay_status_text(uint8_t status);

enum gost_relay_network {
    GOST_RELAY_TCP = 0x00,
    GOST_RELAY_UDP = 0x01,
    GOST_RELAY_IP = 0x02,
    GOST_RELAY_UNIX = 0x10,
    GOST_RELAY_SERIAL = 0x11,
};

/** A tunnel's or a connector's ID. Only the 16 bytes count when two are compared. */
struct gost_relay_id {
    uint8_t uuid[16]; /**< in textual order; all zero is "no ID" */
    uint8_t flags;
    uint8_t weight;
};
enum {
    GOST_RELAY_ID_PRIVATE = 0x80, /**< flag of a tunnel ID */
    GOST_RELAY_ID_UDP = 0x01,     /**< flag of a connector ID */
};

/**
 * A request or a response. Of features that are repeated the last one wins, except that two
 * addresses are kept: the first and the last. Tunnel messages give them places (source and
 * destination, visitor and requested host), relay requests mean the last.
 */
struct gost_relay {
    uint8_t code;   /**< command and flags, or status */
    uint8_t naddrs; /**< 0, 1 or 2: entries of `addr` that are set */
    bool has_auth, has_id, has_network;
    struct gost_userpass auth;
    struct gost_addr addr[2];
    struct gost_relay_id id;
    uint16_t network;       /**< enum gost_relay_network; unknown ones mean TCP */
    struct gost_slice meta; /**< the pairs of the metadata, borrowed; see gost_relay_next_meta */
};

enum {
    GOST_RELAY_MAX = 4 + 65535, /**< what a decoder may have to see */
    GOST_RELAY_FEATURES = 64,   /**< features in one message; more are GOST_ELIMIT */
    GOST_RELAY_META_PAIRS = 20, /**< pairs of metadata that are read; the rest is not looked at */
};

/**
 * Decode a request or a response. Unknown features are skipped.
 * - IPv4-mapped addresses come out as IPv4.
 * - A domain "0.0.0.0::PORT" with port 0 (GOST 3.3 sends that for ":PORT") comes out as host "" and
 *   that port.
 * @return bytes consumed; 0: incomplete; GOST_EPROTO: another version, a short or malformed
 *         feature, one that overruns the length; GOST_ELIMIT: too many features
 */
ssize_t gost_relay_decode(struct gost_relay *out, const uint8_t *p, size_t n);

/**
 * Encode; the order is network, auth, addresses, ID, metadata (none when `meta` is empty). A BIND
 * that names no tunnel has auth in front of the network. GOST's clients do it so.
 * @return bytes written; 0 when they do not fit into `cap`, or `meta` was not made by
 *         gost_relay_put_meta or gost_relay_decode
 */
size_t gost_relay_encode(uint8_t *buf, size_t cap, const struct gost_relay *in);

/** Does a request speak of UDP: by flag, or by network? */
bool gost_relay_is_udp(const struct gost_relay *request);

/** @return the address that a relay request means (the last), or NULL when it has none */
const struct gost_addr *gost_relay_addr(const struct gost_relay *m);

/** Add an address; of more than two only the first and the last are kept. */
void gost_relay_add_addr(struct gost_relay *m, const struct gost_addr *addr);

/**
 * Take the next pair off `meta`, which starts as a copy of gost_relay.meta.
 * @return false when there is none left
 */
bool gost_relay_next_meta(struct gost_slice *meta, struct gost_slice *key, struct gost_slice *value);

/**
 * Append a pair to the metadata at `buf`, of which `len` bytes are used (0 to begin).
 * @return the new length; `len` unchanged when it does not fit, or a part is over 255 bytes
 */
size_t gost_relay_put_meta(uint8_t *buf, size_t cap, size_t len, struct gost_slice key,
                           struct gost_slice value);

/** A datagram on a relay stream with a fixed target: length (2), data. Empty ones are legal. */
enum { GOST_RELAY_DATAGRAM_MAX = 2 + 65535 };

/** @return bytes of the whole frame, with `data` borrowed from the input; 0: incomplete */
ssize_t gost_relay_datagram_decode(struct gost_slice *data, const uint8_t *p, size_t n);

/** Write the 2 bytes that go in front of `len` bytes. @return 2; 0: no room, or over 65535 bytes */
size_t gost_relay_datagram_encode(uint8_t *buf, size_t cap, size_t len);

#endif
