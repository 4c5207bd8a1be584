#include "core/proto/handshake.h"

#include "core/codec/proxy_header.h"
#include "core/net/io.h"
#include "core/net/linger.h"
#include "core/runtime/loop.h"

#include <poll.h>

void gost__handshake_begin(struct gost_conn *c, const struct gost_handshake_settings *s)
{
    c->deadline = gost_deadline_in(s->read_timeout > 0 ? s->read_timeout : GOST_READ_TIMEOUT);
    c->idle_ms = s->idle_timeout > 0 ? (uint64_t)s->idle_timeout : 0;
}

struct gost_request gost__handshake_request(const struct gost_handshake_settings *s,
                                            const struct gost_addr *addr)
{
    return (struct gost_request){.network = GOST_TCP, .addr = *addr, .hash_host = s->hash == 1};
}

void gost__last_word(struct gost_conn *c, const void *p, size_t n)
{
    struct gost_diag story = *gost__diag_self; /* the failure to tell of, not that of telling */
    gost_io_write(c->client, p, n, gost_now() + GOST_LAST_WORD_MS);
    gost_stream_linger(&c->client);
    *gost__diag_self = story;
}

int gost__introduce(struct gost_conn *c, struct gost_stream *up, int version)
{
    struct gost_proxy_header header = {.version = version == 1 ? 1 : 2, .src = c->peer};
    uint8_t bytes[GOST_PROXY_HEADER_ENCODED_MAX];
    if (!c->client || gost_stream_query(c->client, GOST_QUERY_LOCAL_ADDR, &header.dst) != 0)
        header.dst.sa.sa_family = 0;
    gost_sockaddr_unmap(&header.dst);
    size_t n = gost_proxy_header_encode(bytes, sizeof(bytes), &header);
    return gost_io_write(up, bytes, n, gost_deadline_in(GOST_LAST_WORD_MS));
}

void gost__settle(struct gost_conn *c)
{
    struct gost_fiber *self = gost_fiber_self();
    struct pollfd p = {.fd = -1, .events = POLLIN};
    if (gost_stream_query(c->client, GOST_QUERY_FD, &p.fd) != 0 || poll(&p, 1, 0) != 0)
        return;
    gost_stream_set_waker(c->client, GOST_READER, &self->waker);
    gost_fiber_wait(gost_deadline_in(GOST__SETTLE_MS)); /* how it ends shows in what follows */
    gost_stream_set_waker(c->client, GOST_READER, NULL);
}

uint64_t gost__deadline_within(uint64_t deadline, int64_t ms)
{
    return ms > 0 ? gost_deadline_min(deadline, gost_deadline_in(ms)) : deadline;
}
