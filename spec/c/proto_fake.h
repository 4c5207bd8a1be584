/**
 * A connection whose service is the test itself: streams in memory, dials that answer what the test
 * says, and the real pump. The handler runs on a fiber of its own; the test is the client and the
 * origin.
 */
#ifndef GOST_SPEC_PROTO_FAKE_H
#define GOST_SPEC_PROTO_FAKE_H

#include "core/proto/handler.h"
#include "core/proto/handshake.h"
#include "core/registry.h"
#include "spec/c/net_support.h"

#include <stdarg.h>

enum { FAKE_DIALS = 8, FAKE_LIMIT = 1 << 20 };

struct fake {
    struct gost_conn conn;
    struct gost_handler *handler;
    struct gost_stream *client;             /* the client's end; NULL once closed */
    struct gost_stream *origin[FAKE_DIALS]; /* the origin's end of each dial */
    struct gost_request asked[FAKE_DIALS];
    char path[FAKE_DIALS][64];
    int dials, forwards, auths, allows;
    int allow_rc; /* what allow answers */
    int dial_rc;  /* what dials answer; 0: a stream */
    bool forwarder;
    const char *user, *pass; /* credentials that are accepted; NULL: none are wanted */
    int rc;                  /* what the handler returned */
    bool done;               /* the handler has returned, and its pump, if any, ended */
    bool pumping;
    struct gost_pump pump;
    uint64_t in, out;
    struct knobs knobs; /* over the client's stream on the handler's side */
    const char *served_as;
};

static struct fake *fake_of(struct gost_conn *c)
{
    return gost_container_of(c, struct fake, conn);
}

static bool fake_needs_auth(struct gost_conn *c)
{
    return fake_of(c)->user != NULL;
}

static int fake_auth(struct gost_conn *c, const char *user, const char *password, const char *scheme)
{
    struct fake *f = fake_of(c);
    f->auths++;
    CHECK(scheme != NULL);
    if (!user || strcmp(user, f->user) != 0 || strcmp(password ? password : "", f->pass) != 0)
        return gost_fail(GOST_EAUTH, "no");
    free(c->user);
    c->user = strdup(user);
    return 0;
}

static int fake_dial(struct gost_conn *c, const struct gost_request *r, struct gost_stream **up)
{
    struct fake *f = fake_of(c);
    int i = f->dials++;
    CHECK(i < FAKE_DIALS);
    f->asked[i] = *r;
    snprintf(f->path[i], sizeof(f->path[i]), "%s", r->path ? r->path : "");
    gost_fiber_yield();
    if (f->dial_rc != 0)
        return gost_fail(f->dial_rc, "the test says so");
    return gost_pair_new(FAKE_LIMIT, up, &f->origin[i]);
}

static int fake_allow(struct gost_conn *c, const struct gost_request *r)
{
    CHECK(r->path && r->addr.host[0]);
    fake_of(c)->allows++;
    return fake_of(c)->allow_rc ? gost_fail(fake_of(c)->allow_rc, "the test says so") : 0;
}

static int fake_forward(struct gost_conn *c, const struct gost_request *r, struct gost_stream **up)
{
    fake_of(c)->forwards++;
    int rc = fake_dial(c, r, up);
    return rc == 0 && r->introduce > 0 ? gost__introduce(c, *up, r->introduce) : rc;
}

static bool fake_has_forwarder(struct gost_conn *c)
{
    return fake_of(c)->forwarder;
}

static void fake_pumped(struct gost_pump *p)
{
    gost_container_of(p, struct fake, pump)->done = true;
}

static int fake_relay(struct gost_conn *c, struct gost_stream **up)
{
    struct fake *f = fake_of(c);
    f->pumping = true;
    gost_pump_start(&f->pump, &c->client, up, NULL, NULL, fake_pumped);
    return 0;
}

static int fake_serve_as(struct gost_conn *c, const char *handler)
{
    const struct gost_handler_kind *kind = gost_handler_kind_find(handler);
    struct gost_handler *h = NULL;
    fake_of(c)->served_as = kind ? kind->name : NULL;
    CHECK(kind != NULL);
    CHECK_INT(gost_handler_new(kind, gost_options_new(&kind->options), &h), 0);
    int rc = kind->serve(h, c);
    gost_handler_delete(h);
    return rc;
}

static void fake_count(struct gost_conn *c, uint64_t in, uint64_t out)
{
    fake_of(c)->in += in;
    fake_of(c)->out += out;
}

static const struct gost_conn_ops fake_ops = {
    .needs_auth = fake_needs_auth,
    .auth = fake_auth,
    .dial = fake_dial,
    .allow = fake_allow,
    .forward = fake_forward,
    .has_forwarder = fake_has_forwarder,
    .relay = fake_relay,
    .serve_as = fake_serve_as,
    .count = fake_count,
};

static void fake_serve(void *arg)
{
    struct fake *f = arg;
    f->rc = f->handler->kind->serve(f->handler, &f->conn);
    gost_stream_close(f->conn.client);
    f->conn.client = NULL;
    f->done = f->done || !f->pumping;
}

