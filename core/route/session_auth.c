/* Who a client is: what it says, put to the script and to the authers of the service. */
#include "core/base/cidr.h"
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/route/session_int.h"

#include <stdlib.h>
#include <string.h>

/* Are the authers for this client at all? */
static bool wants_auth(struct gost_conn *c)
{
    struct gost_service *sv = gost_session_of(c)->service;
    struct gost_ip ip;
    if (!sv->wants_auth || sv->trusted.count == 0)
        return sv->wants_auth;
    return !gost_ip_from_sockaddr(&ip, &c->peer) || !gost_cidrs_match(&sv->trusted, ip);
}

bool gost__session_needs_auth(struct gost_conn *c)
{
    return gost_session_of(c)->service->hooks.auth || wants_auth(c);
}

/* Ask the authers. `id` becomes the client's id. */
static int ask_authers(struct gost_service *sv, const char *user, const char *password,
                       const char *scheme, char **id)
{
    char room[GOST_CLIENT_ID_MAX];
    struct gost_cred cred = {.user = user ? user : "",
                             .user_len = user ? strlen(user) : 0,
                             .password = password ? password : "",
                             .password_len = password ? strlen(password) : 0,
                             .scheme = scheme};
    if (!user)
        return gost_fail(GOST_EAUTH, "authentication failed: no credentials");
    if (gost_authers_check(sv->auther, sv->auther_count, &cred, room) != 1)
        return gost_fail(GOST_EAUTH, "authentication failed for user \"%.64s\"", user);
    return gost__session_set_text(id, room);
}

int gost__session_auth(struct gost_conn *c, const char *user, const char *password,
                       const char *scheme)
{
    struct gost_service *sv = gost_session_of(c)->service;
    char *id = NULL;
    int rc = 1;
    if (sv->hooks.auth)
        rc = sv->hooks.auth(sv->hooks.arg, c, user, password, scheme, &id);
    if (rc == 1)
        rc = wants_auth(c) ? ask_authers(sv, user, password, scheme, &id) : 0;
    if (rc == 0)
        rc = gost__session_set_text(&c->user, user);
    if (rc == 0)
        rc = gost__session_set_text(&c->client_id, id);
    free(id);
    return rc;
}
