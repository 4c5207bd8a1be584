/* Log lines: format, escaping, levels, gathering, threads. */
#include "core/base/log.h"

#include "spec/c/test.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static char *text; /* what was logged */
static int pipe_fd[2];

static struct gost_logger logger(enum gost_log_format format)
{
    struct gost_logger l = {.level = GOST_LOG_INFO, .format = format};
    CHECK(pipe(pipe_fd) == 0);
    l.fd = pipe_fd[1];
    return l;
}

/* Everything that came through the pipe; closes it. */
static const char *logged(void)
{
    size_t n = 0, cap = 1 << 20;
    ssize_t got;
    free(text);
    text = malloc(cap);
    close(pipe_fd[1]);
    while ((got = read(pipe_fd[0], text + n, cap - n - 1)) > 0)
        n += (size_t)got;
    close(pipe_fd[0]);
    text[n] = '\0';
    return text;
}

/* Behind the time stamp, which is checked for its form. */
static const char *after_time(const char *line, const char *key)
{
    const char *at = strstr(line, key);
    CHECK(at != NULL);
    if (!at)
        return "";
    at += strlen(key);
    CHECK(strlen(at) > 24 && at[4] == '-' && at[10] == 'T' && at[19] == '.');
    return at + strcspn(at, key[0] == '{' ? "\"" : " ");
}

TEST(json_lines)
{
    struct gost_logger l = logger(GOST_LOG_JSON);
    struct gost_log_field f[] = {GOST_FIELD("a", "x\"y\\z\n\t\x01\x7f"), GOST_FIELD_INT("n", -5),
                                 GOST_FIELD(NULL, NULL), GOST_FIELD_NS("d", 1500000)};
    l.name = "svc";
    gost_log_fields(&l, GOST_LOG_WARN, f, 4, "hello %d", 7);
    CHECK_STR(after_time(logged(), "{\"time\":\""),
              "\",\"level\":\"warn\",\"msg\":\"hello 7\",\"logger\":\"svc\","
              "\"a\":\"x\\\"y\\\\z\\n\\t\\u0001\\u007f\",\"n\":-5,\"d\":1500000}\n");
}

TEST(text_lines_quote_what_could_mislead)
{
    struct gost_logger l = logger(GOST_LOG_TEXT);
    struct gost_log_field f[] = {
        GOST_FIELD("plain", "v"),    GOST_FIELD("space", "a b"), GOST_FIELD("empty", ""),
        GOST_FIELD("eq", "a=b"),     GOST_FIELD("nl", "a\nb"),   GOST_FIELD("bs", "a\bb"),
        GOST_FIELD_NS("d", 1500000), GOST_FIELD_NS("u", 1500),   GOST_FIELD_NS("s", 2000000000)};
    gost_log_fields(&l, GOST_LOG_INFO, f, 9, "msg");
    CHECK_STR(after_time(logged(), "time="),
              " level=info msg=msg plain=v space=\"a b\" empty=\"\" eq=\"a=b\" nl=\"a\\nb\" "
              "bs=\"a\\u0008b\" d=1.5ms u=1.5\xc2\xb5s s=2s\n");
}

TEST(lower_levels_are_dropped)
{
    struct gost_logger l = logger(GOST_LOG_TEXT);
    CHECK(!gost_log_on(&l, GOST_LOG_DEBUG) && gost_log_on(&l, GOST_LOG_INFO));
    gost_log_fields(&l, GOST_LOG_DEBUG, NULL, 0, "no");
    l.level = GOST_LOG_OFF;
    gost_log_fields(&l, GOST_LOG_FATAL, NULL, 0, "no");
    CHECK_STR(logged(), "");
    l.fd = -1;
    l.level = GOST_LOG_TRACE;
    gost_log_fields(&l, GOST_LOG_FATAL, NULL, 0, "nowhere");
}

TEST(level_names)
{
    CHECK_INT(gost_log_level_parse("TRACE"), GOST_LOG_TRACE);
    CHECK_INT(gost_log_level_parse("fatal"), GOST_LOG_FATAL);
    CHECK_INT(gost_log_level_parse("loud"), -1);
}

TEST(gathered_lines_wait_for_the_flush)
{
    struct gost_logger l = logger(GOST_LOG_TEXT);
    char byte;
    fcntl(pipe_fd[0], F_SETFL, O_NONBLOCK);
    gost_log_gather(true);
    gost_log_fields(&l, GOST_LOG_INFO, NULL, 0, "one");
    CHECK(read(pipe_fd[0], &byte, 1) < 0);
    gost_log_flush();
    CHECK(read(pipe_fd[0], &byte, 1) == 1);
    gost_log_fields(&l, GOST_LOG_FATAL, NULL, 0, "two"); /* at once: the process may end */
    fcntl(pipe_fd[0], F_SETFL, 0);
    const char *all = logged();
    CHECK(strstr(all, "msg=one\n") && strstr(all, "msg=two\n"));
    gost_log_gather(false);
}

TEST(long_lines)
{
    struct gost_logger l = logger(GOST_LOG_JSON);
    char *big = malloc(40001);
    memset(big, 'b', 40000);
    big[40000] = '\0';
    gost_log_fields(&l, GOST_LOG_INFO, NULL, 0, "%s", big);
    const char *line = logged();
    CHECK(strlen(line) > 40000 && strcmp(line + strlen(line) - 3, "\"}\n") == 0);
    free(big);
}

enum { THREADS = 4, LINES = 2000 };

static struct gost_logger shared_logger;

static void *log_much(void *arg)
{
    gost_log_gather(true);
    for (int i = 0; i < LINES; i++)
        gost_log_fields(&shared_logger, GOST_LOG_INFO,
                        (struct gost_log_field[]){GOST_FIELD_INT("i", i)}, 1, "thread %s",
                        (const char *)arg);
    gost_log_gather(false);
    return NULL;
}

static void *read_all(void *arg)
{
    char chunk[4096], line[256];
    size_t n = 0;
    int *lines = arg;
    ssize_t got;
    while ((got = read(pipe_fd[0], chunk, sizeof(chunk))) > 0)
        for (ssize_t i = 0; i < got; i++) {
            line[n++] = chunk[i];
            if (chunk[i] != '\n' && n < sizeof(line))
                continue;
            line[n - 1] = '\0';
            lines[strncmp(line, "{\"time\":\"", 9) != 0 || line[n - 2] != '}']++;
            n = 0;
        }
    return NULL;
}

TEST(lines_of_threads_do_not_mix)
{
    static char *names[THREADS] = {"a", "b", "c", "d"};
    pthread_t writer[THREADS], reader;
    int lines[2] = {0, 0};
    shared_logger = logger(GOST_LOG_JSON);
    pthread_create(&reader, NULL, read_all, lines);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&writer[i], NULL, log_much, names[i]);
    for (int i = 0; i < THREADS; i++)
        pthread_join(writer[i], NULL);
    close(pipe_fd[1]);
    pthread_join(reader, NULL);
    close(pipe_fd[0]);
    CHECK_INT(lines[0], THREADS * LINES);
    CHECK_INT(lines[1], 0);
    free(text);
    text = NULL;
}

RUN_TESTS()
