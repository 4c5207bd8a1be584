/**
 * The first bytes of a connection: what sniffing and the ClientHello's decoder make of them.
 */
#include "core/codec/client_hello.h"
#include "core/codec/hello_decoy.h"
#include "core/codec/sniff.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct gost_client_hello h, spare;
    if (size == 0)
        return 0;
    enum gost_sniff found = gost_sniff(data, size);
    REQUIRE(size < GOST_SNIFF_MAX || found != GOST_SNIFF_MORE);
    enum gost_sniff early = gost_sniff(data, size / 2);
    REQUIRE(early == GOST_SNIFF_MORE || early == found);
    if (FUZZ_DECODE(gost_client_hello_decode, &h, &spare, data, size) <= 0)
        return 0;
    gost_client_hello_decode(&h, data, size);
    REQUIRE(strlen(h.sni) < sizeof h.sni);
    REQUIRE(h.nversions <= GOST_CLIENT_HELLO_VERSIONS && h.nciphers <= GOST_CLIENT_HELLO_CIPHERS);
    static uint8_t shown[GOST_HELLO_DECOY_MAX], room[GOST_HELLO_DECOY_MAX];
    ssize_t len = gost_hello_disguise(data, size, gost_slice("a.test"), gost_slice("code"), shown);
    if (len > 0)
        REQUIRE(gost_hello_hidden(shown, (size_t)len, room).n == 4);
    struct gost_slice name;
    size_t at = 0;
    while (gost_client_hello_next_alpn(&h, &at, &name))
        REQUIRE(name.n > 0);
    REQUIRE(at == h.alpn_len && at <= sizeof h.alpn);
    return 0;
}
