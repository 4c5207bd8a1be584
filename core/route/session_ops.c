/* The operations that handlers have on a connection: the small ones, and the table of them all. */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/route/session_int.h"

#include <stdlib.h>
#include <string.h>

enum { SERVE_AS_MAX = 4 };

int gost__session_set_text(char **slot, const char *text)
{
    char *copy = text && *text ? strdup(text) : NULL;
    if (text && *text && !copy)
        return gost_fail_code(GOST_ENOMEM);
    free(*slot);
    *slot = copy;
    return 0;
}

static int op_lead(struct gost_conn *c, struct gost_request *request, struct gost_endpoint *out)
{
    struct gost_session *s = gost_session_of(c);
    int rc = gost__session_allow_packet(s, request); /* nothing is dialed here either */
    if (rc != 0)
        return rc;
    if (!s->service->ingress)
        return GOST_ENOTSUP;
    rc = gost_ingress_find(s->service->ingress, request->addr.host, out);
    return rc < 0 ? gost_fail_at(rc, "ingress") : rc;
}

static int op_sd_tell(struct gost_conn *c, enum gost_sd_word word, const struct gost_sd_record *r)
{
    struct gost_sd *sd = gost_session_of(c)->service->sd;
    if (!sd)
        return GOST_ENOTSUP;
    if (word != GOST_SD_DEREGISTER)
        return gost_sd_tell(sd, word, r);
    gost_sd_deregister(sd, r);
    return 0;
}

static int op_sd_find(struct gost_conn *c, const uint8_t *tunnel, struct gost_sd_record *out,
                      size_t max)
{
    struct gost_sd *sd = gost_session_of(c)->service->sd;
    return sd ? gost_sd_find(sd, tunnel, out, max) : GOST_ENOTSUP;
}

static int op_relay_packet(struct gost_conn *c, struct gost_packet **up, bool once)
{
    return gost__session_relay_packet(gost_session_of(c), up, once);
}

static int op_relay(struct gost_conn *c, struct gost_stream **up)
{
    return gost__session_relay(gost_session_of(c), up);
}

static bool op_is_movable(struct gost_conn *c)
{
    return gost__session_is_movable(gost_session_of(c));
}

static int op_relay_far(struct gost_conn *c, struct gost_far **far)
{
    return gost__session_relay_far(gost_session_of(c), far);
}

static void op_rest(struct gost_conn *c, void (*stop)(void *arg, int rc), void *arg)
{
    gost__session_rest(gost_session_of(c), stop, arg);
}

static void op_rested(struct gost_conn *c, int rc, const char *story)
{
    gost__session_rested(gost_session_of(c), rc, story);
}

static int op_serve_as(struct gost_conn *c, const char *kind)
{
    struct gost_session *s = gost_session_of(c);
    struct gost_handler *h = gost__service_handler(s->service, kind);
    if (!h)
        return gost_fail(GOST_ENOTSUP, "the service does not speak %s", kind);
    if (s->served_as++ >= SERVE_AS_MAX)
        return gost_fail(GOST_ELIMIT, "handlers pass the connection around");
    c->handler = h->kind->name;
    return h->kind->serve(h, c);
}

static void op_count(struct gost_conn *c, uint64_t in, uint64_t out)
{
    gost_session_of(c)->in += in;
    gost_session_of(c)->out += out;
}

static int pace(struct gost_session *s, int direction, uint64_t n)
{
    while (n > 0) {
        uint64_t now = gost_now(), retry = now;
        n -= gost_traffic_take(s->traffic, direction, n, now, &retry);
        int rc = n > 0 ? gost_fiber_sleep(retry > now ? retry - now : 1) : 0;
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int op_pace(struct gost_conn *c, uint64_t in, uint64_t out)
{
    struct gost_session *s = gost_session_of(c);
    if (!s->traffic)
        return 0;
    if (c->client_id)
        gost_traffic_conn_identify(s->traffic, c->client_id, strlen(c->client_id));
    int rc = gost_traffic_limits(s->traffic, GOST_LIMIT_IN) ? pace(s, GOST_LIMIT_IN, in) : 0;
    if (rc == 0 && gost_traffic_limits(s->traffic, GOST_LIMIT_OUT))
        rc = pace(s, GOST_LIMIT_OUT, out);
    return rc;
}

const struct gost_conn_ops gost__session_ops = {
    .needs_auth = gost__session_needs_auth,
    .auth = gost__session_auth,
    .dial = gost__session_dial,
    .allow = gost__session_allow,
    .forward = gost__session_forward,
    .dial_packet = gost__session_dial_packet,
    .forward_packet = gost__session_forward_packet,
    .associate = gost__session_associate,
    .lead = op_lead,
    .sd_tell = op_sd_tell,
    .sd_find = op_sd_find,
    .sniffed = gost__session_sniffed,
    .has_forwarder = gost__session_has_forwarder,
    .forward_traits = gost__session_forward_traits,
    .forward_judge = gost__session_forward_judge,
    .relay = op_relay,
    .is_movable = op_is_movable,
    .relay_far = op_relay_far,
    .rest = op_rest,
    .rested = op_rested,
    .relay_packet = op_relay_packet,
    .serve_as = op_serve_as,
    .count = op_count,
    .pace = op_pace,
};
