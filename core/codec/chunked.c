#include "core/codec/chunked.h"

#include "core/base/diag.h"
#include "core/base/error.h"

enum state {
    SIZE_FIRST, /* the first digit of a size */
    SIZE,
    SIZE_BLANK, /* blanks behind a size */
    EXTENSION,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_FIRST, /* the first byte of a trailer line */
    TRAILER,
    TRAILER_LF,
    END_LF,
};

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_text(uint8_t c)
{
    return (c >= 0x20 && c != 0x7f) || c == '\t';
}

static int size_blank(struct gost_chunked *c, uint8_t byte)
{
    if (byte == '\r')
        c->state = SIZE_LF;
    else if (byte == ';')
        c->state = EXTENSION;
    else if (byte == ' ' || byte == '\t')
        c->state = SIZE_BLANK;
    else
        return gost_fail(GOST_EPROTO, "malformed size of a chunk");
    return 0;
}

/** Leading zeros do not count, so that the digits bound the value. The line's limit bounds them. */
static int size_byte(struct gost_chunked *c, uint8_t byte)
{
    int digit = hex_digit(byte);
    if (digit >= 0) {
        c->digits += c->digits > 0 || digit > 0;
        if (c->digits > 15)
            return gost_fail(GOST_ELIMIT, "a chunk of 2^60 bytes or more");
        c->left = c->left << 4 | (unsigned)digit;
        c->state = SIZE;
        return 0;
    }
    if (c->state == SIZE_FIRST)
        return gost_fail(GOST_EPROTO, "a chunk without a size");
    return size_blank(c, byte);
}

static int text_byte(struct gost_chunked *c, uint8_t byte, enum state then)
{
    if (byte == '\r')
        c->state = then;
    else if (!is_text(byte))
        return gost_fail(GOST_EPROTO, "byte 0x%02x in the framing of a chunk", byte);
    return 0;
}

static int newline(struct gost_chunked *c, uint8_t byte, enum state then)
{
    if (byte != '\n')
        return gost_fail(GOST_EPROTO, "a lone CR in the framing of a chunk");
    c->state = then;
    return 0;
}

static int size_end(struct gost_chunked *c, uint8_t byte)
{
    int rc = newline(c, byte, c->left > 0 ? DATA : TRAILER_FIRST);
    c->line = 0;
    c->digits = 0;
    return rc;
}

static int trailer_first(struct gost_chunked *c, uint8_t byte)
{
    if (byte == '\r') {
        c->state = END_LF;
        return 0;
    }
    if (byte == ' ' || byte == '\t' || byte == ':')
        return gost_fail(GOST_EPROTO, "malformed trailer");
    c->state = TRAILER;
    return text_byte(c, byte, TRAILER_LF);
}

/** One byte of framing: the DATA state is the caller's. */
static int framing_byte(struct gost_chunked *c, uint8_t byte)
{
    switch ((enum state)c->state) {
    case SIZE_FIRST:
    case SIZE:
        return size_byte(c, byte);
    case SIZE_BLANK:
        return size_blank(c, byte);
    case EXTENSION:
        return text_byte(c, byte, SIZE_LF);
    case SIZE_LF:
        return size_end(c, byte);
    case DATA_CR:
        if (byte != '\r')
            return gost_fail(GOST_EPROTO, "a chunk is longer than its size");
        c->state = DATA_LF;
        return 0;
    case DATA_LF:
        return newline(c, byte, SIZE_FIRST);
    case TRAILER_FIRST:
        return trailer_first(c, byte);
    case TRAILER:
        return text_byte(c, byte, TRAILER_LF);
    case TRAILER_LF:
        return newline(c, byte, TRAILER_FIRST);
    case END_LF:
        c->done = byte == '\n';
        return newline(c, byte, END_LF);
    case DATA:
        break;
    }
    return gost_fail(GOST_EPROTO, "chunked body in an impossible state");
}

static int check_limit(struct gost_chunked *c)
{
    bool trailer = c->state >= TRAILER_FIRST;
    if (++c->line > (trailer ? GOST_CHUNKED_TRAILER_MAX : GOST_CHUNKED_LINE_MAX))
        return gost_fail(GOST_ELIMIT, "the %s too long", trailer ? "trailers are" : "size line is");
    return 0;
}

ssize_t gost_chunked_step(struct gost_chunked *c, const uint8_t *p, size_t n,
                          struct gost_slice *data)
{
    size_t at = 0;
    *data = (struct gost_slice){NULL, 0};
    while (at < n && !c->done) {
        if (c->state == DATA) {
            size_t len = n - at < c->left ? n - at : (size_t)c->left;
            *data = (struct gost_slice){(const char *)p + at, len};
            c->left -= len;
            if (c->left == 0)
                c->state = DATA_CR;
            return (ssize_t)(at + len);
        }
        int rc = framing_byte(c, p[at++]);
        if (rc == 0 && c->state != DATA)
            rc = check_limit(c);
        if (rc < 0)
            return rc;
    }
    return (ssize_t)at;
}

ssize_t gost_chunked_feed(struct gost_chunked *c, const uint8_t *p, size_t n)
{
    size_t at = 0;
    while (at < n && !c->done) {
        struct gost_slice data;
        ssize_t rc = gost_chunked_step(c, p + at, n - at, &data);
        if (rc < 0)
            return rc;
        at += (size_t)rc;
    }
    return (ssize_t)at;
}

size_t gost_chunked_head(char *buf, size_t len)
{
    char hex[16];
    size_t n = 0, at = 0;
    do {
        hex[n++] = "0123456789abcdef"[len & 15];
        len >>= 4;
    } while (len > 0);
    while (n > 0)
        buf[at++] = hex[--n];
    buf[at++] = '\r';
    buf[at++] = '\n';
    return at;
}
