/*
 * The session: its birth, its task, and its death.
 */
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/base/map.h"
#include "core/net/linger.h"
#include "core/net/socket.h"
#include "core/transport/mux_int.h"

#include <stdlib.h>
#include <string.h>

static _Thread_local struct gost_list sessions; /* of this thread */

void *gost_mux_user(const struct gost_mux *m)
{
    return m->user;
}

size_t gost_mux_count(const struct gost_mux *m)
{
    return m->live;
}

int gost_mux_error(const struct gost_mux *m)
{
    if (m->rc == 0)
        return 0;
    return gost_fail(m->rc, "%s session: %s", m->protocol->name,
                     m->story ? m->story : gost_strerror(m->rc));
}

int gost_mux_query(struct gost_mux *m, enum gost_query what, void *out)
{
    return m->io ? gost_stream_query(m->io, what, out) : GOST_ENOTSUP;
}

void gost__mux_post(struct gost_mux *m)
{
    gost_task_post(&m->task);
}

/* --- death -------------------------------------------------------------------------------- */

/* Without a word to the diag: it may hold the story of why somebody closes all this. */
static void die_of(struct gost_mux *m, int rc, const char *story)
{
    if (m->rc != 0)
        return;
    m->rc = rc;
    m->story = strdup(story);
    gost__mux_post(m);
}

int gost__mux_die(struct gost_mux *m, int rc)
{
    die_of(m, rc, gost_diag_text(rc));
    return gost_mux_error(m);
}

static void mux_free(struct gost_mux *m)
{
    gost_list_remove(&m->all);
    gost_task_cancel(&m->task);
    gost_timer_stop(&m->timer);
    free(m->story);
    free(m);
}

void gost__mux_settle_up(struct gost_mux *m)
{
    if (m->buried && !m->owned && m->count == 0 && !m->busy)
        mux_free(m);
}

/* Let go of the carrier. */
static void drop_carrier(struct gost_mux *m)
{
    gost_stream_set_waker(m->io, GOST_READER, NULL);
    gost_stream_set_waker(m->io, GOST_WRITER, NULL);
    if (m->out.len > 0 && !m->blocked) /* a protocol's last word, or what nobody could wait for */
        gost_stream_write(m->io, m->out.data, m->out.len);
    gost_buf_destroy(&m->out);
    if (m->rc == GOST_ECANCELED || m->rc == GOST_EPROTO)
        gost_stream_linger(&m->io); /* or its unread bytes would destroy what was just sent */
    gost_stream_close(m->io);
    m->io = NULL;
}

/* Streams that no user holds go at once; the others hear of it. */
static void end_streams(struct gost_mux *m)
{
    struct gost__mux_stream *s, *next = NULL;
    uint32_t at = 0;
    while (!gost_list_empty(&m->accepted))
        gost__mux_stream_free(gost_container_of(m->accepted.next, struct gost__mux_stream, wait));
    m->accepted_count = 0;
    while ((s = gost__mux_each(m, &at, &next))) {
        gost__mux_yield_turn(s);
        gost_list_remove(&s->wait);
        if (s->closed)
            gost__mux_stream_free(s);
        else
            gost__mux_stream_wake(s, true, true);
    }
    gost__mux_wake_due(m);
}

/* The session is dead: free what it has, tell everybody. */
static void bury(struct gost_mux *m)
{
    if (m->buried)
        return;
    m->buried = true;
    drop_carrier(m);
    m->paused = true; /* nothing is to be read, and no clock runs */
    end_streams(m);
    gost_task_cancel(&m->task);
    gost_timer_stop(&m->timer);
    if (m->owned && m->events->on_end)
        m->events->on_end(m);
}

/* End a session from outside of its own code. */
static void end_now(struct gost_mux *m)
{
    if (m->busy) {
        gost__mux_post(m);
        return;
    }
    m->busy = true;
    bury(m);
    m->busy = false;
    gost__mux_settle_up(m);
}

void gost_mux_close(struct gost_mux *m)
{
    m->owned = false;
    die_of(m, GOST_ECANCELED, "closed");
    end_now(m);
}

/* --- letting go --------------------------------------------------------------------------- */

