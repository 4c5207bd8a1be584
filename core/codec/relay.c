#include "core/codec/relay.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/bytes.h"
#include "core/codec/socksaddr.h"

enum { VERSION = 1, HEAD = 4, FEATURE_HEAD = 3, ID_SIZE = 20 };

enum feature {
    FEATURE_AUTH = 1,
    FEATURE_ADDR = 2,
    FEATURE_ID = 3,
    FEATURE_NETWORK = 4,
    FEATURE_META = 5,
};

const char *gost_relay_status_text(uint8_t status)
{
    static const char *const text[] = {
        "ok",
        "bad request",
        "unauthorized",
        "forbidden",
        "timeout",
        "service unavailable",
        "host unreachable",
        "network unreachable",
        "internal error",
    };
    return status < sizeof text / sizeof text[0] ? text[status] : "unknown status";
}

static int auth_decode(struct gost_relay *m, const uint8_t *p, size_t n)
{
    ssize_t rc = gost_userpass_decode(&m->auth, p, n);
    if (rc == 0)
        return gost_fail(GOST_EPROTO, "the auth feature is too short");
    m->has_auth = rc > 0;
    return rc < 0 ? (int)rc : 0;
}

/** GOST 3.3 joins ":PORT" to its default host without taking it apart: "0.0.0.0::PORT". */
static void mend_odd_domain(struct gost_addr *a)
{
    static const char prefix[] = "0.0.0.0::";
    size_t n = sizeof prefix - 1, len = strlen(a->host);
    if (a->port != 0 || len <= n || len > n + 5 || memcmp(a->host, prefix, n) != 0)
        return;
    uint32_t port = 0;
    for (size_t i = n; i < len; i++) {
        if (a->host[i] < '0' || a->host[i] > '9')
            return;
        port = port * 10 + (uint32_t)(a->host[i] - '0');
    }
    if (port > 65535)
        return;
    a->host[0] = 0;
    a->port = (uint16_t)port;
}

static int addr_decode(struct gost_relay *m, const uint8_t *p, size_t n)
{
    struct gost_addr addr;
    ssize_t rc = gost_socksaddr_decode(&addr, p, n);
    if (rc == 0)
        return gost_fail(GOST_EPROTO, "the address feature is too short");
    if (rc < 0)
        return (int)rc;
    mend_odd_domain(&addr);
    gost_relay_add_addr(m, &addr);
    return 0;
}

static int id_decode(struct gost_relay *m, const uint8_t *p, size_t n)
{
    if (n < ID_SIZE)
        return gost_fail(GOST_EPROTO, "the ID feature is too short");
    memcpy(m->id.uuid, p, 16);
    m->id.flags = p[16];
    m->id.weight = p[19];
    m->has_id = true;
    return 0;
}

static int network_decode(struct gost_relay *m, const uint8_t *p, size_t n)
{
    if (n < 2)
        return gost_fail(GOST_EPROTO, "the network feature is too short");
    m->network = gost__get16(p);
    m->has_network = true;
    return 0;
}

/** Check it here, so that walking it later cannot fail. */
static int meta_decode(struct gost_relay *m, const uint8_t *p, size_t n)
{
    if (n < 2)
        return gost_fail(GOST_EPROTO, "the metadata feature is too short");
    size_t count = gost__get16(p);
    if (count > GOST_RELAY_META_PAIRS)
        count = GOST_RELAY_META_PAIRS;
    struct gost_slice rest = {(const char *)p + 2, n - 2}, key, value;
    for (size_t i = 0; i < count; i++) {
        if (!gost_relay_next_meta(&rest, &key, &value))
            return gost_fail(GOST_EPROTO, "the metadata feature is cut short");
    }
    m->meta = (struct gost_slice){(const char *)p + 2, n - 2 - rest.n};
    return 0;
}

static int feature_decode(struct gost_relay *m, uint8_t type, const uint8_t *p, size_t n)
{
    switch (type) {
    case FEATURE_AUTH:
        return auth_decode(m, p, n);
    case FEATURE_ADDR:
        return addr_decode(m, p, n);
    case FEATURE_ID:
        return id_decode(m, p, n);
    case FEATURE_NETWORK:
        return network_decode(m, p, n);
    case FEATURE_META:
        return meta_decode(m, p, n);
    default:
        return 0;
    }
}

