/**
 * A PROXY header of either version.
 */
#include "core/codec/proxy_header.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct gost_proxy_header h, spare;
    if (size == 0)
        return 0;
    ssize_t rc = FUZZ_DECODE(gost_proxy_header_decode, &h, &spare, data, size);
    REQUIRE(rc <= 0 || gost_proxy_header_detect(data, size) == 1);
    REQUIRE(rc != 0 || gost_proxy_header_detect(data, size) >= 0);
    if (rc > 0)
        FUZZ_ROUND_TRIP(gost_proxy_header_decode, gost_proxy_header_encode, &h, &spare,
                        GOST_PROXY_HEADER_ENCODED_MAX);
    return 0;
}
