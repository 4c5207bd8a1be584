/*
 * What clients see that do not authenticate: an honest 407, or (probe resistance) something that
 * does not look like a proxy.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/net/io.h"
#include "core/net/linger.h"
#include "core/proto/handshake.h"
#include "core/proto/http.h"
#include "core/runtime/loop.h"

#include <fcntl.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 16 * 1024 * 1024 };

/* --- the setting -------------------------------------------------------------------------- */

static int check_header(const struct gost_strings *header)
{
    for (size_t i = 0; i + 1 < header->count; i += 2)
        if (!gost_http1_is_token(gost_slice(header->item[i])) ||
            !gost_http1_is_value(gost_slice(header->item[i + 1])))
            return gost_fail(GOST_ECONFIG, "header: \"%.40s\" is no valid header", header->item[i]);
    return 0;
}

/* As a browser would: the decoy's certificate is verified. */
static int make_tls(struct gost__http_state *state)
{
    struct gost_tls_settings *settings = gost_options_new(&gost_tls_options);
    if (!settings)
        return gost_fail_code(GOST_ENOMEM);
    settings->secure = true;
    int rc = gost_tls_context_new(settings, false, &state->tls);
    gost_options_delete(&gost_tls_options, settings);
    return rc;
}

/* "http://" may be left out. */
static int parse_web(const char *value, char *url, size_t cap, struct gost_http1_target *out)
{
    bool full = strncasecmp(value, "http://", 7) == 0 || strncasecmp(value, "https://", 8) == 0;
    int n = snprintf(url, cap, "%s%s", full ? "" : "http://", value);
    if ((size_t)n >= cap)
        return gost_fail(GOST_EPROTO, "the URL is too long");
    return gost_http1_absolute(out, gost_slice(url), 0);
}

static int check_web(struct gost__http_state *state)
{
    struct gost_http1_target target;
    char url[1024];
    int rc = parse_web(state->probe_value, url, sizeof(url), &target);
    if (rc == 0 && gost_slice_is_nocase(target.scheme, "https"))
        rc = make_tls(state);
    return rc == 0 ? 0 : gost_fail_at(GOST_ECONFIG, "probeResist: web");
}

static int check_value(struct gost__http_state *state)
{
    const char *value = state->probe_value;
    struct gost_addr addr;
    int64_t code;
    switch (state->probe) {
    case PROBE_CODE:
        if (!gost_parse_int(value, &code) || code < 200 || code > 599)
            return gost_fail(GOST_ECONFIG, "probeResist: code:%s, expected 200 to 599", value);
        return 0;
    case PROBE_WEB:
        return check_web(state);
    case PROBE_HOST:
        if (gost_addr_parse(&addr, value, strlen(value), 80) != 0)
            return gost_fail_at(GOST_ECONFIG, "probeResist: host:%s", value);
        return 0;
    default:
        return 0;
    }
}

int gost__http_probe_init(struct gost__http_state *state, const struct gost__http_settings *s)
{
    static const char *const types[] = {"", "code:", "web:", "host:", "file:"};
    if (!gost_http1_is_value(gost_slice(s->agent)) || !gost_http1_is_value(gost_slice(s->realm)) ||
        strpbrk(s->realm, "\"\\"))
        return gost_fail(GOST_ECONFIG, "proxyAgent or authBasicRealm has characters that break a "
                                       "header");
    int rc = check_header(&s->header);
    if (rc != 0 || !s->probe || !s->probe[0])
        return rc;
    for (int i = PROBE_CODE; i <= PROBE_FILE; i++) {
        size_t n = strlen(types[i]);
        if (strncasecmp(s->probe, types[i], n) == 0) {
            state->probe = (enum gost__http_probe)i;
            state->probe_value = s->probe + n;
            return check_value(state);
        }
    }
    return gost_fail(GOST_ECONFIG,
                     "probeResist: \"%.40s\", expected code:, web:, host: or file:", s->probe);
}

/* --- the answers -------------------------------------------------------------------------- */

static bool is_knock(const struct gost__http *x, const struct gost__http_where *w)
{
    if (w->relative)
        return false;
    for (size_t i = 0; i < x->set->knock.count; i++)
        if (strcasecmp(x->set->knock.item[i], w->addr.host) == 0)
            return true;
    return false;
}

/* A status as a web server would give it: nothing in it tells of a proxy. */
static int show_status(struct gost__http *x, int status, int rc)
{
    char text[128];
    int n = snprintf(text, sizeof(text),
                     "HTTP/1.1 %d %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status,
                     gost_http1_reason(status));
    x->c->ops->count(x->c, 0, (uint64_t)n);
    gost__last_word(x->c, text, (size_t)n);
    return rc;
}

static int dial(struct gost__http *x, const struct gost_addr *addr)
{
    struct gost_request request = {.network = GOST_TCP, .addr = *addr};
    gost__http_drop_upstream(x);
    int rc = gost_conn_dial(x->c, &request, &x->upstream);
    x->up.s = x->upstream;
    return rc;
}

