#include "core/runtime/command.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/runtime/fiber.h"
#include "core/runtime/loop.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

/* Outlives the fiber that waits: libuv closes handles later. */
struct command {
    uv_process_t process;
    struct gost_waker *waker; /* NULL: nobody waits any more */
    bool ended;
    int status;
};

static void on_close(uv_handle_t *h)
{
    free(gost_container_of(h, struct command, process));
}

static void on_exit_of(uv_process_t *p, int64_t status, int signal)
{
    struct command *c = gost_container_of(p, struct command, process);
    c->ended = true;
    c->status = signal ? 128 + signal : (int)status;
    if (c->waker)
        gost_waker_fire(c->waker);
    else
        uv_close((uv_handle_t *)p, on_close);
}

/* The environment with what is added in front, where getenv finds it first. */
static char **join_env(const char *const *more)
{
    size_t n = 0, m = 0;
    while (environ && environ[n])
        n++;
    while (more && more[m])
        m++;
    char **all = calloc(n + m + 1, sizeof(*all));
    for (size_t i = 0; all && i < n + m; i++)
        all[i] = i < m ? (char *)more[i] : environ[i - m];
    return all;
}

static int start(struct command *c, const char *const *argv, const char *const *env)
{
    uv_stdio_container_t io[3] = {{.flags = UV_IGNORE},
                                  {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
                                  {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO}};
    char **all = join_env(env);
    uv_process_options_t o = {.exit_cb = on_exit_of,
                              .file = argv[0],
                              .args = (char **)argv,
                              .env = all,
                              .flags = UV_PROCESS_DETACHED, /* a process group of its own */
                              .stdio_count = 3,
                              .stdio = io};
    if (!all)
        return gost_fail_code(GOST_ENOMEM);
    int rc = uv_spawn(gost_loop_uv(gost_loop_self()), &c->process, &o);
    free(all);
    return rc == 0 ? 0 : gost_fail(rc, "%s: %s", argv[0], gost_strerror(rc));
}

int gost_command_run(const char *const *argv, const char *const *env, uint64_t deadline)
{
    struct command *c = calloc(1, sizeof(*c));
    if (!c)
        return gost_fail_code(GOST_ENOMEM);
    int rc = start(c, argv, env);
    if (rc != 0) {
        uv_close((uv_handle_t *)&c->process, on_close);
        return rc;
    }
    c->waker = &gost_fiber_self()->waker;
    while (rc == 0 && !c->ended)
        rc = gost_fiber_wait(deadline);
    c->waker = NULL;
    if (c->ended) {
        rc = c->status;
        uv_close((uv_handle_t *)&c->process, on_close);
        return rc;
    }
    kill(-c->process.pid, SIGKILL);
    return rc;
}
