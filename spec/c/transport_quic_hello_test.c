#include "core/transport/quic_hello.h"

#include "core/base/error.h"
#include "split.h"
#include "test.h"

/* The packet of RFC 9001 appendix A.2 without its padding, and the same hello in other wrappings. */
static const char v1[] =
    "c000000001088394c8f03e515708000041097b9aec34d1b1c98dd7689fb8ec11d242b123dc9bd8bab936b47d"
    "92ec356c0bab7df5976d27cd449f63300099f3991c260ec4c60d17b31f8429157bb35a1282a643a8d2262cad"
    "67500cadb8e7378c8eb7539ec4d4905fed1bee1fc8aafba17c750e2c7ace01e6005f80fcb7df621230c83711"
    "b39343fa028cea7f7fb5ff89eac2308249a02252155e2347b63d58c5457afd84d05dfffdb20392844ae81215"
    "4682e9cf012f9021a6f0be17ddd0c2084dce25ff9b06cde535d0f920a2db1bf362c23e596d11a4f5a6cf3948"
    "838a3aec4e15daf8500a6ef69ec4e3feb6b1d98e610ac8b7ec3faf6ad760b7bad1db4ba3485e8a94dc250ae3"
    "fdb41ebc3c6cf128bbd7f8611561cdfa09e7de";

static const char v2[] =
    "de6b3343cf088394c8f03e515708004003746f6b411133d3ecde68293b69bf94d2e8f2ac191153f5b72594f0"
    "9dea7ae520fcbb69284214ddcd2270c62d90357affc7418b660479f64dc00814ebc197668b44ae728a5a5195"
    "c1d83f2892f9fa8357b5bdf49a02c9354ed794ebcfb44138a1463c076192c8d0e2a73319f37cdbe4c5f0f987"
    "bf2658478b0088bcf88b30ac199fbd5609d1a65a5e733fa8c940e3830625da6a6adf378559800e0e3fe12d7d"
    "577e805d36b4262a7daf2e1f4dd8c2a62467dcea385ae239ccadcab8832aacab095c68b6fade784fdae401c4"
    "b15beeb113a5b675d89612256b201097ae565f24e53d1d0b128a806e951e714fdff3bfefb67c25ffa4a13bab"
    "5b8767f8aa8dd89c5179f1dd11b888fc1e63de27663a21ec1675f33d605cfb";

static const char draft29[] =
    "c9ff00001d088394c8f03e5157080000410cc9c9afa759d70a24d60da630729cad05335844505985decfc9e1"
    "b9b93d4c1c29651bf7dcbe010392e85a71517109c6b5db2ec3b771e962370edac2b0e087f991abbbff96a85a"
    "baa752145468c71caf92fd201fe55337effddfa0b2c69f7f0483217e0789049c5260002bf3dac6cf9df95917"
    "7b55876825d191f7874d46b906ddf41e3e845fbad968d6907b9a7306c6d12b50d0db24696e4dc8ca50df998e"
    "536d56abbb1ab80c82077d37f171be8058efc6e8dbe4886978a8f1e82e830ef3c682f536885bb771c5633f0a"
    "9b9d7ddd9a3ad4d72c30bfa636b8dc592e17ca2c3d855585f0798432cc68255f3ba533670f66fbe2f1e76785"
    "a17b7430f143f0710112091dba11d4498eb299ddc79c";

static const char part_one[] =
    "ce00000001088394c8f03e51570800004070ac46f42d9ac01dce57afc361f6a9e588c2221110fea1501f1bb7"
    "76a26e8d2618b41c75e36e410f16350c7927fe11f3e575e90268d702e39c7680ddcd8b11fa6481639aff8743"
    "b97ae8f1ac3709e7ddcfbbdd413df27ca1cbb9f1fbab9369a02f97843b52828be3c9af511f43404d2050";

static const char part_two[] =
    "cf00000001088394c8f03e515708000040b3f86c7a3dfc5c87c1cce2d99ca9326ce62b67648f88a5f4620b8c"
    "e42c50ed5804df39d9c5fa4f48b785c13c240d51bdfc4fe6f639366d23e9bb771c360d46391d0b48bf45d247"
    "88971b85a927f2675a4b5b72903feef1165795d53691e72d60e6922d34b7e2edd5ae3058a6bcd7321ed768d8"
    "5a51d96ea87d98f3c32db41e7f42b789a503d2e5e817b06ec528b3a0b76e0a95d6c06ffe65112a1dfad2407d"
    "f4d1f4ea30588252dee41a2364a7a43f916969c224";

static struct gost__quic_hello quic;
static struct gost_client_hello hello;

/* An exact copy on the heap shows each byte read behind the end. */
static int take(const uint8_t *p, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);
    if (n)
        memcpy(copy, p, n);
    int rc = gost__quic_hello_take(&quic, copy, n, &hello);
    free(copy);
    return rc;
}

static int take_hex(const char *hex)
{
    uint8_t room[512];
    return take(room, split_hex(room, sizeof(room), hex));
}

static void begin(void)
{
    memset(&quic, 0, sizeof(quic));
    memset(&hello, 0, sizeof(hello));
}

TEST(all_versions_are_read)
{
    static const char *const all[] = {v1, v2, draft29};
    for (size_t i = 0; i < 3; i++) {
        begin();
        CHECK_INT(take_hex(all[i]), 1);
        CHECK_STR(hello.sni, "example.com");
        CHECK_INT(hello.versions[0], 0x0304);
    }
}

TEST(a_hello_may_come_in_two_datagrams_in_any_order)
{
    for (int i = 0; i < 2; i++) {
        begin();
        CHECK_INT(take_hex(i ? part_one : part_two), 0);
        CHECK_INT(take_hex(i ? part_one : part_two), 0);
        CHECK_INT(take_hex(i ? part_two : part_one), 1);
        CHECK_STR(hello.sni, "example.com");
    }
}

TEST(packets_behind_an_initial_do_not_matter)
{
    uint8_t room[512];
    size_t n = split_hex(room, sizeof(room), v1);
    memset(room + n, 0x55, 40);
    begin();
    CHECK_INT(take(room, n + 40), 1);
    n += split_hex(room + n, sizeof(room) - n, part_one);
    begin();
    CHECK_INT(take(room, n), 1);
}

TEST(what_is_cut_or_changed_is_refused)
{
    uint8_t room[512];
    size_t n = split_hex(room, sizeof(room), v1);
    for (size_t i = 0; i < n; i++) {
        begin();
        CHECK_INT(take(room, i), GOST_EPROTO);
        room[i] ^= 0x80;
        begin();
        CHECK_INT(take(room, n), GOST_EPROTO);
        room[i] ^= 0x80;
    }
}

RUN_TESTS()
