#include "core/net/pipe.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { POOL_MAX = 16 };

static bool wanted = true;
static _Thread_local struct gost_pipe *pool;
static _Thread_local int pool_count;

static void read_environment(void)
{
    const char *value = getenv("GOST_SPLICE");
    wanted = !value || strcmp(value, "0") != 0;
}

bool gost_pipe_wanted(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, read_environment);
    return wanted;
}

static void pipe_close(struct gost_pipe *p)
{
    close(p->in);
    close(p->out);
    free(p);
}

struct gost_pipe *gost_pipe_take(void)
{
    struct gost_pipe *p = pool;
    if (p) {
        pool = p->next;
        pool_count--;
        return p;
    }
    int fd[2];
    if (pipe2(fd, O_NONBLOCK | O_CLOEXEC) < 0)
        return NULL;
    p = malloc(sizeof(*p));
    int size = p ? fcntl(fd[1], F_SETPIPE_SZ, GOST_PIPE_SIZE) : -1;
    if (size < GOST_PIPE_SIZE) { /* the user's share of pipe pages is used up */
        free(p);
        close(fd[0]);
        close(fd[1]);
        return NULL;
    }
    *p = (struct gost_pipe){.in = fd[1], .out = fd[0], .size = (size_t)size};
    return p;
}

void gost_pipe_give(struct gost_pipe *p)
{
    if (!p)
        return;
    if (p->held > 0 || pool_count >= POOL_MAX) {
        pipe_close(p);
        return;
    }
    p->next = pool;
    pool = p;
    pool_count++;
}

void gost_pipe_drain(void)
{
    while (pool) {
        struct gost_pipe *p = pool;
        pool = p->next;
        pipe_close(p);
    }
    pool_count = 0;
}
