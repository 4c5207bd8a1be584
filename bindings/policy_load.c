/*
 * Lists of policies that come from files, Redis and the web: parsed on the thread pool into an object of their own, which
 * then changes places with the one that connections ask. The worker's loop never waits for a long list.
 */
#include "bindings/lib.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/policy/admission.h"
#include "core/policy/auth.h"
#include "core/policy/bypass.h"
#include "core/policy/conn_limit.h"
#include "core/policy/hosts.h"
#include "core/policy/ingress.h"
#include "core/policy/lines.h"
#include "core/policy/rate_limit.h"
#include "core/policy/traffic.h"
#include "core/runtime/fiber.h"
#include "core/runtime/loop.h"

#include <stdlib.h>
#include <string.h>

enum { BAD_MAX = 10, BAD_TEXT = 240, NAMES_MAX = 1024 * 1024 };

/* --- the kinds of policies ---------------------------------------------------------------------- */

struct kind {
    const char *class;
    enum gost_comments comments;
    int (*add)(void *object, const char *line, size_t n);
    void *(*ref)(void *object);
    void (*unref)(void *object);
    void (*swap)(void *object, void *other);
    void (*settle)(void *object); /* do now what the first question would do; or NULL */
    void (*unread)(void *object, bool unread); /* or NULL */
    bool local; /* what it holds is counted by this thread: freed here, not on the pool */
};

/* Functions of one policy under the types of the table. */
#define ADAPT(name, type)                                                                          \
    static void *name##_ref(void *o)                                                               \
    {                                                                                              \
        return gost_##type##_ref(o);                                                               \
    }                                                                                              \
    static void name##_unref(void *o)                                                              \
    {                                                                                              \
        gost_##type##_unref(o);                                                                    \
    }                                                                                              \
    static void name##_swap(void *o, void *other)                                                  \
    {                                                                                              \
        gost_##type##_swap(o, other);                                                              \
    }

ADAPT(bypass, bypass)
ADAPT(admission, admission)
ADAPT(auther, auther)
ADAPT(hosts, hosts)
ADAPT(ingress, ingress)
ADAPT(traffic, traffic)
ADAPT(conns, conn_limit)
ADAPT(rate, rate_limit)

static int bypass_add(void *o, const char *line, size_t n)
{
    return gost_bypass_add(o, line, n);
}

static int admission_add(void *o, const char *line, size_t n)
{
    return gost_admission_add(o, line, n);
}

static int auther_add(void *o, const char *line, size_t n)
{
    const char *user;
    size_t user_len = gost_line_word(&line, &n, &user);
    return gost_auther_add(o, user, user_len, line, n);
}

static int hosts_add(void *o, const char *line, size_t n)
{
    return gost_hosts_load(o, line, n);
}

static int ingress_add(void *o, const char *line, size_t n)
{
    return gost_ingress_load(o, line, n);
}

static int traffic_add(void *o, const char *line, size_t n)
{
    return gost_traffic_add(o, line, n);
}

static int conns_add(void *o, const char *line, size_t n)
{
    return gost_conn_limit_add(o, line, n);
}

static int rate_add(void *o, const char *line, size_t n)
{
    return gost_rate_limit_add(o, line, n);
}

static void settle_cidrs(struct gost_cidrs *set)
{
    gost_cidrs_match(set, (struct gost_ip){0, 0}); /* puts it in order */
}

static void bypass_settle(void *o)
{
    settle_cidrs(&((struct gost_bypass *)o)->matcher.addresses);
}

static void admission_settle(void *o)
{
    settle_cidrs(&((struct gost_admission *)o)->sources);
}

static void bypass_unread(void *o, bool unread)
{
    ((struct gost_bypass *)o)->unread = unread;
}

static void admission_unread(void *o, bool unread)
{
    ((struct gost_admission *)o)->unread = unread;
}

static void traffic_unread(void *o, bool unread)
{
    (void)unread;
    ((struct gost_traffic *)o)->changes = true;
}

#define COMMON(name)                                                                               \
    .add = name##_add, .ref = name##_ref, .unref = name##_unref, .swap = name##_swap

