#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/proto/connector.h"
#include "core/proto/handler.h"

#include <stdlib.h>
#include <string.h>

const char *gost_network_name(enum gost_network n)
{
    static const char *const names[] = {"tcp", "udp", "unix"};
    return names[n];
}

int gost_handler_new(const struct gost_handler_kind *kind, void *settings, struct gost_handler **out)
{
    struct gost_handler *h = calloc(1, sizeof(*h));
    if (!h) {
        gost_options_delete(&kind->options, settings);
        return gost_fail_code(GOST_ENOMEM);
    }
    h->kind = kind;
    h->settings = settings;
    int rc = kind->init ? kind->init(h) : 0;
    if (rc != 0) {
        gost_handler_delete(h);
        return gost_fail_at(rc, "handler %s", kind->name);
    }
    *out = h;
    return 0;
}

void gost_handler_delete(struct gost_handler *h)
{
    if (!h)
        return;
    if (h->kind->destroy)
        h->kind->destroy(h);
    gost_options_delete(&h->kind->options, h->settings);
    free(h);
}

/* A secret is wiped before its memory goes back. */
static void free_secret(char *secret)
{
    if (secret)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

int gost_connector_new(const struct gost_connector_kind *kind, void *settings, const char *user,
                       const char *password, struct gost_connector **out)
{
    struct gost_connector *c = calloc(1, sizeof(*c));
    if (!c) {
        gost_options_delete(&kind->options, settings);
        return gost_fail_code(GOST_ENOMEM);
    }
    c->kind = kind;
    c->settings = settings;
    c->user = user ? strdup(user) : NULL;
    c->password = password ? strdup(password) : NULL;
    int rc = (user && !c->user) || (password && !c->password) ? GOST_ENOMEM : 0;
    if (rc == 0 && kind->init)
        rc = kind->init(c);
    if (rc != 0) {
        gost_connector_delete(c);
        return gost_fail_at(rc, "connector %s", kind->name);
    }
    *out = c;
    return 0;
}

void gost_connector_delete(struct gost_connector *c)
{
    if (!c)
        return;
    if (c->kind->destroy)
        c->kind->destroy(c);
    gost_options_delete(&c->kind->options, c->settings);
    free(c->user);
    free_secret(c->password);
    free(c);
}
