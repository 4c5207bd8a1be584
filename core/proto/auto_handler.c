/*
 * One port for SOCKS4, SOCKS5, TLS by server name, and HTTP: the first byte tells.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/sniff.h"
#include "core/net/io.h"
#include "core/proto/handshake.h"
#include "core/proto/kinds.h"

struct auto_settings {
    int64_t read_timeout;
};

static const struct gost_option options[] = {
    {.key = "readTimeout",
     .type = GOST_OPT_DURATION,
     .offset = offsetof(struct auto_settings, read_timeout),
     .def = "15s",
     .help = "how long a client may take for its first byte"},
    GOST_OPTION_END,
};

/* The first byte of each is enough; anything else gets the answers of an HTTP proxy. */
static const char *handler_for(uint8_t first)
{
    switch (first) {
    case 0x04:
        return "socks4";
    case 0x05:
        return "socks5";
    case 0x16: /* a TLS handshake record */
        return "sni";
    default:
        return "http";
    }
}

static int serve(struct gost_handler *h, struct gost_conn *c)
{
    const struct auto_settings *s = h->settings;
    uint8_t room[1024];
    int64_t ms = s->read_timeout;
    c->deadline = gost_deadline_in(ms == 0 ? GOST_READ_TIMEOUT : ms);
    ssize_t n = gost_io_peek(c->client, room, sizeof(room), c->deadline);
    if (n <= 0)
        return (int)n;
    return c->ops->serve_as(c, handler_for(room[0]));
}

const struct gost_handler_kind gost__auto_handler = {
    .name = "auto",
    .help = "SOCKS4, SOCKS5, HTTP proxy or TLS by server name, whatever the client speaks",
    .delegates = "http socks4 socks5 sni",
    .options = {options, sizeof(struct auto_settings)},
    .serve = serve,
};