static const struct kind kinds[] = {
    {GOSTL_BYPASS, COMMON(bypass), .settle = bypass_settle, .unread = bypass_unread},
    {GOSTL_ADMISSION, COMMON(admission), .settle = admission_settle, .unread = admission_unread},
    {GOSTL_AUTHER, COMMON(auther), .comments = GOST_COMMENTS_LINES},
    {GOSTL_HOSTS, COMMON(hosts)},
    {GOSTL_INGRESS, COMMON(ingress)},
    {GOSTL_TRAFFIC, COMMON(traffic), .unread = traffic_unread, .local = true},
    {GOSTL_CONN_LIMIT, COMMON(conns)},
    {GOSTL_RATE_LIMIT, COMMON(rate)},
};

static const struct kind *check_kind(lua_State *L, int index, void **object)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
        if ((*object = gostL_test(L, index, kinds[i].class)))
            return &kinds[i];
    luaL_argerror(L, index, "expected a policy");
    return NULL;
}

/* --- parsing -------------------------------------------------------------------------------------- */

struct bad_line {
    size_t number;
    char text[BAD_TEXT];
};

struct load {
    uv_work_t work;
    struct gost_fiber *waiter; /* NULL once it gave up */
    bool done;
    const struct kind *kind;
    void *object; /* with a reference, nobody else's until the work is done */
    bool pairs;   /* users and passwords as they are, each with its length before it */
    size_t bad_count;
    struct bad_line bad[BAD_MAX];
    char *names; /* that must be looked up, a line each */
    size_t names_len;
    size_t len;
    char text[];
};

static void note_bad(struct load *l, size_t number, int rc)
{
    if (l->bad_count < BAD_MAX) {
        struct bad_line *bad = &l->bad[l->bad_count];
        const char *story = gost_diag_text(rc);
        if (strncmp(story, "line 1: ", 8) == 0) /* of a loader that was given one line alone */
            story += 8;
        bad->number = number;
        strncpy(bad->text, story, sizeof(bad->text) - 1);
    }
    l->bad_count++;
}

static int note_name(struct load *l, const char *name, size_t n)
{
    if (l->names_len + n + 1 > NAMES_MAX)
        return gost_fail(GOST_ELIMIT, "too many names to look up");
    char *grown = realloc(l->names, l->names_len + n + 1);
    if (!grown)
        return gost_fail_code(GOST_ENOMEM);
    memcpy(grown + l->names_len, name, n);
    grown[l->names_len + n] = '\n';
    l->names = grown;
    l->names_len += n + 1;
    return 0;
}

static void load_lines(struct load *l)
{
    struct gost_lines lines = {
        .text = l->text, .end = l->text + l->len, .comments = l->kind->comments};
    size_t n;
    for (const char *line; (line = gost_lines_next(&lines, &n));) {
        int rc = l->kind->add(l->object, line, n);
        if (rc == GOST_MATCHER_NAME)
            rc = note_name(l, line, n);
        if (rc != 0)
            note_bad(l, lines.number, rc);
    }
}

/* Cut a string with its length before it (string.pack "<s4") off. */
static bool take_string(const char **p, size_t *left, const char **text, size_t *n)
{
    uint32_t len;
    if (*left < sizeof(len))
        return false;
    memcpy(&len, *p, sizeof(len));
    if (len > *left - sizeof(len))
        return false;
    *text = *p + sizeof(len);
    *n = len;
    *p += sizeof(len) + len;
    *left -= sizeof(len) + len;
    return true;
}

static void load_pairs(struct load *l)
{
    const char *p = l->text, *user, *password;
    size_t left = l->len, user_len, password_len, number = 0;
    while (take_string(&p, &left, &user, &user_len) &&
           take_string(&p, &left, &password, &password_len)) {
        number++;
        int rc = gost_auther_add(l->object, user, user_len, password, password_len);
        if (rc != 0)
            note_bad(l, number, rc);
    }
}

/* On a thread of the pool. */
static void load_work(uv_work_t *w)
{
    struct load *l = gost_container_of(w, struct load, work);
    if (l->pairs)
        load_pairs(l);
    else
        load_lines(l);
    if (l->kind->settle)
        l->kind->settle(l->object);
}

static void load_free(struct load *l)
{
    l->kind->unref(l->object);
    explicit_bzero(l->text, l->len); /* may hold passwords */
    free(l->names);
    free(l);
}

static void load_worked(uv_work_t *w, int status)
{
    struct load *l = gost_container_of(w, struct load, work);
    (void)status;
    l->done = true;
    if (l->waiter)
        gost_fiber_wake(l->waiter);
    else
        load_free(l);
}

