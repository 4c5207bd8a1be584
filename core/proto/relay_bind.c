/*
 * BIND over the relay protocol: both sides, and the announcement of visitors.
 */
#include "core/proto/relay_bind.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/relay.h"
#include "core/net/io.h"

#include <stdlib.h>
#include <string.h>

static ssize_t decode(void *out, const uint8_t *p, size_t n)
{
    return gost_relay_decode(out, p, n);
}

/* Read one message; what it points to is gone afterwards. */
static int receive_message(struct gost_stream *s, struct gost_relay *m, uint64_t deadline)
{
    void *room = malloc(GOST_RELAY_MAX);
    if (!room)
        return gost_fail_code(GOST_ENOMEM);
    ssize_t n = gost_io_decode(s, decode, m, room, GOST_RELAY_MAX, deadline);
    m->meta = (struct gost_slice){NULL, 0};
    free(room);
    return n > 0 ? 0 : n == 0 ? gost_fail(GOST_EOF, "the peer closed without an answer") : (int)n;
}

static int receive_visitor(struct gost_stream *s, union gost_sockaddr *peer, uint64_t deadline)
{
    struct gost_relay m;
    int rc = receive_message(s, &m, deadline);
    if (rc == 0)
        rc = gost__relay_verdict(m.code);
    if (rc == 0 && m.naddrs > 0)
        gost_ip_parse(m.addr[0].host, m.addr[0].port, peer);
    return rc;
}

size_t gost__relay_bind_reply(uint8_t *buf, size_t cap, const union gost_sockaddr *addr)
{
    struct gost_relay m = {.code = GOST_RELAY_OK};
    struct gost_addr a = {.port = gost_sockaddr_port(addr)};
    char text[GOST_HOSTPORT_MAX];
    memcpy(a.host, gost_sockaddr_host(addr, text), sizeof(a.host) - 1);
    gost_relay_add_addr(&m, &a);
    return gost_relay_encode(buf, cap, &m);
}

const struct gost_announcement gost__relay_announcement = {
    .receive = receive_visitor,
    .encode = gost__relay_bind_reply,
};

/* Send the request and wait for the answer. @param[out] where  what the node says it listens at */
static int ask(struct gost_stream *io, struct gost_relay *request, uint64_t deadline,
               struct gost_addr *where)
{
    enum { REQUEST_MAX = 2048 };
    uint8_t *bytes = malloc(REQUEST_MAX);
    struct gost_relay *answer = calloc(1, sizeof(*answer));
    int rc = GOST_ENOMEM;
    if (bytes && answer) {
        size_t n = gost_relay_encode(bytes, REQUEST_MAX, request);
        rc = n > 0 ? gost_io_write(io, bytes, n, deadline)
                   : gost_fail(GOST_EPROTO, "relay cannot name this address");
        explicit_bzero(bytes, REQUEST_MAX);
        if (rc == 0)
            rc = receive_message(io, answer, deadline);
        if (rc == 0)
            rc = gost__relay_verdict(answer->code);
        *where = answer->addr[0];
    } else {
        gost_fail_code(rc);
    }
    free(bytes);
    free(answer);
    return rc == 0 ? 0 : gost_fail_at(rc, "bind");
}

int gost__relay_bind(struct gost_stream **io, struct gost_relay *request,
                     const struct gost_mux_options *mux, uint64_t deadline, struct gost_remote **out)
{
    struct gost_addr where = {.host = ""};
    int rc = ask(*io, request, deadline, &where);
    return rc == 0 ? gost__remote_new(io, mux, &gost__relay_announcement, &where, out) : rc;
}

int gost__relay_bind_packet(struct gost_stream **io, struct gost_relay *request, uint64_t deadline,
                            struct gost_remote **out)
{
    struct gost_addr where = {.host = ""};
    int rc = ask(*io, request, deadline, &where);
    return rc == 0 ? gost__remote_new_framed(io, &where, out) : rc;
}
