/* linux.resources as writes to cgroup files: each resource on v1 and on v2, at creation and as an update. */
#include "lib/cgroup.h"
#include "lib/mem.h"
#include "runtime/cgroup/cgroups.h"
#include "runtime/cgroup/resources.h"
#include "tests/unit/runtime/arena.h"

static bool all_v1(const void *arg, const char *controller)
{
    (void)arg, (void)controller;
    return false;
}

static bool all_v2(const void *arg, const char *controller)
{
    (void)arg, (void)controller;
    return true;
}

static const struct resources_host v1 = {.is_v2 = all_v1}, v2 = {.is_v2 = all_v2};

static struct err *plan(const char *resources, const struct resources_host *host, struct resource_writes *w)
{
    struct oci_resources r;
    TRY(fields_parse(&oci_resources_fields, a, resources, strlen(resources), &r));
    return resources_plan(a, &r, host, w);
}

/* "file=text;" per write; "file?=" may be missing, "file|=" is this or the next. */
static const char *planned(const char *resources, const struct resources_host *host)
{
    static const char *const marks[] = {"", "?", "|"};
    struct resource_writes w;
    const char *text = "";
    struct err *e = plan(resources, host, &w);
    if (e)
        fail_msg("%s: %s", resources, err_message(e));
    for (size_t i = 0; i < w.n; i++)
        text = arena_printf(a, "%s%s%s=%s;", text, w.v[i].file, marks[w.v[i].need], w.v[i].text);
    return text;
}

