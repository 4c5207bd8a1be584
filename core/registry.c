#include "core/registry.h"

#include "core/proto/direct.h"
#include "core/proto/kinds.h"
#include "core/transport/kinds.h"

#include <string.h>

const struct gost_handler_kind *const gost_handler_kinds[] = {
    &gost__auto_handler,     &gost__http_handler,   &gost__socks4_handler,
    &gost__socks5_handler,   &gost__relay_handler,  &gost__sni_handler,
    &gost__tcp_handler,      &gost__udp_handler,    &gost__forward_handler,
    &gost__rtcp_handler,     &gost__tunnel_handler, &gost__tunnel_entry_handler,
    &gost__redirect_handler, &gost__redu_handler,   &gost__serial_handler,
    &gost__unix_handler,     &gost__file_handler,   NULL,
};

const struct gost_connector_kind *const gost_connector_kinds[] = {
    &gost__http_connector,
    &gost__socks4_connector,
    &gost__socks5_connector,
    &gost__relay_connector,
    &gost__sni_connector,
    &gost__tcp_connector,
    &gost__tunnel_connector,
    &gost__forward_connector,
    &gost__unix_connector,
    &gost__serial_connector,
    &gost__direct_connector,
    &gost__virtual_connector,
    NULL,
};

const struct gost_listener_kind *const gost_listener_kinds[] = {
    &gost__tcp_listener,   &gost__udp_listener,
    &gost__tls_listener,   &gost__unix_listener,
    &gost__rtcp_listener,  &gost__rudp_listener,
    &gost__runix_listener, &gost__mtls_listener,
    &gost__mtcp_listener,  &gost__redirect_listener,
    &gost__redu_listener,  &gost__serial_listener,
    &gost__stdio_listener, NULL,
};

const struct gost_dialer_kind *const gost_dialer_kinds[] = {
    &gost__tcp_dialer,    &gost__tls_dialer,     &gost__unix_dialer,
    &gost__serial_dialer, &gost__mtls_dialer,    &gost__mtcp_dialer,
    &gost__direct_dialer, &gost__virtual_dialer, NULL,
};

/* Is `name` the kind's name, or one of its blank-separated aliases? */
static bool is_called(const char *name, const char *kind, const char *aliases)
{
    size_t n = strlen(name);
    if (strcmp(name, kind) == 0)
        return true;
    for (const char *p = aliases; p && *p;) {
        size_t len = strcspn(p, " ");
        if (len == n && memcmp(p, name, n) == 0)
            return true;
        p += len;
        p += strspn(p, " ");
    }
    return false;
}

#define FIND(list, wanted)                                                                         \
    for (size_t i = 0; (list)[i]; i++)                                                             \
        if (is_called((wanted), (list)[i]->name, (list)[i]->aliases))                              \
            return (list)[i];                                                                      \
    return NULL

const struct gost_handler_kind *gost_handler_kind_find(const char *name)
{
    FIND(gost_handler_kinds, name);
}

const struct gost_connector_kind *gost_connector_kind_find(const char *name)
{
    FIND(gost_connector_kinds, name);
}

const struct gost_listener_kind *gost_listener_kind_find(const char *name)
{
    FIND(gost_listener_kinds, name);
}

const struct gost_dialer_kind *gost_dialer_kind_find(const char *name)
{
    FIND(gost_dialer_kinds, name);
}
