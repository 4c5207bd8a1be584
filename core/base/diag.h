/**
 * The story of the last failure: "dial node-0 (10.0.0.1:8443): tls: certificate has expired".
 *
 * A failing function sets the innermost words; every layer that passes the code upward puts its own
 * words in front, once. The text belongs to the running fiber (or, outside of fibers, to the
 * thread); whoever reports it reads it before anything else runs.
 */
#ifndef GOST_BASE_DIAG_H
#define GOST_BASE_DIAG_H

enum { GOST_DIAG_MAX = 512 }; /**< bytes with the final NUL; longer stories lose their tail */

struct gost_diag {
    int code; /**< the code of the failure, 0 when none was set */
    char text[GOST_DIAG_MAX];
};

/**
 * Start a new story.
 * @param code  what the caller is about to return; returned unchanged: `return gost_fail(rc, "…")`
 */
int gost_fail(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** Like gost_fail with the code's own text (gost_strerror). */
int gost_fail_code(int code);

/** Put "<words>: " before the story. @return code, unchanged. */
int gost_fail_at(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * @param code  the code at hand; if the story at hand belongs to another code, the code's own text
 *              is given instead, so that a stale story is never told
 * @return the words; valid until the next failure on this fiber
 */
const char *gost_diag_text(int code);

/** The diag that gost_fail writes to; the fiber switch sets it. */
extern _Thread_local struct gost_diag *gost__diag_self;

#endif
