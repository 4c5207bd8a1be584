/*
 * Static files over HTTP/1.1.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/userpass.h"
#include "core/net/io.h"
#include "core/net/linger.h"
#include "core/proto/file_serve.h"
#include "core/proto/handshake.h"
#include "core/proto/kinds.h"
#include "core/runtime/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static const struct gost_option options[] = {
    {.key = "dir",
     .aliases = "file.dir",
     .type = GOST_OPT_STRING,
     .offset = offsetof(struct gost__file_settings, dir),
     .def = ".",
     .help = "the directory to serve; nothing outside of it is reached, not by links either"},
    {.key = "put",
     .aliases = "file.put",
     .type = GOST_OPT_BOOL,
     .offset = offsetof(struct gost__file_settings, put),
     .help = "let clients upload files with PUT; missing folders are made"},
    {.key = "readTimeout",
     .type = GOST_OPT_DURATION,
     .offset = offsetof(struct gost__file_settings, read_timeout),
     .def = "15s",
     .help = "how long a client may take for the head of a request"},
    {.key = "idleTimeout",
     .type = GOST_OPT_DURATION,
     .offset = offsetof(struct gost__file_settings, idle_timeout),
     .help = "end a connection after so long without a byte (default 2 minutes)"},
    GOST_OPTION_END,
};

static int refuse_client(struct gost__file *x, int rc)
{
    struct gost_diag story = *gost__diag_self;
    gost__file_say(x, 401, "WWW-Authenticate: Basic realm=\"gost\"\r\n");
    *gost__diag_self = story;
    return rc;
}

static int authenticate(struct gost__file *x)
{
    struct gost_userpass given;
    struct gost_slice value = gost_http1_get(&x->head, "Authorization");
    if (!gost_conn_needs_auth(x->c))
        return 0;
    if (!value.p || gost_userpass_from_basic(&given, value) != 0)
        return gost_conn_auth(x->c, NULL, NULL, "basic");
    int rc = gost_conn_auth(x->c, given.user, given.password, "basic");
    explicit_bzero(&given, sizeof(given));
    return rc;
}

static int serve_request(struct gost__file *x)
{
    bool again = x->again;
    x->again = false;
    int rc = authenticate(x);
    if (rc != 0)
        return refuse_client(x, rc);
    x->again = again;
    int status = gost__file_path(x);
    if (status != 0)
        return gost__file_say(x, status, NULL);
    if (strcmp(x->method, "PUT") == 0)
        return gost__file_put(x);
    if (!x->is_head && strcmp(x->method, "GET") != 0)
        return gost__file_say(x, 405,
                              x->set->put ? "Allow: GET, HEAD, PUT\r\n" : "Allow: GET, HEAD\r\n");
    return gost__file_get(x);
}

static int refuse_head(struct gost__file *x, int rc)
{
    struct gost_diag story = *gost__diag_self;
    x->again = x->is_head = false;
    if (rc == GOST_EPROTO || rc == GOST_ELIMIT)
        gost__file_say(x, rc == GOST_ELIMIT ? 431 : 400, NULL);
    *gost__diag_self = story;
    return rc;
}

/* Wait for the next request, with next to no memory. @return 1: it begins, 0: the end, or a code */
static int rest(struct gost__file *x)
{
    if (x->client.len > 0)
        return 1;
    gost__http_reader_clear(&x->client);
    gost_buf_destroy(&x->out);
    int rc = gost_io_wait_readable(x->c->client, gost__file_deadline(x));
    return rc == GOST_ETIMEDOUT || rc == -ECONNRESET ? 0 : rc;
}

/* One request and its answer. @return 1: the client may go on, 0: the end, or a negative code */
static int serve_one(struct gost__file *x)
{
    int64_t ms = x->set->read_timeout > 0 ? x->set->read_timeout : GOST_READ_TIMEOUT;
    x->path[0] = x->method[0] = '\0';
    ssize_t n =
        gost__http_head(&x->client, gost_http1_request_decode, &x->head, gost_deadline_in(ms));
    if (n <= 0)
        return n == 0 ? 0 : refuse_head(x, (int)n);
    x->c->ops->count(x->c, (uint64_t)n, 0);
    gost_slice_copy(x->head.method, x->method, sizeof(x->method));
    x->is_head = strcmp(x->method, "HEAD") == 0;
    bool put = strcmp(x->method, "PUT") == 0;
    bool body = gost_http1_request_body(&x->head).framing != GOST_HTTP1_NO_BODY;
    x->again = gost_http1_keepalive(&x->head) && (put || !body);
    x->head_len = (size_t)n;
    int rc = serve_request(x);
    gost__http_take(&x->client, x->head_len);
    return rc != 0 || !x->again ? rc : rest(x);
}

static int serve(struct gost_handler *h, struct gost_conn *c)
{
    struct gost__file *x = calloc(1, sizeof(*x));
    int rc = 1;
    if (!x)
        return gost_fail_code(GOST_ENOMEM);
    x->c = c;
    x->set = h->settings;
    x->root = *(int *)h->state;
    x->client.s = c->client;
    gost_buf_create(&x->out, 4 * GOST__FILE_CHUNK);
    while (rc > 0)
        rc = serve_one(x);
    gost__http_reader_clear(&x->client);
    gost_buf_destroy(&x->out);
    free(x);
    gost_stream_linger(&c->client); /* what it sent unread must not cost it the end of the answer */
    return rc;
}

static int init(struct gost_handler *h)
{
    const struct gost__file_settings *s = h->settings;
    const char *dir = s->dir && s->dir[0] ? s->dir : ".";
    int *root = malloc(sizeof(*root));
    if (!root)
        return gost_fail_code(GOST_ENOMEM);
    h->state = root;
    *root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*root < 0)
        return gost_fail(GOST_ECONFIG, "dir: %s: %s", dir, gost_strerror(-errno));
    int fd = gost__file_open(*root, ".", O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0 && fd != -EACCES) /* it may be searchable only */
        return gost_fail(GOST_ENOTSUP, "dir: %s: openat2: %s", dir, gost_strerror(fd));
    if (fd >= 0)
        close(fd);
    return 0;
}

static void destroy(struct gost_handler *h)
{
    int *root = h->state;
    if (root && *root >= 0)
        close(*root);
    free(root);
}

const struct gost_handler_kind gost__file_handler = {
    .name = "file",
    .help = "files of a directory over HTTP",
    .options = {options, sizeof(struct gost__file_settings)},
    .init = init,
    .serve = serve,
    .destroy = destroy,
};
