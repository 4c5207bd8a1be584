/*
 * Whom a request is for: absolute form, authority form (CONNECT), or the path with Host.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/proto/http.h"
#include "core/proto/sni_name.h"

static struct gost_slice slash = {"/", 1};

/* GOST's own header names the real target while Host shows a decoy. */
static void look_behind_decoy(const struct gost_http1 *head, struct gost__http_where *out)
{
    static const char *const names[] = {"Gost-Target", "X-Gost-Target"};
    for (size_t i = 0; i < 2; i++) {
        struct gost_slice value = gost_http1_get(head, names[i]);
        char name[GOST_HOSTPORT_MAX];
        struct gost_addr real;
        if (value.p && gost__sni_name_decode(name, sizeof(name), value) &&
            gost_http1_authority(&real, gost_slice(name), 80) == 0)
            out->addr = real;
    }
}

static int absolute(const struct gost_http1 *head, struct gost__http_where *out)
{
    struct gost_http1_target target;
    int rc = gost_http1_absolute(&target, head->target, 80);
    if (rc != 0)
        return rc;
    if (!gost_slice_is_nocase(target.scheme, "http"))
        return gost_fail(GOST_EPROTO, "scheme %.*s in a plain HTTP request",
                         (int)(target.scheme.n < 16 ? target.scheme.n : 16), target.scheme.p);
    out->addr = target.addr;
    out->path = target.path;
    return 0;
}

int gost__http_where(const struct gost_http1 *head, struct gost__http_where *out)
{
    int rc;
    *out = (struct gost__http_where){.path = head->target};
    if (gost_slice_is(head->method, "CONNECT")) {
        rc = gost_http1_authority(&out->addr, head->target, 80);
    } else if (head->target.p[0] == '/' || gost_slice_is(head->target, "*")) {
        struct gost_slice host = gost_http1_get(head, "Host");
        out->relative = true;
        rc = host.p ? gost_http1_authority(&out->addr, host, 80)
                    : gost_fail(GOST_EPROTO, "a request without a host");
    } else {
        rc = absolute(head, out);
        if (rc == 0 && out->path.n == 0) /* RFC 9112 section 3.2.4 */
            out->path = gost_slice_is(head->method, "OPTIONS") ? gost_slice("*") : slash;
    }
    if (rc == 0)
        look_behind_decoy(head, out);
    return rc;
}
