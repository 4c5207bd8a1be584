/*
 * origin: the small servers that specs put behind a proxy. `origin [-h host] mode ...` listens on a
 * port that the kernel picks for each mode and prints "mode PORT" lines, then one line per
 * connection and per HTTP request, so that a spec can wait for what happened.
 *
 *   http    GET /hello, /bytes/N, /chunked/N, /status/N, /headers, /peer, /delay/MS; POST /echo;
 *           keep-alive; every other path is 404
 *   echo    sends back what comes; half-close aware; a datagram echo listens on the same UDP port
 *   greet   speaks first ("220 hello\r\n"), then echoes
 *   count   reads until the end of input, then answers "N bytes\n": needs a half-close to pass
 *   source  sends 16 MiB of the /bytes pattern, then ends
 *   slow    echoes one byte each 50 ms
 *   silent  accepts and never says or reads anything
 *   reset   accepts, waits for the first byte, then resets
 *   closed  accepts and closes at once
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 64 * 1024, HEAD_MAX = 16 * 1024, SOURCE_BYTES = 16 * 1024 * 1024 };

struct origin_conn {
    int fd;
    const char *peer; /* "host:port" */
    char *buf;        /* CHUNK bytes to work with */
};

typedef void (*origin_serve)(struct origin_conn *c);

struct origin_mode {
    const char *name;
    origin_serve serve;
};

static void origin_pause(long ms)
{
    struct timespec ts = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&ts, NULL);
}

static int origin_send(int fd, const char *s, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, s, len, MSG_NOSIGNAL);
        if (n < 0)
            return -1;
        s += n;
        len -= (size_t)n;
    }
    return 0;
}

static int origin_send_text(int fd, const char *text)
{
    return origin_send(fd, text, strlen(text));
}

/* The body of /bytes/N: byte i is a letter that depends on i, so a shifted or lost byte shows. */
static void origin_pattern(char *buf, size_t len, size_t from)
{
    for (size_t i = 0; i < len; i++)
        buf[i] = (char)('a' + (from + i) % 26 * 7 % 26);
}

static int origin_send_pattern(struct origin_conn *c, size_t total, int chunked)
{
    for (size_t done = 0; done < total;) {
        size_t n = total - done < CHUNK ? total - done : CHUNK;
        char head[32];
        origin_pattern(c->buf, n, done);
        snprintf(head, sizeof head, "%zx\r\n", n);
        if (chunked && origin_send_text(c->fd, head) != 0)
            return -1;
        if (origin_send(c->fd, c->buf, n) != 0)
            return -1;
        if (chunked && origin_send_text(c->fd, "\r\n") != 0)
            return -1;
        done += n;
    }
    return chunked ? origin_send_text(c->fd, "0\r\n\r\n") : 0;
}

/* HTTP: one request's head, and what of its body came with it. */
struct origin_request {
    char head[HEAD_MAX];
    size_t len, head_len; /* bytes read; bytes up to and with the empty line */
    char method[16], path[1024];
    size_t body_len;
};

static const char *origin_header(const struct origin_request *r, const char *name)
{
    size_t len = strlen(name);
    for (const char *p = strstr(r->head, "\r\n"); p && p[2] != '\r'; p = strstr(p + 2, "\r\n"))
        if (strncasecmp(p + 2, name, len) == 0 && p[2 + len] == ':')
            return p + 2 + len + 1 + strspn(p + 2 + len + 1, " ");
    return NULL;
}

static int origin_read_request(struct origin_conn *c, struct origin_request *r)
{
    char *end;
    while (r->head[r->len] = '\0', (end = strstr(r->head, "\r\n\r\n")) == NULL) {
        if (r->len + 1 >= sizeof r->head)
            return -1;
        ssize_t n = recv(c->fd, r->head + r->len, sizeof r->head - 1 - r->len, 0);
        if (n <= 0)
            return -1;
        r->len += (size_t)n;
    }
    r->head_len = (size_t)(end - r->head) + 4;
    if (sscanf(r->head, "%15s %1023s", r->method, r->path) != 2)
        return -1;
    end[2] = '\0'; /* strings end with the head; the body's bytes follow it untouched */
    const char *length = origin_header(r, "Content-Length");
    r->body_len = length ? strtoul(length, NULL, 10) : 0;
    return 0;
}

