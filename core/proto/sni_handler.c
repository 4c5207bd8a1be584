/*
 * A proxy that needs no asking: a TLS client is connected to the server that its hello names, an
 * HTTP client to its Host.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/client_hello.h"
#include "core/codec/http1_body.h"
#include "core/codec/sniff.h"
#include "core/net/io.h"
#include "core/proto/handshake.h"
#include "core/proto/http.h"
#include "core/proto/kinds.h"

#include <stdlib.h>

struct sni_settings {
    struct gost_handshake_settings handshake;
};

static const struct gost_option options[] = {
    GOST_HANDSHAKE_OPTIONS(struct sni_settings, handshake),
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

/* Read until it is known who is meant, and push all of it back. */
static int look(struct gost_conn *c, struct gost_request *r)
{
    struct gost__http_reader reader = {.s = c->client};
    ssize_t rc = 0;
    while (rc == 0) {
        rc = gost__http_fill(&reader, c->deadline);
        if (rc == 0)
            rc = gost_fail(GOST_EOF, "the client left before it named its server");
        if (rc > 0)
            rc = find(r, gost__http_bytes(&reader), reader.len);
    }
    if (rc > 0)
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
    int rc = look(c, &request);
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
