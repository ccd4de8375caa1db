/* linux.intelRdt: the plan, the lines of schemata, and the folders, in a tree that looks like resctrl. */
#include "lib/file.h"
#include "lib/mem.h"
#include "runtime/cgroup/rdt.h"
#include "tests/unit/test.h"
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static struct arena *a;
static char dir[64];
static int root;

static int setup(void **state)
{
    (void)state;
    a = arena_new();
    strcpy(dir, "/tmp/wherry-rdt.XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(a);
    close(root);
    assert_ok(file_remove_tree(AT_FDCWD, dir));
    return 0;
}

static struct err *plan(const char *text, struct rdt *ret)
{
    struct oci_intel_rdt *r = arena_new_obj(a, struct oci_intel_rdt);
    TRY(fields_parse(&oci_intel_rdt_fields, a, text, strlen(text), r));
    return rdt_plan(a, r, "c1", ret);
}

static void test_plan(void **state)
{
    (void)state;
    struct rdt r;
    assert_ok(rdt_plan(a, NULL, "c1", &r));
    assert_false(r.wanted);
    assert_ok(plan("{}", &r));
    assert_true(r.wanted && r.own && !r.monitor);
    assert_string_equal(r.class, "c1");
    assert_ok(plan("{\"closID\":\"gold\",\"memBwSchema\":\"MB:0=20\",\"l3CacheSchema\":\"L3:0=f\","
                   "\"schemata\":[\"L2:0=3\"],\"enableMonitoring\":true}",
        &r));
    assert_true(!r.own && r.monitor);
    assert_string_equal(r.class, "gold");
    assert_int_equal(r.lines.n, 3);
    assert_string_equal(r.lines.v[0], "L3:0=f"); /* in the specification's order */
    assert_string_equal(r.lines.v[1], "MB:0=20");
    assert_string_equal(r.lines.v[2], "L2:0=3");
    assert_ok(plan("{\"closID\":\"/\"}", &r));
    assert_string_equal(r.class, ".");
    assert_false(r.own);
    static const char *const bad[][2] = {
        {"{\"closID\":\"a/b\"}", "linux.intelRdt: closID: \"a/b\": not the name of a class"},
        {"{\"closID\":\"..\"}", "linux.intelRdt: closID: \"..\": not the name of a class"},
        {"{\"memBwSchema\":\"L3:0=f\"}", "linux.intelRdt: memBwSchema: \"L3:0=f\": must begin with MB:"},
        {"{\"l3CacheSchema\":\"MB:0=1\"}", "linux.intelRdt: l3CacheSchema: \"MB:0=1\": must begin with L3"},
        {"{\"memBwSchema\":\"MB:0=1\\nL3:0=f\"}", "linux.intelRdt: memBwSchema: must not contain a newline"},
        {"{\"schemata\":[\"MB:0=1\",\"x\\ny\"]}", "linux.intelRdt: schemata: must not contain a newline"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_error(plan(bad[i][0], &r), ERR_INVALID, bad[i][1]);
}

static void test_lines(void **state)
{
    (void)state;
    const char *text = "    MB:0= 20;1=100\n    L3:0=0ff;1=f0\nL3CODE:0=1\n";
    assert_true(rdt_has(text, "L3:0=ff;1=f0"));
    assert_true(rdt_has(text, "L3:1=0F0"));
    assert_true(rdt_has(text, "L3: 0=FF ; 1=f0;"));
    assert_true(rdt_has(text, "L3CODE:0=1"));
    assert_true(rdt_has(text, "MB:1=100"));
    assert_false(rdt_has(text, "L3:0=f"));
    assert_false(rdt_has(text, "L3:2=ff"));
    assert_false(rdt_has(text, "L2:0=ff"));
    assert_false(rdt_has(text, "L3:0=ff;1=f1"));
    assert_false(rdt_has(text, "L3"));
    assert_false(rdt_has("", "L3:0=1"));
}

static void test_mount_point(void **state)
{
    (void)state;
    auto_free char *point =
        rdt_mount_point("1 2 0:3 / /sys rw - sysfs sysfs rw\n"
                        "9 2 0:33 / /sys/fs/resctrl rw,relatime shared:9 - resctrl resctrl rw\n"
                        "3 2 0:4 / /proc rw - proc proc rw\n");
    assert_string_equal(point, "/sys/fs/resctrl");
    assert_null(rdt_mount_point("1 2 0:3 / /resctrl rw - tmpfs resctrl rw\n"));
    assert_null(rdt_mount_point(""));
}

static void fake_class(const char *name, const char *schemata)
{
    char path[100];
    snprintf(path, sizeof(path), "%s/mon_groups", name);
    assert_ok(file_mkdirs(root, path, 0755, NULL));
    snprintf(path, sizeof(path), "%s/schemata", name);
    assert_ok(file_write_atomic(root, path, schemata, strlen(schemata), 0644, FILE_NO_FSYNC));
    snprintf(path, sizeof(path), "%s/tasks", name);
    assert_ok(file_write_atomic(root, path, "", 0, 0644, FILE_NO_FSYNC));
}

static const char *text_of(const char *path)
{
    char *text;
    assert_ok(file_read(root, path, 4096, &text, NULL));
    const char *copy = arena_strdup(a, text);
    free(text);
    return copy;
}

static void test_shared_class(void **state)
{
    (void)state;
    struct rdt r;
    fake_class("gold", "L3:0=f;1=f\nMB:0=20\n");
    assert_ok(
        plan("{\"closID\":\"gold\",\"schemata\":[\"L3:1=0f\",\"MB:0=20\"],\"enableMonitoring\":true}", &r));
    assert_ok(rdt_make(root, &r));
    assert_ok(file_write_atomic(root, "gold/mon_groups/c1/tasks", "", 0, 0644, FILE_NO_FSYNC));
    assert_ok(rdt_enter(root, &r, 4711));
    assert_string_equal(text_of("gold/tasks"), "4711");
    assert_string_equal(text_of("gold/mon_groups/c1/tasks"), "4711");
    assert_int_equal(unlinkat(root, "gold/mon_groups/c1/tasks", 0), 0); /* resctrl's files go by themselves */
    assert_ok(rdt_remove(root, &r));
    assert_false(file_exists(root, "gold/mon_groups/c1"));
    assert_true(file_exists(root, "gold/schemata")); /* others may be in it */
    assert_ok(rdt_remove(root, &r));                 /* twice is once */
    assert_ok(plan("{\"closID\":\"gold\",\"schemata\":[\"L3:1=1\"]}", &r));
    assert_error(rdt_make(root, &r), ERR_CONFLICT,
        "linux.intelRdt: class gold: \"L3:1=1\" is not what its schemata says");
    assert_ok(plan("{\"closID\":\"silver\"}", &r)); /* without a schema it must be there */
    assert_error(rdt_make(root, &r), ERR_NOT_FOUND, NULL);
}

static void test_own_class(void **state)
{
    (void)state;
    struct rdt r;
    assert_ok(plan("{}", &r));
    assert_ok(rdt_make(root, &r));
    assert_true(file_exists(root, "c1"));
    assert_ok(rdt_remove(root, &r));
    assert_false(file_exists(root, "c1"));
    assert_ok(rdt_remove(root, &r));
    assert_ok(plan("{\"memBwSchema\":\"MB:0=1\"}", &r)); /* nobody takes the line: the class goes again */
    assert_error(rdt_make(root, &r), ERR_NOT_FOUND, NULL);
    assert_false(file_exists(root, "c1"));
    fake_class("c1", "");
    assert_error(rdt_make(root, &r), ERR_EXISTS, "linux.intelRdt: class c1: make the class: file exists");
    assert_true(file_exists(root, "c1/schemata"));
}

static struct err *plan_update(const char *text, const char *l3, const char *mb, struct rdt *ret)
{
    struct oci_intel_rdt r;
    TRY(fields_parse(&oci_intel_rdt_fields, a, text, strlen(text), &r));
    return rdt_plan_update(a, &r, "c1", l3, mb, ret);
}

static void test_update(void **state)
{
    (void)state;
    struct rdt r;
    fake_class("c1", "");
    fake_class("gold", "");
    assert_ok(plan_update("{\"l3CacheSchema\":\"L3:0=f\"}", NULL, "MB:0=30", &r));
    assert_ok(rdt_update(root, &r)); /* what the record has is not written again */
    assert_string_equal(text_of("c1/schemata"), "MB:0=30\n");
    assert_ok(plan_update("{\"closID\":\"gold\"}", "L3:0=3", "MB:0=40", &r));
    assert_ok(rdt_update(root, &r));
    assert_string_equal(text_of("gold/schemata"), "L3:0=3\nMB:0=40\n");
    assert_error(plan_update("{}", "MB:0=3", NULL, &r), ERR_INVALID, "...must begin with L3");
    assert_error(plan_update("{\"closID\":\"/\"}", "L3:0=3", NULL, &r), ERR_UNSUPPORTED,
        "...the default class, as the host is");
    assert_error(rdt_plan_update(a, NULL, "c1", "L3:0=3", NULL, &r), ERR_UNSUPPORTED,
        "Intel RDT is not enabled: container c1 has no class (linux.intelRdt)");
    assert_ok(plan_update("{\"closID\":\"silver\"}", "L3:0=3", NULL, &r));
    assert_error(rdt_update(root, &r), ERR_NOT_FOUND,
        "linux.intelRdt: class silver: open it: no such file or directory");
}

static void test_nowhere(void **state)
{
    (void)state;
    struct oci_intel_rdt r = {0};
    assert_ok(rdt_release(a, NULL, "c1"));
    assert_ok(rdt_join(a, NULL, "c1", 1));
    auto_free char *text = NULL;
    assert_ok(file_read(AT_FDCWD, "/proc/self/mountinfo", 16 << 20, &text, NULL));
    auto_free char *point = rdt_mount_point(text);
    if (point) /* a host with RDT: not ours to change */
        return;
    assert_error(rdt_join(a, &r, "c1", 1), ERR_UNSUPPORTED, "...no resctrl is mounted");
    assert_ok(rdt_release(a, &r, "c1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_plan, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mount_point, setup, teardown),
        cmocka_unit_test_setup_teardown(test_shared_class, setup, teardown),
        cmocka_unit_test_setup_teardown(test_own_class, setup, teardown),
        cmocka_unit_test_setup_teardown(test_update, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nowhere, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
