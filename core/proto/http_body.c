#include "core/proto/http.h"

#include <string.h>

void gost__http_body_begin(struct gost__http_body *b, struct gost_http1_body is)
{
    *b = (struct gost__http_body){
        .framing = is.framing, .left = is.length, .done = is.framing == GOST_HTTP1_NO_BODY};
}

/* Move the data of the chunks together, so that the framing is gone. */
static ssize_t take_stripped(struct gost__http_body *b, uint8_t *p, size_t n, size_t *out)
{
    size_t at = 0;
    *out = 0;
    while (at < n && !b->chunked.done) {
        struct gost_slice data;
        ssize_t used = gost_chunked_step(&b->chunked, p + at, n - at, &data);
        if (used < 0)
            return used;
        if (data.n > 0)
            memmove(p + *out, data.p, data.n);
        *out += data.n;
        at += (size_t)used;
    }
    return (ssize_t)at;
}

static ssize_t take_chunked(struct gost__http_body *b, uint8_t *p, size_t n, size_t *out)
{
    ssize_t used;
    if (b->strip) {
        used = take_stripped(b, p, n, out);
    } else {
        used = gost_chunked_feed(&b->chunked, p, n);
        *out = used > 0 ? (size_t)used : 0;
    }
    b->done = b->chunked.done;
    return used;
}

ssize_t gost__http_body_take(struct gost__http_body *b, uint8_t *p, size_t n, size_t *out)
{
    *out = 0;
    switch (b->framing) {
    case GOST_HTTP1_NO_BODY:
        return 0;
    case GOST_HTTP1_LENGTH:
        *out = n < b->left ? n : (size_t)b->left;
        b->left -= *out;
        b->done = b->left == 0;
        return (ssize_t)*out;
    case GOST_HTTP1_CHUNKED:
        return take_chunked(b, p, n, out);
    case GOST_HTTP1_UNTIL_CLOSE:
        *out = n;
        return (ssize_t)n;
    }
    return 0;
}
