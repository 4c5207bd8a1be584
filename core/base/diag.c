#include "core/base/diag.h"

#include "core/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local struct gost_diag diag_of_thread;
_Thread_local struct gost_diag *gost__diag_self;

static struct gost_diag *diag_self(void)
{
    return gost__diag_self ? gost__diag_self : &diag_of_thread;
}

int gost_fail(int code, const char *fmt, ...)
{
    struct gost_diag *d = diag_self();
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(d->text, sizeof(d->text), fmt, ap);
    va_end(ap);
    d->code = code;
    return code;
}

int gost_fail_code(int code)
{
    return gost_fail(code, "%s", gost_strerror(code));
}

int gost_fail_at(int code, const char *fmt, ...)
{
    struct gost_diag *d = diag_self();
    char head[256];
    if (d->code != code)
        gost_fail_code(code);
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(head, sizeof(head), fmt, ap);
    va_end(ap);
    if (n < 0)
        return code;
    size_t len = (size_t)n < sizeof(head) ? (size_t)n : sizeof(head) - 1;
    size_t old = strlen(d->text);
    if (len + 2 + old >= sizeof(d->text))
        old = sizeof(d->text) - 1 - len - 2;
    memmove(d->text + len + 2, d->text, old);
    memcpy(d->text, head, len);
    memcpy(d->text + len, ": ", 2);
    d->text[len + 2 + old] = '\0';
    return code;
}

const char *gost_diag_text(int code)
{
    struct gost_diag *d = diag_self();
    return d->code == code && code != 0 ? d->text : gost_strerror(code);
}
