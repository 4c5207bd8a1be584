/**
 * SOCKS5 messages: RFC 1928 and RFC 1929 with GOST's own methods and commands.
 *
 * Decoders return the bytes consumed, 0 when more bytes are needed (call again from the message's
 * first byte), or GOST_EPROTO. Encoders return the bytes written, 0 when they do not fit.
 */
#ifndef GOST_CODEC_SOCKS5_H
#define GOST_CODEC_SOCKS5_H

#include "core/base/addr.h"
#include "core/codec/socksaddr.h"
#include "core/codec/userpass.h"

enum gost_socks5_method {
    GOST_SOCKS5_NO_AUTH = 0x00,
    GOST_SOCKS5_USERPASS = 0x02,
    GOST_SOCKS5_TLS = 0x80,          /**< a TLS handshake follows, then nothing more */
    GOST_SOCKS5_TLS_USERPASS = 0x82, /**< a TLS handshake follows, then user and password */
    GOST_SOCKS5_NO_METHOD = 0xff,    /**< none of the offered ones; the connection ends */
};

enum gost_socks5_command {
    GOST_SOCKS5_CONNECT = 0x01,
    GOST_SOCKS5_BIND = 0x02,
    GOST_SOCKS5_ASSOCIATE = 0x03,
    GOST_SOCKS5_RESOLVE = 0xf0,     /**< Tor: name to address */
    GOST_SOCKS5_RESOLVE_PTR = 0xf1, /**< Tor: address to name */
    GOST_SOCKS5_MUX_BIND = 0xf2,    /**< BIND with many visitors over a multiplexer */
    GOST_SOCKS5_UDP_TUNNEL = 0xf3,  /**< datagrams on this connection, see socks5_udp.h */
};

enum gost_socks5_code {
    GOST_SOCKS5_OK = 0,
    GOST_SOCKS5_FAILURE = 1,
    GOST_SOCKS5_NOT_ALLOWED = 2,
    GOST_SOCKS5_NET_UNREACHABLE = 3,
    GOST_SOCKS5_HOST_UNREACHABLE = 4,
    GOST_SOCKS5_REFUSED = 5,
    GOST_SOCKS5_TTL_EXPIRED = 6,
    GOST_SOCKS5_BAD_COMMAND = 7,
    GOST_SOCKS5_BAD_ADDRESS = 8,
};

/** Words for a reply code, for diags: "network unreachable". Static, never NULL. */
const char *gost_socks5_code_text(uint8_t code);

/** Client: which methods it can do: 05 n methods. None at all is an error. */
struct gost_socks5_hello {
    uint8_t count;
    uint8_t method[255];
};
enum { GOST_SOCKS5_HELLO_MAX = 2 + 255 };
ssize_t gost_socks5_hello_decode(struct gost_socks5_hello *out, const uint8_t *p, size_t n);
size_t gost_socks5_hello_encode(uint8_t *buf, size_t cap, const struct gost_socks5_hello *in);
bool gost_socks5_hello_has(const struct gost_socks5_hello *h, uint8_t method);

/** Server: the method it picked: 05 method. */
struct gost_socks5_choice {
    uint8_t method;
};
enum { GOST_SOCKS5_CHOICE_MAX = 2 };
ssize_t gost_socks5_choice_decode(struct gost_socks5_choice *out, const uint8_t *p, size_t n);
size_t gost_socks5_choice_encode(uint8_t *buf, size_t cap, const struct gost_socks5_choice *in);

/** Client: user and password: 01 ulen user plen pass. */
enum { GOST_SOCKS5_AUTH_MAX = 1 + GOST_USERPASS_MAX };
ssize_t gost_socks5_auth_decode(struct gost_userpass *out, const uint8_t *p, size_t n);
size_t gost_socks5_auth_encode(uint8_t *buf, size_t cap, const struct gost_userpass *in);

/** Server: 01 status; anything but 0 is a refusal. */
struct gost_socks5_auth_reply {
    uint8_t status;
};
enum { GOST_SOCKS5_AUTH_REPLY_MAX = 2 };
ssize_t gost_socks5_auth_reply_decode(struct gost_socks5_auth_reply *out, const uint8_t *p,
                                      size_t n);
size_t gost_socks5_auth_reply_encode(uint8_t *buf, size_t cap,
                                     const struct gost_socks5_auth_reply *in);

/** Client: 05 command 00 address. Any command decodes; the reserved byte is not looked at. */
struct gost_socks5_request {
    uint8_t command;
    struct gost_addr addr;
};
enum { GOST_SOCKS5_REQUEST_MAX = 3 + GOST_SOCKSADDR_MAX };
ssize_t gost_socks5_request_decode(struct gost_socks5_request *out, const uint8_t *p, size_t n);
size_t gost_socks5_request_encode(uint8_t *buf, size_t cap, const struct gost_socks5_request *in);

/**
 * Server: 05 code 00 address. An empty host with port 0 is written as 0.0.0.0:0, the form of
 * failures.
 */
struct gost_socks5_reply {
    uint8_t code;
    struct gost_addr addr;
};
enum { GOST_SOCKS5_REPLY_MAX = 3 + GOST_SOCKSADDR_MAX };
ssize_t gost_socks5_reply_decode(struct gost_socks5_reply *out, const uint8_t *p, size_t n);
size_t gost_socks5_reply_encode(uint8_t *buf, size_t cap, const struct gost_socks5_reply *in);

#endif