static int origin_head(struct origin_conn *c, int status, const char *type, const char *framing)
{
    char head[512];
    snprintf(head, sizeof head,
             "HTTP/1.1 %d %s\r\nServer: origin\r\nContent-Type: %s\r\n%s\r\nX-Peer: %s\r\n\r\n",
             status, status < 400 ? "OK" : "Error", type, framing, c->peer);
    return origin_send_text(c->fd, head);
}

static int origin_head_length(struct origin_conn *c, int status, size_t len)
{
    char framing[64];
    snprintf(framing, sizeof framing, "Content-Length: %zu", len);
    return origin_head(c, status, "text/plain", framing);
}

static int origin_answer(struct origin_conn *c, const struct origin_request *r, int status,
                         const char *text)
{
    if (origin_head_length(c, status, strlen(text)) != 0)
        return -1;
    return strcmp(r->method, "HEAD") == 0 ? 0 : origin_send_text(c->fd, text);
}

/* Sends the request's body back, or drops it. The head's buffer may hold its first part. */
static int origin_body(struct origin_conn *c, struct origin_request *r, int echo)
{
    size_t here = r->len - r->head_len, left = r->body_len;
    here = here < left ? here : left;
    if (echo && origin_send(c->fd, r->head + r->head_len, here) != 0)
        return -1;
    for (left -= here; left > 0;) {
        ssize_t n = recv(c->fd, c->buf, left < CHUNK ? left : CHUNK, 0);
        if (n <= 0 || (echo && origin_send(c->fd, c->buf, (size_t)n) != 0))
            return -1;
        left -= (size_t)n;
    }
    size_t used = r->head_len + here; /* a pipelined request moves to the front */
    memmove(r->head, r->head + used, r->len - used);
    r->len -= used;
    return 0;
}

static int origin_route(struct origin_conn *c, const struct origin_request *r)
{
    size_t n = strrchr(r->path, '/') ? strtoul(strrchr(r->path, '/') + 1, NULL, 10) : 0;
    if (strncmp(r->path, "/delay/", 7) == 0)
        origin_pause((long)n);
    if (strcmp(r->path, "/hello") == 0 || strncmp(r->path, "/delay/", 7) == 0)
        return origin_answer(c, r, 200, "hello\n");
    if (strncmp(r->path, "/status/", 8) == 0)
        return origin_answer(c, r, (int)n, "status\n");
    if (strcmp(r->path, "/headers") == 0)
        return origin_answer(c, r, 200, r->head);
    if (strcmp(r->path, "/peer") == 0)
        return origin_answer(c, r, 200, c->peer);
    if (strncmp(r->path, "/bytes/", 7) == 0)
        return origin_head_length(c, 200, n) != 0 ? -1 : origin_send_pattern(c, n, 0);
    if (strncmp(r->path, "/chunked/", 9) == 0)
        return origin_head(c, 200, "text/plain", "Transfer-Encoding: chunked") != 0
                   ? -1
                   : origin_send_pattern(c, n, 1);
    return origin_answer(c, r, 404, "no such page\n");
}

static void origin_http(struct origin_conn *c)
{
    struct origin_request *r = calloc(1, sizeof *r);
    while (r && origin_read_request(c, r) == 0) {
        printf("%s %s\n", r->method, r->path);
        int echo = strcmp(r->path, "/echo") == 0;
        const char *wish = origin_header(r, "Connection");
        int last = wish && strncasecmp(wish, "close", 5) == 0;
        const char *expect = origin_header(r, "Expect");
        if (expect && origin_send_text(c->fd, "HTTP/1.1 100 Continue\r\n\r\n") != 0)
            break;
        if (echo && origin_head_length(c, 200, r->body_len) != 0)
            break;
        if (!echo && r->body_len == 0 && origin_route(c, r) != 0)
            break;
        int upload = !echo && r->body_len != 0; /* answered when all of it is here */
        if (origin_body(c, r, echo) != 0)
            break;
        if ((upload && origin_answer(c, r, 200, "taken\n") != 0) || last)
            break;
    }
    free(r);
}

