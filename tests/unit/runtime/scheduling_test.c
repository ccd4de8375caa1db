/* How a process is run: scheduler, I/O priority, processors, memory nodes, execution domain. */
#include "lib/mem.h"
#include "runtime/process/scheduling.h"
#include "tests/unit/runtime/arena.h"
#include <linux/mempolicy.h>
#include <linux/sched.h>
#include <sys/personality.h>

/* text: members of process, or, from a '|' on, of linux. */
static struct err *plan(const char *text, struct scheduling *ret)
{
    const char *bar = strchr(text, '|');
    char *whole = arena_printf(a, "{\"ociVersion\":\"1.3.0\",\"process\":{%.*s},\"linux\":{%s}}",
        (int)(bar ? bar - text : (int)strlen(text)), text, bar ? bar + 1 : "");
    struct oci_config c;
    TRY(fields_parse(&oci_config_fields, a, whole, strlen(whole), &c));
    return scheduling_plan(c.process, c.linux_->memory_policy, c.linux_->personality, ret);
}

static void test_nothing(void **state)
{
    (void)state;
    struct scheduling s;
    assert_ok(plan("", &s));
    assert_false(s.has_attr || s.has_io_priority || s.has_memory_policy || s.has_personality);
    assert_ok(scheduling_apply(&s));
}

static void test_scheduler(void **state)
{
    (void)state;
    struct scheduling s;
    assert_ok(
        plan("\"scheduler\":{\"policy\":\"SCHED_DEADLINE\",\"runtime\":10,\"deadline\":20,\"period\":30,"
             "\"flags\":[\"SCHED_FLAG_RESET_ON_FORK\",\"SCHED_FLAG_RECLAIM\"]},"
             "\"ioPriority\":{\"class\":\"IOPRIO_CLASS_RT\",\"priority\":3}",
            &s));
    assert_int_equal(s.attr.policy, SCHED_DEADLINE);
    assert_int_equal(s.attr.flags, SCHED_FLAG_RESET_ON_FORK | SCHED_FLAG_RECLAIM);
    assert_int_equal(s.attr.runtime, 10);
    assert_int_equal(s.attr.deadline, 20);
    assert_int_equal(s.attr.period, 30);
    assert_int_equal(s.attr.size, 56);
    assert_int_equal(s.io_priority, 1 << 13 | 3);
    assert_ok(plan("\"scheduler\":{\"policy\":\"SCHED_FIFO\",\"priority\":7},\"ioPriority\":{\"class\":"
                   "\"IOPRIO_CLASS_IDLE\"}",
        &s));
    assert_int_equal(s.attr.priority, 7);
    assert_int_equal(s.io_priority, 3 << 13);
    assert_ok(plan("\"scheduler\":{\"policy\":\"SCHED_OTHER\",\"nice\":-20}", &s));
    assert_int_equal(s.attr.nice, -20);
}

static void test_memory_policy(void **state)
{
    (void)state;
    struct scheduling s;
    assert_ok(plan("|\"memoryPolicy\":{\"mode\":\"MPOL_BIND\",\"nodes\":\"0-1,65\","
                   "\"flags\":[\"MPOL_F_STATIC_NODES\",\"MPOL_F_NUMA_BALANCING\"]}",
        &s));
    assert_int_equal(s.memory_mode, MPOL_BIND | MPOL_F_STATIC_NODES | MPOL_F_NUMA_BALANCING);
    assert_int_equal(s.nodes[0], 3);
    assert_int_equal(s.nodes[1], 2);
    assert_ok(plan("|\"memoryPolicy\":{\"mode\":\"MPOL_LOCAL\"}", &s));
    assert_int_equal(s.memory_mode, MPOL_LOCAL);
    assert_ok(plan("|\"memoryPolicy\":{\"mode\":\"MPOL_WEIGHTED_INTERLEAVE\",\"nodes\":\"1023\"}", &s));
    assert_int_equal(s.memory_mode, 6);
    for (size_t i = 0; scheduling_memory_mode_name(i); i++) {
        const char *mode = scheduling_memory_mode_name(i);
        bool none = !strcmp(mode, "MPOL_DEFAULT") || !strcmp(mode, "MPOL_LOCAL");
        assert_ok(plan(
            arena_printf(a, "|\"memoryPolicy\":{\"mode\":\"%s\"%s}", mode, none ? "" : ",\"nodes\":\"0\""),
            &s));
    }
}

