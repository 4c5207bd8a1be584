#include "core/codec/proxy_header.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/bytes.h"
#include "core/codec/slice.h"

#include <arpa/inet.h>
#include <stdio.h>

static const uint8_t signature[12] = "\r\n\r\n\0\r\nQUIT\n";
static const char v1_prefix[] = "PROXY ";

enum { V2_HEAD = 16, IP4_BLOCK = 12, IP6_BLOCK = 36, UNIX_PATH = 108, UNIX_BLOCK = 2 * UNIX_PATH };

int gost_proxy_header_detect(const uint8_t *p, size_t n)
{
    size_t v1 = sizeof v1_prefix - 1, v2 = sizeof signature;
    if (n == 0)
        return 0;
    if (memcmp(p, v1_prefix, n < v1 ? n : v1) == 0)
        return n >= v1;
    if (memcmp(p, signature, n < v2 ? n : v2) == 0)
        return n >= v2;
    return -1;
}

/* ---- version 1: "PROXY TCP4 source destination sport dport\r\n" ---- */

static int malformed_v1(void)
{
    return gost_fail(GOST_EPROTO, "malformed PROXY line");
}

/** Take the word in front of the next blank (or the end) off the line. */
static struct gost_slice next_word(struct gost_slice *line)
{
    const char *blank = line->n > 0 ? memchr(line->p, ' ', line->n) : NULL;
    size_t n = blank ? (size_t)(blank - line->p) : line->n, step = blank ? n + 1 : n;
    struct gost_slice word = {line->p, n};
    line->p += step;
    line->n -= step;
    return word;
}

static bool v1_port(struct gost_slice word, in_port_t *port)
{
    unsigned value = 0;
    if (word.n == 0 || word.n > 5 || (word.n > 1 && word.p[0] == '0'))
        return false;
    for (size_t i = 0; i < word.n; i++) {
        if (word.p[i] < '0' || word.p[i] > '9')
            return false;
        value = value * 10 + (unsigned)(word.p[i] - '0');
    }
    *port = htons((uint16_t)value);
    return value <= 65535;
}

static bool v1_address(struct gost_slice word, int family, union gost_sockaddr *out)
{
    char text[INET6_ADDRSTRLEN];
    memset(out, 0, sizeof *out);
    out->sa.sa_family = (sa_family_t)family;
    void *ip = family == AF_INET ? (void *)&out->v4.sin_addr : (void *)&out->v6.sin6_addr;
    return gost_slice_copy(word, text, sizeof text) && inet_pton(family, text, ip) == 1;
}

/** The port is at the same place in both families. */
static in_port_t *port_of(union gost_sockaddr *s)
{
    return s->sa.sa_family == AF_INET ? &s->v4.sin_port : &s->v6.sin6_port;
}

static int v1_line(struct gost_proxy_header *out, struct gost_slice line)
{
    struct gost_slice family = next_word(&line);
    out->version = 1;
    out->datagram = false;
    out->local = gost_slice_is(family, "UNKNOWN");
    if (out->local)
        return 0;
    int af = gost_slice_is(family, "TCP4") ? AF_INET : AF_INET6;
    if (af == AF_INET6 && !gost_slice_is(family, "TCP6"))
        return malformed_v1();
    bool ok = v1_address(next_word(&line), af, &out->src) &&
              v1_address(next_word(&line), af, &out->dst) &&
              v1_port(next_word(&line), port_of(&out->src)) &&
              v1_port(next_word(&line), port_of(&out->dst));
    return ok && line.n == 0 && line.p[-1] != ' ' ? 0 : malformed_v1();
}

static ssize_t v1_decode(struct gost_proxy_header *out, const uint8_t *p, size_t n)
{
    size_t seen = n < GOST_PROXY_HEADER_V1_MAX ? n : GOST_PROXY_HEADER_V1_MAX;
    const uint8_t *end = memchr(p, '\n', seen);
    if (!end)
        return seen == GOST_PROXY_HEADER_V1_MAX ? malformed_v1() : 0;
    size_t prefix = sizeof v1_prefix - 1, len = (size_t)(end - p) + 1;
    if (len < prefix + 2 || end[-1] != '\r')
        return malformed_v1();
    struct gost_slice line = {(const char *)p + prefix, len - prefix - 2};
    int rc = v1_line(out, line);
    return rc < 0 ? rc : (ssize_t)len;
}

