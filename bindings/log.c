/* The log, for the control plane and for scripts: lines, where they go, further loggers. */
#include "bindings/lib.h"

#include "core/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* core.log(level, message [, {field = value}]) */
static int l_log(lua_State *L)
{
    struct gost_log_field f[16];
    size_t n = 0;
    int level = gost_log_level_parse(luaL_checkstring(L, 1));
    const char *text = luaL_checkstring(L, 2);
    luaL_argcheck(L, level >= 0, 1, "expected trace, debug, info, warn, error or fatal");
    if (!gost_log_on(NULL, level))
        return 0;
    if (lua_istable(L, 3)) {
        luaL_checkstack(L, 40, "log fields");
        for (lua_pushnil(L); lua_next(L, 3) && n < 16;) {
            int at = lua_gettop(L);
            const char *value = luaL_tolstring(L, at, NULL);
            if (lua_type(L, at - 1) == LUA_TSTRING)
                f[n++] = GOST_FIELD(lua_tostring(L, at - 1), value);
            lua_remove(L, at);        /* the value; its text stays, as long as the line needs it */
            lua_pushvalue(L, at - 1); /* the key, for lua_next */
        }
    }
    gost_log_fields(NULL, level, f, n, "%s", text);
    return 0;
}

/* The folders that a file is to lie in. What cannot be made shows when the file is opened. */
static void make_folders(const char *path)
{
    char *part = strdup(path);
    for (char *p = part; p && (p = strchr(p + 1, '/'));) {
        *p = '\0';
        mkdir(part, 0755);
        *p = '/';
    }
    free(part);
}

/* Open where lines go. @return a descriptor, -1 for nowhere, -2 with a message pushed */
static int open_output(lua_State *L, const char *output)
{
    if (!output || !*output || strcmp(output, "stderr") == 0)
        return 2;
    if (strcmp(output, "stdout") == 0)
        return 1;
    if (strcmp(output, "none") == 0 || strcmp(output, "null") == 0)
        return -1;
    make_folders(output);
    int fd = open(output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (fd >= 0)
        return fd;
    lua_pushfstring(L, "log: open %s: %s", output, strerror(errno));
    return -2;
}

/* Lines that other threads still have for the old file go to the new one: it takes over the number. */
static int take_over(int old, int fd)
{
    if (old <= 2 || fd <= 2 || dup3(fd, old, O_CLOEXEC) < 0)
        return fd;
    close(fd);
    return old;
}

/* Level and format of the table at 1 into a logger. */
static void take_logger(lua_State *L, struct gost_logger *l)
{
    const char *level = gostL_field_string(L, 1, "level");
    const char *format = gostL_field_string(L, 1, "format");
    if (level && gost_log_level_parse(level) < 0)
        luaL_error(L, "log: unknown level \"%s\"", level);
    l->level = level ? gost_log_level_parse(level) : GOST_LOG_INFO;
    l->format = format && strcmp(format, "text") == 0 ? GOST_LOG_TEXT : GOST_LOG_JSON;
}

/*
 * core.log_setup{level=, format=, output=} -> true | nil, message. At the start, and to reload: a file
 * is opened anew, so that one that was moved away is let go of. Nothing changes when it cannot be.
 */
static int l_log_setup(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    struct gost_logger checked;
    take_logger(L, &checked);
    int fd = open_output(L, gostL_field_string(L, 1, "output"));
    if (fd == -2) {
        lua_pushnil(L);
        lua_insert(L, -2);
        return 2;
    }
    gost_log_flush();
    gost_log_default.level = checked.level;
    gost_log_default.format = checked.format;
    gost_log_default.fd = take_over(gost_log_default.fd, fd);
    lua_pushboolean(L, 1);
    return 1;
}

/* All loggers of the process. They stay: connections of replaced services still write to them. */
struct named_logger {
    struct gost_logger base;
    struct named_logger *next;
    char *name, *output;
};

static struct named_logger *loggers;
static pthread_mutex_t loggers_lock = PTHREAD_MUTEX_INITIALIZER;

static bool same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static struct named_logger *find_logger(const struct named_logger *w)
{
    struct named_logger *l = loggers;
    while (l && !(same_text(l->name, w->name) && same_text(l->output, w->output) &&
                  l->base.level == w->base.level && l->base.format == w->base.format &&
                  l->base.next == w->base.next))
        l = l->next;
    return l;
}

/*
 * core.logger{name=, level=, format=, output=, also=logger} -> logger | nil, message. The same
 * settings give the same logger, on all workers; `also` gets every line as well.
 */
static int l_logger(lua_State *L)
{
    struct named_logger want = {.base = {.fd = 2, .level = GOST_LOG_INFO}};
    luaL_checktype(L, 1, LUA_TTABLE);
    take_logger(L, &want.base);
    want.name = (char *)gostL_field_string(L, 1, "name");
    want.output = (char *)gostL_field_string(L, 1, "output");
    lua_getfield(L, 1, "also");
    want.base.next = lua_touserdata(L, -1);
    pthread_mutex_lock(&loggers_lock);
    struct named_logger *l = find_logger(&want);
    int fd = l ? 0 : open_output(L, want.output);
    if (!l && fd != -2 && (l = malloc(sizeof(*l)))) {
        *l = want;
        l->name = want.name ? strdup(want.name) : NULL;
        l->output = want.output ? strdup(want.output) : NULL;
        l->base.name = l->name;
        l->base.fd = fd;
        l->next = loggers;
        loggers = l;
    }
    pthread_mutex_unlock(&loggers_lock);
    if (!l && fd == -2) {
        lua_pushnil(L);
        lua_insert(L, -2);
        return 2;
    }
    lua_pushlightuserdata(L, l);
    return 1;
}

/* core.reopen_logs(): the files of all loggers anew; one that cannot be opened stays as it is */
static int l_reopen_logs(lua_State *L)
{
    gost_log_flush();
    pthread_mutex_lock(&loggers_lock);
    for (struct named_logger *l = loggers; l; l = l->next) {
        int fd = l->base.fd > 2 ? open_output(L, l->output) : -1;
        if (fd > 2)
            l->base.fd = take_over(l->base.fd, fd);
        lua_settop(L, 0);
    }
    pthread_mutex_unlock(&loggers_lock);
    return 0;
}

void gostL_open_log(lua_State *L)
{
    static const luaL_Reg functions[] = {{"log", l_log},
                                         {"log_setup", l_log_setup},
                                         {"logger", l_logger},
                                         {"reopen_logs", l_reopen_logs},
                                         {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
