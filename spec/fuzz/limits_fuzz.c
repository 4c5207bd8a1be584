/**
 * Files of limits, of users and of hosts: nothing may crash, and a bucket never gives more than was
 * asked for, nor sends anybody back to a time that is past.
 */
#include "core/base/error.h"
#include "core/policy/auth.h"
#include "core/policy/hosts.h"
#include "core/policy/limits.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void draw(const struct gost_limit *v)
{
    for (int direction = 0; v && direction < 2; direction++) {
        struct gost_bucket b = {0};
        uint64_t now = 12345, retry = 0;
        for (int i = 0; i < 4; i++) {
            uint64_t n = gost_bucket_take(&b, v->rate[direction], 65536, now, &retry);
            if (n > 65536 || (n == 0 && retry <= now))
                abort();
            now = n == 0 ? retry : now;
        }
    }
}

static void limits(enum gost_limit_kind kind, const char *text, size_t n)
{
    struct gost_limits l;
    gost_limits_create(&l, kind);
    gost_limits_load(&l, text, n);
    draw(l.service);
    draw(l.each);
    draw(gost_limits_of_ip(&l, (struct gost_ip){0, 0xffff0a000001}));
    draw(gost_limits_of_client(&l, "u", 1));
    gost_limits_destroy(&l);
}

static void users(const char *text, size_t n)
{
    struct gost_auther *a;
    char id[GOST_CLIENT_ID_MAX];
    struct gost_cred cred = {
        .user = text, .user_len = n / 2, .password = text + n / 2, .password_len = n - n / 2};
    if (gost_auther_new(&a) != 0)
        abort();
    gost_auther_load(a, text, n);
    gost_auther_check(a, &cred, id);
    gost_auther_unref(a);
}

static void hosts(const char *text, size_t n)
{
    struct gost_hosts *h;
    union gost_sockaddr out[2];
    if (gost_hosts_new(&h) != 0)
        abort();
    gost_hosts_load(h, text, n);
    if (gost_hosts_find(h, text, n < 300 ? n : 300, AF_UNSPEC, 1, out, 2) > 2)
        abort();
    gost_hosts_unref(h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    const char *text = (const char *)data + 1;
    switch (data[0] % 5) {
    case 3:
        users(text, size - 1);
        break;
    case 4:
        hosts(text, size - 1);
        break;
    default:
        limits((enum gost_limit_kind)(data[0] % 5), text, size - 1);
    }
    return 0;
}