static void start(struct gost_relay *m, uint8_t code)
{
    m->code = code;
    m->naddrs = 0;
    m->has_auth = m->has_id = m->has_network = false;
    m->network = GOST_RELAY_TCP;
    m->meta = (struct gost_slice){NULL, 0};
}

ssize_t gost_relay_decode(struct gost_relay *out, const uint8_t *p, size_t n)
{
    if (n >= 1 && p[0] != VERSION)
        return gost_fail(GOST_EPROTO, "relay version is %u, not 1", p[0]);
    if (n < HEAD)
        return 0;
    start(out, p[1]);
    size_t end = HEAD + (size_t)gost__get16(p + 2), at = HEAD;
    for (int count = 0; at < end; count++) {
        if (count == GOST_RELAY_FEATURES)
            return gost_fail(GOST_ELIMIT, "more than %d relay features", GOST_RELAY_FEATURES);
        if (end - at < FEATURE_HEAD)
            return gost_fail(GOST_EPROTO, "a relay feature is cut short");
        if (n < at + FEATURE_HEAD)
            return 0;
        size_t len = gost__get16(p + at + 1);
        if (end - at - FEATURE_HEAD < len)
            return gost_fail(GOST_EPROTO, "a relay feature overruns the message");
        if (n < at + FEATURE_HEAD + len)
            return 0;
        int rc = feature_decode(out, p[at], p + at + FEATURE_HEAD, len);
        if (rc < 0)
            return rc;
        at += FEATURE_HEAD + len;
    }
    return (ssize_t)at;
}

/** Where the encoder writes; `failed` when something did not fit. */
struct writer {
    uint8_t *buf;
    size_t cap, at;
    bool failed;
};

/** @return room for the payload of a feature, at most what the caller's encoder takes; or NULL */
static uint8_t *feature_room(struct writer *w, size_t *room)
{
    if (w->failed || w->cap - w->at < FEATURE_HEAD) {
        w->failed = true;
        return NULL;
    }
    *room = w->cap - w->at - FEATURE_HEAD;
    return w->buf + w->at + FEATURE_HEAD;
}

/** Close a feature of `len` bytes; 0 tells that the payload did not fit. */
static void feature_done(struct writer *w, enum feature type, size_t len)
{
    if (len == 0) {
        w->failed = true;
        return;
    }
    w->buf[w->at] = type;
    gost__put16(w->buf + w->at + 1, (uint16_t)len);
    w->at += FEATURE_HEAD + len;
}

static void put_bytes(struct writer *w, enum feature type, const void *bytes, size_t len)
{
    size_t room = 0;
    uint8_t *p = feature_room(w, &room);
    if (p && len <= room)
        memcpy(p, bytes, len);
    if (p)
        feature_done(w, type, len <= room && len <= 65535 ? len : 0);
}

static void put_auth(struct writer *w, const struct gost_userpass *auth)
{
    size_t room = 0;
    uint8_t *p = feature_room(w, &room);
    if (p)
        feature_done(w, FEATURE_AUTH, gost_userpass_encode(p, room, auth));
}

static void put_addr(struct writer *w, const struct gost_addr *addr)
{
    size_t room = 0;
    uint8_t *p = feature_room(w, &room);
    if (p)
        feature_done(w, FEATURE_ADDR, gost_socksaddr_encode(p, room, addr));
}

static void put_id(struct writer *w, const struct gost_relay_id *id)
{
    uint8_t p[ID_SIZE] = {0};
    memcpy(p, id->uuid, 16);
    p[16] = id->flags;
    p[19] = id->weight;
    put_bytes(w, FEATURE_ID, p, sizeof p);
}

static void put_network(struct writer *w, uint16_t network)
{
    uint8_t p[2];
    gost__put16(p, network);
    put_bytes(w, FEATURE_NETWORK, p, sizeof p);
}

