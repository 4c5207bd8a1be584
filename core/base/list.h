/**
 * An intrusive, circular, doubly linked list. The head is a link of its own.
 */
#ifndef GOST_BASE_LIST_H
#define GOST_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct gost_list {
    struct gost_list *prev, *next;
};

#define gost_container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

static inline void gost_list_create(struct gost_list *l)
{
    l->prev = l->next = l;
}

static inline bool gost_list_empty(const struct gost_list *l)
{
    return l->next == l;
}

/** Put `item` at the end of the list. */
static inline void gost_list_add(struct gost_list *head, struct gost_list *item)
{
    item->prev = head->prev;
    item->next = head;
    head->prev->next = item;
    head->prev = item;
}

/** Put `item` at the front of the list. */
static inline void gost_list_push(struct gost_list *head, struct gost_list *item)
{
    gost_list_add(head->next, item);
}

/** Take `item` out; it may be removed again without harm. */
static inline void gost_list_remove(struct gost_list *item)
{
    item->prev->next = item->next;
    item->next->prev = item->prev;
    item->prev = item->next = item;
}

/** Move all of `from` to the end of `to`; `from` is empty afterwards. */
static inline void gost_list_splice(struct gost_list *to, struct gost_list *from)
{
    if (gost_list_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    gost_list_create(from);
}

/** Take the first item out. @return it, or NULL when the list is empty */
static inline struct gost_list *gost_list_shift(struct gost_list *head)
{
    struct gost_list *item = head->next;
    if (item == head)
        return NULL;
    gost_list_remove(item);
    return item;
}

#define gost_list_each(var, head)                                                                  \
    for (struct gost_list *var = (head)->next; var != (head); var = var->next)

/** Iterate while the body may remove `var`. */
#define gost_list_each_safe(var, head)                                                             \
    for (struct gost_list *var = (head)->next, *var##_next = var->next; var != (head);             \
         var = var##_next, var##_next = var->next)

#endif
