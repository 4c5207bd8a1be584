#include "core/route/probe.h"

#include "core/base/buf.h"
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/codec/http1.h"
#include "core/net/io.h"
#include "core/route/router.h"
#include "core/runtime/command.h"
#include "core/runtime/fiber.h"
#include "core/transport/tls.h"

#include <stdlib.h>
#include <string.h>

enum probe_type { PROBE_BY_TCP, PROBE_BY_HTTP, PROBE_BY_COMMAND };

#define OPTION(name) offsetof(struct gost_probe_settings, name)

static const struct gost_option options[] = {
    {.key = "type",
     .type = GOST_OPT_ENUM,
     .offset = OPTION(type),
     .choices = "tcp http cmd",
     .def = "tcp"},
    {.key = "addr", .type = GOST_OPT_STRING, .offset = OPTION(addr)},
    {.key = "interval", .type = GOST_OPT_DURATION, .offset = OPTION(interval), .def = "30s"},
    {.key = "timeout", .type = GOST_OPT_DURATION, .offset = OPTION(timeout), .def = "10s"},
    {.key = "httpPath", .type = GOST_OPT_STRING, .offset = OPTION(path), .def = "/"},
    {.key = "httpHost", .type = GOST_OPT_STRING, .offset = OPTION(host)},
    {.key = "httpHeaders", .type = GOST_OPT_MAP, .offset = OPTION(header)},
    {.key = "expectedStatus",
     .type = GOST_OPT_INT,
     .offset = OPTION(status),
     .def = "200",
     .min = 100,
     .max = 999},
    {.key = "command", .type = GOST_OPT_STRING, .offset = OPTION(command)},
    GOST_OPTION_END,
};

const struct gost_options gost_probe_options = {options, sizeof(struct gost_probe_settings)};

struct gost_probe {
    struct gost_node *node; /* borrowed: it owns us */
    struct gost_probe_settings *s;
    struct gost_chain *via; /* a reference, or NULL */
    struct gost_addr addr;  /* of s->addr */
    int max_fails;
    struct gost_timer timer;
    uint64_t latency; /* of the probe that runs: milliseconds until the connection stood */
};

/* --- connecting ------------------------------------------------------------------------------- */

struct direct {
    struct gost_carrier base;
    struct gost_node *node;
};

static int direct_open(struct gost_carrier *self, uint64_t deadline, struct gost_stream **out)
{
    return gost__node_connect(gost_container_of(self, struct direct, base)->node, deadline, out);
}

/* To a proxy: as its dialer does it. To a target: through the service's chain, with TLS if it has that. */
static int open_node(struct gost_probe *p, struct gost_node *n, uint64_t deadline,
                     struct gost_stream **out)
{
    struct direct direct = {.base = {.open = direct_open, .host = n->addr.host}, .node = n};
    char *route = NULL;
    int rc;
    if (n->dialer)
        return gost_dialer_open(n->dialer, &direct.base, deadline, out);
    if (p->via) {
        struct gost_request *r = calloc(1, sizeof(*r)); /* too big for a fiber's stack */
        if (!r)
            return gost_fail_code(GOST_ENOMEM);
        r->network = n->network;
        r->addr = n->addr;
        rc = gost_chain_dial(p->via, NULL, r, deadline, out, &route);
        free(route);
        free(r);
    } else {
        rc = gost__node_connect(n, deadline, out);
    }
    if (rc == 0 && n->tls)
        rc = gost_tls_client(n->tls, n->tls_name ? n->tls_name : n->addr.host, out);
    return rc == 0 && n->tls ? gost_io_open(*out, deadline) : rc;
}

static int open_chain(struct gost_probe *p, uint64_t deadline, struct gost_stream **out)
{
    struct gost_request *r = calloc(1, sizeof(*r));
    char *route = NULL;
    if (!r)
        return gost_fail_code(GOST_ENOMEM);
    r->network = GOST_TCP;
    r->addr = p->addr;
    int rc = gost_chain_dial(p->node->chain, NULL, r, deadline, out, &route);
    if (rc == 0 && !route)
        rc = gost_fail(GOST_ENONODE, "the chain has no node for %s", p->s->addr);
    free(route);
    free(r);
    return rc;
}

static int open_hop(struct gost_probe *p, uint64_t deadline, struct gost_stream **out)
{
    struct gost_request *r = calloc(1, sizeof(*r));
    struct gost_node *n = NULL;
    if (!r)
        return gost_fail_code(GOST_ENOMEM);
    r->network = GOST_TCP;
    r->addr = p->addr;
    int rc = gost_hop_pick(p->node->hop, NULL, r, &n);
    free(r);
    if (rc == 0)
        rc = n ? open_node(p, n, deadline, out) : gost_fail(GOST_ENONODE, "no node for the probe");
    gost_node_unref(n);
    return rc;
}

/* --- asking ----------------------------------------------------------------------------------- */

static ssize_t decode_answer(void *out, const uint8_t *p, size_t n)
{
    return gost_http1_response_decode(out, p, n);
}

static int put_request(struct gost_probe *p, struct gost_buf *b)
{
    const struct gost_probe_settings *s = p->s;
    const char *path = s->path && *s->path ? s->path : "/";
    int rc =
        gost_buf_printf(b, "GET %s%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n",
                        path[0] == '/' ? "" : "/", path, s->host && *s->host ? s->host : s->addr);
    for (size_t i = 0; i + 1 < s->header.count && rc == 0; i += 2)
        rc = gost_buf_printf(b, "%s: %s\r\n", s->header.item[i], s->header.item[i + 1]);
    return rc == 0 ? gost_buf_printf(b, "\r\n") : rc;
}

