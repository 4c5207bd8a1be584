/**
 * A server of static files: what the files file_*.c share. Nothing outside of the directory is
 * reached, whatever the path says and whatever symbolic links lie in it.
 *
 * Files are read and written on the worker's own thread: a slow disk holds up its other
 * connections.
 */
#ifndef GOST_PROTO_FILE_SERVE_H
#define GOST_PROTO_FILE_SERVE_H

#include "core/proto/http.h"

#include <sys/stat.h>
#include <time.h>

enum {
    GOST__FILE_PATH_MAX = 4096,
    GOST__FILE_CHUNK = 64 * 1024,
    GOST__FILE_SILENCE_MS = 120 * 1000, /**< of a client, where idleTimeout says nothing */
    GOST__FILE_DATE_MAX = 32
};

struct gost__file_settings {
    int64_t read_timeout, idle_timeout; /**< milliseconds */
    char *dir;
    bool put;
};

/** One client connection. */
struct gost__file {
    struct gost_conn *c;
    const struct gost__file_settings *set;
    int root; /**< O_PATH descriptor of the directory; borrowed */
    struct gost__http_reader client;
    struct gost_buf out;
    struct gost_http1 head; /**< lies in the reader's buffer, until that is read on */
    size_t head_len;        /**< bytes of it, still in `client` */
    char method[GOST_HTTP1_METHOD_MAX + 1];
    bool is_head;                   /**< HEAD: the answer has no body */
    bool again;                     /**< the client may send one more request */
    bool slash;                     /**< the path ends with one */
    char path[GOST__FILE_PATH_MAX]; /**< decoded, without slashes in front; "." for the root */
};

/** How long the client may be silent from now on. */
uint64_t gost__file_deadline(const struct gost__file *x);

/* --- paths (file_path.c) ------------------------------------------------------------------ */

/** Fill in x->path from the request. @return 0, or a status for the client */
int gost__file_path(struct gost__file *x);

/**
 * Open something below `dir`; symbolic links that lead out of it are not followed.
 * @param flags    of open(2)
 * @param resolve  more of openat2(2)'s RESOLVE_ flags
 * @return a descriptor or -errno
 */
int gost__file_open(int dir, const char *path, int flags, uint64_t resolve);

/** What a -errno is to the client: a status. */
int gost__file_status(int rc);

/** Write `t` as HTTP has it (RFC 9110 section 5.6.7). @return buf */
char *gost__file_date(time_t t, char buf[GOST__FILE_DATE_MAX]);

/** The media type that a name suggests. Static. */
const char *gost__file_type(const char *path);

/* --- answers (file_answer.c) -------------------------------------------------------------- */

/**
 * Begin an answer in x->out: first line, Date, Connection, Content-Length and `fields` (each with
 * CRLF).
 * @return 0 or GOST_ELIMIT
 */
int gost__file_begin(struct gost__file *x, int status, uint64_t length, const char *fields);

/** Write x->out, counted and paced; suspends. @return 0 or a negative code */
int gost__file_flush(struct gost__file *x);

/** A whole answer with a line of text as its body; suspends. @return 0 or a negative code */
int gost__file_say(struct gost__file *x, int status, const char *fields);

/** GET and HEAD of x->path (file_get.c); suspends. @return 0 or a negative code */
int gost__file_get(struct gost__file *x);

/** Answer with what is in a directory (file_list.c). @param fd  owned from now on */
int gost__file_list(struct gost__file *x, int fd);

/** PUT to x->path (file_put.c); suspends. @return 0 or a negative code */
int gost__file_put(struct gost__file *x);

#endif
