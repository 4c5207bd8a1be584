#include "core/transport/serial.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/runtime/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <termios.h>
#include <unistd.h>

struct serial_stream {
    struct gost_stream base;
    struct gost_watch watch;
    struct gost_waker *waker[2]; /* by enum gost_side */
    struct gost_timer quiet;     /* fires when it was silent for too long */
    uint64_t silence;
    bool ended;
    void (*on_close)(void *arg);
    void *arg;
};

/* What a text says. */
struct port {
    char name[256];
    speed_t speed;
    tcflag_t parity;
};

static struct serial_stream *self_of(struct gost_stream *s)
{
    return gost_container_of(s, struct serial_stream, base);
}

/* --- the stream ------------------------------------------------------------------------------- */

static void on_ready(struct gost_watch *w, uint8_t fresh)
{
    struct serial_stream *s = gost_container_of(w, struct serial_stream, watch);
    struct gost_waker *writer = s->waker[GOST_WRITER];
    if (fresh & (GOST_READABLE | GOST_HANGUP)) {
        w->ready |= GOST_READABLE;
        gost_waker_fire(s->waker[GOST_READER]);
    }
    if (fresh & GOST_WRITABLE)
        gost_waker_fire(writer);
}

static void on_quiet(struct gost_timer *t)
{
    struct serial_stream *s = gost_container_of(t, struct serial_stream, quiet);
    s->ended = true;
    gost_waker_fire(s->waker[GOST_READER]);
}

static void heard(struct serial_stream *s)
{
    if (s->silence > 0)
        gost_timer_start(&s->quiet, gost_now() + s->silence);
}

static ssize_t serial_read(struct gost_stream *base, void *buf, size_t n)
{
    struct serial_stream *s = self_of(base);
    ssize_t got;
    if (s->ended)
        return 0;
    if (!(s->watch.ready & GOST_READABLE))
        return GOST_WANT_READ;
    do {
        got = read(s->watch.fd, buf, n);
    } while (got < 0 && errno == EINTR);
    if (got > 0) {
        heard(s);
        return got;
    }
    if (got < 0 && errno == EAGAIN) {
        s->watch.ready &= (uint8_t)~GOST_READABLE;
        return GOST_WANT_READ;
    }
    if (got < 0 && errno != EIO) /* that is a port that was unplugged, or hung up */
        return gost_fail(-errno, "serial port: %s", gost_strerror(-errno));
    s->ended = true;
    return 0;
}

static ssize_t serial_writev(struct gost_stream *base, const struct iovec *iov, int count)
{
    struct serial_stream *s = self_of(base);
    ssize_t put;
    if (!(s->watch.ready & GOST_WRITABLE))
        return GOST_WANT_WRITE;
    do {
        put = writev(s->watch.fd, iov, count);
    } while (put < 0 && errno == EINTR);
    if (put > 0)
        return put;
    if (put < 0 && errno != EAGAIN)
        return gost_fail(-errno, "serial port: %s", gost_strerror(-errno));
    s->watch.ready &= (uint8_t)~GOST_WRITABLE;
    return GOST_WANT_WRITE;
}

/* A cable has no end. */
static int serial_shutdown(struct gost_stream *base)
{
    (void)base;
    return GOST_ENOTSUP;
}

static void serial_set_waker(struct gost_stream *base, enum gost_side side, struct gost_waker *w)
{
    self_of(base)->waker[side] = w;
}

static int serial_query(struct gost_stream *base, enum gost_query what, void *out)
{
    (void)base, (void)what, (void)out;
    return GOST_ENOTSUP;
}

static void serial_destroy(struct gost_stream *base)
{
    struct serial_stream *s = self_of(base);
    gost_timer_stop(&s->quiet);
    gost_watch_stop(&s->watch, true);
    if (s->on_close)
        s->on_close(s->arg);
    free(s);
}

static const struct gost_stream_ops serial_ops = {
    .name = "serial",
    .open = gost__pass_open,
    .read = serial_read,
    .writev = serial_writev,
    .flush = gost__pass_flush,
    .shutdown = serial_shutdown,
    .set_waker = serial_set_waker,
    .query = serial_query,
    .destroy = serial_destroy,
};

/* --- opening ---------------------------------------------------------------------------------- */

