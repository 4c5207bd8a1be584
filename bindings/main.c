/* The program: finds its Lua files, makes the first worker, and runs gost.main. */
#include "bindings/lib.h"
#include "bindings/worker.h"

#include <ctype.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef GOST_INSTALL_LUA
#define GOST_INSTALL_LUA ""
#endif

static int has_main(const char *dir)
{
    char path[4200];
    struct stat st;
    snprintf(path, sizeof(path), "%s/gost/main.lua", dir);
    return stat(path, &st) == 0;
}

/* Beside the program in a source tree, below its prefix when installed. */
static void find_lua(void)
{
    static const char *const places[] = {"lua", "../lua", "../share/lua/5.4", NULL};
    char self[2048], dir[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (n > 0) {
        self[n] = '\0';
        char *base = dirname(self);
        for (int i = 0; places[i]; i++) {
            snprintf(dir, sizeof(dir), "%s/%s", base, places[i]);
            if (has_main(dir)) {
                gostL_set_lua_dir(dir);
                return;
            }
        }
    }
#ifdef GOST_SOURCE_LUA
    if (has_main(GOST_SOURCE_LUA)) {
        gostL_set_lua_dir(GOST_SOURCE_LUA);
        return;
    }
#endif
    if (has_main(GOST_INSTALL_LUA))
        gostL_set_lua_dir(GOST_INSTALL_LUA);
}

static void cover(char *from, const char *to)
{
    if (from < to)
        memset(from, '*', (size_t)(to - from));
}

/* Does a key of a query hold something that is not to be seen? See lua/gost/url.lua. */
static int is_secret(const char *key, size_t n)
{
    static const char *const words[] = {"passw", "passphrase", "token", "secret"};
    char lower[64];
    if (n >= sizeof(lower))
        return 0;
    for (size_t i = 0; i < n; i++)
        lower[i] = (char)tolower((unsigned char)key[i]);
    lower[n] = '\0';
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (strstr(lower, words[i]))
            return 1;
    return strcmp(lower, "auth") == 0;
}

/* Whoever lists processes sees the arguments: the passwords of URLs are covered once Lua has copied them. */
static void cover_secrets(char *arg)
{
    char *scheme = strstr(arg, "://"), *at = NULL;
    char *authority = scheme ? scheme + 3 : arg;
    char *end = authority + strcspn(authority, "/?");
    if (*arg == '{') { /* a configuration in JSON */
        cover(arg + 1, arg + strlen(arg));
        return;
    }
    for (char *p = authority; p < end; p++)
        at = *p == '@' ? p : at;
    if (at) {
        char *colon = memchr(authority, ':', (size_t)(at - authority));
        cover(colon ? colon + 1 : authority, at);
    }
    for (char *key = strchr(arg, '?'); key && *key;) {
        size_t n = strcspn(++key, "=&");
        char *next = key + n + strcspn(key + n, "&");
        if (key[n] == '=' && is_secret(key, n))
            cover(key + n + 1, next);
        key = next;
    }
}

/* require("gost.main")({ arguments… }) -> exit status */
static int run(lua_State *L)
{
    int argc = (int)lua_tointeger(L, 1);
    char **argv = lua_touserdata(L, 2);
    lua_createtable(L, argc, 1);
    for (int i = 0; i < argc; i++) {
        lua_pushstring(L, argv[i]);
        lua_rawseti(L, -2, i);
        if (i > 0)
            cover_secrets(argv[i]);
    }
    lua_pushvalue(L, -1);
    lua_setglobal(L, "arg");
    int args = lua_gettop(L);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "gost.main");
    lua_call(L, 1, 1);
    lua_pushvalue(L, args);
    lua_call(L, 1, 1);
    return 1;
}

int main(int argc, char **argv)
{
    find_lua();
    lua_State *L = gostL_new_state();
    if (!L) {
        fprintf(stderr, "gost-lua: not enough memory\n");
        return 1;
    }
    lua_pushcfunction(L, gostL_traceback);
    lua_pushcfunction(L, run);
    lua_pushinteger(L, argc);
    lua_pushlightuserdata(L, argv);
    int status = 1;
    if (lua_pcall(L, 2, 1, 1) == LUA_OK)
        status = (int)lua_tointeger(L, -1);
    else
        fprintf(stderr, "gost-lua: %s\n", lua_tostring(L, -1));
    gostL_join_workers();
    gostL_worker_leave();
    lua_close(L);
    gostL_worker_dispose();
    return status;
}