/* Nobody holds the session or a stream of it, and all is sent: it may end. */
static bool is_finished(const struct gost_mux *m)
{
    return m->rc == 0 && !m->owned && m->live == 0 && m->out.len == 0 && !m->below_holds;
}

void gost__mux_finish(struct gost_mux *m)
{
    die_of(m, GOST_ECANCELED, "no longer needed");
}

void gost_mux_release(struct gost_mux *m)
{
    m->owned = false;
    if (m->rc == 0 && m->protocol->farewell)
        m->protocol->farewell(m);
    if (is_finished(m))
        gost__mux_finish(m);
    if (m->rc != 0) {
        end_now(m);
        return;
    }
    m->farewell_at = gost_now() + GOST__MUX_FAREWELL_MS;
    gost__mux_arm(m);
    gost__mux_post(m);
}

static struct gost_mux *first_released(void)
{
    gost_list_each(link, &sessions)
    {
        struct gost_mux *m = gost_container_of(link, struct gost_mux, all);
        if (!m->owned && !m->buried)
            return m;
    }
    return NULL;
}

/* From the start after each: one may carry another, and go with it. */
void gost_mux_cleanup(void)
{
    struct gost_mux *m;
    while (sessions.next && (m = first_released()))
        gost_mux_close(m);
}

/* --- the work ----------------------------------------------------------------------------- */

static void send_due(struct gost_mux *m)
{
    if (m->blocked || m->rc != 0)
        return;
    gost__mux_flush(m);
    if (!m->blocked && m->rc == 0)
        gost__mux_serve(m);
    if (!m->blocked && m->rc == 0 && m->out.len > 0)
        gost__mux_flush(m);
}

static void on_task(struct gost_task *t)
{
    struct gost_mux *m = gost_container_of(t, struct gost_mux, task);
    m->busy = true;
    if (m->rc == 0 && m->accepted_count > 0)
        gost__mux_deliver(m);
    gost__mux_wake_due(m);
    if (m->rc == 0 && m->rx_due)
        gost__mux_receive(m);
    gost__mux_open_waiting(m);
    send_due(m);
    if (m->rc == 0 && m->idle_due && m->live == 0) {
        m->idle_due = false;
        m->farewell_at = gost_now() + GOST__MUX_FAREWELL_MS;
        gost__mux_arm(m);
        if (m->owned && m->events->on_idle)
            m->events->on_idle(m);
    }
    if (is_finished(m))
        gost__mux_finish(m);
    if (m->rc != 0)
        bury(m);
    m->busy = false;
    gost__mux_settle_up(m);
}

static void on_readable(struct gost_waker *w)
{
    struct gost_mux *m = gost_container_of(w, struct gost_mux, below[GOST_READER]);
    m->rx_due = true;
    if (m->tx_wants_read) {
        m->tx_wants_read = m->blocked = false;
    }
    gost__mux_post(m);
}

static void on_writable(struct gost_waker *w)
{
    struct gost_mux *m = gost_container_of(w, struct gost_mux, below[GOST_WRITER]);
    if (m->rx_wants_write) {
        m->rx_wants_write = false;
        m->rx_due = true;
    }
    m->blocked = m->tx_wants_read = false;
    gost__mux_post(m);
}

/* --- birth -------------------------------------------------------------------------------- */

static void set_up(struct gost_mux *m, bool client)
{
    gost_list_create(&m->accepted);
    gost_list_create(&m->unopened);
    gost_list_create(&m->due);
    gost_list_create(&m->waiters);
    gost_list_create(&m->ahead);
    gost_buf_create(&m->out, GOST__MUX_OUT_MAX);
    gost_task_create(&m->task, on_task);
    gost_timer_create(&m->timer, gost__mux_on_timer);
    m->below[GOST_READER].fn = on_readable;
    m->below[GOST_WRITER].fn = on_writable;
    m->client = client;
    m->next_id = m->protocol->first_id[client];
    m->key = gost_hash(&m, sizeof(m)) | 1;
    m->quota = m->max_frame;
    m->heard_at = m->measured_at = gost_now();
    m->ping_at = m->heard_at + m->interval;
    m->sweep_at = GOST_NEVER;
    m->watch_at = GOST_NEVER;
    m->owned = true;
    m->rx_due = true; /* bytes may have been pushed back, or come before our wakers were set */
}

