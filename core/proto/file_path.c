#include "core/proto/file_serve.h"

#include "core/codec/url.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The path and query of the request's target. @return 0 or a status */
static int target_path(const struct gost_http1 *head, struct gost_slice *out)
{
    struct gost_http1_target t;
    *out = head->target;
    if (out->n > 0 && out->p[0] == '/')
        return 0;
    if (gost_http1_absolute(&t, head->target, 0) != 0)
        return 400;
    *out = t.path;
    return 0;
}

int gost__file_path(struct gost__file *x)
{
    struct gost_slice path;
    int status = target_path(&x->head, &path);
    if (status != 0)
        return status;
    const char *query = path.n > 0 ? memchr(path.p, '?', path.n) : NULL;
    if (query)
        path.n = (size_t)(query - path.p);
    while (path.n > 0 && path.p[0] == '/') {
        path.p++;
        path.n--;
    }
    if (path.n >= sizeof(x->path))
        return 414;
    ssize_t n = gost_url_unescape(x->path, sizeof(x->path), path, GOST_URL_PLAIN);
    if (n < 0 || strlen(x->path) != (size_t)n || x->path[0] == '/')
        return 400;
    x->slash = n == 0 || x->path[n - 1] == '/';
    if (n == 0)
        strcpy(x->path, ".");
    return 0;
}

int gost__file_open(int dir, const char *path, int flags, uint64_t resolve)
{
    struct open_how how = {.flags = (uint64_t)flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | resolve};
    long fd = -1;
    for (int i = 0; i < 4 && fd < 0; i++) { /* EAGAIN: somebody renamed a directory meanwhile */
        fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));
        if (fd < 0 && errno != EAGAIN && errno != EINTR)
            break;
    }
    return fd < 0 ? -errno : (int)fd;
}

int gost__file_status(int rc)
{
    switch (rc) {
    case -ENOENT:
    case -ENOTDIR:
    case -ENAMETOOLONG:
        return 404;
    case -EACCES:
    case -EPERM:
    case -EROFS:
    case -EXDEV: /* a path or a link that leads out of the directory */
    case -ELOOP:
    case -ENXIO:
        return 403;
    case -EISDIR:
    case -EEXIST:
    case -ENOTEMPTY:
        return 409;
    case -ENOSPC:
    case -EDQUOT:
    case -EFBIG:
        return 507;
    default:
        return 500;
    }
}

char *gost__file_date(time_t t, char buf[GOST__FILE_DATE_MAX])
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct tm tm;
    if (!gmtime_r(&t, &tm) || tm.tm_year < 0 || tm.tm_year > 8099) {
        t = 0;
        gmtime_r(&t, &tm);
    }
    snprintf(buf, GOST__FILE_DATE_MAX, "%s, %02u %s %04u %02u:%02u:%02u GMT", days[tm.tm_wday % 7],
             (unsigned)tm.tm_mday % 100u, months[tm.tm_mon % 12],
             (unsigned)(tm.tm_year + 1900) % 10000u, (unsigned)tm.tm_hour % 100u,
             (unsigned)tm.tm_min % 100u, (unsigned)tm.tm_sec % 100u);
    return buf;
}

const char *gost__file_type(const char *path)
{
    static const char *const types[][2] = {
        {"html", "text/html; charset=utf-8"},
        {"htm", "text/html; charset=utf-8"},
        {"txt", "text/plain; charset=utf-8"},
        {"log", "text/plain; charset=utf-8"},
        {"md", "text/plain; charset=utf-8"},
        {"css", "text/css; charset=utf-8"},
        {"csv", "text/csv; charset=utf-8"},
        {"js", "text/javascript; charset=utf-8"},
        {"mjs", "text/javascript; charset=utf-8"},
        {"json", "application/json"},
        {"xml", "text/xml; charset=utf-8"},
        {"pdf", "application/pdf"},
        {"wasm", "application/wasm"},
        {"zip", "application/zip"},
        {"gz", "application/gzip"},
        {"png", "image/png"},
        {"jpg", "image/jpeg"},
        {"jpeg", "image/jpeg"},
        {"gif", "image/gif"},
        {"svg", "image/svg+xml"},
        {"webp", "image/webp"},
        {"ico", "image/x-icon"},
        {"mp4", "video/mp4"},
        {"webm", "video/webm"},
        {"mp3", "audio/mpeg"},
    };
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < sizeof(types) / sizeof(types[0]); i++)
        if (strcasecmp(dot + 1, types[i][0]) == 0)
            return types[i][1];
    return "application/octet-stream";
}