/* Let the decoy answer the client's own request, and all that follows. */
static int show_host(struct gost__http *x, int rc)
{
    struct gost_addr addr;
    const char *value = x->state->probe_value;
    if (gost_addr_parse(&addr, value, strlen(value), 80) != 0 || dial(x, &addr) != 0)
        return show_status(x, 503, rc);
    if (gost__http_give_back(&x->client) != 0)
        return rc;
    return gost_conn_relay(x->c, &x->upstream);
}

static int dial_web(struct gost__http *x, const struct gost_http1_target *target, uint64_t deadline)
{
    int rc = dial(x, &target->addr);
    if (rc != 0 || !x->state->tls)
        return rc;
    rc = gost_tls_client(x->state->tls, target->addr.host, &x->upstream);
    x->up.s = x->upstream;
    return rc == 0 ? gost_io_open(x->upstream, deadline) : rc;
}

/* Ask for the page, and read the head of the answer. @return its bytes, or nothing good */
static ssize_t fetch_web(struct gost__http *x, uint64_t deadline)
{
    struct gost_http1_target target;
    char url[1024], host[GOST_HOSTPORT_MAX];
    if (parse_web(x->state->probe_value, url, sizeof(url), &target) != 0 ||
        dial_web(x, &target, deadline) != 0)
        return 0;
    struct gost_slice name = gost_slice(gost_addr_format(&target.addr, host));
    uint16_t port = x->state->tls ? 443 : 80;
    if (target.addr.port == port) /* the default port stays unsaid */
        name.n -= port == 80 ? 3 : 4;
    const char *slash = target.path.n > 0 && target.path.p[0] == '/' ? "" : "/";
    gost_buf_consume(&x->out, x->out.len);
    gost_buf_printf(&x->out, "GET %s%.*s HTTP/1.1\r\nHost: %.*s\r\nConnection: close\r\n\r\n",
                    slash, (int)target.path.n, target.path.p, (int)name.n, name.p);
    int rc = gost_io_write(x->upstream, x->out.data, x->out.len, deadline);
    return rc == 0 ? gost__http_head(&x->up, gost_http1_response_decode, &x->head, deadline) : rc;
}

/* Fetch a page and give it as the answer. */
static int show_web(struct gost__http *x, int rc)
{
    x->minor = x->head.minor;
    x->is_head = gost_slice_is(x->head.method, "HEAD");
    x->answered = x->aborted = false;
    x->rest = NULL;
    gost__http_reader_clear(&x->client);
    ssize_t n = fetch_web(x, gost_deadline_in(GOST_READ_TIMEOUT));
    if (n <= 0 || x->head.status < 200)
        return show_status(x, 503, rc);
    gost__http_answer(x, (size_t)n);
    gost_stream_linger(&x->c->client);
    return rc;
}

static int send_file(struct gost__http *x, int fd, size_t size)
{
    char *bytes = malloc(size + 256);
    if (!bytes)
        return -1;
    size_t n = (size_t)snprintf(bytes, 256,
                                "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nContent-Type: text/html"
                                "\r\nConnection: close\r\n\r\n",
                                size);
    ssize_t got = read(fd, bytes + n, size);
    bool whole = got == (ssize_t)size;
    if (whole) {
        n += gost_slice_is(x->head.method, "HEAD") ? 0 : size;
        x->c->ops->count(x->c, 0, n);
        gost__last_word(x->c, bytes, n);
    }
    free(bytes);
    return whole ? 0 : -1;
}

static int show_file(struct gost__http *x, int rc)
{
    struct stat st;
    int fd = open(x->state->probe_value, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool good = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= FILE_MAX &&
                send_file(x, fd, (size_t)st.st_size) == 0;
    if (fd >= 0)
        close(fd);
    return good ? rc : show_status(x, 503, rc);
}

int gost__http_challenge(struct gost__http *x, const struct gost__http_where *w, int rc)
{
    struct gost_diag story = *gost__diag_self;
    char extra[512];
    x->again = false;
    x->c->deadline = gost_deadline_in(GOST_READ_TIMEOUT);
    if (x->state->probe != PROBE_NONE && !is_knock(x, w)) {
        int (*const show[])(struct gost__http *, int) = {NULL, NULL, show_web, show_host, show_file};
        int64_t code = 503;
        if (x->state->probe == PROBE_CODE && gost_parse_int(x->state->probe_value, &code))
            rc = show_status(x, (int)code, rc);
        else
            rc = show[x->state->probe](x, rc);
        *gost__diag_self = story;
        return rc;
    }
    snprintf(extra, sizeof(extra), "Proxy-Authenticate: Basic realm=\"%.400s\"\r\n", x->set->realm);
    return gost__http_refuse(x, 407, extra, rc);
}
