/**
 * What the origin and every load program share: the clock, fatal errors, arguments, the byte
 * pattern that makes each transferred byte checkable, and small socket helpers.
 *
 * The programs are one .c file each, so this header holds the code itself. Every program does one
 * thing, prints one JSON line, and dies with a message on the first wrong byte or failed call.
 */
#ifndef BENCH_H
#define BENCH_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/** Length of the pattern in bytes: a prime, so that a lost or doubled block never goes unseen. */
#define BENCH_PERIOD 1048573u
/** The most bytes one bulk read or write moves. */
#define BENCH_CHUNK (256u * 1024u)
/** Bytes of one message of the echo jobs. */
#define BENCH_MESSAGE 64u
/** The most events one epoll_wait returns. */
#define BENCH_EVENTS 256

/** What a bulk client sends first: the origin answers `length` bytes of the pattern and closes. */
struct bench_order {
    uint64_t length; /* bytes wanted */
    uint64_t offset; /* where in the pattern the answer starts */
};

/** Print a message and leave with status 1. */
static inline _Noreturn void bench_die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

/** Monotonic time in seconds. */
static inline double bench_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/** CPU seconds that this process has used so far. */
static inline double bench_cpu(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

/** The value of the argument `name=value`, or `fallback`. */
static inline const char *bench_text(char **argv, const char *name, const char *fallback)
{
    size_t n = strlen(name);
    for (char **arg = argv + 1; *arg != NULL; arg++)
        if (strncmp(*arg, name, n) == 0 && (*arg)[n] == '=')
            return *arg + n + 1;
    return fallback;
}

/** The same for numbers; anything that is not a decimal number is fatal. */
static inline uint64_t bench_number(char **argv, const char *name, uint64_t fallback)
{
    const char *text = bench_text(argv, name, NULL);
    if (text == NULL)
        return fallback;
    char *end;
    errno = 0;
    uint64_t value = strtoull(text, &end, 10);
    if (errno != 0 || *text == '\0' || *end != '\0')
        bench_die("%s=%s is not a number", name, text);
    return value;
}

/** One byte of the pattern's generator (xorshift64*): incompressible and always the same. */
static inline unsigned char bench_next_byte(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (unsigned char)((*state * 0x2545F4914F6CDD1Dull) >> 56);
}

/**
 * The pattern, written twice in a row: any run of up to BENCH_PERIOD bytes from any offset below
 * BENCH_PERIOD is one piece of memory. Never freed.
 */
static inline const unsigned char *bench_pattern(void)
{
    static unsigned char *pattern;
    if (pattern != NULL)
        return pattern;
    pattern = malloc(2 * BENCH_PERIOD);
    if (pattern == NULL)
        bench_die("out of memory");
    uint64_t state = 0x9E3779B97F4A7C15ull;
    for (size_t i = 0; i < BENCH_PERIOD; i++)
        pattern[i] = bench_next_byte(&state);
    memcpy(pattern + BENCH_PERIOD, pattern, BENCH_PERIOD);
    return pattern;
}

/** Allow as many descriptors as the hard limit does, and end by SIGALRM after `seconds`. */
static inline void bench_limits(unsigned seconds)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    alarm(seconds);
}

/** The loopback address with a port. */
static inline struct sockaddr_in bench_loopback(uint64_t port)
{
    if (port > 65535)
        bench_die("%llu is not a port", (unsigned long long)port);
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return addr;
}

static inline int bench_epoll(void)
{
    int ep = epoll_create1(EPOLL_CLOEXEC);
    if (ep < 0)
        bench_die("epoll_create1: %s", strerror(errno));
    return ep;
}

/** Register or change `fd`; `op` is EPOLL_CTL_ADD or EPOLL_CTL_MOD. */
static inline void bench_watch(int ep, int op, int fd, uint32_t events, void *data)
{
    struct epoll_event event = {.events = events, .data.ptr = data};
    if (epoll_ctl(ep, op, fd, &event) < 0)
        bench_die("epoll_ctl: %s", strerror(errno));
}

static inline int bench_wait(int ep, struct epoll_event *events)
{
    int n = epoll_wait(ep, events, BENCH_EVENTS, -1);
    if (n < 0 && errno != EINTR)
        bench_die("epoll_wait: %s", strerror(errno));
    return n < 0 ? 0 : n;
}

static inline void *bench_alloc(size_t count, size_t size)
{
    void *p = calloc(count, size);
    if (p == NULL)
        bench_die("out of memory");
    return p;
}

/** Send without waiting and all at once: for messages that any socket buffer has room for. */
static inline void bench_send(int fd, const void *data, size_t len)
{
    ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
    if (n < 0)
        bench_die("send: %s", strerror(errno));
    if ((size_t)n != len)
        bench_die("send: only %zd of %zu bytes fit", n, len);
}

/** recv that knows three outcomes: bytes, 0 for "nothing yet", and death for errors; end is -1. */
static inline ssize_t bench_recv(int fd, void *data, size_t len)
{
    ssize_t n = recv(fd, data, len, 0);
    if (n > 0)
        return n;
    if (n == 0)
        return -1;
    if (errno == EAGAIN || errno == EINTR)
        return 0;
    bench_die("recv: %s", strerror(errno));
}

/** The message number `sequence` of connection `id`: unlike every other one, cheap to make. */
static inline void bench_message(void *out, size_t len, uint64_t id, uint64_t sequence)
{
    uint64_t head[2] = {id, sequence};
    memcpy(out, head, sizeof(head));
    memcpy((char *)out + sizeof(head), bench_pattern() + (id * 7919 + sequence) % BENCH_PERIOD,
           len - sizeof(head));
}

/** The JSON line that the driver reads: seconds of wall time, units done, own CPU seconds. */
static inline void bench_result(double started, uint64_t units, uint64_t trouble)
{
    printf("{\"seconds\": %.6f, \"units\": %llu, \"cpu\": %.3f, \"trouble\": %llu}\n",
           bench_now() - started, (unsigned long long)units, bench_cpu(),
           (unsigned long long)trouble);
    fflush(stdout);
}

#endif
