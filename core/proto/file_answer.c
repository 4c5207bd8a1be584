#include "core/proto/file_serve.h"

#include "core/net/io.h"
#include "core/runtime/loop.h"

#include <stdio.h>

uint64_t gost__file_deadline(const struct gost__file *x)
{
    int64_t ms = x->set->idle_timeout;
    return gost_deadline_in(ms > 0 ? ms : GOST__FILE_SILENCE_MS);
}

int gost__file_begin(struct gost__file *x, int status, uint64_t length, const char *fields)
{
    char date[GOST__FILE_DATE_MAX], size[48] = "";
    if (status != 304)
        snprintf(size, sizeof(size), "Content-Length: %llu\r\n", (unsigned long long)length);
    gost_conn_log(x->c, GOST_LOG_DEBUG, "%s %s: %d", x->method, x->path, status);
    gost_buf_consume(&x->out, x->out.len);
    return gost_buf_printf(&x->out, "HTTP/1.1 %d %s\r\nDate: %s\r\n%s%s%s\r\n", status,
                           gost_http1_reason(status), gost__file_date(time(NULL), date), size,
                           x->again ? "" : "Connection: close\r\n", fields ? fields : "");
}

int gost__file_flush(struct gost__file *x)
{
    int rc = gost_conn_pace(x->c, 0, x->out.len);
    if (rc == 0)
        rc = gost_io_write(x->c->client, x->out.data, x->out.len, gost__file_deadline(x));
    if (rc == 0)
        x->c->ops->count(x->c, 0, x->out.len);
    gost_buf_consume(&x->out, x->out.len);
    return rc;
}

int gost__file_say(struct gost__file *x, int status, const char *fields)
{
    char text[64], all[512];
    int n = status == 404
                ? snprintf(text, sizeof(text), "404 page not found\n")
                : snprintf(text, sizeof(text), "%d %s\n", status, gost_http1_reason(status));
    snprintf(all, sizeof(all), "Content-Type: text/plain; charset=utf-8\r\n%s",
             fields ? fields : "");
    int rc = gost__file_begin(x, status, (uint64_t)n, all);
    if (rc == 0 && !x->is_head)
        rc = gost_buf_append(&x->out, text, (size_t)n);
    return rc == 0 ? gost__file_flush(x) : rc;
}