static void origin_echo(struct origin_conn *c)
{
    ssize_t n;
    while ((n = recv(c->fd, c->buf, CHUNK, 0)) > 0)
        if (origin_send(c->fd, c->buf, (size_t)n) != 0)
            return;
}

static void origin_greet(struct origin_conn *c)
{
    if (origin_send_text(c->fd, "220 hello\r\n") == 0)
        origin_echo(c);
}

static void origin_count(struct origin_conn *c)
{
    size_t total = 0;
    ssize_t n;
    while ((n = recv(c->fd, c->buf, CHUNK, 0)) > 0)
        total += (size_t)n;
    char answer[64];
    snprintf(answer, sizeof answer, "%zu bytes\n", total);
    printf("count %zu%s\n", total, n < 0 ? " reset" : "");
    if (n == 0)
        origin_send_text(c->fd, answer);
}

static void origin_source(struct origin_conn *c)
{
    origin_send_pattern(c, SOURCE_BYTES, 0);
}

static void origin_slow(struct origin_conn *c)
{
    ssize_t n;
    while ((n = recv(c->fd, c->buf, CHUNK, 0)) > 0)
        for (ssize_t i = 0; i < n; i++) {
            origin_pause(50);
            if (origin_send(c->fd, c->buf + i, 1) != 0)
                return;
        }
}

static void origin_silent(struct origin_conn *c)
{
    (void)c;
    for (;;)
        pause();
}

static void origin_reset(struct origin_conn *c)
{
    struct linger now = {1, 0};
    if (recv(c->fd, c->buf, 1, 0) >= 0)
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

static void origin_closed(struct origin_conn *c)
{
    (void)c;
}

static const struct origin_mode origin_modes[] = {
    {"http", origin_http},     {"echo", origin_echo},     {"greet", origin_greet},
    {"count", origin_count},   {"source", origin_source}, {"slow", origin_slow},
    {"silent", origin_silent}, {"reset", origin_reset},   {"closed", origin_closed},
};

struct origin_listener {
    const struct origin_mode *mode;
    int fd, udp;
};

struct origin_job {
    const struct origin_mode *mode;
    int fd;
};

static void origin_address(const struct sockaddr_storage *a, char *out, size_t size)
{
    char host[INET6_ADDRSTRLEN] = "?";
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)a;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)a;
    int is4 = a->ss_family == AF_INET;
    inet_ntop(a->ss_family, is4 ? (const void *)&v4->sin_addr : &v6->sin6_addr, host, sizeof host);
    snprintf(out, size, is4 ? "%s:%d" : "[%s]:%d", host, ntohs(is4 ? v4->sin_port : v6->sin6_port));
}

static void *origin_connection(void *arg)
{
    struct origin_job job = *(struct origin_job *)arg;
    struct sockaddr_storage a;
    socklen_t len = sizeof a;
    char peer[80] = "?";
    int one = 1;
    free(arg);
    setsockopt(job.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (getpeername(job.fd, (struct sockaddr *)&a, &len) == 0)
        origin_address(&a, peer, sizeof peer);
    printf("accept %s %s\n", job.mode->name, peer);
    struct origin_conn c = {job.fd, peer, malloc(CHUNK)};
    if (c.buf)
        job.mode->serve(&c);
    free(c.buf);
    close(job.fd);
    printf("end %s %s\n", job.mode->name, peer);
    return NULL;
}

static int origin_thread(void *(*run)(void *), void *arg)
{
    pthread_t thread;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, 64 * 1024);
    int rc = pthread_create(&thread, &attr, run, arg);
    pthread_attr_destroy(&attr);
    return rc;
}

