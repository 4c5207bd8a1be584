#include "core/proto/file_serve.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/url.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ENTRIES_MAX = 50 * 1000, LIST_MAX = 32 * 1024 * 1024 };

struct names {
    char **item; /* directories end with '/' */
    size_t count, cap;
};

static void names_clear(struct names *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->item[i]);
    free(l->item);
}

static int names_add(struct names *l, const char *name, bool is_dir)
{
    size_t n = strlen(name);
    if (l->count == ENTRIES_MAX)
        return -E2BIG;
    if (l->count == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        char **item = realloc(l->item, cap * sizeof(*item));
        if (!item)
            return -ENOMEM;
        l->item = item;
        l->cap = cap;
    }
    char *copy = malloc(n + 2);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, name, n + 1);
    if (is_dir)
        memcpy(copy + n, "/", 2);
    l->item[l->count++] = copy;
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_directory(int dir, const struct dirent *d)
{
    struct stat st;
    if (d->d_type != DT_UNKNOWN)
        return d->d_type == DT_DIR;
    return fstatat(dir, d->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

/* @param fd  owned. @return 0 or -errno */
static int names_read(struct names *l, int fd)
{
    DIR *dir = fdopendir(fd);
    int rc = 0;
    if (!dir) {
        rc = -errno;
        close(fd);
        return rc;
    }
    for (const struct dirent *d; rc == 0 && (d = readdir(dir));)
        if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
            rc = names_add(l, d->d_name, is_directory(fd, d));
    closedir(dir);
    if (rc == 0 && l->count > 0)
        qsort(l->item, l->count, sizeof(*l->item), by_name);
    return rc;
}

/* Text as HTML. */
static int put_text(struct gost_buf *b, const char *text)
{
    int rc = 0;
    for (; rc == 0 && *text; text++) {
        const char *as = *text == '&'    ? "&amp;"
                         : *text == '<'  ? "&lt;"
                         : *text == '>'  ? "&gt;"
                         : *text == '"'  ? "&#34;"
                         : *text == '\'' ? "&#39;"
                                         : NULL;
        rc = as ? gost_buf_append(b, as, strlen(as)) : gost_buf_append(b, text, 1);
    }
    return rc;
}

static int put_name(struct gost_buf *b, const char *name)
{
    char link[3 * 256 + 1];
    size_t n = strlen(name);
    bool is_dir = name[n - 1] == '/';
    if (gost_url_escape(link, sizeof(link), (struct gost_slice){name, is_dir ? n - 1 : n}) < 0)
        return GOST_ELIMIT;
    int rc = gost_buf_printf(b, "<a href=\"./%s%s\">", link, is_dir ? "/" : "");
    if (rc == 0)
        rc = put_text(b, name);
    return rc == 0 ? gost_buf_append(b, "</a>\n", 5) : rc;
}

static int put_page(struct gost_buf *b, const struct names *l)
{
    int rc = gost_buf_printf(b, "<!doctype html>\n<meta charset=\"utf-8\">\n<pre>\n");
    for (size_t i = 0; rc == 0 && i < l->count; i++)
        rc = put_name(b, l->item[i]);
    return rc == 0 ? gost_buf_printf(b, "</pre>\n") : rc;
}

/* Send the page piece by piece, so that limits hold. */
static int send_page(struct gost__file *x, struct gost_buf *page)
{
    int rc = gost__file_begin(x, 200, page->len, "Content-Type: text/html; charset=utf-8\r\n");
    while (rc == 0 && !x->is_head && page->len > 0) {
        size_t n = page->len < GOST__FILE_CHUNK ? page->len : GOST__FILE_CHUNK;
        rc = gost_buf_append(&x->out, page->data, n);
        gost_buf_consume(page, n);
        if (rc == 0)
            rc = gost__file_flush(x);
    }
    return rc == 0 && x->out.len > 0 ? gost__file_flush(x) : rc;
}

int gost__file_list(struct gost__file *x, int fd)
{
    struct names l = {0};
    struct gost_buf page;
    gost_buf_create(&page, LIST_MAX);
    int rc = names_read(&l, fd);
    if (rc == 0)
        rc = put_page(&page, &l);
    names_clear(&l);
    rc = rc != 0 ? gost__file_say(x, gost__file_status(rc), NULL) : send_page(x, &page);
    gost_buf_destroy(&page);
    return rc;
}
