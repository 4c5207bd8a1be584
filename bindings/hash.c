/* Digests: gost.hash("sha256", text), gost.hmac("sha256", key, text), gost.equal(a, b). */
#include "bindings/lib.h"

#include "core/base/text.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

static int push_hex(lua_State *L, const unsigned char *digest, unsigned n)
{
    static const char digits[] = "0123456789abcdef";
    char hex[2 * EVP_MAX_MD_SIZE];
    for (unsigned i = 0; i < n; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    lua_pushlstring(L, hex, 2 * (size_t)n);
    return 1;
}

static const EVP_MD *check_digest(lua_State *L)
{
    static const char *const names[] = {"sha256", "sha1", "sha384", "sha512", "md5", NULL};
    const char *name = names[luaL_checkoption(L, 1, NULL, names)];
    const EVP_MD *md = EVP_get_digestbyname(name);
    if (!md)
        luaL_error(L, "this OpenSSL has no %s", name);
    return md;
}

/* core.hash("sha256", text) -> hexadecimal digest */
static int l_hash(lua_State *L)
{
    size_t n;
    unsigned len = 0;
    unsigned char digest[EVP_MAX_MD_SIZE];
    const EVP_MD *md = check_digest(L);
    const char *text = luaL_checklstring(L, 2, &n);
    if (EVP_Digest(text, n, digest, &len, md, NULL) != 1)
        return luaL_error(L, "hash failed");
    return push_hex(L, digest, len);
}

/* core.hmac("sha256", key, text) -> hexadecimal digest */
static int l_hmac(lua_State *L)
{
    size_t n, key_len;
    unsigned len = 0;
    unsigned char digest[EVP_MAX_MD_SIZE];
    const EVP_MD *md = check_digest(L);
    const char *key = luaL_checklstring(L, 2, &key_len);
    const char *text = luaL_checklstring(L, 3, &n);
    if (!HMAC(md, key, (int)key_len, (const unsigned char *)text, n, digest, &len))
        return luaL_error(L, "hmac failed");
    return push_hex(L, digest, len);
}

/* core.equal(a, b) -> boolean, in a time that tells nothing about where they differ */
static int l_equal(lua_State *L)
{
    size_t n, m;
    const char *a = luaL_checklstring(L, 1, &n), *b = luaL_checklstring(L, 2, &m);
    lua_pushboolean(L, gost_secret_equal(a, n, b, m));
    return 1;
}

void gostL_open_hash(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"hash", l_hash}, {"hmac", l_hmac}, {"equal", l_equal}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