static void test_both_versions(void **state)
{
    (void)state;
    static const struct {
        const char *resources, *v1, *v2;
    } cases[] = {
        {"{}", "", ""},
        {"{\"memory\":{\"limit\":100,\"swap\":150,\"reservation\":50,\"swappiness\":10}}",
            "memory.limit_in_bytes=100;memory.memsw.limit_in_bytes=150;memory.soft_limit_in_bytes=50;"
            "memory.swappiness=10;",
            "memory.swap.max=50;memory.max=100;memory.low=50;"},
        {"{\"memory\":{\"limit\":100,\"swap\":100}}",
            "memory.limit_in_bytes=100;memory.memsw.limit_in_bytes=100;",
            "memory.swap.max?=0;memory.max=100;"},
        {"{\"memory\":{\"limit\":-1}}", "memory.limit_in_bytes=-1;memory.memsw.limit_in_bytes?=-1;",
            "memory.swap.max?=max;memory.max=max;"},
        {"{\"memory\":{\"limit\":9,\"swap\":-1}}", "memory.limit_in_bytes=9;memory.memsw.limit_in_bytes?=-1;",
            "memory.swap.max?=max;memory.max=9;"},
        {"{\"memory\":{\"limit\":0,\"swap\":0,\"reservation\":0}}", "", ""},
        {"{\"memory\":{\"reservation\":-1}}", "memory.soft_limit_in_bytes=-1;", "memory.low=max;"},
        {"{\"memory\":{\"disableOOMKiller\":true}}", "memory.oom_control=1;", ""},
        {"{\"memory\":{\"disableOOMKiller\":false}}", "memory.oom_control=0;", ""},
        {"{\"memory\":{\"kernel\":5,\"kernelTCP\":6,\"useHierarchy\":true}}", "",
            ""}, /* gone from the kernel */
        {"{\"cpu\":{\"shares\":1024,\"quota\":50000,\"period\":100000,\"cpus\":\"0-1\",\"mems\":\"0\"}}",
            "cpu.shares=1024;cpu.cfs_period_us=100000;cpu.cfs_quota_us=50000;cpuset.cpus=0-1;cpuset.mems=0;",
            "cpu.weight=100;cpu.max=50000 100000;cpuset.cpus=0-1;cpuset.mems=0;"},
        {"{\"cpu\":{\"quota\":-1,\"period\":5000}}", "cpu.cfs_period_us=5000;cpu.cfs_quota_us=-1;",
            "cpu.max=max 5000;"},
        {"{\"cpu\":{\"quota\":-1}}", "cpu.cfs_quota_us=-1;", "cpu.max=max;"},
        {"{\"cpu\":{\"quota\":0,\"period\":0,\"shares\":0,\"cpus\":\"\",\"mems\":\"\"}}", "", ""},
        {"{\"cpu\":{\"burst\":0}}", "cpu.cfs_burst_us?=0;", "cpu.max.burst?=0;"},
        {"{\"cpu\":{\"idle\":1,\"shares\":7}}", "cpu.idle=1;", "cpu.idle=1;"}, /* who is idle has no weight */
        {"{\"cpu\":{\"idle\":0,\"shares\":2}}", "cpu.idle=0;cpu.shares=2;", "cpu.idle=0;cpu.weight=1;"},
        {"{\"pids\":{\"limit\":5}}", "pids.max=5;", "pids.max=5;"},
        {"{\"pids\":{\"limit\":-1}}", "pids.max=max;", "pids.max=max;"},
        {"{\"pids\":{\"limit\":0}}", "pids.max=1;", "pids.max=1;"},
        {"{\"pids\":{}}", "", ""},
        {"{\"blockIO\":{\"weight\":500}}", "blkio.weight|=500;blkio.bfq.weight=500;",
            "io.bfq.weight|=500;io.weight=4950;"},
        {"{\"blockIO\":{\"weight\":10}}", "blkio.weight|=10;blkio.bfq.weight=10;",
            "io.bfq.weight|=10;io.weight=1;"},
        {"{\"blockIO\":{\"weightDevice\":[{\"major\":8,\"minor\":1,\"weight\":1000}]}}",
            "blkio.weight_device|=8:1 1000;blkio.bfq.weight_device=8:1 1000;",
            "io.bfq.weight|=8:1 1000;io.weight=8:1 10000;"},
        {"{\"blockIO\":{\"throttleReadBpsDevice\":[{\"major\":8,\"minor\":0,\"rate\":600}],"
         "\"throttleWriteBpsDevice\":[{\"major\":8,\"minor\":0,\"rate\":0}],"
         "\"throttleReadIOPSDevice\":[{\"major\":8,\"minor\":0,\"rate\":7}],"
         "\"throttleWriteIOPSDevice\":[{\"major\":8,\"minor\":0,\"rate\":8}]}}",
            "blkio.throttle.read_bps_device=8:0 600;blkio.throttle.write_bps_device=8:0 0;"
            "blkio.throttle.read_iops_device=8:0 7;blkio.throttle.write_iops_device=8:0 8;",
            "io.max=8:0 rbps=600;io.max=8:0 wbps=max;io.max=8:0 riops=7;io.max=8:0 wiops=8;"},
        {"{\"hugepageLimits\":[{\"pageSize\":\"2MB\",\"limit\":9}]}",
            "hugetlb.2MB.limit_in_bytes=9;hugetlb.2MB.rsvd.limit_in_bytes?=9;",
            "hugetlb.2MB.max=9;hugetlb.2MB.rsvd.max?=9;"},
        {"{\"rdma\":{\"mlx5_1\":{\"hcaHandles\":3,\"hcaObjects\":10000},\"mlx4_0\":{\"hcaObjects\":1},"
         "\"none\":{}}}",
            "rdma.max=mlx5_1 hca_handle=3 hca_object=10000;rdma.max=mlx4_0 hca_object=1;",
            "rdma.max=mlx5_1 hca_handle=3 hca_object=10000;rdma.max=mlx4_0 hca_object=1;"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_string_equal(planned(cases[i].resources, &v1), cases[i].v1);
        assert_string_equal(planned(cases[i].resources, &v2), cases[i].v2);
    }
}

static void test_one_version(void **state)
{
    (void)state;
    assert_string_equal(planned("{\"cpu\":{\"realtimePeriod\":1000,\"realtimeRuntime\":950}}", &v1),
        "cpu.rt_period_us=1000;cpu.rt_runtime_us=950;");
    assert_string_equal(
        planned("{\"blockIO\":{\"leafWeight\":9,\"weightDevice\":[{\"major\":8,\"leafWeight\":3}]}}", &v1),
        "blkio.leaf_weight=9;blkio.leaf_weight_device=8:0 3;");
    assert_string_equal(
        planned(
            "{\"network\":{\"classID\":1048577,\"priorities\":[{\"name\":\"eth0\",\"priority\":5}]}}", &v1),
        "net_cls.classid=1048577;net_prio.ifpriomap=eth0 5;");
    assert_string_equal(planned("{\"network\":{}}", &v2), "");
    assert_string_equal(
        planned("{\"unified\":{\"memory.high\":\"7\",\"io.max\":\"8:0 rbps=1\\n8:1 rbps=2\"}}", &v2),
        "memory.high=7;io.max=8:0 rbps=1;io.max=8:1 rbps=2;");
}

static void test_update_of_what_is_there(void **state)
{
    (void)state;
    const struct resources_host now = {.is_v2 = all_v2, .memory_limit = 100, .cpu_quota = 20000};
    assert_string_equal(planned("{\"cpu\":{\"period\":50000}}", &now), "cpu.max=20000 50000;");
    assert_string_equal(planned("{\"cpu\":{\"quota\":30000}}", &now), "cpu.max=30000;");
    assert_string_equal(planned("{\"memory\":{\"swap\":130}}", &now), "memory.swap.max=30;");
    struct resource_writes w;
    assert_error(plan("{\"memory\":{\"swap\":90}}", &now, &w), ERR_INVALID,
        "linux.resources.memory: swap: 90 is below the memory limit 100: it counts both together");
    assert_null(plan("{\"memory\":{\"limit\":90,\"checkBeforeUpdate\":true}}", &now, &w));
    assert_int_equal(w.memory_below, 90);
    assert_null(plan("{\"memory\":{\"limit\":90}}", &now, &w));
    assert_int_equal(w.memory_below, 0);
}

/* Writes of one group follow each other, and no two groups that touch have one number. */
static void test_groups(void **state)
{
    (void)state;
    struct resource_writes w;
    assert_null(plan(
        "{\"memory\":{\"limit\":1,\"swap\":2},\"cpu\":{\"shares\":3,\"period\":4,\"burst\":5,\"quota\":6,"
        "\"realtimePeriod\":7,\"realtimeRuntime\":8,\"cpus\":\"9\"},\"pids\":{\"limit\":10}}",
        &v1, &w));
    const char *text = "";
    for (size_t i = 0; i < w.n; i++) {
        bool joined = i && w.v[i].group && w.v[i].group == w.v[i - 1].group;
        text = arena_printf(a, "%s%s%s", text, i ? joined ? "+" : " " : "", w.v[i].text);
    }
    assert_string_equal(text, "1+2 3 4+5+6 7+8 9 10");
}

static void test_pids_of_older_versions(void **state)
{
    (void)state;
    const struct resources_host older = {.is_v2 = all_v1, .pids_zero_is_unset = true};
    assert_string_equal(planned("{\"pids\":{\"limit\":0}}", &older), "");
    assert_string_equal(planned("{\"pids\":{\"limit\":-1}}", &older), "pids.max=max;");
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *resources;
        const struct resources_host *host;
        enum err_kind kind;
        const char *text;
    } cases[] = {
        {"{\"memory\":{\"limit\":100,\"swap\":50}}", &v1, ERR_INVALID,
            "...below the memory limit 100: it counts both together"},
        {"{\"memory\":{\"swap\":50}}", &v2, ERR_INVALID,
            "linux.resources.memory: swap: 50 without a memory limit"},
        {"{\"memory\":{\"swappiness\":101}}", &v1, ERR_INVALID,
            "linux.resources.memory: swappiness: 101: must be 0 to 100"},
        {"{\"memory\":{\"limit\":-2}}", &v1, ERR_INVALID, "...limit: -2: must be bytes, or -1 for none"},
        {"{\"cpu\":{\"shares\":-1}}", &v1, ERR_INVALID,
            "linux.resources.cpu: shares: -1: must not be negative"},
        {"{\"cpu\":{\"realtimeRuntime\":1}}", &v2, ERR_UNSUPPORTED, "...cgroup v2 has none"},
        {"{\"blockIO\":{\"leafWeight\":1}}", &v2, ERR_UNSUPPORTED,
            "linux.resources: blockIO: leafWeight: cgroup v2 has none"},
        {"{\"hugepageLimits\":[{\"pageSize\":\"../2MB\",\"limit\":9}]}", &v1, ERR_INVALID,
            "...must be a number with KB, MB or GB"},
        {"{\"hugepageLimits\":[{\"pageSize\":\"2M\",\"limit\":9}]}", &v1, ERR_INVALID,
            "...must be a number with KB, MB or GB"},
        {"{\"network\":{\"classID\":1}}", &v2, ERR_UNSUPPORTED, "...needs the v1 controller net_cls"},
        {"{\"network\":{\"priorities\":[{\"name\":\"e\",\"priority\":1}]}}", &v2, ERR_UNSUPPORTED,
            "...needs the v1 controller net_prio"},
        {"{\"rdma\":{\"a b\":{\"hcaHandles\":3}}}", &v1, ERR_INVALID,
            "linux.resources: rdma.a b: not the name of a device"},
        {"{\"rdma\":[]}", &v1, ERR_INVALID, "...rdma: not an object"},
        {"{\"unified\":{\"../x\":\"1\"}}", &v2, ERR_INVALID,
            "...must be the name of a file, CONTROLLER.NAME"},
        {"{\"unified\":{\"memory\":\"1\"}}", &v2, ERR_INVALID,
            "...must be the name of a file, CONTROLLER.NAME"},
        {"{\"unified\":{\".max\":\"1\"}}", &v2, ERR_INVALID,
            "...must be the name of a file, CONTROLLER.NAME"},
        {"{\"unified\":{\"cgroup.procs\":\"1\"}}", &v2, ERR_INVALID,
            "linux.resources: unified: \"cgroup.procs\" is no limit"},
        {"{\"unified\":{\"memory.max\":\"1\"}}", &v1, ERR_INVALID,
            "...\"memory.max\": invalid configuration: the controller memory is not in a cgroup2 hierarchy "
            "here"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct resource_writes w;
        assert_error(plan(cases[i].resources, cases[i].host, &w), cases[i].kind, cases[i].text);
    }
}

static void test_weight(void **state)
{
    (void)state;
    static const int64_t cases[][2] = {{0, 0}, {1, 1}, {2, 1}, {3, 2}, {102, 17}, {512, 59}, {1024, 100},
        {2048, 174}, {262143, 10000}, {262144, 10000}, {1 << 30, 10000}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_int_equal(cgroup_weight(cases[i][0]), cases[i][1]);
}

static void test_lists(void **state)
{
    (void)state;
    assert_true(cgroups_lists("cpuset cpu io\n", "cpu"));
    assert_true(cgroups_lists("cpuset cpu io\n", "io"));
    assert_false(cgroups_lists("cpuset io\n", "cpu"));
    assert_false(cgroups_lists("\n", "cpu"));
    assert_false(cgroups_lists("", "cpu"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_versions),
        cmocka_unit_test(test_one_version),
        cmocka_unit_test(test_update_of_what_is_there),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_pids_of_older_versions),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_weight),
        cmocka_unit_test(test_lists),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