static bool find_speed(const char *text, size_t n, speed_t *out)
{
    static const struct {
        const char *text;
        speed_t speed;
    } speeds[] = {
        {"50", B50},           {"75", B75},           {"110", B110},         {"134", B134},
        {"150", B150},         {"200", B200},         {"300", B300},         {"600", B600},
        {"1200", B1200},       {"1800", B1800},       {"2400", B2400},       {"4800", B4800},
        {"9600", B9600},       {"19200", B19200},     {"38400", B38400},     {"57600", B57600},
        {"115200", B115200},   {"230400", B230400},   {"460800", B460800},   {"500000", B500000},
        {"576000", B576000},   {"921600", B921600},   {"1000000", B1000000}, {"1152000", B1152000},
        {"1500000", B1500000}, {"2000000", B2000000}, {"2500000", B2500000}, {"3000000", B3000000},
        {"3500000", B3500000}, {"4000000", B4000000},
    };
    for (size_t i = 0; i < sizeof(speeds) / sizeof(speeds[0]); i++)
        if (strlen(speeds[i].text) == n && memcmp(speeds[i].text, text, n) == 0) {
            *out = speeds[i].speed;
            return true;
        }
    return false;
}

static bool find_parity(const char *text, tcflag_t *out)
{
    static const struct {
        const char *word;
        tcflag_t flags;
    } words[] = {{"", 0},
                 {"n", 0},
                 {"none", 0},
                 {"o", PARENB | PARODD},
                 {"odd", PARENB | PARODD},
                 {"e", PARENB},
                 {"even", PARENB},
                 {"m", PARENB | PARODD | CMSPAR},
                 {"mark", PARENB | PARODD | CMSPAR},
                 {"s", PARENB | CMSPAR},
                 {"space", PARENB | CMSPAR}};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcasecmp(words[i].word, text) == 0) {
            *out = words[i].flags;
            return true;
        }
    return false;
}

static int parse(const char *text, struct port *out)
{
    size_t n = strcspn(text, ",");
    *out = (struct port){.speed = B9600};
    if (n == 0 || n >= sizeof(out->name))
        return gost_fail(GOST_ECONFIG, "\"%.64s\" names no serial port", text);
    memcpy(out->name, text, n);
    text += n + (text[n] == ',');
    n = strcspn(text, ",");
    if (n > 0 && !find_speed(text, n, &out->speed))
        return gost_fail(GOST_ECONFIG, "serial port: no rate of %.*s baud", (int)n, text);
    text += n + (text[n] == ',');
    if (!find_parity(text, &out->parity))
        return gost_fail(GOST_ECONFIG, "serial port: parity \"%.16s\", expected odd, even or none",
                         text);
    return 0;
}

int gost__serial_check(const char *text)
{
    struct port port;
    return parse(text, &port);
}

static int set_up(int fd, const struct port *port)
{
    struct termios t;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? -EBUSY : -errno;
    if (tcgetattr(fd, &t) != 0)
        return -errno;
    cfmakeraw(&t);
    t.c_cflag &= ~(tcflag_t)(CSIZE | CSTOPB | PARENB | PARODD | CMSPAR | CRTSCTS);
    t.c_cflag |= CS8 | CREAD | CLOCAL | port->parity;
    t.c_cc[VMIN] = 1;
    t.c_cc[VTIME] = 0;
    if (cfsetspeed(&t, port->speed) != 0 || tcsetattr(fd, TCSANOW, &t) != 0)
        return -errno;
    return 0;
}

int gost__serial_open(const char *text, uint64_t silence, struct gost_stream **out)
{
    struct port port;
    int rc = parse(text, &port);
    if (rc != 0)
        return rc;
    int fd = open(port.name, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    struct serial_stream *s = fd < 0 ? NULL : calloc(1, sizeof(*s));
    rc = fd < 0 ? -errno : !s ? GOST_ENOMEM : set_up(fd, &port);
    if (rc == 0)
        rc = gost_watch_start_for(&s->watch, fd, GOST_READABLE | GOST_WRITABLE, on_ready);
    if (rc != 0) {
        if (fd >= 0)
            close(fd);
        free(s);
        return gost_fail(rc, "serial port %s: %s", port.name, gost_strerror(rc));
    }
    s->watch.ready = GOST_READABLE | GOST_WRITABLE;
    s->silence = silence;
    gost_stream_create(&s->base, &serial_ops, NULL);
    gost_timer_create(&s->quiet, on_quiet);
    heard(s);
    *out = &s->base;
    return 0;
}

void gost__serial_on_close(struct gost_stream *s, void (*fn)(void *arg), void *arg)
{
    self_of(s)->on_close = fn;
    self_of(s)->arg = arg;
}
