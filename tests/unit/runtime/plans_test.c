/* The runtime's planners: mounts, id maps, namespaces, cgroup paths, sysctls, capabilities. */
#include "lib/mem.h"
#include "runtime/cgroup/cgroups.h"
#include "runtime/process/caps.h"
#include "runtime/process/process.h"
#include "runtime/process/signals.h"
#include "runtime/record.h"
#include "runtime/tree/mounts.h"
#include "runtime/tree/sysctl.h"
#include "runtime/user/idmap.h"
#include "runtime/user/namespaces.h"
#include "tests/unit/runtime/arena.h"
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>

static struct oci_config *config(const char *text)
{
    struct oci_config *c = arena_new_obj(a, struct oci_config);
    struct err *e = fields_parse(&oci_config_fields, a, text, strlen(text), c);
    if (e)
        fail_msg("%s", err_message(e));
    return c;
}

#define MOUNTS(list) "{\"ociVersion\":\"1.2.0\",\"mounts\":[" list "]}"

static void test_mount_options(void **state)
{
    (void)state;
    struct mount_list l;
    struct oci_config *c = config(MOUNTS(
        "{\"destination\":\"/a\",\"type\":\"bind\",\"source\":\"src\",\"options\":[\"rbind\",\"ro\","
        "\"rw\",\"nosuid\",\"rro\",\"noatime\",\"strictatime\",\"rslave\"]},"
        "{\"destination\":\"/"
        "b\",\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"options\":[\"mode=755\",\"size=1m\",\"ro\",\"huge\"]},"
        "{\"destination\":\"/c\",\"type\":\"cgroup\"},"
        "{\"destination\":\"/d\",\"type\":\"ext4\",\"source\":\"/dev/x\",\"options\":[\"ro\",\"sync\"]}"));
    assert_null(mounts_plan(a, c, "/bundle", &l));
    assert_int_equal(l.n, 4);
    const struct mount_plan *m = &l.v[0];
    assert_int_equal(m->kind, MOUNT_BIND);
    assert_string_equal(m->source, "/bundle/src");
    assert_true(m->recursive && m->rpropagation);
    assert_int_equal(m->propagation, MS_SLAVE);
    assert_int_equal(m->set, MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME);
    assert_true(m->clear & MOUNT_ATTR_RDONLY);
    assert_int_equal(m->rset, MOUNT_ATTR_RDONLY);
    m = &l.v[1];
    assert_int_equal(m->kind, MOUNT_NEW);
    assert_int_equal(m->n_params, 3);
    assert_string_equal(m->params[0].key, "mode");
    assert_string_equal(m->params[0].value, "755");
    assert_null(m->params[2].value);
    assert_int_equal(l.v[2].kind, MOUNT_CGROUP);
    m = &l.v[3];
    assert_int_equal(m->n_params, 2); /* sync, and ro of the superblock */
    assert_string_equal(m->params[1].key, "ro");
}

static void test_mounts_refused(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {MOUNTS("{\"destination\":\"/a\",\"type\":\"bind\"}"), "mounts[0]: source"},
        {MOUNTS("{\"destination\":\"/a\"}"), "mounts[0]: type: absent"},
        {MOUNTS("{\"destination\":\"\",\"type\":\"tmpfs\"}"), "mounts[0]: destination: empty"},
        {MOUNTS(
             "{\"destination\":\"/a\",\"type\":\"bind\",\"source\":\"/\",\"options\":[\"bind\",\"odd=1\"]}"),
            "\"odd\": unknown for a bind mount"},
        {MOUNTS("{\"destination\":\"/a\",\"type\":\"proc\",\"options\":[\"tmpcopyup\"]}"), "for tmpfs only"},
        {MOUNTS("{\"destination\":\"/a\",\"type\":\"proc\",\"options\":[\"\"]}"), "options[0]: empty"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct mount_list l;
        refused(mounts_plan(a, config(cases[i][0]), "/b", &l), ERR_INVALID, cases[i][1]);
    }
    assert_int_equal(mounts_propagation("rshared"), MS_SHARED | MS_REC);
    assert_int_equal(mounts_propagation("ro"), 0);
}

static struct oci_id_map range(int64_t in, int64_t out, int64_t size)
{
    return (struct oci_id_map){{true, in}, {true, out}, {true, size}};
}

