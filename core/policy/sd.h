/**
 * Service discovery: where hosts tell each other which of them carries which tunnel.
 */
#ifndef GOST_POLICY_SD_H
#define GOST_POLICY_SD_H

#include "core/base/sd_record.h"

#include <stddef.h>

/** What keeps the records: a script, or what is written on top of one. Belongs to one worker. */
struct gost_sd_ops {
    /** Enter a record, keep it alive, take it away; suspends. @return 0 or a negative code with diag */
    int (*tell)(void *arg, enum gost_sd_word word, const struct gost_sd_record *r);
    /** Records of a tunnel; suspends. @return how many, at most `max`, or a negative code with diag */
    int (*find)(void *arg, const uint8_t *tunnel, struct gost_sd_record *out, size_t max);
    void (*drop)(void *arg); /**< frees arg with the sd */
};

struct gost_sd {
    int refs;
    const struct gost_sd_ops *ops;
    void *arg;
};

/** @param[out] out  with one reference; arg is owned on success. @return 0 or GOST_ENOMEM */
int gost_sd_new(const struct gost_sd_ops *ops, void *arg, struct gost_sd **out);
struct gost_sd *gost_sd_ref(struct gost_sd *sd);
void gost_sd_unref(struct gost_sd *sd); /**< NULL is fine */

/** Suspends. @return as gost_sd_ops.tell */
int gost_sd_tell(struct gost_sd *sd, enum gost_sd_word word, const struct gost_sd_record *r);

/** Take a record away, on a fiber of its own; does not suspend, may be called on a cancelled fiber. */
void gost_sd_deregister(struct gost_sd *sd, const struct gost_sd_record *r);

/** Suspends. @return as gost_sd_ops.find */
int gost_sd_find(struct gost_sd *sd, const uint8_t *tunnel, struct gost_sd_record *out, size_t max);

#endif
