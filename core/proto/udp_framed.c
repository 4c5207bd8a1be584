#include "core/proto/udp_framed.h"

#include "core/base/buf.h"
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/codec/bytes.h"

#include <stdlib.h>
#include <string.h>

enum {
    READ_MAX = 128 * 1024, /* at once */
    SEND_RUN = 16,         /* frames that are written at once */
    PARTS = 3,             /* of a frame: its head, the datagram's head, the data */
    MARK = 0xff,           /* the third byte of a tunnel's frames */
    FRAME_MAX = 3 + GOST__UDP_ADDR_MAX + 65535,
    NAMES = GOST_BATCH_MAX,
};

struct framed {
    struct gost_packet base;
    struct gost_stream *io;
    enum gost__udp_framing framing;
    struct gost_buf in;       /* a frame that is not complete yet, or frames that found no place */
    struct gost_buf out;      /* the rest of a frame that was written in part */
    bool ended;               /* the stream did */
    struct gost_addr *target; /* owned, or NULL */
    union gost_sockaddr target_addr; /* the same, when it is an IP address */
};

static struct framed *self_of(struct gost_packet *p)
{
    return gost_container_of(p, struct framed, base);
}

/* --- receiving -------------------------------------------------------------------------------- */

/* What one frame holds. */
struct frame {
    const uint8_t *data;
    size_t len;
    union gost_sockaddr *addr;
    struct gost_addr *name;
};

/* @return bytes of the whole frame, 0: incomplete, or GOST_EPROTO */
static ssize_t take_frame(const struct framed *f, const uint8_t *p, size_t n, struct frame *out)
{
    size_t head = 2;
    if (n < 2)
        return 0;
    out->len = gost__get16(p);
    if (f->framing == GOST__UDP_TUNNEL) {
        ssize_t used = n < 4 ? 0 : gost__udp_addr_get(p + 3, n - 3, out->addr, out->name);
        if (used <= 0)
            return used;
        head = 3 + (size_t)used;
    }
    if (n < head + out->len)
        return 0;
    out->data = p + head;
    return (ssize_t)(head + out->len);
}

/* Is it from somebody whom we did not speak to? */
static bool is_stranger(const struct framed *f, const struct frame *frame)
{
    return f->target && f->target_addr.sa.sa_family != AF_UNSPEC &&
           frame->addr->sa.sa_family != AF_UNSPEC &&
           !gost_sockaddr_equal(frame->addr, &f->target_addr);
}

/* Names are rare; the memory for them is the batch's. */
static struct gost_addr *name_room(struct gost_batch *b)
{
    if (!b->name)
        b->name = malloc(NAMES * sizeof(*b->name));
    return b->name;
}

/*
 * Turn complete frames at `p` into datagrams.
 * @param[out] used  bytes of them
 * @return how many, or GOST_EPROTO
 */
static int take_frames(struct framed *f, struct gost_batch *b, uint8_t *p, size_t n, size_t *used)
{
    struct gost_addr *names = f->framing == GOST__UDP_TUNNEL ? name_room(b) : NULL;
    int count = 0;
    *used = 0;
    if (f->framing == GOST__UDP_TUNNEL && !names)
        return gost_fail_code(GOST_ENOMEM);
    while (count < GOST_BATCH_MAX) {
        struct frame frame = {.addr = &b->addr[count], .name = names ? &names[count] : NULL};
        ssize_t size = take_frame(f, p + *used, n - *used, &frame);
        if (size <= 0)
            return size == 0 || count > 0 ? count : gost_fail_at((int)size, "udp frame");
        *used += (size_t)size;
        if (f->framing == GOST__UDP_TUNNEL && is_stranger(f, &frame)) {
            f->base.dropped++;
            continue;
        }
        struct gost_datagram *d = &b->d[count++];
        *d = (struct gost_datagram){.data = (uint8_t *)frame.data, .len = (uint32_t)frame.len};
        if (f->framing == GOST__UDP_TUNNEL && !f->target) {
            bool named = frame.addr->sa.sa_family == AF_UNSPEC;
            d->addr = named ? NULL : frame.addr;
            d->name = named ? frame.name : NULL;
        }
    }
    return count;
}

static int keep_input(struct framed *f, const uint8_t *p, size_t n)
{
    gost_buf_destroy(&f->in);
    return n > 0 ? gost_buf_append(&f->in, p, n) : 0;
}

