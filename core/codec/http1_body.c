#include "core/codec/http1_body.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/url.h"

static struct gost_http1_body body_of(const struct gost_http1 *h, enum gost_http1_framing otherwise)
{
    struct gost_http1_body body = {.framing = otherwise};
    if (h->chunked) {
        body.framing = GOST_HTTP1_CHUNKED;
    } else if (h->content_length > 0) {
        body.framing = GOST_HTTP1_LENGTH;
        body.length = (uint64_t)h->content_length;
    } else if (h->content_length == 0) {
        body.framing = GOST_HTTP1_NO_BODY;
    }
    return body;
}

struct gost_http1_body gost_http1_request_body(const struct gost_http1 *request)
{
    return body_of(request, GOST_HTTP1_NO_BODY);
}

struct gost_http1_body gost_http1_response_body(const struct gost_http1 *response,
                                                struct gost_slice method)
{
    unsigned status = response->status;
    if (status < 200 || status == 204 || status == 304 || gost_slice_is(method, "HEAD") ||
        (status < 300 && gost_slice_is(method, "CONNECT")))
        return (struct gost_http1_body){.framing = GOST_HTTP1_NO_BODY};
    return body_of(response, GOST_HTTP1_UNTIL_CLOSE);
}

bool gost_http1_keepalive(const struct gost_http1 *h)
{
    const char *name = gost_http1_find(h, "Connection", 0) >= 0 ? "Connection" : "Proxy-Connection";
    if (gost_http1_has_token(h, name, "close"))
        return false;
    return h->minor > 0 || gost_http1_has_token(h, name, "keep-alive");
}

int gost_http1_absolute(struct gost_http1_target *out, struct gost_slice target,
                        uint16_t default_port)
{
    struct gost_url url;
    if (gost_url_parse(&url, target.p, target.n) < 0 || !url.scheme.p)
        return gost_fail(GOST_EPROTO, "the HTTP target is no absolute URL");
    bool tls = gost_slice_is_nocase(url.scheme, "https") || gost_slice_is_nocase(url.scheme, "wss");
    if (default_port == 0)
        default_port = tls ? 443 : 80;
    int rc = gost_http1_authority(&out->addr, url.host, default_port);
    if (rc < 0)
        return rc;
    const char *path = url.host.p + url.host.n;
    const char *end = url.fragment.p ? url.fragment.p - 1 : target.p + target.n;
    out->scheme = url.scheme;
    out->path = (struct gost_slice){path, (size_t)(end - path)};
    return 0;
}

int gost_http1_authority(struct gost_addr *out, struct gost_slice text, uint16_t default_port)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c <= 0x20 || c == 0x7f || strchr("/?#@\\<>\"", c))
            return gost_fail(GOST_EPROTO, "byte 0x%02x inside of an HTTP host", c);
    }
    if (text.n == 0 || gost_addr_parse(out, text.p, text.n, default_port) < 0 || !out->host[0])
        return gost_fail(GOST_EPROTO, "malformed HTTP host");
    if (strchr(out->host, ':') && gost_ip_parse(out->host, 0, NULL) != AF_INET6)
        return gost_fail(GOST_EPROTO, "malformed IPv6 address as HTTP host");
    return 0;
}
