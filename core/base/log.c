#include "core/base/log.h"

#include "core/base/buf.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

enum { FLUSH_AT = 32 * 1024, LINE_MAX_BYTES = 64 * 1024 };

struct gost_logger gost_log_default = {.fd = 2, .level = GOST_LOG_INFO, .format = GOST_LOG_JSON};

static const char *const level_names[] = {"trace", "debug", "info", "warn", "error", "fatal"};

/* The lines of this thread that wait for the flush, and where they go. */
static _Thread_local struct gost_buf lines = {.max = 4 * 1024 * 1024};
static _Thread_local int lines_fd = -1;
static _Thread_local bool gathering;
static pthread_mutex_t write_lock = PTHREAD_MUTEX_INITIALIZER;

int gost_log_level_parse(const char *name)
{
    for (int i = 0; i <= GOST_LOG_FATAL; i++)
        if (strcasecmp(name, level_names[i]) == 0)
            return i;
    return -1;
}

void gost_log_gather(bool on)
{
    gathering = on;
    if (!on) {
        gost_log_flush();
        gost_buf_destroy(&lines);
    }
}

void gost_log_flush(void)
{
    if (lines.len == 0)
        return;
    pthread_mutex_lock(&write_lock); /* lines of two workers must not mix in a pipe */
    while (lines.len > 0) {
        ssize_t n = write(lines_fd, lines.data, lines.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break; /* a log that cannot be written has nobody to be reported to */
        gost_buf_consume(&lines, (size_t)n);
    }
    pthread_mutex_unlock(&write_lock);
    gost_buf_consume(&lines, lines.len);
}

static void put_json_string(const char *s)
{
    gost_buf_append(&lines, "\"", 1);
    for (const char *p = s; *p;) {
        size_t n = 0;
        while ((unsigned char)p[n] >= 0x20 && p[n] != '"' && p[n] != '\\' && p[n] != 0x7f)
            n++;
        gost_buf_append(&lines, p, n);
        p += n;
        if (*p == '"' || *p == '\\')
            gost_buf_printf(&lines, "\\%c", *p++);
        else if (*p == '\n')
            gost_buf_append(&lines, "\\n", 2), p++;
        else if (*p == '\t')
            gost_buf_append(&lines, "\\t", 2), p++;
        else if (*p)
            gost_buf_printf(&lines, "\\u%04x", (unsigned char)*p++);
    }
    gost_buf_append(&lines, "\"", 1);
}

static void put_text_string(const char *s)
{
    size_t n = 0;
    while ((unsigned char)s[n] > ' ' && s[n] != '"' && s[n] != '=' && s[n] != '\\' && s[n] != 0x7f)
        n++;
    if (n > 0 && s[n] == '\0')
        gost_buf_append(&lines, s, n);
    else
        put_json_string(s);
}

static void put_duration(int64_t ns)
{
    if (ns >= 1000000000)
        gost_buf_printf(&lines, "%.9gs", (double)ns / 1e9);
    else if (ns >= 1000000)
        gost_buf_printf(&lines, "%.9gms", (double)ns / 1e6);
    else
        gost_buf_printf(&lines, "%.9g\xc2\xb5s", (double)ns / 1e3);
}

static void put_field(enum gost_log_format format, const struct gost_log_field *f)
{
    bool json = format == GOST_LOG_JSON;
    gost_buf_printf(&lines, json ? ",\"%s\":" : " %s=", f->key);
    if (f->text)
        json ? put_json_string(f->text) : put_text_string(f->text);
    else if (f->duration && !json)
        put_duration(f->number);
    else
        gost_buf_printf(&lines, "%lld", (long long)f->number);
}

/* RFC 3339 with milliseconds. Formatting the second is cached: many lines share one. */
static const char *timestamp(void)
{
    static _Thread_local time_t second;
    static _Thread_local char text[64], head[32], zone[16];
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    if (ts.tv_sec != second || !head[0]) {
        struct tm tm;
        second = ts.tv_sec;
        localtime_r(&second, &tm);
        strftime(head, sizeof(head), "%Y-%m-%dT%H:%M:%S", &tm);
        long off = tm.tm_gmtoff / 60;
        if (off == 0)
            snprintf(zone, sizeof(zone), "Z");
        else
            snprintf(zone, sizeof(zone), "%c%02ld:%02ld", off < 0 ? '-' : '+', labs(off) / 60 % 100,
                     labs(off) % 60);
    }
    snprintf(text, sizeof(text), "%s.%03ld%s", head, ts.tv_nsec / 1000000 % 1000, zone);
    return text;
}

static void put_head(const struct gost_logger *l, enum gost_log_level level, const char *msg)
{
    if (l->format == GOST_LOG_JSON) {
        gost_buf_printf(&lines, "{\"time\":\"%s\",\"level\":\"%s\",\"msg\":", timestamp(),
                        level_names[level]);
        put_json_string(msg);
    } else {
        gost_buf_printf(&lines, "time=%s level=%s msg=", timestamp(), level_names[level]);
        put_text_string(msg);
    }
}

/* One finished message to one logger. */
static void put_line(const struct gost_logger *l, enum gost_log_level level,
                     const struct gost_log_field *fields, size_t n, const char *msg)
{
    int fd = l->fd;
    if (level < l->level || fd < 0)
        return;
    if (fd != lines_fd)
        gost_log_flush();
    lines_fd = fd;
    put_head(l, level, msg);
    if (l->name)
        put_field(l->format, &GOST_FIELD("logger", l->name));
    for (size_t i = 0; i < n; i++)
        if (fields[i].key)
            put_field(l->format, &fields[i]);
    gost_buf_append(&lines, l->format == GOST_LOG_JSON ? "}\n" : "\n",
                    l->format == GOST_LOG_JSON ? 2 : 1);
    if (!gathering || level == GOST_LOG_FATAL || lines.len >= FLUSH_AT)
        gost_log_flush();
}

void gost_log_fields(const struct gost_logger *l, enum gost_log_level level,
                     const struct gost_log_field *fields, size_t n, const char *fmt, ...)
{
    char room[1024], *msg = room, *heap = NULL;
    if (!gost_log_on(l, level))
        return;
    va_list ap;
    va_start(ap, fmt);
    int len = vsnprintf(room, sizeof(room), fmt, ap);
    va_end(ap);
    if (len >= (int)sizeof(room) && len < LINE_MAX_BYTES && (heap = malloc((size_t)len + 1))) {
        va_start(ap, fmt);
        vsnprintf(heap, (size_t)len + 1, fmt, ap);
        va_end(ap);
        msg = heap;
    }
    for (l = l ? l : &gost_log_default; l; l = l->next)
        put_line(l, level, fields, n, msg);
    free(heap);
}