/* What came before lies at the front of the room again. @return its length */
static size_t restore_input(struct framed *f, uint8_t *room)
{
    size_t n = f->in.len;
    if (n > 0)
        memcpy(room, f->in.data, n);
    return n;
}

/* @return bytes in the room, or what the stream answers when there is nothing new */
static ssize_t fill(struct framed *f, uint8_t *room, size_t have)
{
    ssize_t got = f->ended ? 0 : gost_stream_read(f->io, room + have, READ_MAX);
    if (got == 0)
        f->ended = true;
    return got;
}

static int framed_recv(struct gost_packet *p, struct gost_batch *b)
{
    struct framed *f = self_of(p);
    uint8_t *room = b->room;
    size_t have = restore_input(f, room), used = 0;
    int count = have > 0 ? take_frames(f, b, room, have, &used) : 0;
    while (count == 0) {
        have -= used; /* frames of strangers */
        memmove(room, room + used, have);
        ssize_t got = fill(f, room, have);
        if (got <= 0) {
            int rc = keep_input(f, room, have);
            return rc != 0 ? rc : (int)got;
        }
        have += (size_t)got;
        count = take_frames(f, b, room, have, &used);
    }
    if (count < 0)
        return count;
    int rc = keep_input(f, room + used, have - used);
    return rc != 0 ? rc : count;
}

/* --- sending ---------------------------------------------------------------------------------- */

/* Frames that are on their way into one write. */
struct run {
    struct iovec iov[PARTS * SEND_RUN];
    uint8_t head[SEND_RUN][3 + 1 + 16 + 2]; /* with an IP address; names go alone */
    int first[SEND_RUN + 1];                /* its part in `iov`, and behind the last one */
    size_t size[SEND_RUN];
    int taken[SEND_RUN]; /* datagrams up to and with this frame: some are dropped */
    int count;
};

/* @return length of the frame's head, 0 when the datagram cannot be framed */
static size_t put_head(const struct framed *f, const struct gost_datagram *d, uint8_t *head)
{
    struct gost_datagram to = *d;
    size_t len = (size_t)d->head_len + d->len;
    if (len > 65535)
        return 0;
    gost__put16(head, (uint16_t)len);
    if (f->framing == GOST__UDP_RELAY)
        return 2;
    if (len == 0) /* a GOST would wait for bytes then */
        return 0;
    if (f->target) {
        to.addr = f->target_addr.sa.sa_family != AF_UNSPEC ? &f->target_addr : NULL;
        to.name = f->target;
    }
    head[2] = MARK;
    size_t n = gost__udp_addr_put(head + 3, &to);
    return n > 0 ? 3 + n : 0;
}

static bool has_long_head(const struct framed *f, const struct gost_datagram *d)
{
    return f->framing == GOST__UDP_TUNNEL && !d->addr &&
           !(f->target && f->target_addr.sa.sa_family != AF_UNSPEC);
}

static void add_frame(struct run *r, const struct gost_datagram *d, uint8_t *head, size_t head_len,
                      int taken)
{
    int i = r->count++;
    int n = i > 0 ? r->first[i] : 0;
    r->first[i] = n;
    r->iov[n++] = (struct iovec){head, head_len};
    if (d->head_len > 0)
        r->iov[n++] = (struct iovec){(void *)d->head, d->head_len};
    if (d->len > 0)
        r->iov[n++] = (struct iovec){d->data, d->len};
    r->first[i + 1] = n;
    r->size[i] = head_len + d->head_len + d->len;
    r->taken[i] = taken;
}

/* Write frames; what of the last one does not fit is kept. @return datagrams taken, or a code */
static int write_run(struct framed *f, const struct run *r)
{
    ssize_t put = gost_stream_writev(f->io, r->iov, r->first[r->count]);
    size_t left = put > 0 ? (size_t)put : 0;
    if (put < 0)
        return (int)put;
    for (int i = 0; i < r->count; i++) {
        if (left >= r->size[i]) {
            left -= r->size[i];
            continue;
        }
        if (left == 0)
            return i > 0 ? r->taken[i - 1] : GOST_WANT_WRITE;
        int rc = 0;
        for (int k = r->first[i]; k < r->first[i + 1] && rc == 0; k++) {
            size_t skip = left < r->iov[k].iov_len ? left : r->iov[k].iov_len;
            rc = gost_buf_append(&f->out, (uint8_t *)r->iov[k].iov_base + skip,
                                 r->iov[k].iov_len - skip);
            left -= skip;
        }
        return rc != 0 ? rc : r->taken[i];
    }
    return r->taken[r->count - 1];
}

