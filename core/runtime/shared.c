#include "core/runtime/shared.h"

#include "core/base/list.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 1024 };

struct piece {
    struct gost_list link;
    size_t refs;
    size_t size;
    uint32_t hash;
    char *name;
    _Alignas(64) char memory[]; /* its own cache lines: workers must not slow each other down */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct gost_list buckets[BUCKETS];
static bool ready;

static uint32_t hash_name(const char *name)
{
    uint32_t h = 2166136261u;
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 16777619u;
    return h;
}

static struct piece *find(const char *name, uint32_t hash)
{
    gost_list_each(link, &buckets[hash % BUCKETS])
    {
        struct piece *p = gost_container_of(link, struct piece, link);
        if (p->hash == hash && strcmp(p->name, name) == 0)
            return p;
    }
    return NULL;
}

static struct piece *make(const char *name, uint32_t hash, size_t size)
{
    size_t bytes = (offsetof(struct piece, memory) + size + 63) & ~(size_t)63;
    struct piece *p = aligned_alloc(64, bytes);
    if (!p)
        return NULL;
    memset(p, 0, bytes);
    p->name = strdup(name);
    if (!p->name) {
        free(p);
        return NULL;
    }
    p->hash = hash;
    p->size = size;
    gost_list_add(&buckets[hash % BUCKETS], &p->link);
    return p;
}

void *gost_shared_take(const char *name, size_t size, bool *created)
{
    uint32_t hash = hash_name(name);
    pthread_mutex_lock(&lock);
    for (int i = 0; !ready && i < BUCKETS; i++)
        gost_list_create(&buckets[i]);
    ready = true;
    struct piece *p = find(name, hash);
    if (created)
        *created = p == NULL;
    if (!p)
        p = make(name, hash, size);
    if (p && p->size != size)
        p = NULL; /* never hand out less than was asked for */
    if (p)
        p->refs++;
    pthread_mutex_unlock(&lock);
    return p ? p->memory : NULL;
}

void gost_shared_give(void *memory)
{
    if (!memory)
        return;
    struct piece *p = gost_container_of(memory, struct piece, memory);
    pthread_mutex_lock(&lock);
    if (--p->refs == 0) {
        gost_list_remove(&p->link);
        free(p->name);
        free(p);
    }
    pthread_mutex_unlock(&lock);
}
