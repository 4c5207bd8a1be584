/**
 * Error codes of the core: 0 is success, a negative int is a failure.
 *
 * libuv codes (negative errno, UV_EAI_*, UV_EOF) pass through unchanged. Codes of our own lie below
 * -5000, so that both kinds share one int. The words that go with a code are kept by diag.h.
 */
#ifndef GOST_BASE_ERROR_H
#define GOST_BASE_ERROR_H

#include <errno.h>

/* XX(name, value, stable code for programs, text for people) */
#define GOST_ERROR_MAP(XX)                                                                         \
    XX(GOST_EPROTO, -5010, "protocol", "the peer broke the protocol")                              \
    XX(GOST_EAUTH, -5011, "auth", "authentication failed")                                         \
    XX(GOST_EDENIED, -5012, "denied", "denied by policy")                                          \
    XX(GOST_ENONODE, -5013, "no_node", "no usable node")                                           \
    XX(GOST_EUPSTREAM, -5014, "upstream", "the upstream proxy refused the request")                \
    XX(GOST_ETLS, -5015, "tls", "TLS failure")                                                     \
    XX(GOST_ECERT, -5016, "certificate", "certificate verification failed")                        \
    XX(GOST_ECONFIG, -5017, "config", "invalid configuration")                                     \
    XX(GOST_ELIMIT, -5018, "limit", "a limit was reached")                                         \
    XX(GOST_EDNS, -5019, "dns", "name resolution failed")                                          \
    XX(GOST_ENOTSUP, -5020, "unsupported", "not supported")                                        \
    XX(GOST_EHOOK, -5021, "hook", "a script's hook failed")

enum gost_error {
#define XX(name, value, code, text) name = value,
    GOST_ERROR_MAP(XX)
#undef XX
        GOST_EOF = -4095,        /**< the peer ended its stream (equals UV_EOF) */
    GOST_ETIMEDOUT = -ETIMEDOUT, /**< an absolute deadline passed */
    GOST_ECANCELED = -ECANCELED, /**< the waiting fiber was cancelled */
    GOST_ENOMEM = -ENOMEM,
};

/**
 * Answers of non-blocking stream calls that are neither success nor failure: the call made no
 * progress, and is to be repeated after the stream's waker fired.
 */
enum gost_want {
    GOST_WANT_READ = -5001,
    GOST_WANT_WRITE = -5002,
};

/** True for GOST_WANT_READ and GOST_WANT_WRITE. */
static inline int gost_is_want(long rc)
{
    return rc == GOST_WANT_READ || rc == GOST_WANT_WRITE;
}

/** @return static text for people; never NULL. */
const char *gost_strerror(int rc);

/**
 * @return a stable word for programs ("timeout", "refused", "reset", "dns", "tls", "eof" …), the
 *         third value of failing Lua calls; "io" where nothing finer is known. Static, never NULL.
 */
const char *gost_error_code(int rc);

#endif
