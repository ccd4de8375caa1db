/* Device rules: what the v1 files are told, and what the kernel would decide by the eBPF program. */
#include "lib/mem.h"
#include "runtime/cgroup/device_rules.h"
#include "tests/fuzz/runtime/programs.h"
#include "tests/unit/runtime/arena.h"

static struct err *table(const char *rules, struct device_table *t)
{
    struct oci_resources r;
    const char *text = arena_printf(a, "{\"devices\":%s}", rules);
    assert_null(fields_parse(&oci_resources_fields, a, text, strlen(text), &r));
    return device_rules_table(a, &r, t);
}

static bool may(const struct device_table *t, char type, uint32_t major, uint32_t minor, unsigned access)
{
    size_t n;
    struct bpf_insn *p = device_rules_ebpf(a, t, &n);
    uint32_t ctx[3] = {access << 16 | (type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR), major, minor};
    return device_run(p, n, ctx);
}

static void test_devices_denied_by_default(void **state)
{
    (void)state;
    static const char *const lists[] = {
        "[]", "[{\"allow\":false,\"access\":\"rwm\"}]", "[{\"allow\":false,\"type\":\"a\"}]"};
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        struct device_table t;
        assert_null(table(lists[i], &t));
        assert_false(t.allow);
        assert_true(may(&t, 'c', 1, 3, DEVICE_READ | DEVICE_WRITE));
        assert_true(may(&t, 'c', 136, 77, DEVICE_READ | DEVICE_WRITE));
        assert_true(may(&t, 'b', 8, 0, DEVICE_MKNOD));
        assert_false(may(&t, 'b', 8, 0, DEVICE_READ));
        assert_false(may(&t, 'b', 1, 3, DEVICE_READ));
        assert_false(may(&t, 'c', 1, 1, DEVICE_READ));
        assert_false(may(&t, 'c', 10, 200, DEVICE_WRITE));
    }
}

static void test_devices_exceptions(void **state)
{
    (void)state;
    struct device_table t;
    assert_null(table(
        "[{\"allow\":false},{\"allow\":true,\"type\":\"c\",\"major\":10,\"minor\":200,\"access\":\"r\"},"
        "{\"allow\":true,\"type\":\"c\",\"major\":10,\"minor\":200,\"access\":\"w\"},"
        "{\"allow\":true,\"type\":\"b\",\"major\":7}]",
        &t));
    assert_true(may(&t, 'c', 10, 200, DEVICE_READ | DEVICE_WRITE));
    assert_true(may(&t, 'b', 7, 9, DEVICE_ALL));
    assert_false(may(&t, 'c', 10, 201, DEVICE_READ));
    struct str_list v1 = device_rules_v1(a, &t, NULL);
    assert_string_equal(v1.v[0], "da");
    assert_string_equal(v1.v[1], "ac 10:200 rw");
    assert_string_equal(v1.v[2], "ab 7:* rwm");
    /* allow all but one */
    assert_null(table("[{\"allow\":true,\"type\":\"a\"},{\"allow\":false,\"type\":\"b\",\"major\":8,"
                      "\"minor\":0,\"access\":\"w\"}]",
        &t));
    assert_true(t.allow);
    assert_false(may(&t, 'b', 8, 0, DEVICE_READ | DEVICE_WRITE));
    assert_true(may(&t, 'b', 8, 0, DEVICE_READ));
    assert_true(may(&t, 'c', 200, 1, DEVICE_ALL));
    v1 = device_rules_v1(a, &t, NULL);
    assert_string_equal(v1.v[0], "aa");
    assert_string_equal(v1.v[1], "db 8:0 w");
    /* said again */
    assert_null(table("[{\"allow\":true,\"type\":\"c\",\"major\":9,\"minor\":9,\"access\":\"rw\"},{\"allow\":"
                      "false,\"type\":\"c\",\"major\":9,\"access\":\"w\"}]",
        &t));
    assert_true(may(&t, 'c', 9, 9, DEVICE_READ));
    assert_false(may(&t, 'c', 9, 9, DEVICE_WRITE));
    refused(table("[{\"allow\":true,\"type\":\"c\",\"major\":9},{\"allow\":false,\"type\":\"c\",\"major\":9,"
                  "\"minor\":1}]",
                &t),
        ERR_UNSUPPORTED, "linux.resources.devices[1]");
}

static const char *joined(struct str_list l)
{
    const char *text = "";
    for (size_t i = 0; i < l.n; i++)
        text = arena_printf(a, "%s%s;", text, l.v[i]);
    return text;
}

/* From what devices.list says to other rules. */
static void test_v1_differences(void **state)
{
    (void)state;
    struct device_table now, t;
    struct device_rule tun = {'c', 10, 200, DEVICE_READ}, disks = {'b', 8, -1, DEVICE_ALL};
    assert_null(device_rules_parse(a, "a *:* rwm\n", &now));
    assert_true(now.allow);
    t = (struct device_table){.v = &tun, .n = 1};
    assert_string_equal(joined(device_rules_v1(a, &t, &now)), "da;ac 10:200 r;");
    assert_null(device_rules_parse(a, "c 10:200 rwm\nb 8:* m\nc *:* m\n", &now));
    assert_false(now.allow);
    assert_int_equal(now.n, 3);
    assert_string_equal(joined(device_rules_v1(a, &t, &now)), "ac 10:200 r;dc 10:200 wm;db 8:* m;dc *:* m;");
    t = (struct device_table){.v = &disks, .n = 1};
    assert_string_equal(joined(device_rules_v1(a, &t, &now)), "ab 8:* rwm;dc 10:200 rwm;dc *:* m;");
    t = (struct device_table){
        .v = &disks, .n = 1, .allow = true}; /* what is excepted there, the file does not say */
    assert_string_equal(joined(device_rules_v1(a, &t, &now)), "aa;db 8:* rwm;");
    static const char *const bad[] = {
        "d 1:3 rwm", "c1:3 rwm", "c 1 rwm", "c 1:3", "c 1:x rwm", "c 1:3 x", "c 4294967296:3 r"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct err *e = device_rules_parse(a, bad[i], &now);
        assert_non_null(e);
        err_free(e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_devices_denied_by_default),
        cmocka_unit_test(test_devices_exceptions),
        cmocka_unit_test(test_v1_differences),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
