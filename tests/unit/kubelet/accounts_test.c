/* kubelet/accounts: users of an image; poisoned files cannot make a number another one (CVE-2016-3697 and
 * kin). */
#include "kubelet/accounts.h"
#include "tests/unit/test.h"

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
                             "web:x:33:34::/www:\n"
                             "1000:x:0:0:a number as a name:/:/bin/sh\n"
                             "4294967297:x:0:0::/:\n"
                             "broken line\n"
                             "big:x:99999999999:1::/:\n"
                             "last:x:7:8::/last:/bin/sh";
static const char group[] = "root:x:0:\nwheel:x:10:root,web\nwww:x:34:\nstaff:x:50:web\n";

static const struct {
    const char *spec;
    int64_t run_as_user, run_as_group; /* -1: unset */
    int64_t uid, gid;                  /* -1: an error */
    const char *groups;
} examples[] = {
    {"", -1, -1, 0, 0, "10"},
    {"root", -1, -1, 0, 0, "10"},
    {"web", -1, -1, 33, 34, "10,50"},
    {"web:staff", -1, -1, 33, 50, "10,50"},
    {"33", -1, -1, 33, 34, "10,50"},
    {"33:1", -1, -1, 33, 1, "10,50"},
    {"1000", -1, -1, 1000, 0, ""}, /* the number, not the name */
    {"last", -1, -1, 7, 8, ""},
    {"2147483647", -1, -1, 2147483647, 0, ""},
    {"2147483648", -1, -1, -1, -1, ""},
    {"4294967295", -1, -1, -1, -1, ""},
    {"4294967296", -1, -1, -1, -1, ""},
    {"4294967297", -1, -1, -1, -1, ""},
    {"-1", -1, -1, -1, -1, ""},
    {"+0", -1, -1, -1, -1, ""},
    {"0x0", -1, -1, -1, -1, ""},
    {" 0", -1, -1, -1, -1, ""},
    {"nobody", -1, -1, -1, -1, ""},
    {"web:none", -1, -1, -1, -1, ""},
    {"web", 1234, -1, 1234, 0, ""},
    {"nobody", 33, -1, 33, 34, "10,50"},
    {"", 33, 5, 33, 5, "10,50"},
    {"", -1, 3000, 0, 3000, "10"},
};

static void cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(examples); i++) {
        auto_arena *a = arena_new();
        struct account_user u;
        struct opt_int uid = {examples[i].run_as_user >= 0, examples[i].run_as_user};
        struct opt_int gid = {examples[i].run_as_group >= 0, examples[i].run_as_group};
        struct err *e = accounts_resolve_text(a, passwd, group, examples[i].spec, uid, gid, &u);
        if (!!e != (examples[i].uid < 0))
            print_error("user \"%s\"\n", examples[i].spec);
        assert_int_equal(!!e, examples[i].uid < 0);
        if (e) {
            err_free(e);
            continue;
        }
        char groups[128] = "";
        for (size_t g = 0; g < u.groups.n; g++)
            sprintf(groups + strlen(groups), "%s%lld", g ? "," : "", (long long)u.groups.v[g]);
        assert_int_equal(u.uid, examples[i].uid);
        assert_int_equal(u.gid, examples[i].gid);
        assert_string_equal(groups, examples[i].groups);
    }
}

static void an_image_without_files(void **state)
{
    (void)state;
    auto_arena *a = arena_new();
    struct account_user u;
    assert_ok(accounts_resolve_text(a, NULL, NULL, "1000:7", (struct opt_int){0}, (struct opt_int){0}, &u));
    assert_int_equal(u.uid, 1000);
    assert_int_equal(u.gid, 7);
    assert_error(accounts_resolve_text(a, NULL, NULL, "web", (struct opt_int){0}, (struct opt_int){0}, &u),
        ERR_NOT_FOUND, "unable to find user web: no matching entries in passwd file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(cases), cmocka_unit_test(an_image_without_files)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
