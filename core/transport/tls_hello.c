#include "core/base/addr.h"
#include "core/base/diag.h"
#include "core/base/error.h"
#include "core/transport/tls_int.h"

#include <string.h>
#include <strings.h>

static size_t get16(const unsigned char *p)
{
    return (size_t)p[0] << 8 | p[1];
}

/* The name in a server_name extension (RFC 6066 section 3); OpenSSL itself parses it again later.
 */
static void read_server_name(SSL *ssl, char *name)
{
    const unsigned char *p;
    size_t n;
    name[0] = '\0';
    if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &p, &n) || n < 5 ||
        get16(p) != n - 2 || p[2] != TLSEXT_NAMETYPE_host_name)
        return;
    size_t len = get16(p + 3);
    if (len > n - 5 || len >= GOST_HOST_MAX || memchr(p + 5, '\0', len))
        return;
    for (size_t i = 0; i < len; i++) {
        char c = (char)p[5 + i];
        name[i] = c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
    }
    if (len > 0 && name[len - 1] == '.')
        len--;
    name[len] = '\0';
}

static void read_alpn(SSL *ssl, struct gost_tls_hello *hello)
{
    const unsigned char *p;
    size_t n;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &p, &n) &&
        n > 2 && get16(p) == n - 2) {
        hello->alpn = p + 2;
        hello->alpn_len = n - 2;
    }
}

static int check_server_name(const struct gost_tls_context *c, const char *name)
{
    if (!c->reject_unknown_sni)
        return 0;
    if (!*name)
        return gost_fail(GOST_EDENIED, "tls: the client sent no server name");
    for (size_t i = 0; i < c->names.count; i++)
        if (strcasecmp(c->names.item[i], name) == 0)
            return 0;
    if (c->names.count == 0)
        return 0;
    return gost_fail(GOST_EDENIED, "tls: unknown server name \"%s\"", name);
}

int gost__tls_on_client_hello(SSL *ssl, int *alert, void *arg)
{
    struct gost_tls_context *c = arg;
    struct gost__tls *t = gost__tls_of(ssl);
    char name[GOST_HOST_MAX];
    struct gost_tls_hello hello = {.server_name = name, .stream = &t->base};
    read_server_name(ssl, name);
    read_alpn(ssl, &hello);
    int rc = check_server_name(c, name);
    if (rc == 0 && c->on_hello)
        rc = c->on_hello(c->on_hello_arg, &hello);
    if (rc == 0)
        return SSL_CLIENT_HELLO_SUCCESS;
    gost__tls_break(t, rc);
    *alert = SSL_AD_INTERNAL_ERROR;
    return SSL_CLIENT_HELLO_ERROR;
}

static bool is_protocol(const unsigned char *p, const char *name)
{
    return p[0] == strlen(name) && memcmp(p + 1, name, p[0]) == 0;
}

int gost__tls_on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                      const unsigned char *offered, unsigned offered_len, void *arg)
{
    const struct gost_tls_context *c = arg;
    bool fallback = false;
    (void)ssl;
    if (c->alpn_len == 0)
        return SSL_TLSEXT_ERR_NOACK;
    for (size_t i = 0; i < c->alpn_len; i += 1u + c->alpn[i]) {
        const uint8_t *ours = c->alpn + i;
        for (unsigned k = 0; k < offered_len; k += 1u + offered[k]) {
            if (ours[0] == offered[k] && memcmp(ours + 1, offered + k + 1, ours[0]) == 0) {
                *out = offered + k + 1;
                *out_len = offered[k];
                return SSL_TLSEXT_ERR_OK;
            }
            /* as GOST's: a client of HTTP/1.1 alone is let in, without a protocol agreed on */
            fallback =
                fallback || (is_protocol(ours, "h2") && is_protocol(offered + k, "http/1.1"));
        }
    }
    return fallback ? SSL_TLSEXT_ERR_NOACK : SSL_TLSEXT_ERR_ALERT_FATAL;
}
