/* AppArmor and SELinux: what is asked for, against what the host has. */
#include "lib/file.h"
#include "lib/mem.h"
#include "runtime/process/lsm.h"
#include "tests/unit/test.h"
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static const struct lsm_host none, both = {true, true};

static void test_plan(void **state)
{
    (void)state;
    struct lsm l;
    struct oci_process p = {.apparmor_profile = "p", .selinux_label = "u:r:t:s0:c1,c2"};
    assert_ok(lsm_plan(&both, &p, "u:o:f:s0", &l));
    assert_string_equal(l.profile, "p");
    assert_string_equal(l.label, "u:r:t:s0:c1,c2");
    assert_true(lsm_wanted(&l));
    p = (struct oci_process){.apparmor_profile = "unconfined"};
    assert_ok(lsm_plan(&both, &p, NULL, &l));
    assert_string_equal(l.profile, "unconfined"); /* out of the profile of whoever called us */
    assert_ok(lsm_plan(&none, &p, NULL, &l));
    assert_false(lsm_wanted(&l));
    p = (struct oci_process){.apparmor_profile = "", .selinux_label = ""};
    assert_ok(lsm_plan(&none, &p, "", &l));
    assert_false(lsm_wanted(&l));
}

static void test_refused(void **state)
{
    (void)state;
    struct lsm l;
    struct oci_process p = {.apparmor_profile = "p"};
    assert_error(lsm_plan(&none, &p, NULL, &l), ERR_UNSUPPORTED,
        "process.apparmorProfile: \"p\": apparmor: config provided but apparmor not supported");
    p = (struct oci_process){.selinux_label = "l"};
    assert_error(lsm_plan(&none, &p, NULL, &l), ERR_UNSUPPORTED,
        "process.selinuxLabel: \"l\": selinux label is specified in config, but selinux is disabled or not "
        "supported");
    p = (struct oci_process){0};
    assert_error(lsm_plan(&none, &p, "m", &l), ERR_UNSUPPORTED,
        "linux.mountLabel: \"m\": selinux label is specified in config, but selinux is disabled or not "
        "supported");
    p = (struct oci_process){.apparmor_profile = "a\nexec b"};
    assert_error(lsm_plan(&both, &p, NULL, &l), ERR_INVALID, NULL);
}

/* A tree that says yes, and a folder that is no selinuxfs. */
static void test_host(void **state)
{
    (void)state;
    char dir[] = "/tmp/wherry-lsm.XXXXXX";
    assert_non_null(mkdtemp(dir));
    int root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct lsm_host h = lsm_host_read(root);
    assert_false(h.apparmor || h.selinux);
    assert_ok(file_mkdirs(root, "sys/module/apparmor/parameters", 0755, NULL));
    assert_ok(file_mkdirs(root, "sys/fs/selinux", 0755, NULL));
    for (int yes = 0; yes < 2; yes++) {
        assert_ok(file_write_atomic(
            root, "sys/module/apparmor/parameters/enabled", yes ? "Y\n" : "N\n", 2, 0644, FILE_NO_FSYNC));
        h = lsm_host_read(root);
        assert_int_equal(h.apparmor, yes);
        assert_false(h.selinux);
    }
    close(root);
    assert_ok(file_remove_tree(AT_FDCWD, dir));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
