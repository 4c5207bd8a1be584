/*
 * HTTP proxy, the client's side: CONNECT (RFC 9110 section 9.3.6).
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/userpass.h"
#include "core/net/io.h"
#include "core/proto/handshake.h"
#include "core/proto/http.h"
#include "core/proto/kinds.h"
#include "core/proto/udp_framed.h"

#include <stdlib.h>
#include <string.h>

struct http_connector_settings {
    int64_t timeout;
    struct gost_strings header; /* name, value, … */
};

static const struct gost_option options[] = {
    {.key = "timeout",
     .type = GOST_OPT_DURATION,
     .offset = offsetof(struct http_connector_settings, timeout),
     .help = "how long the node may take to answer CONNECT"},
    {.key = "header",
     .type = GOST_OPT_MAP,
     .offset = offsetof(struct http_connector_settings, header),
     .help = "further headers of the request"},
    GOST_OPTION_END,
};

static int init(struct gost_connector *c)
{
    const struct http_connector_settings *s = c->settings;
    for (size_t i = 0; i + 1 < s->header.count; i += 2)
        if (!gost_http1_is_token(gost_slice(s->header.item[i])) ||
            !gost_http1_is_value(gost_slice(s->header.item[i + 1])))
            return gost_fail(GOST_ECONFIG, "header: \"%.40s\" is no valid header",
                             s->header.item[i]);
    return 0;
}

static bool has_header(const struct http_connector_settings *s, const char *name)
{
    for (size_t i = 0; i + 1 < s->header.count; i += 2)
        if (strcasecmp(s->header.item[i], name) == 0)
            return true;
    return false;
}

/* What the configuration names replaces what we would say. */
static void put_fields(struct gost_connector *c, struct gost_buf *b)
{
    const struct http_connector_settings *s = c->settings;
    struct gost_userpass mine;
    char basic[GOST_BASIC_MAX];
    if (!has_header(s, "User-Agent"))
        gost_buf_printf(b, "User-Agent: Go-http-client/1.1\r\n");
    if (c->user && !has_header(s, "Proxy-Authorization") &&
        gost_slice_copy(gost_slice(c->user), mine.user, sizeof(mine.user)) &&
        gost_slice_copy(gost_slice(c->password ? c->password : ""), mine.password,
                        sizeof(mine.password))) {
        gost_userpass_to_basic(basic, &mine);
        gost_buf_printf(b, "Proxy-Authorization: %s\r\n", basic);
        explicit_bzero(&mine, sizeof(mine));
        explicit_bzero(basic, sizeof(basic));
    }
    if (!has_header(s, "Proxy-Connection"))
        gost_buf_printf(b, "Proxy-Connection: keep-alive\r\n");
    for (size_t i = 0; i + 1 < s->header.count; i += 2)
        if (strcasecmp(s->header.item[i], "Host") != 0)
            gost_buf_printf(b, "%s: %s\r\n", s->header.item[i], s->header.item[i + 1]);
}

/* @param addr  NULL: for datagrams to any target, for which a GOST leaves the target empty */
static int send_request(struct gost_connector *c, struct gost_stream *io,
                        const struct gost_addr *addr, bool udp, uint64_t deadline)
{
    struct gost_addr checked;
    struct gost_buf b;
    char target[GOST_HOSTPORT_MAX] = "";
    if (addr)
        gost_addr_format(addr, target);
    if (addr && gost_http1_authority(&checked, gost_slice(target), 80) !=
                    0) /* a client may name anything */
        return gost_fail_at(GOST_EPROTO, "CONNECT");
    gost_buf_create(&b, GOST__HTTP_READ_MAX);
    gost_buf_printf(&b, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", target, target);
    put_fields(c, &b);
    if (udp)
        gost_buf_printf(&b, "X-Gost-Protocol: udp\r\n");
    int rc = gost_buf_printf(&b, "\r\n");
    if (rc == 0)
        rc = gost_io_write(io, b.data, b.len, deadline);
    if (b.data)
        explicit_bzero(b.data, b.len);
    gost_buf_destroy(&b);
    return rc;
}

/* What the node's answer means. */
static int verdict(const struct gost_http1 *head)
{
    if (head->status < 300)
        return 0;
    int rc = head->status == 407 ? GOST_EAUTH : head->status == 403 ? GOST_EDENIED : GOST_EUPSTREAM;
    size_t n = head->reason.n < 80 ? head->reason.n : 80;
    return gost_fail(rc, "the node answered \"%d %.*s\"", head->status, (int)n, head->reason.p);
}

static int read_answer(struct gost_stream *io, uint64_t deadline)
{
    struct gost__http_reader r = {.s = io};
    struct gost_http1 head;
    int rc = 0;
    for (;;) {
        ssize_t n = gost__http_head(&r, gost_http1_response_decode, &head, deadline);
        if (n <= 0) {
            rc = n == 0 ? gost_fail(GOST_EOF, "the node closed without an answer") : (int)n;
            break;
        }
        gost__http_take(&r, (size_t)n);
        if (head.status >= 200) {
            rc = verdict(&head);
            break;
        }
    }
    if (rc == 0)
        rc = gost__http_give_back(&r); /* the target may have spoken already */
    gost__http_reader_clear(&r);
    return rc;
}

static int http_connect(struct gost_connector *c, struct gost_stream **io,
                        const struct gost_request *request, uint64_t deadline)
{
    const struct http_connector_settings *s = c->settings;
    if (request->network != GOST_TCP)
        return gost_fail(GOST_ENOTSUP, "the http connector cannot reach %s targets",
                         gost_network_name(request->network));
    deadline = gost__deadline_within(deadline, s->timeout);
    int rc = send_request(c, *io, &request->addr, false, deadline);
    return rc == 0 ? read_answer(*io, deadline) : rc;
}

static int http_connect_packet(struct gost_connector *c, struct gost_stream **io,
                               const struct gost_request *request,
                               struct gost_packet_carrier *carrier, uint64_t deadline,
                               struct gost_packet **out)
{
    const struct http_connector_settings *s = c->settings;
    bool any = !request->addr.host[0] && request->addr.port == 0;
    const struct gost_addr *target = any ? NULL : &request->addr;
    (void)carrier;
    deadline = gost__deadline_within(deadline, s->timeout);
    int rc = send_request(c, *io, target, true, deadline);
    if (rc == 0)
        rc = read_answer(*io, deadline);
    return rc == 0 ? gost__udp_framed_new(io, GOST__UDP_TUNNEL, target, out) : rc;
}

const struct gost_connector_kind gost__http_connector = {
    .name = "http",
    .help = "HTTP proxy",
    .options = {options, sizeof(struct http_connector_settings)},
    .init = init,
    .connect = http_connect,
    .connect_packet = http_connect_packet,
};