static size_t v1_encode(char *line, size_t cap, const struct gost_proxy_header *in)
{
    char src[GOST_HOSTPORT_MAX], dst[GOST_HOSTPORT_MAX];
    if (in->local || in->datagram || in->src.sa.sa_family == AF_UNIX)
        return (size_t)snprintf(line, cap, "PROXY UNKNOWN\r\n");
    int family = in->src.sa.sa_family;
    const void *s = &in->src.v4.sin_addr, *d = &in->dst.v4.sin_addr;
    if (family == AF_INET6) {
        s = &in->src.v6.sin6_addr;
        d = &in->dst.v6.sin6_addr;
    }
    inet_ntop(family, s, src, sizeof src);
    inet_ntop(family, d, dst, sizeof dst);
    return (size_t)snprintf(line, cap, "PROXY TCP%c %s %s %u %u\r\n", family == AF_INET ? '4' : '6',
                            src, dst, gost_sockaddr_port(&in->src), gost_sockaddr_port(&in->dst));
}

/* ---- version 2: signature, version and command, family and protocol, length, addresses ---- */

static void get_ip4(union gost_sockaddr *s, const uint8_t *ip, const uint8_t *port)
{
    memset(s, 0, sizeof *s);
    s->v4.sin_family = AF_INET;
    memcpy(&s->v4.sin_addr, ip, 4);
    memcpy(&s->v4.sin_port, port, 2);
}

static void get_ip6(union gost_sockaddr *s, const uint8_t *ip, const uint8_t *port)
{
    memset(s, 0, sizeof *s);
    s->v6.sin6_family = AF_INET6;
    memcpy(&s->v6.sin6_addr, ip, 16);
    memcpy(&s->v6.sin6_port, port, 2);
}

static void get_unix(union gost_sockaddr *s, const uint8_t *path)
{
    memset(s, 0, sizeof *s);
    s->un.sun_family = AF_UNIX;
    memcpy(s->un.sun_path, path, UNIX_PATH - 1); /* our own paths end with a NUL, always */
}

/** @return bytes of the addresses that belong to the family's byte; -1: it is not defined */
static int v2_block(uint8_t family)
{
    static const int block[] = {0, IP4_BLOCK, IP6_BLOCK, UNIX_BLOCK};
    if (family >> 4 > 3 || (family & 15) > 2)
        return -1;
    return (family & 15) == 0 ? 0 : block[family >> 4];
}

/** What is wrong with the four bytes behind the signature, of which `n` are there? */
static int v2_check(const uint8_t *p, size_t n)
{
    if (n > 0 && (p[0] >> 4 != 2 || (p[0] & 15) > 1))
        return gost_fail(GOST_EPROTO, "unknown version or command of a PROXY header");
    if (n < 4)
        return 0;
    bool local = (p[0] & 15) == 0;
    if (!local && v2_block(p[1]) < 0)
        return gost_fail(GOST_EPROTO, "unknown family 0x%02x in a PROXY header", p[1]);
    if (!local && gost__get16(p + 2) < v2_block(p[1]))
        return gost_fail(GOST_EPROTO, "the addresses of a PROXY header are cut short");
    if (gost__get16(p + 2) > GOST_PROXY_HEADER_MAX - V2_HEAD)
        return gost_fail(GOST_ELIMIT, "a PROXY header over %d bytes", GOST_PROXY_HEADER_MAX);
    return 0;
}

