/*
 * testos: the few system calls that specs need and Lua 5.4 on Debian 12 has no package for: start a
 * program, wait for it with a limit, signal it, and ask the kernel for free ports.
 *
 * Built into build/support/testos.so whenever GOST_TESTS is on, always without sanitizers: the Lua
 * that runs busted is a plain one. Lua code uses it through the files beside it only.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <lua.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static int testos_fail(lua_State *L, const char *what)
{
    int err = errno;
    lua_pushnil(L);
    lua_pushfstring(L, "%s: %s", what, strerror(err));
    return 2;
}

/* now() -> seconds on the monotonic clock */
static int testos_now(lua_State *L)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    lua_pushnumber(L, (lua_Number)ts.tv_sec + (lua_Number)ts.tv_nsec / 1e9);
    return 1;
}

/* sleep(seconds) */
static int testos_sleep(lua_State *L)
{
    lua_Number s = luaL_checknumber(L, 1);
    struct timespec ts = {(time_t)s, (long)((s - (lua_Number)(time_t)s) * 1e9)};
    nanosleep(&ts, NULL);
    return 0;
}

/* What a child is to be; filled before the fork so that nothing can raise after it. */
struct testos_child {
    char **argv;
    char **env; /* NULL: ours */
    const char *cwd;
    int fd[3];
};

static char **testos_strings(lua_State *L, int index, size_t *count)
{
    size_t n = lua_rawlen(L, index);
    char **list = lua_newuserdatauv(L, (n + 1) * sizeof(char *), 0);
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, index, (lua_Integer)i + 1);
        if (!lua_isstring(L, -1))
            luaL_error(L, "item %d of the list is no string", (int)i + 1);
        list[i] = (char *)lua_tostring(L, -1);
        lua_pop(L, 1); /* the table keeps it alive */
    }
    list[n] = NULL;
    if (count)
        *count = n;
    return list;
}

static void testos_become(const struct testos_child *c, pid_t parent)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* nothing outlives a spec that crashed */
    if (getppid() != parent)
        _exit(126);
    for (int i = 0; i < 3; i++)
        if (dup2(c->fd[i], i) < 0)
            _exit(126);
    closefrom(3);
    if (c->cwd && chdir(c->cwd) != 0)
        _exit(126);
    if (c->env)
        environ = c->env;
    execvp(c->argv[0], c->argv);
    dprintf(2, "cannot run %s: %s\n", c->argv[0], strerror(errno));
    _exit(127);
}

static int testos_open_field(lua_State *L, int index, const char *key, int flags)
{
    lua_getfield(L, index, key);
    const char *path = luaL_optstring(L, -1, "/dev/null");
    int fd = open(path, flags | O_CLOEXEC, 0644);
    if (fd < 0)
        luaL_error(L, "open %s: %s", path, strerror(errno));
    lua_pop(L, 1);
    return fd;
}

static int testos_spawn_stdin(lua_State *L, int *theirs)
{
    lua_getfield(L, 1, "stdin_pipe");
    int wanted = lua_toboolean(L, -1), fds[2];
    lua_pop(L, 1);
    if (!wanted) {
        *theirs = testos_open_field(L, 1, "stdin", O_RDONLY);
        return -1;
    }
    if (pipe2(fds, O_CLOEXEC) != 0)
        luaL_error(L, "pipe: %s", strerror(errno));
    *theirs = fds[0];
    return fds[1];
}

/*
 * spawn{ argv…, stdin=path | stdin_pipe=true, stdout=path, stderr=path (default: as stdout),
 *        env={"K=V"…}, cwd=path } -> pid, stdin_fd | nil, message
 * Paths default to /dev/null; output files are appended to.
 */
static int testos_spawn(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    size_t argc;
    struct testos_child c = {.argv = testos_strings(L, 1, &argc)};
    luaL_argcheck(L, argc > 0, 1, "no program");
    if (lua_getfield(L, 1, "env") == LUA_TTABLE)
        c.env = testos_strings(L, lua_gettop(L), NULL);
    lua_getfield(L, 1, "cwd");
    c.cwd = lua_tostring(L, -1);
    int feed = testos_spawn_stdin(L, &c.fd[0]);
    c.fd[1] = testos_open_field(L, 1, "stdout", O_WRONLY | O_CREAT | O_APPEND);
    lua_getfield(L, 1, "stderr");
    c.fd[2] = lua_isnil(L, -1) ? dup(c.fd[1])
                               : testos_open_field(L, 1, "stderr", O_WRONLY | O_CREAT | O_APPEND);
    pid_t parent = getpid(), pid = fork();
    if (pid == 0)
        testos_become(&c, parent);
    for (int i = 0; i < 3; i++)
        close(c.fd[i]);
    if (pid < 0)
        return testos_fail(L, "fork");
    lua_pushinteger(L, pid);
    if (feed < 0)
        return 1;
    lua_pushinteger(L, feed);
    return 2;
}

static int testos_wait_readable(pid_t pid, lua_Number seconds)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0)
        return -1;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int rc = poll(&p, 1, (int)(seconds * 1000));
    close(fd);
    return rc;
}