/* A frame with a name in front. @return 1, or a code */
static int write_named(struct framed *f, const struct gost_datagram *d)
{
    uint8_t head[3 + GOST__UDP_ADDR_MAX];
    struct run r; /* its own heads stay unused */
    size_t n = put_head(f, d, head);
    r.count = 0;
    if (n == 0) {
        f->base.dropped++;
        return 1;
    }
    add_frame(&r, d, head, n, 1);
    return write_run(f, &r);
}

static int flush(struct framed *f)
{
    while (f->out.len > 0) {
        ssize_t n = gost_stream_write(f->io, f->out.data, f->out.len);
        if (n < 0)
            return (int)n;
        gost_buf_consume(&f->out, (size_t)n);
    }
    gost_buf_destroy(&f->out);
    return gost_stream_flush(f->io);
}

/* One write's worth. @return datagrams taken, or a code */
static int send_run(struct framed *f, const struct gost_datagram *d, int count)
{
    struct run r;
    int i = 0;
    r.count = 0;
    for (; i < count && r.count < SEND_RUN && !has_long_head(f, &d[i]); i++) {
        size_t n = put_head(f, &d[i], r.head[r.count]);
        if (n > 0)
            add_frame(&r, &d[i], r.head[r.count], n, i + 1);
        else
            f->base.dropped++;
    }
    if (i == 0)
        return write_named(f, d);
    if (r.count == 0)
        return i;
    int taken = write_run(f, &r);
    return taken == r.taken[r.count - 1] ? i : taken;
}

static int framed_send(struct gost_packet *p, const struct gost_datagram *d, int count)
{
    struct framed *f = self_of(p);
    int done = 0, rc = flush(f);
    if (rc != 0)
        return rc;
    while (done < count && f->out.len == 0) {
        int n = send_run(f, d + done, count - done);
        if (n < 0)
            return done > 0 && gost_is_want(n) ? done : n;
        done += n;
    }
    rc = flush(f); /* and what the layers below hold */
    return rc != 0 && !gost_is_want(rc) ? rc : done;
}

/* --- the packet ------------------------------------------------------------------------------- */

static void framed_set_waker(struct gost_packet *p, enum gost_side side, struct gost_waker *w)
{
    gost_stream_set_waker(self_of(p)->io, side, w);
}

static int framed_query(struct gost_packet *p, enum gost_query what, void *out)
{
    return gost_stream_query(self_of(p)->io, what, out);
}

static void framed_destroy(struct gost_packet *p)
{
    struct framed *f = self_of(p);
    gost_stream_close(f->io);
    gost_buf_destroy(&f->in);
    gost_buf_destroy(&f->out);
    free(f->target);
    free(f);
}

static const struct gost_packet_ops framed_ops = {
    .name = "udp framed",
    .recv = framed_recv,
    .send = framed_send,
    .set_waker = framed_set_waker,
    .query = framed_query,
    .destroy = framed_destroy,
};

int gost__udp_framed_new(struct gost_stream **io, enum gost__udp_framing framing,
                         const struct gost_addr *target, struct gost_packet **out)
{
    struct framed *f = calloc(1, sizeof(*f));
    if (f && target)
        f->target = malloc(sizeof(*target));
    if (!f || (target && !f->target)) {
        free(f);
        return gost_fail_code(GOST_ENOMEM);
    }
    if (target) {
        *f->target = *target;
        if (gost_ip_parse(target->host, target->port, &f->target_addr) == 0)
            f->target_addr.sa.sa_family = AF_UNSPEC;
        gost_sockaddr_unmap(&f->target_addr);
    }
    f->base.ops = &framed_ops;
    f->io = *io;
    f->framing = framing;
    gost_buf_create(&f->in, READ_MAX + 2 * FRAME_MAX);
    gost_buf_create(&f->out, 2 * FRAME_MAX);
    *io = NULL;
    *out = &f->base;
    return 0;
}