static void push_bad(lua_State *L, const struct load *l)
{
    lua_createtable(L, BAD_MAX, 1);
    lua_pushinteger(L, (lua_Integer)l->bad_count);
    lua_setfield(L, -2, "count");
    for (size_t i = 0; i < l->bad_count && i < BAD_MAX; i++) {
        lua_createtable(L, 0, 2);
        lua_pushinteger(L, (lua_Integer)l->bad[i].number);
        lua_setfield(L, -2, "line");
        lua_pushstring(L, l->bad[i].text);
        lua_setfield(L, -2, "message");
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

static struct load *load_new(lua_State *L)
{
    void *object;
    size_t n;
    const struct kind *kind = check_kind(L, 1, &object);
    const char *text = luaL_checklstring(L, 2, &n);
    bool pairs = lua_toboolean(L, 3);
    luaL_argcheck(L, !pairs || strcmp(kind->class, GOSTL_AUTHER) == 0, 3, "pairs are for authers");
    struct load *l = calloc(1, sizeof(*l) + n + 1);
    if (!l)
        luaL_error(L, "not enough memory");
    l->kind = kind;
    l->object = kind->ref(object);
    l->pairs = pairs;
    l->len = n;
    memcpy(l->text, text, n);
    l->waiter = gost_fiber_self();
    return l;
}

/*
 * core.policy_load(policy, text [, pairs]) -> {count=, {line=, message=}…}, names | nil, message, code
 * Adds the lines of `text` to a policy that nobody asks yet; bad ones are told, the rest applies. `names`: what an
 * admission has to have looked up, a line each. Suspends.
 */
static int load_body(lua_State *L)
{
    struct load *l = load_new(L);
    int rc = uv_queue_work(gost_loop_uv(gost_loop_self()), &l->work, load_work, load_worked);
    if (rc != 0) {
        load_free(l);
        return gostL_fail(L, rc);
    }
    while (rc == 0 && !l->done)
        rc = gost_fiber_wait(GOST_NEVER);
    if (!l->done) {
        l->waiter = NULL; /* the pool still works on it, and frees it */
        return gostL_fail(L, rc);
    }
    push_bad(L, l);
    lua_pushlstring(L, l->names ? l->names : "", l->names_len);
    load_free(l);
    return 2;
}

static int l_load(lua_State *L)
{
    return gostL_waiting(L, load_body);
}

/* --- changing places ------------------------------------------------------------------------------- */

struct drop {
    uv_work_t work;
    const struct kind *kind;
    void *object;
};

static void drop_work(uv_work_t *w)
{
    struct drop *d = gost_container_of(w, struct drop, work);
    d->kind->unref(d->object);
}

static void drop_worked(uv_work_t *w, int status)
{
    struct drop *d = gost_container_of(w, struct drop, work);
    if (status != 0)
        d->kind->unref(d->object);
    free(d);
}

/* A long list takes its time to be freed, too. */
static void drop(const struct kind *kind, void *object)
{
    struct drop *d = kind->local ? NULL : malloc(sizeof(*d));
    if (d) {
        *d = (struct drop){.kind = kind, .object = object};
        if (uv_queue_work(gost_loop_uv(gost_loop_self()), &d->work, drop_work, drop_worked) == 0)
            return;
        free(d);
    }
    kind->unref(object);
}

/* core.policy_swap(policy, other, unread): it has the list of `other` from now on, whose box is empty then */
static int l_swap(lua_State *L)
{
    void *object, *other;
    const struct kind *kind = check_kind(L, 1, &object);
    luaL_argcheck(L, check_kind(L, 2, &other) == kind && other != object, 2,
                  "expected another policy of that kind");
    kind->swap(object, other);
    if (kind->unread)
        kind->unread(object, lua_toboolean(L, 3));
    void **box = lua_touserdata(L, 2);
    *box = NULL;
    drop(kind, other);
    return 0;
}

/* core.policy_unread(policy): its list has not been read yet */
static int l_unread(lua_State *L)
{
    void *object;
    const struct kind *kind = check_kind(L, 1, &object);
    if (kind->unread)
        kind->unread(object, true);
    return 0;
}

void gostL_open_policy_load(lua_State *L)
{
    static const luaL_Reg module[] = {
        {"policy_load", l_load}, {"policy_swap", l_swap}, {"policy_unread", l_unread}, {NULL, NULL}};
    luaL_setfuncs(L, module, 0);
}
