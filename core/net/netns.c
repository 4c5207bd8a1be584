#include "core/net/netns.h"

#include "core/base/diag.h"
#include "core/base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int open_named(const char *name)
{
    char path[512];
    const char *format = name[0] == '/' ? "%s" : "/run/netns/%s";
    if (name[0] != '/' && strchr(name, '/'))
        return gost_fail(GOST_ECONFIG, "network namespace \"%.64s\": expected a name or a path",
                         name);
    if ((size_t)snprintf(path, sizeof(path), format, name) >= sizeof(path))
        return gost_fail(GOST_ECONFIG, "network namespace \"%.64s…\": the name is too long", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 ? fd : gost_fail(-errno, "network namespace %s: %s", name, gost_strerror(-errno));
}

int gost__netns_enter(struct gost__netns *n, const char *name)
{
    n->back = -1;
    if (!name || !*name)
        return 0;
    int fd = open_named(name);
    if (fd < 0)
        return fd;
    int back = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    int rc = back < 0 || setns(fd, CLONE_NEWNET) != 0 ? -errno : 0;
    close(fd);
    if (rc == 0) {
        n->back = back;
        return 0;
    }
    if (back >= 0)
        close(back);
    return gost_fail(rc, "network namespace %s: %s", name, gost_strerror(rc));
}

void gost__netns_leave(struct gost__netns *n)
{
    if (n->back < 0)
        return;
    if (setns(n->back, CLONE_NEWNET) != 0)
        abort();
    close(n->back);
    n->back = -1;
}
