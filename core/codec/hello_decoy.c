#include "core/codec/hello_decoy.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/bytes.h"
#include "core/codec/client_hello.h"

enum {
    RECORD_HEAD = 5,
    RECORD_MAX = 16384,
    MESSAGE_HEAD = 4,
    MESSAGE_MAX = MESSAGE_HEAD + GOST_CLIENT_HELLO_BODY_MAX,
    EXT_SERVER_NAME = 0,
    NAME_BYTES_MAX = 255,
    HIDDEN_MAX = 1024,
};

/* A run of bytes that is read, or written. */
struct run {
    uint8_t *p;
    size_t n, at;
};

/* Put the records' payloads together. @return bytes, or GOST_EPROTO */
static ssize_t join(const uint8_t *p, size_t n, uint8_t *out)
{
    size_t len = 0;
    for (size_t at = 0; at < n;) {
        if (n - at < RECORD_HEAD)
            return GOST_EPROTO;
        size_t record = gost__get16(p + at + 3);
        at += RECORD_HEAD;
        if (record > n - at || len + record > MESSAGE_MAX)
            return GOST_EPROTO;
        memcpy(out + len, p + at, record);
        len += record;
        at += record;
    }
    if (len < MESSAGE_HEAD || gost__get24(out + 1) != len - MESSAGE_HEAD)
        return gost_fail(GOST_EPROTO, "the ClientHello does not end with its record");
    return (ssize_t)len;
}

/* Step over a vector whose length takes `bytes`. */
static bool skip(struct run *r, size_t bytes)
{
    if (r->n - r->at < bytes)
        return false;
    size_t len = bytes == 1 ? r->p[r->at] : gost__get16(r->p + r->at);
    r->at += bytes;
    if (r->n - r->at < len)
        return false;
    r->at += len;
    return true;
}

/* Step to the first extension. @return the offset of their length; 0: there are none */
static size_t find_extensions(struct run *r)
{
    r->at = MESSAGE_HEAD + 2 + 32;
    if (r->n < r->at || !skip(r, 1) || !skip(r, 2) || !skip(r, 1) || r->n - r->at < 2)
        return 0;
    size_t offset = r->at;
    size_t len = gost__get16(r->p + offset);
    r->at += 2;
    return len == r->n - r->at ? offset : 0;
}

/* The next extension: its type, and its bytes with the head in `one`. @return 1, 0 at the end, -1 */
static int next_extension(struct run *r, unsigned *type, struct run *one)
{
    if (r->at == r->n)
        return 0;
    if (r->n - r->at < 4)
        return -1;
    size_t len = gost__get16(r->p + r->at + 2);
    if (r->n - r->at - 4 < len)
        return -1;
    *type = gost__get16(r->p + r->at);
    *one = (struct run){r->p + r->at, 4 + len, 0};
    r->at += 4 + len;
    return 1;
}

static void put(struct run *out, const void *p, size_t n)
{
    memcpy(out->p + out->at, p, n);
    out->at += n;
}

static void put16(struct run *out, size_t value)
{
    gost__put16(out->p + out->at, (uint16_t)value);
    out->at += 2;
}

static void put_name(struct run *out, struct gost_slice name)
{
    put16(out, EXT_SERVER_NAME);
    put16(out, name.n + 5);
    put16(out, name.n + 3);
    out->p[out->at++] = 0;
    put16(out, name.n);
    put(out, name.p, name.n);
}

/* The message anew, with another name and without a hidden one. @return 0 or GOST_EPROTO */
static int rewrite(struct run *in, struct gost_slice name, struct gost_slice hidden, struct run *out)
{
    size_t lengths = find_extensions(in);
    bool named = false;
    unsigned type;
    struct run one;
    int more;
    if (lengths == 0)
        return gost_fail(GOST_EPROTO, "a ClientHello without extensions");
    put(out, in->p, in->at);
    while ((more = next_extension(in, &type, &one)) > 0) {
        if (type == EXT_SERVER_NAME && named) /* each would grow, beyond all room */
            return gost_fail(GOST_EPROTO, "a ClientHello with two server names");
        if (type == EXT_SERVER_NAME) {
            put_name(out, name);
            named = true;
        } else if (type != GOST_HELLO_DECOY_EXTENSION) {
            put(out, one.p, one.n);
        }
    }
    if (more < 0 || !named)
        return gost_fail(GOST_EPROTO, "a ClientHello without a server name");
    if (hidden.p) {
        put16(out, GOST_HELLO_DECOY_EXTENSION);
        put16(out, hidden.n);
        put(out, hidden.p, hidden.n);
    }
    gost__put16(out->p + lengths, (uint16_t)(out->at - lengths - 2));
    size_t body = out->at - MESSAGE_HEAD;
    out->p[1] = (uint8_t)(body >> 16);
    gost__put16(out->p + 2, (uint16_t)body);
    return 0;
}

/* Cut the message into records again. */
static ssize_t cut(const uint8_t *version, const struct run *message, uint8_t *out)
{
    size_t len = 0;
    for (size_t at = 0; at < message->at;) {
        size_t n = message->at - at < RECORD_MAX ? message->at - at : RECORD_MAX;
        out[len] = 22;
        out[len + 1] = version[0];
        out[len + 2] = version[1];
        gost__put16(out + len + 3, (uint16_t)n);
        memcpy(out + len + RECORD_HEAD, message->p + at, n);
        len += RECORD_HEAD + n;
        at += n;
    }
    return (ssize_t)len;
}

static ssize_t change(const uint8_t *p, size_t n, struct gost_slice name, struct gost_slice hidden,
                      uint8_t *out)
{
    static _Thread_local uint8_t before[MESSAGE_MAX], after[GOST_HELLO_DECOY_MAX];
    struct run in = {.p = before}, new = {.p = after};
    if (name.n == 0 || name.n > NAME_BYTES_MAX || hidden.n > HIDDEN_MAX)
        return gost_fail(GOST_EPROTO, "a server name of impossible length");
    ssize_t len = join(p, n, before);
    if (len < 0)
        return gost_fail(GOST_EPROTO, "no whole ClientHello");
    in.n = (size_t)len;
    int rc = rewrite(&in, name, hidden, &new);
    return rc == 0 ? cut(p + 1, &new, out) : rc;
}

ssize_t gost_hello_disguise(const uint8_t *p, size_t n, struct gost_slice name,
                            struct gost_slice hidden, uint8_t *out)
{
    return change(p, n, name, hidden, out);
}

ssize_t gost_hello_reveal(const uint8_t *p, size_t n, struct gost_slice name, uint8_t *out)
{
    return change(p, n, name, (struct gost_slice){NULL, 0}, out);
}

struct gost_slice gost_hello_hidden(const uint8_t *p, size_t n, uint8_t *room)
{
    struct gost_slice none = {NULL, 0};
    struct run in = {.p = room}, one;
    unsigned type;
    ssize_t len = join(p, n, room);
    if (len < 0)
        return none;
    in.n = (size_t)len;
    if (find_extensions(&in) == 0)
        return none;
    while (next_extension(&in, &type, &one) > 0)
        if (type == GOST_HELLO_DECOY_EXTENSION)
            return (struct gost_slice){(const char *)one.p + 4, one.n - 4};
    return none;
}