static ssize_t v2_decode(struct gost_proxy_header *out, const uint8_t *p, size_t n)
{
    int rc = v2_check(p + sizeof signature, n - sizeof signature);
    if (rc < 0 || n < V2_HEAD || n - V2_HEAD < gost__get16(p + 14))
        return rc;
    const uint8_t *a = p + V2_HEAD;
    out->version = 2;
    out->datagram = (p[13] & 15) == 2;
    out->local = (p[12] & 15) == 0 || v2_block(p[13]) == 0;
    if (out->local)
        return V2_HEAD + gost__get16(p + 14);
    if (v2_block(p[13]) == IP4_BLOCK) {
        get_ip4(&out->src, a, a + 8);
        get_ip4(&out->dst, a + 4, a + 10);
    } else if (v2_block(p[13]) == IP6_BLOCK) {
        get_ip6(&out->src, a, a + 32);
        get_ip6(&out->dst, a + 16, a + 34);
    } else {
        get_unix(&out->src, a);
        get_unix(&out->dst, a + UNIX_PATH);
    }
    return V2_HEAD + gost__get16(p + 14);
}

static size_t v2_encode(uint8_t *p, const struct gost_proxy_header *in)
{
    uint8_t *a = p + V2_HEAD;
    int family = in->local ? AF_UNSPEC : in->src.sa.sa_family;
    size_t len = 0;
    uint8_t kind = 0;
    memset(p, 0, GOST_PROXY_HEADER_ENCODED_MAX);
    if (family == AF_INET) {
        kind = 0x10;
        len = IP4_BLOCK;
        memcpy(a, &in->src.v4.sin_addr, 4);
        memcpy(a + 4, &in->dst.v4.sin_addr, 4);
        memcpy(a + 8, &in->src.v4.sin_port, 2);
        memcpy(a + 10, &in->dst.v4.sin_port, 2);
    } else if (family == AF_INET6) {
        kind = 0x20;
        len = IP6_BLOCK;
        memcpy(a, &in->src.v6.sin6_addr, 16);
        memcpy(a + 16, &in->dst.v6.sin6_addr, 16);
        memcpy(a + 32, &in->src.v6.sin6_port, 2);
        memcpy(a + 34, &in->dst.v6.sin6_port, 2);
    } else if (family == AF_UNIX) {
        kind = 0x30;
        len = UNIX_BLOCK;
        memcpy(a, in->src.un.sun_path, UNIX_PATH);
        memcpy(a + UNIX_PATH, in->dst.un.sun_path, UNIX_PATH);
    }
    memcpy(p, signature, sizeof signature);
    p[12] = kind ? 0x21 : 0x20;
    p[13] = kind ? (uint8_t)(kind | (in->datagram ? 2 : 1)) : 0;
    gost__put16(p + 14, (uint16_t)len);
    return V2_HEAD + len;
}

ssize_t gost_proxy_header_decode(struct gost_proxy_header *out, const uint8_t *p, size_t n)
{
    int found = gost_proxy_header_detect(p, n);
    if (found < 0)
        return gost_fail(GOST_EPROTO, "no PROXY header");
    if (found == 0)
        return 0;
    return p[0] == 'P' ? v1_decode(out, p, n) : v2_decode(out, p, n);
}

size_t gost_proxy_header_encode(uint8_t *buf, size_t cap, const struct gost_proxy_header *in)
{
    uint8_t bytes[GOST_PROXY_HEADER_ENCODED_MAX];
    struct gost_proxy_header h = *in;
    if (!h.local) {
        gost_sockaddr_unmap(&h.src);
        gost_sockaddr_unmap(&h.dst);
    }
    if (!h.local && h.dst.sa.sa_family == AF_UNSPEC) {
        memset(&h.dst, 0, sizeof h.dst);
        h.dst.sa.sa_family = h.src.sa.sa_family;
    }
    h.local |= h.src.sa.sa_family != h.dst.sa.sa_family || h.src.sa.sa_family == AF_UNSPEC;
    size_t n = h.version == 1 ? v1_encode((char *)bytes, sizeof bytes, &h) : v2_encode(bytes, &h);
    if (n > cap)
        return 0;
    memcpy(buf, bytes, n);
    return n;
}
