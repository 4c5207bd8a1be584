#include "core/base/error.h"

#include <uv.h>

/* As uv_strerror, which allocates for codes that it does not know. */
static const char *system_text(int rc)
{
    switch (rc) {
#define XX(name, text)                                                                             \
    case UV_##name:                                                                                \
        return text;
        UV_ERRNO_MAP(XX)
#undef XX
    default:
        return "unknown error";
    }
}

const char *gost_strerror(int rc)
{
    switch (rc) {
#define XX(name, value, code, text)                                                                \
    case name:                                                                                     \
        return text;
        GOST_ERROR_MAP(XX)
#undef XX
    case 0:
        return "success";
    case GOST_EOF:
        return "the peer closed the connection";
    case GOST_ETIMEDOUT:
        return "timed out";
    case GOST_WANT_READ:
    case GOST_WANT_WRITE:
        return "would block";
    default:
        return system_text(rc);
    }
}

const char *gost_error_code(int rc)
{
    switch (rc) {
#define XX(name, value, code, text)                                                                \
    case name:                                                                                     \
        return code;
        GOST_ERROR_MAP(XX)
#undef XX
    case GOST_EOF:
        return "eof";
    case GOST_ETIMEDOUT:
        return "timeout";
    case GOST_ECANCELED:
        return "canceled";
    case GOST_ENOMEM:
        return "memory";
    case -ECONNREFUSED:
        return "refused";
    case -ECONNRESET:
    case -EPIPE:
    case -ECONNABORTED:
        return "reset";
    case -EHOSTUNREACH:
    case -ENETUNREACH:
    case -EHOSTDOWN:
    case -ENETDOWN:
        return "unreachable";
    case -EACCES:
    case -EPERM:
        return "permission";
    case -EADDRINUSE:
        return "address_in_use";
    case -EMFILE:
    case -ENFILE:
        return "too_many_files";
    default:
        return "io";
    }
}
