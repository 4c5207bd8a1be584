/*
 * Unix sockets: the address is a path ("@name" for Linux's abstract ones).
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/transport/kinds.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct unix_settings {
    char *mode;
};

static const struct gost_option options[] = {
    {.key = "mode",
     .type = GOST_OPT_STRING,
     .offset = offsetof(struct unix_settings, mode),
     .help = "permissions of the socket's file: 0600, 0x180 or 384"},
    GOST_OPTION_END,
};

/* @return the permissions, -1 when none are configured, -2 when they are malformed */
static long mode_of(const struct unix_settings *s)
{
    char *end;
    if (!s->mode || !s->mode[0])
        return -1;
    errno = 0;
    long mode = strtol(s->mode, &end, 0);
    return *end || errno || mode < 0 || mode > 0777 ? -2 : mode;
}

static int unix_init(struct gost_listener *l)
{
    const struct unix_settings *s = l->settings;
    if (mode_of(s) == -2)
        return gost_fail(GOST_ECONFIG, "mode: \"%.40s\", expected permissions like 0600", s->mode);
    return 0;
}

static int unix_start(struct gost_listener *l)
{
    long mode = mode_of(l->settings);
    const char *path = l->addr.un.sun_path;
    int rc = gost__listener_listen(l);
    if (rc != 0 || mode < 0 || path[0] == '\0')
        return rc;
    if (chmod(path, (mode_t)mode) == 0)
        return 0;
    rc = gost_fail(-errno, "chmod %s: %s", path, strerror(errno));
    gost__listener_close(l);
    return rc;
}

const struct gost_listener_kind gost__unix_listener = {
    .name = "unix",
    .help = "a Unix socket",
    .options = {options, sizeof(struct unix_settings)},
    .unix_path = true,
    .init = unix_init,
    .takes_proxy = true,
    .start = unix_start,
};

const struct gost_dialer_kind gost__unix_dialer = {
    .name = "unix",
    .help = "a Unix socket",
    .unix_path = true,
};
