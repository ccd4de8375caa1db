/* What the options of exec make of a container's process: --user (CVE-2026-30892: "1" became 0), --process,
 * --env, --cap, --cgroup. */

#include "lib/mem.h"
#include "runtime/cgroup/subcgroups.h"
#include "runtime/process/process.h"
#include "runtime/verbs/exec_process.h"
#include "tests/unit/runtime/arena.h"

static void test_user(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t uid, gid; /* uid -1: refused */
    } table[] = {
        {"1", 1, 77},
        {"0", 0, 77},
        {"1:2", 1, 2},
        {"0:1", 0, 1},
        {"65535", 65535, 77},
        {"4294967294:4294967294", 4294967294, 4294967294},
        {":5", -1, 0},
        {"", -1, 0},
        {":", -1, 0},
        {"1:", -1, 0},
        {"a:1", -1, 0},
        {"1:a", -1, 0},
        {"1:1:1", -1, 0},
        {"root", -1, 0},
        {"1x", -1, 0},
        {"-1", -1, 0},
        {"+1", -1, 0},
        {" 1", -1, 0},
        {"1 ", -1, 0},
        {"0x1", -1, 0},
        {"1:-1", -1, 0},
        {"4294967295", -1, 0},
        {"4294967296", -1, 0},
        {"1:4294967295", -1, 0},
        {"18446744073709551617", -1, 0},
        {"99999999999999999999999999", -1, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        struct oci_user u = {.uid = {true, 66}, .gid = {true, 77}};
        struct err *e = exec_user(table[i].text, &u);
        if (table[i].uid < 0) {
            assert_error(e, ERR_INVALID, NULL);
            assert_int_equal(u.uid.v, 66); /* and nothing is changed */
            assert_int_equal(u.gid.v, 77);
            continue;
        }
        assert_ok(e);
        assert_int_equal(u.uid.v, table[i].uid);
        assert_int_equal(u.gid.v, table[i].gid);
    }
}

static const char *own_env[] = {"PATH=/bin", "A=1"};
static const char *own_caps[] = {"CAP_KILL"};

static struct oci_process *own(void)
{
    struct oci_process *p = arena_new_obj(a, struct oci_process);
    p->cwd = "/srv";
    p->env = (struct str_list){2, own_env};
    p->capabilities = arena_new_obj(a, struct oci_capabilities);
    p->capabilities->bounding = p->capabilities->inheritable = (struct str_list){1, own_caps};
    return p;
}

static void test_options(void **state)
{
    (void)state;
    const char *env[] = {"A=2", "B=x=y"}, *caps[] = {"CAP_SYS_NICE"}, *gids[] = {"7", "4294967294"};
    char *args[] = {"ls", "-l"};
    struct exec_options o = {
        .env = {2, env}, .caps = {1, caps}, .gids = {2, gids}, .user = "5", .cwd = "/tmp"};
    struct oci_process p;
    struct process_plan plan;
    assert_ok(exec_process(a, &o, own(), args, 2, &p));
    assert_int_equal(p.args.n, 2);
    assert_string_equal(p.cwd, "/tmp");
    assert_int_equal(p.user->uid.v, 5);
    assert_false(p.user->gid.set);
    assert_int_equal(p.user->additional_gids.v[1], 4294967294);
    assert_int_equal(p.capabilities->bounding.n, 2);
    assert_int_equal(p.capabilities->effective.n, 1);
    assert_int_equal(p.capabilities->inheritable.n, 1); /* as it was */
    assert_int_equal(p.capabilities->ambient.n, 0);
    assert_ok(process_plan(a, &p, &plan)); /* where the last of doubles counts */
    assert_int_equal(plan.n_env, 3);
    assert_string_equal(plan.envp[1], "A=2");
    assert_string_equal(plan.envp[2], "B=x=y");
    assert_null(plan.envp[3]);
}

static void test_refused(void **state)
{
    (void)state;
    const char *bad_cap[] = {"CAP_NONE"}, *bad_gid[] = {"-1"};
    char *args[] = {"ls"};
    struct oci_process p;
    struct exec_options o = {.caps = {1, bad_cap}};
    assert_error(
        exec_process(a, &o, own(), args, 1, &p), ERR_INVALID, "--cap: unknown capability \"CAP_NONE\"");
    o = (struct exec_options){.gids = {1, bad_gid}};
    assert_error(
        exec_process(a, &o, own(), args, 1, &p), ERR_INVALID, "--additional-gids: \"-1\": no group id");
    o = (struct exec_options){0};
    assert_error(exec_process(a, &o, own(), args, 0, &p), ERR_INVALID, "which command? (or --process FILE)");
}

static void parsed(const char **args, size_t n, struct subcgroup_list *l)
{
    assert_ok(subcgroups_parse(a, &(struct str_list){n, args}, l));
}

static void test_subcgroups(void **state)
{
    (void)state;
    struct subcgroup_list l;
    parsed(NULL, 0, &l);
    assert_int_equal(l.n, 0);
    parsed((const char *[]){"sub/deep"}, 1, &l);
    assert_int_equal(l.n, 1);
    assert_null(l.v[0].controller);
    parsed((const char *[]){"cpu,cpuacct:a", "memory:b"}, 2, &l);
    assert_int_equal(l.n, 3);
    assert_string_equal(l.v[1].controller, "cpuacct");
    assert_string_equal(l.v[1].path, "a");
    assert_string_equal(l.v[2].path, "b");
    static const struct {
        const char *args[2];
        size_t n;
    } bad[] = {{{"a:b:c"}, 1}, {{"a", "b"}, 2}, {{"cpu:a", "b"}, 2}, {{"cpu:a", "cpu:b"}, 2},
        {{"cpu,cpu:a"}, 1}, {{":a"}, 1}};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_error(subcgroups_parse(a, &(struct str_list){bad[i].n, (const char **)bad[i].args}, &l),
            ERR_INVALID, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_user, setup, teardown),
        cmocka_unit_test_setup_teardown(test_options, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_subcgroups, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