int gost_mux_new(struct gost_stream **io, const struct gost_mux_options *o, bool client,
                 const struct gost_mux_events *events, void *user, struct gost_mux **out)
{
    int rc = gost_mux_options_check(o);
    if (rc != 0)
        return rc;
    struct gost_mux *m = calloc(1, sizeof(*m));
    if (!m)
        return gost_fail_code(GOST_ENOMEM);
    gost__mux_apply(m, o);
    set_up(m, client);
    m->events = events;
    m->user = user;
    m->io = *io;
    *io = NULL;
    if (!sessions.next)
        gost_list_create(&sessions);
    gost_list_add(&sessions, &m->all);
    gost_stream_set_waker(m->io, GOST_READER, &m->below[GOST_READER]);
    gost_stream_set_waker(m->io, GOST_WRITER, &m->below[GOST_WRITER]);
    gost__mux_arm(m);
    gost__mux_post(m);
    *out = m;
    return 0;
}

/* --- opening ------------------------------------------------------------------------------ */

/* @return the next number of ours that is free, 0 when they are used up */
static uint32_t take_id(struct gost_mux *m)
{
    uint32_t id = m->next_id;
    while (id != 0 && gost__mux_find(m, id))
        id = id < UINT32_MAX - 2 ? id + 2 : 0;
    m->next_id = id != 0 && id < UINT32_MAX - 2 ? id + 2 : 0;
    return id;
}

void gost__mux_open_waiting(struct gost_mux *m)
{
    struct gost_list *link;
    while (m->rc == 0 && m->unanswered < GOST__MUX_UNANSWERED &&
           (link = gost_list_shift(&m->unopened))) {
        struct gost__mux_stream *s = gost_container_of(link, struct gost__mux_stream, wait);
        s->unopened = false;
        m->protocol->open(s);
        if (s->first)
            gost__mux_send_first(s, s->first, s->first_len);
        free(s->first);
        s->first = NULL;
        if (s->starved)
            gost__mux_set_credit(s, s->credit);
    }
}

int gost_mux_open(struct gost_mux *m, struct gost_stream **out)
{
    return gost_mux_open_with(m, NULL, 0, out);
}

/* Keep the first bytes of a stream until the peer may hear of it. @return 0 or GOST_ENOMEM */
static int keep_first(struct gost__mux_stream *s, const void *first, size_t n)
{
    if (n == 0)
        return 0;
    s->first = malloc(n);
    if (!s->first)
        return gost_fail_code(GOST_ENOMEM);
    memcpy(s->first, first, n);
    s->first_len = (uint32_t)n;
    return 0;
}

int gost_mux_open_with(struct gost_mux *m, const void *first, size_t n, struct gost_stream **out)
{
    if (m->rc != 0)
        return gost_mux_error(m);
    if (m->peer_is_done)
        return gost_fail(GOST_EOF, "the peer takes no new streams in this session");
    if (gost__mux_is_suspect(m))
        return gost_fail(GOST_ETIMEDOUT, "the session's peer does not answer");
    if (m->count >= GOST_MUX_STREAMS_MAX)
        return gost_fail(GOST_ELIMIT, "too many streams in this session (%u)", (unsigned)m->count);
    if (n > GOST_MUX_FIRST_MAX || m->out.len >= GOST__MUX_REPLY_MAX)
        return gost_fail(GOST_ELIMIT, "the session's peer takes too little at the moment");
    uint32_t id = take_id(m);
    if (id == 0)
        return gost_fail(GOST_ELIMIT, "the session has used up its stream numbers");
    struct gost__mux_stream *s = gost__mux_stream_new(m, id);
    if (!s)
        return GOST_ENOMEM;
    if (keep_first(s, first, n) != 0) {
        gost__mux_stream_free(s);
        return GOST_ENOMEM;
    }
    gost__mux_count_live(m, 1);
    m->idle_due = false;
    gost__mux_watch_quiet(m);
    s->unopened = true;
    gost_list_add(&m->unopened, &s->wait);
    gost__mux_open_waiting(m);
    *out = &s->base;
    return 0;
}
