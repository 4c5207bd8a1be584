#include "core/proto/forward_look.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/client_hello.h"
#include "core/codec/http1_body.h"
#include "core/codec/sniff.h"
#include "core/proto/handshake.h"
#include "core/proto/http.h"
#include "core/runtime/loop.h"

#include <stdlib.h>

uint16_t gost__forward_port(const char *protocol)
{
    static const struct {
        const char *protocol;
        uint16_t port;
    } ports[] = {{"http", 80}, {"tls", 443}, {"ssh", 22}, {"redis", 6379}};
    for (size_t i = 0; protocol && i < sizeof(ports) / sizeof(ports[0]); i++)
        if (strcmp(protocol, ports[i].protocol) == 0)
            return ports[i].port;
    return 0;
}

void gost__forward_look_delete(struct gost__forward_look *look)
{
    if (!look)
        return;
    free(look->bytes);
    free(look->path);
    free(look);
}

/* A hello that cannot be read, or names no server, is the node's affair. */
static ssize_t look_tls(struct gost__forward_look *look, const uint8_t *p, size_t n)
{
    struct gost_client_hello hello;
    ssize_t rc = gost_client_hello_decode(&hello, p, n);
    if (rc > 0 && hello.sni[0] &&
        gost_http1_authority(&look->request.addr, gost_slice(hello.sni), 443) != 0)
        look->request.addr.host[0] = 0;
    return rc < 0 ? (ssize_t)n : rc;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

char *gost__forward_path(struct gost_slice path)
{
    char *text = malloc(path.n + 1), *out = text;
    if (!text)
        return NULL;
    for (size_t i = 0; i < path.n && path.p[i] != '?' && path.p[i] != '#'; i++) {
        bool escape = path.p[i] == '%' && i + 2 < path.n;
        int high = escape ? hex(path.p[i + 1]) : -1, low = escape ? hex(path.p[i + 2]) : -1;
        bool valid = high >= 0 && low >= 0 && (high | low) != 0;
        *out++ = valid ? (char)(high << 4 | low) : path.p[i];
        i += valid ? 2 : 0;
    }
    *out = 0;
    return text;
}

int gost__forward_host(const struct gost_http1 *head, struct gost_addr *addr,
                       struct gost_slice *path)
{
    struct gost_slice host = gost_http1_get(head, "Host");
    struct gost_http1_target target;
    *path = head->target;
    if (gost_slice_is(head->method, "CONNECT")) {
        *path = (struct gost_slice){NULL, 0};
        return gost_http1_authority(addr, head->target, 80);
    }
    if (head->target.n == 0 || head->target.p[0] == '/' || head->target.p[0] == '*')
        return host.p && host.n ? gost_http1_authority(addr, host, 80) : 0;
    int rc = gost_http1_absolute(&target, head->target, 80);
    if (rc == 0) {
        *addr = target.addr;
        *path = target.path;
    }
    return rc;
}

/* The head as it is, in memory that stays: the reader's bytes go on to the node. */
static ssize_t keep_head(struct gost__forward_look *look, const uint8_t *p, size_t n)
{
    look->bytes = malloc(n);
    if (!look->bytes)
        return gost_fail_code(GOST_ENOMEM);
    memcpy(look->bytes, p, n);
    ssize_t rc = gost_http1_request_decode(&look->head, look->bytes, n);
    look->request.head = &look->head;
    if (rc > 0 && gost_slice_copy(look->head.method, look->method, sizeof(look->method)))
        look->request.method = look->method;
    return rc;
}

static ssize_t look_http(struct gost__forward_look *look, const uint8_t *p, size_t n)
{
    struct gost_slice path;
    look->http1 = n < 4 || memcmp(p, "PRI ", 4) != 0;
    if (!look->http1)
        return (ssize_t)n; /* HTTP/2: its hosts are compressed */
    ssize_t rc = gost_http1_request_decode(&look->head, p, n);
    if (rc <= 0)
        return rc;
    rc = keep_head(look, p, (size_t)rc);
    if (rc > 0 && gost__forward_host(&look->head, &look->request.addr, &path) != 0)
        return GOST_EPROTO;
    if (rc > 0 && path.p) {
        look->path = path.n ? gost__forward_path(path) : strdup("/");
        look->request.path = look->path;
        return look->path ? rc : gost_fail_code(GOST_ENOMEM);
    }
    return rc;
}

/* @return > 0 when all is known, 0 when more bytes are needed, or a negative code */
static ssize_t look_at(struct gost__forward_look *look, const uint8_t *p, size_t n)
{
    enum gost_sniff found = gost_sniff(p, n);
    if (found == GOST_SNIFF_MORE)
        return 0;
    if (found != GOST_SNIFF_UNKNOWN)
        look->request.protocol = gost_sniff_name(found);
    if (found == GOST_SNIFF_TLS)
        return look_tls(look, p, n);
    return found == GOST_SNIFF_HTTP ? look_http(look, p, n) : (ssize_t)n;
}

/* @return > 0 when the server has something to say, even if that is its end; 0, or GOST_ENOMEM */
static int hear(struct gost_stream *up)
{
    uint8_t room[512];
    ssize_t n = gost_stream_read(up, room, sizeof(room));
    if (gost_is_want(n))
        return 0;
    int rc = n > 0 ? gost_stream_unread(up, room, (size_t)n) : 0;
    return rc == 0 ? 1 : rc;
}

/* Read on until the server speaks. @return as gost__http_fill; 0 as well when the server spoke */
static ssize_t fill(struct gost__http_reader *reader, struct gost_stream *up, uint64_t deadline)
{
    struct gost_fiber *self = gost_fiber_self();
    if (!up)
        return gost__http_fill(reader, deadline);
    for (;;) {
        ssize_t n = gost__http_fill_now(reader);
        if (!gost_is_want(n))
            return n;
        int rc = hear(up);
        if (rc != 0)
            return rc > 0 ? 0 : rc;
        gost_stream_set_waker(reader->s, GOST_READER, &self->waker);
        gost_stream_set_waker(up, GOST_READER, &self->waker);
        rc = gost_fiber_wait(deadline);
        gost_stream_set_waker(reader->s, GOST_READER, NULL);
        gost_stream_set_waker(up, GOST_READER, NULL);
        if (rc != 0)
            return rc;
    }
}

int gost__forward_look(struct gost_conn *c, struct gost__forward_look *look, struct gost_stream *up,
                       int64_t silence, int64_t patience)
{
    struct gost__http_reader reader = {.s = c->client};
    uint64_t deadline = gost_deadline_in(silence);
    bool begun = false;
    ssize_t rc = 0;
    while (rc == 0) {
        size_t seen = reader.len;
        if (look->request.protocol && !begun) {
            deadline = gost_deadline_in(patience);
            begun = true;
        }
        rc = fill(&reader, up, deadline);
        if (rc <= 0) /* all that will be known: the node may know more */
            break;
        const uint8_t *p = gost__http_bytes(&reader);
        bool news = !look->http1 || memchr(p + seen, '\n', reader.len - seen);
        rc = news ? look_at(look, p, reader.len) : 0; /* not all of it for each single byte */
    }
    int given = gost__http_give_back(&reader);
    if (rc >= 0 || (rc == GOST_ETIMEDOUT && !begun))
        return given;
    return (int)rc;
}
