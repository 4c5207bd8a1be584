/*
 * The streams of a session, by number. The peer chooses half of the numbers, so the hash has a key.
 */
#include "core/base/error.h"
#include "core/transport/mux_int.h"

#include <stdlib.h>

enum { BITS_MIN = 3 };

static struct gost__mux_stream **bucket_of(struct gost_mux *m, uint32_t id)
{
    return &m->bucket[id * m->key >> (64 - m->bucket_bits)];
}

static int resize(struct gost_mux *m, uint32_t bits)
{
    struct gost__mux_stream **old = m->bucket;
    size_t n = old ? (size_t)1 << m->bucket_bits : 0;
    struct gost__mux_stream **fresh = calloc((size_t)1 << bits, sizeof(struct gost__mux_stream *));
    if (!fresh)
        return GOST_ENOMEM;
    m->bucket = fresh;
    m->bucket_bits = bits;
    for (size_t i = 0; i < n; i++) {
        for (struct gost__mux_stream *s = old[i], *next; s; s = next) {
            struct gost__mux_stream **head = bucket_of(m, s->id);
            next = s->next;
            s->next = *head;
            *head = s;
        }
    }
    free(old);
    return 0;
}

struct gost__mux_stream *gost__mux_find(struct gost_mux *m, uint32_t id)
{
    if (!m->bucket)
        return NULL;
    struct gost__mux_stream *s = *bucket_of(m, id);
    while (s && s->id != id)
        s = s->next;
    return s;
}

int gost__mux_insert(struct gost_mux *m, struct gost__mux_stream *s)
{
    if (!m->bucket && resize(m, BITS_MIN) != 0)
        return GOST_ENOMEM;
    /* Without memory for a better size it is only slower. Removing never resizes: it happens in
     * walks. */
    if (m->count >= (uint32_t)1 << m->bucket_bits)
        resize(m, m->bucket_bits + 1);
    else if (m->bucket_bits > BITS_MIN && m->count < (uint32_t)1 << (m->bucket_bits - 3))
        resize(m, m->bucket_bits - 1);
    struct gost__mux_stream **head = bucket_of(m, s->id);
    s->next = *head;
    *head = s;
    m->count++;
    return 0;
}

void gost__mux_remove(struct gost_mux *m, struct gost__mux_stream *s)
{
    struct gost__mux_stream **link = bucket_of(m, s->id);
    while (*link != s)
        link = &(*link)->next;
    *link = s->next;
    m->count--;
    if (m->count == 0) {
        free(m->bucket);
        m->bucket = NULL;
        m->bucket_bits = 0;
    }
}

struct gost__mux_stream *gost__mux_each(struct gost_mux *m, uint32_t *at,
                                        struct gost__mux_stream **next)
{
    struct gost__mux_stream *s = *next;
    while (!s && m->bucket && *at < (uint32_t)1 << m->bucket_bits)
        s = m->bucket[(*at)++];
    *next = s ? s->next : NULL;
    return s;
}
