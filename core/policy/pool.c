#include "core/policy/pool.h"

#include "core/runtime/shared.h"

#include <stdio.h>
#include <stdlib.h>

void *gost__pool_take(const char *kind, const char *name, size_t size)
{
    char *full;
    if (!name)
        return calloc(1, size);
    if (asprintf(&full, "%s:%s", kind, name) < 0)
        return NULL;
    void *p = gost_shared_take(full, size, NULL);
    free(full);
    return p;
}

void gost__pool_give(const char *name, void *memory)
{
    if (name)
        gost_shared_give(memory);
    else
        free(memory);
}
