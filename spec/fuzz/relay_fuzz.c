/**
 * A relay message; what follows it is a datagram.
 */
#include "core/codec/relay.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct gost_relay m, spare;
    if (size == 0)
        return 0;
    ssize_t rc = FUZZ_DECODE(gost_relay_decode, &m, &spare, data, size);
    if (rc <= 0)
        return 0;
    REQUIRE((gost_relay_addr(&m) != NULL) == (m.naddrs > 0));
    struct gost_slice rest = m.meta, key, value;
    while (gost_relay_next_meta(&rest, &key, &value))
        REQUIRE((const uint8_t *)value.p + value.n <= data + rc);
    REQUIRE(rest.n == 0);
    FUZZ_ROUND_TRIP(gost_relay_decode, gost_relay_encode, &m, &spare, GOST_RELAY_MAX);
    struct gost_slice payload, other;
    if ((size_t)rc < size)
        FUZZ_DECODE(gost_relay_datagram_decode, &payload, &other, data + rc, size - (size_t)rc);
    return 0;
}
