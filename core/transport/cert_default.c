#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/transport/cert_int.h"

#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FIELD(name) offsetof(struct gost_cert_settings, name)

static const struct gost_option table[] = {
    {.key = "certFile",
     .type = GOST_OPT_PATH,
     .offset = FIELD(cert_file),
     .help = "PEM file with the default certificate and its chain"},
    {.key = "keyFile",
     .type = GOST_OPT_PATH,
     .offset = FIELD(key_file),
     .help = "PEM file with its key"},
    {.key = "caFile",
     .type = GOST_OPT_PATH,
     .offset = FIELD(ca_file),
     .help = "PEM file with roots; servers with the default certificate then demand client "
             "certificates"},
    {.key = "validity",
     .type = GOST_OPT_DURATION,
     .offset = FIELD(validity),
     .help = "how long a generated certificate is valid (365 days)"},
    {.key = "organization",
     .type = GOST_OPT_STRING,
     .offset = FIELD(organization),
     .help = "organization in a generated certificate"},
    {.key = "commonName",
     .type = GOST_OPT_STRING,
     .offset = FIELD(common_name),
     .help = "name in a generated certificate"},
    GOST_OPTION_END,
};

const struct gost_options gost_cert_options = {table, sizeof(struct gost_cert_settings)};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct gost_cert *current; /* under the mutex */

static bool is_set(const char *text)
{
    return text && *text;
}

/* The folder in the user's home, on the heap, or NULL. */
static char *kept_dir(void)
{
    char *path;
    const char *home = getenv("HOME");
    char room[1024];
    struct passwd pw, *found = NULL;
    if (!is_set(home) && getpwuid_r(getuid(), &pw, room, sizeof(room), &found) == 0 && found)
        home = pw.pw_dir;
    return is_set(home) && asprintf(&path, "%s/.gost", home) > 0 ? path : NULL;
}

static int load_named(const struct gost_cert_settings *s, struct gost_cert **out)
{
    if (!is_set(s->cert_file))
        return gost_fail(GOST_ECONFIG, "tls: %s needs certFile as well",
                         is_set(s->key_file) ? "keyFile" : "caFile");
    int rc = gost_cert_load(s->cert_file, s->key_file, out);
    if (rc == 0 && is_set(s->ca_file)) {
        rc = gost_cert_load_roots(s->ca_file, &(*out)->client_ca);
        if (rc != 0) {
            gost_cert_unref(*out);
            *out = NULL;
        }
    }
    return rc;
}

static int find_or_make(const struct gost_cert_settings *s, struct gost_cert **out)
{
    if (is_set(s->cert_file) || is_set(s->key_file) || is_set(s->ca_file))
        return load_named(s, out);
    if (access("cert.pem", F_OK) == 0 && access("key.pem", F_OK) == 0) {
        int rc = gost_cert_load("cert.pem", "key.pem", out);
        if (rc == 0)
            return 0;
        gost_log(GOST_LOG_WARN, "default certificate: %s", gost_diag_text(rc));
    }
    char *dir = kept_dir();
    int rc = gost__cert_kept(dir, s, out);
    free(dir);
    return rc;
}

static void replace(struct gost_cert *fresh)
{
    pthread_mutex_lock(&mutex);
    struct gost_cert *old = current;
    current = fresh;
    pthread_mutex_unlock(&mutex);
    gost_cert_unref(old);
}

int gost_cert_default_set(const struct gost_cert_settings *s)
{
    struct gost_cert *fresh = NULL;
    int rc = find_or_make(s, &fresh);
    if (rc == 0)
        replace(fresh);
    return rc;
}

int gost_cert_default_pretend(void)
{
    static const struct gost_cert_settings none;
    struct gost_cert *fresh = NULL;
    int rc = gost_cert_generate(&none, &fresh);
    if (rc == 0)
        replace(fresh);
    return rc;
}

int gost_cert_default(struct gost_cert **out)
{
    static const struct gost_cert_settings none;
    int rc = 0;
    pthread_mutex_lock(&mutex); /* held while it is made: the other workers want the same one */
    if (!current)
        rc = find_or_make(&none, &current);
    if (rc == 0)
        *out = gost_cert_ref(current);
    pthread_mutex_unlock(&mutex);
    return rc;
}