/* Ask for the page. @return 0 when the status is the one that is expected */
static int ask(struct gost_probe *p, struct gost_stream *io, uint64_t deadline)
{
    struct gost_buf b;
    struct {
        struct gost_http1 head;
        uint8_t room[GOST_HTTP1_MAX];
    } *answer = malloc(sizeof(*answer));
    if (!answer)
        return gost_fail_code(GOST_ENOMEM);
    gost_buf_create(&b, GOST_HTTP1_MAX);
    int rc = put_request(p, &b);
    if (rc == 0)
        rc = gost_io_write(io, b.data, b.len, deadline);
    ssize_t n = rc == 0 ? gost_io_decode(io, decode_answer, &answer->head, answer->room,
                                         sizeof(answer->room), deadline)
                        : rc;
    if (n == 0)
        rc = gost_fail(GOST_EOF, "no answer");
    else if (n < 0)
        rc = (int)n;
    else if (answer->head.status != p->s->status)
        rc = gost_fail(GOST_EPROTO, "status %d, not %d", answer->head.status, (int)p->s->status);
    gost_buf_destroy(&b);
    free(answer);
    return rc;
}

static int try_connection(struct gost_probe *p, uint64_t deadline)
{
    struct gost_stream *io = NULL;
    struct gost_node *n = p->node;
    uint64_t began = gost_now();
    int rc = n->chain ? open_chain(p, deadline, &io)
             : n->hop ? open_hop(p, deadline, &io)
                      : open_node(p, n, deadline, &io);
    p->latency = gost_now() - began;
    if (rc == 0 && p->s->type == PROBE_BY_HTTP)
        rc = ask(p, io, deadline);
    gost_stream_close(io);
    return rc;
}

static int try_command(struct gost_probe *p, uint64_t deadline)
{
    uint64_t began = gost_now();
    const char *argv[] = {"sh", "-c", p->s->command, NULL};
    int rc = gost_command_run(argv, NULL, deadline);
    p->latency = gost_now() - began;
    return rc > 0 ? gost_fail(GOST_EUPSTREAM, "the command ended with status %d", rc) : rc;
}

/* --- the clock -------------------------------------------------------------------------------- */

static void judge(struct gost_probe *p, int rc)
{
    struct gost_node *n = p->node;
    if (rc == 0) {
        gost_failmark_set_latency(n->mark, (int64_t)p->latency);
        gost_node_worked(n);
        return;
    }
    gost_log(GOST_LOG_DEBUG, "probe of %s: %s", n->name, gost_diag_text(rc));
    gost_failmark_set_latency(n->mark, GOST_LATENCY_FAILED);
    gost_node_failed(n, p->max_fails);
}

static void run(void *arg)
{
    struct gost_probe *p = arg;
    struct gost_node *n = p->node; /* the reference that on_timer took */
    uint64_t deadline = gost_deadline_in(p->s->timeout > 0 ? p->s->timeout : 10 * 1000);
    int rc = p->s->type == PROBE_BY_COMMAND ? try_command(p, deadline) : try_connection(p, deadline);
    if (!gost_fiber_is_canceled()) {
        judge(p, rc);
        gost_timer_start(&p->timer,
                         gost_deadline_in(p->s->interval > 0 ? p->s->interval : 30 * 1000));
    }
    gost_node_unref(n);
}

static void on_timer(struct gost_timer *t)
{
    struct gost_probe *p = gost_container_of(t, struct gost_probe, timer);
    gost_node_ref(p->node);
    if (gost_fiber_spawn("probe", run, p))
        return;
    gost_timer_start(&p->timer, gost_now() + 1000);
    gost_node_unref(p->node);
}

static int check(struct gost_probe *p)
{
    const struct gost_probe_settings *s = p->s;
    if (s->type == PROBE_BY_COMMAND)
        return s->command && *s->command ? 0 : gost_fail(GOST_ECONFIG, "probe: no command");
    if (!s->addr || !*s->addr)
        return gost_fail(GOST_ECONFIG, "probe: no addr");
    for (size_t i = 0; i + 1 < s->header.count; i += 2)
        if (!gost_http1_is_token(gost_slice(s->header.item[i])) ||
            !gost_http1_is_value(gost_slice(s->header.item[i + 1])))
            return gost_fail(GOST_ECONFIG, "probe: \"%s\" is no header", s->header.item[i]);
    if (!p->node->chain && !p->node->hop)
        return 0; /* a name for the node itself */
    return gost_addr_parse(&p->addr, s->addr, strlen(s->addr), 80);
}

int gost_probe_start(struct gost_node *n, struct gost_probe_settings *settings, int max_fails,
                     struct gost_chain *via)
{
    struct gost_probe *p = calloc(1, sizeof(*p));
    if (!p) {
        gost_options_delete(&gost_probe_options, settings);
        return gost_fail_code(GOST_ENOMEM);
    }
    p->node = n;
    p->s = settings;
    p->max_fails = max_fails;
    p->via = via ? gost_chain_ref(via) : NULL;
    gost_timer_create(&p->timer, on_timer);
    int rc = check(p);
    if (rc != 0) {
        gost__probe_stop(p);
        return rc;
    }
    n->probe = p;
    gost_timer_start(&p->timer, gost_now());
    return 0;
}

void gost__probe_stop(struct gost_probe *p)
{
    if (!p)
        return;
    gost_timer_stop(&p->timer);
    gost_chain_unref(p->via);
    gost_options_delete(&gost_probe_options, p->s);
    free(p);
}
