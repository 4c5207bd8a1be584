/* Files: gost.fs.read reads on the thread pool, and only its caller waits. */
#include "bindings/lib.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/runtime/fiber.h"
#include "core/runtime/loop.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 64 * 1024 * 1024, FILE_STEP = 64 * 1024, NAMES_MAX = 100000 };

struct file_read {
    uv_work_t work;
    struct gost_fiber *waiter; /* NULL once it gave up */
    bool done;
    int rc;
    size_t len, max;
    char *data;
    char path[];
};

static int read_all(struct file_read *r, int fd)
{
    size_t room = 0;
    for (;;) {
        if (r->len == room) {
            if (room >= r->max)
                return GOST_ELIMIT;
            room = room + FILE_STEP < r->max ? room + FILE_STEP : r->max;
            char *grown = realloc(r->data, room + 1);
            if (!grown)
                return GOST_ENOMEM;
            r->data = grown;
        }
        ssize_t n = read(fd, r->data + r->len, room - r->len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : 0;
        r->len += (size_t)n;
    }
}

/* On a thread of the pool. */
static void work(uv_work_t *w)
{
    struct file_read *r = gost_container_of(w, struct file_read, work);
    int fd = open(r->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        r->rc = -errno;
        return;
    }
    r->rc = read_all(r, fd);
    close(fd);
}

static void file_free(struct file_read *r)
{
    free(r->data);
    free(r);
}

static void worked(uv_work_t *w, int status)
{
    struct file_read *r = gost_container_of(w, struct file_read, work);
    if (status != 0)
        r->rc = status;
    r->done = true;
    if (r->waiter)
        gost_fiber_wake(r->waiter);
    else
        file_free(r);
}

/* core.read_file(path [, max]) -> bytes | nil, message, code. Suspends. */
static int read_body(lua_State *L)
{
    size_t n;
    const char *path = luaL_checklstring(L, 1, &n);
    lua_Integer max = luaL_optinteger(L, 2, FILE_MAX);
    luaL_argcheck(L, max > 0, 2, "expected bytes, 1 or more");
    struct file_read *r = calloc(1, sizeof(*r) + n + 1);
    if (!r)
        return luaL_error(L, "not enough memory");
    memcpy(r->path, path, n);
    r->max = (size_t)max + 1; /* one more tells that there is more */
    r->waiter = gost_fiber_self();
    int rc = uv_queue_work(gost_loop_uv(gost_loop_self()), &r->work, work, worked);
    while (rc == 0 && !r->done)
        rc = gost_fiber_wait(GOST_NEVER);
    if (!r->done && rc != 0) {
        r->waiter = NULL; /* the pool still works on it, and frees it */
        return gostL_fail(L, gost_fail_at(rc, "%s", path));
    }
    rc = r->rc == 0 && r->len > (size_t)max ? GOST_ELIMIT : r->rc;
    if (rc == 0)
        lua_pushlstring(L, r->data ? r->data : "", r->len);
    file_free(r);
    return rc == 0 ? 1 : gostL_fail(L, gost_fail(rc, "%s: %s", path, gost_strerror(rc)));
}

static int l_read_file(lua_State *L)
{
    return gostL_waiting(L, read_body);
}

/* core.list_directory(path) -> {names} without "." and ".." | nil, message, code. Does not suspend. */
static int l_list_directory(lua_State *L)
{
    const char *path = luaL_checkstring(L, 1);
    DIR *dir = opendir(path);
    if (!dir)
        return gostL_fail(L, gost_fail(-errno, "open %s: %s", path, gost_strerror(-errno)));
    lua_newtable(L);
    lua_Integer n = 0;
    struct dirent *entry;
    while (n < NAMES_MAX && (entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        lua_pushstring(L, entry->d_name);
        lua_rawseti(L, -2, ++n);
    }
    closedir(dir);
    return 1;
}

bool gostL_file_stamp(const char *path, char text[static GOSTL_STAMP_MAX])
{
    struct stat st;
    if (stat(path, &st) != 0)
        return false;
    snprintf(text, GOSTL_STAMP_MAX, "%llu.%llu.%lld.%lld.%ld", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_ino, (long long)st.st_size, (long long)st.st_mtim.tv_sec,
             st.st_mtim.tv_nsec);
    return true;
}

void gostL_open_file(lua_State *L)
{
    lua_pushcfunction(L, l_read_file);
    lua_setfield(L, -2, "read_file");
    lua_pushcfunction(L, l_list_directory);
    lua_setfield(L, -2, "list_directory");
}
