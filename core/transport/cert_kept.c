#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/transport/cert_int.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define CERT_NAME "auto-ca-cert.pem"
#define KEY_NAME  "auto-ca-key.pem"

/* "dir/name" on the heap, or NULL. */
static char *join(const char *dir, const char *name)
{
    char *path;
    return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

static int write_file(int fd, mode_t mode, BIO *content)
{
    char *bytes;
    long n = BIO_get_mem_data(content, &bytes);
    errno = EIO; /* of a short write */
    return fchmod(fd, mode) < 0 || write(fd, bytes, (size_t)n) != n || fsync(fd) < 0 ? -errno : 0;
}

/* Write beside the file and rename over it, so that readers see the old or the new one whole. */
static int save(const char *dir, const char *name, mode_t mode, BIO *content)
{
    char *path = join(dir, name), *beside = join(dir, ".new-XXXXXX");
    int rc = path && beside ? 0 : GOST_ENOMEM;
    int fd = rc == 0 ? mkostemp(beside, O_CLOEXEC) : -1;
    if (rc == 0 && fd < 0)
        rc = -errno;
    if (fd >= 0) {
        rc = write_file(fd, mode, content);
        close(fd);
        if (rc == 0 && rename(beside, path) < 0)
            rc = -errno;
        if (rc != 0)
            unlink(beside);
    }
    free(path);
    free(beside);
    return rc;
}

static int save_pair(const char *dir, const struct gost_cert *c)
{
    BIO *cert = BIO_new(BIO_s_mem()), *key = BIO_new(BIO_s_secmem());
    int rc = GOST_ENOMEM;
    if (cert && key && PEM_write_bio_X509(cert, c->leaf) &&
        PEM_write_bio_PKCS8PrivateKey(key, c->key, NULL, NULL, 0, NULL, NULL)) {
        rc = save(dir, KEY_NAME, 0600, key);
        if (rc == 0)
            rc = save(dir, CERT_NAME, 0644, cert);
    }
    BIO_free(cert);
    BIO_free(key);
    return rc;
}

/* Only one process at a time looks and saves, so that no two pairs mix. */
static int lock_dir(const char *dir)
{
    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        return -errno;
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    while (flock(fd, LOCK_EX) < 0 && errno == EINTR)
        ;
    return fd; /* a file system without locks has few parallel starts */
}

static int load_kept(const char *dir, struct gost_cert **out)
{
    char *cert = join(dir, CERT_NAME), *key = join(dir, KEY_NAME);
    int rc = cert && key ? gost_cert_load(cert, key, out) : gost_fail_code(GOST_ENOMEM);
    free(cert);
    free(key);
    if (rc != 0 && rc != -ENOENT)
        gost_log(GOST_LOG_WARN, "default certificate: %s", gost_diag_text(rc));
    return rc;
}

int gost__cert_kept(const char *dir, const struct gost_cert_settings *s, struct gost_cert **out)
{
    int lock = dir ? lock_dir(dir) : -ENOENT;
    int rc = lock >= 0 ? load_kept(dir, out) : lock;
    if (rc != 0 && (rc = gost_cert_generate(s, out)) == 0) {
        int saved = lock >= 0 ? save_pair(dir, *out) : lock;
        if (saved != 0)
            gost_log(GOST_LOG_WARN, "default certificate: cannot be kept in %s: %s",
                     dir ? dir : "the home directory", gost_strerror(saved));
    }
    if (lock >= 0)
        close(lock);
    return rc;
}