static void *origin_accept(void *arg)
{
    struct origin_listener *l = arg;
    for (;;) {
        struct origin_job *job = malloc(sizeof *job);
        int fd = accept(l->fd, NULL, NULL);
        if (fd < 0 || job == NULL) {
            free(job);
            origin_pause(10); /* out of descriptors: the backlog waits */
            continue;
        }
        *job = (struct origin_job){l->mode, fd};
        if (origin_thread(origin_connection, job) != 0) {
            close(fd);
            free(job);
        }
    }
    return NULL;
}

static void *origin_datagrams(void *arg)
{
    struct origin_listener *l = arg;
    char *buf = malloc(CHUNK);
    for (;;) {
        struct sockaddr_storage from;
        socklen_t len = sizeof from;
        ssize_t n = recvfrom(l->udp, buf, CHUNK, 0, (struct sockaddr *)&from, &len);
        if (n >= 0)
            sendto(l->udp, buf, (size_t)n, 0, (struct sockaddr *)&from, len);
    }
    return NULL;
}

static int origin_bind(const char *host, int type, int port)
{
    struct sockaddr_storage a = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&a;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a;
    a.ss_family = strchr(host, ':') ? AF_INET6 : AF_INET;
    if (a.ss_family == AF_INET)
        inet_pton(AF_INET, host, &v4->sin_addr), v4->sin_port = htons((uint16_t)port);
    else
        inet_pton(AF_INET6, host, &v6->sin6_addr), v6->sin6_port = htons((uint16_t)port);
    int fd = socket(a.ss_family, type, 0), one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    socklen_t len = a.ss_family == AF_INET ? sizeof *v4 : sizeof *v6;
    if (bind(fd, (struct sockaddr *)&a, len) == 0 && (type != SOCK_STREAM || listen(fd, 4096) == 0))
        return fd;
    close(fd);
    return -1;
}

static int origin_port(int fd)
{
    struct sockaddr_storage a;
    socklen_t len = sizeof a;
    getsockname(fd, (struct sockaddr *)&a, &len);
    return ntohs(a.ss_family == AF_INET ? ((struct sockaddr_in *)&a)->sin_port
                                        : ((struct sockaddr_in6 *)&a)->sin6_port);
}

/* The datagram port may be somebody else's: then another pair is tried. */
static int origin_open(struct origin_listener *l, const char *host)
{
    int wants_udp = l->mode->serve == origin_echo;
    for (int tries = 0; tries < 50; tries++) {
        l->fd = origin_bind(host, SOCK_STREAM, 0);
        if (l->fd < 0)
            return -1;
        l->udp = wants_udp ? origin_bind(host, SOCK_DGRAM, origin_port(l->fd)) : -1;
        if (l->udp >= 0 || !wants_udp) {
            if (wants_udp)
                origin_thread(origin_datagrams, l);
            return origin_thread(origin_accept, l);
        }
        close(l->fd);
    }
    return -1;
}

static void origin_listen(const char *host, const char *name)
{
    struct origin_listener *l = calloc(1, sizeof *l);
    for (size_t i = 0; l && i < sizeof origin_modes / sizeof *origin_modes; i++)
        if (strcmp(name, origin_modes[i].name) == 0)
            l->mode = &origin_modes[i];
    if (l == NULL || l->mode == NULL) {
        fprintf(stderr, "origin: no mode %s\n", name);
        exit(2);
    }
    if (origin_open(l, host) != 0) {
        fprintf(stderr, "origin: cannot listen on %s: %s\n", host, strerror(errno));
        exit(1);
    }
    printf("%s %d\n", name, origin_port(l->fd));
}

int main(int argc, char **argv)
{
    const char *host = "127.0.0.1";
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-h") == 0 && i + 1 < argc)
            host = argv[++i];
        else
            origin_listen(host, argv[i]);
    }
    printf("ready\n");
    for (;;)
        pause();
}
