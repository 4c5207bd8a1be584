#include "core/proto/file_serve.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/net/io.h"
#include "core/runtime/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The part of a file that is asked for. */
struct part {
    uint64_t from, length;
};

/* Digits at the front of `s`, taken off it. @return false when there is none, or too many */
static bool take_number(struct gost_slice *s, uint64_t *out)
{
    size_t n = 0;
    for (*out = 0; n < s->n && s->p[n] >= '0' && s->p[n] <= '9'; n++) {
        if (n == 18)
            return false;
        *out = *out * 10 + (uint64_t)(s->p[n] - '0');
    }
    s->p += n;
    s->n -= n;
    return n > 0;
}

/*
 * "bytes=1-5", "bytes=5-", "bytes=-5" (RFC 9110 section 14.1.2). Several ranges are not served as
 * such: the whole file is a good answer to them, too.
 * @return 206 with `part`, 416, or 200: as if there were no range
 */
static int parse_range(struct gost_slice v, uint64_t size, struct part *part)
{
    uint64_t first = 0, last = 0;
    if (v.n < 6 || !gost_slice_is_nocase((struct gost_slice){v.p, 6}, "bytes="))
        return 200;
    v = gost_slice_trim((struct gost_slice){v.p + 6, v.n - 6});
    bool has_first = take_number(&v, &first);
    if (v.n == 0 || v.p[0] != '-')
        return 200;
    v = (struct gost_slice){v.p + 1, v.n - 1};
    bool has_last = take_number(&v, &last);
    if (v.n > 0 || (!has_first && !has_last) || (has_first && has_last && last < first))
        return 200;
    if (!has_first) {
        first = last < size ? size - last : 0;
        if (last == 0)
            return 416;
        last = size - 1;
    }
    if (first >= size)
        return 416;
    if (!has_last || last >= size)
        last = size - 1;
    *part = (struct part){first, last - first + 1};
    return 206;
}

/* Which answer the request's conditions ask for, and which part of the file. */
static int choose(const struct gost_http1 *head, uint64_t size, const char *modified,
                  struct part *part)
{
    struct gost_slice range = gost_http1_get(head, "Range");
    struct gost_slice unless = gost_http1_get(head, "If-Range");
    *part = (struct part){0, size};
    if (gost_slice_is(gost_http1_get(head, "If-Modified-Since"), modified))
        return 304;
    if (!range.p || (unless.p && !gost_slice_is(unless, modified)))
        return 200;
    return parse_range(range, size, part);
}

static int send_part(struct gost__file *x, int fd, const struct part *part)
{
    int rc = 0;
    for (uint64_t done = 0; rc == 0 && done < part->length;) {
        uint64_t left = part->length - done;
        size_t want = left < GOST__FILE_CHUNK ? (size_t)left : GOST__FILE_CHUNK;
        uint8_t *room = gost_buf_reserve(&x->out, want);
        if (!room)
            return gost_fail_code(GOST_ENOMEM);
        ssize_t n = pread(fd, room, want, (off_t)(part->from + done));
        if (n <= 0 && !(n < 0 && errno == EINTR))
            return n < 0 ? gost_fail(-errno, "read: %s", gost_strerror(-errno))
                         : gost_fail(GOST_EOF, "the file became shorter while it was sent");
        if (n > 0) {
            gost_buf_commit(&x->out, (size_t)n);
            done += (uint64_t)n;
        }
        rc = gost__file_flush(x);
    }
    return rc;
}

static int send_file(struct gost__file *x, int fd, const struct stat *st, const char *name)
{
    char modified[GOST__FILE_DATE_MAX], range[80] = "", fields[320];
    uint64_t size = (uint64_t)st->st_size;
    struct part part;
    gost__file_date(st->st_mtime, modified);
    int status = choose(&x->head, size, modified, &part);
    if (status == 416) {
        snprintf(range, sizeof(range), "Content-Range: bytes */%llu\r\n", (unsigned long long)size);
        return gost__file_say(x, 416, range);
    }
    if (status == 206)
        snprintf(range, sizeof(range), "Content-Range: bytes %llu-%llu/%llu\r\n",
                 (unsigned long long)part.from, (unsigned long long)(part.from + part.length - 1),
                 (unsigned long long)size);
    snprintf(fields, sizeof(fields),
             "Content-Type: %s\r\nAccept-Ranges: bytes\r\nLast-Modified: %s\r\n%s",
             gost__file_type(name), modified, range);
    int rc = gost__file_begin(x, status, part.length, fields);
    if (rc == 0 && (x->is_head || status == 304 || part.length == 0))
        return gost__file_flush(x);
    return rc == 0 ? send_part(x, fd, &part) : rc; /* the head goes with the first bytes */
}

/* "dir" is "dir/", so that what stands in it can be named relative to it. */
static int send_redirect(struct gost__file *x)
{
    struct gost_slice t = x->head.target, base = {t.p, 0};
    size_t n = 0;
    for (; n < t.n && t.p[n] != '?'; n++)
        if (t.p[n] == '/')
            base.p = t.p + n + 1;
    base.n = (size_t)(t.p + n - base.p);
    char *fields = malloc(base.n + 32);
    if (!fields)
        return gost_fail_code(GOST_ENOMEM);
    snprintf(fields, base.n + 32, "Location: ./%.*s/\r\n", (int)base.n, base.p);
    int rc = gost__file_begin(x, 301, 0, fields);
    free(fields);
    return rc == 0 ? gost__file_flush(x) : rc;
}

static int send_directory(struct gost__file *x, int dir)
{
    struct stat st;
    if (!x->slash) {
        close(dir);
        return send_redirect(x);
    }
    char *index = NULL;
    int fd = asprintf(&index, "%s/index.html", x->path) < 0
                 ? -ENOMEM
                 : gost__file_open(x->root, index, O_RDONLY, 0);
    free(index);
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        if (fd >= 0)
            close(fd);
        return gost__file_list(x, dir);
    }
    close(dir);
    int rc = send_file(x, fd, &st, "index.html");
    close(fd);
    return rc;
}

int gost__file_get(struct gost__file *x)
{
    struct stat st;
    int fd = gost__file_open(x->root, x->path, O_RDONLY, 0);
    if (fd < 0)
        return gost__file_say(x, gost__file_status(fd), NULL);
    int rc = fstat(fd, &st) == 0 ? 0 : -errno;
    if (rc == 0 && S_ISDIR(st.st_mode))
        return send_directory(x, fd);
    if (rc == 0 && S_ISREG(st.st_mode))
        rc = send_file(x, fd, &st, x->path);
    else
        rc = gost__file_say(x, rc == 0 ? 403 : gost__file_status(rc), NULL);
    close(fd);
    return rc;
}