/* wait(pid, seconds) -> "exit"|"signal", code | nil when it still runs */
static int testos_wait(lua_State *L)
{
    pid_t pid = (pid_t)luaL_checkinteger(L, 1);
    lua_Number seconds = luaL_optnumber(L, 2, 0);
    int status;
    if (testos_wait_readable(pid, seconds) < 0)
        return testos_fail(L, "pidfd_open");
    pid_t got = waitpid(pid, &status, WNOHANG);
    if (got < 0)
        return testos_fail(L, "waitpid");
    if (got == 0) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushstring(L, WIFSIGNALED(status) ? "signal" : "exit");
    lua_pushinteger(L, WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    return 2;
}

/* kill(pid, signal) -> true | nil, message */
static int testos_kill(lua_State *L)
{
    lua_Integer pid = luaL_checkinteger(L, 1);
    luaL_argcheck(L, pid > 1, 1, "not one process");
    if (kill((pid_t)pid, (int)luaL_checkinteger(L, 2)) != 0)
        return testos_fail(L, "kill");
    lua_pushboolean(L, 1);
    return 1;
}

static int testos_address(lua_State *L, int host, int port, struct sockaddr_storage *out,
                          socklen_t *len)
{
    const char *name = luaL_optstring(L, host, "127.0.0.1");
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, name, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        *len = sizeof *v4;
        return AF_INET;
    }
    if (inet_pton(AF_INET6, name, &v6->sin6_addr) != 1)
        return luaL_argerror(L, host, "not an IP address");
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons((uint16_t)port);
    *len = sizeof *v6;
    return AF_INET6;
}

static int testos_bound_port(int fd)
{
    struct sockaddr_storage a;
    socklen_t len = sizeof a;
    if (getsockname(fd, (struct sockaddr *)&a, &len) != 0)
        return 0;
    return ntohs(a.ss_family == AF_INET ? ((struct sockaddr_in *)&a)->sin_port
                                        : ((struct sockaddr_in6 *)&a)->sin6_port);
}

/* free_port(["tcp"|"udp"|"both" [, host]]) -> port: free at the time of asking */
static int testos_free_port(lua_State *L)
{
    const char *kind = luaL_optstring(L, 1, "tcp");
    struct sockaddr_storage a;
    socklen_t len;
    for (int tries = 0; tries < 100; tries++) {
        int family = testos_address(L, 2, 0, &a, &len);
        int fd = socket(family, (*kind == 'u' ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
        int ok = fd >= 0 && bind(fd, (struct sockaddr *)&a, len) == 0;
        int port = ok ? testos_bound_port(fd) : 0;
        if (ok && *kind == 'b') {
            int udp = socket(testos_address(L, 2, port, &a, &len), SOCK_DGRAM | SOCK_CLOEXEC, 0);
            ok = udp >= 0 && bind(udp, (struct sockaddr *)&a, len) == 0;
            close(udp);
        }
        close(fd);
        if (ok) {
            lua_pushinteger(L, port);
            return 1;
        }
    }
    return luaL_error(L, "no free port: %s", strerror(errno));
}

/* connects(port [, host [, seconds]]) -> whether a TCP connection is taken */
static int testos_connects(lua_State *L)
{
    struct sockaddr_storage a;
    socklen_t len;
    int family = testos_address(L, 2, (int)luaL_checkinteger(L, 1), &a, &len);
    int limit = (int)(luaL_optnumber(L, 3, 1) * 1000), err = 0;
    socklen_t size = sizeof err;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int rc = connect(fd, (struct sockaddr *)&a, len);
    if (rc != 0 && errno == EINPROGRESS) {
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        if (poll(&p, 1, limit) == 1)
            rc = getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size) != 0 || err != 0 ? -1 : 0;
    }
    close(fd);
    lua_pushboolean(L, rc == 0);
    return 1;
}

/* write(fd, bytes) -> true | nil, message: to the stdin of a child */
static int testos_write(lua_State *L)
{
    size_t len, done = 0;
    int fd = (int)luaL_checkinteger(L, 1);
    const char *s = luaL_checklstring(L, 2, &len);
    while (done < len) {
        ssize_t n = write(fd, s + done, len - done);
        if (n < 0)
            return testos_fail(L, "write");
        done += (size_t)n;
    }
    lua_pushboolean(L, 1);
    return 1;
}

static int testos_close(lua_State *L)
{
    close((int)luaL_checkinteger(L, 1));
    return 0;
}

/* mkdtemp() -> a new directory below $TMPDIR or /tmp */
static int testos_mkdtemp(lua_State *L)
{
    const char *base = getenv("TMPDIR");
    char *path = (char *)lua_pushfstring(L, "%s/gost-spec.XXXXXX", base ? base : "/tmp");
    char *copy = strdup(path);
    if (copy == NULL || mkdtemp(copy) == NULL) {
        free(copy);
        return luaL_error(L, "mkdtemp: %s", strerror(errno));
    }
    lua_pushstring(L, copy);
    free(copy);
    return 1;
}

/* raise_nofile([n]) -> the soft limit of descriptors now: n (default: all that is allowed) */
static int testos_nofile(lua_State *L)
{
    struct rlimit r;
    getrlimit(RLIMIT_NOFILE, &r);
    r.rlim_cur = (rlim_t)luaL_optinteger(L, 1, (lua_Integer)r.rlim_max);
    setrlimit(RLIMIT_NOFILE, &r);
    getrlimit(RLIMIT_NOFILE, &r);
    lua_pushinteger(L, (lua_Integer)r.rlim_cur);
    return 1;
}

static int testos_getpid(lua_State *L)
{
    lua_pushinteger(L, getpid());
    return 1;
}

static const luaL_Reg testos_functions[] = {
    {"now", testos_now},
    {"sleep", testos_sleep},
    {"spawn", testos_spawn},
    {"wait", testos_wait},
    {"kill", testos_kill},
    {"free_port", testos_free_port},
    {"connects", testos_connects},
    {"write", testos_write},
    {"close", testos_close},
    {"mkdtemp", testos_mkdtemp},
    {"raise_nofile", testos_nofile},
    {"getpid", testos_getpid},
    {NULL, NULL},
};

int luaopen_testos(lua_State *L);
int luaopen_testos(lua_State *L)
{
    signal(SIGPIPE, SIG_IGN); /* a child that closed its stdin must not end the suite */
    luaL_newlib(L, testos_functions);
    return 1;
}
