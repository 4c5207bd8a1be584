#include "core/policy/auth.h"
#include "core/policy/hosts.h"
#include "core/policy/lines.h"

#include "core/base/addr.h"
#include "core/base/diag.h"
#include "core/base/error.h"
#include "spec/c/test.h"

static int check(struct gost_auther *a, const char *user, const char *password, char *id)
{
    struct gost_cred cred = {.user = user,
                             .user_len = strlen(user),
                             .password = password,
                             .password_len = strlen(password)};
    return gost_auther_check(a, &cred, id);
}

static struct gost_auther *auther(const char *lines)
{
    struct gost_auther *a;
    CHECK_INT(gost_auther_new(&a), 0);
    CHECK_INT(gost_auther_load(a, lines, strlen(lines)), 0);
    return a;
}

TEST(users_are_accepted_by_their_password)
{
    static const struct {
        const char *lines, *user, *password;
        int want;
    } rows[] = {
        {"", "u", "p", 0}, /* nobody is known, everybody is denied */
        {"", "", "", 0},
        {"u p", "u", "p", 1},
        {"u p", "u", "P", 0},
        {"u p", "u", "", 0},
        {"u p", "u", "pp", 0},
        {"u p", "U", "p", 0},
        {"u p", "", "p", 0},
        {"u p", "v", "", 0},
        {"u", "u", "anything", 1}, /* no stored password: any will do */
        {"u", "u", "", 1},
        {"u p\nu q", "u", "p", 0}, /* the later entry counts */
        {"u p\nu q", "u", "q", 1},
        {"  u \t p q  \r\n", "u", "p q", 1}, /* blanks inside belong to the password */
        {"# u p", "u", "p", 0},
        {"  # u p", "#", "u p", 0},
        {"u p#q", "u", "p#q", 1},
        {"u # p", "u", "# p", 1},
        {"\n\n#\nu p\n", "u", "p", 1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char id[GOST_CLIENT_ID_MAX] = "stale";
        struct gost_auther *a = auther(rows[i].lines);
        int got = check(a, rows[i].user, rows[i].password, id);
        if (got != rows[i].want)
            fprintf(stderr, "row %zu\n", i);
        CHECK_INT(got, rows[i].want);
        CHECK_STR(id, got ? rows[i].user : "");
        gost_auther_unref(a);
    }
}

TEST(empty_users_are_ignored_and_long_ones_refused)
{
    char user[300], id[GOST_CLIENT_ID_MAX];
    struct gost_auther *a = auther("");
    memset(user, 'u', sizeof(user));
    user[299] = '\0';
    CHECK_INT(gost_auther_add(a, "", 0, "p", 1), 0);
    CHECK_INT(check(a, "", "p", id), 0);
    CHECK_INT(gost_auther_add(a, user, 299, "p", 1), GOST_ECONFIG);
    CHECK_INT(check(a, user, "p", id), 0);
    gost_auther_unref(a);
}

TEST(passwords_may_hold_any_bytes)
{
    char id[GOST_CLIENT_ID_MAX];
    struct gost_auther *a = auther("");
    gost_auther_add(a, "u", 1, "a\0b", 3);
    struct gost_cred cred = {.user = "u", .user_len = 1, .password = "a\0b", .password_len = 3};
    CHECK_INT(gost_auther_check(a, &cred, id), 1);
    cred.password = "a\0c";
    CHECK_INT(gost_auther_check(a, &cred, id), 0);
    cred.password_len = 1;
    CHECK_INT(gost_auther_check(a, &cred, id), 0);
    gost_auther_unref(a);
}

static int hook(void *arg, const struct gost_cred *cred, char *id)
{
    (void)cred;
    int answer = *(int *)arg;
    if (answer > 0)
        strcpy(id, "from-hook");
    return answer;
}

TEST(several_authers_are_tried_in_order)
{
    char id[GOST_CLIENT_ID_MAX];
    int answer = 0;
    struct gost_auther *first = auther("u p"), *second = auther("v q"), *third = auther("");
    third->hook = hook;
    third->hook_arg = &answer;
    struct gost_auther *list[] = {third, first, second};
    struct gost_cred cred = {.user = "v", .user_len = 1, .password = "q", .password_len = 1};
    CHECK_INT(gost_authers_check(list, 0, &cred, id), 0);
    CHECK_INT(gost_authers_check(list, 2, &cred, id), 0);
    CHECK_INT(gost_authers_check(list, 3, &cred, id), 1);
    CHECK_STR(id, "v");
    answer = 1;
    CHECK_INT(gost_authers_check(list, 3, &cred, id), 1);
    CHECK_STR(id, "from-hook");
    answer = GOST_EHOOK; /* a broken script does not lock out those of the table */
    CHECK_INT(gost_authers_check(list, 3, &cred, id), 1);
    CHECK_STR(id, "v");
    CHECK_INT(gost_authers_check(list, 2, &cred, id), GOST_EHOOK);
    CHECK_STR(id, "");
    gost_auther_unref(first);
    gost_auther_unref(second);
    gost_auther_unref(third);
}

/* ---- hosts ---- */

static struct gost_hosts *hosts(const char *lines)
{
    struct gost_hosts *h;
    CHECK_INT(gost_hosts_new(&h), 0);
    CHECK_INT(gost_hosts_load(h, lines, strlen(lines)), 0);
    return h;
}

/* The addresses found, joined by blanks. */
static const char *find(const struct gost_hosts *h, const char *name, int family)
{
    static char all[256];
    union gost_sockaddr out[4];
    size_t n = gost_hosts_find(h, name, strlen(name), family, 80, out, 4);
    all[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        char one[GOST_HOSTPORT_MAX];
        CHECK_INT(gost_sockaddr_port(&out[i]), 80);
        strcat(strcat(all, i ? " " : ""), gost_sockaddr_host(&out[i], one));
    }
    return all;
}

TEST(names_are_looked_up_from_the_closest_to_the_catch_all)
{
    struct gost_hosts *h =
        hosts("1.0.0.1 exact.wild.test\n1.0.0.2 .wild.test\n1.0.0.3 .b.wild.test\n"
              "1.0.0.4 plain.test alias.test Other.TEST. # names\n");
    static const char *const rows[][2] = {
        {"exact.wild.test", "1.0.0.1"},
        {"EXACT.wild.Test.", "1.0.0.1"},
        {"wild.test", "1.0.0.2"},
        {"x.wild.test", "1.0.0.2"},
        {"x.y.wild.test", "1.0.0.2"},
        {"b.wild.test", "1.0.0.3"},
        {"a.b.wild.test", "1.0.0.3"},
        {"x.exact.wild.test", "1.0.0.2"},
        {"plain.test", "1.0.0.4"},
        {"alias.test", "1.0.0.4"},
        {"other.test", "1.0.0.4"},
        {"x.plain.test", ""},
        {"test", ""},
        {"", ""},
        {"xwild.test", ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        CHECK_STR(find(h, rows[i][0], AF_UNSPEC), rows[i][1]);
    CHECK_INT(gost_hosts_load(h, "9.9.9.9 .", 9), 0);
    CHECK_STR(find(h, "nowhere.test", AF_UNSPEC), "9.9.9.9");
    CHECK_STR(find(h, "plain.test", AF_UNSPEC), "1.0.0.4");
    gost_hosts_unref(h);
}

TEST(families_filter_the_entry_that_was_chosen)
{
    struct gost_hosts *h = hosts("1.0.0.1 a.test\n::1 a.test\n1.0.0.2 a.test\n1.0.0.1 a.test\n"
                                 "::2 .test\n1.0.0.9 b.test\n");
    CHECK_STR(find(h, "a.test", AF_UNSPEC), "1.0.0.1 ::1 1.0.0.2");
    CHECK_STR(find(h, "a.test", AF_INET), "1.0.0.1 1.0.0.2");
    CHECK_STR(find(h, "a.test", AF_INET6), "::1");
    CHECK_STR(find(h, "b.test", AF_INET6), ""); /* no further search */
    union gost_sockaddr one;
    CHECK_INT(gost_hosts_find(h, "a.test", 6, AF_UNSPEC, 1, &one, 1), 1);
    gost_hosts_unref(h);
}

TEST(bad_lines_of_a_hosts_file_do_not_stop_the_rest)
{
    struct gost_hosts *h;
    static const char text[] = "1.2.3 a.test\n1.2.3.4\n1.2.3.4 b.test\n";
    CHECK_INT(gost_hosts_new(&h), 0);
    int rc = gost_hosts_load(h, text, sizeof(text) - 1);
    CHECK_INT(rc, GOST_ECONFIG);
    CHECK_STR(gost_diag_text(rc), "line 1: \"1.2.3\" is no IP address (and 1 more)");
    CHECK_STR(find(h, "a.test", AF_UNSPEC), "");
    CHECK_STR(find(h, "b.test", AF_UNSPEC), "1.2.3.4");
    gost_hosts_unref(h);
}

RUN_TESTS()
