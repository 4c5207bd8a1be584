#include "core/policy/sd.h"

#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/runtime/fiber.h"

#include <stdlib.h>

/* A record that is to go. */
struct farewell {
    struct gost_sd *sd;
    struct gost_sd_record record;
};

int gost_sd_new(const struct gost_sd_ops *ops, void *arg, struct gost_sd **out)
{
    struct gost_sd *sd = calloc(1, sizeof(*sd));
    if (!sd)
        return gost_fail_code(GOST_ENOMEM);
    sd->refs = 1;
    sd->ops = ops;
    sd->arg = arg;
    *out = sd;
    return 0;
}

struct gost_sd *gost_sd_ref(struct gost_sd *sd)
{
    sd->refs++;
    return sd;
}

void gost_sd_unref(struct gost_sd *sd)
{
    if (!sd || --sd->refs > 0)
        return;
    sd->ops->drop(sd->arg);
    free(sd);
}

int gost_sd_tell(struct gost_sd *sd, enum gost_sd_word word, const struct gost_sd_record *r)
{
    return sd->ops->tell(sd->arg, word, r);
}

static void say_farewell(void *arg)
{
    struct farewell *f = arg;
    int rc = gost_sd_tell(f->sd, GOST_SD_DEREGISTER, &f->record);
    if (rc != 0) /* it is forgotten by itself when nobody renews it */
        gost_log(GOST_LOG_DEBUG, "%s", gost_diag_text(rc));
    gost_sd_unref(f->sd);
    free(f);
}

void gost_sd_deregister(struct gost_sd *sd, const struct gost_sd_record *r)
{
    struct farewell *f = malloc(sizeof(*f));
    if (!f)
        return;
    f->sd = gost_sd_ref(sd);
    f->record = *r;
    if (gost_fiber_spawn("sd", say_farewell, f))
        return;
    gost_sd_unref(f->sd);
    free(f);
}

int gost_sd_find(struct gost_sd *sd, const uint8_t *tunnel, struct gost_sd_record *out, size_t max)
{
    return sd->ops->find(sd->arg, tunnel, out, max);
}
