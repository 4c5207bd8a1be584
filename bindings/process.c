/* A process for each group of arguments: `gost-lua -L … -- -L …`. */
#include "bindings/lib.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct family {
    pid_t *pids; /* 0: has ended */
    lua_Integer count;
    int worst;    /* status of the first that failed */
    bool leaving; /* we were asked to end */
};

static void tell_all(const struct family *f, int sig)
{
    for (lua_Integer i = 0; i < f->count; i++)
        if (f->pids[i] > 0)
            kill(f->pids[i], sig);
}

/* In the child: what belongs to this process alone, then the program anew. */
static void become(const char *self, const char **argv, lua_Integer index, const sigset_t *mask)
{
    char id[24];
    snprintf(id, sizeof(id), "%d", (int)index);
    setenv("_GOST_ID", id, 1);
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* nobody could end it any more */
    int null = open("/dev/null", O_RDONLY);
    if (null >= 0)
        dup2(null, 0);
    sigprocmask(SIG_SETMASK, mask, NULL);
    execv(self, (char **)argv);
    _exit(127);
}

/* Start the group on top of the stack. */
static pid_t start(lua_State *L, const char *self, lua_Integer index, const sigset_t *mask)
{
    lua_Integer n = luaL_len(L, -1);
    int group = lua_gettop(L);
    const char **argv = lua_newuserdatauv(L, sizeof(*argv) * (size_t)(n + 2), 0);
    luaL_checkstack(L, (int)n + 4, "arguments");
    argv[0] = self;
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, group, i);
        argv[i] = luaL_checkstring(L, -1);
    }
    argv[n + 1] = NULL;
    pid_t pid = fork();
    if (pid == 0)
        become(self, argv, index, mask);
    return pid;
}

static void note_end(struct family *f, pid_t pid, int status)
{
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    for (lua_Integer i = 0; i < f->count; i++)
        if (f->pids[i] == pid)
            f->pids[i] = 0;
    if (code == 0 || f->worst != 0 || f->leaving)
        return;
    f->worst = code; /* one failed: the others are ended with it */
    tell_all(f, SIGTERM);
}

/* Pass signals on until all have ended. */
static void look_after(struct family *f, const sigset_t *signals)
{
    for (;;) {
        int status;
        pid_t pid;
        while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
            note_end(f, pid, status);
        if (pid < 0 && errno == ECHILD)
            return;
        siginfo_t from;
        int sig = sigwaitinfo(signals, &from);
        f->leaving |= sig == SIGTERM || sig == SIGINT;
        /* a terminal's Ctrl-C reaches the whole group; a second one would cut connections */
        if (sig > 0 && sig != SIGCHLD && from.si_code != SI_KERNEL)
            tell_all(f, sig);
    }
}

/*
 * core.spawn_processes({ {args…}, … }) -> exit status: run this program once per group, wait for all.
 * SIGTERM, SIGINT and SIGHUP go to all of them.
 */
static int l_spawn_processes(lua_State *L)
{
    static const int passed_on[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP};
    char self[4096];
    sigset_t signals, before;
    luaL_checktype(L, 1, LUA_TTABLE);
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (len <= 0)
        return luaL_error(L, "cannot find the program's own path");
    self[len] = '\0';
    sigemptyset(&signals);
    for (size_t i = 0; i < sizeof(passed_on) / sizeof(*passed_on); i++)
        sigaddset(&signals, passed_on[i]);
    sigprocmask(SIG_BLOCK, &signals, &before);
    struct family f = {.count = luaL_len(L, 1)};
    f.pids = lua_newuserdatauv(L, sizeof(*f.pids) * (size_t)(f.count + 1), 0);
    memset(f.pids, 0, sizeof(*f.pids) * (size_t)(f.count + 1));
    for (lua_Integer i = 0; i < f.count; i++) {
        lua_rawgeti(L, 1, i + 1);
        f.pids[i] = start(L, self, i, &before);
        lua_settop(L, 2);
        if (f.pids[i] < 0) { /* no process: as if it had failed at once */
            fprintf(stderr, "gost-lua: fork: %s\n", strerror(errno));
            note_end(&f, f.pids[i], 1 << 8);
            break;
        }
    }
    look_after(&f, &signals);
    sigprocmask(SIG_SETMASK, &before, NULL);
    lua_pushinteger(L, f.worst);
    return 1;
}

void gostL_open_process(lua_State *L)
{
    lua_pushcfunction(L, l_spawn_processes);
    lua_setfield(L, -2, "spawn_processes");
}