static void put_meta(struct writer *w, struct gost_slice meta)
{
    struct gost_slice rest = meta, key, value;
    uint16_t count = 0;
    while (count < GOST_RELAY_META_PAIRS && gost_relay_next_meta(&rest, &key, &value))
        count++;
    size_t room = 0;
    uint8_t *p = feature_room(w, &room);
    bool fits = p && rest.n == 0 && meta.n <= 65533 && 2 + meta.n <= room;
    if (fits) {
        gost__put16(p, count);
        memcpy(p + 2, meta.p, meta.n);
    }
    feature_done(w, FEATURE_META, fits ? 2 + meta.n : 0);
}

size_t gost_relay_encode(uint8_t *buf, size_t cap, const struct gost_relay *in)
{
    struct writer w = {.buf = buf, .cap = cap < GOST_RELAY_MAX ? cap : GOST_RELAY_MAX, .at = HEAD};
    if (cap < HEAD)
        return 0;
    bool auth_first = (in->code & GOST_RELAY_COMMAND_MASK) == GOST_RELAY_BIND && !in->has_id;
    if (in->has_auth && auth_first)
        put_auth(&w, &in->auth);
    if (in->has_network)
        put_network(&w, in->network);
    if (in->has_auth && !auth_first)
        put_auth(&w, &in->auth);
    for (int i = 0; i < in->naddrs; i++)
        put_addr(&w, &in->addr[i]);
    if (in->has_id)
        put_id(&w, &in->id);
    if (in->meta.n > 0)
        put_meta(&w, in->meta);
    if (w.failed)
        return 0;
    buf[0] = VERSION;
    buf[1] = in->code;
    gost__put16(buf + 2, (uint16_t)(w.at - HEAD));
    return w.at;
}

bool gost_relay_is_udp(const struct gost_relay *request)
{
    return (request->code & GOST_RELAY_FLAG_UDP) ||
           (request->has_network && request->network == GOST_RELAY_UDP);
}

const struct gost_addr *gost_relay_addr(const struct gost_relay *m)
{
    return m->naddrs > 0 ? &m->addr[m->naddrs - 1] : NULL;
}

void gost_relay_add_addr(struct gost_relay *m, const struct gost_addr *addr)
{
    if (m->naddrs < 2)
        m->naddrs++;
    m->addr[m->naddrs - 1] = *addr;
}

static bool take_text(struct gost_slice *rest, struct gost_slice *out)
{
    size_t len = rest->n < 2 ? 0 : gost__get16((const uint8_t *)rest->p);
    if (rest->n < 2 || rest->n - 2 < len)
        return false;
    *out = (struct gost_slice){rest->p + 2, len};
    rest->p += 2 + len;
    rest->n -= 2 + len;
    return true;
}

bool gost_relay_next_meta(struct gost_slice *meta, struct gost_slice *key, struct gost_slice *value)
{
    struct gost_slice rest = *meta;
    if (!take_text(&rest, key) || !take_text(&rest, value))
        return false;
    *meta = rest;
    return true;
}

size_t gost_relay_put_meta(uint8_t *buf, size_t cap, size_t len, struct gost_slice key,
                           struct gost_slice value)
{
    size_t more = 4 + key.n + value.n;
    if (key.n > 255 || value.n > 255 || cap < len || cap - len < more)
        return len;
    gost__put16(buf + len, (uint16_t)key.n);
    memcpy(buf + len + 2, key.p, key.n);
    gost__put16(buf + len + 2 + key.n, (uint16_t)value.n);
    memcpy(buf + len + 4 + key.n, value.p, value.n);
    return len + more;
}

ssize_t gost_relay_datagram_decode(struct gost_slice *data, const uint8_t *p, size_t n)
{
    if (n < 2 || n - 2 < gost__get16(p))
        return 0;
    *data = (struct gost_slice){(const char *)p + 2, gost__get16(p)};
    return 2 + (ssize_t)data->n;
}

size_t gost_relay_datagram_encode(uint8_t *buf, size_t cap, size_t len)
{
    if (cap < 2 || len > 65535)
        return 0;
    gost__put16(buf, (uint16_t)len);
    return 2;
}
