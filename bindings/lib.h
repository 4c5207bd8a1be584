/**
 * What all bindings share: boxes around C objects, errors, and Lua threads of fibers.
 *
 * Rules: misuse raises; what the network or a peer can cause returns nil, message, code. A call that
 * may raise comes before anything is owned: first make the box, then fill it. Suspending calls go
 * through gostL_waiting, so that they work at the top level of a plain Lua program as well.
 */
#ifndef GOST_BINDINGS_LIB_H
#define GOST_BINDINGS_LIB_H

#include "core/base/addr.h"

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

struct gost_conn;
struct gost_stream;

/** Class names, which are also the names of the metatables. */
#define GOSTL_STREAM     "gost.Stream"
#define GOSTL_CONN       "gost.Conn"
#define GOSTL_FIBER      "gost.Fiber"
#define GOSTL_NODE       "gost.Node"
#define GOSTL_HOP        "gost.Hop"
#define GOSTL_CHAIN      "gost.Chain"
#define GOSTL_SERVICE    "gost.Service"
#define GOSTL_BYPASS     "gost.Bypass"
#define GOSTL_ADMISSION  "gost.Admission"
#define GOSTL_AUTHER     "gost.Auther"
#define GOSTL_HOSTS      "gost.Hosts"
#define GOSTL_INGRESS    "gost.Ingress"
#define GOSTL_SD         "gost.Sd"
#define GOSTL_RESOLVER   "gost.Resolver"
#define GOSTL_TRAFFIC    "gost.Traffic"
#define GOSTL_CONN_LIMIT "gost.ConnLimit"
#define GOSTL_RATE_LIMIT "gost.RateLimit"
#define GOSTL_DICT       "gost.Dict"
#define GOSTL_COUNTER    "gost.Counter"
#define GOSTL_BUCKET     "gost.Bucket"
#define GOSTL_CIDR_SET   "gost.CidrSet"
#define GOSTL_DOMAIN_SET "gost.DomainSet"

/* --- boxes ---------------------------------------------------------------------------------- */

/** Push a new box, empty: userdata with one pointer. @return where to put the object */
void **gostL_box(lua_State *L, const char *class);

/** The object in a box; raises when it is another kind or closed. */
void *gostL_check(lua_State *L, int index, const char *class);

/** The object, or NULL when the value is no box of that class or an empty one. */
void *gostL_test(lua_State *L, int index, const char *class);

/** Make a class: `methods` by __index, `meta` in the metatable itself. */
void gostL_class(lua_State *L, const char *class, const luaL_Reg *methods, const luaL_Reg *meta);

/** Push nil, the story, the stable code. @return 3 */
int gostL_fail(lua_State *L, int rc);

/* --- tables --------------------------------------------------------------------------------- */

/**
 * Push a field of a table without asking its metatable: for what a script's function has returned, where a
 * metamethod that raises would have nobody to catch it.
 * @return its type
 */
int gostL_rawfield(lua_State *L, int index, const char *key);

/** Text of a field, borrowed while the table holds it; NULL when it is nil. Raises on other types. */
const char *gostL_field_string(lua_State *L, int index, const char *key);

/** Number of a field, or `otherwise`. */
int64_t gostL_field_int(lua_State *L, int index, const char *key, int64_t otherwise);
double gostL_field_number(lua_State *L, int index, const char *key, double otherwise);
bool gostL_field_bool(lua_State *L, int index, const char *key, bool otherwise);

/**
 * Call `each` for the objects of a list in a field: boxes of one class.
 * @return how many; raises on a value of another kind, naming the key
 */
size_t gostL_field_boxes(lua_State *L, int index, const char *key, const char *class,
                         void (*each)(void *arg, void *object), void *arg);

/** Parse an address argument: "host:port". Raises when it is none. */
void gostL_check_addr(lua_State *L, int index, struct gost_addr *out, uint16_t default_port);

/** Seconds at `index` as an absolute deadline; nil: GOST_NEVER. */
uint64_t gostL_opt_deadline(lua_State *L, int index);

/* --- fibers --------------------------------------------------------------------------------- */