static void test_id_maps(void **state)
{
    (void)state;
    const char *text;
    struct oci_id_map v[341];
    v[0] = range(0, 100000, 65536);
    v[1] = range(65536, 300000, 10);
    assert_null(idmap_text(a, "m", v, 2, &text));
    assert_string_equal(text, "0 100000 65536\n65536 300000 10\n");
    v[1] = range(65535, 300000, 10);
    refused(idmap_text(a, "m", v, 2, &text), ERR_INVALID, "m[1]: overlaps the range of [0]");
    v[1] = range(70000, 100005, 10);
    refused(idmap_text(a, "m", v, 2, &text), ERR_INVALID, "overlaps");
    v[1] = range(70000, 4294967290, 10);
    refused(idmap_text(a, "m", v, 2, &text), ERR_INVALID, "beyond the largest id");
    v[1] = range(1, 1, 0);
    refused(idmap_text(a, "m", v, 2, &text), ERR_INVALID, "size: must be above 0");
    for (int i = 0; i < 341; i++)
        v[i] = range(i, 1000 + i, 1);
    assert_null(idmap_text(a, "m", v, 340, &text));
    refused(idmap_text(a, "m", v, 341, &text), ERR_LIMIT, "341 ranges");
}

static void test_namespaces(void **state)
{
    (void)state;
    struct ns_plan p;
    struct oci_config *c =
        config("{\"ociVersion\":\"1.2.0\",\"linux\":{\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"pid\"},"
               "{\"type\":\"network\",\"path\":\"/x\"}]}}");
    assert_null(namespaces_plan(c->linux_, &p));
    assert_int_equal(p.make, CLONE_NEWNS | CLONE_NEWPID);
    assert_int_equal(p.within, CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET);
    assert_int_equal(p.n_join, 1);
    static const char *const cases[][2] = {
        {"[{\"type\":\"pid\"}]", "a new mount namespace is needed"},
        {"[{\"type\":\"mount\"},{\"type\":\"mount\"}]", "[1]: type: \"mount\" is listed twice"},
        {"[{\"type\":\"net\"}]", "unknown namespace \"net\""},
        {"[{\"type\":\"mount\"},{\"type\":\"user\"}]", "needs uidMappings"},
        {"[{\"type\":\"pid\",\"path\":\"x\"}]", "path: \"x\" is not absolute"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        c = config(arena_printf(a, "{\"ociVersion\":\"1.2.0\",\"linux\":{\"namespaces\":%s}}", cases[i][0]));
        refused(namespaces_plan(c->linux_, &p), ERR_INVALID, cases[i][1]);
    }
}

static void test_cgroup_paths(void **state)
{
    (void)state;
    const char *p;
    assert_null(cgroups_path(a, NULL, "id", &p));
    assert_string_equal(p, "/id");
    assert_null(cgroups_path(a, "//a/b..c", "id", &p));
    assert_string_equal(p, "/a/b..c");
    refused(cgroups_path(a, "/", "id", &p), ERR_INVALID, "root cgroup");
    refused(cgroups_path(a, "a/..", "id", &p), ERR_INVALID, "..");
    refused(cgroups_path(a, "../a", "id", &p), ERR_INVALID, "..");
    refused(cgroups_path(a, "a.slice:b:c", "id", &p), ERR_UNSUPPORTED, "systemd");
}

static struct err *sysctl(const char *name, const char *value, int ns)
{
    struct str_pair v = {name, value};
    struct str_map m = {1, &v};
    return sysctl_check(&m, ns);
}

static void test_sysctls(void **state)
{
    (void)state;
    int all = CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
    assert_null(sysctl("net.ipv4.ip_forward", "1", all));
    assert_null(sysctl("net/ipv4/conf/eth0.1/forwarding", "1", all));
    assert_null(sysctl("kernel.shmmax", "1", all));
    assert_null(sysctl("fs.mqueue.msg_max", "1", all));
    static const char *const bad[] = {
        "kernel.core_pattern", "kernel.shmmaxx", "fs.file-max", "vm.swappiness", "net", "netx.y"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        refused(sysctl(bad[i], "1", all), ERR_DENIED, "is not in a namespace");
    refused(sysctl("net.ipv4.ip_forward", "1", CLONE_NEWIPC), ERR_DENIED, "needs a network namespace");
    refused(sysctl("net/../kernel/core_pattern", "1", all), ERR_INVALID, "not the name");
    refused(sysctl("net..ipv4", "1", all), ERR_INVALID, "not the name");
    refused(sysctl("/net/ipv4", "1", all), ERR_INVALID, "not the name");
    refused(sysctl("", "1", all), ERR_INVALID, "not the name");
    refused(sysctl("net.ipv4.x", "1\nkernel", all), ERR_INVALID, "more than one line");
}

static void test_process(void **state)
{
    (void)state;
    struct process_plan p;
    struct oci_process o;
    const char *good = "{\"args\":[\"a\"],\"cwd\":\"/"
                       "\",\"env\":[\"A=b\"],\"user\":{\"uid\":4294967294,\"gid\":5,\"additionalGids\":[1]},"
                       "\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"hard\":18446744073709551615,\"soft\":1}],"
                       "\"capabilities\":{\"bounding\":[\"CAP_CHOWN\",\"CAP_NEWER\"]}}";
    assert_null(fields_parse(&oci_process_fields, a, good, strlen(good), &o));
    assert_null(process_plan(a, &o, &p));
    assert_int_equal(p.uid, 4294967294u);
    assert_true(p.rlimits[0].limit.rlim_max == RLIM_INFINITY);
    assert_int_equal(p.caps.bounding, 1);
    assert_string_equal(p.unknown_cap, "CAP_NEWER");
    process_setenv(&p, a, "A", "c");
    process_setenv(&p, a, "HOME", "/");
    assert_string_equal(p.envp[0], "A=c");
    assert_string_equal(p.envp[1], "HOME=/");
    assert_null(p.envp[2]);
    static const char *const bad[][2] = {
        {"{\"cwd\":\"/\"}", "args: must not be empty"},
        {"{\"args\":[\"a\"],\"cwd\":\"x\"}", "cwd"},
        {"{\"args\":[\"a\"],\"cwd\":\"/\",\"env\":[\"A\"]}", "env[0]: \"A\""},
        {"{\"args\":[\"a\"],\"cwd\":\"/\",\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"hard\":1,\"soft\":2}]}",
            "soft: 2 is above hard 1"},
        {"{\"args\":[\"a\"],\"cwd\":\"/\",\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"hard\":-1,\"soft\":2}]}",
            "hard: not an unsigned"},
        {"{\"args\":[\"a\"],\"cwd\":\"/\",\"user\":{\"additionalGids\":[-1]}}", "additionalGids[0]"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_null(fields_parse(&oci_process_fields, a, bad[i][0], strlen(bad[i][0]), &o));
        refused(process_plan(a, &o, &p), ERR_INVALID, bad[i][1]);
    }
}

static void test_names(void **state)
{
    (void)state;
    int s;
    assert_null(signals_parse("TERM", &s));
    assert_int_equal(s, SIGTERM);
    assert_null(signals_parse("sigkill", &s));
    assert_int_equal(s, SIGKILL);
    assert_null(signals_parse("RTMIN+3", &s));
    assert_int_equal(s, 37);
    assert_null(signals_parse("64", &s));
    static const char *const bad[] = {"", "65", "-1", "TERMX", "SIG", "RTMIN+99", "RTMIN+", "1x"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        refused(signals_parse(bad[i], &s), ERR_INVALID, "unknown signal");
    assert_int_equal(caps_number("CAP_SYS_ADMIN"), 21);
    assert_int_equal(caps_number("sys_admin"), 21);
    assert_int_equal(caps_number("CAP_"), -1);
    static const char *const ids[] = {"", ".", "..", "a/b", ".a", "a b", "a\n", "\xc3\xbc", "%2e"};
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
        refused(record_check_id(ids[i]), ERR_INVALID, "container id");
    assert_null(record_check_id("A-z_0+9.x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mount_options),
        cmocka_unit_test(test_mounts_refused),
        cmocka_unit_test(test_id_maps),
        cmocka_unit_test(test_namespaces),
        cmocka_unit_test(test_cgroup_paths),
        cmocka_unit_test(test_sysctls),
        cmocka_unit_test(test_process),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
