#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/proto/handshake.h"
#include "core/proto/http.h"

int gost__http_status(int rc)
{
    switch (rc) {
    case GOST_EPROTO:
        return 400;
    case GOST_EDENIED:
        return 403;
    case GOST_ELIMIT:
        return 431;
    case GOST_ETIMEDOUT:
        return 504;
    default:
        return 503;
    }
}

int gost__http_dial_status(int rc)
{
    return rc == GOST_EPROTO || rc == GOST_ELIMIT ? 502 : gost__http_status(rc);
}

int gost__http_refuse(struct gost__http *x, int status, const char *extra, int rc)
{
    struct gost_buf b;
    gost_buf_create(&b, GOST__HTTP_READ_MAX);
    gost_buf_printf(&b, "HTTP/1.1 %d %s\r\n", status, gost_http1_reason(status));
    if (status != 407 && x->set->agent)
        gost_buf_printf(&b, "Proxy-Agent: %s\r\n", x->set->agent);
    for (size_t i = 0; i + 1 < x->set->header.count; i += 2)
        gost_buf_printf(&b, "%s: %s\r\n", x->set->header.item[i], x->set->header.item[i + 1]);
    gost_buf_printf(&b, "%sContent-Length: 0\r\nConnection: close\r\n\r\n", extra ? extra : "");
    x->c->ops->count(x->c, 0, b.len);
    gost__http_reader_clear(&x->client);
    gost__last_word(x->c, b.data, b.len);
    gost_buf_destroy(&b);
    x->again = false;
    return rc;
}
