/**
 * What a forwarder's node wants done to HTTP on its way: GOST's `http` settings of a node.
 */
#ifndef GOST_PROTO_TREATMENT_H
#define GOST_PROTO_TREATMENT_H

#include "core/base/option.h"
#include "core/base/regex.h"
#include "core/codec/http1.h"

/** As configured. */
struct gost_treatment_settings {
    char *host;
    struct gost_strings request_header, response_header; /**< name, value, … */
    struct gost_strings rewrite;                         /**< pattern, replacement, … */
    char *fail_codes;
    char *username, *password;
};

extern const struct gost_options gost_treatment_options;

struct gost_treatment {
    struct gost_treatment_settings *s; /**< owned */
    struct gost_regex **pattern;       /**< one for each pair of s->rewrite; owned */
    size_t patterns;
    uint8_t fails[125]; /**< a bit for each status below 1000 */
    bool judges;        /**< some status means that the node failed */
    bool asks;          /**< clients have to say who they are */
};

/**
 * @param settings  owned from now on, freed on failure too
 * @return 0, or GOST_ECONFIG with diag: a pattern, header or code that is none
 */
int gost_treatment_new(struct gost_treatment_settings *settings, struct gost_treatment **out);
void gost_treatment_delete(struct gost_treatment *t); /**< NULL is fine */

/** Does an answer with that status count as a failure of the node? */
bool gost_treatment_is_failure(const struct gost_treatment *t, int status);

/** Does the client say who it is? @return 0 or GOST_EAUTH */
int gost_treatment_auth(const struct gost_treatment *t, const struct gost_http1 *head);

/** The value that a header is set to; "" where it is to go; NULL where it stays as it is. */
const char *gost_treatment_header(const struct gost_strings *headers, struct gost_slice name);

/**
 * Rewrite a path.
 * @param path    percent-decoded, without the query
 * @param query   with its question mark, or empty: kept unless a rule brings its own
 * @param[out] out  path and query as they go on the request line; untouched when no rule fits
 * @return 1 when a rule fits, 0, or a negative code
 */
int gost_treatment_path(const struct gost_treatment *t, const char *path, struct gost_slice query,
                        struct gost_buf *out);

#endif
