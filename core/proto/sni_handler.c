/*
 * A proxy that needs no asking: a TLS client is connected to the server that its hello names, an
 * HTTP client to its Host.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/client_hello.h"
#include "core/codec/hello_decoy.h"
#include "core/codec/http1_body.h"
#include "core/codec/sniff.h"
#include "core/net/io.h"
#include "core/proto/handshake.h"
#include "core/proto/http.h"
#include "core/proto/kinds.h"
#include "core/proto/sni_name.h"

#include <stdlib.h>

struct sni_settings {
    struct gost_handshake_settings handshake;
    bool sniffing;       /* which it does in any case */
    int64_t first_bytes; /* milliseconds */
};

static const struct gost_option options[] = {
    GOST_HANDSHAKE_OPTIONS(struct sni_settings, handshake),
    {.key = "sniffing",
     .type = GOST_OPT_BOOL,
     .offset = offsetof(struct sni_settings, sniffing),
     .help = "accepted for GOST's configurations: it is always on"},
    {.key = "sniffing.timeout",
     .type = GOST_OPT_DURATION,
     .offset = offsetof(struct sni_settings, first_bytes),
     .help = "how long a client that says nothing is waited for; 0: as long as readTimeout says"},
    GOST_OPTION_END,
};

/* Whom the first bytes are for. @return as the decoders: > 0, 0 for more, or a negative code */
static ssize_t find_tls(struct gost_request *r, const uint8_t *p, size_t n)
{
    struct gost_client_hello hello;
    ssize_t rc = gost_client_hello_decode(&hello, p, n);
    if (rc <= 0)
        return rc;
    if (!hello.sni[0])
        return gost_fail(GOST_EPROTO, "the TLS client names no server");
    r->protocol = "tls";
    return gost_http1_authority(&r->addr, gost_slice(hello.sni), 443) == 0 ? rc : GOST_EPROTO;
}

static ssize_t find_http(struct gost_request *r, const uint8_t *p, size_t n)
{
    struct gost_http1 head;
    struct gost__http_where where;
    ssize_t rc = gost_http1_request_decode(&head, p, n);
    if (rc <= 0)
        return rc;
    r->protocol = "http";
    if (gost__http_where(&head, &where) != 0)
        return GOST_EPROTO;
    r->addr = where.addr;
    return rc;
}

static ssize_t find(struct gost_request *r, const uint8_t *p, size_t n)
{
    switch (gost_sniff(p, n)) {
    case GOST_SNIFF_MORE:
        return 0;
    case GOST_SNIFF_TLS:
        return find_tls(r, p, n);
    case GOST_SNIFF_HTTP:
        return find_http(r, p, n);
    default:
        return gost_fail(GOST_EPROTO, "neither TLS nor HTTP");
    }
}

/*
 * A hello whose name is a decoy: the real one is in an extension. The server is to get the hello as its
 * client made it, else their transcripts of the handshake would differ.
 * @return 0, or a negative code with diag
 */
static int look_behind_decoy(struct gost_request *r, struct gost__http_reader *reader, size_t used)
{
    char name[GOST__SNI_NAME_MAX];
    uint8_t *room = malloc(GOST_HELLO_DECOY_MAX);
    if (!room)
        return gost_fail_code(GOST_ENOMEM);
    struct gost_slice hidden = gost_hello_hidden(gost__http_bytes(reader), used, room);
    ssize_t n = 0;
    if (hidden.p && gost__sni_name_decode(name, sizeof(name), hidden))
        n = gost_hello_reveal(gost__http_bytes(reader), used, gost_slice(name), room);
    int rc = n < 0 ? (int)n : 0;
    if (n > 0)
        rc = gost_http1_authority(&r->addr, gost_slice(name), 443);
    if (n > 0 && rc == 0) { /* what is pushed back last is read first */
        gost__http_take(reader, used);
        rc = gost__http_give_back(reader);
        if (rc == 0)
            rc = gost_stream_unread(reader->s, room, (size_t)n);
    }
    free(room);
    return rc;
}

/* A request whose Host is a decoy gets the real one, which Gost-Target tells. */
static int undo_decoy_host(struct gost__http_reader *reader)
{
    struct gost_http1 *h = malloc(sizeof(*h)); /* too big for a fiber's stack */
    char name[GOST_HOSTPORT_MAX];
    struct gost_buf new;
    if (!h)
        return gost_fail_code(GOST_ENOMEM);
    gost_buf_create(&new, GOST_HTTP1_MAX + GOST_HOSTPORT_MAX);
    const char *p = (const char *)gost__http_bytes(reader);
    ssize_t used = gost_http1_request_decode(h, gost__http_bytes(reader), reader->len);
    int host = used > 0 ? gost_http1_find(h, "Host", 0) : -1;
    int target = used > 0 ? gost_http1_find(h, "Gost-Target", 0) : -1;
    int rc = 0;
    if (host >= 0 && target == host + 1 &&
        gost__sni_name_decode(name, sizeof(name), gost_http1_value(h, (size_t)target))) {
        size_t end = (size_t)h->field[target].value + h->field[target].value_len;
        rc = gost_buf_append(&new, p, h->field[host].value);
        rc = rc == 0 ? gost_buf_append(&new, name, strlen(name)) : rc;
        rc = rc == 0 ? gost_buf_append(&new, p + end, (size_t)used - end) : rc;
    }
    free(h);
    if (rc == 0 && new.len > 0) {
        gost__http_take(reader, (size_t)used);
        rc = gost__http_give_back(reader);
        rc = rc == 0 ? gost_stream_unread(reader->s, new.data, new.len) : rc;
    }
    gost_buf_destroy(&new);
    return rc;
}

/* Read until it is known who is meant, and push all of it back. */
static int look(struct gost_conn *c, struct gost_request *r, int64_t first_bytes)
{
    struct gost__http_reader reader = {.s = c->client};
    uint64_t first = gost__deadline_within(c->deadline, first_bytes);
    ssize_t rc = 0;
    while (rc == 0) {
        rc = gost__http_fill(&reader, reader.len > 0 ? c->deadline : first);
        if (rc == 0)
            rc = gost_fail(GOST_EOF, "the client left before it named its server");
        if (rc > 0)
            rc = find(r, gost__http_bytes(&reader), reader.len);
    }
    if (rc > 0)
        rc = strcmp(r->protocol, "tls") == 0 ? look_behind_decoy(r, &reader, (size_t)rc)
                                             : undo_decoy_host(&reader);
    if (rc == 0)
        rc = gost__http_give_back(&reader);
    gost__http_reader_clear(&reader);
    return (int)rc;
}

static int serve(struct gost_handler *h, struct gost_conn *c)
{
    const struct sni_settings *s = h->settings;
    struct gost_request request = {.network = GOST_TCP, .hash_host = s->handshake.hash == 1};
    struct gost_stream *up = NULL;
    if (gost_conn_needs_auth(c)) /* behind `auto`, whose other protocols have a place for credentials */
        return gost_fail(GOST_EAUTH, "clients of sni cannot authenticate");
    gost__handshake_begin(c, &s->handshake);
    int rc = look(c, &request, s->first_bytes);
    if (rc == 0)
        rc = gost_conn_dial(c, &request, &up);
    return rc == 0 ? gost_conn_relay(c, &up) : rc;
}

const struct gost_handler_kind gost__sni_handler = {
    .name = "sni",
    .help = "connect TLS clients to the server they name, and HTTP clients to their Host",
    .options = {options, sizeof(struct sni_settings)},
    .no_auth = true,
    .serve = serve,
};
