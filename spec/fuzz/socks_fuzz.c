/**
 * All SOCKS messages: the first byte picks one, the rest is its wire form.
 */
#include "core/codec/socks4.h"
#include "core/codec/socks5.h"
#include "core/codec/socks5_udp.h"
#include "fuzz.h"

static void tunnel(const uint8_t *p, size_t n)
{
    struct gost_udp_tunnel out, spare;
    ssize_t rc = FUZZ_DECODE(gost_udp_tunnel_decode, &out, &spare, p, n);
    if (rc <= 0)
        return;
    REQUIRE((const uint8_t *)out.data.p + out.data.n == p + rc);
    uint8_t head[GOST_UDP_TUNNEL_HEAD_MAX];
    REQUIRE((gost_udp_tunnel_encode(head, sizeof head, &out) > 0) == (out.data.n > 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const uint8_t *p = data + 1;
    size_t n = size - 1;
    switch (data[0] % 10) {
    case 0:
        FUZZ_BOTH(struct gost_socks5_hello, gost_socks5_hello, p, n, GOST_SOCKS5_HELLO_MAX);
        break;
    case 1:
        FUZZ_BOTH(struct gost_socks5_choice, gost_socks5_choice, p, n, GOST_SOCKS5_CHOICE_MAX);
        break;
    case 2:
        FUZZ_BOTH(struct gost_userpass, gost_socks5_auth, p, n, GOST_SOCKS5_AUTH_MAX);
        break;
    case 3:
        FUZZ_BOTH(struct gost_socks5_auth_reply, gost_socks5_auth_reply, p, n,
                  GOST_SOCKS5_AUTH_REPLY_MAX);
        break;
    case 4:
        FUZZ_BOTH(struct gost_socks5_request, gost_socks5_request, p, n, GOST_SOCKS5_REQUEST_MAX);
        break;
    case 5:
        FUZZ_BOTH(struct gost_socks5_reply, gost_socks5_reply, p, n, GOST_SOCKS5_REPLY_MAX);
        break;
    case 6:
        FUZZ_BOTH(struct gost_socks5_udp, gost_socks5_udp, p, n, GOST_SOCKS5_UDP_MAX);
        break;
    case 7:
        tunnel(p, n);
        break;
    case 8:
        FUZZ_BOTH(struct gost_socks4_request, gost_socks4_request, p, n, GOST_SOCKS4_REQUEST_MAX);
        break;
    default:
        FUZZ_BOTH(struct gost_socks4_reply, gost_socks4_reply, p, n, GOST_SOCKS4_REPLY_MAX);
    }
    return 0;
}