static void test_personality(void **state)
{
    (void)state;
    struct scheduling s;
    assert_ok(plan("|\"personality\":{\"domain\":\"LINUX32\"}", &s));
    assert_int_equal(s.personality, PER_LINUX32);
    assert_ok(plan("|\"personality\":{\"domain\":\"LINUX\"}", &s));
    assert_true(s.has_personality);
    assert_int_equal(s.personality, PER_LINUX);
}

static void test_cpus(void **state)
{
    (void)state;
    struct scheduling_cpus c;
    assert_ok(scheduling_parse_cpus(NULL, &c));
    assert_false(c.set);
    assert_ok(scheduling_parse_cpus("", &c));
    assert_false(c.set);
    assert_ok(scheduling_parse_cpus("0,2-4,64,8191", &c));
    assert_true(c.set);
    assert_int_equal(c.mask[0], 0x1d);
    assert_int_equal(c.mask[1], 1);
    assert_true(c.mask[127] == 1UL << 63);
    static const char *const bad[] = {
        "a", "1,", ",1", "1-", "3-1", "8192", "1-9999", "-1", "1 ", " 1", "99999999999999999999999", "1;2"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_error(scheduling_parse_cpus(bad[i], &c), ERR_INVALID, NULL);
    assert_error(scheduling_parse_cpus("0-x", &c), ERR_INVALID, "\"0-x\": a range must go up");
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"\"scheduler\":{\"policy\":\"SCHED_ODD\"}", "process.scheduler: policy: unknown \"SCHED_ODD\""},
        {"\"scheduler\":{\"policy\":\"SCHED_OTHER\",\"flags\":[\"ODD\"]}",
            "process.scheduler: flags[0]: unknown \"ODD\""},
        {"\"scheduler\":{\"policy\":\"SCHED_OTHER\",\"priority\":1}",
            "process.scheduler: priority: 1: only for SCHED_FIFO and SCHED_RR"},
        {"\"scheduler\":{\"policy\":\"SCHED_RR\",\"period\":1}",
            "process.scheduler: runtime, deadline, period: only for SCHED_DEADLINE"},
        {"\"ioPriority\":{\"class\":\"IOPRIO_CLASS_NONE\"}",
            "process.ioPriority: class: unknown \"IOPRIO_CLASS_NONE\""},
        {"|\"memoryPolicy\":{\"mode\":\"BIND\"}", "linux.memoryPolicy: mode: unknown \"BIND\""},
        {"|\"memoryPolicy\":{\"mode\":\"MPOL_BIND\"}",
            "linux.memoryPolicy: nodes: absent: MPOL_BIND needs them"},
        {"|\"memoryPolicy\":{\"mode\":\"MPOL_LOCAL\",\"nodes\":\"0\"}",
            "linux.memoryPolicy: nodes: \"0\": MPOL_LOCAL has none"},
        {"|\"memoryPolicy\":{\"mode\":\"MPOL_BIND\",\"nodes\":\"0-\"}",
            "linux.memoryPolicy: nodes: \"0-\": a range must go up"},
        {"|\"memoryPolicy\":{\"mode\":\"MPOL_BIND\",\"nodes\":\"0\",\"flags\":[\"MPOL_F_RELATIVE_NODES\","
         "\"MPOL_F_STATIC_NODES\"]}",
            "linux.memoryPolicy: flags: MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other"},
        {"|\"personality\":{\"domain\":\"BSD\"}", "linux.personality: domain: unknown \"BSD\""},
        {"|\"personality\":{\"domain\":\"LINUX\",\"flags\":[\"ADDR_NO_RANDOMIZE\"]}",
            "linux.personality: flags[0]: unknown \"ADDR_NO_RANDOMIZE\""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct scheduling s;
        assert_error(plan(cases[i][0], &s), ERR_INVALID, cases[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_scheduler),
        cmocka_unit_test(test_memory_policy),
        cmocka_unit_test(test_personality),
        cmocka_unit_test(test_cpus),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
