/**
 * Structured logging: a message and fields, as JSON or text, one line each.
 *
 * Lines gather in a buffer per thread that the loop flushes once a turn, so that a line costs no
 * system call of its own. Never log a secret.
 */
#ifndef GOST_BASE_LOG_H
#define GOST_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gost_log_level {
    GOST_LOG_TRACE,
    GOST_LOG_DEBUG,
    GOST_LOG_INFO,
    GOST_LOG_WARN,
    GOST_LOG_ERROR,
    GOST_LOG_FATAL,
    GOST_LOG_OFF
};

enum gost_log_format { GOST_LOG_JSON, GOST_LOG_TEXT };

/** Where lines go and which. Shared by all threads; a reload may change the three in the middle. */
struct gost_logger {
    const char *name; /**< field "logger", or NULL */
    _Atomic int fd;   /**< 1, 2 or a file opened with O_APPEND; -1 drops everything */
    _Atomic enum gost_log_level level;
    _Atomic enum gost_log_format format;
    const struct gost_logger *next; /**< every line goes there as well; NULL: nowhere else */
};

/** The logger of whoever has no own. JSON on stderr at info until changed. */
extern struct gost_logger gost_log_default;

struct gost_log_field {
    const char *key;
    const char *text; /**< the value; NULL: `number` is the value */
    int64_t number;
    bool duration; /**< `number` is nanoseconds: text format shows 1.5ms */
};

#define GOST_FIELD(k, v)                                                                           \
    (struct gost_log_field)                                                                        \
    {                                                                                              \
        .key = (k), .text = (v)                                                                    \
    }
#define GOST_FIELD_INT(k, v)                                                                       \
    (struct gost_log_field)                                                                        \
    {                                                                                              \
        .key = (k), .number = (int64_t)(v)                                                         \
    }
#define GOST_FIELD_NS(k, v)                                                                        \
    (struct gost_log_field)                                                                        \
    {                                                                                              \
        .key = (k), .number = (int64_t)(v), .duration = true                                       \
    }

static inline bool gost_log_on(const struct gost_logger *l, enum gost_log_level level)
{
    for (l = l ? l : &gost_log_default; l; l = l->next)
        if (level >= l->level)
            return true;
    return false;
}

/**
 * Write one line.
 * @param l       NULL: the default logger
 * @param fields  in the order to show; a field whose text and key are NULL is skipped
 */
void gost_log_fields(const struct gost_logger *l, enum gost_log_level level,
                     const struct gost_log_field *fields, size_t n, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/** Write one line without fields on the default logger. */
#define gost_log(level, ...)                                                                       \
    do {                                                                                           \
        if (gost_log_on(NULL, level))                                                              \
            gost_log_fields(NULL, level, NULL, 0, __VA_ARGS__);                                    \
    } while (0)

/** Write out what this thread has gathered. */
void gost_log_flush(void);

/** Gather lines on this thread (a loop flushes them) or write each at once (the state at start). */
void gost_log_gather(bool on);

/** @return the level of that name, or -1 */
int gost_log_level_parse(const char *name);

#endif