/** The main Lua state of this thread. */
lua_State *gostL_main(void);
void gostL_set_main(lua_State *L);

/** The Lua thread of the running fiber (made on first use), or the main state outside of fibers. */
lua_State *gostL_thread(void);

/**
 * Run the body of a suspending function. On a fiber: simply calls it. Outside: runs it on a new fiber
 * and turns the loop until it is done; an error is raised again on the caller's stack.
 */
int gostL_waiting(lua_State *L, lua_CFunction body);

/**
 * The object behind a script's value: our box itself, or what the table that wraps it (lua/gost/objects.lua)
 * has built. Replaces the value at the top of the stack.
 * @return 0, or GOST_EHOOK with diag when it cannot be built
 */
int gostL_unwrap(lua_State *L);

/** Message handler for lua_pcall: adds a traceback. */
int gostL_traceback(lua_State *L);

/** Remember the value on top of the stack. @return a registry reference; pops the value */
int gostL_ref(lua_State *L);
void gostL_unref(int ref);

/** How long hooks of this state may take, and how many instructions without a pause. */
struct gostL_budget {
    uint64_t wall_ms;
    int64_t instructions;
    size_t memory; /**< bytes of the whole state; 0: no limit */
};
extern _Thread_local struct gostL_budget gostL_default_budget;

/**
 * Call a function that lies below its `nargs` arguments on `L`, within a budget.
 * @return 0 with `nresults` on the stack, or GOST_EHOOK with the message (and traceback) logged and
 *         told by diag; the stack is clean then
 */
int gostL_call(lua_State *L, int nargs, int nresults, const char *what,
               const struct gostL_budget *budget);

/** Room for a stamp, with its NUL. */
#define GOSTL_STAMP_MAX 128

/** Text that changes when the file does; it is not opened. @return whether there is such a file */
bool gostL_file_stamp(const char *path, char text[static GOSTL_STAMP_MAX]);

/** Push the Lua object of a connection. */
void gostL_push_conn(lua_State *L, struct gost_conn *c);

/** Push a stream; the box owns it from now on. On raise the stream is closed. */
void gostL_push_stream(lua_State *L, struct gost_stream *s);

/* --- streams in use ------------------------------------------------------------------------- */

/** Is a fiber inside a call on this stream? */
bool gostL_stream_busy(const struct gost_stream *s);

/** Close a stream; calls that other fibers are in end with "canceled", and the last one closes it. */
void gostL_stream_release(struct gost_stream *s);

/** The stream of a conn at `index`; raises where it is not the script's to touch. */
struct gost_stream *gostL_conn_stream(lua_State *L, int index);

/** The conn on top of the stack is served by a script from now on (or no longer). */
void gostL_conn_own(lua_State *L, bool own);

/* --- what each file registers ------------------------------------------------------------- */

void gostL_open_fiber(lua_State *L);
void gostL_open_stream(lua_State *L);
void gostL_open_conn(lua_State *L);
void gostL_open_policy(lua_State *L);
void gostL_open_ingress(lua_State *L);
void gostL_open_sd(lua_State *L);
void gostL_open_limits(lua_State *L);
void gostL_open_node(lua_State *L);
void gostL_open_hop(lua_State *L);
void gostL_open_chain(lua_State *L);
void gostL_open_service(lua_State *L);
void gostL_open_options(lua_State *L);
void gostL_open_kinds(lua_State *L);
void gostL_open_shared(lua_State *L);
void gostL_open_system(lua_State *L);
void gostL_open_log(lua_State *L);
void gostL_open_process(lua_State *L);
void gostL_open_worker(lua_State *L);
void gostL_open_budget(lua_State *L);
void gostL_open_bucket(lua_State *L);
void gostL_open_sets(lua_State *L);
void gostL_open_file(lua_State *L);
void gostL_open_hash(lua_State *L);
void gostL_open_shape(lua_State *L);
void gostL_open_stream_tls(lua_State *L);
void gostL_open_redis(lua_State *L);
void gostL_open_policy_load(lua_State *L);

/** Modules of their own inside the same object. */
int luaopen_gost_yaml(lua_State *L);
int luaopen_gost_json(lua_State *L);

#endif
