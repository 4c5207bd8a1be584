#include "core/proto/file_serve.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/net/io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* An upload under way: it has a name of its own until it is complete. */
struct upload {
    int dir, fd;
    const char *name; /* in the path */
    char temporary[40];
};

/* The next folder on the way; made if it is missing. @param dir  closed. @return it, or -errno */
static int enter(int dir, const char *name)
{
    int flags = O_RDONLY | O_DIRECTORY;
    int next = gost__file_open(dir, name, flags, RESOLVE_NO_SYMLINKS);
    if (next == -ENOENT) {
        int rc = mkdirat(dir, name, 0777) == 0 || errno == EEXIST ? 0 : -errno;
        next = rc == 0 ? gost__file_open(dir, name, flags, RESOLVE_NO_SYMLINKS) : rc;
    }
    close(dir);
    return next == -ENOTDIR ? -EEXIST : next;
}

/* Open the folder that the file is to lie in. @return 0 or -errno */
static int find_folder(struct upload *u, int root, char *path)
{
    char *part = path, *slash;
    u->dir = gost__file_open(root, ".", O_RDONLY | O_DIRECTORY, 0);
    while (u->dir >= 0 && (slash = strchr(part, '/'))) {
        *slash = '\0';
        if (*part)
            u->dir = enter(u->dir, part);
        *slash = '/';
        part = slash + 1;
    }
    u->name = part;
    if (u->dir < 0)
        return u->dir;
    return strcmp(part, "..") == 0 || strcmp(part, ".") == 0 || strlen(part) > 255 ? -EISDIR : 0;
}

static int upload_begin(struct upload *u, struct gost__file *x)
{
    uint64_t random = 0;
    struct stat st;
    *u = (struct upload){.dir = -1, .fd = -1};
    int rc = find_folder(u, x->root, x->path);
    if (rc != 0)
        return rc;
    if (fstatat(u->dir, u->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(st.st_mode))
        return -EEXIST;
    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return -EIO;
    snprintf(u->temporary, sizeof(u->temporary), ".upload-%016llx", (unsigned long long)random);
    u->fd = openat(u->dir, u->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    return u->fd < 0 ? -errno : 0;
}

/* @param rc  how it went: only a complete file gets its name. @return `rc`, or -errno */
static int upload_end(struct upload *u, int rc)
{
    if (u->fd >= 0) {
        if (close(u->fd) != 0 && rc == 0)
            rc = -errno;
        if (rc == 0 && renameat(u->dir, u->temporary, u->dir, u->name) != 0)
            rc = -errno;
        if (rc != 0)
            unlinkat(u->dir, u->temporary, 0);
    }
    if (u->dir >= 0)
        close(u->dir);
    return rc;
}

static int write_all(int fd, const uint8_t *p, size_t n)
{
    while (n > 0) {
        ssize_t put = write(fd, p, n);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -errno;
        p += put;
        n -= (size_t)put;
    }
    return 0;
}

/*
 * Read the body into the file.
 * @param[out] disk  -errno when the file could not be written: then the body was not read to its
 * end
 * @return 0, or a negative code when it is the client who failed
 */
static int receive(struct gost__file *x, int fd, struct gost__http_body *body, int *disk)
{
    struct gost__http_reader *r = &x->client;
    while (!body->done) {
        size_t data;
        if (r->len == 0) {
            gost__http_widen(r);
            ssize_t got = gost__http_fill(r, gost__file_deadline(x));
            if (got <= 0)
                return got == 0 ? gost_fail(GOST_EOF, "the client left during its upload")
                                : (int)got;
        }
        ssize_t used = gost__http_body_take(body, gost__http_bytes(r), r->len, &data);
        if (used < 0)
            return (int)used;
        if (used == 0 && !body->done) { /* a piece of a chunk's head */
            ssize_t got = gost__http_fill(r, gost__file_deadline(x));
            if (got <= 0)
                return got == 0 ? gost_fail(GOST_EOF, "the client left during its upload")
                                : (int)got;
            continue;
        }
        int rc = gost_conn_pace(x->c, (uint64_t)used, 0);
        if (rc != 0)
            return rc;
        x->c->ops->count(x->c, (uint64_t)used, 0);
        *disk = write_all(fd, gost__http_bytes(r), data);
        if (*disk != 0)
            return 0;
        gost__http_take(r, (size_t)used);
    }
    return 0;
}

/* A client that waits for leave to send gets it. */
static int invite(struct gost__file *x)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    x->c->ops->count(x->c, 0, sizeof(go_on) - 1);
    return gost_io_write(x->c->client, go_on, sizeof(go_on) - 1, gost__file_deadline(x));
}

int gost__file_put(struct gost__file *x)
{
    struct gost__http_body body;
    struct upload u;
    bool again = x->again;
    x->again = false; /* what was not read would be taken for the next request */
    if (!x->set->put)
        return gost__file_say(x, 405, "Allow: GET, HEAD\r\n");
    if (x->slash || gost_http1_get(&x->head, "Content-Range").p)
        return gost__file_say(x, 400, NULL);
    gost__http_body_begin(&body, gost_http1_request_body(&x->head));
    body.strip = true;
    bool waits = x->head.minor > 0 &&
                 gost_slice_is_nocase(gost_http1_get(&x->head, "Expect"), "100-continue");
    int disk = upload_begin(&u, x);
    gost__http_take(&x->client, x->head_len);
    x->head_len = 0;
    int rc = disk == 0 && waits && x->client.len == 0 ? invite(x) : 0;
    if (rc == 0 && disk == 0)
        rc = receive(x, u.fd, &body, &disk);
    if (rc != 0) {
        upload_end(&u, rc);
        return rc;
    }
    disk = upload_end(&u, disk);
    if (disk != 0)
        return gost__file_say(x, gost__file_status(disk), NULL);
    x->again = again;
    return gost__file_say(x, 201, NULL);
}
