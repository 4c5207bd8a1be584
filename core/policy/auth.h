/**
 * Authers: who may use a service, by user name and password.
 */
#ifndef GOST_POLICY_AUTH_H
#define GOST_POLICY_AUTH_H

#include "core/base/map.h"

#include <stdbool.h>
#include <stddef.h>

enum { GOST_CLIENT_ID_MAX = 256 }; /**< a client id with its NUL */

/** What a client presented; the bytes are borrowed and may hold NULs. */
struct gost_cred {
    const char *user;
    size_t user_len;
    const char *password;
    size_t password_len;
    const char *scheme; /**< where it came from: "basic", "socks5" …; for hooks; may be NULL */
};

struct gost_auther {
    int refs;
    struct gost_map users; /**< user -> struct auth_secret */
    /**
     * A script's own judgement, or NULL; asked when the table did not accept. May suspend.
     * @param[out] id  the client's id, GOST_CLIENT_ID_MAX bytes with its NUL; preset to the user
     * @return > 0 accepted, 0 refused, < 0 failed
     */
    int (*hook)(void *arg, const struct gost_cred *cred, char *id);
    void *hook_arg;
    void (*hook_drop)(void *arg); /**< frees hook_arg with the auther; may be NULL */
};

/** @param[out] out  with one reference; denies everyone so far. @return 0 or GOST_ENOMEM */
int gost_auther_new(struct gost_auther **out);

/** @return a */
struct gost_auther *gost_auther_ref(struct gost_auther *a);

/** NULL is fine. Passwords are wiped from memory. */
void gost_auther_unref(struct gost_auther *a);

/**
 * Add a user, or replace the password of one.
 * @param password  empty: any password will do
 * @return 0 (also for an empty user, which is ignored), GOST_ECONFIG for an overlong user, or
 *         GOST_ENOMEM
 */
int gost_auther_add(struct gost_auther *a, const char *user, size_t user_len, const char *password,
                    size_t password_len);

/**
 * Add the users of a file: "user [password]" a line. The password is everything after the first
 * blanks; lines that begin with "#" are comments.
 * @return as gost_lines_load: good lines are added
 */
int gost_auther_load(struct gost_auther *a, const char *text, size_t n);

/** Exchange the users of two authers. */
void gost_auther_swap(struct gost_auther *a, struct gost_auther *b);

/**
 * Ask one auther. Suspends if its hook does. The time of the comparison depends on what the client
 * sent alone.
 * @param[out] id  GOST_CLIENT_ID_MAX bytes; "" unless accepted
 * @return 1 accepted, 0 refused, or the hook's negative code: refuse then
 */
int gost_auther_check(struct gost_auther *a, const struct gost_cred *cred, char *id);

/**
 * Ask several in order: the first that accepts gives the id. A hook that fails does not keep the
 * later ones from accepting.
 * @return as gost_auther_check; 0 for an empty list
 */
int gost_authers_check(struct gost_auther *const *list, size_t count, const struct gost_cred *cred,
                       char *id);

#endif