/* "key=value" pairs of options, ended by NULL; a MAP takes "key=name=value". */
static NET_UNUSED void *fake_settings(const struct gost_options *o, va_list ap)
{
    void *settings = gost_options_new(o);
    const char *pair;
    while ((pair = va_arg(ap, const char *))) {
        char key[32];
        size_t n = strcspn(pair, "=");
        snprintf(key, sizeof(key), "%.*s", (int)n, pair);
        const struct gost_option *option = gost_option_find(o->table, key);
        CHECK(option != NULL);
        if (option && option->type == GOST_OPT_MAP) {
            char name[32];
            snprintf(name, sizeof(name), "%.*s", (int)strcspn(pair + n + 1, "="), pair + n + 1);
            CHECK_INT(gost_option_append(settings, option, name), 0);
            CHECK_INT(gost_option_append(settings, option, strchr(pair + n + 1, '=') + 1), 0);
        } else if (option) {
            CHECK_INT(gost_option_set(settings, option, pair + n + 1), 0);
        }
    }
    return settings;
}

/** A handler with options "key=value", …, NULL. */
static NET_UNUSED void fake_init(struct fake *f, const char *kind_name, ...)
{
    const struct gost_handler_kind *kind = gost_handler_kind_find(kind_name);
    va_list ap;
    memset(f, 0, sizeof(*f));
    va_start(ap, kind_name);
    CHECK_INT(gost_handler_new(kind, fake_settings(&kind->options, ap), &f->handler), 0);
    va_end(ap);
    f->conn.ops = &fake_ops;
    f->conn.handler = kind->name;
    f->conn.peer = net_loopback(4242);
}

static NET_UNUSED void fake_start(struct fake *f)
{
    CHECK_INT(gost_pair_new(FAKE_LIMIT, &f->conn.client, &f->client), 0);
    if (memcmp(&f->knobs, &(struct knobs){0}, sizeof(f->knobs)) != 0)
        f->conn.client = net_knobs(f->conn.client, f->knobs);
    f->conn.started = gost_now();
    CHECK(gost_fiber_spawn("handler", fake_serve, f) != NULL);
}

/* Close the origins; a handler may dial once more meanwhile. */
static bool fake_cut(struct fake *f)
{
    for (int i = 0; i < FAKE_DIALS; i++) {
        gost_stream_close(f->origin[i]);
        f->origin[i] = NULL;
    }
    return true;
}

/** Close all that is open, wait for the handler to end, and free. */
static NET_UNUSED void fake_end(struct fake *f)
{
    gost_stream_close(f->client);
    f->client = NULL;
    NET_AWAIT(fake_cut(f) && f->done);
    fake_cut(f);
    gost_handler_delete(f->handler);
    free(f->conn.user);
    free(f->conn.client_id);
}

static NET_UNUSED uint64_t soon(void)
{
    return gost_now() + NET_PATIENCE_MS;
}

static NET_UNUSED void say_bytes(struct gost_stream *s, const void *p, size_t n)
{
    CHECK_INT(gost_io_write(s, p, n, soon()), 0);
}

static NET_UNUSED void say(struct gost_stream *s, const char *text)
{
    say_bytes(s, text, strlen(text));
}

/** Read exactly the bytes that are expected. @return whether they came */
static NET_UNUSED bool hears(struct gost_stream *s, const void *want, size_t n)
{
    char *got = calloc(1, n + 1);
    size_t have = 0;
    while (have < n) {
        ssize_t some = gost_io_read(s, got + have, n - have, gost_now() + 5000);
        if (some <= 0)
            break;
        have += (size_t)some;
    }
    bool same = have == n && memcmp(got, want, n) == 0;
    if (!same) {
        fprintf(stderr, "expected %zu bytes, got %zu:", n, have);
        for (size_t i = 0; i < have && i < 400; i++)
            fprintf(stderr, got[i] >= 0x20 && got[i] < 0x7f ? "%c" : "\\x%02x", (uint8_t)got[i]);
        fprintf(stderr, "\n");
    }
    free(got);
    return same;
}

#define HEARS(s, text)        CHECK(hears((s), (text), strlen(text)))
#define HEARS_BYTES(s, bytes) CHECK(hears((s), (bytes), sizeof(bytes) - 1))

/** Nothing more comes from the other end, and that is the end. */
static NET_UNUSED bool hears_end(struct gost_stream *s)
{
    char byte;
    ssize_t n = gost_io_read(s, &byte, 1, gost_now() + 5000);
    if (n != 0)
        fprintf(stderr, "expected the end, got %zd (%02x)\n", n, n > 0 ? (uint8_t)byte : 0);
    return n == 0;
}

#define HEARS_END(s) CHECK(hears_end(s))

/** Wait for the handler's dial number `i`. */
#define AWAIT_DIAL(f, i) NET_AWAIT((f)->origin[i] != NULL)

#endif
